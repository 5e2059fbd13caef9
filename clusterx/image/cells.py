"""Cells of colour space: few weighted points, among which starts are searched for."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..arrays import Array, device, dtype_name, float_dtype, namespace, to_host
from ..kernels import kernels_for
from .pixels import PEAK

#: most cells, for palettes of few colours and of more: k-means from the best of the cells' palettes
#: ends within 0.5% of the best of 20 starts of k-means++ (bench/colors.py)
FEW_CELLS, CELLS = 4096, 8192
#: number of cells along a channel that is tried first
_FIRST = 64


class Cells(NamedTuple):
    """Means and weights of the colours in each cell, on the host."""

    points: np.ndarray  # (n, c) float64
    weights: np.ndarray  # (n,) float64


def cells_of(colors: Array, points: Array, weights: Array, most: int = CELLS) -> Cells:
    """Means of the colours in cubes of equal size, without those that weigh nothing.

    Parameters
    ----------
    colors : array of shape (u, c)
        Unique, uint8 or uint16.
    points : array of shape (u, c)
        The same colours in the space where they are compared.
    weights : array of shape (u,), floating
    most : int
        Most cells. If there are no more colours than this, each is a cell of its own.
    """
    if colors.shape[0] <= most:
        means, found = to_host(points).astype(np.float64), to_host(weights).astype(np.float64)
        return Cells(means[found > 0], found[found > 0])
    xp = namespace(colors)
    wide = float_dtype(xp, points)
    weights = xp.astype(weights, wide)
    groups = _fitting(colors, most)
    found = to_host(sums_in(groups, weights))
    columns = (xp.astype(points[:, i], wide) * weights for i in range(points.shape[1]))
    totals = np.stack([to_host(sums_in(groups, column)) for column in columns], axis=1)
    kept = found > 0
    return Cells(totals[kept] / found[kept, None], found[kept].astype(np.float64))


class Groups(NamedTuple):
    """The cell of every colour, and the number of cells."""

    places: Array  # (u,) int32
    n: int


def groups_of(colors: Array, width: int) -> Groups:
    """Colours in cubes that span `width` values of each channel."""
    xp = namespace(colors)
    kernels = kernels_for(xp).color
    # some libraries divide no uint16
    coarse = xp.astype(xp.astype(colors, xp.int32) // width, colors.dtype)
    corners, _ = kernels.color_counts(coarse)
    n = corners.shape[0]
    numbers = xp.arange(n, dtype=xp.int32, device=device(colors))
    return Groups(xp.astype(kernels.remap(coarse, corners, numbers), xp.int32), n)


def sums_in(groups: Groups, values: Array) -> Array:
    """Sums (n,) of values (u,) over each group; groups may be empty."""
    return kernels_for(namespace(values)).color.group_sums(values, groups.places, groups.n)


def _fitting(colors: Array, most: int) -> Groups:
    """Groups in about the finest cubes of which at most `most` contain colours."""
    peak = PEAK[dtype_name(colors.dtype)]
    width = max(1, round(peak / _FIRST))
    found = groups_of(colors, width)
    while width > 1 and found.n < most // 4:  # all of the colours are near each other
        width = width // 2
        found = groups_of(colors, width)
    while found.n > most:
        # colours lie near a surface, so the number of cells falls with the square of the width
        width = max(width + 1, round(width * math.sqrt(found.n / most)))
        found = groups_of(colors, width)
    return found
