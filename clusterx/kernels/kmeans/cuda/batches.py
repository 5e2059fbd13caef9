"""Mini-batch steps: the exact sums of a batch move its centres."""

from __future__ import annotations

from typing import Any

from ....arrays import Array, asarray
from ....properties import cached_property
from ...distances.cuda.screening import BLOCK, nearest
from ...reductions.cuda import summary
from .. import BatchStep, with_inertia
from .lloyd import LloydStep, Scales, sum_scales


class Batch(BatchStep):
    """A prepared mini-batch step (Sculley, WWW 2010).

    Batches of equal size are gathered into one array and share the buffers of one step.
    """

    def __init__(self, gpu: Any, X: Array):
        self.gpu, self.X = gpu, gpu.contiguous(X)
        self._prepared: tuple[LloydStep, Scales] | None = None  # scales for weights of one

    @cached_property
    def _summary(self) -> Any:
        return summary(self.gpu, self.X)

    def _step_of(self, rows: Any, w: Array | None) -> LloydStep:
        """The step for a batch, whose rows overwrite those of the last batch."""
        gpu, xp = self.gpu, self.gpu.xp
        places = asarray(rows, like=self.X)
        n = places.shape[0]
        if self._prepared is None or self._prepared[0].X.shape[0] != n:
            scales = sum_scales(gpu, self._summary, float(n), n)
            batch = gpu.empty((n, self.X.shape[1]), self.X.dtype, like=self.X)
            self._prepared = LloydStep(gpu, batch, None, scales), scales
        step, scales = self._prepared
        xp.take(self.X, places, axis=0, out=step.X)
        step.begin(w, scales if w is None else sum_scales(gpu, self._summary, xp.sum(w), n))
        return step

    def __call__(self, rows: Any, w: Array | None, C: Array, counts: Array) -> tuple:
        """New centres (k, d) and counts (k,), float64; the batch's inertia, 0-d."""
        gpu, xp, (k, d) = self.gpu, self.gpu.xp, C.shape
        if w is not None:
            w = asarray(w, like=self.X, dtype=xp.float64)
        step = self._step_of(rows, w)
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

    def label(self, C: Array, w: Array | None) -> tuple[Array, Any]:
        """Labels of all rows, and their weighted inertia."""
        return with_inertia(nearest(self.gpu, self.X, C), w)
