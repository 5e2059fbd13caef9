"""Trees that merge only neighbours in a graph, on the host."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import paired_distances
from sklearn.utils import check_array

from ..arrays import on_host
from ..blocks import TILE
from ..kernels import kernels_for
from ..kernels.graphs import Edges
from ..neighbors.search import ALIASES
from .dense import SQUARED, refuse_no_direction
from .merges import Merges, graphs, leaves_below, merges_of_tree


def structured_merges(
    X: np.ndarray,
    connectivity: Any,
    linkage: str,
    metric: str | Callable,
    sizes: np.ndarray,
    made: int,
) -> tuple[Merges, int]:
    """The first `made` merges of neighbours among the rows X, and the number of graph components.

    connectivity : symmetric CSR matrix, from `neighbours_of`
    """
    n = len(X)
    known = metric if callable(metric) else ALIASES.get(metric, metric)
    refuse_no_direction(X, known)
    if linkage in SQUARED and known == "precomputed":
        raise ValueError(
            f"linkage={linkage!r} with connectivity measures distances between centres of "
            "clusters, which precomputed distances do not give. Pass rows, or use another linkage."
        )
    graph, parts = _in_one_piece(connectivity, X, known)
    low, high = (part.astype(np.int64) for part in sparse.triu(graph, k=1, format="coo").coords)
    if linkage == "single":
        edges = Edges(low, high, _measured(X, low, high, known))
        whole = merges_of_tree(graphs().least_forest(n, edges), n)
        return Merges(*(part[:made] for part in whole)), parts
    C = X.astype(np.float64) if linkage in SQUARED else None
    weight = _measured(X, low, high, known) if C is None else None
    nodes, heights = kernels_for(np).linkage.along_graph(low, high, weight, sizes, linkage, C, made)
    if linkage in SQUARED:
        heights = np.sqrt(heights)
    return Merges(nodes, heights, leaves_below(nodes, n)), parts


def neighbours_of(X: Any, connectivity: Any) -> Any:
    """The connectivity of the rows X as a symmetric CSR matrix."""
    if not on_host(X):
        raise ValueError(
            "connectivity is followed on the host, but X is on a device. Move X to the host: it is "
            "never copied there implicitly."
        )
    if callable(connectivity):
        connectivity = connectivity(X)
    found = check_array(connectivity, accept_sparse=["csr", "coo", "lil"])
    n = len(X)
    if found.shape != (n, n):
        raise ValueError(
            f"Wrong shape for connectivity matrix: {found.shape} when X is {X.shape}. It must have "
            "a row and a column for each row of X."
        )
    found = sparse.csr_array(found != 0)
    found = sparse.csr_array(found + found.T)
    return found


def _measured(
    X: np.ndarray, low: np.ndarray, high: np.ndarray, metric: str | Callable
) -> np.ndarray:
    """The distances (m,) along edges."""
    if metric == "precomputed":
        return X[low, high].astype(np.float64)
    step = max(1, TILE // X.shape[1])
    out = np.empty(len(low))
    for a in range(0, len(low), step):
        p, q = X[high[a : a + step]], X[low[a : a + step]]
        if metric == "euclidean":
            t = p.astype(np.float64) - q
            out[a : a + step] = np.sqrt(np.einsum("ij,ij->i", t, t))
        else:
            out[a : a + step] = paired_distances(p, q, metric=metric)
    return out


def _in_one_piece(graph: Any, X: np.ndarray, metric: str | Callable) -> tuple[Any, int]:
    """The graph plus the shortest edge between each two of its components, and their number."""
    parts, part = connected_components(graph, directed=False)
    if parts == 1:
        return graph, 1
    warnings.warn(
        f"the number of connected components of the connectivity matrix is {parts} > 1. "
        "Completing it to avoid stopping the tree early.",
        stacklevel=5,
    )
    order = np.argsort(part, kind="stable")
    starts = np.searchsorted(part[order], np.arange(parts + 1))
    ends = [_shortest(X, order, starts, i, metric) for i in range(1, parts)]
    rows, columns = (np.concatenate(side) for side in zip(*ends, strict=True))
    more = sparse.coo_array((np.ones(len(rows), bool), (rows, columns)), shape=graph.shape)
    return sparse.csr_array(graph + more + more.T), parts


def _shortest(
    X: np.ndarray, order: np.ndarray, starts: np.ndarray, i: int, metric: str | Callable
) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the shortest edges between part i and each part before it.

    Of equal edges, the one with the lowest row in part i, then the lowest row in the other part.
    """
    own, others = order[starts[i] : starts[i + 1]], order[: starts[i]]
    least, ends = np.full(i, np.inf), np.zeros((2, i), np.int64)
    step = max(1, TILE // len(others))
    for a in range(0, len(own), step):
        mine = own[a : a + step]
        if metric == "precomputed":
            D = X[np.ix_(mine, others)].astype(np.float64)
        else:
            D = pairwise_distances(X[mine], X[others], metric=metric)
        by_part = np.minimum.reduceat(D, starts[:i], axis=1)
        row = by_part.argmin(axis=0)
        found = by_part[row, np.arange(i)]
        for j in np.flatnonzero(found < least).tolist():
            column = starts[j] + D[row[j], starts[j] : starts[j + 1]].argmin()
            least[j], ends[:, j] = found[j], (mine[row[j]], others[column])
    return ends[0], ends[1]
