"""The palette entry of every pixel: the nearest, or the dithered one."""

from __future__ import annotations

from typing import NamedTuple

from ..arrays import Array, asarray, dtype_name, float_dtype, host_floats, namespace, to_host
from ..arrays import device as array_device
from ..kernels import kernels_for
from ..kernels.dither import Lattice
from .clustering import nearest_colors
from .dithering import Dither, dithered, lattice_of
from .pixels import coordinates

#: pixels whose error is summed at once
_BLOCK = 1 << 18


class Entries(NamedTuple):
    """The palette entry of every pixel."""

    indices: Array  # (height, width)
    counts: Array  # (k,) int64
    error: float  # sum of squared differences to the pixels, alpha premultiplied


def by_palette(rows: Array, size: tuple[int, ...], palette: Array, dither: Dither) -> Entries:
    """The palette entries of the pixels (n, c) of an image with `size` (height, width)."""
    xp, channels = namespace(rows), rows.shape[1]
    kernels = kernels_for(xp)
    if dither.active:
        indices = dithered(xp.reshape(rows, (*size, channels)), palette, dither)
    elif channels == 3 and dtype_name(rows.dtype) == "uint8":
        lattice = Lattice(*(asarray(part, like=rows) for part in lattice_of(to_host(palette))))
        indices, counts, error = kernels.dither.nearest_entries(rows, lattice, palette)
        return Entries(xp.reshape(indices, size), counts, host_floats(error)[0])
    else:
        colors, _ = kernels.color.color_counts(rows)
        indices = kernels.color.remap(rows, colors, nearest_colors(colors, palette))
    flat = xp.reshape(indices, (-1,))
    if channels < 4:
        counts, error = kernels.dither.tally(rows, palette, flat)
    else:
        counts, error = _tally_with_alpha(rows, palette, flat)
    return Entries(xp.reshape(flat, size), counts, host_floats(error)[0])


def _tally_with_alpha(rows: Array, palette: Array, indices: Array) -> tuple[Array, Array]:
    """Pixels of each entry, and the summed squared differences with alpha premultiplied."""
    xp = namespace(rows)
    wide = float_dtype(xp, rows)
    points, k, n = xp.astype(coordinates(palette), wide), palette.shape[0], rows.shape[0]
    counts = xp.zeros(k, dtype=xp.int64, device=array_device(rows))
    error = xp.zeros((), dtype=wide, device=array_device(rows))
    entries = xp.arange(k, device=array_device(rows))
    for a in range(0, n, _BLOCK):
        part = slice(a, min(n, a + _BLOCK))
        mine = xp.astype(indices[part], xp.int64)
        apart = xp.astype(coordinates(rows[part, :]), wide) - xp.take(points, mine, axis=0)
        error = error + xp.sum(apart * apart)
        ends = xp.searchsorted(xp.sort(mine), entries, side="right")
        counts = counts + xp.diff(ends, prepend=xp.zeros_like(ends[:1]))
    return counts, error
