"""Sums of distances to clusters: each pair of rows once, in tiles that fit a core's cache."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import numpy as np

from ...cpu.ranges import blocks
from ...cpu.threads import run_blocks, single_threaded_blas
from ...reductions.cpu.segments import sum_rows_by_label
from . import tiles

#: Rows and columns of a tile.
TILE = 512
LEAST_TILE = 128
#: Up to this many columns, distances are added up coordinate by coordinate.
DIRECT_DIMENSIONS = 8
#: Up to this many rows, NumPy computes the table of all distances, and nothing is compiled: the
#: first silhouette of a small table takes a second less, and later ones are no slower.
FEW_ROWS = 256
#: Up to this many float32 rows are multiplied in float64: that costs little, and the errors of few
#: rows do not average out.
FLOAT32_ROWS = 2048
#: A distance is recomputed when its square is below this share of the terms in its formula, because
#: cancellation may have taken its digits.
SHARE = {np.dtype("float32"): 2.0**-3, np.dtype("float64"): 2.0**-10}
#: A tile in which more than this share of the float32 distances lost their digits is redone in
#: float64.
LOST = 0.25
#: Least rows per group: more groups cost more than they save.
ROWS_PER_GROUP = 256
LEAST_GROUPS = 8
ROWS_PER_TASK = 1024
_DIRECT: dict[str, Callable] = {
    "euclidean": tiles.squares_tile,
    "manhattan": tiles.manhattan_tile,
    "chebyshev": tiles.chebyshev_tile,
}


class Side:
    """Sorted rows, prepared for either side of a tile.

    order: the indices of the sorted rows in X. T: the transposed rows, float64. Z: rows less the
    centre of their group. F[g, i]: the squared distance of row i to the centre of group g.
    """

    T: np.ndarray
    Z: np.ndarray

    def __init__(self, X: np.ndarray, order: np.ndarray):
        self.X, self.order = X, order
        self.n = len(order)

    def transpose(self) -> None:
        self.T = np.ascontiguousarray(self.X[self.order].T, np.float64)

    def measure(self, centers: np.ndarray, group: np.ndarray | None) -> None:
        """Compute F; where `group` is None, a row's group is that of its nearest centre."""
        self.centers = centers
        self.F = np.empty((len(centers), self.n))
        parts = blocks(self.n, ROWS_PER_TASK)
        run_blocks(
            lambda b: tiles.far_from(self.X, self.order, centers, *parts[b], self.F), len(parts)
        )
        self.group = np.argmin(self.F, axis=0).astype(np.int32) if group is None else group

    def centre(self, dtype: np.dtype) -> None:
        self.Z = np.empty((self.n, self.X.shape[1]), dtype)
        parts = blocks(self.n, ROWS_PER_TASK)
        run_blocks(lambda b: self._centre(*parts[b], self.Z[slice(*parts[b])]), len(parts))

    def centred(self, a: int, b: int) -> np.ndarray:
        """Rows a..b of Z, in float64."""
        out = np.empty((b - a, self.X.shape[1]))
        self._centre(a, b, out)
        return out

    def _centre(self, a: int, b: int, out: np.ndarray) -> None:
        tiles.centre_rows(self.X, self.order[a:b], self.group[a:b], self.centers, out)


