"""One pass over the rows: finiteness, moments, extremes."""

from __future__ import annotations

import numpy as np
from numba import njit

from .. import Summary
from .threads import run_blocks

#: Rows are summed in blocks of this many values, whatever the number of threads.
BLOCK = 1 << 18
#: Where there are fewer values than this, it does not pay to make short rows longer.
FOLDED = 1 << 14


@njit(nogil=True, cache=True)
def column_moments(X, shift, start, stop, sums, squares, low, high):
    """Sums and squares of X - shift, and extremes, of rows start..stop."""
    d = X.shape[1]
    least = np.empty(d, X.dtype)
    most = np.empty(d, X.dtype)
    for j in range(d):
        least[j] = most[j] = X[start, j]
    # four rows at a time, and loops of few arrays: what compilers vectorise
    for i in range(start, stop, 4):
        if i + 4 > stop:
            for p in range(i, stop):
                for j in range(d):
                    t = np.float64(X[p, j]) - shift[j]
                    sums[j] += t
                    squares[j] += t * t
                    least[j] = min(least[j], X[p, j])
                    most[j] = max(most[j], X[p, j])
            break
        r0, r1, r2, r3 = X[i], X[i + 1], X[i + 2], X[i + 3]
        for j in range(d):
            a = np.float64(r0[j]) - shift[j]
            b = np.float64(r1[j]) - shift[j]
            c = np.float64(r2[j]) - shift[j]
            e = np.float64(r3[j]) - shift[j]
            sums[j] += (a + b) + (c + e)
            squares[j] += (a * a + b * b) + (c * c + e * e)
        for j in range(d):
            low01 = r0[j] if r0[j] < r1[j] else r1[j]
            low23 = r2[j] if r2[j] < r3[j] else r3[j]
            top01 = r0[j] if r0[j] > r1[j] else r1[j]
            top23 = r2[j] if r2[j] > r3[j] else r3[j]
            low01 = low01 if low01 < low23 else low23
            top01 = top01 if top01 > top23 else top23
            least[j] = low01 if low01 < least[j] else least[j]
            most[j] = top01 if top01 > most[j] else most[j]
    for j in range(d):
        low[j] = least[j]
        high[j] = most[j]


def moments(X: np.ndarray) -> tuple[np.ndarray, ...]:
    """Column means, variances, minima and maxima, in float64; not finite if X is not."""
    n, d = X.shape
    folded = X.flags.c_contiguous and X.size >= FOLDED
    fold = max(1, min(64 // d, n)) if folded else 1
    even = n - n % fold
    wide = X[:even].reshape(even // fold, fold * d)
    # a typical row as the origin keeps the digits of the variance, an outlier would lose them
    few = X[:: max(1, n // 32)]
    origin = np.partition(few, len(few) // 2, axis=0)[len(few) // 2].astype(np.float64)
    parts = _moments_of(wide, np.tile(origin, fold))
    sums, squares, low, high = (a.reshape(fold, d) for a in parts)
    if even < n:
        tail = _moments_of(X[even:], origin)
        sums, squares, low, high = (
            np.concatenate([a, b[None]])
            for a, b in zip((sums, squares, low, high), tail, strict=True)
        )
    mean = sums.sum(axis=0) / n
    variance = np.maximum(squares.sum(axis=0) / n - mean * mean, 0.0)
    return mean + origin, variance, low.min(axis=0), high.max(axis=0)


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
