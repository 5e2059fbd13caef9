"""Mutual reachability: core distances, and the minimum spanning tree of the rows.

The mutual reachability distance of two rows is the largest of their two core distances and their
distance divided by alpha. Trees are built on the host from O(n) values; the search runs where X is.
"""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np

from ..arrays import Array, asarray, float_dtype, namespace, on_host, to_host
from ..blocks import TILE
from ..kernels import kernels_for
from ..kernels.graphs import Edges, GraphKernels
from ..kernels.neighbors import Search
from ..kernels.neighbors.generic import PrecomputedSearch
from ..neighbors.spanning import spanning_tree
from ..validation import canonical_rows


def graphs() -> GraphKernels:
    """The kernels for O(n) arrays on the host, whatever the library of X."""
    return kernels_for(namespace()).graphs


class Graph(Protocol):
    """Rows and the distances between them."""

    n: int

    def core_distances(self, least: int, weights: np.ndarray | None) -> np.ndarray:
        """Distance (n,) float64 within which rows, itself included, weigh at least `least`."""

    def spanning_tree(self, core: np.ndarray, alpha: float) -> Edges:
        """The minimum spanning tree of mutual reachability."""


class SearchGraph:
    """Rows with a neighbour search.

    Parameters
    ----------
    search : Search
    like : array
        An array on the device of its rows.
    """

    def __init__(self, search: Search, like: Array):
        self.search, self.like, self.n = search, like, search.n

    def core_distances(self, least: int, weights: np.ndarray | None) -> np.ndarray:
        if weights is None:
            return _float64(self.search.kth_distances(least))
        return nearest_weighing(self.search, self.like, least, weights)

    def spanning_tree(self, core: np.ndarray, alpha: float) -> Edges:
        wide = float_dtype(namespace(self.like), self.like)
        there = asarray(core, like=self.like, dtype=wide)
        return spanning_tree(self.search, self.like, there, alpha)


def _float64(values: Array) -> np.ndarray:
    return to_host(values).astype(np.float64, copy=False)


