"""A third kind of rows: pieces that worker threads compute, in any order. No algorithm knows it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from clusterx.arrays import namespace
from clusterx.kernels import kernels_for
from clusterx.kernels.statistics import SUMMARY_VALUES, Summary
from clusterx.properties import cached_property
from clusterx.rows import InMemory, Rows
from clusterx.rows.base import Along, cut
from clusterx.rows.passes import BlockwiseStep


class RowsElsewhere(Rows):
    """Rows of NumPy arrays, each of which stands for what another machine holds."""

    def __init__(self, X: np.ndarray, height: int, seed: int = 0):
        ends = [*range(height, len(X), height), len(X)]
        self.parts = [(b - min(height, b), b) for b in ends]
        self.parts = list(zip([0, *ends[:-1]], ends, strict=True))
        self.held = [X[a:b].copy() for a, b in self.parts]
        (self.n, self.d), self.dtype, self.xp = X.shape, X.dtype, namespace(X)
        self.like, self.device = np.empty(0, X.dtype), "cpu"
        self.kernels = kernels_for(self.xp)
        self.random = random.Random(seed)
        self.used: list[str] = []

    def _computed(self, task: Callable[[int], Any]) -> list:
        """What the task gives of all pieces, in their order, computed in another."""
        order = list(range(len(self.parts)))
        self.random.shuffle(order)
        with ThreadPoolExecutor(4) as pool:
            found = {i: pool.submit(task, i) for i in order}
            return [found[i].result() for i in range(len(order))]

    @cached_property
    def summary(self) -> Summary:
        height = max(1, SUMMARY_VALUES // self.d)
        pieces = list(self.pieces(height))
        return Summary.joined([(len(p), self.kernels.reductions.summary(p)) for (p,) in pieces])

    @property
    def stored(self) -> RowsElsewhere:
        return self

    values = stored

    def map(self, fn: Callable, *shared: Any, along: Along = ()) -> Any:
        self.used.append("map")
        found = self._computed(lambda i: fn(self.held[i], *cut(along, *self.parts[i]), *shared))
        if isinstance(found[0], tuple):
            return tuple(np.concatenate(part) for part in zip(*found, strict=True))
        return np.concatenate(found)

    def reduce(self, statistic: Callable, *shared: Any, along: Along = (), height: int = 1) -> Any:
        self.used.append("reduce")
        if height > 1:
            return reduce(add, (statistic(*p, *shared) for p in self.pieces(height, along)))
        return reduce(
            add,
            self._computed(lambda i: statistic(self.held[i], *cut(along, *self.parts[i]), *shared)),
        )

    def step(
        self, prepare: Callable, along: Along = (), streamed: Callable[..., Any] | None = None
    ) -> Any:
        self.used.append("step")
        return (streamed or BlockwiseStep)(self, prepare, along)

    def pieces(self, height: int = 1, along: Along = ()) -> Iterator[tuple]:
        if height == 1:
            for block, (a, b) in zip(self.held, self.parts, strict=True):
                yield block, *cut(along, a, b)
            return
        for a in range(0, self.n, height):
            b = min(self.n, a + height)
            yield self.take(np.arange(a, b)), *cut(along, a, b)

    def dense_pieces(self, along: Along = ()) -> Iterator[tuple]:
        return self.pieces(along=along)

    def take(self, indices: Any) -> np.ndarray:
        self.used.append("take")
        return np.concatenate(self.held)[np.asarray(indices)]

    def subset(self, indices: Any) -> InMemory:
        return InMemory(self.take(indices))
