"""The gap statistic: how much tighter clusters are than in reference rows without clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..arrays import Array, asarray, device, float_dtype, host_floats, to_host
from ..blocks import row_blocks
from ..rows import InMemory, Rows

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
        Reference rows without clusters.
    dispersions : callable
        Computes the dispersions (m,) of the clusters of reference rows.

    Returns
    -------
    gap, error : ndarray of shape (m,)
        NaN where the dispersion of the data is zero.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log([dispersions(rows) for rows in references])
        gap = logs.mean(axis=0) - np.log(observed)
        error = logs.std(axis=0) * np.sqrt(1.0 + 1.0 / len(logs))
    return np.where(np.isfinite(gap), gap, np.nan), np.where(np.isfinite(error), error, np.nan)


def reference_rows(
    rows: InMemory, count: int, kind: str, rng: np.random.RandomState
) -> Iterator[Array]:
    """Reference sets: rows uniform over a box around the given rows, without their clusters.

    Parameters
    ----------
    rows : InMemory
        Dense rows (n, d).
    count : int
    kind : {'pca', 'box'}
        Whether the box follows the principal axes of the rows or the columns.
    rng : RandomState
        Draws are made on the host in float64.
    """
    xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
    mean = asarray(rows.summary.mean, like=rows.like, dtype=wide)
    axes = asarray(principal_axes(rows), like=rows.like, dtype=wide) if kind == "pca" else None
    ends = []
    for tile in row_blocks(rows.X, rows.d):
        about = xp.astype(tile, wide) - mean
        about = about if axes is None else about @ axes
        ends += [xp.min(about, axis=0), xp.max(about, axis=0)]
    low, high = xp.min(xp.stack(ends), axis=0), xp.max(xp.stack(ends), axis=0)
    for _ in range(count):
        drawn = asarray(rng.uniform(size=rows.shape), like=rows.like, dtype=wide)
        drawn = low + drawn * (high - low)
        drawn = drawn if axes is None else drawn @ axes.T
        yield xp.astype(drawn + mean, rows.dtype)


def principal_axes(rows: InMemory) -> np.ndarray:
    """Principal axes of the rows as columns (d, d), computed on the host for all libraries.

    The sign of an axis is such that its largest entry is positive.
    """
    xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
    mean = asarray(rows.summary.mean, like=rows.like, dtype=wide)
    covariance = rows.zeros((rows.d, rows.d))
    for tile in row_blocks(rows.X, rows.d):
        about = xp.astype(tile, wide) - mean
        covariance = covariance + about.T @ about
    _, axes = np.linalg.eigh(to_host(covariance).astype(np.float64))
    largest = np.take_along_axis(axes, np.argmax(np.abs(axes), axis=0)[None, :], axis=0)
    return axes * np.where(largest < 0, -1.0, 1.0)


def within_squares(rows: Rows, labels: Array, k: int, w: Array | None = None) -> float:
    """Weighted sum of squared distances of the rows to the means of their clusters.

    Parameters
    ----------
    rows : Rows
    labels : array of shape (n,), int32
        In 0..k-1.
    k : int
    w : array of shape (n,), optional
    """
    xp, kernels = rows.xp, rows.kernels
    sums, counts, total = rows.zeros((k, rows.d)), rows.zeros((k, 1)), rows.zeros(())
    for block, own, weights in _weighted(rows, labels, w):
        sums = sums + kernels.reductions.sum_rows_by_label(
            block if w is None else block * weights, own, k
        )
        counts = counts + kernels.reductions.sum_rows_by_label(weights, own, k)
    means = sums / xp.where(counts > 0, counts, xp.ones_like(counts))
    for block, own, weights in _weighted(rows, labels, w):
        squared = kernels.distances.assigned_squared_distances(block, means, own)
        total = total + xp.sum(squared * xp.astype(weights[:, 0], squared.dtype))
    return host_floats(total)[0]


def _weighted(rows: Rows, labels: Array, w: Array | None) -> Iterator[tuple[Array, Array, Array]]:
    """Blocks of rows, their labels, and their weights as a column."""
    xp = rows.xp
    for block, own, weights in rows.dense_pieces((labels, w)):
        if w is None:
            weights = xp.ones((block.shape[0], 1), dtype=block.dtype, device=device(block))
        else:
            block = xp.astype(block, float_dtype(xp, rows.like))
            weights = xp.astype(weights, block.dtype)[:, None]
        yield block, own, weights
