"""Rows of few columns in cells whose rows are all within a radius: dense data take linear time.

If the rows of a cell weigh enough, all of them are core rows, without computing distances. One pair
of near core rows unites two cells (A. Gunawan, "A faster algorithm for DBSCAN", 2013).
"""

from __future__ import annotations

from itertools import product

import numpy as np

from ...cpu.boxes.morton import radix_order
from ...cpu.columns import extremes
from ...cpu.ranges import ROWS_PER_TASK, blocks
from ...cpu.threads import run_blocks
from . import cell_loops
from .cell_loops import REACH, Grid

#: Most columns for cells: with more, too many cells are near, and a tree is searched.
COLUMNS = 3
#: Factor that shortens the sides of cells, by more than the rounding error of a cell's number if
#: there are at most MOST cells along a column.
SHORTER = 1.0 - 1e-9
MOST = 1 << 20
#: Most ranges of cells that are united separately.
UNIONS = 8
NONE = np.empty(0)


def cells(X: np.ndarray, radius: float) -> Cells | None:
    """The cells of rows X; None where there would be too many along a column."""
    low, high = extremes(X)
    side = radius / X.shape[1] ** 0.5 * SHORTER
    if not side > 0.0 or not ((high - low) / side < MOST).all():
        return None
    sizes = ((high - low) / side).astype(np.int64) + 1 + 2 * REACH
    return Cells(X, low, side, sizes) if sizes.astype(float).prod() < 2.0**62 else None


class Cells:
    """Rows in cells whose sides have one length."""

    def __init__(self, X: np.ndarray, low: np.ndarray, side: float, sizes: np.ndarray):
        n, d = X.shape
        keys = np.empty(n, np.int64)
        self.parts = blocks(n, max(1024, min(1 << 17, -(-n // 4))))
        run_blocks(
            lambda b: cell_loops.cell_keys(X, low, side, sizes, *self.parts[b], keys),
            len(self.parts),
        )
        bits = int(sizes.astype(float).prod()).bit_length()
        order, ordered = radix_order(keys.view(np.uint64), bits)
        Z = np.empty((d, n))
        run_blocks(lambda b: cell_loops.gather(X, order, *self.parts[b], Z), len(self.parts))
        self.grid = self._grid(Z, order, ordered.view(np.int64), sizes)
        self.tasks = blocks(self.grid.keys.shape[0], ROWS_PER_TASK)

    @staticmethod
    def _grid(Z: np.ndarray, order: np.ndarray, ordered: np.ndarray, sizes: np.ndarray) -> Grid:
        n, d = Z.shape[1], Z.shape[0]
        keys, starts = np.empty(n, np.int64), np.empty(n + 1, np.int32)
        count = cell_loops.find_cells(ordered, keys, starts)
        strides = np.append(np.cumprod(sizes[:0:-1])[::-1], 1)[: d - 1]
        offsets = sorted(
            product(range(-REACH, REACH + 1), repeat=d - 1), key=lambda o: (sum(map(abs, o)), o)
        )
        shifts = np.array([np.dot(o, strides) for o in offsets], np.int64)
        return Grid(Z, order, keys[:count].copy(), starts[: count + 1].copy(), shifts)

    def core_rows(self, limit: float, least: float, weights: np.ndarray | None) -> np.ndarray:
        """Whether the weight within the radius of each row is enough; weights are 0 or more."""
        by_place = NONE if weights is None else np.asarray(weights, np.float64)[self.grid.order]
        core = np.empty(self.grid.order.shape[0], bool)
        self._each(cell_loops.find_cores, self.grid, by_place, limit, least, after=(core,))
        return core

    def links(self, limit: float, core: np.ndarray) -> np.ndarray:
        """Labels of the rows, given which are core rows."""
        grid, cells = self.grid, self.grid.keys.shape[0]
        by_place, first = np.empty(core.shape[0], bool), np.empty(cells, np.int32)
        self._each(cell_loops.find_first, grid, core, after=(by_place, first))
        parent = self._united(limit, by_place, first >= 0)
        cell_loops.join_first(parent, first)
        roots = np.flatnonzero((parent == np.arange(cells)) & (first >= 0))
        number = np.full(cells, -1, np.int32)
        number[roots[np.argsort(first[roots])]] = np.arange(roots.size)
        label = np.empty(core.shape[0], np.int32)
        number = number[parent]
        self._each(cell_loops.label_rows, grid, by_place, limit, number, after=(label,))
        return label

    def _united(self, limit: float, core: np.ndarray, has_core: np.ndarray) -> np.ndarray:
        """The parents of cells, which are united where their core rows touch.

        Each range of cells is united by itself; then its first cells with those of earlier ranges.
        """
        grid, cells = self.grid, self.grid.keys.shape[0]
        parent = np.arange(cells, dtype=np.int32)
        parts = blocks(cells, max(ROWS_PER_TASK, -(-cells // UNIONS)))

        def unite(start: int, stop: int, low: int, high: int) -> None:
            cell_loops.link_cells(grid, core, limit, start, stop, low, high, has_core, parent)

        run_blocks(lambda b: unite(*parts[b], *parts[b]), len(parts))
        for start, stop in parts[1:]:
            beyond = grid.keys[start - 1] + grid.shifts.max() + REACH
            unite(start, min(stop, int(np.searchsorted(grid.keys, beyond, "right"))), 0, start)
        return parent

    def _each(self, loop, *before, after):
        run_blocks(lambda b: loop(*before, *self.tasks[b], *after), len(self.tasks))
