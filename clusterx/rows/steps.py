"""The prepared steps of the kernels over rows that come in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, asarray, float_dtype
from ..kernels.kmeans import BatchStep, CentroidStats, LloydStep, with_inertia


class BlockedBatch(BatchStep):
    """A mini-batch step that gathers each batch from the blocks."""

    def __init__(self, rows: Any, k: int):
        self.rows, self.k = rows, k

    def __call__(self, rows: np.ndarray, w: Any, C: Array, counts: Array) -> Any:
        batch = self.rows.take(rows)
        size = batch.shape[0]
        step = self.rows.kernels.kmeans.minibatch(batch, self.k, size)
        return step(self.rows.xp.arange(size, device=self.rows.device), w, C, counts)

    def label(self, C: Array, w: Array | None) -> tuple[Array, Any]:
        return with_inertia(self.rows.map(self.rows.kernels.distances.nearest, C), w)


class BlockedStep(LloydStep):
    """A k-means step that reads the blocks in each call; their sums are exact, so they add up."""

    def __init__(self, rows: Any, w: Array | None, grid: Any):
        self.rows, self.w, self.grid = rows, w, grid
        self.labels = rows.xp.full((rows.n,), -1, dtype=rows.xp.int32, device=rows.device)

    def __call__(self, C: Array) -> CentroidStats:
        xp = self.rows.xp
        self.C = C
        total: Any = None
        moved: Any = 0
        for a, b, block in self.rows.with_bounds():
            weights = None if self.w is None else self.w[a:b]
            step = self.rows.kernels.kmeans.lloyd_stats(block, weights, self.grid, once=True)
            stats = step(C)
            moved = moved + xp.count_nonzero(self.labels[a:b] != step.labels)
            self.labels[a:b] = step.labels
            total = stats if total is None else total + stats
        return CentroidStats(total.sums, total.counts, moved)

    def distances(self) -> Array:
        return self.rows.map(self._distances)

    def _distances(self, block: Array) -> Array:
        # a step's own distances have the same bits in all kinds of steps
        step = self.rows.kernels.kmeans.lloyd_stats(block, None, self.grid, once=True)
        step.assign(self.C)
        return step.distances()


class BlockedSeeding:
    """k-means++ over blocks: two passes per centre, one number per row in memory.

    Draws and picks are made where the blocks are worked on. The rows that are drawn are on the
    host, so that their few indices are read for each centre.
    """

    def __init__(self, rows: Any, w: Array | None):
        xp = self.xp = rows.xp
        wide = self.wide = float_dtype(xp, rows.like)
        self.rows, self.w = rows, None if w is None else xp.astype(w, wide, copy=False)

    def start(self, index: int) -> None:
        xp, rows = self.xp, self.rows
        self.closest = xp.full((rows.n,), xp.inf, dtype=self.wide, device=rows.device)
        self._accept(rows.take([index]))

    def add(self, row: Any) -> None:
        self._accept(self.rows.take(self.xp.reshape(asarray(row, like=self.rows.like), (1,))))

    def _accept(self, center: Array) -> None:
        for a, b, block in self.rows.with_bounds():
            found = self.rows.kernels.distances.squared_distances(block, center)[:, 0]
            self.closest[a:b] = self.xp.minimum(self.closest[a:b], found)

    def grow(self, fractions: np.ndarray) -> Any:
        xp, rows = self.xp, self.rows
        chosen = rows.kernels.kmeans.draw(self.closest, self.w, fractions)
        candidates = rows.take(chosen)
        gains = rows.zeros((len(fractions),), self.wide)
        for a, b, block in rows.with_bounds():
            found = rows.kernels.distances.squared_distances(block, candidates)
            less = xp.maximum(self.closest[a:b, None] - found, 0.0)
            gains = gains + (xp.sum(less, axis=0) if self.w is None else self.w[a:b] @ less)
        best = xp.reshape(xp.argmax(gains), (1,))
        self._accept(xp.take(candidates, best, axis=0))
        return xp.take(chosen, best)[0]
