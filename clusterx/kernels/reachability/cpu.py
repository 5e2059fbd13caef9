"""Compiled walks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..cpu.jit import INNER, jit
from ..neighbors.generic import unit_rows
from . import DIGITS, Ordering

BLOCK = 256  # places of a block; the place of each block's least key is kept
STALE = -2  # the least key of a block is not known
_SCALE = 10.0**DIGITS


class Heap(NamedTuple):
    """A heap of the rows that wait, with the least (reach, row) on top."""

    rows: np.ndarray  # (n,)
    place: np.ndarray  # (n,): the place of each row in the heap; -1 not in it yet, -2 done
    size: np.ndarray  # (1,)


class Waiting(NamedTuple):
    """The rows that are columns of Z, in their order, and the place of each block's least key."""

    rows: np.ndarray
    key: np.ndarray  # their reachability; NaN for those that are done
    bound: np.ndarray  # sums that are not below this do not lower the key, rounding included
    best: np.ndarray  # by block; -1 if all of its rows are done, or STALE


def walk_rows(X, core, limit, measure):
    rows = unit_rows(X) if measure.metric == "cosine" else X
    Z = np.array(rows.T, dtype=np.float64, order="C")  # a copy, from which done rows are removed
    how = float(measure.power), float(measure.scale)
    kind = measure.kind
    return Ordering(*dense_walk(Z, core.astype(np.float64), float(limit), kind, *how))


def walk_links(starts, rows, distances, core):
    return Ordering(*link_walk(starts, rows, distances, core))


def walk_found(neighbours, core):
    n = len(core)
    reach, before, order = np.full(n, np.inf), np.full(n, -1), np.empty(n, np.int64)
    heap = new_heap(n)
    fresh = 0
    for step in range(n):
        row, fresh = next_row(heap, reach, fresh)
        order[step] = row
        if core[row] < np.inf:
            relax(heap, row, *neighbours(int(row)), core, reach, before)
    return Ordering(order, reach, before)


@jit
def new_heap(n):
    return Heap(np.empty(n, np.int64), np.full(n, -1), np.zeros(1, np.int64))


@jit(**INNER)
def rounded(value):
    """Round as numpy.around does."""
    return np.rint(value * _SCALE) / _SCALE if value < np.inf else value


