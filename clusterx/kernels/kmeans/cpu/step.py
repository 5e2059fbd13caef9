"""Base classes of k-means steps: exact running sums, updated by the rows that change cluster."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...cpu import direct, fixed_point
from ...cpu.ranges import ROWS_PER_TASK, blocks
from ...cpu.threads import run_blocks
from .. import LloydStep

NONE = np.empty(0, np.int32)
UNIT = np.empty(0, np.float64)


class Step(LloydStep):
    """A step with exact sums of its clusters."""

    labels: np.ndarray  # (n,) int32; -1 before the first call

    def __init__(self, X: np.ndarray, w: np.ndarray | None, scales: Any):
        self.take(X, w)
        self.scales = scales
        self.table = self.empty_table(0)

    def empty_table(self, k: int) -> np.ndarray:
        """Zeros for the sums of rows and, in the last column, of weights, as two integers each."""
        return np.zeros((2, k, self.X.shape[1] + 1), np.int64)

    def follows(self, k: int) -> bool:
        """Whether labels and sums are those of k centres."""
        return self.table.shape[1] == k

    def begin(self, C: np.ndarray) -> None:
        """Take new centres; if their number is new, discard labels and sums."""
        self.C = np.ascontiguousarray(C, np.float64)
        if not self.follows(C.shape[0]):
            self.table = self.empty_table(C.shape[0])
            self.forget()

    def forget(self) -> None:
        """Mark all rows as unassigned."""
        raise NotImplementedError

    def take(self, X: np.ndarray, w: np.ndarray | None) -> None:
        self.X = X
        self.w = UNIT if w is None else np.ascontiguousarray(w, np.float64)

    def stats(self, n_changed: int) -> fixed_point.ExactStats:
        return fixed_point.ExactStats(self.scales, self.table.copy(), n_changed)

    def distances(self) -> np.ndarray:
        out = np.empty(self.X.shape[0])
        labels = self.labels

        def block(b):
            direct.own_distances(self.X, self.C, labels, *parts[b], out)

        parts = blocks(len(out), ROWS_PER_TASK)
        run_blocks(block, len(parts))
        return out


class RowStep(Step):
    """A step that keeps labels in the order of the rows."""

    def __init__(self, X: np.ndarray, w: np.ndarray | None, scales: Any):
        super().__init__(X, w, scales)
        self.labels = np.full(X.shape[0], -1, np.int32)

    def forget(self) -> None:
        self.labels[:] = -1
