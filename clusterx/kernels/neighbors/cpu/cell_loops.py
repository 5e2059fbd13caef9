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
    """Copy the columns of rows order[start:stop] to the same places of Z."""
    for p in range(start, stop):
        i = order[p]
        Z[0, p] = X[i, 0]
        if X.shape[1] > 1:
            Z[1, p] = X[i, 1]
        if X.shape[1] > 2:
            Z[2, p] = X[i, 2]


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
    """The squared distance between two places, in up to three columns."""
    t = Z[0, p] - Z[0, q]
    s = t * t
    if Z.shape[0] > 1:  # no loop: this takes half of the time
        t = Z[1, p] - Z[1, q]
        s += t * t
    if Z.shape[0] > 2:
        t = Z[2, p] - Z[2, q]
        s += t * t
    return s


@jit
def find_cores(grid, weights, limit, least, start, stop, core):
    """Whether the weight within the radius of each row of cells start..stop is enough.

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
            for p in range(a, b):
                core[grid.order[p]] = True
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
            core[grid.order[p]] = total >= least


@jit
def find_first(grid, core, start, stop, by_place, first):
    """Fill in which places of cells start..stop are core rows, and each cell's first core row.

    core : by row
    first : by cell; -1 where there is none
    """
    for cell in range(start, stop):
        first[cell] = -1
        for p in range(grid.starts[cell], grid.starts[cell + 1]):
            row = grid.order[p]
            by_place[p] = core[row]
            if core[row] and first[cell] < 0:
                first[cell] = row


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
def link_cells(grid, core, limit, start, stop, low, high, has_core, parent):
    """Unite the cells start..stop with the cells low..high before them whose core rows they touch.

    core : by place
    """
    first, last = np.zeros((2, grid.shifts.shape[0]), np.int64)
    for cell in range(start, stop):
        if not has_core[cell]:
            continue
        follow(grid, cell, first, last)
        for r in range(first.shape[0]):
            for other in range(min(last[r], cell, high) - 1, max(first[r], low) - 1, -1):
                if has_core[other] and root_of(parent, cell) != root_of(parent, other):
                    if touch(grid, core, limit, cell, other):
                        unite(parent, cell, other)


@jit
def join_first(parent, first):
    """Make the parent of each cell its root, and the first core row of a root that of its set."""
    for cell in range(parent.shape[0]):
        root = parent[parent[cell]]  # a root is the least of its set, so its parent is known
        parent[cell] = root
        if first[cell] >= 0:
            first[root] = min(first[root], first[cell])


@jit
def label_rows(grid, core, limit, number, start, stop, label):
    """Label the rows of cells start..stop: other rows by the lowest cluster that has a core row
    within the radius.

    core : by place
    number : the cluster of each cell's core rows; -1 where there are none
    """
    starts = grid.starts
    first, last = np.zeros((2, grid.shifts.shape[0]), np.int64)
    for cell in range(start, stop):
        followed = False
        for p in range(starts[cell], starts[cell + 1]):
            if core[p]:
                label[grid.order[p]] = number[cell]
                continue
            if not followed:
                follow(grid, cell, first, last)
                followed = True
            least = -1
            for r in range(first.shape[0]):
                for other in range(first[r], last[r]):
                    if number[other] < 0 or (0 <= least <= number[other]):
                        continue
                    for q in range(starts[other], starts[other + 1]):
                        if core[q] and square(grid.Z, p, q) <= limit:
                            least = number[other]
                            break
            label[grid.order[p]] = least
