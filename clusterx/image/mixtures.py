"""Ordered dithering for any palette: mixtures of its colours, and thresholds that choose in them.

References
----------
Yliluoma, "Arbitrary-palette positional dithering algorithm", 2011; the mixtures are those of
Knoll's pattern dithering (US patent 6606166, expired), whose error runs from draw to draw.
"""

from __future__ import annotations

import numpy as np

from ..arrays import Array, asarray, concat, device, dtype_name, namespace, to_host
from ..kernels import kernels_for
from ..kernels.dither.generic import index_dtype
from .colorspace import linear_to_srgb, srgb_to_linear
from .pixels import PEAK, coordinates

#: draws that make up a mixture: how finely colours are mixed
_DRAWS = 32
#: colours whose mixtures are found at once
_BLOCK = 1 << 17
#: pixels chosen at once
_PIXELS = 1 << 20


def ordered(
    pixels: Array,
    palette: Array,
    thresholds: np.ndarray,
    gap: float,
    strength: float,
    linear: bool,
) -> Array:
    """Places in the palette of pixels dithered by thresholds.

    Each colour is a mixture of palette colours whose mean is the colour, where the palette can
    make it: of 32 draws, each is the nearest to the colour plus the error of the draws before. In
    the order of their luma, the threshold at a pixel says which of them it gets.

    Parameters
    ----------
    pixels : array of shape (height, width, c)
    palette : array of shape (k, c)
    thresholds : ndarray of shape (rows, columns)
        In 0..1; repeated over the image.
    gap : float
        How far, in shares of the range, error moves a colour at most in each channel.
    strength : float
        Share of the error that the next draws make up for.
    linear : bool
        Whether colours are mixed in linear light.
    """
    xp = namespace(pixels)
    height, width, channels = pixels.shape
    kernels = kernels_for(xp)
    rows = xp.reshape(pixels, (-1, channels))
    colors, _ = kernels.color.color_counts(rows)
    n = colors.shape[0]
    places = xp.arange(n, dtype=xp.int32, device=device(pixels))
    own = kernels.color.remap(rows, colors, places)
    mixtures = concat(
        _mixtures(colors[a : min(n, a + _BLOCK), :], palette, gap, strength, linear)
        for a in range(0, n, _BLOCK)
    )
    flat = xp.reshape(mixtures, (-1,))
    draws = asarray(np.floor(thresholds * _DRAWS).astype(np.int64), like=pixels)
    tall, wide = thresholds.shape
    columns = xp.arange(width, device=device(pixels)) % wide
    chosen, step = [], max(1, _PIXELS // width)
    for top in range(0, height, step):
        ys = xp.arange(top, min(height, top + step), device=device(pixels)) % tall
        draw = xp.take(xp.take(draws, ys, axis=0), columns, axis=1)
        part = xp.reshape(draw, (-1,))
        mine = xp.astype(own[top * width : top * width + part.shape[0]], xp.int64)
        chosen.append(xp.take(flat, mine * _DRAWS + part, axis=0))
    return xp.reshape(concat(chosen), (height, width))


def _mixtures(colors: Array, palette: Array, gap: float, strength: float, linear: bool) -> Array:
    """Palette entries (n, draws) that mix to each colour, from dark to light."""
    xp = namespace(colors)
    peak = float(PEAK[dtype_name(colors.dtype)])
    mixed_linear = linear and colors.shape[1] < 4
    kernels = kernels_for(xp).distances
    entries = coordinates(palette)

    def light(points: Array) -> Array:
        return srgb_to_linear(points / peak) if mixed_linear else points / peak

    lit = light(entries)
    own = coordinates(colors)
    least, most = xp.min(lit, axis=0), xp.max(lit, axis=0)
    wanted = xp.minimum(xp.maximum(light(own), least), most)
    low = light(xp.clip(own - gap * peak, 0.0, peak))
    high = light(xp.clip(own + gap * peak, 0.0, peak))
    error, drawn = xp.zeros_like(wanted), []
    for _ in range(_DRAWS):
        sums = xp.minimum(xp.maximum(wanted + error * strength, low), high)
        points = (linear_to_srgb(sums) if mixed_linear else sums) * peak
        labels = kernels.nearest(points, entries)[0]
        drawn.append(labels)
        error = error + wanted - xp.take(lit, labels, axis=0)
    order = np.argsort(_luma(to_host(entries)), kind="stable")
    ranks = np.empty(len(order), index_dtype(np, len(order)))
    ranks[order] = np.arange(len(order))
    flat = xp.reshape(xp.stack(drawn, axis=1), (-1,))
    ranked = xp.take(asarray(ranks, like=colors), flat, axis=0)
    in_order = xp.reshape(xp.sort(xp.reshape(ranked, (-1, _DRAWS)), axis=1), (-1,))
    places = asarray(order.astype(ranks.dtype), like=colors)
    found = xp.take(places, xp.astype(in_order, xp.int64), axis=0)
    return xp.reshape(found, (-1, _DRAWS))


def _luma(entries: np.ndarray) -> np.ndarray:
    """Brightness on black (Rec. 601)."""
    return entries[:, :3] @ [0.299, 0.587, 0.114] if entries.shape[1] > 1 else entries[:, 0]
