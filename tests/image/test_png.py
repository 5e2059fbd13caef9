"""Colour space and density of a file are in the PNG that is written."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from clusterx.image import ColorQuantizer, load, quantize
from clusterx.image.png import display_chunks
from tests.image.made_files import chunk, encoded, tiff, turn, with_chunks

COLOR = (np.arange(4 * 6 * 3) * 3).astype(np.uint8).reshape(4, 6, 3)
GAMMA = (b"gAMA", struct.pack(">I", 100_000))
PRIMARIES = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
SRGB = (b"sRGB", b"\1")
PQ = (b"cICP", bytes([9, 16, 0, 1]))
LIGHT = (b"cLLI", struct.pack(">II", 10_000_000, 2_000_000))
DENSITY = (b"pHYs", struct.pack(">IIB", 11811, 5906, 1))
ASPECT = (b"pHYs", struct.pack(">IIB", 4, 3, 0))


def written(source):
    """The chunks of the PNG that is written, and PIL's view of it."""
    data = bytes(quantize(source, 4).to_png())
    chunks, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # checks the checksums
    return chunks


@pytest.mark.parametrize("pixels", [COLOR, COLOR[..., 0], np.dstack([COLOR, COLOR[..., :1]])])
def test_chunks_of_a_png_are_kept(pixels):
    wanted = [GAMMA, PRIMARIES, SRGB, PQ, LIGHT, DENSITY]
    png = with_chunks(encoded(Image.fromarray(pixels)), *(chunk(*one) for one in wanted))
    chunks = written(io.BytesIO(png))
    kinds = [kind for kind, _ in chunks]
    assert set(wanted) <= set(chunks)
    assert kinds[0] == b"IHDR"
    assert max(kinds.index(kind) for kind, _ in wanted) < kinds.index(b"PLTE")
    with Image.open(io.BytesIO(png)) as image:  # not yet decoded
        assert set(wanted) <= set(written(image))
        image.load()
        assert {GAMMA, PRIMARIES, SRGB, DENSITY} <= set(written(image))


def test_a_profile_takes_the_place_of_srgb():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    png = with_chunks(encoded(Image.fromarray(COLOR)), chunk(*SRGB), chunk(*GAMMA))
    with Image.open(io.BytesIO(png)) as image:
        both = encoded(image, icc_profile=profile, pnginfo=_info(SRGB, GAMMA))
    both = with_chunks(both, chunk(*SRGB))
    kinds = [kind for kind, _ in written(io.BytesIO(both))]
    assert kinds.count(b"iCCP") == kinds.count(b"gAMA") == 1
    assert b"sRGB" not in kinds


def _info(*chunks):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for kind, data in chunks:
        info.add(kind, data)
    return info


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"dpi": (300, 150)}),
        ("TIFF", {"dpi": (300, 150)}),
        ("TIFF", {"dpi": (300, 150), "compression": "tiff_lzw"}),
        ("BMP", {"dpi": (300, 150)}),
    ],
)
def test_density_of_other_formats(kind, options):
    file = encoded(Image.fromarray(COLOR), kind, **options)
    assert DENSITY in written(io.BytesIO(file))


def test_density_turns_with_the_image():
    exif = Image.Exif()
    exif[0x0112] = 6
    file = encoded(Image.fromarray(COLOR), "JPEG", dpi=(300, 150), exif=exif)
    assert (b"pHYs", struct.pack(">IIB", 5906, 11811, 1)) in written(io.BytesIO(file))


def test_the_shape_of_pixels_is_kept():
    png = with_chunks(encoded(Image.fromarray(COLOR)), chunk(*ASPECT))
    assert ASPECT in written(io.BytesIO(png))
    jpeg = bytearray(encoded(Image.fromarray(COLOR), "JPEG"))
    jpeg[13:18] = struct.pack(">BHH", 0, 4, 3)
    assert ASPECT in written(io.BytesIO(jpeg))


@pytest.mark.parametrize(
    "info",
    [
        {"gamma": 0.0},
        {"gamma": "linear"},
        {"gamma": None, "chromaticity": (0.3, 0.3)},
        {"chromaticity": (-1,) * 8, "srgb": 7},
        {"dpi": (0, 72)},
        {"dpi": (float("nan"), 72)},
        {"dpi": (float("inf"), 72)},
        {"dpi": 72},
        {"dpi": (1e12, 1e12)},
        {"dpi": (72,)},
        {"dpi": ("a", "b")},
    ],
)
def test_odd_values_are_left_out(info):
    assert display_chunks(info, sideways=False) == ()


def test_a_tiff_without_a_density_has_none():
    zero = (282, 5, 1, bytes(8)), (283, 5, 1, bytes(8)), (296, 3, 1, b"\2\0")
    for entries in ((), zero, (turn(6), *zero)):
        kinds = [kind for kind, _ in written(io.BytesIO(tiff(COLOR, *entries)))]
        assert b"pHYs" not in kinds


def test_arrays_and_other_results_have_no_chunks():
    assert {kind for kind, _ in written(COLOR)} == {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
    png = io.BytesIO(with_chunks(encoded(Image.fromarray(COLOR)), chunk(*GAMMA)))
    assert load(png).chunks == (GAMMA,)
    assert ColorQuantizer(2).fit(png).palette_.shape == (2, 3)