def nearest_weighing(search: Search, Y: Array, least: float, weights: np.ndarray) -> np.ndarray:
    """Distance (m,) of each row of Y within which rows of X weigh at least `least`."""
    m = Y.shape[0]
    found = np.full(m, np.inf)
    block = max(1, TILE // max(16, int(least)))
    for a in range(0, m, block):
        rows = np.arange(a, min(m, a + block))
        k = min(search.n, max(1, int(np.ceil(least))))
        while len(rows):
            Q = namespace(Y).take(Y, asarray(rows, like=Y), axis=0)
            distances, indices = (to_host(part) for part in search.knn(Q, k))
            reached = np.cumsum(weights[indices], axis=1) >= least
            done = reached.any(axis=1)
            first = reached.argmax(axis=1)
            found[rows[done]] = distances[done, first[done]]
            if k == search.n:
                break
            rows, k = rows[~done], min(search.n, 4 * k)
    return found


class DenseGraph:
    """A symmetric matrix of distances on the host; infinite distances are unknown."""

    def __init__(self, D: np.ndarray):
        self.D, self.n = D, len(D)

    def core_distances(self, least: int, weights: np.ndarray | None) -> np.ndarray:
        core = np.empty(self.n)
        block = max(1, TILE // self.n)
        for a in range(0, self.n, block):
            D = self.D[a : a + block]
            if weights is None:
                core[a : a + block] = np.partition(D, least - 1, axis=1)[:, least - 1]
                continue
            order = np.argsort(D, axis=1, kind="stable")
            first = (np.cumsum(weights[order], axis=1) >= least).argmax(axis=1)
            rows = np.arange(len(D))
            core[a : a + block] = D[rows, order[rows, first]]
        return core

    def spanning_tree(self, core: np.ndarray, alpha: float) -> Edges:
        edges = graphs().dense_tree(self.D, core, alpha)
        if len(edges.low) < self.n - 1:
            warnings.warn(
                "The minimum spanning tree contains edge weights with value infinity: there are "
                "groups of rows with no finite distance between them, or with infinite core "
                "distances. Provide more distances, or lower min_samples.",
                UserWarning,
                stacklevel=4,
            )
        return joined_at(edges, self.n, np.inf)


class SparseGraph:
    """A symmetric CSR matrix of distances on the host.

    A stored zero is the distance of equal rows; an entry that isn't stored is an unknown distance.
    The diagonal is zero even if it isn't stored: every row is its own neighbour.

    Parameters
    ----------
    D : CSR matrix of shape (n, n)
        It is not changed.
    missing : float, default=0
        Replaces distances that are unknown or infinite; 0 to leave them unknown.
    """

    def __init__(self, D: Any, missing: float = 0.0):
        D = canonical_rows(D)
        self.n, self.missing = D.shape[0], float(missing)
        self.row = np.repeat(np.arange(self.n), np.diff(D.indptr))
        self.column, self.data = D.indices.astype(np.int64), D.data.astype(np.float64)

    def core_distances(self, least: int, weights: np.ndarray | None) -> np.ndarray:
        weights = np.ones(self.n) if weights is None else weights
        own = np.ones(self.n, bool)
        own[self.row[self.row == self.column]] = False
        own = np.flatnonzero(own)  # rows without a diagonal
        row, column = np.concatenate([self.row, own]), np.concatenate([self.column, own])
        data = np.concatenate([self.data, np.zeros(len(own))])
        order = np.lexsort((column, data, row))
        row, data = row[order], data[order]
        begin = np.searchsorted(row, np.arange(self.n + 1))
        total = np.concatenate([[0.0], np.cumsum(weights[column[order]])])
        # the first place of each row at which the sum reaches `least`, if it is before the end
        place = np.searchsorted(total[1:], total[begin[:-1]] + least * (1 - 1e-12))
        enough = place < begin[1:]
        if not enough.all() and not self.missing:
            raise ValueError(
                f"There exists points with fewer than {least} neighbors: row "
                f"{int(np.flatnonzero(~enough)[0])} is one. Store the distances to at least "
                "min_samples neighbors for each row, zeros too, lower min_samples, or set "
                "metric_params={'max_distance': ...} for distances that are missing."
            )
        core = np.full(self.n, np.inf)
        core[enough] = data[place[enough]]
        return core

    def spanning_tree(self, core: np.ndarray, alpha: float) -> Edges:
        upper = self.row < self.column
        low, high = self.row[upper], self.column[upper]
        weight = np.maximum(self.data[upper] / alpha, np.maximum(core[low], core[high]))
        if self.missing:
            weight = np.where(np.isfinite(weight), weight, self.missing)
        edges = graphs().least_forest(self.n, Edges(low, high, weight))
        if len(edges.low) < self.n - 1 and not self.missing:
            raise ValueError(
                f"Sparse distance matrix has {self.n - len(edges.low)} connected components. "
                "HDBSCAN cannot be performed on a disconnected graph. Store distances between "
                "them, or set metric_params={'max_distance': ...} for distances that are missing."
            )
        return joined_at(edges, self.n, self.missing)


def joined_at(edges: Edges, n: int, weight: float) -> Edges:
    """Join a forest into one tree: the first row of each other component is linked to row 0."""
    if len(edges.low) == n - 1:
        return edges
    whole = np.arange(1, n), np.zeros(n - 1, np.int64)
    low = np.concatenate([edges.low, whole[1]])
    high = np.concatenate([edges.high, whole[0]])
    # after all other edges, in the order of the rows
    rank = np.concatenate([np.zeros(len(edges.low)), np.ones(n - 1)])
    kept = graphs().least_forest(n, Edges(low, high, rank))
    kept_high = kept.high[kept.weight == 1.0]
    return Edges(
        np.concatenate([edges.low, np.zeros(len(kept_high), np.int64)]),
        np.concatenate([edges.high, kept_high]),
        np.concatenate([edges.weight, np.full(len(kept_high), weight)]),
    )


def precomputed(D: Any, missing: float = 0.0) -> Graph:
    """The graph of a matrix of distances: a NumPy array, CSR, or an array on a device."""
    if hasattr(D, "indptr"):
        return SparseGraph(D, missing)
    return DenseGraph(D) if on_host(D) else SearchGraph(PrecomputedSearch(D), D)
