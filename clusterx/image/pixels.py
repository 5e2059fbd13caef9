"""Images as lists of pixels, and the space in which colours are compared."""

from __future__ import annotations

import math
import numbers
import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, concat, contiguous, dtype_name, is_array, named_dtype, namespace
from .colorspace import check_space, convert
from .metadata import NO_METADATA, Metadata
from .picture import Chunks, Picture

#: largest value of a channel
PEAK = {"uint8": 255, "uint16": 65535}


def psnr(mse: float, peak: int) -> float:
    """Peak signal-to-noise ratio in dB; infinite where there is no error."""
    return 10 * math.log10(peak**2 / mse) if mse > 0 else math.inf


@dataclass(frozen=True, eq=False)
class Pixels:
    """An image as a list of pixels.

    Parameters
    ----------
    rows : array of shape (n, c)
        uint8 or uint16.
    shape : tuple of int
        Shape of the image: (height, width) or (height, width, c).
    name : str
        Name of the image, for messages.
    icc_profile : bytes or None
        Colour profile of a file's RGB values.
    chunks : tuple of (bytes, bytes)
        PNG chunks that describe a file's pixels; see `Picture`.
    metadata : Metadata
        EXIF, XMP and text of a file.
    from_file : bool
        Whether the pixels were decoded here, and so may be moved to another device.
    """

    rows: Array
    shape: tuple[int, ...]
    name: str = "image"
    icc_profile: bytes | None = None
    chunks: Chunks = ()
    metadata: Metadata = NO_METADATA
    from_file: bool = False


def as_pixels(image: Any, *, max_pixels: int | None = None) -> Pixels:
    """The pixels of an array, a PIL image or a file.

    Raises
    ------
    TypeError
        The image is none of these, or its dtype is not uint8 or uint16.
    ValueError
        Its shape is not that of a grey, RGB or RGBA image, or it has no pixels or masked ones.
    """
    picture = None if is_array(image) else _picture(image, max_pixels)
    if picture is not None:
        image = picture.pixels
    kind = dtype_name(image.dtype)
    if kind not in PEAK:
        raise TypeError(
            f"image has dtype {kind}, and colours are uint8 (0..255) or uint16 (0..65535). "
            "Convert it; from floats in 0..1: (image * 255).round().astype('uint8')."
        )
    shape = tuple(image.shape)
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        raise ValueError(
            f"image has shape {shape}; wanted is (height, width) for grey, or (height, width, "
            "channels) with 1 channel (grey), 3 (RGB) or 4 (RGBA). Move the channels last, and "
            "give grey with alpha as RGBA."
        )
    if np.ma.is_masked(image):
        raise ValueError(
            "image is a masked array with masked pixels, and every pixel counts. Fill them, or "
            "give RGBA with an alpha of 0 where pixels are masked."
        )
    if math.prod(shape) == 0:
        raise ValueError(f"image has shape {shape}, no pixels. Pass an image with at least one.")
    xp = namespace(image)
    rows = xp.reshape(image, (-1, shape[2] if len(shape) == 3 else 1))
    native = named_dtype(xp, kind)
    rows = contiguous(rows if rows.dtype == native else xp.astype(rows, native))
    if picture is None:
        return Pixels(rows, shape)
    return Pixels(
        rows, shape, picture.name, picture.icc_profile, picture.chunks, picture.metadata,
        from_file=True,
    )  # fmt: skip


def _picture(image: Any, max_pixels: int | None) -> Picture:
    from .io import load, picture_of

    if isinstance(image, Picture):
        return image
    # a PIL image can only come from a program that has imported PIL
    pil = sys.modules.get("PIL.Image")
    if pil is not None and isinstance(image, pil.Image):
        return picture_of(image)
    if isinstance(image, str) or hasattr(image, "__fspath__") or hasattr(image, "read"):
        return load(image, max_pixels=max_pixels)
    raise TypeError(
        f"image is a {type(image).__name__}; wanted is an array of shape (height, width) or "
        "(height, width, channels), a PIL image, a path or an open binary file. "
        "Turn nested lists into an array: numpy.asarray(image, dtype='uint8')."
    )


class Space(NamedTuple):
    """Where colours are compared: the space of `colorspace`, and the weight of its lightness."""

    name: str = "srgb"
    lightness: float = 1.0  # factor of L in CIELAB and Oklab

    def check(self) -> None:
        check_space("space", self.name)
        factor = self.lightness
        if not isinstance(factor, numbers.Real) or not 0 < factor < math.inf:
            raise ValueError(f"lightness must be a number above 0, got {factor!r}.")
        if factor != 1 and self.name not in WHITES:
            raise ValueError(
                f"lightness={factor!r} needs a space that has one; space={self.name!r}. Pass "
                "space='lab' or space='oklab'."
            )


SRGB = Space()
#: lightness of white, in spaces that have one
WHITES = {"lab": 100.0, "oklab": 1.0}
#: colours converted at once, which bounds memory
_BLOCK = 1 << 16


