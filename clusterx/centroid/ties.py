"""Rows with several nearest centres, of which Lloyd's iterations know the first only.

Whole numbers have many. First centres that are rows tie for a large share of the others; where one
centre gets all of those, clusters begin uneven and end so. `split` gives them to all of their
nearest centres in equal parts. And when no label changes any more, a row half way between two
centres stays where it is, although a move would lower the inertia, because the centres follow it.
`Exchange` makes such moves, and all that lower the inertia (Hartigan, "Clustering Algorithms",
1975).

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
#: Beyond this magnitude squares round too coarsely for ties to be told, if there are any.
LARGEST = 1 << 24
#: Rows that tell whether values are on the grid and ties common: 0.1 ms of quantize-2.8mp-256.
LOOK = 128
#: Share of tied rows from which the first iteration splits them. It is about 1% for 256 random
#: colours of a photo, and 20 to 50% for eight rows of zeros and ones.
COMMON = 1 / 16
#: Rows times centres times columns (SHORT at least) that are measured at a time: two milliseconds.
WORK, SHORT = 1 << 20, 16
#: Squared distances are rounded to this, far above their errors: equal ones are equal everywhere.
UNIT = 2.0**-30
#: Parts of a row are multiples of this, so that sums of them are exact.
PART = 2.0**-16
#: Rounds of moves, each followed by iterations. Two reach the inertia that scikit-learn has, on
#: average, in all settings of bench/ties.py; more would cost small fits more than they bring.
ROUNDS = 2
#: Moves lower what a row adds to the inertia by this share at least, which is no rounding.
LEAST = 1e-9


def share(rows: Rows, centers: Array) -> float | None:
    """Share of the rows with several nearest centres, or None where no ties are to be expected.

    A few rows tell, and for most data without a grid the largest magnitudes, which are known.
    """
    largest = to_host(rows.summary.max_abs).tolist()
    if centers.shape[0] == 1 or any(value % GRID or value > LARGEST for value in largest):
        return None
    xp, few = rows.xp, rows.take(_spread(rows, min(LOOK, _most(rows, centers))))
    if not host_floats(xp.all(few == xp.round(few / GRID) * GRID))[0]:
        return None
    squares = _squares(rows, few, centers)
    several = xp.sum(_nearest(squares), axis=1) > 1
    several = several & (xp.min(squares, axis=1) > 0)  # no matter to rows on equal centres
    return host_floats(xp.mean(xp.astype(several, squares.dtype)))[0]


def split(rows: Rows, centers: Array, w: Array | None) -> Array:
    """Means after rows went to all of their nearest centres in equal parts.

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
        """Means after moves of rows; None if no move lowers the inertia, or rows are many.

        A cluster takes part in one move at most, so that moves don't change each other's worth.

        stats : of the step's labels
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
        # two sums of random multiples: rows that differ have both equal once in 2^58
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
    """What the best move of each row takes from the inertia, or 0, and the cluster it goes to.

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
    """Rows that are measured at a time."""
    return max(1, WORK // (centers.shape[0] * max(rows.d, SHORT)))


def _spread(rows: Rows, most: int) -> Array:
    """Places of rows at equal distances, as many as there may be."""
    return rows.xp.arange(0, rows.n, -(-rows.n // most), device=rows.device)


def _squares(rows: Rows, few: Array, centers: Array) -> Array:
    """Squared distances (m, k), in multiples of UNIT."""
    return rows.xp.round(rows.kernels.distances.squared_distances(few, centers) / UNIT) * UNIT


def _nearest(squares: Array) -> Array:
    """1 for the nearest centres of each row and 0 for the others, (m, k)."""
    xp = namespace(squares)
    return xp.astype(squares <= xp.min(squares, axis=1)[:, None], squares.dtype)
