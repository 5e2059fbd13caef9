"""A k-means step that keeps bounds of the rows, and moves those whose label changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...cpu import fixed_point
from ...cpu.ranges import blocks
from ...cpu.threads import run_blocks, single_threaded_blas
from .step import NONE, RowStep

#: Most bytes of a table of sums for each task; larger sums are added cluster by cluster.
CACHED_SUMS = 1 << 20
#: Steps of blocks are kept between passes if their sums take at most this part of the rows' bytes.
SMALL_SUMS = 8


class MovingStep(RowStep):
    """A step with bounds of each row, which may rest between calls.

    upper, lower : (n,) float32, bounds of the distance to the assigned centre, and to all others
    """

    X: Any  # None while the step rests

    def __init__(self, X: np.ndarray, w: np.ndarray | None, scales: Any, rests: bool):
        super().__init__(X, w, scales)
        self.upper, self.lower = np.empty(len(X), np.float32), np.empty(len(X), np.float32)
        self.first_call, self.rests = True, rests
        self._note_changes()

    def _note_changes(self) -> None:
        self.before: Any = np.empty(len(self.X), np.int32)
        self.changed: Any = np.zeros(len(self.X), np.bool_)

    def forget(self) -> None:
        super().forget()
        self.first_call = True

    def search(self, previous: np.ndarray | None) -> None:
        """Write labels and bounds, and set `changed` where a label changes.

        previous : the centres for which the bounds hold, or None
        """
        raise NotImplementedError

    def assign(self, C: np.ndarray) -> np.ndarray:
        """Assign all rows, keep the labels until now in `before`, and return which rows changed."""
        previous = None if self.first_call else self.C
        self.begin(C)
        if self.first_call:
            previous = None
        self.first_call = False
        np.copyto(self.before, self.labels)
        self.changed[:] = False
        self.search(previous)
        return self.changed

    def __call__(self, C: np.ndarray) -> Any:
        known = self.follows(C.shape[0]) and not self.first_call
        with single_threaded_blas():  # products are small, and our threads need the cores
            rows = np.flatnonzero(self.assign(C))
        self._accumulate(self.before if known else NONE, rows, C.shape[0])
        return self.stats(len(rows))

    def rest(self) -> bool:
        if not self.rests or self.table.nbytes * SMALL_SUMS > self.X.nbytes:
            return False
        self.X = self.before = self.changed = None
        return True

    def resume(self, X: np.ndarray, w: np.ndarray | None) -> None:
        self.take(X, w)
        self._note_changes()

    def _accumulate(self, previous, rows, k):
        if 16 * k * self.X.shape[1] <= CACHED_SUMS:
            self._move(previous, rows, k)
        else:
            self._move_by_cluster(previous, rows, k)

    def _move(self, previous, rows, k):
        """Add rows in their order, to a table of sums for each task."""
        g = self.scales
        parts = blocks(len(rows), max(512, -(-len(rows) // 8)))
        alone = len(parts) == 1
        tables = [self.table] if alone else [self.empty_table(k) for _ in parts]

        def block(b):
            fixed_point.move_rows(
                self.X, self.w, rows, *parts[b], self.labels, previous, g.units, g.lo_scale,
                *tables[b],
            )  # fmt: skip

        run_blocks(block, len(parts))
        for table in tables if not alone else ():
            self.table += table

    def _move_by_cluster(self, previous, rows, k):
        """Add rows cluster by cluster, for sums that do not fit a core's cache."""
        entries, offsets = fixed_point.group_entries(self.labels, previous, rows, k)
        clusters, bounds = fixed_point.runs(offsets)
        d, g = self.X.shape[1], self.scales
        hi, lo = np.zeros((2, len(clusters), d + 1), np.int64)
        # entries are spread evenly over tasks, most of which then have several runs
        parts = fixed_point.even_parts(bounds)

        def block(b):
            fixed_point.sum_entries(
                self.X, self.w, entries, bounds, *parts[b], g.units, g.lo_scale, hi, lo
            )  # fmt: skip

        run_blocks(block, len(parts))
        fixed_point.merge(clusters, hi, lo, *self.table)
