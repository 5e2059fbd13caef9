"""Transparent colours of PNG and GIF: invisible at every depth, exact at sixteen bits."""

import io

import numpy as np
import pytest
from PIL import Image

from clusterx.image import load, quantize
from tests.image.made_files import chunk, encoded, png


def key_of(values):
    return chunk(b"tRNS", np.asarray(values, dtype=">u2").tobytes())


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey(bits):
    peak = 2**bits - 1
    values = np.array([[0, peak, peak // 2], [peak, 0, peak]])[..., None]
    file = png(values, bits, 0, key_of([peak // 2]))
    pixels = load(io.BytesIO(file)).pixels
    full = 65535 if bits == 16 else 255
    hidden = values[..., 0] == peak // 2
    assert pixels.dtype == (np.uint16 if bits == 16 else np.uint8)
    np.testing.assert_array_equal(pixels[..., 3], np.where(hidden, 0, full))
    np.testing.assert_array_equal(pixels[..., 1], values[..., 0] * (full // peak))
    shown = len(np.unique(values[~hidden]))
    assert len(quantize(io.BytesIO(file), 8).palette) == shown + 1
    with Image.open(io.BytesIO(file)) as image:
        np.testing.assert_array_equal(quantize(image, 8).image[..., 3], pixels[..., 3])


@pytest.mark.filterwarnings("ignore:.*8 of the file's 16 bits")
def test_a_transparent_color_of_sixteen_bits_is_compared_with_all_of_them():
    values = np.array([[[0x1234, 0x5678, 0x9ABC], [0x1234, 0x5678, 0x9ABD], [0, 0, 0]]])
    file = png(values, 16, 2, key_of(values[0, 0]))
    pixels = load(io.BytesIO(file)).pixels
    assert pixels[..., 3].tolist() == [[0, 255, 255]]
    np.testing.assert_array_equal(pixels[..., :3], values >> 8)
    # what Pillow has decoded has lost the lower bits
    with Image.open(io.BytesIO(file)) as image:
        image.load()
        assert quantize(image, 8).image[..., 3].tolist() == [[0, 0, 255]]


def test_a_transparent_color_of_eight_bits():
    values = np.arange(12).reshape(2, 2, 3)
    pixels = load(io.BytesIO(png(values, 8, 2, key_of([3, 4, 5])))).pixels
    np.testing.assert_array_equal(pixels[..., :3], values)
    assert pixels[..., 3].tolist() == [[255, 0], [255, 255]]


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_transparent_entries_of_a_palette(bits):
    values = np.array([[0, 1, 1, 0]])[..., None]
    palette = chunk(b"PLTE", bytes([9, 8, 7, 6, 5, 4]))
    for alpha, rest in ((b"\0", 255), (b"\xff\0", 0), (b"\x80\x40", 64)):
        pixels = load(io.BytesIO(png(values, bits, 3, palette, chunk(b"tRNS", alpha)))).pixels
        assert pixels[0, 0].tolist() == [9, 8, 7, alpha[0]]
        assert pixels[0, 1].tolist() == [6, 5, 4, rest]


def test_grey_with_alpha():
    pixels = load(io.BytesIO(png(np.array([[[7, 0], [9, 200]]]), 8, 4))).pixels
    assert pixels.tolist() == [[[7, 7, 7, 0], [9, 9, 9, 200]]]


@pytest.mark.parametrize("grey", [True, False])
def test_a_transparent_color_of_a_gif(grey):
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(256, 3)
    image = Image.fromarray(np.array([[5, 6, 7, 5]], dtype=np.uint8))
    image.putpalette((ramp if grey else 255 - ramp).tobytes())
    file = encoded(image, "GIF", transparency=6, optimize=False)
    assert load(io.BytesIO(file)).pixels[..., 3].tolist() == [[255, 0, 255, 255]]
