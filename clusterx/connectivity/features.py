"""Agglomerative clustering of columns, which are then pooled."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..arrays import (
    Array,
    asarray,
    contiguous,
    is_array,
    namespace,
    on_host,
    to_host,
)
from ..kernels import kernels_for
from ..neighbors.search import ALIASES
from ..rows import InMemory
from .base import Agglomeration
from .dense import SQUARED
from .merges import Merges
from .structured import neighbours_of


class FeatureAgglomeration(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Agglomeration):
    """Merges similar columns into clusters, and pools the columns of each cluster.

    Parameters
    ----------
    n_clusters : int or None, default=2
        Number of clusters of columns; None if `distance_threshold` is given.
    metric, memory, compute_full_tree, linkage, distance_threshold, compute_distances
        See `AgglomerativeClustering`; distances are between columns.
    connectivity : array, sparse matrix or callable, default=None
        Which columns are neighbours: a matrix (d, d), or a function of the transpose of X that
        returns one. Only neighbours merge: `grid_to_graph` joins pixels of images.
    pooling_func : callable, default=np.mean
        Takes the columns (n, m) of a cluster and ``axis=1``, and returns n values. The mean runs on
        the device of X.

    Attributes
    ----------
    labels_ : array of shape (d,)
        Clusters of the columns, int32.
    n_clusters_, children_, distances_, counts_, linkage_matrix_, n_leaves_, \
n_connected_components_, n_features_in_, feature_names_in_
        See `AgglomerativeClustering`, whose rows are columns here.

    See Also
    --------
    AgglomerativeClustering : Merges rows.
    clusterx.grid_to_graph : Which pixels are neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import FeatureAgglomeration
    >>> X = np.array([[0.0, 0.2, 5.0], [1.0, 1.0, 5.0], [4.0, 4.2, 5.0]])
    >>> FeatureAgglomeration().fit_transform(X).round(3).tolist()
    [[0.1, 5.0], [1.0, 5.0], [4.1, 5.0]]
    """

    def __init__(
        self,
        n_clusters=2,
        *,
        metric="euclidean",
        memory=None,
        connectivity=None,
        compute_full_tree="auto",
        linkage="ward",
        pooling_func=np.mean,
        distance_threshold=None,
        compute_distances=False,
    ):
        self.n_clusters = n_clusters
        self.metric = metric
        self.memory = memory
        self.connectivity = connectivity
        self.compute_full_tree = compute_full_tree
        self.linkage = linkage
        self.pooling_func = pooling_func
        self.distance_threshold = distance_threshold
        self.compute_distances = compute_distances

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> FeatureAgglomeration:
        """Build the tree of the columns of X, and cut it.

        Parameters
        ----------
        X : array of shape (n, d)
        y : ignored
        sample_weight : array of shape (n,), default=None
            A weight of two equals a row repeated; for Euclidean and cosine distances only.

        Returns
        -------
        FeatureAgglomeration
            This model, fitted.

        Raises
        ------
        TypeError, ValueError
            A parameter or X is invalid, or there are fewer columns than clusters.
        """
        self._check_parameters()
        if not callable(self.pooling_func):
            raise ValueError(
                "The 'pooling_func' parameter of FeatureAgglomeration must be a callable; got "
                f"{self.pooling_func!r}."
            )
        X = self._read(X)
        if sample_weight is not None:
            X = self._weighted(X, sample_weight)
        neighbours = None
        if self.connectivity is not None:
            neighbours = neighbours_of(X.T, self.connectivity)
        # merges of centres along a graph begin with a copy
        copied = neighbours is not None and self.linkage in SQUARED and on_host(X)
        columns = X.T if copied else contiguous(X.T)
        self._fit_tree(columns, None, neighbours)
        return self

    def _weighted(self, X: Array, sample_weight: Any) -> Array:
        """Scale rows by the roots of their weights, so that squares and products are weighted."""
        known = self.metric if callable(self.metric) else ALIASES.get(self.metric, self.metric)
        if known not in ("euclidean", "sqeuclidean", "cosine"):
            raise ValueError(
                "sample_weight is used only with Euclidean and cosine distances of columns; got "
                f"metric={self.metric!r}. Repeat rows instead."
            )
        weights, _ = self._weights(sample_weight, InMemory(X))
        return X if weights is None else X * namespace(X).sqrt(weights)[:, None]

    def _keep(self, merges: Merges, like: Array) -> None:
        super()._keep(merges, like)
        self._n_features_out = self.n_clusters_

    @property
    def fit_predict(self) -> Any:
        """Not available, because rows have no labels."""
        raise AttributeError("FeatureAgglomeration labels columns: fit(X).labels_.")

    def transform(self, X: Any) -> Array:
        """Pool the columns of each cluster.

        Parameters
        ----------
        X : array of shape (m, d)

        Returns
        -------
        array of shape (m, n_clusters)
            For means, in the working dtype of X: float32 or float64.
        """
        check_is_fitted(self, "labels_")
        rows = self._in_memory(self._rows(X, reset=False))
        self._check_same_library(rows.values, "transform", "labels_")
        X = contiguous(rows.values)
        xp = namespace(X)
        if self.pooling_func is np.mean:
            sum_columns = kernels_for(xp).reductions.sum_columns_by_label
            sums = sum_columns(X, self.labels_, self.n_clusters_)
            sizes = np.bincount(to_host(self.labels_), minlength=self.n_clusters_)
            return xp.astype(sums / asarray(sizes, like=sums, dtype=sums.dtype), X.dtype)
        labels = to_host(self.labels_)
        pooled = []
        for c in range(self.n_clusters_):
            members = asarray(np.flatnonzero(labels == c), like=X)
            pooled.append(self.pooling_func(xp.take(X, members, axis=1), axis=1))
        return xp.stack(pooled, axis=1)

    def inverse_transform(self, X: Any) -> Array:
        """Assign to every column the value of its cluster.

        Parameters
        ----------
        X : array of shape (m, n_clusters) or (n_clusters,)

        Returns
        -------
        array of shape (m, d) or (d,)
        """
        check_is_fitted(self, "labels_")
        X = X if is_array(X) else np.asarray(X)
        if X.ndim == 0 or X.shape[-1] != self.n_clusters_:
            raise ValueError(
                f"X must have {self.n_clusters_} columns, one per cluster; got shape "
                f"{tuple(X.shape)}."
            )
        labels = asarray(to_host(self.labels_), like=X)
        return namespace(X).take(X, labels, axis=X.ndim - 1)
