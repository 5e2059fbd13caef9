"""Rows with several nearest centres, of which Lloyd's iterations use only the first.

Integer data has many such ties. Initial centres that are rows tie for a large share of the other
rows; if one centre gets all of these, the clusters start uneven and stay uneven. `split` gives them
to all of their nearest centres in equal parts. And when no label changes any more, a row half way
between two centres stays where it is, although moving it would lower the inertia, because the
centres would follow. `Exchange` makes such moves, and all that lower the inertia (Hartigan,
"Clustering Algorithms", 1975).

Both take a bounded number of rows, and the same operations in the same order on every backend.
Values that lie on no grid have no exact ties, and nothing is done about them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, asarray, device, host_floats, namespace, to_host
from ..kernels.kmeans import CentroidStats
from ..properties import cached_property
from ..rows import Rows

#: Values on this grid, whole numbers, halves and quarters among them, have ties.
GRID = 1 / 16
#: Above this magnitude, squares are rounded too coarsely to recognize ties.
LARGEST = 1 << 24
#: Rows sampled to see whether values are on the grid and ties are common: 0.1 ms of
#: quantize-2.8mp-256.
LOOK = 128
#: The first iteration splits tied rows if at least this share of the rows is tied. The share is
#: about 1% for 256 random colours of a photo, and 20 to 50% for eight rows of zeros and ones.
COMMON = 1 / 16
#: Limit on rows times centres times columns (at least SHORT) measured at a time: two milliseconds.
WORK, SHORT = 1 << 20, 16
#: Squared distances are rounded to multiples of this, which is far above their rounding errors, so
#: that equal distances compare equal on every backend.
UNIT = 2.0**-30
#: Parts of a row are multiples of this, so that sums of them are exact.
PART = 2.0**-16
#: Rounds of moves, each followed by iterations. Two reach scikit-learn's inertia, on average, in
#: all settings of bench/ties.py; more would cost small fits more than they gain.
ROUNDS = 2
#: A move must lower the row's part of the inertia by at least this share, more than rounding can.
LEAST = 1e-9


def share(rows: Rows, centers: Array) -> float | None:
    """The share of rows with several nearest centres, or None if no ties are to be expected.

    It is estimated from a few rows. For most data off the grid, the largest magnitudes alone, which
    are already known, rule ties out.
    """
    largest = to_host(rows.summary.max_abs).tolist()
    if centers.shape[0] == 1 or any(value % GRID or value > LARGEST for value in largest):
        return None
    xp, few = rows.xp, rows.take(_spread(rows, min(LOOK, _most(rows, centers))))
    if not host_floats(xp.all(few == xp.round(few / GRID) * GRID))[0]:
        return None
    squares = _squares(rows, few, centers)
    several = xp.sum(_nearest(squares), axis=1) > 1
    several = several & (xp.min(squares, axis=1) > 0)  # ties between equal centres do not matter
    return host_floats(xp.mean(xp.astype(several, squares.dtype)))[0]


def split(rows: Rows, centers: Array, w: Array | None) -> Array:
    """Means after splitting each row equally among all of its nearest centres.

    All ways of assigning rows to nearest centres have the same inertia, and the means lower it.
    """
    xp, places = rows.xp, _spread(rows, _most(rows, centers))
    few = rows.take(places)
    parts = _nearest(_squares(rows, few, centers))
    parts = xp.round(parts / xp.sum(parts, axis=1)[:, None] / PART) * PART
    if w is not None:
        parts = parts * xp.astype(rows.take_along(w, places), parts.dtype)[:, None]
    sums = parts.T @ xp.astype(few, parts.dtype)
    return rows.kernels.kmeans.update_centers(
        CentroidStats(sums, xp.sum(parts, axis=0), 0), centers
    ).centers


class Exchange:
    """Moves of rows that lower the inertia.

    Equal rows move together: a weight of two is a row repeated.
    """

    def __init__(self, rows: Rows, w: Array | None):
        self.rows, self.w = rows, w

    def __call__(self, step: Any, stats: Any, centers: Array) -> Array | None:
        """Means after moving rows; None if no move lowers the inertia or there are too many rows.

        A cluster takes part in at most one move, so that moves don't change each other's gain.

        stats : the statistics that belong to the step's labels
        """
        rows, xp = self.rows, self.rows.xp
        if rows.n * SHORT > WORK or self._distinct[0].shape[0] > _most(rows, centers):
            return None
        places, few, w = self._distinct
        counts = asarray(stats.counts, like=rows.like)
        means = asarray(stats.sums, like=rows.like) / counts[:, None]
        labels = rows.take_along(step.labels, places)
        found = _best_moves(_squares(rows, few, means), labels, w, counts)
        old, gain, new = map(to_host, (labels, *found))
        moving = _apart(gain, old, new, counts.shape[0])
        if not len(moving):
            return None
        movers = asarray(moving, like=rows.like)
        weight = to_host(xp.take(w, movers))
        values = weight[:, None] * to_host(xp.take(few, movers, axis=0))
        sums, sizes = np.array(to_host(stats.sums)), np.array(to_host(counts))
        for cluster, sign in ((old[moving], -1), (new[moving], 1)):
            sums[cluster] += sign * values
            sizes[cluster] += sign * weight
        sums, sizes = (asarray(x, like=rows.like, dtype=means.dtype) for x in (sums, sizes))
        return rows.kernels.kmeans.update_centers(CentroidStats(sums, sizes, 0), centers).centers

    @cached_property
    def _distinct(self) -> tuple[Array, Array, Array]:
        """The distinct rows: places (u,), values (u, d) and sums of weights (u,)."""
        rows, xp = self.rows, self.rows.xp
        few = rows.take(xp.arange(rows.n, device=rows.device))
        wide = rows.zeros(()).dtype
        # hash rows by two random linear sums: different rows agree in both once in 2^58
        factors = np.random.default_rng(0).integers(1 << 20, 1 << 30, (2, rows.d))
        multiples = asarray(factors, like=few, dtype=wide)
        wider = xp.astype(few, wide)
        keys = [to_host(xp.sum(wider * multiples[i, ...], axis=1)) for i in range(2)]
        _, first, which = np.unique(keys[0] + 1j * keys[1], return_index=True, return_inverse=True)
        place = np.argsort(np.argsort(first))  # in the order of the rows, the same on all backends
        weights = np.bincount(place[which], None if self.w is None else to_host(self.w))
        first = np.sort(first)
        places = asarray(first, like=few)
        return places, xp.take(few, places, axis=0), asarray(weights, like=few, dtype=wide)


def _best_moves(squares: Array, labels: Array, w: Array, counts: Array) -> tuple[Array, Array]:
    """How much the best move of each row lowers the inertia, or 0, and the cluster it goes to.

    A row of weight w, at a distance d from the mean of its cluster of weight n, adds
    n / (n - w) w d^2 to the inertia; it would add n / (n + w) w d^2 to that of another cluster.
    """
    xp = namespace(squares)
    clusters = xp.arange(counts.shape[0], dtype=labels.dtype, device=device(labels))
    own = labels[:, None] == clusters[None, :]
    size, none = xp.take(counts, labels), xp.zeros_like(w)
    rest = size - w
    alone = rest <= LEAST * size
    square = xp.sum(xp.where(own, squares, xp.zeros_like(squares)), axis=1)
    adds = square * size / xp.where(alone, size, rest)
    would_add = squares * (counts[None, :] / (counts[None, :] + w[:, None]))
    would_add = xp.where(own, xp.full_like(squares, xp.inf), would_add)
    gain = adds - xp.min(would_add, axis=1)
    lower = (gain > LEAST * adds) & xp.logical_not(alone)
    return xp.where(lower, w * gain, none), xp.argmin(would_add, axis=1)


def _apart(gain: np.ndarray, old: np.ndarray, new: np.ndarray, k: int) -> np.ndarray:
    """Rows whose moves lower the inertia and share no cluster: those that gain most go first."""
    rows = np.flatnonzero(gain > 0)
    free, chosen = np.ones(k, bool), []
    for row in rows[np.argsort(-gain[rows], kind="stable")]:
        ends = [old[row], new[row]]
        if free[ends].all():
            free[ends] = False
            chosen.append(row)
    return np.array(chosen, np.int64)


def _most(rows: Rows, centers: Array) -> int:
    """The number of rows that are measured at a time."""
    return max(1, WORK // (centers.shape[0] * max(rows.d, SHORT)))


def _spread(rows: Rows, most: int) -> Array:
    """Indices of evenly spaced rows, at most `most`."""
    return rows.xp.arange(0, rows.n, -(-rows.n // most), device=rows.device)


def _squares(rows: Rows, few: Array, centers: Array) -> Array:
    """Squared distances (m, k), in multiples of UNIT."""
    return rows.xp.round(rows.kernels.distances.squared_distances(few, centers) / UNIT) * UNIT


def _nearest(squares: Array) -> Array:
    """1 for the nearest centres of each row and 0 for the others, (m, k)."""
    xp = namespace(squares)
    return xp.astype(squares <= xp.min(squares, axis=1)[:, None], squares.dtype)
