"""Rows of one array in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array, asarray, device, host_floats, namespace
from ..blocks import TILE
from ..kernels import kernels_for
from ..kernels.statistics import Summary
from ..properties import cached_property
from .base import LOAD, Along, Preparation, Rows, cut


class InMemory(Rows):
    """Rows of one array (or CSR matrix) in memory.

    Parameters
    ----------
    X : array of shape (n, d)
        Its dtype is one of the `dtypes` of its kernels.
    dtype : dtype, optional
        Of centres, and of rows that `take` returns; by default that of X.
    header : data frame, optional
        Where the names of the columns come from.

    Attributes
    ----------
    n, d : int
        Rows and columns.
    xp, device : namespace and device of X
    """

    def __init__(self, X: Array, dtype: Any = None, header: Any = None):
        self.X = X
        self._header = header
        self.n, self.d = X.shape
        self.dtype = X.dtype if dtype is None else dtype
        self.xp = namespace(X)
        self.kernels = kernels_for(self.xp)
        self.sparse = not hasattr(X, "__array_namespace__") and hasattr(X, "indptr")
        self.device = None if self.sparse else device(X)
        self.like = X.data if self.sparse else X  # for new arrays that belong beside X
        self.integral = bool(X.dtype != self.dtype)
        self._kept: dict[type, tuple[Along, Any]] = {}

    @property
    def header(self) -> Any:
        """An object that has the number of columns, and their names if they are known."""
        return self if self._header is None else self._header

    @property
    def stored(self) -> Array:
        return self.X

    @property
    def values(self) -> Array:
        return self.X if self.X.dtype == self.dtype else self.xp.astype(self.X, self.dtype)

    @cached_property
    def summary(self) -> Summary:
        return self.kernels.reductions.summary(self.X)

    def map(self, fn: Callable, *shared: Any, along: Along = ()) -> Any:
        return fn(self.X, *along, *shared)

    def reduce(self, statistic: Callable, *shared: Any, along: Along = (), height: int = 1) -> Any:
        return statistic(self.X, *along, *shared)

    def step(
        self, prepare: Callable, along: Along = (), streamed: Callable[..., Any] | None = None
    ) -> Any:
        if not isinstance(prepare, Preparation):
            return prepare(self.X, *along)
        kept = self._kept.get(type(prepare))
        if kept is None or not _equal(kept[0], along) or not prepare.reuses(kept[1]):
            # copies, because the caller may change the arrays in place between fits
            along = tuple(None if x is None else self.xp.asarray(x, copy=True) for x in along)
            self._kept[type(prepare)] = kept = along, prepare(self.X, *along)
        return kept[1]

    def pieces(self, height: int = 1, along: Along = ()) -> Iterator[tuple]:
        yield self.X, *along

    def dense_pieces(self, along: Along = ()) -> Iterator[tuple]:
        if not self.sparse:
            yield self.X, *along
            return
        height = max(1, TILE // self.d)
        for a in range(0, self.n, height):
            yield self.X[a : a + height].toarray(), *cut(along, a, a + height)

    def in_memory(self, what: str, cure: str = LOAD) -> InMemory:
        return self

    def take(self, indices: Array) -> Array:
        """The rows at the indices, dense."""
        if self.sparse:
            return self.X[np.asarray(indices)].toarray()
        taken = self.xp.take(self.X, asarray(indices, like=self.X), axis=0)
        return self.xp.astype(taken, self.dtype, copy=False)

    def subset(self, indices: np.ndarray) -> InMemory:
        """The rows at the indices as `Rows`."""
        if self.sparse:
            return InMemory(self.X[indices])
        taken = self.kernels.runtime.take_rows(self.X, indices)
        return InMemory(self.xp.astype(taken, self.dtype, copy=False))


def _equal(kept: Along, along: Along) -> bool:
    """Whether the arrays equal those that were kept."""
    return all(map(_same, kept, along))


def _same(kept: Array | None, other: Array | None) -> bool:
    if kept is None or other is None:
        return kept is other
    xp = namespace(kept)
    return bool(host_floats(xp.all(kept == other))[0])


def rows_of(X: Any) -> Rows:
    """`Rows` unchanged; an array or matrix as rows in memory."""
    return X if isinstance(X, Rows) else InMemory(X)
