"""The search in a sparse matrix of distances: entries that are not stored are infinite."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from .components import numbered_by_first


class GraphSearch:
    """Rows of a CSR matrix of distances, in canonical format; see `neighbors.Search`.

    A stored zero is a distance of zero. A row is at distance 0 of itself where its diagonal is not
    stored.
    """

    def __init__(self, D: Any):
        self.n = D.shape[0]
        self.own = _with_diagonal(D)

    def _queries(self, Y: Any) -> csr_array:
        return self.own if Y is None else csr_array(Y)

    def knn(self, Y, k):
        D = self._queries(Y)
        counts = np.diff(D.indptr)
        if counts.min() < k:
            raise ValueError(
                f"{k} neighbors are required but some samples have only {counts.min()} neighbors "
                "in precomputed graph matrix. Decrease number of neighbors or recompute the graph "
                "with more neighbors."
            )
        by_distance = np.lexsort((D.indices, D.data, _rows_of(D)))
        places = by_distance[D.indptr[:-1, None] + np.arange(k)]
        return D.data[places].astype(np.float64), D.indices[places].astype(np.int64)

    def kth_distances(self, k):
        """Infinite where a row has fewer neighbours."""
        D = self.own
        counts = np.diff(D.indptr)
        by_distance = np.lexsort((D.indices, D.data, _rows_of(D)))
        out = np.full(self.n, np.inf)
        enough = counts >= k
        out[enough] = D.data[by_distance[D.indptr[:-1][enough] + k - 1]]
        return out

    def radius_counts(self, Y, radius, weights=None):
        D = self._queries(Y)
        near = D.data <= radius
        if weights is None:
            return np.bincount(_rows_of(D)[near], minlength=D.shape[0])
        weights = np.asarray(weights, np.float64)[D.indices[near]]
        return np.bincount(_rows_of(D)[near], weights, minlength=D.shape[0])

    def radius_neighbors(self, Y, radius):
        D = self._queries(Y)
        near = D.data <= radius
        starts = np.concatenate([[0], np.cumsum(self.radius_counts(Y, radius))])
        return starts, D.indices[near].astype(np.int64), D.data[near].astype(np.float64)

    def core_rows(self, radius, least, weights=None):
        return self.radius_counts(None, radius, weights) >= least

    def radius_links(self, radius, core):
        core = np.asarray(core)
        near = self.own.data <= radius
        i, j = _rows_of(self.own)[near], self.own.indices[near]
        inside = core[i] & core[j]
        graph = coo_array((np.ones(inside.sum(), np.int8), (i[inside], j[inside])), (self.n,) * 2)
        _, component = connected_components(graph, directed=False)
        label = numbered_by_first(component, core)
        border = core[i] & ~core[j]
        lowest = np.full(self.n, self.n)
        np.minimum.at(lowest, j[border], label[i[border]])
        label = np.where(core, label, np.where(lowest < self.n, lowest, -1))
        return label.astype(np.int32)

    def nearest_other(self, component, core=None, alpha=1.0, rows=None, bound=None):
        D = self._symmetric
        i, j = _rows_of(D), D.indices
        w = D.data / alpha
        if core is not None:
            w = np.maximum(w, np.maximum(core[i], core[j]))
        apart = component[i] != component[j]
        i, j, w = i[apart], j[apart], w[apart]
        weights, others = np.full(self.n, np.inf), np.full(self.n, self.n)
        np.minimum.at(weights, i, w)
        least = w == weights[i]
        np.minimum.at(others, i[least], j[least])
        others = np.where(others < self.n, others, -1)
        if rows is not None:
            weights, others = weights[rows], others[rows]
        if bound is not None:
            others = np.where(weights > bound, -1, others)
            weights = np.where(others < 0, np.inf, weights)
        return weights, others

    @property
    def _symmetric(self) -> csr_array:
        """The matrix with the lesser of both distances of each pair, where either is stored."""
        i, j, d = _rows_of(self.own), self.own.indices, self.own.data
        i, j, d = np.concatenate([i, j]), np.concatenate([j, i]), np.concatenate([d, d])
        order = np.lexsort((d, j, i))
        i, j, d = i[order], j[order], d[order]
        first = np.ones(i.size, bool)
        first[1:] = (i[1:] != i[:-1]) | (j[1:] != j[:-1])
        starts = np.searchsorted(i[first], np.arange(self.n + 1))
        return csr_array((d[first], j[first], starts), shape=(self.n, self.n))


def _rows_of(D: csr_array) -> np.ndarray:
    return np.repeat(np.arange(D.shape[0]), np.diff(D.indptr))


def _with_diagonal(D: Any) -> csr_array:
    n = D.shape[0]
    rows = _rows_of(D)
    missing = np.ones(n, bool)
    missing[rows[rows == D.indices]] = False
    missing = np.flatnonzero(missing)
    i, j = np.concatenate([rows, missing]), np.concatenate([D.indices, missing])
    values = np.concatenate([D.data.astype(np.float64), np.zeros(missing.size)])
    order = np.lexsort((j, i))
    starts = np.concatenate([[0], np.cumsum(np.bincount(i, minlength=n))])
    return csr_array((values[order], j[order], starts), shape=(n, n))
