"""The prepared steps of k-means, over rows in memory and rows in blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..arrays import Array, asarray, namespace
from ..kernels.kmeans import BatchStep, LloydStep, StepTrace, Within, with_inertia
from ..properties import cached_property
from ..rows import Rows
from ..rows.base import Preparation
from ..rows.passes import BlockwiseStep

#: Most values of the batches that are gathered at a time: 32 MiB in float64.
GATHERED = 1 << 22


class LloydPreparation(Preparation):
    """Prepares iterations whose sums share one set of scales, however the rows are split.

    Parameters
    ----------
    rows : Rows
    total : float
        The sum of weights.
    k : int, optional
        How many centres there will be, if that is known.
    within : Within, optional
        A step whose rows contain these.
    """

    def __init__(self, rows: Rows, total: float, k: int | None, within: Within | None = None):
        self.rows, self.total, self.k, self.within = rows, total, k, within
        self.prepare = rows.kernels.kmeans.lloyd_stats

    @cached_property
    def scales(self) -> Any:
        rows = self.rows
        return rows.kernels.kmeans.sum_scales(rows.summary, self.total, rows.n)

    def __getstate__(self) -> dict[str, Any]:
        # it may be sent to the process that has the rows
        return {"prepare": self.prepare, "scales": self.scales, "k": self.k, "within": None}

    def __call__(
        self, X: Array, *along: Any, single_use: bool = False, rests: bool = False
    ) -> LloydStep:
        (w,) = along
        return self.prepare(
            X, w, self.scales, single_use=single_use, k=self.k, rests=rests, within=self.within
        )

    def reuses(self, step: LloydStep) -> bool:
        return self.k is None or step.supports(self.k)


class StreamedLloyd(BlockwiseStep, LloydStep):
    """An iteration that reads the blocks in each call; their sums are exact, so they add up."""


def lloyd_step(
    rows: Rows,
    w: Array | None,
    total: float,
    k: int | None = None,
    within: Within | None = None,
) -> LloydStep:
    """The prepared iteration over rows of weights w; the rows keep it.

    total : the sum of weights; k : how many centres there will be, if that is known; within : a
    step whose rows contain these
    """
    prepare = LloydPreparation(rows, total, k, within)
    return rows.step(prepare, along=(w,), streamed=StreamedLloyd)


def batch_step(rows: Rows, k: int, batch_size: int) -> BatchStep:
    """The prepared step for batches of the rows."""
    prepare = rows.kernels.kmeans.minibatch
    return rows.step(
        lambda X: prepare(X, k, min(batch_size, X.shape[0])),
        streamed=partial(StreamedBatch, batch_size),
    )


class StreamedBatch(BatchStep):
    """A mini-batch step that gathers batches from the rows, several at a time.

    Gathering may read all rows, as of Parquet, or wait for other processes, however many rows are
    wanted.
    """

    runs_steps = True

    def __init__(self, batch_size: int, rows: Rows, prepare: Any, along: Any):
        self.rows, self.prepare = rows, prepare
        self.together = max(1, GATHERED // (batch_size * rows.d))

    def __call__(self, rows: np.ndarray, w: Any, C: Array, counts: Array) -> Any:
        return self._step(self.rows.take(rows), w, C, counts)

    def _step(self, batch: Array, w: Any, C: Array, counts: Array) -> Any:
        places = self.rows.xp.arange(batch.shape[0], device=self.rows.device)
        return self.prepare(batch)(places, w, C, counts)

    def run_steps(self, draw: Callable[[int], Any]) -> Callable[[Array, Array], StepTrace]:
        return partial(self._run_steps, draw)

    def _run_steps(self, draw: Callable[[int], Any], C: Array, counts: Array) -> StepTrace:
        drawn, xp, found = draw(self.together), self.rows.xp, []
        m, size = drawn.shape
        gathered = self.rows.take(drawn.reshape(-1))
        for a in range(0, m * size, size):
            C, counts, inertia = self._step(gathered[a : a + size, ...], None, C, counts)
            found.append((C, counts, asarray(inertia, like=C)))
        return StepTrace(*(xp.stack(parts) for parts in zip(*found, strict=True)))

    def label(self, C: Array, w: Array | None) -> tuple[Array, Any]:
        return with_inertia(self.rows.map(self.rows.kernels.distances.nearest, C), w)


def seeding_step(rows: Rows, w: Array | None, step: LloydStep | None = None) -> Any:
    """The prepared k-means++ step; it shares what `step` has prepared."""
    prepare = rows.kernels.kmeans.seeding
    return rows.step(lambda X, w: prepare(X, w, step), along=(w,), streamed=StreamedSeeding)


class StreamedSeeding:
    """k-means++ over rows in blocks: two passes per centre, one number per row in memory.

    Draws and picks are made on the device of the computation. The drawn rows may be stored
    elsewhere, so the few indices are read for each centre.
    """

    def __init__(self, rows: Rows, prepare: Any, along: Any):
        (w,) = along
        self.rows, self.xp = rows, rows.xp
        self.measure = rows.kernels.distances.squared_distances
        wide = rows.zeros(()).dtype
        self.w = None if w is None else namespace(w).astype(w, wide, copy=False)

    def start(self, index: int) -> None:
        self.closest = None
        self._accept(self.rows.take([index]))

    def add(self, row: Any) -> None:
        self._accept(self.rows.take(self.xp.reshape(asarray(row, like=self.rows.like), (1,))))

    def _accept(self, center: Array) -> None:
        self.closest = self.rows.map(_nearer, center, self.measure, along=(self.closest,))

    def grow(self, fractions: np.ndarray) -> Any:
        xp, rows = self.xp, self.rows
        chosen = rows.sample_rows(self.closest, self.w, fractions)
        candidates = rows.take(chosen)
        gains = rows.reduce(_gains, candidates, self.measure, along=(self.closest, self.w))
        best = xp.reshape(xp.argmax(gains), (1,))
        self._accept(xp.take(candidates, best, axis=0))
        return xp.take(chosen, best)[0]


def _nearer(X: Array, closest: Array | None, center: Array, measure: Callable) -> Array:
    found = measure(X, center)[:, 0]
    return found if closest is None else namespace(found).minimum(closest, found)


def _gains(
    X: Array, closest: Array, w: Array | None, candidates: Array, measure: Callable
) -> Array:
    xp = namespace(closest)
    less = xp.maximum(closest[:, None] - measure(X, candidates), 0.0)
    return xp.sum(less, axis=0) if w is None else w @ less
