"""Loops over rows in cells; all rows of a cell are within the radius of each other.

Cells are sorted by their keys, so neighbours along the last column are consecutive. All neighbours
of a cell are therefore in a few stretches of cells, whose ends only rise from cell to cell. Loops
move these ends along, and need no table of cells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.jit import INNER, jit
from .links import root_of, unite

#: Cells this far away along a column may have rows within the radius, in up to three columns.
REACH = 2


class Grid(NamedTuple):
    """Rows in cells."""

    Z: np.ndarray  # (d, n) float64, the columns of the rows in order
    order: np.ndarray  # (n,) int32, the row at each place
    keys: np.ndarray  # (cells,) rising
    starts: np.ndarray  # (cells + 1,), the place where each cell begins
    shifts: np.ndarray  # added to a cell's key for each stretch; zero, for its own, comes first


@jit
def cell_keys(X, low, side, sizes, start, stop, keys):
    """The keys of the cells of rows; the last column varies fastest. Along each column REACH cells
    are free at either end.
    """
    for i in range(start, stop):
        key = 0
        for j in range(X.shape[1]):
            cell = np.int64((np.float64(X[i, j]) - low[j]) / side)
            key = key * sizes[j] + cell + REACH
        keys[i] = key


@jit
def gather(X, order, start, stop, Z):
    for p in range(start, stop):
        for j in range(X.shape[1]):
            Z[j, p] = X[order[p], j]


@jit
def find_cells(sorted_keys, keys, starts):
    """Fill in the keys and the starts of cells; returns the number of cells."""
    count = 0
    for p in range(sorted_keys.shape[0]):
        if p == 0 or sorted_keys[p] != sorted_keys[p - 1]:
            keys[count] = sorted_keys[p]
            starts[count] = p
            count += 1
    starts[count] = sorted_keys.shape[0]
    return count


@jit(**INNER)
def follow(grid, cell, first, last):
    """Move the ends of the stretches on to the neighbours of a cell."""
    keys = grid.keys
    for r in range(grid.shifts.shape[0]):
        key = keys[cell] + grid.shifts[r]
        a, b = first[r], last[r]
        while a < keys.shape[0] and keys[a] < key - REACH:
            a += 1
        b = max(a, b)
        while b < keys.shape[0] and keys[b] <= key + REACH:
            b += 1
        first[r], last[r] = a, b


@jit(**INNER)
def square(Z, p, q):
    s = 0.0
    for j in range(Z.shape[0]):
        t = Z[j, p] - Z[j, q]
        s += t * t
    return s


@jit
def find_cores(grid, weights, limit, least, start, stop, core):
    """Whether the weight within the radius of each place of cells start..stop is enough.

    weights : by place, none negative; an empty array counts rows
    """
    Z, starts = grid.Z, grid.starts
    weighted = weights.shape[0] > 0
    first, last = np.zeros((2, grid.shifts.shape[0]), np.int64)
    for cell in range(start, stop):
        a, b = starts[cell], starts[cell + 1]
        own = np.float64(b - a)
        if weighted:
            own = weights[a:b].sum()
        if own >= least:
            core[a:b] = True
            continue
        follow(grid, cell, first, last)
        for p in range(a, b):
            total = 0.0
            for r in range(first.shape[0]):
                for q in range(starts[first[r]], starts[last[r]]):
                    near = square(Z, p, q) <= limit
                    if weighted:
                        total += weights[q] if near else 0.0
                    else:
                        total += near
                if total >= least:
                    break
            core[p] = total >= least


@jit(**INNER)
def touch(grid, core, limit, cell, other):
    """Whether core rows of two cells are within the radius."""
    for p in range(grid.starts[cell], grid.starts[cell + 1]):
        if core[p]:
            for q in range(grid.starts[other], grid.starts[other + 1]):
                if core[q] and square(grid.Z, p, q) <= limit:
                    return True
    return False


@jit
def link_cells(grid, core, limit, start, stop, has_core, parent):
    """Unite the cells start..stop with those before them whose core rows they touch."""
    first, last = np.zeros((2, grid.shifts.shape[0]), np.int64)
    for cell in range(start, stop):
        if not has_core[cell]:
            continue
        follow(grid, cell, first, last)
        for r in range(first.shape[0]):
            for other in range(min(last[r], cell) - 1, first[r] - 1, -1):
                if has_core[other] and root_of(parent, cell) != root_of(parent, other):
                    if touch(grid, core, limit, cell, other):
                        unite(parent, cell, other)


@jit
def any_core(grid, core, start, stop, has_core):
    for cell in range(start, stop):
        some = False
        for p in range(grid.starts[cell], grid.starts[cell + 1]):
            some |= core[p]
        has_core[cell] = some


@jit
def number_cells(grid, core, parent, label):
    """Number the clusters by their first core rows; write the labels of core rows to `label`, and
    return those of cells.
    """
    cells = grid.starts.shape[0] - 1
    number = np.full(cells, -1, np.int32)
    for cell in range(cells):
        for p in range(grid.starts[cell], grid.starts[cell + 1]):
            label[grid.order[p]] = cell if core[p] else -1
    count = 0
    for i in range(label.shape[0]):
        if label[i] >= 0:
            r = root_of(parent, label[i])
            if number[r] < 0:
                number[r] = count
                count += 1
            label[i] = number[r]
    for cell in range(cells):
        number[cell] = number[root_of(parent, cell)]
    return number


@jit
def label_borders(grid, core, limit, has_core, number, start, stop, label):
    """The lowest label of a cluster with a core row within the radius of each other row."""
    starts = grid.starts
    first, last = np.zeros((2, grid.shifts.shape[0]), np.int64)
    for cell in range(start, stop):
        followed = False
        for p in range(starts[cell], starts[cell + 1]):
            if core[p]:
                continue
            if not followed:
                follow(grid, cell, first, last)
                followed = True
            least = -1
            for r in range(first.shape[0]):
                for other in range(first[r], last[r]):
                    if not has_core[other] or (0 <= least <= number[other]):
                        continue
                    for q in range(starts[other], starts[other + 1]):
                        if core[q] and square(grid.Z, p, q) <= limit:
                            least = number[other]
                            break
            label[grid.order[p]] = least
