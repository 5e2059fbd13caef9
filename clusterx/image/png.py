"""PNG chunks that say how pixels are to be shown."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .picture import Chunks

if TYPE_CHECKING:
    from PIL import Image

_SIGNATURE_AND_HEADER = 8 + 25  # bytes before the second chunk
_HDR = (b"cICP", b"mDCV", b"cLLI")
_COLOR_SPACE = (b"gAMA", b"cHRM", b"sRGB", *_HDR)


def display_chunks(info: Mapping[Any, Any], *, sideways: bool) -> Chunks:
    """Colour space and density in Pillow's `info` as PNG chunks; odd values are left out.

    Parameters
    ----------
    info : mapping
        `info` of a PIL image of any format.
    sideways : bool
        Whether rows have become columns, so that the densities change places.
    """
    found = {
        b"gAMA": _numbers([info.get("gamma")], 100_000, least=1),
        b"cHRM": _numbers(info.get("chromaticity"), 100_000, count=8),
        b"sRGB": bytes([int(info["srgb"])]) if info.get("srgb") in (0, 1, 2, 3) else None,
        b"pHYs": _density(info, sideways=sideways),
    }
    return tuple((kind, data) for kind, data in found.items() if data is not None)


def of_srgb(chunks: Chunks) -> Chunks:
    """The chunks after the pixels were converted to sRGB, with perceptual intent."""
    others = tuple(chunk for chunk in chunks if chunk[0] not in _COLOR_SPACE)
    return ((b"sRGB", b"\0"), *others)


def density(chunks: Chunks) -> tuple[float, float] | None:
    """Pixels per inch across and down, if the chunks give them."""
    for kind, data in chunks:
        if kind == b"pHYs" and data[8:] == b"\1":
            across, down = struct.unpack(">2I", data[:8])
            return across * 0.0254, down * 0.0254
    return None


def hdr_chunks(image: Image.Image) -> Chunks:
    """The HDR chunks, which Pillow ignores, of a PNG that is not decoded yet."""
    file = getattr(image, "fp", None)
    if image.format != "PNG" or file is None or not getattr(image, "tile", None):
        return ()
    found, place = [], file.tell()
    file.seek(8)
    while len(header := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", header)
        if kind == b"IDAT":
            break
        if kind in _HDR:
            found.append((kind, file.read(length)))
            length = 0
        file.seek(length + 4, io.SEEK_CUR)
    file.seek(place)
    return tuple(found)


def _numbers(values: Any, scale: float, *, count: int = 1, least: int = 0) -> bytes | None:
    """PNG's four-byte numbers, or None if the values are not `count` numbers in its range."""
    try:
        numbers = [round(float(value) * scale) for value in values]
    except (TypeError, ValueError, ArithmeticError):
        return None
    if len(numbers) != count or not all(least <= number < 2**31 for number in numbers):
        return None
    return struct.pack(f">{count}I", *numbers)


def _density(info: Mapping[Any, Any], *, sideways: bool) -> bytes | None:
    aspect = info.get("aspect", info.get("jfif_density") if info.get("jfif_unit") == 0 else None)
    # 1 dpi is Pillow's default for a TIFF without a density; square pixels are PNG's default
    dpi, aspect = (None if values == (1, 1) else values for values in (info.get("dpi"), aspect))
    for values, scale, unit in ((dpi, 1 / 0.0254, b"\1"), (aspect, 1, b"\0")):
        data = _numbers(values, scale, count=2, least=1)
        if data is not None:
            return (data[4:] + data[:4] if sideways else data) + unit
    return None


def with_chunks(png: memoryview, chunks: Iterable[tuple[bytes, bytes]]) -> memoryview:
    """The PNG with the chunks inserted after its header."""
    added = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    if not added:
        return png
    return memoryview(b"".join([png[:_SIGNATURE_AND_HEADER], added, png[_SIGNATURE_AND_HEADER:]]))
