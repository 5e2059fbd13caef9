"""Rows of one array that is all there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array, asarray, device, float_dtype, host_floats, namespace
from ..kernels import kernels_for
from ..kernels.statistics import Summary
from ..properties import cached_property


class InMemory:
    """Rows of one array (or CSR matrix) that is all there.

    Parameters
    ----------
    X : array of shape (n, d)
        Of one of the `dtypes` of its kernels.
    dtype : dtype, optional
        Of centres, and of rows that are taken; by default that of X.

    Attributes
    ----------
    n, d : int
        Rows and columns.
    xp, device : namespace and device of X
    """

    def __init__(self, X: Array, dtype: Any = None):
        self.X = X
        self.n, self.d = X.shape
        self.dtype = X.dtype if dtype is None else dtype
        self.xp = namespace(X)
        self.kernels = kernels_for(self.xp)
        self.sparse = not hasattr(X, "__array_namespace__") and hasattr(X, "indptr")
        self.device = None if self.sparse else device(X)
        self.like = X.data if self.sparse else X  # for new arrays that belong beside X
        self._step: tuple[Array | None, Any] | None = None
        self._scatter: tuple[Array, Array] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.n, self.d

    @property
    def values(self) -> Array:
        """X in the dtype of centres."""
        return self.X if self.X.dtype == self.dtype else self.xp.astype(self.X, self.dtype)

    @cached_property
    def summary(self) -> Summary:
        return self.kernels.reductions.summary(self.X)

    @property
    def whole(self) -> bool:
        """Whether the rows are whole numbers by their dtype."""
        return bool(self.X.dtype != self.dtype)

    @cached_property
    def origin(self) -> Array:
        """The mean, rounded where the rows are whole numbers: sums about it are exact then."""
        mean = asarray(self.summary.mean, like=self.like)
        return self.xp.round(mean) if self.whole else mean

    def reduce(self, statistic: Callable, *shared: Any) -> Any:
        """The statistic of all rows."""
        return statistic(self.X, *shared)

    def map(self, fn: Callable, *shared: Any) -> Any:
        """fn of the rows: arrays with an entry for each."""
        return fn(self.X, *shared)

    def take(self, indices: Array) -> Array:
        """The rows at the indices, dense."""
        if self.sparse:
            return self.X[np.asarray(indices)].toarray()
        taken = self.xp.take(self.X, asarray(indices, like=self.X), axis=0)
        return self.xp.astype(taken, self.dtype, copy=False)

    def subset(self, indices: np.ndarray) -> InMemory:
        """Rows of their own."""
        if self.sparse:
            return InMemory(self.X[indices])
        return InMemory(self.take(indices))

    def lloyd(self, w: Array | None, total: float, k: int | None = None) -> Any:
        """The prepared k-means step, kept for the next call with equal weights.

        total : the sum of weights; k : how many centres there will be, if that is known
        """
        kept = self._step
        if kept is None or not _equal(kept[0], w) or not _suits(kept[1], k):
            # a copy, because the caller may change the weights in place between fits
            w = None if w is None else self.xp.asarray(w, copy=True)
            grid = self.kernels.kmeans.grid(self.summary, total, self.n)
            self._step = kept = w, self.kernels.kmeans.lloyd_stats(self.X, w, grid, k=k)
            self._scatter = None
        return kept[1]

    def scatter(self, w: Array | None) -> Array:
        """Weighted sum of squared distances of all rows to `origin`, 0-d; kept."""
        return scatter(self, w)

    def scatter_parts(self, w: Array) -> Array:
        return self.kernels.kmeans.scatter(self.X, w, self.origin)

    def seeding(self, w: Array | None, step: Any = None) -> Any:
        """The prepared k-means++ step; it shares what `step` has prepared."""
        return self.kernels.kmeans.seeding(self.X, w, step)

    def minibatch(self, k: int, batch_size: int) -> Any:
        return self.kernels.kmeans.minibatch(self.X, k, batch_size)

    def zeros(self, shape: tuple[int, ...], dtype: Any = None) -> Array:
        return self.xp.zeros(shape, dtype=dtype or float_dtype(self.xp), device=self.device)


def _equal(kept: Array | None, w: Array | None) -> bool:
    """Whether the weights have the values of those that were kept."""
    if kept is None or w is None:
        return kept is w
    xp = namespace(kept)
    return bool(host_floats(xp.all(kept == w))[0])


def _suits(step: Any, k: int | None) -> bool:
    """Whether a step that was prepared for another number of centres is as fast with k."""
    return k is None or step.suits(k)


def scatter(rows: Any, w: Array | None) -> Array:
    """`InMemory.scatter`, of rows of any kind."""
    xp = rows.xp
    if w is None and not rows.whole:
        return rows.n * xp.sum(asarray(rows.summary.variance, like=rows.like))
    if rows._scatter is None or rows._scatter[0] is not w:
        weights = rows.zeros((rows.n,)) + 1.0 if w is None else w
        rows._scatter = w, xp.sum(rows.scatter_parts(weights))
    return rows._scatter[1]
