"""A prepared step over rows that come in blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arrays import Array
from .base import Along, Rows


class BlockwiseStep:
    """A step that is prepared for each block by itself; its statistics add up.

    Steps of blocks give statistics when they are called, and have `labels`, one per row.

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
        """Of the last call."""
        return self.passes.labels

    def distances(self) -> Array:
        """Of the last call."""
        return self.passes.distances()


class Walks:
    """The passes of a step over rows whose blocks are read one after another.

    keeps_labels : whether labels are kept; else they take another pass if they are asked for
    """

    def __init__(self, rows: Rows, prepare: Callable, along: Along, keeps_labels: bool = True):
        self.rows, self.prepare, self.along = rows, prepare, along
        self._labels: Any = None
        if keeps_labels:
            self._labels = rows.xp.full((rows.n,), -1, dtype=rows.xp.int32, device=rows.device)

    def __call__(self, *shared: Any) -> Any:
        self.shared = shared
        total: Any = None
        a = 0
        for block, *own in self.rows.pieces(along=self.along):
            step = self.prepare(block, *own, single_use=True)
            part = step(*shared)
            b = a + block.shape[0]
            if self._labels is not None:
                self._labels[a:b] = step.labels
            total = part if total is None else total + part
            a = b
        return total

    @property
    def labels(self) -> Array:
        if self._labels is not None:
            return self._labels
        return self.rows.map(lambda *piece: self._assigned(*piece).labels, along=self.along)

    def distances(self) -> Array:
        # a step's own distances have the same bits in all kinds of steps
        return self.rows.map(lambda *piece: self._assigned(*piece).distances(), along=self.along)

    def _assigned(self, block: Array, *own: Any) -> Any:
        step = self.prepare(block, *own, single_use=True)
        step.assign(*self.shared)
        return step
