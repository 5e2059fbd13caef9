"""From a PIL image to a picture: modes, transparency, depth, orientation, frames."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .metadata import exif_of, metadata_of
from .orientation import orientation, turned
from .picture import Picture, UnreadableImageError
from .png import display_chunks, hdr_chunks, of_srgb
from .profiles import in_srgb
from .transparency import ColorKey, color_key

if TYPE_CHECKING:
    from PIL import Image

#: raw modes of 16 bits per channel, for which Pillow has no mode except I;16, for grey
_DEEP = re.compile(r"(?!I;).*;16[BLN]")

#: pixels that are copied at once out of a large image
_AT_ONCE = 1 << 22

# tags of TIFF
_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANES = 258, 262, 284

#: held while global state is changed: Python's warning filters, Pillow's limit of pixels
global_state = threading.RLock()


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Ignore Pillow's warnings, which are about metadata; damaged pixels raise."""
    with global_state, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def decoded(image: Image.Image, name: str, *, keep_profile: bool = False) -> Picture:
    """The picture of a PIL image.

    keep_profile : whether values stay in the file's ICC profile instead of being converted to sRGB
    """
    frames, image = _frames(image), _as_stored(image)
    raw_mode = _raw_mode(image)
    # both need the open file, which Pillow may close once the image is decoded
    chunks, key = hdr_chunks(image), color_key(image, raw_mode)
    tags = exif_of(image) if image.format == "TIFF" else b""
    image.load()
    turn = orientation(image)
    shown = chunks + display_chunks(image.info, sideways=turn >= 5)
    # cICP takes precedence over a profile
    keep_profile = keep_profile or any(kind == b"cICP" for kind, _ in shown)
    pixels, profile, converted = _colors(image, name, key, keep_profile=keep_profile)
    return Picture(
        turned(pixels, turn),
        name,
        icc_profile=profile,
        chunks=of_srgb(shown) if converted else shown,
        reduced=_DEEP.fullmatch(raw_mode) is not None,
        frames=frames,
        converted=converted,
        metadata=metadata_of(image, tags),
    )


def _colors(
    image: Image.Image, name: str, key: ColorKey | None, *, keep_profile: bool
) -> tuple[np.ndarray, bytes | None, str]:
    """Pixels, their profile if they are left in it, and its name if they were converted from it."""
    from PIL import Image as pillow

    profile = image.info.get("icc_profile")
    profile = profile if isinstance(profile, bytes) else b""
    if image.mode == "CMYK" and not keep_profile:
        found = in_srgb(image, profile, name)
        if found is not None:
            return found.pixels, None, found.profile
    pixels = _pixels(image, name)
    if key is not None:
        pixels = key.apply(pixels)
    if pixels.ndim < 3 or profile[16:20] != b"RGB ":
        return pixels, None, ""
    if not keep_profile and pixels.dtype == np.uint8:
        found = in_srgb(pillow.fromarray(pixels), profile, name)
        if found is not None:
            return found.pixels, None, found.profile
    return pixels, profile, ""


def _raw_mode(image: Image.Image) -> str:
    """Layout of the pixels in the file, in Pillow's words; empty if the image is decoded."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    decoder, _, _, args = tiles[0]
    if decoder.startswith("ppm") and image.mode == "RGB" and args[1] > 255:
        return "RGB;16B"
    return args if isinstance(args, str) else str(args[0]) if args else ""


def _frames(image: Image.Image) -> int:
    """Number of frames; 1 if the caller has moved to a frame other than the first."""
    # these formats count frames by seeking, which drops decoded pixels and edits made to them
    decoded = image.format in ("GIF", "TIFF") and not getattr(image, "tile", None)
    if image.tell() or decoded:
        return 1
    try:
        with quiet_pillow():
            return getattr(image, "n_frames", 1)
    except Exception:  # a later frame is damaged, which is no fault of the first
        image.seek(0)
        return 2  # at least


def _as_stored(image: Any) -> Any:
    """A TIFF opened again so that Pillow decodes it without turning it.

    Turning fails on odd tags, and scrambles uncompressed files, which Pillow maps into memory with
    width and height swapped. Planes of 16 bits are decoded by libtiff, because Pillow's own decoder
    takes them for planes of 8.
    """
    if image.format != "TIFF" or not image.tile:
        return image
    from PIL import TiffImagePlugin

    deep = max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,))) > 8
    with quiet_pillow():
        theirs = TiffImagePlugin.READ_LIBTIFF
        TiffImagePlugin.READ_LIBTIFF = theirs or (deep and image.tag_v2.get(_PLANES) == 2)
        try:
            image.fp.seek(0)
            again = type(image)(image.fp)  # an open file, which is not mapped
            again.seek(image.tell())
        finally:
            TiffImagePlugin.READ_LIBTIFF = theirs
    again.load_end = lambda: None  # this is what would turn it
    return again


def _pixels(image: Image.Image, name: str) -> np.ndarray:
    """Grey, RGB or RGBA; a transparent colour is applied later, by its key."""
    mode = image.mode
    # a TIFF reports its size after turning, but its copy has the size of the pixels
    plain = image.copy() if image.size != image.im.size else image
    if mode.startswith("I;16"):
        return _full_range(np.asarray(plain).astype(np.uint16, copy=False), image)
    if mode in ("I", "F"):
        return _integers(np.asarray(plain), name)
    if mode == "1":
        plain = plain.convert("L")
    elif mode == "LAB":
        plain = _from_lab(plain, name)
    elif mode == "La":
        plain = plain.convert("LA").convert("RGBA")
    elif mode not in ("L", "RGB"):
        plain = plain.convert("RGBA" if plain.has_transparency_data else "RGB")
    return _array(plain)


def _array(image: Image.Image) -> np.ndarray:
    """The pixels, read-only, copied some rows at a time: Pillow would hold two more copies."""
    width, height = image.size
    step = max(1, _AT_ONCE // max(1, width))
    if height <= step:
        return np.asarray(image)
    found: np.ndarray | None = None
    for top in range(0, height, step):
        part = np.asarray(image.crop((0, top, width, min(height, top + step))))
        if found is None:
            found = np.empty((height, *part.shape[1:]), part.dtype)
        found[top : top + len(part)] = part
    assert found is not None  # there is at least one part
    found.flags.writeable = False
    return found


def _full_range(values: np.ndarray, image: Image.Image) -> np.ndarray:
    """Grey from 0, black, to 65535, white, whatever values a TIFF uses for these."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    if tags.get(_BITS_PER_SAMPLE) == (12,):
        values = values << 4 | values >> 8
    return ~values if tags.get(_PHOTOMETRIC) == 0 else values


def _integers(values: np.ndarray, name: str) -> np.ndarray:
    """32-bit grey as uint16, where that holds it exactly."""
    narrow = np.clip(np.nan_to_num(values), 0, 65535).astype(np.uint16)
    if not np.array_equal(narrow, values):
        raise UnreadableImageError(
            f"{name}: 32-bit grey values from {values.min()} to {values.max()}, which uint16 does "
            "not hold exactly. Scale them to whole numbers in 0..65535 and pass that array."
        )
    return narrow


def _from_lab(image: Image.Image, name: str) -> Image.Image:
    """CIELAB as sRGB."""
    from PIL import ImageCms, features

    if not features.check("littlecms2"):
        raise UnreadableImageError(
            f"{name}: the colours are CIELAB, and this Pillow was built without LittleCMS, which "
            "converts them. Install Pillow's wheel, or convert the image to RGB."
        )
    lab, srgb = (ImageCms.createProfile(space) for space in ("LAB", "sRGB"))
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None  # it is, when working in place
    return converted
