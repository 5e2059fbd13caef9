"""Mini-batch steps: the exact sums of a batch move its centres."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ...arrays import Array, asarray
from .lloyd import LloydStep, make_grid
from .nearest import BLOCK


class Batch:
    """A prepared mini-batch step (Sculley, WWW 2010)."""

    def __init__(self, gpu: Any, X: Array):
        self.gpu, self.X = gpu, gpu.contiguous(X)

    @cached_property
    def _summary(self) -> Any:
        return self.gpu.summary(self.X)

    def __call__(self, rows: Any, w: Array | None, C: Array, counts: Array) -> tuple:
        """New centres (k, d) and counts (k,), float64; the batch's inertia, 0-d."""
        gpu, xp = self.gpu, self.gpu.xp
        places = asarray(rows, like=self.X)
        batch = xp.take(self.X, places, axis=0)
        n, (k, d) = batch.shape[0], C.shape
        if w is not None:
            w = asarray(w, like=self.X, dtype=xp.float64)
        total: Any = float(n) if w is None else xp.sum(w)
        step = LloydStep(gpu, batch, w, make_grid(gpu, self._summary, total, n))
        stats = step(C)
        squared = step.distances()
        C, counts = (gpu.contiguous(xp.astype(a, xp.float64, copy=False)) for a in (C, counts))
        moved = gpu.empty((k, d), xp.float64, like=self.X)
        seen = gpu.empty((k,), xp.float64, like=self.X)
        gpu.loader.module("minibatch").launch(
            "move_centers", -(-k * d // BLOCK), BLOCK, C, counts, stats.sums, stats.counts, k, d,
            moved, seen,
        )  # fmt: skip
        return moved, seen, xp.sum(squared if w is None else squared * w)

    def nearest(self, C: Array) -> tuple[Array, Array]:
        """Labels and squared distances of all rows."""
        return self.gpu.nearest(self.X, C)
