"""The search in a k-d tree, for few columns."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from ....properties import cached_property
from ...cpu.ranges import CHUNK, blocks, rows_per_task
from ...cpu.threads import run_blocks
from .. import Measure
from ..generic import unit_rows
from . import clumps, links, runs, walk
from .build import Tree, columns_of, tree
from .cells import COLUMNS, Cells, cells
from .walk import Kind

#: Ranges of rows whose unions are found separately, and merged in the end.
UNIONS = 8
#: Rows look for edges at their core distance together if at most so many places are near their
#: leaf: 3 times as fast in two columns, 1.8 times in three; with more places it gains nothing.
AT_CORE = 1024
#: With fewer rows than this it would save less than its compilation takes.
MANY = 1 << 15
NONE = np.empty(0)


class TreeSearch:
    """The search over rows in k-d order; see `neighbors.Search`."""

    def __init__(self, X: np.ndarray, measure: Measure):
        self.X, self.measure, self.n = X, measure, X.shape[0]
        self.kind = Kind(measure.kind, measure.p, measure.power, measure.scale)
        self._cells: tuple[float, Cells | None] = (-1.0, None)

    @cached_property
    def tree(self) -> Tree:
        return tree(self._rows(self.X))

    def _in_cells(self, radius: float) -> Cells | None:
        """The rows in cells for the radius, or None where cells don't serve."""
        if self.measure.metric != "euclidean" or self.X.shape[1] > COLUMNS:
            return None
        if self._cells[0] != radius:
            self._cells = radius, cells(self.X, radius)
        return self._cells[1]

    def _rows(self, X: np.ndarray) -> np.ndarray:
        return unit_rows(X) if self.measure.metric == "cosine" else X

    def _queries(self, Y: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The queries by columns, and the row of each one's answer; X itself is in tree order."""
        if Y is None:
            return self.tree.Z, self.tree.order
        return columns_of(self._rows(Y)), np.arange(Y.shape[0])

    def _parts(self, m: int) -> list[tuple[int, int]]:
        return blocks(m, rows_per_task(m))

    def knn(self, Y, k):
        Q, place = self._queries(Y)
        m = Q.shape[1]
        distances, indices = np.empty((m, k)), np.empty((m, k), np.int64)
        parts = self._parts(m)

        def block(b):
            start, stop = parts[b]
            sums, rows = np.empty((stop - start, k)), np.empty((stop - start, k), np.int64)
            walk.k_nearest(Q, self.tree, self.kind, k, start, stop, sums, rows)
            walk.restore(sums, self.kind, sums)
            distances[place[start:stop]], indices[place[start:stop]] = sums, rows

        run_blocks(block, len(parts))
        return distances, indices

    def kth_distances(self, k):
        out = np.empty(self.n)
        parts = self._parts(self.n)

        def block(b):
            start, stop = parts[b]
            sums = np.empty((stop - start, 1))
            runs.kth_least(self.tree, self.kind, k, start, stop, sums[:, 0])
            walk.restore(sums, self.kind, sums)
            out[self.tree.order[start:stop]] = sums[:, 0]

        run_blocks(block, len(parts))
        return out

    def radius_counts(self, Y, radius, weights=None):
        counts = self._counts(Y, radius, weights, np.inf)
        return counts if weights is not None else counts.astype(np.int64)

    def _counts(self, Y, radius, weights, enough):
        Q, place = self._queries(Y)
        by_place = NONE if weights is None else np.asarray(weights, np.float64)[self.tree.order]
        counts, out = np.empty((2, Q.shape[1]))
        parts = self._parts(Q.shape[1])
        limit = self.measure.reduced(float(radius))
        run_blocks(
            lambda b: walk.count_within(
                Q, self.tree, self.kind, limit, by_place, enough, *parts[b], counts
            ),
            len(parts),
        )
        out[place] = counts
        return out

    def core_rows(self, radius, least, weights=None):
        # with negative weights a sum may fall again, so counting must not end early
        early = weights is None or bool((np.asarray(weights) >= 0).all())
        grid = self._in_cells(float(radius)) if early else None
        if grid is not None:
            return grid.core_rows(self.measure.reduced(float(radius)), float(least), weights)
        return self._counts(None, radius, weights, float(least) if early else np.inf) >= least

    def radius_neighbors(self, Y, radius):
        starts = np.zeros((self.n if Y is None else Y.shape[0]) + 1, np.int64)
        np.cumsum(self.radius_counts(Y, radius), out=starts[1:])
        rows, distances = np.empty(starts[-1], np.int64), np.empty(starts[-1])
        limit = self.measure.reduced(float(radius))
        Q, _ = self._queries(Y)
        if Y is None:  # answers are stored by row, so queries must be in that order
            Q = np.empty_like(self.tree.Z)
            Q[:, self.tree.order] = self.tree.Z
        parts = self._parts(Q.shape[1])
        run_blocks(
            lambda b: walk.collect_within(
                Q, self.tree, self.kind, limit, starts, *parts[b], rows, distances
            ),
            len(parts),
        )
        # compiling a sort takes long, and SciPy has one
        graph = csr_array((distances, rows, starts), shape=(starts.size - 1, self.n))
        graph.sort_indices()
        return starts, graph.indices.astype(np.int64, copy=False), graph.data

    def radius_links(self, radius, core):
        limit = self.measure.reduced(float(radius))
        grid = self._in_cells(float(radius))
        if grid is not None:
            return grid.links(limit, np.asarray(core))
        parents = self._unions(limit, np.asarray(core)[self.tree.order])
        label = np.empty(self.n, np.int32)
        links.number_roots(parents, core, label)
        rest = np.flatnonzero(~core[self.tree.order])
        if rest.size:
            self._lowest(limit, label, rest)
        return label

    def _unions(self, limit, core):
        parts = blocks(self.n, -(-self.n // UNIONS))
        joined = np.arange(self.n, dtype=np.int32)
        first = np.empty(self.tree.low.shape[0], np.int32)
        clumps.find_clumps(self.tree, self.kind, limit, core, joined, first)
        parents = np.tile(joined, (len(parts), 1))
        run_blocks(
            lambda b: links.link_within(
                self.tree, self.kind, limit, core, first, *parts[b], parents[b]
            ),
            len(parts),
        )
        for other in parents[1:]:
            links.merge_parents(parents[0], other)
        return parents[0]

    def _lowest(self, limit, label, rest):
        """Fill in the labels of the rows at the places `rest`."""
        Q = np.ascontiguousarray(self.tree.Z[:, rest])
        by_place, lowest = label[self.tree.order], np.empty(rest.size, np.int32)
        parts = self._parts(rest.size)
        run_blocks(
            lambda b: links.lowest_within(
                Q, self.tree, self.kind, limit, by_place, *parts[b], lowest
            ),
            len(parts),
        )
        label[self.tree.order[rest]] = lowest

    def nearest_other(self, component, core=None, alpha=1.0, rows=None, bound=None):
        order, component = self.tree.order, np.asarray(component)
        places = self._places(
            component[order].astype(np.int32),
            np.zeros(self.n) if core is None else np.asarray(core, np.float64)[order],
        )
        weights, others = np.empty(self.n), np.empty(self.n, np.int64)
        queries, bounds = np.arange(self.n), np.full(self.n, np.inf)
        if rows is not None:  # by place, so that consecutive queries are near each other
            wanted = np.zeros(self.n, bool)
            wanted[rows] = True
            queries = np.flatnonzero(wanted[order])
        if bound is not None:
            by_row = np.empty(self.n)
            by_row[slice(None) if rows is None else rows] = bound
            bounds[queries] = by_row[order[queries]]
        first = len(queries) == self.n >= MANY and (component == np.arange(self.n)).all()
        if core is not None and first:
            lowest = self._lowest_at_core(places.core, float(alpha))
            done = (lowest < self.n) & (places.core <= bounds)
            weights[order[done]], others[order[done]] = places.core[done], lowest[done]
            queries = np.flatnonzero(~done)
        tighten = bound is not None
        # fixed ranges, in which a row's search uses the weights of earlier rows of its component
        parts = blocks(len(queries), max(CHUNK, -(-len(queries) // UNIONS)))
        run_blocks(
            lambda b: links.nearest_others(
                *(self.tree, self.kind, places, float(alpha), queries, bounds, tighten),
                *parts[b],
                *(weights, others),
            ),
            len(parts),
        )
        return (weights, others) if rows is None else (weights[rows], others[rows])

    def _lowest_at_core(self, core, alpha):
        lowest, parts = np.empty(self.n, np.int32), self._parts(self.n)
        run_blocks(
            lambda b: runs.lowest_at_core(
                self.tree, self.kind, core, alpha, AT_CORE, *parts[b], lowest
            ),
            len(parts),
        )
        return lowest

    def _places(self, component, core):
        nodes = self.tree.low.shape[0]
        by_node = np.empty(nodes, np.int32), np.empty(nodes), np.empty(nodes, np.int32)
        links.fill_nodes(self.tree, component, core, *by_node)
        return links.Places(component, core, *by_node)
