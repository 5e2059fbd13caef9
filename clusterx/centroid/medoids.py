"""k-medoids: clusters around rows, by any metric."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, float_dtype, named_dtype, namespace, to_host
from ..base import Clusterer
from ..blocks import TILE
from ..kernels import kernels_for
from ..neighbors.between import distances_between, fitted_options
from ..neighbors.searching import Searching
from ..validation import check_choice, check_number, real_array
from .inertia import weighted_sum


class KMedoids(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Clusterer, Searching):
    """Clusters around k rows (medoids) with the least sum of distances to the rows of their
    clusters.

    Unlike k-means it takes any metric, and outliers move no centre far.

    Parameters
    ----------
    n_clusters : int, default=8
    metric : str or callable, default='euclidean'
        Any metric of `NearestNeighbors`. ``'precomputed'``: X is a square matrix of distances.
    metric_params : dict, optional
        Options of the metric.
    method : {'fasterpam', 'alternate', 'onebatch'}, default='fasterpam'
        ``'fasterpam'`` swaps a medoid for another row as soon as that lowers the loss; it keeps n^2
        distances in memory and takes n^2 operations per pass. ``'alternate'`` finds the medoid of
        each cluster and reassigns the rows, in turn, which is faster and finds worse minima.
        ``'onebatch'`` swaps as ``'fasterpam'`` does, but estimates the loss from one sample of
        `batch_size` rows, each weighted by the number of rows nearest to it. It keeps n times
        `batch_size` float32 distances, for data whose square matrix does not fit into memory.
    init : {'random', 'build'} or array of shape (n_clusters,), default='random'
        Initial medoids. ``'build'`` adds the row that lowers the loss most, one after another, in
        n^2 n_clusters operations.
    max_iter : int, default=100
        Maximum number of passes over the rows.
    batch_size : 'auto' or int, default='auto'
        Size of the sample of ``'onebatch'``; ``100 log(n n_clusters)`` by default.
    random_state : int, RandomState or None
        For the initial medoids, the sample, and the order in which rows are tried.

    Attributes
    ----------
    medoid_indices_ : array of shape (n_clusters,), int64
        Rows of X.
    cluster_centers_ : array or CSR matrix of shape (n_clusters, n_features)
        Those rows; absent with ``metric='precomputed'``.
    labels_ : array of shape (n_samples,), int32
        The nearest medoid of each row, the first of equally near ones.
    inertia_ : float
        Weighted sum of the distances to the nearest medoids.
    n_iter_ : int
        Passes over the rows.
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has string column names.

    See Also
    --------
    KMeans : for squared Euclidean distances.

    References
    ----------
    Schubert and Rousseeuw, "Fast and eager k-medoids clustering", Information Systems 101, 2021.
    De Mathelin et al., "OneBatchPAM: a fast and frugal k-medoids algorithm", AAAI 2025. Kaufman and
    Rousseeuw, "Finding Groups in Data", chapter 2, Wiley, 1990.

    Examples
    --------
    >>> from clusterx import KMedoids
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [10.0, 2.0], [10.0, 4.0], [10.0, 0.0]]
    >>> KMedoids(2, random_state=0).fit(X).inertia_
    8.0
    """

    # parameters that the shared checks read
    p = None
    algorithm = "auto"
    leaf_size = 30
    n_jobs = None

    labels_: Array
    medoid_indices_: Array

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        metric: Any = "euclidean",
        metric_params: dict | None = None,
        method: str = "fasterpam",
        init: Any = "random",
        max_iter: int = 100,
        batch_size: Any = "auto",
        random_state: Any = None,
    ):
        self.n_clusters = n_clusters
        self.metric = metric
        self.metric_params = metric_params
        self.method = method
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMedoids:
        """Find the medoids.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, d), or (n, n) of distances if precomputed
        y : ignored
        sample_weight : array of shape (n,), optional
            A weight of two counts as a row repeated. A row of weight zero is never a medoid and
            does not count, but gets a label.

        Returns
        -------
        KMedoids

        Raises
        ------
        TypeError, ValueError
            A parameter, X or the weights are invalid, or there are fewer rows of positive weight
            than clusters.
        MemoryError
            The n^2 distances do not fit into memory: take ``method='onebatch'``.
        """
        self._check_parameters()
        X = self._points(X, reset=True)
        w = self._checked_weights(sample_weight, X)
        n, some = X.shape[0], np.flatnonzero(to_host(w))
        if len(some) < self.n_clusters:
            raise ValueError(
                f"n_samples={n} should be >= n_clusters={self.n_clusters}, and only {len(some)} "
                "rows have a weight above zero: ask for fewer clusters or give more rows."
            )
        self._options = fitted_options(X, self.metric, self.metric_params)
        rng = check_random_state(self.random_state)
        given = self._given_medoids(n)
        if self.method == "onebatch" and not self._precomputed:
            medoids, self.n_iter_ = self._one_batch(X, w, some, rng, given)
        else:
            D = X if self._precomputed else self._between(X, X)
            D = D.toarray() if hasattr(D, "indptr") else D
            medoids, self.n_iter_ = self._by_matrix(D, w, some, rng, given)
        self._keep(X, w, medoids)
        return self

    def _check_parameters(self) -> None:
        self._check_search_parameters()
        check_number(self, "n_clusters", self.n_clusters, numbers.Integral, least=1)
        check_number(self, "max_iter", self.max_iter, numbers.Integral, least=0)
        check_choice(self, "method", self.method, ("fasterpam", "alternate", "onebatch"))
        if isinstance(self.init, str):
            check_choice(self, "init", self.init, ("random", "build"))
        if isinstance(self.batch_size, str):
            check_choice(self, "batch_size", self.batch_size, ("auto",))
        else:
            check_number(self, "batch_size", self.batch_size, numbers.Integral, least=1)

    def _checked_weights(self, sample_weight: Any, X: Any) -> Array:
        """Weights (n,) in the widest float; ones if none are given."""
        like = X.data if hasattr(X, "indptr") else X
        xp = namespace(like)
        w = self._point_weights(sample_weight, X)
        if w is None:
            return asarray(np.ones(X.shape[0]), like=like, dtype=float_dtype(xp, like))
        if (to_host(w) < 0).any():
            raise ValueError("Negative values in data passed to sample_weight.")
        return w

    def _given_medoids(self, n: int) -> np.ndarray | None:
        if isinstance(self.init, str):
            return None
        given = to_host(real_array("The 'init' parameter", self.init))
        k = self.n_clusters
        rows = given.astype(np.int64)
        whole = given.shape == (k,) and (rows == given).all() and len(np.unique(rows)) == k
        if not whole or rows.min() < 0 or rows.max() >= n:
            raise ValueError(
                f"The 'init' parameter of KMedoids must be a name or {k} different rows in "
                f"0..{n - 1}, one per cluster; got {self.init!r}."
            )
        return rows

    def _between(self, X: Any, Y: Any, dtype: Any = None) -> Array:
        return distances_between(X, Y, self.metric, self._options, dtype)

    def _by_matrix(self, D, w, some, rng, given) -> tuple[np.ndarray, int]:
        start = given
        if given is None:
            start = rng.choice(some, self.n_clusters, replace=False)
            if self.init == "build":
                start = build(D, w, some, self.n_clusters)
        if self.method == "alternate":
            return alternate(D, w, some, start, self.max_iter)
        swaps = kernels_for(namespace(D)).medoids.eager_swaps
        found = swaps(D, w, start, rng.permutation(some), self.max_iter)
        return found.medoids, found.n_iter

    def _one_batch(self, X, w, some, rng, given) -> tuple[np.ndarray, int]:
        n, k, like = X.shape[0], self.n_clusters, w
        size = self.batch_size
        size = int(100 * np.log(max(2, n * k))) if size == "auto" else size
        batch = np.sort(rng.choice(some, min(max(size, k), len(some)), replace=False))
        xp = namespace(like)
        Y = X[batch] if hasattr(X, "indptr") else xp.take(X, asarray(batch, like=X), axis=0)
        D = self._between(X, Y, named_dtype(xp, "float32"))
        nearest = to_host(xp.argmin(D, axis=1))
        own = np.bincount(nearest, weights=to_host(w), minlength=len(batch))
        return self._by_matrix(D, asarray(own, like=like, dtype=like.dtype), some, rng, given)

    def _keep(self, X: Any, w: Array, medoids: np.ndarray) -> None:
        xp = namespace(w)
        self.medoid_indices_ = asarray(medoids, like=w)
        if self._precomputed:
            D = _columns(X, self.medoid_indices_)
        else:
            if hasattr(X, "indptr"):
                self.cluster_centers_ = X[medoids]
            else:
                self.cluster_centers_ = xp.take(X, self.medoid_indices_, axis=0)
            D = self._between(X, self.cluster_centers_)
        self.labels_ = xp.astype(xp.argmin(D, axis=1), xp.int32)
        self.inertia_ = weighted_sum(xp.astype(xp.min(D, axis=1), w.dtype), w)

    # -- using ---------------------------------------------------------------------------------

    def _to_medoids(self, X: Any, method: str) -> Array:
        check_is_fitted(self, "labels_")
        X = self._points(X, reset=False)
        self._check_same_library(X.data if hasattr(X, "indptr") else X, method, "labels_")
        if self._precomputed:
            return _columns(X, self.medoid_indices_)
        centers = self.cluster_centers_
        if hasattr(X, "indptr") != hasattr(centers, "indptr"):
            X = X.toarray() if hasattr(X, "indptr") else X
            centers = centers.toarray() if hasattr(centers, "indptr") else centers
        return self._between(X, centers)

    def predict(self, X: Any) -> Array:
        """The nearest medoid of each row, the first of equally near ones.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d), or (m, n) of distances to the rows of `fit`

        Returns
        -------
        labels : array of shape (m,), int32
        """
        D = self._to_medoids(X, "predict")
        xp = namespace(D)
        return xp.astype(xp.argmin(D, axis=1), xp.int32)

    def transform(self, X: Any) -> Array:
        """Distance of each row to each medoid.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d), or (m, n) of distances to the rows of `fit`

        Returns
        -------
        distances : array of shape (m, n_clusters)
        """
        return self._to_medoids(X, "transform")

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return the labels of the rows."""
        return self.fit(X, sample_weight=sample_weight).labels_

    @property
    def _n_features_out(self) -> int:
        return self.medoid_indices_.shape[0]