class Tiles:
    """Distances between rows and X, whose rows are sorted by cluster, a tile at a time."""

    def __init__(self, X: np.ndarray, labels: np.ndarray, k: int, metric: str):
        self.X, self.k = X, k
        self.n = len(labels)
        order = np.argsort(labels, kind="stable")
        self.labels = labels[order]
        counts = np.bincount(labels, minlength=k)
        self.stops = np.repeat(np.cumsum(counts), counts)  # end of each sorted row's cluster
        self.side = Side(X, order)
        self.dtype = np.dtype("float64")
        self.direct: Callable | None = None
        self._own = threading.local()
        if metric == "euclidean" and X.shape[1] > DIRECT_DIMENSIONS:
            self._prepare_products(labels, counts)
        else:
            self.direct = _DIRECT[metric]
            self.side.transpose()

    def _prepare_products(self, labels: np.ndarray, counts: np.ndarray) -> None:
        k, side = self.k, self.side
        sums = sum_rows_by_label(self.X, labels, k)
        if k <= max(LEAST_GROUPS, self.n // ROWS_PER_GROUP):
            centers, group = sums / np.maximum(counts, 1)[:, None], self.labels
            self.group_stops = self.stops
        else:  # few pairs are within a cluster, and F would be large
            centers, group = sums.sum(axis=0)[None, :] / self.n, np.zeros_like(self.labels)
            self.group_stops = np.full_like(self.stops, self.n)
        side.measure(centers, group)
        self.gap = np.array([((centers - m) ** 2).sum(axis=1) for m in centers])
        largest = float(np.max(side.F))
        if self.X.dtype == np.float32 and self.n > FLOAT32_ROWS and 1e-30 < largest < 1e30:
            self.dtype = self.X.dtype
        side.centre(self.dtype)

    def side_of(self, Q: np.ndarray) -> Side:
        """The side for other rows Q, which keep their order."""
        side = Side(Q, np.arange(len(Q)))
        if self.direct is not None:
            side.transpose()
        else:
            side.measure(self.side.centers, None)
            side.centre(self.dtype)
        return side

    def tile(self, rows: Side, r0: int, r1: int, c0: int, c1: int) -> np.ndarray:
        """Distances of rows r0..r1 to columns c0..c1; the thread's next tile overwrites them."""
        columns = self.side
        shape = r1 - r0, c1 - c0
        P = self._room(shape)
        if self.direct is not None:
            self.direct(P, r0, c0, rows.T, columns.T)
            return P
        np.matmul(rows.Z[r0:r1], columns.Z[c0:c1].T, out=P)
        lost = self._finish(P, rows, r0, c0)
        if lost > LOST * P.size and self.dtype == np.float32:
            P = rows.centred(r0, r1) @ columns.centred(c0, c1).T
            lost = self._finish(P, rows, r0, c0)
        if lost:
            tiles.measure_lost(P, r0, c0, rows.X, columns.X, rows.order, columns.order)
        return P

    def _finish(self, P: np.ndarray, rows: Side, r0: int, c0: int) -> int:
        columns = self.side
        return tiles.product_tile(
            P, r0, c0, rows.group, columns.group, self.group_stops, rows.F, columns.F, self.gap,
            SHARE[P.dtype],
        )  # fmt: skip

    def _room(self, shape: tuple[int, int]) -> np.ndarray:
        """Memory that this thread reuses: new pages for every tile would cost a few per cent."""
        size = shape[0] * shape[1]
        if not hasattr(self._own, "room") or self._own.room.size < size:
            self._own.room = np.empty(max(size, TILE * TILE), self.dtype)
        return self._own.room[:size].reshape(shape)

    def each_pair(self, fn: Callable[[np.ndarray, int, int, int], None]) -> None:
        """Call fn(tile, r0, c0, number) for tiles that together contain each pair of rows once.

        Tiles are computed in rounds. The tiles of a round have no rows and no columns in common, so
        the sums of each row and the sums of each column are always added in the same order. A tile
        on the diagonal (r0 == c0) contains its pairs twice.
        """
        count = max(1, -(-self.n // min(TILE, max(LEAST_TILE, self.n // 8))))
        bounds = [self.n * b // count for b in range(count + 1)]

        def task(step: int, r: int) -> None:
            c = (r + step) % count
            P = self.tile(self.side, bounds[r], bounds[r + 1], bounds[c], bounds[c + 1])
            fn(P, bounds[r], bounds[c], r)

        with nullcontext() if self.direct else single_threaded_blas():
            for step in range(count // 2 + 1):
                twice = step > 0 and 2 * step == count  # the second half would repeat the first
                run_blocks(partial(task, step), count // 2 if twice else count)


class DistanceSums(Tiles):
    """Sums of each row's distances to the rows X of each cluster."""

    def __call__(self, Q: np.ndarray) -> np.ndarray:
        """Sums (len(Q), k), float64; those of X itself cost half."""
        if Q is self.X:
            return self._own_sums()
        rows = self.side_of(Q)
        sums = np.zeros((len(Q), self.k))
        parts = blocks(len(Q), LEAST_TILE if len(Q) < 4 * TILE else TILE)

        def block(b: int) -> None:
            r0, r1 = parts[b]
            for c0, c1 in blocks(self.n, TILE):
                P = self.tile(rows, r0, r1, c0, c1)
                self._add(P, r0, c0, np.empty(0, np.int32), sums, sums, False)

        with nullcontext() if self.direct else single_threaded_blas():
            run_blocks(block, len(parts))
        return sums

    def _own_sums(self) -> np.ndarray:
        of_rows, of_columns = np.zeros((2, self.n, self.k))

        def add(P: np.ndarray, r0: int, c0: int, _: int) -> None:
            self._add(P, r0, c0, self.labels, of_rows, of_columns, r0 != c0)

        self.each_pair(add)
        of_rows += of_columns
        of_columns[self.side.order] = of_rows
        return of_columns

    def _add(self, P, r0, c0, labels_r, of_rows, of_columns, both):
        tiles.add_tile(P, r0, c0, labels_r, self.labels, self.stops, of_rows, of_columns, both)


class FewSums:
    """`DistanceSums` for few rows X of few columns, by a table of all distances."""

    def __init__(self, X: np.ndarray, labels: np.ndarray, k: int, metric: str):
        self.columns = X.T.astype(np.float64)
        self.labels, self.k, self.metric = labels, k, metric

    def __call__(self, Q: np.ndarray) -> np.ndarray:
        parts = blocks(len(Q), ROWS_PER_TASK)
        return np.concatenate([np.empty((0, self.k)), *(self._sums(Q[a:b]) for a, b in parts)])

    def _sums(self, Q: np.ndarray) -> np.ndarray:
        table = np.zeros((len(self.labels), len(Q)))
        with np.errstate(over="ignore"):
            for x, q in zip(self.columns, Q.T.astype(np.float64), strict=True):
                apart = np.subtract.outer(x, q)
                if self.metric == "chebyshev":
                    np.maximum(table, np.abs(apart), out=table)
                else:
                    table += np.abs(apart) if self.metric == "manhattan" else apart * apart
        if self.metric == "euclidean":
            np.sqrt(table, out=table)
        sums = np.zeros((self.k, len(Q)))
        for label, distances in zip(self.labels, table, strict=True):
            sums[label] += distances
        return sums.T


def distance_sums(X: np.ndarray, labels: np.ndarray, k: int, metric: str) -> DistanceSums | FewSums:
    few = X.shape[0] <= FEW_ROWS and X.shape[1] <= DIRECT_DIMENSIONS
    return (FewSums if few else DistanceSums)(X, labels, k, metric)


def min_between_max_within(
    X: np.ndarray, labels: np.ndarray, k: int, metric: str
) -> tuple[float, float]:
    """The least distance between rows of two clusters, and the largest within one, exactly."""
    pairs = Tiles(X, labels, k, metric)
    exact = pairs.direct is not None
    # bounds the rounding error of a distance: that of the product and that of the other terms
    unit = float(np.finfo(pairs.dtype).eps)
    slack = 0.0 if exact else (2 * X.shape[1] + 64) * unit / SHARE[pairs.dtype]
    best = np.empty((-(-pairs.n // LEAST_TILE), 2))
    best[:] = np.inf, 0.0

    def update(P: np.ndarray, r0: int, c0: int, task: int) -> None:
        tiles.extremes_tile(
            P, r0, c0, pairs.labels, pairs.stops, X, pairs.side.order, exact, slack, best[task]
        )

    pairs.each_pair(update)
    return float(best[:, 0].min()), float(best[:, 1].max())
