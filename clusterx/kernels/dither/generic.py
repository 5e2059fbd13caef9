"""Nearest entries of a palette and error diffusion, in the array API standard alone.

The definition that tuned kernels are tested against. Error goes from pixel to pixel, so only
the pixels of a diagonal can be computed at once: those (x, y) with the same x + 2 y.

References
----------
Floyd, Steinberg, "An adaptive algorithm for spatial greyscale", Proc. SID 17(2), 1976.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from ...arrays import Array, asarray, device, float_dtype, namespace, to_host
from . import TOP, Alpha, Diffusion, Lattice
from .curve import hilbert

#: colours times entries whose distances are held at once
_BLOCK = 1 << 22
#: number of errors that count along the curve, and the weight of the newest in 64ths; the oldest
#: weighs a sixteenth of it
MEMORY, NEWEST = 16, 64
#: weights of the errors along the curve, from the newest to the oldest, in 64ths
WEIGHTS = tuple(round(NEWEST * 16 ** (-age / (MEMORY - 1))) for age in range(MEMORY))


def nearest_entries(colors: Array, lattice: Lattice, palette: Array) -> tuple[Array, Array, Array]:
    """The palette entry nearest to each colour, and their tally.

    Parameters
    ----------
    colors : array of shape (n, 3), uint8
    lattice : Lattice
    palette : array of shape (k, 3), uint8

    Returns
    -------
    indices : array of shape (n,)
        uint8 for up to 256 entries, uint16 for up to 65,536, else int32.
    counts, error
        As of `tally`.
    """
    xp = namespace(colors)
    dtype = index_dtype(xp, lattice.entries.shape[0])
    n, block = colors.shape[0], max(1, _BLOCK // lattice.entries.shape[0])
    blocks = (colors[start : min(n, start + block), :] for start in range(0, max(n, 1), block))
    parts = [xp.astype(_nearest(part, lattice, lattice.offsets), dtype) for part in blocks]
    indices = xp.concat(parts, axis=0)
    return indices, *tally(colors, palette, indices)


def index_dtype(xp: Any, k: int) -> Any:
    """The least dtype of the three that holds the places among k entries."""
    return xp.uint8 if k <= 1 << 8 else xp.uint16 if k <= 1 << 16 else xp.int32


def _nearest(colors: Array, lattice: Lattice, offsets: Array) -> Array:
    """int64 places of the nearest entries; offsets (k,), or (n, k) for each colour its own."""
    xp = namespace(colors)
    shape = tuple(colors.shape)
    values = xp.reshape(xp.astype(colors, xp.int64), (-1,))
    points = xp.reshape(xp.take(lattice.axis, values, axis=0), shape)
    squared = offsets + sum(
        (points[:, c, None] - lattice.entries[None, :, c]) ** 2 for c in range(3)
    )
    return xp.argmin(squared, axis=1)


def diffuse(
    pixels: Array, lattice: Lattice, diffusion: Diffusion, alpha: Alpha | None = None
) -> Array:
    """The palette entry of each pixel, with error diffused row by row.

    Parameters
    ----------
    pixels : array of shape (height, width, 3)
        uint8 or uint16.
    lattice : Lattice
    diffusion : Diffusion
        With `serpentine`, this definition reads the pixels one by one on the host.
    alpha : Alpha, optional

    Returns
    -------
    array of shape (height, width)
        uint8, uint16 or int32; see `nearest_entries`.
    """
    xp = namespace(pixels)
    height, width = pixels.shape[:2]
    if diffusion.serpentine:
        ways = range(width), range(width - 1, -1, -1)
        path = [(y, x) for y in range(height) for x in ways[y % 2]]
        return _one_by_one(pixels, lattice, diffusion, alpha, path, along=False)
    dtype = index_dtype(xp, lattice.entries.shape[0])
    ys = xp.arange(height, device=device(pixels))
    none = xp.zeros((height, 3), dtype=xp.int32, device=device(pixels))
    errors = deque([none] * 4, maxlen=4)  # of the last four diagonals, the last one last
    found = []
    for diagonal in range(width + 2 * (height - 1)):
        xs = diagonal - 2 * ys
        inside = (xs >= 0) & (xs < width)
        places = ys * width + xp.clip(xs, 0, width - 1)
        got = _received(errors, diffusion)
        entries, error = _step(xp, pixels, places, got, lattice, diffusion, alpha)
        errors.append(xp.where(inside[:, None], error, none))
        found.append(xp.astype(entries, dtype))
    diagonals = xp.reshape(xp.stack(found, axis=0), (-1,))
    columns = xp.arange(width, device=device(pixels))
    places = (columns[None, :] + 2 * ys[:, None]) * height + ys[:, None]
    return xp.reshape(xp.take(diagonals, xp.reshape(places, (-1,)), axis=0), (height, width))


def _received(errors: deque, diffusion: Diffusion) -> Array:
    """Error that the pixels of a diagonal get from the four before it."""
    before4, before3, before2, before1 = errors
    if diffusion.atkinson:
        above = _down(before1) + _down(before2) + _down(before3)
        return (before1 + before2 + above + _down(_down(before4)) + 4) >> 3
    return (7 * before1 + 3 * _down(before1) + 5 * _down(before2) + _down(before3) + 8) >> 4


def _down(error: Array) -> Array:
    """The errors of a diagonal, those of each row in the place of the next row's."""
    xp = namespace(error)
    return xp.concat([xp.zeros_like(error[:1, :]), error[:-1, :]], axis=0)


