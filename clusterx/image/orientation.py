"""Which way up an image is: the orientation that EXIF or XMP gives."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

_TAG = 0x0112
_TYPES = {1: "B", 3: "H", 4: "I"}  # EXIF wants type 3, SHORT; some writers use the others
_XMP = re.compile(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])\s*[\"'<]")

_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


def orientation(image: Image.Image) -> int:
    """The orientation of a decoded image as in EXIF, 1 to 8; 1 (upright) if none can be read.

    Pillow is not asked: it parses all of EXIF for this one tag, and raises if any of it is odd.
    """
    found = (value for value in _candidates(image) if value is not None and 1 <= value <= 8)
    return next(found, 1)


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels turned upright."""
    turn = _TURNS.get(orientation)
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))


def _candidates(image: Image.Image) -> Iterator[int | None]:
    """Orientations found in the image, the one that takes precedence first."""
    info: dict[Any, Any] = image.info
    if hasattr(image, "tag_v2"):  # a TIFF, whose own tags are its EXIF
        value = image.tag_v2.get(_TAG)
        yield value if isinstance(value, int) else None
    elif isinstance(info.get("exif"), bytes):
        yield orientation_of_exif(info["exif"])
    elif isinstance(info.get("Raw profile type exif"), str):
        yield orientation_of_exif(_raw_profile(info["Raw profile type exif"]))
    for name in ("XML:com.adobe.xmp", "xmp"):
        xmp = info.get(name)
        yield _of_xmp(xmp.encode() if isinstance(xmp, str) else xmp)


def orientation_of_exif(exif: bytes) -> int | None:
    """The orientation in EXIF's first directory; None where none can be read."""
    while exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, place)
            if tag == _TAG:
                return struct.unpack_from(order + _TYPES[kind], exif, place + 8)[0]
    except (struct.error, KeyError):  # truncated, or not a number
        return None
    return None


def _raw_profile(text: str) -> bytes:
    """The bytes of ImageMagick's text chunk: lines of a name and a length, then hexadecimal."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


def _of_xmp(xmp: Any) -> int | None:
    found = _XMP.search(xmp) if isinstance(xmp, bytes) else None
    return int(found[1]) if found else None
