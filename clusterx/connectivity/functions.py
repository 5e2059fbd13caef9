"""Trees of merges in function form."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .agglomerative import AgglomerativeClustering
from .base import Agglomeration


def ward_tree(
    X: Any,
    *,
    connectivity: Any = None,
    n_clusters: int | None = None,
    return_distance: bool = False,
) -> tuple:
    """The tree of Ward linkage.

    Parameters
    ----------
    X : array of shape (n, d)
    connectivity : array or sparse matrix of shape (n, n), default=None
        Which rows are neighbours; only neighbours merge.
    n_clusters : int, default=None
        With connectivity: stop when this many clusters are left.
    return_distance : bool, default=False

    Returns
    -------
    children : array of shape (n - 1, 2)
        See `AgglomerativeClustering`.
    n_connected_components, n_leaves : int
    parents : array of shape (n_nodes,) or None
        The node that each node merges into, itself at the top; None without connectivity.
    distances : array of shape (n - 1,)
        With `return_distance`.

    Examples
    --------
    >>> from clusterx import ward_tree
    >>> ward_tree([[1.0], [2.0], [5.0]])[0].tolist()
    [[0, 1], [2, 3]]
    """
    return linkage_tree(X, connectivity, n_clusters, "ward", "euclidean", return_distance)


def linkage_tree(
    X: Any,
    connectivity: Any = None,
    n_clusters: int | None = None,
    linkage: str = "complete",
    affinity: Any = "euclidean",
    return_distance: bool = False,
) -> tuple:
    """The tree of any linkage.

    Parameters
    ----------
    X : array of shape (n, d), or (n, n) of distances if precomputed
    connectivity, n_clusters, return_distance
        See `ward_tree`.
    linkage : str, default="complete"
        A linkage of `AgglomerativeClustering`.
    affinity : str or callable, default="euclidean"
        Its `metric`.

    Returns
    -------
    children, n_connected_components, n_leaves, parents, distances
        See `ward_tree`.
    """
    if n_clusters is not None and connectivity is None:
        warnings.warn(
            "Partial build of the tree is implemented only for structured clustering (i.e. with "
            "explicit connectivity). The algorithm will build the full tree and only retain the "
            "lower branches required for the specified number of clusters",
            stacklevel=2,
        )
    model = AgglomerativeClustering(
        1 if n_clusters is None else n_clusters,
        metric=affinity,
        connectivity=connectivity,
        compute_full_tree=n_clusters is None,
        linkage=linkage,
        compute_distances=True,
    )
    ndim = getattr(X, "ndim", None)
    X = np.asarray(X) if ndim is None else X
    model.fit(X.reshape(-1, 1) if X.ndim == 1 else X)
    parents = None if connectivity is None else _parents(model)
    found = (model.children_, model.n_connected_components_, model.n_leaves_, parents)
    return (*found, model.distances_) if return_distance else found


def _parents(model: Agglomeration) -> np.ndarray:
    """The node that each node merges into."""
    n, children = model.n_leaves_, np.asarray(model.children_)
    parents = np.arange(n + len(children))
    parents[children.ravel()] = np.repeat(np.arange(n, n + len(children)), 2)
    return parents
