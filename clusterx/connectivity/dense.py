"""Trees over all pairs of rows: the kernel for each linkage, and its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array, asarray, float_dtype, host_floats, namespace, on_host
from ..kernels import kernels_for
from ..kernels.graphs import Edges
from ..kernels.linkage import INVERTING
from ..kernels.neighbors import METRICS
from ..neighbors.search import ALIASES, needs_host, search_of
from ..neighbors.spanning import spanning_tree
from ..rows.available import available_memory
from .merges import Merges, graphs, merges_of, merges_of_tree, rising

LINKAGES = ("ward", "complete", "average", "single", "weighted", "centroid", "median")
#: linkages of squared Euclidean distances
SQUARED = ("ward", "centroid", "median")


def dense_merges(X: Array, linkage: str, metric: str | Callable, sizes: np.ndarray) -> Merges:
    """The tree of the rows of X, or of the distances X for ``metric='precomputed'``.

    sizes : (n,) weights of the rows, above 0, on the host
    """
    n = X.shape[0]
    if n == 1:
        none = np.empty(0, np.int64)
        return merges_of(Edges(none, none, np.empty(0)), 1)
    known = metric if callable(metric) else ALIASES.get(metric, metric)
    refuse_no_direction(X, known)
    if callable(known):
        X, known = _measured(known, X), "precomputed"
    if linkage == "single":
        return merges_of_tree(_single(X, known), n)
    kernels = kernels_for(namespace(X)).linkage
    if linkage == "ward" and known == "euclidean":
        wide = namespace(X).astype(X, float_dtype(namespace(X), X))
        return merges_of(rising(kernels.ward(wide, sizes)), n)
    if on_host(X):
        check_room(n, linkage)
    D = _matrix(X, known, squared=linkage in SQUARED)
    if linkage == "ward" and (sizes != 1.0).any():
        own = asarray(sizes, like=D, dtype=D.dtype)
        D = D * (own[:, None] * own[None, :] * 2.0 / (own[:, None] + own[None, :]))
    made = kernels.one_by_one if linkage in INVERTING else kernels.chained
    edges = made(D, sizes, linkage)
    if linkage in SQUARED:  # rounding may leave negative values
        edges = edges._replace(weight=np.sqrt(np.maximum(edges.weight, 0.0)))
    return merges_of(edges if linkage in INVERTING else rising(edges), n)


def check_room(n: int, linkage: str) -> None:
    """Raise if a matrix of all distances would not fit into the free memory."""
    left = available_memory()
    if left is not None and 8 * n * n > left:
        raise MemoryError(
            f"linkage={linkage!r} keeps the distances between all {n:,} rows, "
            f"{8 * n * n / 2**30:.1f} GiB, and {left / 2**30:.1f} GiB are left. Use 'ward' (of "
            "rows) or 'single', whose memory grows with n, pass a connectivity, or cluster a "
            "sample of the rows."
        )


def distance_matrix(X: Array, metric: str | Callable) -> Array:
    """Distances between all rows, in the widest float; X and results of a callable are copied."""
    known = metric if callable(metric) else ALIASES.get(metric, metric)
    if callable(known):
        X, known = _measured(known, X), "precomputed"
    return _matrix(X, known, squared=False)


def _single(X: Array, metric: str) -> Edges:
    if metric == "precomputed":
        D = upper_half(X)
        if on_host(D):
            return graphs().dense_tree(D, np.zeros(len(D)), 1.0)
        X = D
    return spanning_tree(search_of(X, metric, None, None), X, None)


def _matrix(X: Array, metric: str, *, squared: bool) -> Array:
    """Distances between all rows, in the widest float; or their squares."""
    if squared and metric == "euclidean":
        return kernels_for(namespace(X)).linkage.distances(X, "sqeuclidean")
    if metric == "precomputed":
        D = upper_half(X)
    elif not needs_host(metric, None):
        D = kernels_for(namespace(X)).linkage.distances(X, metric)
    else:
        from sklearn.metrics import pairwise_distances

        refuse_device(X, metric)
        D = pairwise_distances(X, metric=metric).astype(np.float64, copy=False)
    return D * D if squared else D


def _measured(metric: Callable, X: Array) -> Array:
    """The matrix of all distances that the callable returns, checked."""
    D = metric(X)
    n = X.shape[0]
    if tuple(np.shape(D)) != (n, n):
        raise ValueError(
            f"A callable metric must return the distances between all rows, of shape ({n}, {n}); "
            f"got shape {tuple(np.shape(D))}."
        )
    return np.asarray(D) if on_host(D) else D


def refuse_device(X: Array, metric: Any) -> None:
    if not on_host(X):
        raise ValueError(
            f"metric={metric!r} is measured on the host, but X is on a device. Use one of "
            f"{', '.join(map(repr, METRICS))}, or move X to the host: it is never copied there "
            "implicitly."
        )


def refuse_no_direction(X: Array, metric: Any) -> None:
    xp = namespace(X)
    if metric == "cosine" and not bool(host_floats(xp.all(xp.any(X != 0, axis=1)))[0]):
        raise ValueError(
            "Cosine affinity cannot be used when X contains zero vectors, which have no direction. "
            "Drop these rows, or use another metric."
        )


def upper_half(D: Array) -> Array:
    """A symmetric copy of the part above the diagonal, in the widest float."""
    xp = namespace(D)
    D = xp.triu(xp.astype(D, float_dtype(xp, D)), k=1)
    return D + D.T


def check_squares(D: Array, linkage: str) -> None:
    """Raise if distances that will be squared are negative."""
    xp = namespace(D)
    least = host_floats(xp.min(upper_half(D)))[0]
    if least < 0:
        raise ValueError(
            f"Negative values in a matrix of distances: the least is {least:g}. "
            f"linkage={linkage!r} squares distances, so they must be 0 or more."
        )
