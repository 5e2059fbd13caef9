"""Removal of metadata that keeps Pillow from opening files whose picture is intact."""

from __future__ import annotations

import struct
import zlib

from .orientation import orientation_of_exif

_PNG, _JPEG, _EXIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"Exif\0\0"
_TEXT = (b"tEXt", b"zTXt", b"iTXt")
#: ancillary chunks that are part of the picture: transparency and the frames of an animation
_PICTURE = (b"tRNS", b"acTL", b"fcTL", b"fdAT")
_LEAST_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9}


def without_odd_metadata(data: bytes) -> bytes:
    """A PNG without its text and damaged metadata; a JPEG whose EXIF holds the orientation alone.

    Any other file is returned as it is.
    """
    if data.startswith(_PNG):
        return _png(data)
    return _jpeg(data) if data.startswith(_JPEG) else data


def _png(data: bytes) -> bytes:
    kept, place = [data[:8]], 8
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4])
        if _is_kept(data[place:end]):
            kept.append(data[place:end])
        place = end
    return b"".join([*kept, data[place:]])


def _is_kept(chunk: bytes) -> bool:
    kind = chunk[4:8]
    if kind[:1].isupper() or kind in _PICTURE:
        return True
    if kind in _TEXT or len(chunk) - 12 < _LEAST_LENGTHS.get(kind, 0):
        return False
    if kind == b"iCCP" and b"\0\0" not in chunk[8:90]:  # end of the name, compression method
        return False
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])


def _jpeg(data: bytes) -> bytes:
    start = data.find(_EXIF)
    if data[start - 4 : start - 2] != b"\xff\xe1":
        return data
    end = start - 2 + int.from_bytes(data[start - 2 : start])
    value = orientation_of_exif(data[start:end]) or 1
    # a directory of one entry: tag, type SHORT, count, value; and no next directory
    exif = _EXIF + b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, value, 0)
    return data[: start - 2] + (len(exif) + 2).to_bytes(2) + exif + data[end:]
