"""Segmentation by colour, with places, and with small regions merged."""

import numpy as np
import pytest

from clusterx.image import quantize, segment_colors
from clusterx.image.regions import merge_small_regions, regions


def patches(seed=0):
    """Left dark, right light, a light square in the dark half, and noise of single pixels."""
    rng = np.random.default_rng(seed)
    image = np.full((30, 40, 3), 40, np.uint8)
    image[:, 20:] = 200
    image[10:16, 5:11] = 210, 190, 200
    spots = rng.integers(0, 30, 25), rng.integers(0, 40, 25)
    image[spots] = 255 - image[spots]
    return image


def test_labels_are_those_of_the_nearest_colors():
    image = patches()
    found = segment_colors(image, 3, random_state=0)
    result = quantize(image, 3, random_state=0)
    np.testing.assert_array_equal(found.labels, result.indices)
    assert found.labels.dtype == np.int32
    for label in range(3):
        mine = found.labels == label
        assert found.counts[label] == mine.sum()
        np.testing.assert_allclose(found.colors[label], image[mine].mean(axis=0), atol=0.5)
    np.testing.assert_array_equal(found.image, found.colors[found.labels])
    assert (np.diff(found.colors.sum(axis=1)) > 0).all()


def test_small_regions_join_their_neighbours():
    found = segment_colors(patches(), 2, min_size=5, random_state=0)
    n, _ = regions(found.labels)
    assert n == 3
    whole = segment_colors(patches(), 2, min_size=50, random_state=0)
    assert regions(whole.labels)[0] == 2
    one = segment_colors(patches(), 2, min_size=10_000, random_state=0)
    assert one.counts.tolist() == [1200]


def test_a_small_region_joins_the_most_similar():
    labels = np.array([[0, 0, 0, 1, 2, 2, 2]])
    means = np.array([[0.0], [7.0], [10.0]])
    assert merge_small_regions(labels, means, 2).tolist() == [[0, 0, 0, 2, 2, 2, 2]]
    means[1] = 3
    assert merge_small_regions(labels, means, 2).tolist() == [[0, 0, 0, 0, 2, 2, 2]]


@pytest.mark.parametrize("min_size", [2, 3, 7, 100])
def test_no_small_region_is_left(min_size):
    labels = np.random.default_rng(0).integers(0, 4, (23, 17))
    merged = merge_small_regions(labels, np.arange(4.0)[:, None], min_size)
    n, found = regions(merged)
    assert n == 1 or np.bincount(found.ravel()).min() >= min_size


def test_regions_are_joined_by_sides():
    assert regions(np.eye(3, dtype=int))[0] == 5
    assert regions(np.zeros((1, 1), int))[0] == 1


def test_places_make_segments_compact():
    """Two squares of one colour are two segments once their places count."""
    image = np.zeros((20, 60), np.uint8)
    image[:, :15] = image[:, 45:] = 250
    plain = segment_colors(image, 3, random_state=0)
    assert len(plain.colors) == 2
    found = segment_colors(image, 3, spatial_weight=4, random_state=0)
    assert found.labels[0, 0] != found.labels[0, -1]
    assert regions(found.labels)[0] == 3


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("weight", [0, 0.5])
def test_kinds_of_images(channels, weight):
    image = np.random.default_rng(0).integers(0, 256, (9, 12, channels)).astype(np.uint16)
    found = segment_colors(image, 4, spatial_weight=weight, min_size=3, random_state=0)
    assert found.image.shape == image.shape
    assert found.image.dtype == np.uint16
    assert found.counts.sum() == 108


@pytest.mark.smoke
def test_on_a_device(xp):
    image = patches()
    wanted = segment_colors(image, 3, spatial_weight=1, min_size=4, random_state=0)
    found = segment_colors(
        xp.asarray(image), 3, spatial_weight=1, min_size=4, random_state=0
    )  # fmt: skip
    assert all(xp.owns(part) for part in (found.labels, found.colors, found.counts, found.image))
    np.testing.assert_array_equal(xp.to_host(found.labels), wanted.labels)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"spatial_weight": -1}, "spatial_weight must be"),
        ({"spatial_weight": "much"}, "spatial_weight must be"),
        ({"min_size": 0}, "min_size must be"),
        ({"min_size": 2.5}, "min_size must be"),
        ({"n_colors": 0}, "n_colors must be"),
    ],
)
def test_wrong_parameters_are_refused(parameters, match):
    with pytest.raises(ValueError, match=match):
        segment_colors(patches(), **parameters)
