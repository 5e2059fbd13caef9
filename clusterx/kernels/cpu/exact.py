"""Sums that are exact, and therefore the same in any order.

A term is rounded to a fixed-point number of two 64-bit integers: `hi` counts steps of
1 / hi_scale, `lo` counts steps of 1 / (hi_scale lo_scale) of what is left. Integer addition is
associative, so threads, blocks, and updates that add and take away rows all reach the same bits.
With n terms whose magnitudes add up to at most S, hi_scale is the power of two just below
2^61 / S and lo_scale the one just below 2^61 / n: no sum overflows, and the error of a term is
below S n 2^-121.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

_BITS = 61
ENTRIES_PER_TASK = 2048


def power_of_two_scale(total: float) -> float:
    """The largest power of two, at most 2^900, that keeps total * scale within 2^61."""
    if not total > 0.0:
        return 1.0
    return math.ldexp(1.0, min(_BITS - math.frexp(total)[1], 900))


@dataclass(frozen=True)
class Grid:
    """The resolution of the sums over a data set, one for all of its blocks."""

    hi_scale: np.ndarray  # (d,)
    lo_scale: float
    weight_scale: float

    @classmethod
    def of(cls, largest: np.ndarray, total: float, n: int) -> Grid:
        """From the largest magnitude of each column, the sum of weights and the number of rows."""
        scales = [power_of_two_scale(float(a) * max(total, 1e-300)) for a in largest]
        return cls(np.array(scales), power_of_two_scale(float(max(n, 1))), power_of_two_scale(total))


class ExactStats:
    """CentroidStats in integers: those of any split of the rows add up to the same bits."""

    def __init__(self, grid: Grid, hi: np.ndarray, lo: np.ndarray, weight: np.ndarray, moved: int):
        self.grid, self.hi, self.lo, self.weight, self.moved = grid, hi, lo, weight, moved

    def __add__(self, other: ExactStats) -> ExactStats:
        return ExactStats(
            self.grid,
            self.hi + other.hi,
            self.lo + other.lo,
            self.weight + other.weight,
            self.moved + other.moved,
        )

    @property
    def sums(self) -> np.ndarray:
        return (self.hi + self.lo / self.grid.lo_scale) / self.grid.hi_scale

    @property
    def counts(self) -> np.ndarray:
        hi, lo = self.weight
        return (hi + lo / self.grid.lo_scale) / self.grid.weight_scale


@njit(nogil=True, cache=True)
def add_term(value, scale, lo_scale):
    """One term as its two integers."""
    scaled = value * scale
    whole = np.rint(scaled)
    return np.int64(whole), np.int64(np.rint((scaled - whole) * lo_scale))


@njit(nogil=True, cache=True)
def group_entries(labels, previous, rows, k):
    """Entries (row joins or leaves a cluster) sorted by cluster.

    A row joins `labels[row]` and, unless `previous` is empty, leaves `previous[row]`. Leaving is
    written as ~row.
    """
    n = rows.shape[0]
    leaves = previous.shape[0] > 0
    offsets = np.zeros(k + 1, np.int64)
    for i in range(n):
        offsets[labels[rows[i]] + 1] += 1
        if leaves:
            offsets[previous[rows[i]] + 1] += 1
    for j in range(k):
        offsets[j + 1] += offsets[j]
    entries = np.empty(offsets[k], np.int64)
    place = offsets[:k].copy()
    for i in range(n):
        row = rows[i]
        j = labels[row]
        entries[place[j]] = row
        place[j] += 1
        if leaves:
            j = previous[row]
            entries[place[j]] = ~np.int64(row)
            place[j] += 1
    return entries, offsets


@njit(nogil=True, cache=True)
def sum_entries(X, w, entries, start, stop, scale, lo_scale, w_scale, hi, lo, weight):
    """Add the entries' rows into hi, lo (d,) and their weights into weight (2,)."""
    d = X.shape[1]
    for e in range(start, stop):
        row = entries[e]
        sign = 1.0
        if row < 0:
            row = ~row
            sign = -1.0
        v = sign * w[row] if w.shape[0] > 0 else sign
        for j in range(d):
            scaled = v * X[row, j] * scale[j]
            whole = np.rint(scaled)
            hi[j] += np.int64(whole)
            lo[j] += np.int64(np.rint((scaled - whole) * lo_scale))
        a, b = add_term(v, w_scale, lo_scale)
        weight[0] += a
        weight[1] += b
