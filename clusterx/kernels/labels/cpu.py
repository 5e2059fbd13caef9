"""Labels as codes, counts of pairs of labels, and the expected mutual information."""

from __future__ import annotations

import math

import numpy as np

from ..cpu.deferred import deferred
from ..cpu.jit import INNER, jit
from ..cpu.ranges import blocks
from ..cpu.threads import run_blocks
from . import generic

BLOCK = 1 << 17  # labels per task
FIRST, USUAL = -8, 1 << 10  # least label and size of the table that is tried first
DENSE = 1 << 16  # most cells of a table that stays in a core's cache
TERMS = 1 << 16  # terms of the expectation per task
SMALL = 0.01  # relative difference below which a series is used
NEGLIGIBLE = 1e-24  # hypergeometric tails end below this share of the mode's probability
_TOP_BIT = np.uint64(1 << 63)


def _sorted(labels):
    classes, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int32), classes


def _whole_numbers(labels):
    """The labels as integers, or None if they are not all whole numbers in range."""
    if len(labels) and not -(2.0**62) < float(labels.min()) <= float(labels.max()) < 2.0**62:
        return None
    whole = labels.astype(np.int64)
    return whole if (whole == labels).all() else None


def _extent(values):
    if len(values) <= BLOCK:
        return extent(values)
    parts = blocks(len(values), BLOCK)
    extents = [(0, 0)] * len(parts)

    def block(i):
        extents[i] = extent(values[slice(*parts[i])])

    run_blocks(block, len(parts))
    return min(low for low, _ in extents), max(high for _, high in extents)


def _tabulated(values, low, size):
    """Codes and classes by a table of `size` labels from `low`; None if there are others."""
    parts = blocks(len(values), BLOCK)
    seen = np.zeros(size, np.uint8)
    fits = [True] * len(parts)

    def mark_block(i):
        # several threads may mark the same label, because they write the same value
        fits[i] = mark(values[slice(*parts[i])], low, seen)

    run_blocks(mark_block, len(parts))
    if not all(fits):
        return None
    to_code, classes = rank(seen, low)
    if classes[0] == 0 and classes[-1] == len(classes) - 1 and values.dtype == np.int32:
        return values, classes
    codes = np.empty(len(values), np.int32)

    def block(i):
        a, b = parts[i]
        recode(values[a:b], low, to_code, codes[a:b])

    run_blocks(block, len(parts))
    return codes, classes


def _by_rows(a, b, shape):
    """Group labels b by label a, then count row by row, without memory for all cells."""
    starts = np.zeros(shape[0] + 1, np.int64)
    dealt = np.empty(len(b), np.int32)
    deal(a, b, starts, dealt)
    # runs of rows, each about a block of labels
    bounds = sorted({*np.searchsorted(starts, range(0, len(a), BLOCK)), 0, shape[0]})
    counts = np.empty(len(b), np.int64)
    distinct = np.empty(shape[0], np.int64)

    def block(i):
        count_rows(dealt, starts, bounds[i], bounds[i + 1], shape[1], counts, distinct)

    run_blocks(block, len(bounds) - 1)
    columns, kept = compressed(dealt, counts, starts, distinct)
    return np.repeat(np.arange(shape[0]), distinct), columns, kept


