"""The k-means step for few dimensions; its loops are in `tree` and `filtering`."""

from __future__ import annotations

import numpy as np

from . import boxes, filtering, tree
from .steps import Step, blocks
from .threads import run_blocks, thread_count

#: Bytes of sums that all tasks may have of their own.
TABLES = 1 << 26


class TreeStep(Step):
    """Few dimensions: boxes in a tree, most of them settled without a look at their rows."""

    def __init__(self, X, w, grid):
        super().__init__(X, w, grid)
        self.XT = _transposed(X)
        self.order = None
        keys, key_bits, ordered = _morton_keys(X, self.XT, grid.largest)
        if not ordered:
            self.order, keys = tree.radix_order(keys.astype(np.uint64, copy=False), key_bits)
            self.XT = _in_order(self.XT, self.order)
            if len(self.w):
                self.w = self.w[self.order]
        start, stop, self.skip = tree.cut(keys)
        self.start, self.stop = start.copy(), stop.copy()  # lets go of the room for more
        self._measure_nodes()
        self.owner = np.full(len(self.start), filtering.NOWHERE, np.int32)
        # of a few thousand rows each
        limit = max(4096, X.shape[0] // 256)
        self.roots = tree.subtrees(self.start, self.stop, self.skip, limit)
        self.tree_labels = np.empty(X.shape[0], np.int32)  # in the order of the tree

    def forget(self):
        self.owner[:] = filtering.NOWHERE

    def _measure_nodes(self) -> None:
        """Boxes and sums of all nodes."""
        nodes, d, g = len(self.start), self.X.shape[1], self.grid
        self.low, self.high = np.empty((2, nodes, d))
        self.node_hi, self.node_lo = np.empty((2, nodes, d + 1), np.int64)
        whole_rows = (self.X.dtype.kind in "iu" and bool((g.units * tree.SHORT >= 1).all())) or None
        parts = blocks(nodes, 1024)
        whole = np.empty((2, len(parts)), np.bool_)

        def block(b):
            whole[:, b] = tree.fill_leaves(
                self.XT, self.w, self.start, self.stop, self.skip, g.units, g.lo_scale,
                whole_rows, *parts[b],
                self.low, self.high, self.node_hi, self.node_lo,
            )  # fmt: skip

        run_blocks(block, len(parts))
        self.whole_only, self.short = bool(whole[0].all()), bool(whole[1].all()) or None
        tree.join_nodes(self.skip, self.low, self.high, self.node_hi, self.node_lo)

    def _filter(self, C):
        self.begin(C)
        k, d = C.shape
        tasks = min(len(self.roots), 4 * thread_count(), max(1, TABLES // (16 * k * (d + 1))))
        # dealt out, for rows that need measuring are often near each other
        roots = [np.ascontiguousarray(self.roots[t::tasks]) for t in range(tasks)]
        parts = [self.empty_table(k) for _ in roots]
        moved = np.zeros(tasks, np.int64)

        def block(b):
            moved[b] = filtering.filter_subtrees(
                roots[b], self.XT, self.w, self.start, self.stop, self.skip, self.low, self.high,
                self.node_hi, self.node_lo, self.owner, self.C, self.grid.units,
                self.grid.lo_scale, self.whole_only, self.short, self.tree_labels, *parts[b],
                *boxes.variant(d),
            )  # fmt: skip

        run_blocks(block, len(parts))
        for table in parts:
            self.table += table
        return int(moved.sum())

    def __call__(self, C):
        moved = self._filter(C)
        return self.stats(moved)

    @property
    def labels(self):  # type: ignore[override]
        filtering.write_labels(self.start, self.stop, self.skip, self.owner, self.tree_labels)
        if self.order is None:
            return self.tree_labels
        out = np.empty_like(self.tree_labels)
        out[self.order] = self.tree_labels
        return out


def _cells(largest: np.ndarray) -> tuple:
    """Cells of one size for all columns; see `tree.morton_key`."""
    d = len(largest)
    bits = min(16, 63 // d)
    reach = 2.0 ** np.frexp(max(2.0 * float(largest.max()), 1e-300))[1]
    return -reach, 2.0 ** (bits - 1) / reach, bits, tree.spread_table(d)


def _morton_keys(
    X: np.ndarray, XT: np.ndarray, largest: np.ndarray
) -> tuple[np.ndarray, int, bool]:
    """The keys of the rows, how many bits they have, and whether they ascend."""
    n, d = X.shape
    cells = _cells(largest)
    bytewise = X.dtype == np.uint8
    key_bits = d * (8 if bytewise else cells[2])
    spread = cells[-1]
    if bytewise and key_bits <= 32:
        spread = spread.astype(np.uint32)
    keys = np.empty(n, spread.dtype)
    parts = blocks(n, 1 << 16)
    ordered = np.empty(len(parts), np.bool_)

    def block(b):
        a, e = parts[b]
        if bytewise:
            tree.byte_keys(X, spread, a, e, keys[a:e])
        else:
            tree.morton_keys(XT, cells, a, e, keys[a:e])
        ordered[b] = tree.ascends(keys[a:e])

    run_blocks(block, len(parts))
    bounds = np.array([a for a, _ in parts[1:]], np.int64)
    ascend = bool(ordered.all() and (keys[bounds] >= keys[bounds - 1]).all())
    return keys, key_bits, ascend


def _transposed(X: np.ndarray) -> np.ndarray:
    XT = np.empty((X.shape[1], X.shape[0]), X.dtype)
    parts = blocks(X.shape[0], 1 << 16)
    run_blocks(lambda b: tree.transpose_rows(X, *parts[b], XT), len(parts))
    return XT


def _in_order(XT: np.ndarray, order: np.ndarray) -> np.ndarray:
    out = np.empty_like(XT)
    parts = blocks(len(order), 1 << 16)
    run_blocks(lambda b: tree.put_in_order(XT, order, *parts[b], out), len(parts))
    return out
