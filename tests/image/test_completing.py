"""Palettes have exactly as many colours as were asked for."""

import numpy as np
import pytest

from clusterx.image import quantize, quantize_many
from clusterx.image.dithering import METHODS as DITHERS


def assert_exactly(found, k, keep=()):
    """The palette has k distinct colours, and those that were not to be kept have pixels."""
    colors = list(map(tuple, found.palette.tolist()))
    assert len(colors) == len(set(colors)) == k
    assert {color for color, n in zip(colors, found.counts, strict=True) if n == 0} <= set(keep)


def few_apart(channels=3, dtype=np.uint8):
    """Some 300 colours so near each other that many centres round to the same."""
    return np.random.default_rng(channels).integers(120, 127, (30, 30, channels)).astype(dtype)


@pytest.mark.parametrize("space", ["srgb", "linear", "lab", "oklab"])
@pytest.mark.parametrize("method", ["kmeans", "minibatch", "wu", "median-cut", "octree"])
def test_as_many_colors_as_asked_for(method, space):
    for image in (few_apart(), few_apart(dtype=np.uint16), few_apart(4), few_apart(1)):
        n_unique = quantize(image, 1).n_unique
        for k in {n_unique - 1, n_unique // 2}:
            found = quantize(image, k, method=method, space=space, random_state=0, max_iter=3)
            assert_exactly(found, k)
        found = quantize(image, n_unique + 3, method=method, space=space)
        assert_exactly(found, n_unique)
        assert (found.mse, found.n_iter) == (0, 0)


@pytest.mark.parametrize("init", ["k-means++", "maximin", "random", "wu", "median-cut", "octree"])
def test_as_many_colors_from_any_start(init):
    found = quantize(few_apart(), 200, init=init, space="lab", random_state=0, max_iter=3)
    assert_exactly(found, 200)


@pytest.mark.parametrize("method", ["kmeans", "median-cut", "octree"])
def test_as_many_colors_beside_weights_and_colors_kept(method):
    image, keep = few_apart(), [(123, 123, 123), (9, 9, 9)]
    parameters = {"method": method, "space": "lab", "random_state": 0, "max_iter": 3}
    found = quantize(image, 200, keep=np.array(keep), **parameters)
    assert_exactly(found, 200, keep)
    assert_exactly(quantize(image, 200, min_share=0.01, **parameters), 200)
    importance = np.random.default_rng(0).uniform(0.1, 1.0, image.shape[:2])
    assert_exactly(quantize(image, 200, importance=importance, **parameters), 200)


def test_a_color_kept_is_in_the_palette_once():
    # the mean of the other three rounds to it, too
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.uint8) + 100
    assert_exactly(quantize(corners[None], 2, keep=corners[:1], random_state=0), 2)


def test_colors_are_added_without_invisible_ones():
    image = few_apart(4)
    image[..., 3] = 255
    image[:5, :, 3] = 0
    found = quantize(image, 200, space="lab", random_state=0, max_iter=3)
    assert_exactly(found, 200)
    assert (found.palette[1:, 3] > 0).all()
    assert found.palette[0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("dither", DITHERS)
def test_images_of_few_colors_lose_nothing_to_dithering(dither):
    for image in (few_apart(1, np.uint16), few_apart(3, np.uint16), few_apart(4)):
        n_unique = quantize(image, 1).n_unique
        found = quantize(image, n_unique, dither=dither)
        assert_exactly(found, n_unique)
        np.testing.assert_array_equal(found.image.reshape(image.shape), image)
        for part in quantize_many([image[:9], image[9:]], n_unique, dither=dither):
            assert part.mse == 0
