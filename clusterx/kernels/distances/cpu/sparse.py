"""Distances of the rows of CSR matrices to centres, at a cost proportional to the stored values."""

from __future__ import annotations

import numpy as np

from ...cpu import ranges
from ...cpu.threads import run_blocks
from . import sparse_loops

ROWS_PER_TASK = 1024
#: Rows of the sample in which heavy columns are found.
SAMPLE = 1024
#: A column is heavy when its mean square exceeds this many times the total variance of all lighter
#: columns.
HEAVY = 16.0


def heavy_columns(X) -> np.ndarray:
    """Columns whose squares are so large that |x|^2 would lose the digits of the other columns.

    There are about as many as a row has stored values, at most. An example is a column of Unix
    seconds, of which only the differences matter.
    """
    n, d = X.shape
    few = X[:: max(1, n // SAMPLE)]
    values = few.data.astype(np.float64)
    mean, square = (np.bincount(few.indices, values**p, minlength=d) / few.shape[0] for p in (1, 2))
    variance = np.maximum(square - mean * mean, 0.0)
    count = min(d, len(values) // few.shape[0] + 1)
    order = np.argpartition(-square, count - 1)[:count]
    order = order[np.argsort(-square[order])]
    others = np.ones(d, np.bool_)
    others[order] = False
    own = variance[order]
    lighter = variance[others].sum() + np.cumsum(own[::-1])[::-1] - own
    drowning = np.flatnonzero(square[order] > HEAVY * lighter)
    return np.sort(order[: drowning[-1] + 1 if len(drowning) else 0]).astype(np.int32)


class SparseRows:
    """CSR rows, prepared for the loops over any centres.

    heavy : the `heavy_columns` of X, or of a larger set of rows that X is part of
    """

    def __init__(self, X, heavy: np.ndarray | None = None):
        self.X = X
        n, d = X.shape
        heavy = heavy_columns(X) if heavy is None else heavy
        self.light, data, values = np.ones(d), X.data, np.empty((n, 0))
        if len(heavy):
            self.light[heavy] = 0.0
            data = np.where(self.light[X.indices] > 0, X.data, 0).astype(X.dtype)
            values = X[:, heavy].toarray().astype(np.float64)
        self.rows = sparse_loops.CsrRows(X.data, X.indices, X.indptr, data, heavy, values)
        self.parts = ranges.blocks(n, ROWS_PER_TASK)

    def centres(self, C) -> sparse_loops.Centres:
        C = np.ascontiguousarray(C, np.float64)
        k, d = C.shape
        columns, squares = np.empty((d, k)), np.empty(k)
        used = np.empty((k, -(-d // sparse_loops.BLOCK)), np.bool_)
        few = max(1, ranges.TASK // (4 * d))
        some, wide = ranges.blocks(k, few), ranges.blocks(d, max(1, ranges.TASK // (4 * k)))

        def prepare(b):
            if b < len(some):
                sparse_loops.describe(C, self.light, *some[b], squares, used)
            else:
                sparse_loops.transpose(C, *wide[b - len(some)], columns)

        run_blocks(prepare, len(some) + len(wide))
        starts = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
        blocks = np.nonzero(used)[1].astype(np.int32)
        return sparse_loops.Centres(C, columns, squares, starts, blocks)

    def nearest(self, C, digits=True) -> tuple[np.ndarray, np.ndarray]:
        """Labels and squared distances; the latter are empty unless `digits` asks for them."""
        n = self.X.shape[0]
        labels, squared = np.empty(n, np.int32), np.empty(n if digits else 0)
        centres = self.centres(C)

        def block(b):
            sparse_loops.label_rows(self.rows, centres, *self.parts[b], labels, squared)

        run_blocks(block, len(self.parts))
        return labels, squared

    def squared_distances(self, C) -> np.ndarray:
        out = np.empty((self.X.shape[0], len(C)))
        centres = self.centres(C)
        run_blocks(
            lambda b: sparse_loops.square_rows(self.rows, centres, *self.parts[b], out),
            len(self.parts),
        )
        return out

    def assigned_squared_distances(self, C, labels) -> np.ndarray:
        """Squared distances to the centre of each row's label, bit for bit those of dense rows."""
        out = np.empty(self.X.shape[0])
        centres = self.centres(C)

        def block(b):
            sparse_loops.own_rows(self.rows, centres, labels, *self.parts[b], out)

        run_blocks(block, len(self.parts))
        return out


def nearest(X, C):
    return SparseRows(X).nearest(C)


def squared_distances(X, C):
    return SparseRows(X).squared_distances(C)


def distances(X, C):
    return np.sqrt(squared_distances(X, C))


def distances_to(X, c):
    return squared_distances(X, c[None, :])[:, 0]


def assigned_squared_distances(X, C, labels):
    return SparseRows(X).assigned_squared_distances(C, labels)
