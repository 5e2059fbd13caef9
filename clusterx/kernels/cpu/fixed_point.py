"""Sums that are exact, and therefore the same in any order.

A term is rounded to a fixed-point number of two 64-bit integers: `hi` counts steps of
1 / hi_scale, `lo` counts steps of 1 / (hi_scale lo_scale) of the remainder. Integer addition is
associative, so threads, blocks, and updates that add and remove rows all reach the same bits.
With n terms whose magnitudes add up to at most S, hi_scale is the power of two just below
2^61 / S and lo_scale the one just below 2^61 / n: no sum overflows, and the error of a term is
below S n 2^-121.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...properties import cached_property
from ..statistics import Summary
from .jit import INNER, jit

_BITS = 61
ENTRIES_PER_TASK = 2048


def power_of_two_scale(total):
    """The largest power of two, at most 2^1023, that keeps total * scale within 2^61."""
    total = np.asarray(total, np.float64)
    exponent = np.frexp(total)[1]
    return np.where(total > 0.0, np.ldexp(1.0, np.minimum(_BITS - exponent, 1023)), 1.0)


@dataclass(frozen=True)
class Scales:
    """The resolution of the sums over a data set, one for all of its blocks."""

    mean: np.ndarray  # (d,); this and the two below are the summary of all rows
    variance: np.ndarray
    max_abs: np.ndarray
    hi_scale: np.ndarray  # (d,)
    lo_scale: float
    weight_scale: float

    @classmethod
    def of(cls, summary: Summary, total: float, n: int) -> Scales:
        """The scales for n rows with this summary, whose weights add up to `total`."""
        bounds = [*(summary.max_abs * max(total, 1e-300)), max(n, 1), total]
        scales = power_of_two_scale(bounds)
        rows, weights = scales[-2:].tolist()
        return cls(summary.mean, summary.variance, summary.max_abs, scales[:-2], rows, weights)

    @cached_property
    def units(self) -> np.ndarray:
        """hi_scale of the columns, followed by that of the weights."""
        return np.append(self.hi_scale, self.weight_scale)


class ExactStats:
    """CentroidStats in integers: however the rows are split, the parts add up to the same bits."""

    def __init__(self, scales: Scales, table: np.ndarray, n_changed: int):
        self.scales, self.table, self.n_changed = scales, table, n_changed

    def __add__(self, other: ExactStats) -> ExactStats:
        return ExactStats(self.scales, self.table + other.table, self.n_changed + other.n_changed)

    @cached_property
    def _read(self) -> tuple[np.ndarray, np.ndarray]:
        return read_table(self.table, self.scales.units, self.scales.lo_scale)

    @property
    def sums(self) -> np.ndarray:
        return self._read[0]

    @property
    def counts(self) -> np.ndarray:
        return self._read[1]


def read_table_in_numpy(table, units, lo_scale):
    values = (table[0] + table[1] / lo_scale) / units
    return np.ascontiguousarray(values[:, :-1]), values[:, -1].copy()


@jit(stand_in=read_table_in_numpy, seconds=0.2)
def read_table(table, units, lo_scale):
    """The sums (k, d) and counts (k,) that a table (2, k, d + 1) of integers stands for."""
    _, k, wide = table.shape
    sums, counts = np.empty((k, wide - 1)), np.empty(k)
    for j in range(k):
        for a in range(wide):
            value = (table[0, j, a] + table[1, j, a] / lo_scale) / units[a]
            if a < wide - 1:
                sums[j, a] = value
            else:
                counts[j] = value
    return sums, counts


@jit(**INNER)
def add_term(value, scale, lo_scale):
    """Round one term to its two integers."""
    scaled = value * scale
    whole = np.rint(scaled)
    return np.int64(whole), np.int64(np.rint((scaled - whole) * lo_scale))


@jit
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
    place = np.empty(k, np.int64)
    for j in range(k):
        place[j] = offsets[j]
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


def runs(offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Runs of at most ENTRIES_PER_TASK entries of one cluster: their clusters and bounds."""
    pieces = -(-np.diff(offsets) // ENTRIES_PER_TASK)
    clusters = np.repeat(np.arange(len(pieces)), pieces)
    nth = np.arange(len(clusters)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = offsets[clusters] + nth * ENTRIES_PER_TASK
    return clusters, np.append(starts, offsets[-1])


def even_parts(bounds: np.ndarray) -> list[tuple[int, int]]:
    """Split the runs among tasks: consecutive ones, of about ENTRIES_PER_TASK entries together."""
    runs = len(bounds) - 1
    tasks = max(1, min(runs, int(bounds[-1]) // ENTRIES_PER_TASK))
    cuts = np.searchsorted(bounds, np.linspace(0, bounds[-1], tasks + 1)[1:-1])
    edges = [0, *np.unique(np.clip(cuts, 0, runs)).tolist(), runs]
    return [(a, b) for a, b in pairwise(edges) if b > a]


@jit
def sum_entries(X, w, entries, bounds, first, last, units, lo_scale, hi, lo):
    """Sums over the runs first..last of entries, (runs, d + 1) each."""
    d = X.shape[1]
    scaled = np.empty(d)
    for r in range(first, last):
        for e in range(bounds[r], bounds[r + 1]):
            row = entries[e]
            sign = 1.0
            if row < 0:
                row = ~row
                sign = -1.0
            v = sign * w[row] if w.shape[0] > 0 else sign
            x, his, los = X[row], hi[r], lo[r]
            # separate loops over few arrays, so that LLVM vectorises them
            for j in range(d):
                scaled[j] = v * x[j] * units[j]
            for j in range(d):
                his[j] += np.int64(np.rint(scaled[j]))
            for j in range(d):
                los[j] += np.int64(np.rint((scaled[j] - np.rint(scaled[j])) * lo_scale))
            a, b = add_term(v, units[d], lo_scale)
            his[d] += a
            los[d] += b


@jit
def move_rows(X, w, rows, start, stop, labels, previous, units, lo_scale, hi, lo):
    """Move rows[start:stop] from their previous cluster to their label's.

    Rows have no previous cluster if `previous` is empty or negative there. Each row is read once,
    in order; use this for sums that fit a core's cache.
    """
    d = X.shape[1]
    v = 1.0
    whole, left = add_term(v, units[d], lo_scale)
    for e in range(start, stop):
        row = rows[e]
        if w.shape[0] > 0:
            v = w[row]
            whole, left = add_term(v, units[d], lo_scale)
        new, old = labels[row], previous[row] if previous.shape[0] > 0 else -1
        hi[new, d] += whole
        if old < 0:
            more = join(X[row], v, units, hi[new])
        else:
            hi[old, d] -= whole
            more = cross(X[row], v, units, hi[new], hi[old])
        if more or left:  # rare for float32, whose digits mostly fit in the first integer
            lo[new, d] += left
            if old < 0:
                join_fractions(X[row], v, units, lo_scale, lo[new])
            else:
                lo[old, d] -= left
                cross_fractions(X[row], v, units, lo_scale, lo[new], lo[old])


# One loop, which LLVM vectorises, and an integer flag: 0.6 to 0.8 of the time of loops over the
# whole steps, the fractions and the sums.
@jit(**INNER)
def join(x, v, units, sums):
    """Add the whole steps of 1 / units in v x to sums; returns whether a fraction is left."""
    some = np.int64(0)
    for j in range(x.shape[0]):
        scaled = v * x[j] * units[j]
        steps = np.rint(scaled)
        sums[j] += np.int64(steps)
        some |= np.int64(scaled != steps)
    return some


@jit(**INNER)
def cross(x, v, units, sums, others):
    """As `join`, and subtract the steps from others."""
    some = np.int64(0)
    for j in range(x.shape[0]):
        scaled = v * x[j] * units[j]
        steps = np.rint(scaled)
        whole = np.int64(steps)
        sums[j] += whole
        others[j] -= whole
        some |= np.int64(scaled != steps)
    return some


@jit(**INNER)
def join_fractions(x, v, units, lo_scale, sums):
    """Add the fractions that `join` leaves to sums, in steps of 1 / lo_scale."""
    for j in range(x.shape[0]):
        scaled = v * x[j] * units[j]
        sums[j] += np.int64(np.rint((scaled - np.rint(scaled)) * lo_scale))


@jit(**INNER)
def cross_fractions(x, v, units, lo_scale, sums, others):
    """As `join_fractions`, and subtract them from others."""
    for j in range(x.shape[0]):
        scaled = v * x[j] * units[j]
        part = np.int64(np.rint((scaled - np.rint(scaled)) * lo_scale))
        sums[j] += part
        others[j] -= part


@jit
def merge(clusters, hi, lo, all_hi, all_lo):
    """Add each run's sums to its cluster's."""
    for r in range(clusters.shape[0]):
        j = clusters[r]
        for a in range(hi.shape[1]):
            all_hi[j, a] += hi[r, a]
            all_lo[j, a] += lo[r, a]
