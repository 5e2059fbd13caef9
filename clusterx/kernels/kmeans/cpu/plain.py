"""The plainest k-means step, for rows of few columns."""

from __future__ import annotations

import numpy as np

from ...cpu import fixed_point
from ...cpu.boxes import candidates
from ...cpu.jit import jit
from ...cpu.ranges import ROWS_PER_TASK, blocks
from ...cpu.threads import run_blocks
from .step import RowStep

TREE_ROWS = 4096
#: Below this many row-centre pairs, building and compiling the tree costs more than it saves.
TREE_WORK = 1 << 18


def few(n: int, k: int | None) -> bool:
    """Whether a tree of n rows is not paid back."""
    return n < TREE_ROWS or (k is not None and n * k <= TREE_WORK)


class PlainStep(RowStep):
    """Every row against the centres that its neighbours in memory leave over."""

    def suits(self, k: int) -> bool:
        return few(self.X.shape[0], k)

    def assign(self, C):
        self.begin(C)
        self.squared = np.empty(self.X.shape[0])
        variant = candidates.variant(self.X.shape[1])

        def block(b):
            candidates.nearest_blocks(
                self.X, self.C, *parts[b], self.labels, self.squared, *variant
            )

        parts = blocks(self.X.shape[0], ROWS_PER_TASK)
        run_blocks(block, len(parts))

    def __call__(self, C):
        known = self.follows(C.shape[0])
        previous = self.labels.copy() if known else np.full(len(self.labels), -1, np.int32)
        self.assign(C)
        moved = move_changed(
            self.X, self.w, self.labels, previous, self.grid.units, self.grid.lo_scale, *self.table
        )
        return self.stats(moved)


def move_changed_in_numpy(X, w, labels, previous, units, lo_scale, hi, lo):
    rows = np.flatnonzero(labels != previous)
    new, old = labels[rows], previous[rows]
    known = old >= 0
    weights = w[rows] if len(w) else np.ones(len(rows))
    for a in range(X.shape[1] + 1):
        scaled = weights * X[rows, a] if a < X.shape[1] else weights
        scaled = scaled * units[a]
        whole = np.rint(scaled)
        rest = np.rint((scaled - whole) * lo_scale)
        for sums, terms in ((hi, whole), (lo, rest)):
            if terms.any():
                integers = terms.astype(np.int64)
                np.add.at(sums[:, a], new, integers)
                np.subtract.at(sums[:, a], old[known], integers[known])
    return len(rows)


@jit(stand_in=move_changed_in_numpy, seconds=0.3)
def move_changed(X, w, labels, previous, units, lo_scale, hi, lo):
    """Take rows from their previous cluster (none if negative) to their label's; how many moved."""
    d = X.shape[1]
    moved = 0
    for i in range(X.shape[0]):
        new, old = labels[i], previous[i]
        if new == old:
            continue
        moved += 1
        weight = w[i] if w.shape[0] > 0 else 1.0
        for a in range(d + 1):
            value = weight * np.float64(X[i, a]) if a < d else weight
            whole, rest = fixed_point.add_term(value, units[a], lo_scale)
            hi[new, a] += whole
            lo[new, a] += rest
            if old >= 0:
                hi[old, a] -= whole
                lo[old, a] -= rest
    return moved
