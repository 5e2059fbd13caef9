"""Conversion from the colours of an ICC profile to sRGB, through LittleCMS."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np

from .picture import UnreadableImageError

#: to see whether a profile is that of sRGB, this many colours along each channel are converted;
#: they may differ by this much, of 255, because versions of sRGB differ by rounding
_GRID, _ROUNDING = 9, 2
#: kinds of profiles that are converted, by the space in their header, and Pillow's modes for them
_MODES = {b"RGB ": ("RGB", "RGBA"), b"CMYK": ("CMYK",)}


class Conversion(NamedTuple):
    """Pixels in sRGB, and the name of the profile that they were in."""

    pixels: np.ndarray
    profile: str


def in_srgb(image: Any, profile: bytes, name: str) -> Conversion | None:
    """The pixels of a PIL image in sRGB; None if the profile is sRGB's, damaged or of another kind.

    The intent is perceptual, and colours outside sRGB are clipped.

    Parameters
    ----------
    image : PIL image
        Of mode RGB, RGBA or CMYK.
    profile : bytes
    name : str
        Name of the image, for messages.

    Raises
    ------
    UnreadableImageError
        Pillow was built without LittleCMS.
    """
    if image.mode not in _MODES.get(profile[16:20], ()):
        return None
    from PIL import ImageCms, features

    if not features.check("littlecms2"):
        raise UnreadableImageError(
            f"{name}: the colours are in an ICC profile, and this Pillow was built without "
            "LittleCMS, which converts them. Install Pillow's wheel, or take the values as they "
            "are: load(..., profile='keep')."
        )
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        change = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, target)
        if image.mode != "CMYK" and _is_srgb(source):
            return None
        converted = ImageCms.applyTransform(image, change)
        title = ImageCms.getProfileDescription(source).strip()
    except (ImageCms.PyCMSError, OSError, ValueError):  # damaged, as other metadata may be
        return None
    assert converted is not None  # it is, when working in place
    return Conversion(np.asarray(converted), title or "its ICC profile")


def _is_srgb(source: Any) -> bool:
    from PIL import Image, ImageCms

    values = np.linspace(0, 255, _GRID).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(values, values, values), axis=-1).reshape(1, -1, 3)
    change = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    found = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), change)).astype(int)
    return int(np.abs(found - grid).max()) <= _ROUNDING
