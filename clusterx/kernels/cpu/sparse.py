"""k-means kernels for CSR matrices in host memory: work in proportion to what is stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Summary
from . import sparse_loops as loops
from . import sparse_sums, steps
from .seeding import PlainSeeding
from .threads import run_blocks

ROWS_PER_TASK = 1024
#: Rows of the sample that heavy columns are found from.
SAMPLE = 1024
#: A column is heavy when its mean square exceeds this many times the variance of all lighter ones.
HEAVY = 16.0
#: Sums that differ by less than this share may differ by rounding alone.
ROUNDING = 1e-9


def summary(X) -> Summary:
    from sklearn.utils.sparsefuncs import mean_variance_axis

    mean, variance = mean_variance_axis(X.astype(np.float64, copy=False), axis=0)
    largest = np.abs(X).max(axis=0).toarray().ravel().astype(np.float64)
    return Summary(np.isfinite(X.data).all(), mean, variance, largest)


def heavy_columns(X) -> np.ndarray:
    """Columns that would drown the digits of all others in |x|^2, as many as a row has values.

    Where a column of Unix seconds stands beside others, only its differences mean something.
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
    """CSR rows as the loops want them, whatever centres they will be compared with.

    heavy : what `heavy_columns` found in X or in more such rows
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
        self.rows = loops.Rows(X.data, X.indices, X.indptr, data, heavy, values)
        self.parts = steps.blocks(n, ROWS_PER_TASK)

    def centres(self, C) -> loops.Centres:
        C = np.ascontiguousarray(C, np.float64)
        k, d = C.shape
        columns, squares = np.empty((d, k)), np.empty(k)
        used = np.empty((k, -(-d // loops.BLOCK)), np.bool_)
        few = max(1, steps.TASK // (4 * d))
        some, wide = steps.blocks(k, few), steps.blocks(d, max(1, steps.TASK // (4 * k)))

        def prepare(b):
            if b < len(some):
                loops.describe(C, self.light, *some[b], squares, used)
            else:
                loops.transpose(C, *wide[b - len(some)], columns)

        run_blocks(prepare, len(some) + len(wide))
        starts = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
        blocks = np.nonzero(used)[1].astype(np.int32)
        return loops.Centres(C, columns, squares, starts, blocks)

    def nearest(self, C, digits=True) -> tuple[np.ndarray, np.ndarray]:
        """Labels and squared distances, which are empty unless their digits are wanted."""
        n = self.X.shape[0]
        labels, squared = np.empty(n, np.int32), np.empty(n if digits else 0)
        centres = self.centres(C)

        def block(b):
            loops.label_rows(self.rows, centres, *self.parts[b], labels, squared)

        run_blocks(block, len(self.parts))
        return labels, squared

    def squared_distances(self, C) -> np.ndarray:
        out = np.empty((self.X.shape[0], len(C)))
        centres = self.centres(C)
        run_blocks(
            lambda b: loops.square_rows(self.rows, centres, *self.parts[b], out), len(self.parts)
        )
        return out

    def own_squares(self, C, labels) -> np.ndarray:
        """Squared distances to the centre of each row's label, bit by bit those of dense rows."""
        out = np.empty(self.X.shape[0])
        centres = self.centres(C)

        def block(b):
            loops.own_rows(self.rows, centres, labels, *self.parts[b], out)

        run_blocks(block, len(self.parts))
        return out


class SparseStep(steps.RowStep):
    """Every stored value against all centres at once."""

    def __init__(self, X: Any, w: np.ndarray | None, grid: Any):
        super().__init__(X, w, grid)
        self.rows = SparseRows(X)

    def assign(self, C):
        self.begin(C)
        self.labels, _ = self.rows.nearest(self.C, digits=False)

    def __call__(self, C):
        known = self.follows(C.shape[0])
        previous = self.labels if known else np.full(self.X.shape[0], -1, np.int32)
        self.assign(C)
        X: Any = self.X
        g = self.grid
        moved = sparse_sums.move_rows(
            X.data, X.indices, X.indptr, self.w, self.labels, previous, g.units, g.lo_scale,
            *self.table,
        )  # fmt: skip
        return self.stats(moved)

    def distances(self):
        return self.rows.own_squares(self.C, self.labels)


class SparseSeeding(PlainSeeding):
    """As for dense rows: gains are summed over the same rows in the same order.

    Where rounding may decide between candidates, distances are measured from then on, and have the
    bits of those of dense rows. So have the ones that only `start` and `add` have made.
    """

    def __init__(self, X, w, rows: SparseRows | None = None):
        super().__init__(X, w)
        self.rows = rows or SparseRows(X)
        self.allowed = loops.SHARE
        self.accepted: list[int] = []

    def _candidates(self, rows):
        return self.rows.centres(self.X[rows].toarray())

    def start(self, index):
        self._lower(int(index), 0.0)

    add = start

    def accept(self, row):
        self._lower(row, self.allowed)

    def _lower(self, row, allowed):
        self.accepted.append(row)
        centres = self._candidates([row])

        def block(b):
            loops.accept_rows(self.rows.rows, centres, allowed, *self.parts[b], self.closest)

        run_blocks(block, len(self.parts))
        self.add_up()

    def gains(self, chosen):
        found = self._gains(chosen)
        behind = found.max() - found
        if self.allowed > 0.0 and ((behind > 0) & (behind < ROUNDING * found.max())).any():
            self._measure()
            found = self._gains(chosen)
        return found

    def _gains(self, chosen):
        out = np.zeros((len(self.parts), len(chosen)))
        centres = self._candidates(chosen)

        def block(b):
            loops.gain_rows(
                self.rows.rows, centres, self.allowed, self.w, *self.parts[b], self.closest, out[b]
            )  # fmt: skip

        run_blocks(block, len(self.parts))
        return out.sum(axis=0)

    def _measure(self):
        self.allowed = 0.0
        self.closest[:] = np.inf
        before, self.accepted = self.accepted, []
        for row in before:
            self.accept(row)


def seeding(X, w, step) -> SparseSeeding:
    """Seeding that shares what the step on the same rows has prepared."""
    return SparseSeeding(X, w, step.rows if isinstance(step, SparseStep) else None)


def nearest(X, C):
    return SparseRows(X).nearest(C)


def squared_distances(X, C):
    return SparseRows(X).squared_distances(C)


def distances(X, C):
    return np.sqrt(squared_distances(X, C))
