"""A prepared step over rows that come in blocks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from ..arrays import Array
from .base import Along, Preparation, Rows


class BlockwiseStep:
    """A step that is prepared for each block separately; the statistics of the blocks are added.

    The step of a block gives statistics when it is called, and has `labels`, one per row.

    Parameters
    ----------
    rows : Rows
    prepare : callable
        prepare(block, *along, single_use=True) gives the step of a block.
    along : sequence of arrays or None
    """

    def __init__(self, rows: Rows, prepare: Callable, along: Along):
        self.passes = rows.blockwise(prepare, along)

    def __call__(self, *shared: Any) -> Any:
        return self.passes(*shared)

    @property
    def labels(self) -> Array:
        """Labels of the last call."""
        return self.passes.labels

    def distances(self) -> Array:
        """Distances of the last call."""
        return self.passes.distances()


class Walks:
    """The passes of a step over rows whose blocks are read one after another.

    The steps of a `Preparation` rest between the passes, if they gain by it.

    keeps_labels : whether anything is kept per row; if not, asking for labels takes another pass
    """

    def __init__(self, rows: Rows, prepare: Callable, along: Along, keeps_labels: bool = True):
        self.rows, self.prepare, self.along = rows, prepare, along
        self._labels: Any = None
        if keeps_labels:
            self._labels = rows.xp.full((rows.n,), -1, dtype=rows.xp.int32, device=rows.device)
        self._rests = keeps_labels and isinstance(prepare, Preparation)
        self._resting: dict[int, Any] = {}  # key: number of the block

    def __call__(self, *shared: Any) -> Any:
        self.shared = shared
        total: Any = None
        a = 0
        for number, (block, *own) in enumerate(self.rows.pieces(along=self.along)):
            step = self._awake(number, block, own) or self._prepared(block, own)
            part = step(*shared)
            b = a + block.shape[0]
            if self._labels is not None:
                self._labels[a:b] = step.labels
            if self._rests and step.rest():
                step.labels = self._labels[a:b]
                self._resting[number] = step
            total = part if total is None else total + part
            a = b
        return total

    def _prepared(self, block: Array, own: Any) -> Any:
        how: dict[str, bool] = {"rests": True} if self._rests else {"single_use": True}
        return self.prepare(block, *own, **how)

    def _awake(self, number: int, block: Array, own: Any) -> Any:
        """The step that rested since the last pass over the block, or None."""
        step = self._resting.pop(number, None)
        if step is None or step.labels.shape[0] != block.shape[0]:
            return None
        step.resume(block, *own)
        return step

    @property
    def labels(self) -> Array:
        if self._labels is not None:
            return self._labels
        return self.rows.map(lambda *piece: self._assigned(*piece).labels, along=self.along)

    def distances(self) -> Array:
        # `distances` gives the same bits whichever way the step was prepared
        number = count()
        return self.rows.map(lambda *piece: self._distances(next(number), *piece), along=self.along)

    def _distances(self, number: int, block: Array, *own: Any) -> Array:
        step = self._awake(number, block, own)
        if step is None:
            return self._assigned(block, *own).distances()
        found = step.distances()
        step.rest()
        self._resting[number] = step
        return found

    def _assigned(self, block: Array, *own: Any) -> Any:
        step = self.prepare(block, *own, single_use=True)
        step.assign(*self.shared)
        return step
