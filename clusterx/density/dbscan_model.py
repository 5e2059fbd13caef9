"""DBSCAN: clusters of rows in dense neighbourhoods."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, is_lazy, namespace, to_host
from ..base import Clusterer
from ..neighbors.searching import Searching
from ..rows import Rows, in_memory_or_blocks
from ..rows.base import LOAD
from ..validation import check_number
from .partitions import Metric, check_metric_of_boxes, clusters


class DBSCAN(Searching, Clusterer):
    """Density-based clusters of any shape, and noise (Ester, Kriegel, Sander and Xu, 1996).

    A core row has at least `min_samples` rows, itself included, within `eps` of it. Core rows
    within `eps` of each other belong to one cluster. Other rows within `eps` of a core row are
    border rows of its cluster; all remaining rows are noise.

    Parameters
    ----------
    eps : float, default=0.5
        Radius of neighbourhoods; a distance equal to it counts.
    min_samples : int, default=5
        Rows (or the weight of rows) that make a neighbourhood dense, the row itself included.
    metric : str or callable, default="euclidean"
        ``"euclidean"``, ``"sqeuclidean"``, ``"manhattan"``, ``"chebyshev"``, ``"minkowski"``,
        ``"cosine"`` and ``"precomputed"`` on every backend. On the host, any other metric of
        scikit-learn, such as ``"haversine"``, and a function of two rows.
    metric_params : dict, default=None
        More arguments of the metric.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"}, default="auto"
        Accepted for compatibility with scikit-learn: the fastest search always runs.
    leaf_size : int, default=30
        Accepted for compatibility.
    p : float, default=None
        Exponent of ``"minkowski"``; 2 by default.
    n_jobs : int, default=None
        Accepted for compatibility: all cores that the process may use are used.

    Attributes
    ----------
    labels_ : array of shape (n,)
        Clusters, int32, numbered in the order of their first core row; -1 is noise. A border row
        belongs to the lowest-numbered cluster next to it.
    core_sample_indices_ : array of shape (n_cores,)
        The core rows, by rising index, int64.
    components_ : array or CSR matrix of shape (n_cores, d)
        A copy of the core rows. With precomputed distances, the rows of that matrix.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of shape (n_features,)
        Names of the columns, if they are strings.

    See Also
    --------
    NearestNeighbors : The neighbour search that DBSCAN uses.

    Notes
    -----
    Labels do not depend on threads or blocks, and equal scikit-learn's. A fit makes two passes over
    the rows and never stores neighbourhoods: memory grows with n, whereas scikit-learn's grows with
    the number of neighbours. With few columns, rows are grouped into cells whose rows are all
    within `eps` of each other, so that time grows with n, however dense the data.

    References
    ----------
    M. Ester, H.-P. Kriegel, J. Sander, X. Xu, "A density-based algorithm for discovering clusters
    in large spatial databases with noise", KDD 1996. E. Schubert et al., "DBSCAN revisited,
    revisited", ACM Transactions on Database Systems 42(3), 2017. A. Gunawan, "A faster algorithm
    for DBSCAN", TU Eindhoven, 2013 (cells).

    Examples
    --------
    >>> from clusterx import DBSCAN
    >>> X = [[1.0], [1.1], [1.2], [5.0], [5.1], [5.2], [9.0]]
    >>> DBSCAN(eps=0.3, min_samples=2).fit(X).labels_.tolist()
    [0, 0, 0, 1, 1, 1, -1]
    """

    labels_: Array
    core_sample_indices_: Array
    components_: Any

    def __init__(
        self,
        eps=0.5,
        *,
        min_samples=5,
        metric="euclidean",
        metric_params=None,
        algorithm="auto",
        leaf_size=30,
        p=None,
        n_jobs=None,
    ):
        self.eps = eps
        self.min_samples = min_samples
        self.metric = metric
        self.metric_params = metric_params
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> DBSCAN:
        """Find the clusters of the rows of X.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, d), or (n, n) of distances if precomputed
            In a CSR matrix of distances, a distance that is not stored is infinite, a stored zero
            is a distance of zero, and the distance of a row to itself is always 0.
            Chunks of Dask are clustered by their workers, and all attributes are in chunks. They
            allow the metrics of all backends, except cosine and precomputed distances.
        y : ignored
        sample_weight : array of shape (n,) or float, default=None
            A weight of two equals a row repeated. A row that weighs `min_samples` is a core row by
            itself; a negative weight may keep its neighbours from being core rows.

        Returns
        -------
        DBSCAN
            This model, fitted.

        Raises
        ------
        TypeError, ValueError
            A parameter, X or the weights are invalid, or X is on a device and the metric is
            available only on the host.
        """
        self._check_parameters()
        X = in_memory_or_blocks(X)
        if isinstance(X, Rows) and X.distant:
            return self._fit_partitions(X, sample_weight)
        if isinstance(X, Rows):
            X.in_memory(
                "DBSCAN",
                f"{LOAD} An array of Dask, whose chunks may come from files, is taken, too.",
            )
        X = self._points(X, reset=True)
        weights = self._point_weights(sample_weight, X)
        search = self._searched(X)
        core = search.core_rows(float(self.eps), float(self.min_samples), weights)
        self.labels_ = search.radius_links(float(self.eps), core)
        xp = namespace(core)
        self.core_sample_indices_ = xp.astype(xp.nonzero(core)[0], xp.int64)
        self._keep_components(X)
        return self

    def _fit_partitions(self, X: Rows, sample_weight: Any) -> DBSCAN:
        """Clusters of rows that are spread over workers."""
        check_metric_of_boxes(self, self.metric, self.metric_params)
        rows: Any = self._rows(X, reset=True)
        w = None
        if sample_weight is not None:
            w, _ = self._weights(sample_weight, rows)
        how = self.metric, self.p, self.metric_params, float(self.eps), float(self.min_samples)
        self.labels_, core = clusters(rows, Metric(*how), w)
        self.core_sample_indices_, self.components_ = rows.chosen(core)
        return self

    def _keep_components(self, X: Any) -> None:
        if hasattr(X, "indptr"):
            self.components_ = X[self.core_sample_indices_]
        else:
            self.components_ = namespace(X).take(X, self.core_sample_indices_, axis=0)

    def predict(self, X: Any) -> Array:
        """The cluster of the nearest core row of each row, if it is within `eps`; else -1.

        Core rows get their own label. A border row of `fit` next to several clusters may get
        another label than in `labels_`: that of its nearest core row.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d), or (m, n) of distances if precomputed
            Distances to the rows of `fit`.

        Returns
        -------
        array of shape (m,)
            Labels, int32, on the device of X.
        """
        check_is_fitted(self, "labels_")
        if is_lazy(self.components_):
            raise ValueError(
                "predict of DBSCAN needs the core rows in memory, but components_ is in chunks of "
                "Dask. If they fit, use model.to_device('cpu').predict(X)."
            )
        X = self._points(X, reset=False)
        self._check_same_library(X.data if hasattr(X, "indptr") else X, "predict", "labels_")
        xp = namespace(self.labels_)
        if self.core_sample_indices_.shape[0] == 0:
            like = self.labels_
            return asarray(to_host(xp.zeros(X.shape[0], dtype=like.dtype)) - 1, like=like)
        if self._precomputed:
            distances, nearest = self._nearest_stored(X)
        else:
            distances, nearest = self._searched(self.components_).knn(X, 1)
            distances, nearest = distances[:, 0], nearest[:, 0]
        label = xp.take(self.labels_, xp.take(self.core_sample_indices_, nearest))
        return xp.where(distances <= float(self.eps), label, -xp.ones_like(label))

    def _nearest_stored(self, D: Any) -> tuple[Array, Array]:
        """The nearest core row of each row, from precomputed distances: its distance and index."""
        if hasattr(D, "indptr"):
            D = D[:, self.core_sample_indices_].tocsr()
            owner = np.repeat(np.arange(D.shape[0]), np.diff(D.indptr))
            least, which = np.full(D.shape[0], np.inf), np.zeros(D.shape[0], np.int64)
            np.minimum.at(least, owner, D.data)
            held = np.flatnonzero(D.data == least[owner])[::-1]
            which[owner[held]] = D.indices[held]
            return least, which
        xp = namespace(D)
        D = xp.take(D, self.core_sample_indices_, axis=1)
        return xp.min(D, axis=1), xp.argmin(D, axis=1)

    def _check_parameters(self) -> None:
        self._check_search_parameters()
        check_number(self, "min_samples", self.min_samples, numbers.Integral, least=1)
        check_number(self, "eps", self.eps, numbers.Real, least=0)
        if self.eps == 0:
            raise ValueError(
                "The 'eps' parameter of DBSCAN must be above 0; got 0. For clusters of equal rows "
                "only, choose a value below all nonzero distances."
            )


def dbscan(
    X: Any,
    eps: float = 0.5,
    *,
    min_samples: int = 5,
    metric: Any = "minkowski",
    metric_params: dict | None = None,
    algorithm: str = "auto",
    leaf_size: int = 30,
    p: float | None = 2,
    sample_weight: Any = None,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Density-based clusters of X: the function form of `DBSCAN`.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, d), or (n, n) of distances if precomputed
    eps, min_samples, metric, metric_params, algorithm, leaf_size, p, n_jobs
        See `DBSCAN`.
    sample_weight : array of shape (n,), default=None
        See `DBSCAN.fit`.

    Returns
    -------
    core_samples : array of shape (n_cores,)
        Indices of the core rows.
    labels : array of shape (n,)
        Clusters; -1 is noise.
    """
    model = DBSCAN(
        eps=eps,
        min_samples=min_samples,
        metric=metric,
        metric_params=metric_params,
        algorithm=algorithm,
        leaf_size=leaf_size,
        p=p,
        n_jobs=n_jobs,
    ).fit(X, sample_weight=sample_weight)
    return model.core_sample_indices_, model.labels_
