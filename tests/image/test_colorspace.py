"""Colour spaces: the values of coloraide, the way back, and every library's own arrays."""

import numpy as np
import pytest
from coloraide import Color

from clusterx.image.colorspace import SPACES, convert

#: their names in coloraide
NAMES = {"srgb": "srgb", "linear": "srgb-linear", "lab": "lab-d65", "oklab": "oklab"}


def some_colors():
    """Corners of the cube, greys near both ends, and random colours."""
    corners = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0]), axis=-1).reshape(-1, 3)
    greys = np.array([0.001, 0.0031308, 0.04, 0.04045, 0.041, 0.5, 0.999])
    rng = np.random.default_rng(0)
    return np.concatenate([corners, np.repeat(greys[:, None], 3, axis=1), rng.random((30, 3))])


@pytest.mark.parametrize("space", ["linear", "lab", "oklab"])
def test_conversions_agree_with_coloraide(space):
    colors = some_colors()
    theirs = [Color("srgb", list(color)).convert(NAMES[space]).coords() for color in colors]
    np.testing.assert_allclose(convert(colors, "srgb", space), theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("source", SPACES)
@pytest.mark.parametrize("target", SPACES)
def test_there_and_back(source, target):
    colors = convert(some_colors(), "srgb", source)
    back = convert(convert(colors, source, target), target, source)
    # the cube root of what rounding makes of zero is 1e-5; the two parts of sRGB don't quite meet
    np.testing.assert_allclose(back, colors, rtol=1e-6, atol=2e-5)


def test_colors_outside_srgb_come_back():
    oklab = np.array([[0.7, 0.35, -0.2], [0.3, -0.3, 0.2]])
    linear = convert(oklab, "oklab", "linear")
    assert linear.min() < 0
    np.testing.assert_allclose(convert(linear, "linear", "oklab"), oklab, atol=1e-12)
    np.testing.assert_allclose(
        convert(convert(linear, "linear", "srgb"), "srgb", "linear"), linear, atol=1e-12
    )


@pytest.mark.smoke
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_any_library(xp, dtype):
    colors = some_colors().astype(dtype)
    for target in SPACES:
        found = convert(xp.asarray(colors), "srgb", target)
        assert xp.owns(found)
        np.testing.assert_allclose(
            xp.to_host(found), convert(colors.astype(np.float64), "srgb", target),
            atol=1e-10 if dtype is np.float64 else 2e-4,
        )  # fmt: skip
        assert xp.to_host(found).dtype == dtype


def test_images_keep_their_shape():
    image = np.random.default_rng(0).random((4, 5, 3))
    found = convert(image, "srgb", "oklab")
    np.testing.assert_array_equal(found[2, 3], convert(image[2, 3], "srgb", "oklab"))


def test_wrong_spaces_and_shapes_are_refused():
    with pytest.raises(ValueError, match=r"target must be one of 'srgb', 'linear', .*'hsv'"):
        convert(np.zeros((2, 3)), "srgb", "hsv")
    with pytest.raises(ValueError, match=r"shape \(2, 4\)"):
        convert(np.zeros((2, 4)), "srgb", "lab")
