"""Validity of density-based clusters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray, concat, float_dtype, namespace, to_host
from ..blocks import TILE
from ..kernels import kernels_for
from ..kernels.neighbors import METRICS
from ..kernels.neighbors.generic import search as by_tiles
from ..rows import Rows
from .labelled import check_same_length, checked_rows
from .labels import check_labels


class _Cluster(NamedTuple):
    """The summary of a cluster for the score."""

    inner: np.ndarray  # rows with at least two edges in the cluster's tree
    sparseness: float  # the longest edge between them


def density_validity_score(
    X: Any, labels: Any, *, metric: str = "euclidean", per_cluster: bool = False
) -> Any:
    """Density-based clustering validity (DBCV): are clusters denser than the gaps between them?

    Clusters of any shape may score well, whereas silhouettes favour round ones. The sparseness of a
    cluster is the longest inner edge of its minimum spanning tree by mutual reachability, where the
    core distance of a row comes from its distances to all rows of the cluster. The separation of a
    cluster is the least mutual reachability distance between its inner rows and those of other
    clusters. The validity of a cluster is separation minus sparseness, divided by the larger of the
    two. The score is the mean over all rows, where noise counts as zero.

    Time grows like the sum of the squared sizes of clusters, memory like n.

    Parameters
    ----------
    X : array of shape (n, d)
    labels : array-like of shape (n,)
        Whole numbers; negative ones are noise.
    metric : str, default='euclidean'
        One of 'euclidean', 'sqeuclidean', 'manhattan', 'chebyshev', 'cosine'.
    per_cluster : bool, default=False
        Also return the validity of each cluster.

    Returns
    -------
    score : float
        In [-1, 1]; above zero if clusters are denser than the gaps between them.
    validity : array of shape (n_clusters,), float64
        By rising label; only with `per_cluster`.

    Raises
    ------
    ValueError
        Fewer than two clusters besides noise; NaN or infinity in X; labels that are not whole
        numbers.

    Notes
    -----
    As in the authors' code, equal rows are left out of each other's core distances, which would be
    zero otherwise. A cluster of one row has validity zero.

    References
    ----------
    D. Moulavi, P. Jaskowiak, R. Campello, A. Zimek and J. Sander, "Density-based clustering
    validation", SIAM International Conference on Data Mining, 2014.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from clusterx.metrics import density_validity_score
    >>> X, labels = make_moons(200, noise=0.05, random_state=0)
    >>> round(float(density_validity_score(X, labels)), 4)
    0.3254
    """
    X = checked_rows("density_validity_score", X)
    if isinstance(X, Rows):
        raise TypeError("density_validity_score takes dense rows. Make X dense: X.toarray().")
    labels = to_host(check_labels("labels", labels))
    check_same_length(X.shape[0], len(labels))
    if labels.dtype.kind not in "iu":
        raise ValueError(
            "labels must be whole numbers, where negative ones are noise; got dtype "
            f"{labels.dtype}."
        )
    if metric not in METRICS or metric == "minkowski":
        known = [name for name in METRICS if name != "minkowski"]
        raise ValueError(f"metric must be one of {', '.join(map(repr, known))}; got {metric!r}.")
    classes = np.unique(labels[labels >= 0])
    if len(classes) < 2:
        raise ValueError(
            f"density_validity_score needs at least 2 clusters besides noise, got {len(classes)}: "
            "it measures their separation."
        )
    core = np.zeros(len(labels))
    found = [_cluster(X, np.flatnonzero(labels == c), core, metric) for c in classes]
    apart = _separations(X, found, core, metric)
    sparse = np.array([cluster.sparseness for cluster in found])
    largest = np.maximum(apart, sparse)
    validity = np.where(largest > 0, (apart - sparse) / np.where(largest > 0, largest, 1.0), 0.0)
    sizes = np.array([(labels == c).sum() for c in classes])
    validity[sizes == 1] = 0.0
    score = float(np.sum(validity * sizes) / len(labels))
    return (score, validity) if per_cluster else score


def _rows(X: Array, rows: np.ndarray) -> Array:
    return namespace(X).take(X, asarray(rows, like=X), axis=0)


def _cluster(X: Array, rows: np.ndarray, core: np.ndarray, metric: str) -> _Cluster:
    """Summarise a cluster; also fill in the core distances of its rows."""
    m = len(rows)
    if m == 1:
        return _Cluster(rows, 0.0)
    own = _rows(X, rows)
    core[rows] = _all_points_core(own, metric)
    edges = _tree(own, core[rows], metric)
    degree = np.bincount(np.concatenate([edges.low, edges.high]), minlength=m)
    inner = (degree[edges.low] > 1) & (degree[edges.high] > 1)
    weights = edges.weight[inner] if inner.any() else edges.weight
    kept = degree > 1
    return _Cluster(rows[kept] if kept.any() else rows, float(weights.max()))


def _all_points_core(X: Array, metric: str) -> np.ndarray:
    """The mean of 1 / distance**d to the other rows, to the power of -1/d (m,)."""
    xp, (m, d) = namespace(X), X.shape
    tiles = by_tiles(X, metric)
    Q, step = tiles.queries(None), max(1, TILE // m)
    parts = []
    for a in range(0, m, step):
        D = tiles.measure.restored(tiles.tile(Q[a : min(m, a + step), :], 0, m), xp)
        some = D > 0
        # in logarithms: powers of d may be too large or too small
        none = xp.zeros_like(D)
        logs = -d * xp.log(xp.where(some, D, xp.ones_like(D)))
        top = xp.max(xp.where(some, logs, xp.full_like(D, -xp.inf)), axis=1, keepdims=True)
        top = xp.where(xp.isfinite(top), top, xp.zeros_like(top))
        total = xp.sum(xp.where(some, xp.exp(xp.where(some, logs - top, none)), none), axis=1)
        alone = total == 0  # a row that equals all others has core distance zero
        mean = (
            xp.log(xp.where(alone, xp.ones_like(total), total)) + top[:, 0] - float(np.log(m - 1))
        )
        parts.append(xp.where(alone, xp.zeros_like(total), xp.exp(-mean / d)))
    return to_host(concat(parts)).astype(np.float64, copy=False)


def _tree(X: Array, core: np.ndarray, metric: str) -> Any:
    xp = namespace(X)
    search = kernels_for(xp).neighbors.search(X, metric)
    there = asarray(core, like=X, dtype=float_dtype(xp, X))

    def nearest(component, rows, bound):
        component, rows, bound = (asarray(part, like=X) for part in (component, rows, bound))
        weights, others = search.nearest_other(
            component, there, rows=rows, bound=xp.astype(bound, there.dtype)
        )
        return to_host(weights).astype(np.float64, copy=False), to_host(others)

    return kernels_for(namespace()).graphs.spanning_tree(X.shape[0], nearest)


def _separations(X: Array, clusters: list[_Cluster], core: np.ndarray, metric: str) -> np.ndarray:
    """The least mutual reachability (k,) from inner rows of a cluster to those of another."""
    xp = namespace(X)
    rows = np.concatenate([cluster.inner for cluster in clusters])
    owner = np.repeat(np.arange(len(clusters)), [len(cluster.inner) for cluster in clusters])
    own = _rows(X, rows)
    search = kernels_for(xp).neighbors.search(own, metric)
    there = asarray(core[rows], like=X, dtype=float_dtype(xp, X))
    weights, _ = search.nearest_other(asarray(owner.astype(np.int32), like=X), there)
    least = np.full(len(clusters), np.inf)
    np.minimum.at(least, owner, to_host(weights))
    return least
