"""Ordered dithering for any palette: mixtures of its colours, from which thresholds choose.

References
----------
Yliluoma, "Arbitrary-palette positional dithering algorithm", 2011; the mixtures are those of
Knoll's pattern dithering (US patent 6606166, expired), which carry the error from draw to draw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..arrays import Array, asarray, concat, device, dtype_name, namespace, to_host
from ..kernels import kernels_for
from ..kernels.dither.generic import index_dtype
from .colorspace import linear_to_srgb, srgb_to_linear
from .pixels import PEAK, WHITES, Space, coordinates
from .spread import widest_gap

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
    strength: float,
    space: str,
) -> Array:
    """Places in the palette of pixels dithered by thresholds.

    For each colour, 32 palette colours are drawn whose mean is that colour, if the palette allows
    it: each draw is the entry nearest to the colour plus the error of the draws before. The draws
    are sorted by luma, and the threshold at a pixel chooses one of them.

    Parameters
    ----------
    pixels : array of shape (height, width, c)
    palette : array of shape (k, c)
    thresholds : ndarray of shape (rows, columns)
        In 0..1; repeated over the image.
    strength : float
        Share of the error that the next draws make up for.
    space : str
        Where colours are mixed; with alpha, 'linear' mixes in sRGB.
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
        _mixtures(colors[a : min(n, a + _BLOCK), :], palette, strength, space)
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


class _Mixing(NamedTuple):
    """Points of the space in which colours are mixed."""

    own: Array  # (n, c), colours; they are clipped to the palette's range before mixing
    entries: Array  # (k, c), the palette
    low: Array  # (n, c), bounds of colour and error
    high: Array
    compared: Callable[[Array], Array]  # from points to the space where they are compared
    targets: Array  # (k, c), the palette where it is compared


def _in_values(colors: Array, palette: Array, *, linear: bool) -> _Mixing:
    """Mix in sRGB or in linear light; compare in sRGB."""
    xp = namespace(colors)
    peak = float(PEAK[dtype_name(colors.dtype)])
    entries, own = coordinates(palette), coordinates(colors)
    gap = peak * widest_gap(to_host(entries)[:, :3] / peak)

    def light(points: Array) -> Array:
        return srgb_to_linear(points / peak) if linear else points / peak

    def compared(sums: Array) -> Array:
        return (linear_to_srgb(sums) if linear else sums) * peak

    low, high = (light(xp.clip(own + side, 0.0, peak)) for side in (-gap, gap))
    return _Mixing(light(own), light(entries), low, high, compared, entries)


def _in_space(colors: Array, palette: Array, space: Space) -> _Mixing:
    own, entries = coordinates(colors, space=space), coordinates(palette, space=space)
    gap = widest_gap(to_host(entries)[:, :3])
    return _Mixing(own, entries, own - gap, own + gap, lambda sums: sums, entries)


def _mixtures(colors: Array, palette: Array, strength: float, space: str) -> Array:
    """Palette entries (n, draws) that mix to each colour, from dark to light."""
    xp = namespace(colors)
    kernels = kernels_for(xp).distances
    if space in WHITES:
        mixing = _in_space(colors, palette, Space(space))
    else:
        mixing = _in_values(colors, palette, linear=space == "linear" and colors.shape[1] < 4)
    lit = mixing.entries
    least, most = xp.min(lit, axis=0), xp.max(lit, axis=0)
    wanted = xp.minimum(xp.maximum(mixing.own, least), most)
    error, drawn = xp.zeros_like(wanted), []
    for _ in range(_DRAWS):
        sums = xp.minimum(xp.maximum(wanted + error * strength, mixing.low), mixing.high)
        labels = kernels.nearest(mixing.compared(sums), mixing.targets)[0]
        drawn.append(labels)
        error = error + wanted - xp.take(lit, labels, axis=0)
    return _from_dark_to_light(xp.stack(drawn, axis=1), palette)


def _from_dark_to_light(drawn: Array, palette: Array) -> Array:
    """Entries (n, draws), each row sorted by luma."""
    xp = namespace(drawn)
    order = np.argsort(_luma(to_host(coordinates(palette))), kind="stable")
    ranks = np.empty(len(order), index_dtype(np, len(order)))
    ranks[order] = np.arange(len(order))
    flat = xp.reshape(drawn, (-1,))
    ranked = xp.take(asarray(ranks, like=drawn), flat, axis=0)
    in_order = xp.reshape(xp.sort(xp.reshape(ranked, (-1, _DRAWS)), axis=1), (-1,))
    places = asarray(order.astype(ranks.dtype), like=drawn)
    found = xp.take(places, xp.astype(in_order, xp.int64), axis=0)
    return xp.reshape(found, (-1, _DRAWS))


def _luma(entries: np.ndarray) -> np.ndarray:
    """Brightness on black (Rec. 601)."""
    return entries[:, :3] @ [0.299, 0.587, 0.114] if entries.shape[1] > 1 else entries[:, 0]