def _step(
    xp: Any,
    pixels: Array,
    places: Array,
    got: Array,
    lattice: Lattice,
    diffusion: Diffusion,
    alpha: Alpha | None,
) -> tuple[Array, Array]:
    """The entries of some pixels, and the errors that these pass on."""
    colors = xp.take(xp.reshape(pixels, (-1, 3)), places, axis=0)
    channels = xp.arange(3, device=device(pixels))[None, :]
    flat = xp.reshape(xp.astype(colors, xp.int64) * 3 + channels, (-1,))
    levels = xp.reshape(xp.take(xp.reshape(diffusion.levels, (-1,)), flat, axis=0), got.shape)
    bounds = xp.take(xp.reshape(diffusion.bounds, (-1, 2)), flat, axis=0)
    low, high = (xp.reshape(bounds[:, side], got.shape) for side in range(2))
    sums = xp.minimum(xp.maximum(levels + got, low), high)
    clipped = xp.astype(xp.clip(sums, 0, TOP), xp.int64)
    near = xp.reshape(
        xp.take(diffusion.encoding, xp.reshape(clipped, (-1,)), axis=0), tuple(sums.shape)
    )
    offsets = lattice.offsets
    if alpha is not None:
        values = xp.take(xp.reshape(alpha.values, (-1,)), places, axis=0)
        own = xp.take(alpha.axis, xp.astype(values, xp.int64), axis=0)
        offsets = (own[:, None] - alpha.entries[None, :]) ** 2
    entries = _nearest(near, lattice, offsets)
    if alpha is not None:
        entries = xp.where(values == 0, xp.full_like(entries, alpha.hidden), entries)
    error = (sums - xp.take(diffusion.entries, entries, axis=0)) * diffusion.strength >> 8
    if alpha is not None:
        error = xp.where((values == 0)[:, None], xp.zeros_like(error), error)
    return entries, error


def riemersma(
    pixels: Array, lattice: Lattice, diffusion: Diffusion, alpha: Alpha | None = None
) -> Array:
    """The palette entry of each pixel, with errors weighted by age along a Hilbert curve.

    A pixel gets the weighted sum of the errors of the sixteen pixels before it. The error of a
    pixel is its own level less that of its entry; the error that it got itself is left out
    (Riemersma, "A balanced dithering technique", C/C++ Users Journal 16(12), 1998). This definition
    reads the pixels one by one on the host.

    Parameters
    ----------
    pixels, lattice, diffusion, alpha
        As in `diffuse`.
    """
    path = [(int(y), int(x)) for y, x in hilbert(*pixels.shape[:2])]
    return _one_by_one(pixels, lattice, diffusion, alpha, path, along=True)


