"""Pictures that are intact, with metadata that Pillow refuses."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from clusterx.image import UnreadableImageError, load
from tests.image.made_files import chunk, encoded, with_chunks

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
PNG = encoded(Image.fromarray(PIXELS))
LONG = zlib.compress(bytes(2_000_000))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (b"pHYs", bytes(9)),
        (b"iCCP", b"x\0\0" + zlib.compress(b"profile")),
        (b"gAMA", bytes(4)),
        (b"tEXt", b"a\0b"),
        (b"eXIf", b"II*\0"),
    ],
)
def test_damaged_metadata_of_a_png_is_left_out(kind, data):
    for odd in (chunk(kind, data, damaged=True), chunk(kind, data[:2])):
        np.testing.assert_array_equal(load(io.BytesIO(with_chunks(PNG, odd))).pixels, PIXELS)


def test_long_text_of_a_png_does_not_matter(tmp_path):
    text = chunk(b"zTXt", b"a\0\0" + LONG)
    for file in (with_chunks(PNG, text), PNG[:-12] + text + PNG[-12:]):
        path = tmp_path / "a.png"
        path.write_bytes(file)
        np.testing.assert_array_equal(load(path).pixels, PIXELS)


def test_a_long_profile_is_kept():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + bytes(2_000_000)
    file = with_chunks(PNG, chunk(b"iCCP", b"x\0\0" + zlib.compress(profile)))
    assert load(io.BytesIO(file)).icc_profile == profile


def test_what_belongs_to_the_picture_is_not_left_out():
    key = chunk(b"tRNS", struct.pack(">HHH", *PIXELS[0, 0].tolist()), damaged=True)
    pixels = bytearray(PNG)
    pixels[-40] ^= 1
    for file in (with_chunks(PNG, key), bytes(pixels)):
        with pytest.raises(UnreadableImageError):
            load(io.BytesIO(file))
