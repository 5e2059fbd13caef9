"""The definition: walks over rows in the array API standard, walks along links in plain Python."""

from __future__ import annotations

import math

import numpy as np

from ...arrays import asarray, device, host_floats, namespace
from ..neighbors.generic import RowSearch
from . import DIGITS, Ordering

_SCALE = 10.0**DIGITS


def rounded(distances, xp):
    """Round to 15 decimal places, as numpy.around does."""
    return xp.round(distances * _SCALE) / _SCALE


def walk_rows(X, core, limit, measure):
    search = RowSearch(X, measure)

    def distances(row):
        tile = search.tile(search.X[row : row + 1, :], 0, search.n)
        return search.measure.restored(tile, search.xp)[0, :]

    return walk(distances, core, limit)


def walk(distances, core, limit):
    """The walk, given distances(row) to all rows, on any device; one host read per step."""
    xp, n = namespace(core), core.shape[0]
    where = {"device": device(core)}
    rows = xp.arange(n, dtype=xp.int64, **where)
    infinite = xp.full(n, math.inf, dtype=core.dtype, **where)
    reach, before = infinite, xp.full(n, -1, dtype=xp.int64, **where)
    waiting = xp.ones(n, dtype=xp.bool, **where)
    # each step goes to the lowest row of least reachability among those that wait
    order, row = [], 0
    for step in range(n):
        order.append(row)
        waiting = waiting & (rows != row)
        if step == n - 1:
            break
        D = xp.astype(distances(row), core.dtype)
        near = rounded(xp.maximum(D, core[row]), xp)
        near = xp.where(waiting & (D <= limit), near, infinite)
        better = near < reach
        reach = xp.where(better, near, reach)
        before = xp.where(better, xp.full_like(before, row), before)
        least = xp.min(xp.where(waiting, reach, infinite))
        candidates = xp.where(waiting & (reach == least), rows, xp.full_like(rows, n))
        row = int(host_floats(xp.min(candidates))[0])
    return Ordering(asarray(np.array(order, np.int64), like=core), reach, before)


def walk_links(starts, rows, distances, core):
    def neighbours(row):
        links = slice(starts[row], starts[row + 1])
        return rows[links], distances[links]

    return walk_found(neighbours, core)


def walk_found(neighbours, core):
    n = len(core)
    reach, before = [math.inf] * n, [-1] * n
    waiting, order = set(range(n)), []
    while waiting:
        row = min(waiting, key=lambda j: (reach[j], j))
        waiting.remove(row)
        order.append(row)
        for j, away in zip(*(part.tolist() for part in neighbours(row)), strict=True):
            near = float(np.around(max(away, core[row]), DIGITS))
            if j in waiting and near < reach[j]:
                reach[j], before[j] = near, row
    return Ordering(np.array(order, np.int64), np.array(reach), np.array(before, np.int64))
