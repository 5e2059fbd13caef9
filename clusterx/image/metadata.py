"""What a file says about a picture besides its pixels: EXIF, XMP and text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL import Image

#: tags of a TIFF that say how its pixels are stored or shown; a result has its own
_STORAGE = {
    *range(254, 260), 262, 266, *range(273, 275), *range(277, 280), 282, 283, 284, 296, 317, 320,
    *range(322, 326), 330, 338, 339, 347, *range(512, 533), 700, 34377, 34675,
}  # fmt: skip
_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[1-8](\s*[\"'<])")
#: keyword of XMP among the text of a PNG, and prefix of keywords of data in hexadecimal digits
XMP_KEY, _RAW = "XML:com.adobe.xmp", "Raw profile type"


class Metadata(NamedTuple):
    """Metadata of a picture that stands upright; each is empty where a file has none."""

    exif: bytes = b""
    xmp: bytes = b""
    text: tuple[tuple[str, str], ...] = ()  # keywords and values

    def __bool__(self) -> bool:
        return any(self)


NO_METADATA = Metadata()


def metadata_of(image: Image.Image, tags: bytes = b"") -> Metadata:
    """The metadata of a decoded image, without the orientation; damaged parts are left out.

    tags : of a TIFF, `exif_of` from before it was decoded, because that may close the file
    """
    return Metadata(tags or exif_of(image), _xmp(image), _text(image))


def exif_of(image: Image.Image) -> bytes:
    """EXIF without the tags on the storage of pixels."""
    try:
        exif = image.getexif()
        for tag in _STORAGE.intersection(exif):
            del exif[tag]
        return exif.tobytes() if len(exif) else b""
    except Exception:  # Pillow raises various errors for odd tags
        return b""


def _xmp(image: Image.Image) -> bytes:
    found = image.info.get("xmp") or image.info.get(XMP_KEY) or b""
    data = found.encode() if isinstance(found, str) else found
    return _ORIENTATION.sub(rb"\g<1>1\g<2>", data) if isinstance(data, bytes) else b""


def _text(image: Image.Image) -> tuple[tuple[str, str], ...]:
    text = getattr(image, "text", None)
    found = dict(text) if isinstance(text, dict) else {}
    comment = image.info.get("comment")
    if isinstance(comment, bytes):
        found["Comment"] = comment.rstrip(b"\0").decode("utf-8", "replace")
    return tuple(
        (str(key), str(value))
        for key, value in found.items()
        if key not in (XMP_KEY, "exif") and not key.startswith(_RAW)
    )
