"""Dithering of images: what it keeps, on which devices, and what is refused."""

import numpy as np
import pytest

from clusterx.image import Dither, quantize, quantize_many, remap
from clusterx.image.colorspace import convert
from clusterx.image.dithering import DIFFUSED, METHODS, ORDERED, dithered
from clusterx.image.pixels import WHITES
from clusterx.image.thresholds import bayer, blue_noise

ACTIVE = METHODS[1:]
BLACK_WHITE = ["#000000", "#ffffff"]


#: kinds of images, and the space where they are dithered
KINDS = [
    (1, np.uint8, "linear"), (3, np.uint8, "linear"), (3, np.uint16, "linear"),
    (4, np.uint8, "srgb"), (1, np.uint8, "oklab"), (3, np.uint16, "oklab"), (4, np.uint8, "lab"),
]  # fmt: skip


@pytest.mark.parametrize("method", ACTIVE)
@pytest.mark.parametrize(("channels", "dtype", "space"), KINDS)
def test_a_field_of_grey_keeps_its_brightness(method, channels, dtype, space):
    """Of grey 188, as much becomes white as it has of white's light or lightness."""
    scale = np.iinfo(dtype).max // 255
    field = np.full((64, 64, channels), 188 * scale, dtype)
    if channels == 4:
        field[..., 3] = 255
    found = remap(field, BLACK_WHITE, dither=Dither(method, space=space))
    share = found.counts[1] / field[..., 0].size
    grey = convert(np.full((1, 3), 188 / 255), "srgb", space)[0, 0]
    # Atkinson loses a quarter of the error, and Riemersma's fades
    away = 0.15 if method in ("atkinson", "riemersma") else 0.02
    assert share == pytest.approx(grey / WHITES.get(space, 1), abs=away)


@pytest.mark.parametrize("method", ACTIVE)
@pytest.mark.parametrize(("channels", "dtype", "space"), KINDS)
def test_colors_of_the_palette_stay(method, channels, dtype, space):
    rng = np.random.default_rng(0)
    palette = rng.integers(0, np.iinfo(dtype).max, (6, channels)).astype(dtype)
    indices = rng.integers(0, 6, (13, 17))
    found = dithered(palette[indices], palette, Dither(method, space=space))
    np.testing.assert_array_equal(found, indices)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("method", ACTIVE)
def test_colors_beyond_the_palette_do_not_smear(method):
    """Red, which greys cannot make, beside a grey of the palette: that stays as it is."""
    image = np.zeros((24, 40, 3), np.uint8)
    image[:, :20] = 255, 0, 0
    image[:, 20:] = 128
    greys = np.repeat(np.arange(0, 256, 64).astype(np.uint8)[:, None], 3, axis=1)
    found = remap(image, greys, dither=method).image[:, 24:]
    off = np.abs(found.astype(int) - 128).max(axis=2)
    assert (off > 64).sum() == 0
    assert (off > 0).mean() < 0.05


@pytest.mark.parametrize("method", ACTIVE)
def test_no_strength_is_no_dithering(method):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    palette = image[0, :9]
    plain = remap(image, palette)
    same = remap(image, palette, dither=Dither(method, strength=0))
    np.testing.assert_array_equal(same.indices, plain.indices)
    half = remap(image, palette, dither=Dither(method, strength=0.5))
    full = remap(image, palette, dither=method)
    assert plain.mse < half.mse < full.mse


def test_invisible_pixels_get_the_invisible_entry():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (30, 30, 4)).astype(np.uint8)
    image[:, :15, 3], image[:10, 15:, 3] = 0, 255
    palette = np.array([[0, 0, 0, 0], [0, 0, 0, 255], [255] * 4, [200, 50, 50, 120]], np.uint8)
    for method in ACTIVE:
        space = "oklab" if method in ("atkinson", "bayer") else "linear"
        found = remap(image, palette, dither=Dither(method, space=space))
        assert (found.indices[:, :15] == 0).all()
        assert (found.indices[:10, 15:] > 0).all()
        assert found.counts.sum() == 900


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_error_is_that_of_the_pixels(channels):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (30, 20, channels)).astype(np.uint8)
    if channels == 4:
        image[..., 3] = 255
    found = remap(image, image[0, :5], dither="floyd-steinberg")
    error = ((found.image.astype(int) - image) ** 2).sum()
    assert found.mse == pytest.approx(error / image.size, rel=1e-6)
    np.testing.assert_array_equal(found.counts, np.bincount(found.indices.ravel(), minlength=5))


@pytest.mark.smoke
@pytest.mark.parametrize("method", ["none", "floyd-steinberg", "riemersma", "bayer"])
@pytest.mark.parametrize("space", ["linear", "lab"])
def test_on_a_device(xp, method, space):
    image = np.random.default_rng(0).integers(0, 256, (11, 13, 3)).astype(np.uint8)
    dither = Dither(method, space=space)
    wanted = remap(image, image[0, :5], dither=dither)
    found = remap(xp.asarray(image), image[0, :5], dither=dither)
    assert all(xp.owns(part) for part in (found.indices, found.palette, found.counts))
    same = xp.to_host(found.indices) == wanted.indices
    # powers of float32 differ by a bit
    exact = method not in ORDERED and space == "linear"
    assert same.all() if exact else same.mean() > 0.97


@pytest.mark.parametrize("space", ["srgb", "oklab"])
def test_quantize_dithers_with_its_palette(space):
    images = [
        np.random.default_rng(i).integers(0, 256, (20, 30, 3)).astype(np.uint8) for i in (0, 1)
    ]
    plain = quantize(images[0], 5, space=space, random_state=0)
    wanted = remap(images[0], plain, dither=Dither("atkinson", 0.5, space=space))
    found = quantize(images[0], 5, space=space, dither="atkinson", random_state=0)
    np.testing.assert_array_equal(found.indices, wanted.indices)
    assert found.mse == pytest.approx(wanted.mse)
    assert "dither" in found.seconds
    results = quantize_many(images, 5, dither="bayer", random_state=0)
    for image, result in zip(images, results, strict=True):
        again = remap(image, result.palette, dither=Dither("bayer", 0.5, space="srgb"))
        np.testing.assert_array_equal(result.indices, again.indices)
        np.testing.assert_array_equal(result.counts, again.counts)


def test_thresholds_are_all_there():
    for tile in (bayer(8), blue_noise(16), blue_noise()):
        n = tile.size
        np.testing.assert_allclose(np.sort(tile, axis=None), (np.arange(n) + 0.5) / n)
    np.testing.assert_array_equal(16 * bayer(4)[0] - 0.5, [0, 8, 2, 10])


def test_blue_noise_lacks_low_frequencies():
    power = np.abs(np.fft.fft2(blue_noise() - 0.5)) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    low, high = ((frequency > 0) & (frequency < 0.15)), frequency > 0.3
    assert power[low].mean() < power[high].mean() / 50


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Dither("floyd"), ValueError, "must be one of 'none', 'floyd-steinberg'"),
        (lambda: Dither(strength=1.5), ValueError, "strength must be a number from 0 to 1"),
        (lambda: Dither(strength="full"), ValueError, "strength must be"),
        (lambda: Dither(space="hsv"), ValueError, "space must be one of 'srgb', 'linear'"),
        (lambda: remap(np.zeros((2, 2), np.uint8), ["#fff"], dither=3), TypeError, "name of a"),
    ],
)
def test_wrong_parameters_are_refused(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_every_method_is_one_of_the_two_kinds():
    assert {*DIFFUSED, *ORDERED, "none"} == {*METHODS}