def coordinates(colors: Array, dtype: Any = None, space: Space = SRGB) -> Array:
    """Where colours lie in the space whose squared Euclidean distance is the error.

    In sRGB, grey and RGB values are taken as they are; other spaces are those of
    `colorspace.convert`. Grey keeps the first component only, because the others are 0 or equal to
    it. The colour of RGBA is premultiplied, in sRGB (ra, ga, ba, A) with a = A / peak: the error is
    the one seen on black plus that of alpha, and invisible pixels are one point, whatever their
    colour. In other spaces, alpha goes from 0 to the largest component of white.

    Parameters
    ----------
    colors : array of shape (n, c)
    dtype : dtype, optional
        uint8 or uint16: the dtype whose range the values have; by default that of `colors`.
    space : Space

    Returns
    -------
    array of shape (n, c), float32
    """
    xp = namespace(colors)
    peak = PEAK[dtype_name(dtype or colors.dtype)]
    c, n = colors.shape[1], colors.shape[0]
    if space.name != "srgb":
        blocks = (colors[a : min(n, a + _BLOCK), :] for a in range(0, max(n, 1), _BLOCK))
        return concat(_converted(xp.astype(block, xp.float32), peak, space) for block in blocks)
    points = xp.astype(colors, xp.float32)
    if c < 4:
        return points
    alpha = points[:, 3:]
    return xp.concat([points[:, :3] * (alpha / peak), alpha], axis=1)


def _converted(values: Array, peak: int, space: Space) -> Array:
    xp, c = namespace(values), values.shape[1]
    values = values / float(peak)
    color = values[:, :3] if c > 1 else xp.concat([values, values, values], axis=1)
    color = convert(color, "srgb", space.name)
    if space.lightness != 1:
        color = xp.concat([color[:, :1] * float(space.lightness), color[:, 1:]], axis=1)
    if c < 4:
        return color[:, :c]
    alpha = values[:, 3:]
    return xp.concat([color * alpha, alpha * WHITES.get(space.name, 1.0)], axis=1)


def stored(points: Array, dtype: Any, space: Space = SRGB) -> Array:
    """The inverse of `coordinates`, rounded to whole numbers of the dtype.

    Invisible colours become zero in every channel; colours outside sRGB are clipped.
    """
    xp = namespace(points)
    peak = float(PEAK[dtype_name(dtype)])  # some libraries do not mix integers with floats
    c = points.shape[1]
    white = peak if space.name == "srgb" else WHITES.get(space.name, 1.0)
    if c == 4:
        alpha = xp.clip(xp.round(points[:, 3:] * (peak / white)), 0.0, peak)
        shown = alpha > 0
        # divided by the alpha as stored, so that the premultiplied colour stays what it was
        color = points[:, :3] * (peak / xp.where(shown, alpha, xp.ones_like(alpha)))
        color = xp.where(shown, color, xp.zeros_like(color))
        color = xp.where(shown, _in_srgb(color, peak, space), xp.zeros_like(color))
        points = xp.concat([color, alpha], axis=1)
    else:
        points = _in_srgb(points, peak, space)
    return xp.astype(xp.clip(xp.round(points), 0.0, peak), dtype)


def _in_srgb(color: Array, peak: float, space: Space) -> Array:
    """Colours of the space, without alpha, in 0..peak of sRGB."""
    if space.name == "srgb":
        return color
    xp, c = namespace(color), color.shape[1]
    color = xp.concat([color[:, :1] / float(space.lightness), color[:, 1:]], axis=1)
    if c == 1:
        rest = xp.zeros_like(color) if space.name in WHITES else color
        color = xp.concat([color, rest, rest], axis=1)
    return convert(color, space.name, "srgb")[:, :c] * peak


def paint(indices: Array, palette: Array, shape: tuple[int, ...]) -> Array:
    """The image of the given shape whose pixels have the palette's colours."""
    xp = namespace(palette)
    flat = xp.reshape(indices, (-1,))
    block, n = 1 << 20, flat.shape[0]  # in blocks, because indices are copied as int64
    parts = [
        xp.take(palette, xp.astype(flat[start : min(n, start + block)], xp.int64), axis=0)
        for start in range(0, n, block)
    ]
    return xp.reshape(parts[0] if len(parts) == 1 else xp.concat(parts, axis=0), shape)


def hex_codes(palette: np.ndarray) -> list[str]:
    """'#rrggbb' or '#rrggbbaa' of every colour; four digits per channel for uint16.

    Parameters
    ----------
    palette : ndarray of shape (k, c)
        Grey counts as RGB with equal channels.
    """
    if palette.shape[1] == 1:
        palette = np.repeat(palette, 3, axis=1)
    digits = 2 * palette.itemsize
    return ["#" + "".join(f"{value:0{digits}x}" for value in color) for color in palette.tolist()]
