"""Orientation: read from odd EXIF, never a reason to refuse an intact picture."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from clusterx.image import load, quantize
from clusterx.image.orientation import turned
from tests.image.made_files import ORIENTATION, directory, encoded, tiff, turn, with_exif

PIXELS = (np.arange(5 * 7 * 3) * 2 % 251).astype(np.uint8).reshape(5, 7, 3)
UNIT = (0x0128, 3, 1, b"\2\0")
RESOLUTION, MAKE, EXIF, INTEROPERABILITY = 0x011A, 0x010F, 0x8769, 0xA005
NOWHERE = struct.pack("<I", 2**31)

#: EXIF, and the orientation that can be read in it
ODD = {
    "no TIFF header": (b"no TIFF header here", 1),
    "empty": (b"", 1),
    "a directory beyond the end": (b"II*\0\xff\xff\xff\x7f", 1),
    "cut before the tag": (directory(turn(6))[:12], 1),
    "cut in a later value": (directory(turn(6), (RESOLUTION, 5, 1, bytes(8)))[:-4], 6),
    "a value beyond the end": (directory(turn(3), (MAKE, 2, 2**31, NOWHERE)), 3),
    "0/0": (directory(turn(8), UNIT, (RESOLUTION, 5, 1, bytes(8))), 8),
    "-1/0": (directory(turn(6), (RESOLUTION, 10, 1, struct.pack("<ii", -1, 0))), 6),
    "a resolution of one letter": (directory(turn(5), UNIT, (RESOLUTION, 2, 1, b"7")), 5),
    "a resolution of one byte": (directory(turn(7), UNIT, (RESOLUTION, 7, 1, b"\7")), 7),
    "cycles": (directory(turn(2), (EXIF, 4, 1, struct.pack("<I", 8)), following=8), 2),
    "big-endian": (directory(turn(6, ">"), order=">"), 6),
    "a long": (directory((ORIENTATION, 4, 1, struct.pack("<I", 6))), 6),
    "text": (directory((ORIENTATION, 2, 2, b"6\0")), 1),
    "0": (directory(turn(0)), 1),
    "9": (directory(turn(9)), 1),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_exif_does_not_matter(name):
    exif, orientation = ODD[name]
    for kind in ("PNG", "WEBP", "JPEG"):
        file = with_exif(PIXELS, kind, exif)
        expected = turned(load(io.BytesIO(with_exif(PIXELS, kind, b""))).pixels, orientation)
        np.testing.assert_array_equal(load(io.BytesIO(file)).pixels, expected)


@pytest.mark.parametrize(
    "entry",
    [
        (RESOLUTION, 5, 1, bytes(8)),
        (EXIF, 9, 1, struct.pack("<i", -8)),  # a negative place
        (INTEROPERABILITY, 4, 1, b"\x08\0\0\0"),  # without EXIF, in which it belongs
        (EXIF, 2, 2, b"x\0"),
        (700, 3, 1, b"\7\0"),  # XMP of the wrong type
        (34675, 4, 1, b"\7\0\0\0"),  # a colour profile of the wrong type
    ],
)
def test_odd_tags_of_a_tiff_do_not_matter(entry, tmp_path):
    grey = PIXELS[..., 0].astype(np.uint16) * 257
    for pixels, deflate in ((PIXELS, False), (PIXELS, True), (grey, False)):
        path = tmp_path / "a.tif"
        path.write_bytes(tiff(pixels, turn(6), entry, deflate=deflate))
        for source in (path, io.BytesIO(path.read_bytes())):
            np.testing.assert_array_equal(load(source).pixels, turned(pixels, 6))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(orientation, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    for kind in ("PNG", "TIFF"):
        path = tmp_path / f"a.{kind}"
        Image.fromarray(PIXELS[..., 0]).save(path, exif=exif)  # mapped into memory, if a TIFF
        np.testing.assert_array_equal(load(path).pixels, turned(PIXELS[..., 0], orientation))
        with Image.open(path) as image:
            picture = quantize(image, 256).image
        np.testing.assert_array_equal(picture, turned(PIXELS[..., 0], orientation))
    # the first row and column on the screen, as the EXIF standard has them
    corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (-1, 0), 7: (-1, -1)}
    first = turned(PIXELS, orientation)[0, 0]
    np.testing.assert_array_equal(first, PIXELS[corner.get(orientation, (0, -1))])


def test_a_tiff_that_is_decoded_is_not_turned_again():
    image = Image.open(io.BytesIO(tiff(PIXELS, turn(6))))
    image.load()
    np.testing.assert_array_equal(quantize(image, 256).image, turned(PIXELS, 6))


def test_orientation_from_xmp_and_text():
    image = Image.fromarray(PIXELS)
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    exif = b"Exif\0\0" + directory(turn(6))
    text = f"\nexif\n{len(exif):8}\n{exif.hex()}\n"
    named = Image.Exif()
    named[ORIENTATION] = 9  # no orientation, so that XMP counts
    for file in (
        encoded(image, "WEBP", lossless=True, xmp=xmp, exif=named),
        encoded(image, pnginfo=_text("XML:com.adobe.xmp", xmp.decode())),
        encoded(image, pnginfo=_text("Raw profile type exif", text)),
    ):
        np.testing.assert_array_equal(load(io.BytesIO(file)).pixels, turned(PIXELS, 6))


def _text(name, value):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt(name, value) if name.startswith("XML") else info.add_text(name, value)
    return info
