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

from ..arrays import (
    Array,
    asarray,
    float_dtype,
    host_floats,
    is_array,
    namespace,
    on_host,
    to_host,
)
from ..blocks import TILE
from ..kernels import kernels_for
from ..kernels.graphs import Edges
from ..neighbors.between import distances_between
from ..neighbors.search import ALIASES
from .dense import SQUARED, refuse_no_direction
from .merges import Merges, graphs, leaves_below, merges_of_tree


def structured_merges(
    X: Any,
    connectivity: Any,
    linkage: str,
    metric: str | Callable,
    sizes: np.ndarray,
    made: int,
) -> tuple[Merges, int]:
    """The first `made` merges of neighbours among the rows X, and the number of graph components.

    connectivity : symmetric CSR matrix, from `neighbours_of`
    """
    n = X.shape[0]
    known = metric if callable(metric) else ALIASES.get(metric, metric)
    refuse_no_direction(X, known)
    if linkage in SQUARED and known == "precomputed":
        raise ValueError(
            f"linkage={linkage!r} with connectivity measures distances between centres of "
            "clusters, which precomputed distances do not give. Pass rows, or use another linkage."
        )
    if not on_host(X):
        _check_device(linkage, known)
    graph, parts = _in_one_piece(connectivity, X, known)
    low, high = (part.astype(np.int64) for part in sparse.triu(graph, k=1, format="coo").coords)
    if linkage == "single":
        edges = Edges(low, high, _measured(X, low, high, known))
        whole = merges_of_tree(graphs().least_forest(n, edges), n)
        return Merges(*(part[:made] for part in whole)), parts
    C = X if linkage in SQUARED else None  # the kernel makes a copy of its own
    weight = _measured(X, low, high, known) if C is None else None
    nodes, heights = kernels_for(np).linkage.along_graph(low, high, weight, sizes, linkage, C, made)
    if linkage in SQUARED:
        heights = np.sqrt(heights)
    return Merges(nodes, heights, leaves_below(nodes, n)), parts


def neighbours_of(X: Any, connectivity: Any) -> Any:
    """The connectivity of the rows X as a symmetric CSR matrix on the host; X stays where it is."""
    if callable(connectivity):
        connectivity = connectivity(X)
    if is_array(connectivity):
        connectivity = to_host(connectivity)
    found = check_array(connectivity, accept_sparse=["csr", "coo", "lil"])
    n = X.shape[0]
    if found.shape != (n, n):
        raise ValueError(
            f"Wrong shape for connectivity matrix: {found.shape} when X is {tuple(X.shape)}. It "
            "must have a row and a column for each row of X."
        )
    found = sparse.csr_array(found != 0)
    found = sparse.csr_array(found + found.T)
    return found


def _check_device(linkage: str, metric: str | Callable) -> None:
    """Raise for what takes the rows themselves to the host."""
    if linkage in SQUARED:
        raise ValueError(
            f"linkage={linkage!r} with connectivity moves centres of clusters on the host, but X "
            "is on a device. Take linkage='single', 'complete' or 'average', or move X to the host."
        )
    if callable(metric) or (metric not in _OF_DIFFERENCES and metric != "precomputed"):
        raise ValueError(
            f"metric={metric!r} with connectivity is measured on the host, but X is on a device. "
            f"Take one of {', '.join(_OF_DIFFERENCES)}, or move X to the host."
        )


#: Distances (m,) from differences (m, d), on a device.
_OF_DIFFERENCES: dict[str, Callable] = {
    "euclidean": lambda xp, t: xp.sqrt(xp.sum(t * t, axis=1)),
    "manhattan": lambda xp, t: xp.sum(xp.abs(t), axis=1),
    "chebyshev": lambda xp, t: xp.max(xp.abs(t), axis=1),
}


def _measured_there(X: Array, low: np.ndarray, high: np.ndarray, metric: str) -> np.ndarray:
    """The distances (m,) along edges, measured on the device of X."""
    xp, n = namespace(X), X.shape[0]
    wide = float_dtype(xp, X)
    if metric == "precomputed":
        places = asarray(low * n + high, like=X)
        return to_host(xp.take(xp.reshape(X, (-1,)), places)).astype(np.float64)
    step = max(1, TILE // X.shape[1])
    parts = [np.empty(0)]
    for a in range(0, len(low), step):
        ends = (asarray(end[a : a + step], like=X) for end in (high, low))
        p, q = (xp.astype(xp.take(X, end, axis=0), wide) for end in ends)
        parts.append(to_host(_OF_DIFFERENCES[metric](xp, p - q)))
    return np.concatenate(parts).astype(np.float64)


def _measured(X: Any, low: np.ndarray, high: np.ndarray, metric: str | Callable) -> np.ndarray:
    """The distances (m,) along edges."""
    if not on_host(X):
        return _measured_there(X, low, high, str(metric))
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


def _in_one_piece(graph: Any, X: Any, metric: str | Callable) -> tuple[Any, int]:
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
    shortest = _shortest if on_host(X) else _shortest_there
    ends = [shortest(X, order, starts, i, metric) for i in range(1, parts)]
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


def _shortest_there(
    X: Array, order: np.ndarray, starts: np.ndarray, i: int, metric: Any
) -> tuple[np.ndarray, np.ndarray]:
    """As `_shortest`, measured on the device of X: one read of it per pair of blocks."""
    xp = namespace(X)
    own = order[starts[i] : starts[i + 1]]
    ends = np.zeros((2, i), np.int64)
    for j in range(i):
        others, least = order[starts[j] : starts[j + 1]], np.inf
        there, step = asarray(others, like=X), max(1, TILE // len(others))
        for a in range(0, len(own), step):
            mine = xp.take(X, asarray(own[a : a + step], like=X), axis=0)
            if metric == "precomputed":
                D = xp.take(mine, there, axis=1)
            else:
                D = distances_between(mine, xp.take(X, there, axis=0), metric, None)
            found, at = host_floats(xp.min(D), xp.argmin(xp.reshape(D, (-1,))))
            if found < least:
                row, column = divmod(int(at), len(others))
                least, ends[:, j] = found, (own[a + row], others[column])
    return ends[0], ends[1]
