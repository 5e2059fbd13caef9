"""The transparent colour that PNG and GIF give to grey and RGB in place of an alpha channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .pixels import PEAK

if TYPE_CHECKING:
    from PIL import Image

#: channels of the modes that can have a transparent colour
_CHANNELS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "RGB": 3}
#: factor from the grey values of a PNG to those of Pillow's mode L
_SCALES = {"L;2": 85, "L;4": 17}


class ColorKey(NamedTuple):
    """A transparent colour."""

    values: tuple[int, ...]  # at the depth of the file
    low: np.ndarray | None = None  # lower bytes of 16-bit pixels, of which Pillow decodes the upper

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Grey or RGB as RGBA, invisible where a pixel has the transparent colour."""
        deep = pixels if self.low is None else pixels.astype(np.uint16) << 8 | self.low
        if pixels.ndim == 2:
            deep, pixels = deep[..., None], pixels[..., None]
        peak = PEAK[deep.dtype.name]
        hidden = np.logical_and.reduce(
            [deep[..., channel] == (value & peak) for channel, value in enumerate(self.values)]
        )
        rgba = np.empty((*pixels.shape[:2], 4), pixels.dtype)
        rgba[..., :3] = pixels
        rgba[..., 3] = np.where(hidden, 0, PEAK[pixels.dtype.name])
        return rgba


def color_key(image: Image.Image, raw_mode: str) -> ColorKey | None:
    """The transparent colour of an image that is not decoded yet.

    Parameters
    ----------
    image : PIL image
        If it is decoded, its transparent colour is taken to be what Pillow's `info` says.
    raw_mode : str
        Pillow's word for the layout of the file's pixels.
    """
    key = image.info.get("transparency")
    values = key if isinstance(key, tuple) else (key,)
    ours = len(values) == _CHANNELS.get(image.mode)
    if not ours or not all(isinstance(value, int) for value in values):
        return None
    if raw_mode in _SCALES:
        scale = _SCALES[raw_mode]
        return ColorKey((values[0] % (255 // scale + 1) * scale,))
    if image.format == "PNG" and raw_mode == "RGB;16B" and image.tell() == 0:
        return ColorKey(values, _low_bytes(image))
    if image.mode == "RGB" and max(values) > 255:  # 16 bits, of which Pillow decodes the upper 8
        values = tuple(value >> 8 for value in values)
    return ColorKey(values)


def _low_bytes(image: Image.Image) -> np.ndarray:
    """The lower bytes of a PNG's 16-bit RGB, which decide whether a pixel is transparent."""
    file = image.fp  # type: ignore[attr-defined]
    place = file.tell()
    file.seek(0)
    again: Any = type(image)(file)  # type: ignore[call-arg]
    again.tile = [(*again.tile[0][:3], "RGB;16L")]  # PNG is big-endian, so these are the lower ones
    pixels = np.asarray(again)
    file.seek(place)
    return pixels
