"""The k-means step for few dimensions; its loops are in `tree`."""

from __future__ import annotations

import numpy as np

from . import tree
from .steps import Step, blocks
from .threads import run_blocks

_NO_ORDER = np.empty(0, np.int32)


class TreeStep(Step):
    """Few dimensions: boxes in a tree, most of them settled without a look at their rows."""

    def __init__(self, X, w, grid):
        super().__init__(X, w, grid)
        keys, bits = _morton(X, grid.largest)
        if _is_sorted(keys):
            self.order = None
            self.XT = _gather_transposed(X, None)
        else:
            self.order, keys = tree.radix_order(keys, bits * X.shape[1])
            self.XT = _gather_transposed(X, self.order)
            if len(self.w):
                self.w = self.w[self.order]
        start, stop, self.skip = tree.cut(keys, tree.LEAF)
        self.start, self.stop = start.copy(), stop.copy()  # lets go of the room for more
        self.low, self.high = self._boxes()
        self.owner = np.full(len(self.start), -1, np.int32)
        self.roots = self._task_roots()
        self.tree_labels = np.full(X.shape[0], -1, np.int32)

    def forget(self):
        self.tree_labels[:] = -1
        self.owner[:] = -1

    def _boxes(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.empty((2, len(self.start), self.X.shape[1]))
        parts = blocks(len(low), 2048)

        def block(b):
            tree.leaf_boxes(self.XT, self.start, self.stop, self.skip, *parts[b], low, high)

        run_blocks(block, len(parts))
        tree.join_boxes(self.skip, low, high)
        return low, high

    def _task_roots(self) -> list[np.ndarray]:
        """Subtrees of a few thousand rows, in a fixed order."""
        roots, node, limit = [], 0, max(4096, self.X.shape[0] // 256)
        while node < len(self.start):
            if self.stop[node] - self.start[node] <= limit or self.skip[node] == node + 1:
                roots.append(node)
                node = self.skip[node]
            else:
                node += 1
        return np.array_split(np.array(roots), min(len(roots), 16))

    def _filter(self, C):
        self.begin(C)
        k, g = C.shape[0], self.grid
        parts = [self.empty_sums(k) for _ in self.roots]
        moved = np.zeros(len(parts), np.int64)

        def block(b):
            moved[b] = tree.filter_subtrees(
                self.roots[b], self.XT, self.w, self.start, self.stop, self.skip, self.low,
                self.high, self.owner, self.C, g.hi_scale, g.lo_scale, g.weight_scale,
                self.tree_labels, *parts[b],
            )  # fmt: skip

        run_blocks(block, len(parts))
        for hi, lo, weight in parts:
            self.hi += hi
            self.lo += lo
            self.weight += weight
        return int(moved.sum())

    def __call__(self, C):
        moved = self._filter(C)
        return self.stats(moved)

    @property
    def labels(self):
        if self.order is None:
            return self.tree_labels
        out = np.empty_like(self.tree_labels)
        out[self.order] = self.tree_labels
        return out

    @labels.setter
    def labels(self, value):
        pass


def _morton(X: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, int]:
    """Keys of the rows in cells of one size for all columns, and the bits a column has in them."""
    n, d = X.shape
    bits = min(16, 63 // d)
    cell = 2.0 ** np.frexp(max(2.0 * float(largest.max()), 1e-300))[1]
    origin = np.full(d, -cell)
    keys = np.empty(n, np.uint64)
    spread = tree.spread_table(d)
    parts = blocks(n, 1 << 16)

    def block(b):
        tree.morton_keys(X, origin, 2.0 ** (bits - 1) / cell, bits, spread, keys, *parts[b])

    run_blocks(block, len(parts))
    return keys, bits


def _is_sorted(keys: np.ndarray) -> bool:
    parts = blocks(len(keys), 1 << 16)
    ordered = np.empty(len(parts), np.bool_)

    def block(b):
        ordered[b] = tree.is_sorted(keys, *parts[b])

    run_blocks(block, len(parts))
    return bool(ordered.all())


def _gather_transposed(X: np.ndarray, order: np.ndarray | None) -> np.ndarray:
    """The columns of X[order] as contiguous rows."""
    XT = np.empty((X.shape[1], X.shape[0]), X.dtype)
    parts = blocks(X.shape[0], 1 << 16)

    def block(b):
        tree.transpose_rows(X, _NO_ORDER if order is None else order, *parts[b], XT)

    run_blocks(block, len(parts))
    return XT