def expected_information(a, b, n):
    """Sum over the distinct pairs of sizes, on threads."""
    rows, row_times = np.unique(a, return_counts=True)
    columns, column_times = np.unique(b, return_counts=True)
    logs = np.log(np.arange(1, min(rows[-1], columns[-1], TERMS) + 1, dtype=np.float64))
    sums = np.empty(len(rows))
    # assumes some tens of terms per pair, because their number is not known
    parts = blocks(len(rows), max(1, TERMS // (32 * len(columns))))

    def block(i):
        expected_rows(rows, columns, column_times, n, logs, *parts[i], sums)

    run_blocks(block, len(parts))
    return math.fsum(sums * row_times) / n


@jit
def extent(values):
    low = high = values[0]
    for v in values:
        low, high = min(low, v), max(high, v)
    return np.int64(low), np.int64(high)


@jit
def mark(values, low, seen):
    for v in values:
        i = v - low
        if i < 0 or i >= seen.shape[0]:
            return False
        if seen[i] == 0:  # because a write takes the cache line from other threads
            seen[i] = 1
    return True


@jit
def rank(seen, low):
    """The code of each label that was seen, and the labels by code."""
    to_code = np.empty(seen.shape[0], np.int32)
    classes = np.empty(seen.shape[0], np.int64)
    k = 0
    for v in range(seen.shape[0]):
        if seen[v] > 0:
            to_code[v], classes[k] = k, v + low
            k += 1
    return to_code, classes[:k].copy()


@jit
def recode(values, low, to_code, codes):
    for i in range(values.shape[0]):
        codes[i] = to_code[values[i] - low]


@jit
def count(a, b, cells, width):
    table = np.zeros(cells, np.int64)
    for i in range(a.shape[0]):
        table[a[i] * width + b[i]] += 1
    return table


@jit
def deal(a, b, starts, out):
    """Write b, grouped by a, to out; the group of a becomes out[starts[a] : starts[a + 1]]."""
    for i in range(a.shape[0]):
        starts[a[i] + 1] += 1
    for j in range(1, starts.shape[0]):
        starts[j] += starts[j - 1]
    place = starts.copy()
    for i in range(a.shape[0]):
        out[place[a[i]]] = b[i]
        place[a[i]] += 1


@jit
def ascending(values):
    """Sort in place; few values, as in most rows of a large table, without a call."""
    if values.shape[0] > 12:
        values.sort()
        return
    for i in range(1, values.shape[0]):
        v, j = values[i], i
        while j > 0 and values[j - 1] > v:
            values[j] = values[j - 1]
            j -= 1
        values[j] = v


@jit
def count_rows(labels, starts, first, last, width, counts, distinct):
    """Replace each row's labels by its distinct ones, ascending, and write their counts."""
    table = np.zeros(width, np.int64)
    for row in range(first, last):
        begin, end = starts[row], starts[row + 1]
        m = begin
        for i in range(begin, end):
            v = labels[i]
            if table[v] == 0:
                labels[m] = v
                m += 1
            table[v] += 1
        if 8 * (m - begin) < width:
            ascending(labels[begin:m])
        else:
            m = begin
            for v in range(width):
                if table[v] > 0:
                    labels[m] = v
                    m += 1
        for i in range(begin, m):
            counts[i] = table[labels[i]]
            table[labels[i]] = 0
        distinct[row] = m - begin


@jit
def compressed(labels, counts, starts, distinct):
    """The first distinct[row] entries of each row, concatenated."""
    total = distinct.sum()
    columns, kept = np.empty(total, np.int64), np.empty(total, np.int64)
    m = 0
    for row in range(distinct.shape[0]):
        for i in range(starts[row], starts[row] + distinct[row]):
            columns[m], kept[m] = labels[i], counts[i]
            m += 1
    return columns, kept


@jit
def expected_rows(rows, columns, times, n, logs, first, last, sums):
    for i in range(first, last):
        total = 0.0
        for j in range(columns.shape[0]):
            total += times[j] * expected_term(float(rows[i]), float(columns[j]), float(n), logs)
        sums[i] = total


@jit(**INNER)
def expected_term(a, b, n, logs):
    """Expectation of x log(x n / (a b)) for hypergeometric x: b draws of n things, a of them good.

    Probabilities follow from their ratios, outwards from the mode and relative to it, so nothing
    over- or underflows. From each term x - a b / n is subtracted, whose expectation is zero: the
    rest is never negative, so nothing cancels.
    """
    mean = a * b / n
    log_mean = math.log(a) + math.log(b) - math.log(n)
    rest = n - a - b
    low, high = max(0.0, -rest), min(a, b)
    mode = min(high, max(low, math.floor((a + 1.0) * (b + 1.0) / (n + 2.0))))
    weights = total = 0.0
    w, x = 1.0, mode
    while w > NEGLIGIBLE:
        weights += w
        total += w * gain(x, mean, log_mean, logs)
        w *= (a - x) * (b - x) / ((x + 1.0) * (rest + x + 1.0))
        x += 1.0
    w = mode * (rest + mode) / ((a - mode + 1.0) * (b - mode + 1.0))
    x = mode - 1.0
    while w > NEGLIGIBLE:
        weights += w
        total += w * gain(x, mean, log_mean, logs)
        w *= x * (rest + x) / ((a - x + 1.0) * (b - x + 1.0))
        x -= 1.0
    return total / weights


@jit(**INNER)
def gain(x, mean, log_mean, logs):
    """x log(x / mean) - x + mean."""
    d = (x - mean) / mean
    if abs(d) < SMALL:  # the series keeps the digits that almost equal numbers would cancel
        series = 1 / 2 - d * (1 / 6 - d * (1 / 12 - d * (1 / 20 - d * (1 / 30 - d / 42))))
        return mean * d * d * series
    if x == 0.0:
        return mean
    i = int(x) - 1
    log = logs[i] if i < logs.shape[0] else math.log(x)
    return x * (log - log_mean) - x + mean


def encode_in_numpy(labels):
    return generic.factorize(labels) if len(labels) <= BLOCK else NotImplemented


@deferred(encode_in_numpy, seconds=0.3, kernels=(rank,))
def factorize(labels):
    """Codes by a table where the range of the labels is small, else by sorting."""
    kind = labels.dtype
    if kind == np.uint64:  # the same order, in int64
        codes, classes = factorize((labels ^ _TOP_BIT).view(np.int64))
        return codes, classes.view(np.uint64) ^ _TOP_BIT
    if kind.kind == "f":
        whole = _whole_numbers(labels)
        if whole is None:
            return _sorted(labels)
        codes, classes = factorize(whole)
        return codes, classes.astype(kind)
    wide = np.int64 if kind.itemsize >= 8 or kind == np.uint32 else np.int32
    values = np.ascontiguousarray(labels, dtype=wide)
    if not len(values):
        return np.empty(0, np.int32), labels
    # most labels are small, so try a small table before the range is known
    coded = _tabulated(values, FIRST, USUAL)
    if coded is None:
        low, high = _extent(values)
        if high - low >= max(1 << 12, 2 * len(values)):
            return _sorted(labels)
        coded = _tabulated(values, low, high - low + 1)
    codes, classes = coded
    return codes, classes.astype(kind)


def contingency_in_numpy(a, b, shape):
    return generic.contingency(a, b, shape) if len(a) <= BLOCK else NotImplemented


@deferred(contingency_in_numpy, seconds=0.3, kernels=(count, compressed))
def contingency(a, b, shape):
    """Counts in one table where it is small, else row by row."""
    if not len(a):
        return (np.empty(0, np.int64),) * 3
    if shape[0] * shape[1] > DENSE:
        return _by_rows(a, b, shape)
    # at most 64 tables, whatever the number of labels; each made by the thread that fills it
    parts = blocks(len(a), max(BLOCK, -(-len(a) // 64)))
    tables = [np.empty(0, np.int64)] * len(parts)

    def block(i):
        first, last = parts[i]
        tables[i] = count(a[first:last], b[first:last], shape[0] * shape[1], shape[1])

    run_blocks(block, len(parts))
    table = tables[0] if len(tables) == 1 else np.stack(tables).sum(axis=0)
    cells = np.flatnonzero(table)
    rows, columns = np.divmod(cells, shape[1])
    return rows, columns, table[cells]
