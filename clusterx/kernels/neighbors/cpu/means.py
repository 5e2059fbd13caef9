"""Means of the rows within a radius; rows are in strips, and sorted inside each strip.

Strips divide the column of the second largest range, and the rows of a strip are sorted by the
column of the largest range. So the rows that may be within the radius are one slice of each of a
few strips.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.columns import extremes
from ...cpu.jit import INNER, jit
from ...cpu.ranges import blocks
from ...cpu.threads import run_blocks
from ..generic import means_within as generic_means

#: Up to this many rows, NumPy measures all pairs, and nothing is compiled.
FEW = 512
#: Strips per radius: narrow ones contain fewer rows that are too far, wide ones are fewer.
PER_RADIUS = 2
MOST_STRIPS = 1 << 14
QUERIES_PER_TASK = 64


class Strips(NamedTuple):
    columns: np.ndarray  # (d, n): the rows, in the order of the strips
    starts: np.ndarray  # (strips + 1,)
    across: int  # the column that strips cut
    along: int  # the column that rows of a strip are sorted by
    low: float  # where the first strip begins
    width: float


def means_within(X, radius):
    if X.shape[0] <= FEW:
        return generic_means(X, radius)
    strips = strips_of(X, radius)

    def means(Q):
        Q = np.ascontiguousarray(Q, np.float64)
        out, counts = np.empty_like(Q), np.empty(Q.shape[0], np.int64)
        spans = blocks(Q.shape[0], QUERIES_PER_TASK)
        run_blocks(
            lambda i: fill_means(strips, Q, float(radius), *spans[i], out, counts), len(spans)
        )
        return out, counts

    return means


def strips_of(X: np.ndarray, radius: float) -> Strips:
    low, high = extremes(X)
    by_range = np.argsort(low - high, kind="stable")
    along, across = int(by_range[0]), int(by_range[min(1, len(by_range) - 1)])
    extent = high[across] - low[across] if across != along else 0.0
    width = max(radius / PER_RADIUS, extent / MOST_STRIPS)
    width = width if width > 0 else 1.0
    if across == along:  # one column: one strip
        strip, count = np.zeros(len(X), np.int64), 1
        width = np.inf
    else:
        strip = np.floor((X[:, across].astype(np.float64) - low[across]) / width).astype(np.int64)
        count = int(strip.max()) + 1
    order = np.lexsort((X[:, along], strip))
    columns = np.ascontiguousarray(X[order].T, dtype=np.float64)
    starts = np.searchsorted(strip[order], np.arange(count + 1))
    return Strips(columns, starts, across, along, float(low[across]), float(width))


@jit(**INNER)
def first_at_least(column, begin, end, value):
    """The first place from `begin` on where a sorted column is not below `value`."""
    while begin < end:
        middle = (begin + end) // 2
        if column[middle] < value:
            begin = middle + 1
        else:
            end = middle
    return begin


@jit
def fill_means(strips, Q, radius, begin, end, means, counts):
    columns, starts = strips.columns, strips.starts
    d, last = columns.shape[0], starts.shape[0] - 2
    reach = radius * (1.0 + 1e-9)  # half the length of slices, more than enough; squares decide
    buffer, origin, sums = np.empty(256), np.empty(d), np.empty(d)
    for i in range(begin, end):
        q = Q[i]
        y, z = q[strips.across], q[strips.along]
        room = 1e-12 * (abs(y) + abs(strips.low))
        first = max(0.0, np.floor((y - reach - room - strips.low) / strips.width))
        final = min(float(last), np.floor((y + reach + room - strips.low) / strips.width))
        count = 0
        sums[:] = 0.0
        for strip in range(int(min(first, last + 1.0)), int(max(final, -1.0)) + 1):
            a, b = starts[strip], starts[strip + 1]
            room = 1e-12 * abs(z)
            p = first_at_least(columns[strips.along], a, b, z - reach - room)
            b = first_at_least(columns[strips.along], p, b, np.nextafter(z + reach + room, np.inf))
            while p < b:
                stop = min(b, p + 256)
                count = add_near(columns, q, radius * radius, p, stop, buffer, origin, sums, count)
                p = stop
        counts[i] = count
        for j in range(d):
            means[i, j] = origin[j] + sums[j] / count if count > 0 else q[j]


@jit(**INNER)
def add_near(columns, q, limit, begin, end, buffer, origin, sums, count):
    """Add the rows at begin..end that are near, less the first near row of the query."""
    near = buffer[: end - begin]
    near[:] = 0.0
    for j in range(columns.shape[0]):
        column, y = columns[j, begin:end], q[j]
        for p in range(near.shape[0]):
            near[p] += (y - column[p]) * (y - column[p])
    for p in range(near.shape[0]):
        if near[p] <= limit:
            if count == 0:
                for j in range(columns.shape[0]):
                    origin[j] = columns[j, begin + p]
            count += 1
            for j in range(columns.shape[0]):
                sums[j] += columns[j, begin + p] - origin[j]
    return count
