"""Base of the clustering of rows or columns by a tree: parameters, the tree, its cuts."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, check_memory, validate_data

from ..arrays import (
    Array,
    asarray,
    contiguous,
    float_dtype,
    host_floats,
    namespace,
    on_host,
    to_host,
)
from ..base import Clusterer
from ..neighbors.search import ALIASES, check_metric
from ..rows import InMemory, Rows
from ..validation import check_choice, check_finite, check_number, host_rows
from .dense import LINKAGES, SQUARED, check_squares, dense_merges
from .merges import Merges, clusters_at, cut_into, heads, linkage_matrix
from .structured import structured_merges


class Agglomeration(Clusterer):
    """Base of the estimators with scikit-learn's parameters of agglomerative clustering."""

    n_clusters: Any
    metric: Any
    memory: Any
    connectivity: Any
    compute_full_tree: Any
    linkage: Any
    distance_threshold: Any
    compute_distances: Any

    children_: Array
    distances_: Array
    counts_: Array
    labels_: Array
    _heights: Array
    n_clusters_: int
    n_leaves_: int
    n_connected_components_: int

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._precomputed
        return tags

    @property
    def _precomputed(self) -> bool:
        return isinstance(self.metric, str) and self.metric == "precomputed"

    def _check_parameters(self) -> None:
        name = type(self).__name__
        check_number(self, "n_clusters", self.n_clusters, numbers.Integral, least=1, or_none=True)
        threshold = self.distance_threshold
        check_number(self, "distance_threshold", threshold, numbers.Real, least=0, or_none=True)
        check_choice(self, "linkage", self.linkage, LINKAGES)
        check_metric(self, self.metric, None, None)
        full = self.compute_full_tree
        if not (isinstance(full, bool | np.bool_) or (isinstance(full, str) and full == "auto")):
            raise ValueError(
                f"The 'compute_full_tree' parameter of {name} must be 'auto', True or False; got "
                f"{full!r}."
            )
        if (self.n_clusters is None) == (threshold is None):
            raise ValueError(
                "Exactly one of n_clusters and distance_threshold has to be set, and the other "
                f"needs to be None; got n_clusters={self.n_clusters!r} and "
                f"distance_threshold={threshold!r}."
            )
        if threshold is not None and not full:
            raise ValueError("compute_full_tree must be True if distance_threshold is set.")
        known = self.metric if callable(self.metric) else ALIASES.get(self.metric, self.metric)
        if self.linkage in SQUARED and known not in ("euclidean", "precomputed"):
            raise ValueError(
                f"{self.metric} was provided as metric. {self.linkage.capitalize()} can only work "
                "with euclidean distances (i.e. 'euclidean' and 'l2', or 'precomputed' ones)."
            )

    # -- fitting -------------------------------------------------------------------------------

    def _read(self, X: Any) -> Array:
        """X checked: rows, or the distances between them."""
        if self._precomputed:
            return self._read_distances(X)
        rows = self._rows(X, reset=True)
        return contiguous(self._in_memory(rows).values)

    def _in_memory(self, rows: Rows) -> InMemory:
        return rows.in_memory(type(self).__name__)

    def _read_distances(self, X: Any) -> Array:
        name = type(self).__name__
        X = self._in_memory(X).values if isinstance(X, Rows) else X
        if on_host(X):
            check = partial(validate_data, self)
            kinds = [np.float64, np.float32]
            X = host_rows(f"Input X of {name}", X, check, reset=True, dtype=kinds, order="C")
            check_finite(X, estimator_name=name, input_name="X")
        else:
            X = self._device_rows(X, reset=True)
            if not host_floats(namespace(X).all(namespace(X).isfinite(X)))[0]:
                raise ValueError(f"Input X of {name} contains NaN or infinity as distances.")
        if X.shape[0] != X.shape[1]:
            raise ValueError(
                f"Distance matrix should be square, got matrix of shape {tuple(X.shape)}. Pass the "
                "distances between all rows."
            )
        if self.linkage in SQUARED:
            check_squares(X, self.linkage)
        return X

    def _with_weights(self, X: Array, sample_weight: Any) -> tuple[Array, np.ndarray | None]:
        """The rows that have weight, and their weights on the host, or None for equal ones."""
        self._kept = None
        weights, _ = self._weights(sample_weight, InMemory(X))
        if weights is None:
            return X, None
        sizes = to_host(weights).astype(np.float64, copy=False)
        if sizes.all():
            return X, sizes
        self._kept = sizes > 0
        xp, places = namespace(X), asarray(np.flatnonzero(sizes), like=X)
        X = xp.take(X, places, axis=0)
        return xp.take(X, places, axis=1) if self._precomputed else X, sizes[self._kept]

    def _fit_tree(self, X: Array, sizes: np.ndarray | None, neighbours: Any) -> Agglomeration:
        """Build the tree over the rows X, which all have weight, and cut it."""
        n = X.shape[0]
        if self.n_clusters is not None and self.n_clusters > n:
            raise ValueError(
                f"Cannot extract more clusters than samples: {self.n_clusters} clusters were "
                f"given for a tree with {n} leaves."
            )
        sizes = np.ones(n) if sizes is None else sizes
        how = self.linkage, self.metric, sizes
        self.n_leaves_, self.n_connected_components_ = n, 1
        if neighbours is None:
            merges = self._cached(X, dense_merges)(X, *how)
        else:
            made = n - 1 if self._grows_whole(n) else n - self.n_clusters
            found = self._cached(X, structured_merges)(X, neighbours, *how, made)
            merges, self.n_connected_components_ = found
        self._keep(Merges(*merges), X)
        return self

    def _cached(self, X: Array, build: Callable) -> Callable:
        return check_memory(self.memory).cache(build) if on_host(X) else build

    def _keep(self, merges: Merges, like: Array) -> None:
        wide = float_dtype(namespace(like), like)
        self.children_ = asarray(merges.children, like=like)
        self._heights = asarray(merges.heights, like=like, dtype=wide)
        self.__dict__.pop("distances_", None)
        if getattr(self, "compute_distances", True) or self.distance_threshold is not None:
            self.distances_ = self._heights
        self.counts_ = asarray(merges.counts, like=like)
        if self.distance_threshold is None:
            self.n_clusters_ = int(self.n_clusters)
        else:
            self.n_clusters_ = clusters_at(merges.heights, self.distance_threshold)
        self.labels_ = self._labels(merges.children, self.n_clusters_, like)

    def _labels(self, children: np.ndarray, k: int, like: Array) -> Array:
        n = self.n_leaves_
        if len(children) == n - 1:
            labels = cut_into(children, n, k)
        else:
            labels = heads(children[: n - k], n)
        kept = self._kept
        if kept is not None:
            labels = np.where(kept, labels[np.cumsum(kept) - 1], -1).astype(np.int32)
        return asarray(labels, like=like)

    #: which rows have a positive weight; None for all
    _kept: np.ndarray | None = None

    # -- other cuts ----------------------------------------------------------------------------

    def cut(
        self, n_clusters: int | None = None, *, distance_threshold: float | None = None
    ) -> Array:
        """The labels of another cut through the fitted tree, without a new one.

        Parameters
        ----------
        n_clusters : int, optional
        distance_threshold : float, optional
            Merges at this distance or above are not made. Pass exactly one of the two.

        Returns
        -------
        labels : array of shape (n_leaves,), int32
            The `labels_` that `fit` would give, in O(n) time.

        Raises
        ------
        sklearn.exceptions.NotFittedError
        ValueError
            Both or neither are given, or the tree has no such cut.
        """
        return self.recut(n_clusters, distance_threshold=distance_threshold).labels_

    def recut(
        self, n_clusters: int | None = None, *, distance_threshold: float | None = None
    ) -> Any:
        """The model that `fit` would give with another number of clusters, without a new tree.

        Parameters
        ----------
        n_clusters, distance_threshold
            As in `cut`.

        Returns
        -------
        Agglomeration
            A fitted model of the same class; this one stays as it is.
        """
        check_is_fitted(self, "children_")
        made = copy.copy(self)
        made.set_params(n_clusters=n_clusters, distance_threshold=distance_threshold)
        if distance_threshold is not None:
            made.compute_full_tree = True
        made._check_parameters()
        made._cut_again()
        return made

    def _cut_again(self) -> None:
        children, n, k = to_host(self.children_), self.n_leaves_, self.n_clusters
        whole = len(children) == n - 1
        if k is not None and not n - len(children) <= k <= n:
            raise ValueError(
                f"The tree of {n} leaves has {len(children)} merges, which leave {k} clusters "
                f"nowhere: n_clusters must be in {n - len(children)}..{n}. Fit with "
                "compute_full_tree=True for fewer."
            )
        if k is None and not whole:
            raise ValueError(
                "The tree was not built to its root, so that distance_threshold can't cut it. Fit "
                "with compute_full_tree=True."
            )
        made = len(children) if k is None or self._grows_whole(n) else n - k
        heights, counts = to_host(self._heights)[:made], to_host(self.counts_)[:made]
        self._keep(Merges(children[:made], heights, counts), self.labels_)

    def _grows_whole(self, n: int) -> bool:
        """Whether `fit` builds the tree up to its root."""
        if self.connectivity is None:
            return True
        if self.compute_full_tree != "auto":
            return bool(self.compute_full_tree)
        return self.distance_threshold is not None or self.n_clusters < max(100, 0.02 * n)

    @property
    def linkage_matrix_(self) -> np.ndarray:
        """SciPy's linkage matrix (n_leaves - 1, 4), float64, on the host.

        Its columns are the two nodes, the height and the number of leaves of each merge, as
        `scipy.cluster.hierarchy.dendrogram` and `DendrogramDisplay.from_linkage` take them.
        """
        check_is_fitted(self, "children_")
        return linkage_matrix(to_host(self.children_), to_host(self._heights))
