"""The k-means step for many columns: a float32 screen, and bounds between iterations."""

from __future__ import annotations

import numpy as np

from ...cpu import fixed_point
from ...cpu.ranges import blocks
from ...cpu.screening.image import RowImage
from ...cpu.threads import run_blocks, single_threaded_blas
from .neighbour_bounds import Shortlists
from .step import NONE, RowStep

#: Shortlists are kept with more than FEW_CENTRES centres and at least LARGE row-centre pairs: they
#: take about a quarter off fit-digits-256, but less than a tenth off fit-digits-64, and their
#: kernels take two more seconds to compile.
FEW_CENTRES = 64
LARGE = 1 << 20
#: Most bytes of a table of sums for each task; larger sums are added cluster by cluster.
CACHED_SUMS = 1 << 20


class ScreenedStep(RowStep):
    """Many columns: a float32 screen, bounds between iterations, exact distances at the end."""

    def __init__(self, X, w, scales, single_use):
        super().__init__(X, w, scales)
        n = X.shape[0]
        self.upper = np.empty(n, np.float32)
        self.lower = np.empty(n, np.float32)
        self.before = np.empty(n, np.int32)
        self.changed = np.zeros(n, np.bool_)
        self.first_call = True
        self.screen = RowImage(X, project=not single_use, scales=scales)
        self.lists: Shortlists | None = None

    def forget(self):
        super().forget()
        self.first_call = True
        n, k = len(self.labels), len(self.C)
        self.lists = Shortlists(self.screen) if k > FEW_CENTRES and n * k >= LARGE else None

    def assign(self, C):
        """Assign all rows, keep the labels until now in `before`, and return which rows changed."""
        previous = None if self.first_call else self.C
        self.begin(C)
        first = self.first_call
        self.first_call = False
        np.copyto(self.before, self.labels)
        self.changed[:] = False
        changes = self.labels, self.changed.view(np.uint8)
        if self.lists is not None and self.screen.holds(self.C):
            screened, measured = self.lists.assign(self.C, self.upper, self.lower, *changes)
        else:
            if self.lists is not None:
                self.lists.forget()
                previous = None
            screened, measured = self.screen.assign(
                self.C, None if first else previous, self.upper, self.lower, *changes
            )
        images_changed = self.screen.reconsider(screened, measured, len(self.C))
        if images_changed and self.lists is not None:
            self.lists.forget_images()
        return self.changed

    def __call__(self, C):
        known = self.follows(C.shape[0]) and not self.first_call
        with single_threaded_blas():  # products are small, and our threads need the cores
            rows = np.flatnonzero(self.assign(C))
        self._accumulate(self.before if known else NONE, rows, C.shape[0])
        return self.stats(len(rows))

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