@jit
def dense_walk(Z, core, limit, kind, power, scale):
    """The walk by sums over all rows that wait, column by column; they stay in their order."""
    d, n = Z.shape
    reach, before, order = np.full(n, np.inf), np.full(n, -1), np.empty(n, np.int64)
    wait = Waiting(
        np.arange(n), np.full(n, np.inf), np.full(n, np.inf), np.empty(n // BLOCK + 1, np.int64)
    )
    wait.best[:] = STALE
    sums, row = np.empty(BLOCK), np.empty(d)
    m, at, dropped = n, 0, 0
    for step in range(n):
        p = wait.rows[at]
        order[step] = p
        wait.key[at], wait.bound[at], wait.best[at // BLOCK] = np.nan, -1.0, STALE
        for a in range(d):
            row[a] = Z[a, at]
        dropped += 1
        if 4 * dropped > m:
            m = compacted(Z, wait, m)
            dropped = 0
        at, least = -1, np.inf
        own = core[p]
        for begin in range(0, m, BLOCK):
            end, b = min(m, begin + BLOCK), begin // BLOCK
            if own < np.inf and fill_sums(Z, row, begin, end, kind, power, wait.bound, sums):
                for j in range(begin, end):
                    if not sums[j - begin] < wait.bound[j]:
                        continue
                    away = distance_of(sums[j - begin], power, scale)
                    near = rounded(max(away, own))
                    if away <= limit and near < wait.key[j]:
                        wait.key[j], wait.best[b] = near, STALE
                        wait.bound[j] = sum_above(near, power, scale)
                        reach[wait.rows[j]], before[wait.rows[j]] = near, p
            if wait.best[b] == STALE:
                wait.best[b] = first_least(wait.key, begin, end)
            j = wait.best[b]
            if j >= 0 and (at < 0 or wait.key[j] < least):
                at, least = j, wait.key[j]
    return order, reach, before


@jit(**INNER)
def first_least(key, begin, end):
    """The first place of the least key; -1 if all are done."""
    at, least = -1, np.inf
    for j in range(begin, end):
        if key[j] < least or (at < 0 and key[j] == least):
            at, least = j, key[j]
    return at


@jit(**INNER)
def compacted(Z, wait, m):
    """Remove the rows that are done; returns how many are left."""
    kept = 0
    for j in range(m):
        if wait.key[j] == wait.key[j]:
            wait.rows[kept], wait.key[kept] = wait.rows[j], wait.key[j]
            wait.bound[kept] = wait.bound[j]
            for a in range(Z.shape[0]):
                Z[a, kept] = Z[a, j]
            kept += 1
    wait.best[:] = STALE
    return kept


@jit(**INNER)
def fill_sums(Z, row, begin, end, kind, power, bound, sums):
    """Write the sums from `row` to the rows at begin..end; whether any is below its bound."""
    out = sums[: end - begin]
    out[:] = 0.0
    for a in range(Z.shape[0]):
        x, column = row[a], Z[a, begin:end]
        if kind == 0:
            for j in range(out.shape[0]):
                out[j] += (x - column[j]) * (x - column[j])
        elif kind == 1:
            for j in range(out.shape[0]):
                out[j] += abs(x - column[j])
        elif kind == 2:
            for j in range(out.shape[0]):
                out[j] = max(out[j], abs(x - column[j]))
        else:
            for j in range(out.shape[0]):
                out[j] += abs(x - column[j]) ** power
    own, below = bound[begin:end], 0
    for j in range(out.shape[0]):
        below += out[j] < own[j]
    return below > 0


@jit(**INNER)
def distance_of(total, power, scale):
    if power == 2.0:
        return np.sqrt(total)
    return total ** (1.0 / power) if power != 1.0 else total * scale


@jit(**INNER)
def sum_above(distance, power, scale):
    """A sum above those of all distances up to this one, rounding included."""
    wide = distance * (1.0 + 1e-12) + 1e-14
    if power == 2.0:
        return wide * wide
    return wide**power if power != 1.0 else wide / scale


@jit
def link_walk(starts, rows, distances, core):
    n = core.shape[0]
    reach, before, order = np.full(n, np.inf), np.full(n, -1), np.empty(n, np.int64)
    heap = new_heap(n)
    fresh = 0
    for step in range(n):
        row, fresh = next_row(heap, reach, fresh)
        order[step] = row
        a, b = starts[row], starts[row + 1]
        relax(heap, row, rows[a:b], distances[a:b], core, reach, before)
    return order, reach, before


@jit
def next_row(heap, reach, fresh):
    """Remove and return the top of the heap, or return the first row that was never reached."""
    size = heap.size[0]
    if size == 0:
        while heap.place[fresh] != -1:
            fresh += 1
        heap.place[fresh] = -2
        return fresh, fresh
    top, last = heap.rows[0], heap.rows[size - 1]
    heap.size[0] = size - 1
    if size > 1:
        sift_down(heap, reach, last)
    heap.place[top] = -2
    return top, fresh


@jit(**INNER)
def sift_down(heap, reach, row):
    """Put a row in place of the top, and let it sink to its place."""
    i, size = 0, heap.size[0]
    while 2 * i + 1 < size:
        c = 2 * i + 1
        if c + 1 < size and before_in(reach, heap.rows[c + 1], heap.rows[c]):
            c += 1
        if not before_in(reach, heap.rows[c], row):
            break
        heap.rows[i] = heap.rows[c]
        heap.place[heap.rows[i]] = i
        i = c
    heap.rows[i] = row
    heap.place[row] = i


@jit(**INNER)
def before_in(reach, a, b):
    return reach[a] < reach[b] or (reach[a] == reach[b] and a < b)


@jit
def relax(heap, row, rows, distances, core, reach, before):
    """Lower the reach of neighbours that wait, and put them in their place in the heap."""
    if core[row] == np.inf:
        return
    for e in range(rows.shape[0]):
        j = rows[e]
        if heap.place[j] == -2:
            continue
        near = rounded(max(distances[e], core[row]))
        if not near < reach[j]:
            continue
        reach[j], before[j] = near, row
        i = heap.place[j]
        if i < 0:
            i = heap.size[0]
            heap.size[0] += 1
        while i > 0:
            up = heap.rows[(i - 1) // 2]
            if not before_in(reach, j, up):
                break
            heap.rows[i] = up
            heap.place[up] = i
            i = (i - 1) // 2
        heap.rows[i] = j
        heap.place[j] = i