def _one_by_one(
    pixels: Array,
    lattice: Lattice,
    diffusion: Diffusion,
    alpha: Alpha | None,
    path: list[tuple[int, int]],
    *,
    along: bool,
) -> Array:
    """The entries of pixels that are visited in the order of a path."""
    own = to_host(pixels)
    lattice = Lattice(*map(to_host, lattice))
    levels, bounds, encoding, entries = map(to_host, diffusion[:4])
    diffusion = Diffusion(levels, bounds, encoding, entries, *diffusion[4:])
    if alpha is not None:
        values, axis, entries, hidden = alpha
        alpha = Alpha(to_host(values), to_host(axis), to_host(entries), hidden)
    height, width = own.shape[:2]
    errors = np.zeros((height + 2, width + 4, 3), np.int32)  # two rows and columns around
    recent: deque = deque([np.zeros(3, np.int32)] * MEMORY, maxlen=MEMORY)
    found = np.empty((height, width), index_dtype(np, len(lattice.entries)))
    for y, x in path:
        if along:
            got = sum(w * e for w, e in zip(WEIGHTS, reversed(recent), strict=True)) + 32 >> 6
        else:
            got = _received_by(errors, y, x, diffusion)
        places = np.asarray([y * width + x])
        entries, error = _step(namespace(own), own, places, got[None], lattice, diffusion, alpha)
        found[y, x] = entries[0]
        errors[y + 2, x + 2] = error[0]
        if along:
            plain = _step_error(own[y, x], entries[0], diffusion)
            recent.append(plain if alpha is None or alpha.values[y, x] else 0 * plain)
    return asarray(found, like=pixels)


def _received_by(errors: Any, y: int, x: int, diffusion: Diffusion) -> Any:
    """Error that a pixel gets, in rows of alternating direction; row 0 goes to the right."""
    step = 1 if y % 2 == 0 else -1
    higher, above, own = errors[y], errors[y + 1], errors[y + 2]
    x += 2
    last = own[x - step]
    if diffusion.atkinson:
        around = above[x - 1] + above[x] + above[x + 1]
        return (last + own[x - 2 * step] + around + higher[x] + 4) >> 3
    # the row above went the other way
    return (7 * last + 3 * above[x - step] + 5 * above[x] + above[x + step] + 8) >> 4


def _step_error(color: Any, entry: int, diffusion: Diffusion) -> Any:
    levels = diffusion.levels[color, range(3)]
    return (levels - diffusion.entries[entry]) * diffusion.strength >> 8


def tally(pixels: Array, palette: Array, indices: Array) -> tuple[Array, Array]:
    """How many pixels have each entry, and how far they are from it.

    Parameters
    ----------
    pixels : array of shape (n, c)
        uint8 or uint16.
    palette : array of shape (k, c)
        Of the same dtype.
    indices : array of shape (n,)
        Places in the palette.

    Returns
    -------
    counts : array of shape (k,), int64
    error : 0-d array
        Sum of squared differences, added up exactly in whole numbers; float64, or the widest
        floating dtype of the device.
    """
    xp = namespace(pixels)
    n, k = pixels.shape[0], palette.shape[0]
    entries = xp.arange(k, device=device(pixels))
    counts = xp.zeros(k, dtype=xp.int64, device=device(pixels))
    error = xp.zeros((), dtype=xp.int64, device=device(pixels))
    for start in range(0, n, _BLOCK):
        part = slice(start, min(n, start + _BLOCK))
        mine = xp.astype(indices[part], xp.int64)
        ends = xp.searchsorted(xp.sort(mine), entries, side="right")
        counts = counts + xp.diff(ends, prepend=xp.zeros_like(ends[:1]))
        colors = xp.astype(xp.take(palette, mine, axis=0), xp.int64)
        error = error + xp.sum((xp.astype(pixels[part, :], xp.int64) - colors) ** 2)
    return counts, xp.astype(error, float_dtype(xp, pixels))
