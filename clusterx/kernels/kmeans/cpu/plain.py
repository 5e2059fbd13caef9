"""The plainest k-means step, for rows of few columns."""

from __future__ import annotations

import numpy as np

from ...cpu.boxes import candidates
from ...cpu.ranges import ROWS_PER_TASK, blocks
from ...cpu.threads import run_blocks
from . import filtering
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
        moved = filtering.change_all(
            self.X.T, self.w, self.labels, previous, self.grid.units, self.grid.lo_scale,
            *self.table,
        )  # fmt: skip
        return self.stats(moved)
