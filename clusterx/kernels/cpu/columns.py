"""Finiteness, moments and extremes of columns in one pass over the rows."""

from __future__ import annotations

import numpy as np

from ..statistics import Summary
from .jit import jit
from .threads import run_blocks

#: Rows are summed in blocks of this many values, whatever the number of threads.
BLOCK = 1 << 18
#: Below this many values, it does not pay to join short rows into longer ones.
FOLDED = 1 << 14
#: Values of the rows that short rows are joined into for their extremes.
EXTREMES = 512
#: Most rows per block of bytes: their squares then sum to less than 2^31 in a column.
BYTE_ROWS = 1 << 15
#: Most values that the NumPy stand-in takes; it then runs for half as long as compiling takes.
STAND_IN_VALUES = 1 << 23


def column_moments_in_numpy(X, shift, start, stop, sums, squares, low, high):
    if X.size > STAND_IN_VALUES:
        return NotImplemented
    n, d = stop - start, X.shape[1]
    low[:], high[:] = X[start:stop].min(axis=0), X[start:stop].max(axis=0)
    terms = X[start:stop] - shift
    for out in (sums, squares):
        fours = terms[: n - n % 4].reshape(-1, 4, d)
        pairs = (fours[:, 0] + fours[:, 1]) + (fours[:, 2] + fours[:, 3])
        # not `sum`, because NumPy chooses the order of its additions
        out += np.add.accumulate(np.concatenate([pairs, terms[n - n % 4 :]]), axis=0)[-1]
        terms *= terms
    return None


@jit(stand_in=column_moments_in_numpy, seconds=0.5)
def column_moments(X, shift, start, stop, sums, squares, low, high):
    """Sums of X - shift and of its squares, and extremes of X, over rows start..stop."""
    d = X.shape[1]
    least = np.empty(d, X.dtype)
    most = np.empty(d, X.dtype)
    for j in range(d):
        least[j] = most[j] = X[start, j]
    # four rows at a time in loops over few arrays, so that LLVM vectorises them
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
    # shift by the medians of a sample: a typical row keeps the digits of the variance, but an
    # outlier would lose them
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


def extremes(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column minima and maxima of C-contiguous rows, in float64."""
    n, d = X.shape
    # NumPy is 30 times as fast on long rows as on rows of two values
    fold = max(1, min(EXTREMES // d, n))
    even = n - n % fold
    wide, rest = X[:even].reshape(even // fold, fold * d), X[even:]
    low, high = wide.min(axis=0).reshape(fold, d), wide.max(axis=0).reshape(fold, d)
    low, high = np.concatenate([low, rest]), np.concatenate([high, rest])
    return low.min(axis=0).astype(np.float64), high.max(axis=0).astype(np.float64)


def byte_moments_in_numpy(X, start, stop, sums, squares, largest):
    x = X[start:stop].astype(np.int32)
    sums += x.sum(axis=0)
    np.maximum(largest, X[start:stop].max(axis=0), out=largest)
    x *= x
    squares += x.sum(axis=0)


@jit(stand_in=byte_moments_in_numpy, seconds=0.3)
def byte_moments(X, start, stop, sums, squares, largest):
    """Sums, sums of squares and maxima of rows start..stop, at most BYTE_ROWS, of whole
    numbers below 256.
    """
    d = X.shape[1]
    s = np.zeros(d, np.int32)
    q = np.zeros(d, np.int32)
    for i in range(start, stop):
        row = X[i]
        for j in range(d):
            x = np.int32(row[j])
            s[j] += x
            q[j] += x * x
            largest[j] = max(largest[j], row[j])
    for j in range(d):
        sums[j] += s[j]
        squares[j] += q[j]


def byte_summary(X: np.ndarray) -> Summary:
    """`summary` of bytes, computed in integers."""
    n, d = X.shape
    fold = max(1, min(1024 // d, n)) if X.flags.c_contiguous else 1
    even = n - n % fold
    parts = [X[:even].reshape(even // fold, fold * d), X[even:]]
    sums, squares = np.zeros((2, d), np.int64)
    largest = np.zeros(d, np.uint8)
    for part in parts:
        width = part.shape[1]
        rows = max(1, min(BYTE_ROWS, 2 * BLOCK // width))
        blocks = -(-len(part) // rows)
        s, q = np.zeros((2, blocks, width), np.int64)
        top = np.zeros((blocks, width), np.uint8)

        def block(b: int, part=part, rows=rows, s=s, q=q, top=top) -> None:
            byte_moments(part, b * rows, min(len(part), (b + 1) * rows), s[b], q[b], top[b])

        run_blocks(block, blocks)
        sums += s.reshape(-1, d).sum(axis=0)
        squares += q.reshape(-1, d).sum(axis=0)
        largest = np.maximum(largest, top.reshape(-1, d).max(axis=0, initial=0))
    # below 2^63, because a block has at most SUMMARY_VALUES values
    variance = (n * squares - sums * sums) / n**2
    return Summary(np.True_, sums / n, variance, largest.astype(np.float64))


def summary(X: np.ndarray) -> Summary:
    if X.dtype == np.uint8:
        return byte_summary(X)
    with np.errstate(invalid="ignore", over="ignore"):
        mean, variance, low, high = moments(X)
    finite = np.isfinite(mean).all() and np.isfinite(variance).all()
    if not finite and X.dtype == np.float64:  # squares of finite values may have overflowed
        finite = np.isfinite(X).all()
    return Summary(finite, mean, variance, np.maximum(np.abs(low), np.abs(high)))