def _columns(D: Any, columns: Array) -> Array:
    if hasattr(D, "indptr"):
        return D[:, to_host(columns)].toarray()
    return namespace(D).take(D, columns, axis=1)


def build(D: Array, w: Array, some: np.ndarray, k: int) -> np.ndarray:
    """Choose medoids one by one, each the row that lowers the loss most; ties go to the first."""
    xp = namespace(D)
    n, height = D.shape[0], max(1, TILE // D.shape[1])
    nearest = None
    chosen: list[int] = []
    for _ in range(k):
        losses = np.full(n, np.inf)
        for a in range(0, n, height):
            block = xp.astype(D[a : min(n, a + height), :], w.dtype)
            block = block if nearest is None else xp.minimum(block, nearest)
            losses[a : a + block.shape[0]] = to_host(xp.sum(block * w, axis=1))
        losses[chosen] = np.inf
        chosen.append(int(some[np.argmin(losses[some])]))
        own = xp.astype(D[chosen[-1], :], w.dtype)
        nearest = own if nearest is None else xp.minimum(nearest, own)
    return np.array(chosen)


def alternate(
    D: Array, w: Array, some: np.ndarray, medoids: np.ndarray, max_iter: int
) -> tuple[np.ndarray, int]:
    """Assign rows to the nearest medoids and find the medoid of each cluster, in turn."""
    xp, n_iter = namespace(D), 0
    counted = np.zeros(D.shape[0], bool)
    counted[some] = True
    while n_iter < max_iter:
        n_iter += 1
        labels = to_host(xp.argmin(xp.take(D, asarray(medoids, like=D), axis=0), axis=0))
        new = medoids.copy()
        for i in range(len(medoids)):
            rows = np.flatnonzero((labels == i) & counted)
            if not rows.size:
                continue  # another medoid is equally near to this one's own row
            places = asarray(rows, like=D)
            inside = xp.take(xp.take(D, places, axis=0), places, axis=1)
            sums = to_host(xp.sum(xp.astype(inside, w.dtype) * xp.take(w, places), axis=1))
            at = np.flatnonzero(rows == medoids[i])
            best = int(np.argmin(sums))
            if not at.size or sums[best] < sums[at[0]]:
                new[i] = rows[best]
        if (new == medoids).all():
            break
        medoids = new
    return medoids, n_iter
