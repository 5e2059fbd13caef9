"""The walk of OPTICS through rows or precomputed distances."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics.pairwise import PAIRWISE_BOOLEAN_FUNCTIONS

from ..arrays import Array, namespace, on_host
from ..base import Clusterer
from ..kernels import kernels_for
from ..kernels.neighbors import Measure
from ..kernels.neighbors.generic import PrecomputedSearch
from ..kernels.reachability import Ordering
from ..kernels.reachability import generic as by_steps
from ..neighbors.search import search_of
from .distances import kernel_measure
from .points import dense_rows, distance_matrix
from .reachability import SparseGraph

#: Maximum number of links between rows kept in memory: 0.5 GiB.
LINKS = 1 << 25
#: From this share of all pairs on, all pairs are measured, without a search.
MANY = 1 / 8


def read_rows(model: Clusterer, X: Any) -> Any:
    """X checked: rows, or a matrix of distances."""
    if isinstance(model.metric, str) and model.metric == "precomputed":
        return distance_matrix(model, X, symmetric=False)  # a graph may be asymmetric
    boolean = isinstance(model.metric, str) and model.metric in PAIRWISE_BOOLEAN_FUNCTIONS
    if boolean and getattr(X, "dtype", np.dtype(float)) != np.bool_:
        warnings.warn(
            f"Data will be converted to boolean for metric {model.metric}, to avoid this warning, "
            "you may convert the data prior to calling fit.",
            DataConversionWarning,
            stacklevel=4,
        )
    rows = dense_rows(model, X).values
    return rows != 0 if boolean else rows


def walk(
    X: Any, least: int, limit: float, metric: Any, p: float, options: dict[str, Any] | None
) -> tuple[Array, Array, Array, Array]:
    """Order, core distances, reachability and predecessors."""
    matrix = isinstance(metric, str) and metric == "precomputed"
    if hasattr(X, "indptr"):
        return _sparse_walk(SparseGraph(X), least, limit)
    search = PrecomputedSearch(X) if matrix else search_of(X, metric, p, options)
    core = _core(search.kth_distances(least), limit)
    measure = None if matrix else kernel_measure(metric, p, options)
    found = None
    if np.isfinite(limit) and on_host(X):
        found = _linked(search, X, core, limit)
    if found is None:
        found = _all_pairs(search, X, core, limit, measure)
    return found.order, core, found.reachability, found.predecessor


def _core(distances: Array, limit: float) -> Array:
    xp = namespace(distances)
    infinite = xp.full_like(distances, xp.inf)
    return by_steps.rounded(xp.where(distances > limit, infinite, distances), xp)


def _all_pairs(
    search: Any, X: Array, core: Array, limit: float, measure: Measure | None
) -> Ordering:
    if measure is not None:
        return kernels_for(namespace(X)).reachability.walk_rows(X, core, limit, measure)

    def distances(row):
        sums = search.tile(X[row : row + 1, ...], 0, search.n)
        return search.measure.restored(sums, search.xp)[0, :]

    return by_steps.walk(distances, core, limit)


def _linked(search: Any, X: Array, core: np.ndarray, limit: float) -> Ordering | None:
    """The walk along links, or None if measuring all pairs is faster."""
    links = int(search.radius_counts(None, limit).sum())
    walks = kernels_for(namespace()).reachability
    if links <= LINKS:
        starts, rows, distances = search.radius_neighbors(None, limit)
        return walks.walk_links(starts, rows, distances, core)
    if links > MANY * search.n**2:
        return None
    return walks.walk_found(lambda i: search.radius_neighbors(X[i : i + 1], limit)[1:], core)


def _sparse_walk(graph: SparseGraph, least: int, limit: float):
    core = _core(graph.core_distances(least, None), limit)
    near = graph.data <= limit
    starts = np.searchsorted(graph.row[near], np.arange(graph.n + 1))
    found = kernels_for(namespace()).reachability.walk_links(
        starts, graph.column[near], graph.data[near], core
    )
    return found.order, core, found.reachability, found.predecessor
