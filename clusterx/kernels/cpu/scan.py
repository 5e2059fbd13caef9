"""One pass over the rows: finiteness, moments, extremes."""

from __future__ import annotations

import numpy as np
from numba import njit

from .. import Summary
from .threads import run_blocks

#: Rows are summed in blocks of this many values, whatever the number of threads.
BLOCK = 1 << 18


@njit(nogil=True, cache=True)
def column_moments(X, shift, start, stop, sums, squares, low, high):
    for j in range(X.shape[1]):
        low[j] = high[j] = X[start, j]
    for i in range(start, stop):
        for j in range(X.shape[1]):
            x = X[i, j]
            t = np.float64(x) - shift[j]
            sums[j] += t
            squares[j] += t * t
            low[j] = x if x < low[j] else low[j]
            high[j] = x if x > high[j] else high[j]


def moments(X: np.ndarray) -> tuple[np.ndarray, ...]:
    """Column means, variances, minima and maxima, in float64; not finite if X is not."""
    n, d = X.shape
    fold = max(1, min(64 // d, n)) if X.flags.c_contiguous else 1
    even = n - n % fold
    wide = X[:even].reshape(even // fold, fold * d)
    parts = [_moments_of(wide, np.tile(X[0].astype(np.float64), fold))]
    sums, squares, low, high = (a.reshape(fold, d) for a in parts[0])
    if even < n:
        tail = _moments_of(X[even:], X[0].astype(np.float64))
        sums, squares, low, high = (
            np.concatenate([a, b[None]]) for a, b in zip((sums, squares, low, high), tail, strict=True)
        )
    mean = sums.sum(axis=0) / n
    variance = np.maximum(squares.sum(axis=0) / n - mean * mean, 0.0)
    return mean + X[0], variance, low.min(axis=0), high.max(axis=0)


def _moments_of(X: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, ...]:
    n, d = X.shape
    rows = max(1, BLOCK // d)
    blocks = -(-n // rows)
    sums, squares = np.zeros((2, blocks, d))
    low, high = np.empty((2, blocks, d))

    def block(b: int) -> None:
        column_moments(
            X, shift, b * rows, min(n, (b + 1) * rows), sums[b], squares[b], low[b], high[b]
        )

    run_blocks(block, blocks)
    return sums.sum(axis=0), squares.sum(axis=0), low.min(axis=0), high.max(axis=0)


def summary(X: np.ndarray) -> Summary:
    with np.errstate(invalid="ignore", over="ignore"):
        mean, variance, low, high = moments(X)
    finite = np.isfinite(mean).all() and np.isfinite(variance).all()
    if not finite and X.dtype == np.float64:  # squares of finite values may have overflowed
        finite = np.isfinite(X).all()
    return Summary(finite, mean, variance, np.maximum(np.abs(low), np.abs(high)))
