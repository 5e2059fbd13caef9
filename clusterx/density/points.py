"""The input of HDBSCAN: rows that can be clustered, and those that can't."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from ..arrays import Array, asarray, host_floats, namespace, on_host, to_host
from ..base import Clusterer
from ..blocks import TILE
from ..kernels.graphs import Linkage
from ..neighbors.search import search_of
from ..rows import InMemory, Rows
from ..validation import device_rows, host_rows
from .reachability import Graph, SearchGraph, precomputed

#: labels of rows that can't be clustered, as in scikit-learn; -1 for weight zero
UNCOUNTED, INFINITE, MISSING = -1, -2, -3
NAN = "np.nan values found in precomputed-dense. Give all distances."
#: sparse rows are made dense up to this many bytes
DENSE = 1 << 28


class Tree(NamedTuple):
    """The results of a fit on the host, for m clustered rows among n."""

    linkage: Linkage
    core: np.ndarray  # (m,)
    min_samples: int
    weights: np.ndarray | None  # (m,)
    rows: np.ndarray | None  # (m,): indices of the clustered rows, if some are left out
    state: np.ndarray  # (n,): 0, or the label of a row that is left out

    @property
    def row_weights(self) -> np.ndarray:
        return np.ones(len(self.core)) if self.weights is None else self.weights


class Points(NamedTuple):
    """The clustered rows, and the graph that joins them."""

    graph: Graph
    X: Array | None
    like: Array
    weights: np.ndarray | None
    rows: np.ndarray | None
    state: np.ndarray

    @property
    def row_weights(self) -> np.ndarray:
        return np.ones(self.graph.n) if self.weights is None else self.weights

    def check_weight(self, least: int) -> None:
        n = self.graph.n
        if n < 2:
            raise ValueError(
                f"n_samples={n} while HDBSCAN requires more than one sample with finite values "
                "and a weight. Give more rows."
            )
        total = n if self.weights is None else float(self.weights.sum())
        if least > total:
            what = "number of samples in X" if self.weights is None else "sum of sample_weight"
            raise ValueError(
                f"min_samples ({least}) must be at most the {what} ({total:g}). Lower it, or give "
                "more rows."
            )


def read_points(model: Clusterer, X: Any, sample_weight: Any) -> Points:
    """The checked X and weights; reads O(n) values from the device."""
    if isinstance(model.metric, str) and model.metric == "precomputed":
        D = distance_matrix(model, X)
        rows: Rows = InMemory(D)
        X = None
        state = np.zeros(rows.n, np.int64)
    else:
        if hasattr(X, "tocsr") and model.algorithm in ("kd_tree", "ball_tree"):
            raise ValueError(
                "Sparse data matrices only support algorithm `brute`. Set algorithm='auto'."
            )
        rows = dense_rows(model, X)
        state = _states(rows.values)
    weights = _counted(model, rows, sample_weight, state)
    kept = None if not state.any() else np.flatnonzero(state == 0)
    if kept is not None and weights is not None:
        weights = weights[kept]
    if X is None:
        graph = precomputed(_submatrix(D, kept), (model.metric_params or {}).get("max_distance", 0))
    else:
        X = rows.values if kept is None else rows.take(kept)
        if kept is None or len(kept):
            Clusterer._check_values(model, InMemory(X), None)
        graph = SearchGraph(search_of(X, model.metric, None, model.metric_params), X)
    return Points(graph, X, rows.like, weights, kept, state)


def dense_rows(model: Clusterer, X: Any) -> Rows:
    """The rows as a dense array in memory; values may be infinite or NaN."""
    sparse = hasattr(X, "tocsr")
    if sparse and model.algorithm in ("kd_tree", "ball_tree"):
        raise ValueError(
            "Sparse data matrices only support algorithm `brute`. Set algorithm='auto'."
        )
    rows = model._rows(X, reset=True)
    rows = rows.in_memory(type(model).__name__)
    if not rows.sparse:
        return rows
    if 8 * rows.n * rows.d > DENSE:
        raise ValueError(
            f"Sparse rows of shape {rows.shape} would take {8 * rows.n * rows.d / 2**30:.1f} GiB "
            f"as the dense array that {type(model).__name__} needs. Reduce their columns first, "
            "such as with TruncatedSVD, or pass a sparse matrix of distances with "
            "metric='precomputed'."
        )
    return InMemory(np.ascontiguousarray(rows.values.toarray()))


def _states(X: Array) -> np.ndarray:
    """0 for finite rows, and the labels of the others."""
    xp = namespace(X)
    state = np.zeros(X.shape[0], np.int64)
    finite = to_host(xp.all(xp.isfinite(X), axis=1))
    if not finite.all():
        state[~finite] = INFINITE
        state[to_host(xp.any(xp.isnan(X), axis=1))] = MISSING
    return state


def _counted(
    model: Clusterer, rows: Rows, sample_weight: Any, state: np.ndarray
) -> np.ndarray | None:
    """The weights on the host; rows of weight zero are marked in `state`."""
    w, _ = model._weights(sample_weight, rows)
    if w is None:
        return None
    w = to_host(w).astype(np.float64, copy=False)
    state[(w == 0) & (state == 0)] = UNCOUNTED
    return w


def distance_matrix(model: Clusterer, X: Any, *, symmetric: bool = True) -> Any:
    """X checked as a matrix of distances; not copied if it already is one.

    symmetric : whether it must be symmetric
    """
    if not on_host(X):
        D = device_rows(type(model).__name__, X)
        validate_data(model, D, reset=True, skip_check_array=True)
    else:
        D = host_rows(
            f"Input X of {type(model).__name__}",
            X,
            lambda *a, **how: validate_data(model, *a, **how),
            reset=True,
            accept_sparse=["csr"],
            dtype=[np.float64, np.float32],
            order="C",
        )
    check_distances(D, symmetric=symmetric)
    return D


def check_distances(D: Any, *, symmetric: bool = True) -> None:
    """Raise unless D is square, symmetric if required, and contains only distances."""
    if D.shape[0] != D.shape[1]:
        if on_host(D) and not hasattr(D, "indptr") and np.isnan(D).any():
            raise ValueError(NAN)
        raise ValueError(
            f"The precomputed distance matrix is expected to be symmetric, however it has shape "
            f"{tuple(D.shape)}. Give the distances between all pairs of samples."
        )
    if hasattr(D, "indptr"):
        if np.isnan(D.data).any():
            raise ValueError("Input X contains NaN: give all distances, or leave entries out.")
        least, equal = D.data.min(initial=0.0), _symmetric_sparse(D)
    else:
        least, equal = _symmetric_dense(D)
    if symmetric and not equal:
        raise ValueError(
            "The precomputed distance matrix is expected to be symmetric, however its values "
            "appear to be asymmetric. Take the mean, or the minimum, of the matrix and its "
            "transpose."
        )
    if least < 0:
        raise ValueError(f"Negative values in a matrix of distances: the least is {least:g}.")


def _symmetric_sparse(D: Any) -> bool:
    T = D.T.tocsr()
    T.sort_indices()
    return (
        np.array_equal(D.indptr, T.indptr)
        and np.array_equal(D.indices, T.indices)
        and np.allclose(D.data, T.data)
    )


def _symmetric_dense(D: Array) -> tuple[float, bool]:
    """The least value, and whether D is symmetric; one device read per block."""
    xp, n = namespace(D), D.shape[0]
    lowest, equal = 0.0, True
    step = max(1, TILE // n)
    for a in range(0, n, step):
        rows, columns = D[a : min(n, a + step), :], D[:, a : min(n, a + step)].T
        alike = rows == columns
        none = xp.zeros_like(rows)
        gap = xp.abs(xp.where(alike, none, rows) - xp.where(alike, none, columns))
        alike = alike | (xp.isfinite(gap) & (gap <= 1e-8 + 1e-5 * xp.abs(columns)))
        missing, least, good = host_floats(xp.any(xp.isnan(rows)), xp.min(rows), xp.all(alike))
        if missing:
            raise ValueError("np.nan values found in precomputed-dense. Give all distances.")
        lowest, equal = min(lowest, least), equal and bool(good)
    return lowest, equal


def _submatrix(D: Any, kept: np.ndarray | None) -> Any:
    if kept is None:
        return D
    if hasattr(D, "indptr"):
        return D[kept][:, kept]
    xp, places = namespace(D), asarray(kept, like=D)
    return xp.take(xp.take(D, places, axis=0), places, axis=1)
