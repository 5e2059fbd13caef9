"""Steps of k-means for CSR matrices, at a cost proportional to the stored values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...cpu.threads import run_blocks
from ...distances.cpu import sparse_loops
from ...distances.cpu.sparse import SparseRows
from . import sparse_sums, step
from .seeds import PlainSeeding

#: Sums that differ by less than this share may differ by rounding alone.
ROUNDING = 1e-9


class SparseStep(step.RowStep):
    """Lloyd's step; each stored value is compared with all centres at once."""

    def __init__(self, X: Any, w: np.ndarray | None, scales: Any):
        super().__init__(X, w, scales)
        self.rows = SparseRows(X)

    def assign(self, C):
        self.begin(C)
        self.labels, _ = self.rows.nearest(self.C, digits=False)

    def __call__(self, C):
        known = self.follows(C.shape[0])
        previous = self.labels if known else np.full(self.X.shape[0], -1, np.int32)
        self.assign(C)
        X: Any = self.X
        g = self.scales
        n_changed = sparse_sums.move_rows(
            X.data, X.indices, X.indptr, self.w, self.labels, previous, g.units, g.lo_scale,
            *self.table,
        )  # fmt: skip
        return self.stats(n_changed)

    def distances(self):
        return self.rows.assigned_squared_distances(self.C, self.labels)


class SparseSeeding(PlainSeeding):
    """Seeding as for dense rows: gains are added over the same rows in the same order.

    Once rounding may decide between candidates, distances are measured from then on, with the bits
    of dense rows. Distances that only `start` and `add` have set have those bits, too.
    """

    def __init__(self, X, w, rows: SparseRows | None = None):
        super().__init__(X, w)
        self.rows = rows or SparseRows(X)
        self.allowed = sparse_loops.SHARE
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
            sparse_loops.accept_rows(self.rows.rows, centres, allowed, *self.parts[b], self.closest)

        run_blocks(block, len(self.parts))
        self.add_up()

    def gains(self, chosen):
        gains = self._gains(chosen)
        behind = gains.max() - gains
        if self.allowed > 0.0 and ((behind > 0) & (behind < ROUNDING * gains.max())).any():
            self._measure()
            gains = self._gains(chosen)
        return gains

    def _gains(self, chosen):
        out = np.zeros((len(self.parts), len(chosen)))
        centres = self._candidates(chosen)

        def block(b):
            sparse_loops.gain_rows(
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
