"""The gap statistic: how much tighter clusters are than those of rows without any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array, asarray, float_dtype, host_floats, to_host
from ..base import Rows
from ..kernels.generic import TILE, one_hot, row_blocks
from ..rows import InMemory

REFERENCES = ("pca", "box")


def gap_statistic(
    observed: np.ndarray,
    references: Iterator[Array],
    dispersions: Callable[[Array], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Gap and its standard error for each k (Tibshirani, Walther and Hastie, 2001).

    Parameters
    ----------
    observed : ndarray of shape (m,)
        Dispersion of the clusters of the data for each k.
    references : iterator of arrays of shape (n, d)
        Rows without clusters.
    dispersions : callable
        Dispersions (m,) of the clusters of such rows.

    Returns
    -------
    gap, error : ndarray of shape (m,)
        NaN where the data have no dispersion left.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log([dispersions(rows) for rows in references])
        gap = logs.mean(axis=0) - np.log(observed)
        error = logs.std(axis=0) * np.sqrt(1.0 + 1.0 / len(logs))
    return np.where(np.isfinite(gap), gap, np.nan), np.where(np.isfinite(error), error, np.nan)


def reference_rows(
    rows: InMemory, count: int, kind: str, rng: np.random.RandomState
) -> Iterator[Array]:
    """Sets of rows like the given ones without their clusters: uniform over a box around them.

    Parameters
    ----------
    rows : InMemory
        Dense rows (n, d).
    count : int
    kind : {'pca', 'box'}
        A box along the principal axes of the rows, or along the columns.
    rng : RandomState
        Draws are made on the host in float64.
    """
    xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
    mean = asarray(rows.summary.mean, like=rows.like, dtype=wide)
    axes = asarray(principal_axes(rows), like=rows.like, dtype=wide) if kind == "pca" else None
    low = high = None
    for tile in tiles(rows, rows.d):
        about = xp.astype(tile, wide) - mean
        about = about if axes is None else about @ axes
        least, most = xp.min(about, axis=0), xp.max(about, axis=0)
        low = least if low is None else xp.minimum(low, least)
        high = most if high is None else xp.maximum(high, most)
    for _ in range(count):
        drawn = asarray(rng.uniform(size=rows.shape), like=rows.like, dtype=wide)
        drawn = low + drawn * (high - low)
        drawn = drawn if axes is None else drawn @ axes.T
        yield xp.astype(drawn + mean, rows.dtype)


def principal_axes(rows: InMemory) -> np.ndarray:
    """Principal axes of the rows as columns (d, d), on the host: every library gets the same.

    The sign of an axis is such that its largest entry is positive.
    """
    xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
    mean = asarray(rows.summary.mean, like=rows.like, dtype=wide)
    covariance = rows.zeros((rows.d, rows.d))
    for tile in tiles(rows, rows.d):
        about = xp.astype(tile, wide) - mean
        covariance = covariance + about.T @ about
    _, axes = np.linalg.eigh(to_host(covariance).astype(np.float64))
    largest = np.take_along_axis(axes, np.argmax(np.abs(axes), axis=0)[None, :], axis=0)
    return axes * np.where(largest < 0, -1.0, 1.0)


def within_squares(rows: Rows, labels: Array, k: int, w: Array | None = None) -> float:
    """Weighted sum of squared distances of the rows to the means of their clusters.

    Parameters
    ----------
    rows : InMemory or Blocks
    labels : array of shape (n,), int32
        In 0..k-1.
    k : int
    w : array of shape (n,), optional
    """
    xp = rows.xp
    sums, counts, total = rows.zeros((k, rows.d)), rows.zeros((k,)), rows.zeros(())
    for tile, _, belongs in _memberships(rows, labels, k, w):
        sums = sums + belongs.T @ tile
        counts = counts + xp.sum(belongs, axis=0)
    means = sums / xp.where(counts > 0, counts, xp.ones_like(counts))[:, None]
    for tile, own, belongs in _memberships(rows, labels, k, w):
        squared = xp.sum((tile - xp.take(means, own, axis=0)) ** 2, axis=1)
        total = total + xp.sum(squared * xp.sum(belongs, axis=1))
    return host_floats(total)[0]


def _memberships(rows: Rows, labels: Array, k: int, w: Array | None) -> Iterator[Any]:
    """Tiles of rows, their labels, and the weight of each row in the column of its cluster."""
    xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
    a = 0
    for tile in tiles(rows, k):
        b = a + tile.shape[0]
        belongs = one_hot(labels[a:b], k, wide)
        if w is not None:
            belongs = belongs * xp.astype(w[a:b], wide)[:, None]
        yield xp.astype(tile, wide), labels[a:b], belongs
        a = b


def tiles(rows: Rows, width: int) -> Iterator[Array]:
    """Dense slices of the rows in their order, whose product with `width` columns is small."""
    if rows.sparse:
        height = max(1, TILE // max(width, rows.d))
        for a in range(0, rows.n, height):
            yield rows.X[a : a + height].toarray()
        return
    for block in [rows.X] if isinstance(rows, InMemory) else rows:
        yield from row_blocks(block, width)
