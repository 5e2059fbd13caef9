"""The k-means step for few columns; its loops are in `cpu.boxes.octree` and `filtering`."""

from __future__ import annotations

import numpy as np

from ...cpu.boxes import candidates, morton, octree
from ...cpu.boxes.morton import in_order, keys_of, transposed
from ...cpu.ranges import blocks
from ...cpu.threads import run_blocks, thread_count
from . import filtering
from .step import Step

#: Most bytes of the tables of sums of all tasks together.
TABLES = 1 << 26


class TreeStep(Step):
    """Few columns: a tree of boxes, most of which are assigned without reading their rows."""

    def __init__(self, X, w, scales):
        super().__init__(X, w, scales)
        self.XT = transposed(X)
        self.order = None
        keys, key_bits, ordered = keys_of(X, self.XT, scales.max_abs)
        if not ordered:
            self.order, keys = morton.radix_order(keys.astype(np.uint64, copy=False), key_bits)
            self.XT = in_order(self.XT, self.order)
            if len(self.w):
                self.w = self.w[self.order]
        self.rows = filtering.TreeRows(self.XT, self.w)
        self._measure_nodes(*octree.cut(keys))
        self.owner = np.full(len(self.tree.start), filtering.NOWHERE, np.int32)
        # subtrees of a few thousand rows each
        limit = max(4096, X.shape[0] // 256)
        self.roots = octree.subtrees(self.tree, limit)
        self.tree_labels = np.empty(X.shape[0], np.int32)  # in the order of the tree

    def forget(self):
        self.owner[:] = filtering.NOWHERE

    def _measure_nodes(self, start, stop, skip) -> None:
        """Compute the boxes and sums of all nodes."""
        nodes, d, g = len(start), self.X.shape[1], self.scales
        boxes, sums = np.empty((2, nodes, d)), np.empty((2, nodes, d + 1), np.int64)
        # copies, so that the larger arrays of which these are parts are freed
        self.tree = octree.Tree(start.copy(), stop.copy(), skip, *boxes, *sums)
        whole_rows = (
            self.X.dtype.kind in "iu" and bool((g.units * octree.SHORT >= 1).all())
        ) or None
        parts = blocks(nodes, 1024)
        whole = np.empty((2, len(parts)), np.bool_)

        def block(b):
            whole[:, b] = octree.fill_leaves(
                *self.rows, self.tree, g.units, g.lo_scale, whole_rows, *parts[b]
            )

        run_blocks(block, len(parts))
        self.no_remainder, self.short = bool(whole[0].all()), bool(whole[1].all()) or None
        octree.join_nodes(self.tree)

    def _filter(self, C):
        self.begin(C)
        k, d = C.shape
        tasks = min(len(self.roots), 4 * thread_count(), max(1, TABLES // (16 * k * (d + 1))))
        # dealt out in turn, because rows that need measuring are often near each other
        roots = [np.ascontiguousarray(self.roots[t::tasks]) for t in range(tasks)]
        parts = [self.empty_table(k) for _ in roots]
        counts = np.zeros(tasks, np.int64)
        scales = self.scales.units, self.scales.lo_scale, self.no_remainder, self.short

        def block(b):
            counts[b] = filtering.filter_subtrees(
                roots[b], self.rows, self.tree, self.owner, self.C,
                filtering.Sums(*scales, *parts[b]), self.tree_labels, *candidates.variant(d),
            )  # fmt: skip

        run_blocks(block, len(parts))
        for table in parts:
            self.table += table
        return int(counts.sum())

    def __call__(self, C):
        counts = self._filter(C)
        return self.stats(counts)

    @property
    def labels(self):  # type: ignore[override]
        filtering.write_labels(self.tree, self.owner, self.tree_labels)
        if self.order is None:
            return self.tree_labels
        out = np.empty_like(self.tree_labels)
        out[self.order] = self.tree_labels
        return out
