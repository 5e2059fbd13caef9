"""Images in the colours of a palette that is given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import (
    asarray,
    dtype_name,
)
from .device import back, describe, move
from .dithering import as_dither
from .entries import by_palette
from .palette_files import as_palette
from .pixels import PEAK, as_pixels, psnr
from .quantize import QuantizedImage


def remap(
    image: Any,
    palette: Any,
    *,
    dither: Any = "none",
    device: str = "auto",
    max_pixels: int | None = None,
) -> QuantizedImage:
    """Give every pixel the nearest colour of a palette, or dither it.

    Parameters
    ----------
    image : array, path, PIL image or open binary file
        As in `quantize`.
    palette : array of shape (k, c), list of str, path, or QuantizedImage
        Colours of the image's dtype and channels; hex codes such as '#ff8000'; a palette file
        (see `read_palette`); or the palette of a result. For a 16-bit image, a palette of 8 bits
        per channel is scaled up. RGB colours count as opaque for RGBA images, and as their luma
        for grey images.
    dither : str or Dither, default='none'
        How pixels are dithered; see `Dither`.
    device : {'auto', 'cpu', 'cuda'}, default='auto'
        Where to compute; see `quantize`.
    max_pixels : int, optional
        Largest file to decode; see `load`.

    Returns
    -------
    QuantizedImage
        Its palette is the one given, in its order, and `counts` may have zeros; `n_iter` and
        `n_unique`, which are not counted, are 0.

    Raises
    ------
    TypeError, ValueError
        The palette is none of these, is empty, or does not fit the image.

    Notes
    -----
    The nearest colour is exact. On the CPU, 8-bit RGB images are looked up in a table of all
    colours that is filled on demand: O(n) time for n pixels, whatever the size of the palette, and
    up to 16 MiB for a palette of at most 256 colours.

    Examples
    --------
    >>> from clusterx.image import remap
    >>> result = remap("sample:china.jpg", ["#000000", "#808080", "#ffffff"], dither="atkinson")
    >>> result.counts.shape
    (3,)
    """
    how = as_dither(dither)
    pixels = as_pixels(image, max_pixels=max_pixels)
    rows = move(pixels.rows, device, from_file=pixels.from_file)
    entries = asarray(
        fitting(as_palette(palette), rows.shape[1], dtype_name(rows.dtype)),
        like=rows,
        dtype=rows.dtype,
    )
    found = by_palette(rows, pixels.shape[:2], entries, how)
    mse = found.error / math.prod(rows.shape)
    return QuantizedImage(
        indices=back(found.indices, pixels.rows),
        palette=back(entries, pixels.rows),
        counts=back(found.counts, pixels.rows),
        mse=mse,
        psnr=psnr(mse, PEAK[dtype_name(rows.dtype)]),
        inertia=found.error,
        n_iter=0,
        n_unique=0,
        seconds={},
        device=describe(rows),
        shape=pixels.shape,
        icc_profile=pixels.icc_profile,
        chunks=pixels.chunks,
        metadata=pixels.metadata,
    )


def fitting(palette: np.ndarray, channels: int, kind: str) -> np.ndarray:
    """The palette with the channels and the dtype of an image."""
    if palette.itemsize > np.dtype(kind).itemsize:
        raise TypeError(
            f"palette has dtype {palette.dtype} and the image {kind}. Round the palette to 8 bits "
            "a channel, or convert the image to 16."
        )
    peak = PEAK[kind]
    colors = palette.astype(kind) * np.array(peak // PEAK[palette.dtype.name], kind)
    own = colors.shape[1]
    if own == channels:
        return colors
    if own == 4:
        if (colors[:, 3] < peak).any():
            raise ValueError(
                f"palette has transparent colours, and the image has {channels} channel(s), no "
                "alpha. Leave alpha out of the palette, or give the image as RGBA."
            )
        colors, own = colors[:, :3], 3
    if channels == 1 and own == 3:
        luma = colors @ np.array([0.299, 0.587, 0.114])
        return np.round(luma)[:, None].astype(kind)
    if own == 1:
        colors = np.repeat(colors, 3, axis=1)
    if channels == 4:
        colors = np.concatenate([colors, np.full((len(colors), 1), peak, kind)], axis=1)
    return colors
