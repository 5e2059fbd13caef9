"""Distances between CSR rows: each row against all others, by the columns that both store.

As in `sparse_loops`, squares are expanded over the columns that are not heavy. Pairs that lose
their digits by that are measured: their squared differences are added over the columns that either
row stores.
"""

from __future__ import annotations

import numpy as np

from ...cpu import ranges
from ...cpu.jit import INNER, jit
from ...cpu.threads import run_blocks
from .sparse import SparseRows
from .sparse_loops import SHARE, rounding

ROWS_PER_TASK = 64


class SparsePairs:
    """Sums of each CSR row's distances to the rows of X in each cluster, and extreme distances."""

    def __init__(self, X, labels: np.ndarray, k: int):
        self.X, self.labels, self.k = X, labels, k
        prepared = SparseRows(X)
        self.light, self.heavy = prepared.light, prepared.rows.heavy
        self.rows = self._side(X)
        columns = X.tocsc()
        columns.data = columns.data * np.repeat(self.light, np.diff(columns.indptr))
        self.columns = columns.data, columns.indices, columns.indptr

    def _side(self, X) -> tuple[np.ndarray, ...]:
        """Stored values, |x|^2 over light columns, and values in heavy ones."""
        data = X.data.astype(np.float64)
        squares = np.empty(X.shape[0])
        parts = ranges.blocks(X.shape[0], ranges.ROWS_PER_TASK)
        run_blocks(
            lambda b: light_squares(data, X.indices, X.indptr, self.light, *parts[b], squares),
            len(parts),
        )
        return data, X.indices, X.indptr, squares, X[:, self.heavy].toarray().astype(np.float64)

    def __call__(self, Q) -> np.ndarray:
        """Sums (len(Q), k) of distances."""
        out = np.zeros((Q.shape[0], self.k))
        rows = self.rows if Q is self.X else self._side(Q)
        parts = ranges.blocks(len(out), ROWS_PER_TASK)

        def block(b):
            sum_distances(rows, self.rows, self.columns, self.labels, *parts[b], out)

        run_blocks(block, len(parts))
        return out

    def extremes(self) -> tuple[float, float]:
        """The least distance between rows of two clusters, and the largest within one."""
        parts = ranges.blocks(len(self.labels), ROWS_PER_TASK)
        best = np.empty((len(parts), 2))
        best[:] = np.inf, 0.0

        def block(b):
            extreme_squares(self.rows, self.columns, self.labels, *parts[b], best[b])

        run_blocks(block, len(parts))
        return float(np.sqrt(best[:, 0].min())), float(np.sqrt(best[:, 1].max()))


def distance_sums(X, labels, k, metric) -> SparsePairs:
    return SparsePairs(X, labels, k)


def min_between_max_within(X, labels, k, metric) -> tuple[float, float]:
    return SparsePairs(X, labels, k).extremes()


@jit
def light_squares(data, indices, indptr, light, start, stop, out):
    for i in range(start, stop):
        s = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            v = data[e] * light[indices[e]]
            s += v * v
        out[i] = s


@jit(**INNER)
def between(data_q, columns_q, data_x, columns_x):
    """Squared distance of two rows, added over the columns that either stores."""
    s, p, q = 0.0, 0, 0
    while p < columns_q.shape[0] or q < columns_x.shape[0]:
        left = q == columns_x.shape[0] or (p < columns_q.shape[0] and columns_q[p] <= columns_x[q])
        right = p == columns_q.shape[0] or (q < columns_x.shape[0] and columns_x[q] <= columns_q[p])
        t = (data_q[p] if left else 0.0) - (data_x[q] if right else 0.0)
        s += t * t
        p += left
        q += right
    return s


@jit(**INNER)
def row_squares(side_q, side_x, columns, i, out):
    """Squared distances of row i of the first side to all rows of the second.

    columns : the second side by columns, with zeros in heavy ones: values, rows, starts
    """
    data_q, indices_q, indptr_q, squares_q, heavy_q = side_q
    data_x, indices_x, indptr_x, squares_x, heavy_x = side_x
    values, rows, starts = columns
    out[:] = 0.0
    first, last = indptr_q[i], indptr_q[i + 1]
    for e in range(first, last):
        v, a = data_q[e], indices_q[e]
        for g in range(starts[a], starts[a + 1]):
            out[rows[g]] += v * values[g]
    own, share = squares_q[i], rounding(indptr_q, i)
    for j in range(out.shape[0]):
        out[j] = max(own + squares_x[j] - 2.0 * out[j], 0.0)
    for h in range(heavy_q.shape[1]):
        v = heavy_q[i, h]
        for j in range(out.shape[0]):
            out[j] += (v - heavy_x[j, h]) ** 2
    for j in range(out.shape[0]):
        # the larger share, because |x|^2 of a row with many values has a larger error
        if max(share, rounding(indptr_x, j)) * (own + squares_x[j]) > SHARE * out[j]:
            p, q = indptr_x[j], indptr_x[j + 1]
            out[j] = between(data_q[first:last], indices_q[first:last], data_x[p:q], indices_x[p:q])


@jit
def sum_distances(side_q, side_x, columns, labels, start, stop, sums):
    squares = np.empty(labels.shape[0])
    for i in range(start, stop):
        row_squares(side_q, side_x, columns, i, squares)
        to = sums[i]
        for j in range(labels.shape[0]):
            to[labels[j]] += np.sqrt(squares[j])


@jit
def extreme_squares(side, columns, labels, start, stop, best):
    """Lower best[0], the least square between clusters; raise best[1], the largest within one."""
    squares = np.empty(labels.shape[0])
    for i in range(start, stop):
        row_squares(side, side, columns, i, squares)
        least, most = best[0], best[1]
        for j in range(labels.shape[0]):
            same = labels[j] == labels[i]
            least = least if same else min(least, squares[j])
            most = max(most, squares[j]) if same else most
        best[0], best[1] = least, most
