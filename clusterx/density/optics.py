"""OPTICS."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import numpy as np
from sklearn.neighbors import BallTree, KDTree
from sklearn.utils.validation import check_memory

from ..arrays import Array, asarray, to_host
from ..base import Clusterer
from ..neighbors.search import check_metric
from ..validation import check_choice, check_number
from .walks import read_rows, walk
from .xi import Steepness, cut_labels, xi_clusters, xi_labels

_ALGORITHMS: dict[str, Any] = {
    "auto": None,
    "brute": None,
    "kd_tree": KDTree,
    "ball_tree": BallTree,
}


class OPTICS(Clusterer):
    """An ordering of the rows by density, and the clusters in its reachability plot.

    A walk visits next the row with the least reachability: the larger of its distance to a visited
    row and of that row's core distance. Rows of a cluster follow each other, and the reachability
    in this order has a valley for each cluster, with nested valleys for nested clusters. Ties go to
    the lower row number. Distances are rounded to 15 decimals, as in scikit-learn, so that orders
    agree.

    With an infinite `max_eps`, time is O(n^2 d) and memory O(n). With a finite one, neighbours are
    searched; time and memory grow with their number, and memory is bounded.

    Parameters
    ----------
    min_samples : int or float, default=5
        Rows, the row itself included, within the core distance; a float is a fraction of all rows.
    max_eps : float, default=inf
        Rows further apart than this don't reach each other.
    metric : str or callable, default='minkowski'
        A metric of `clusterx.NearestNeighbors`; on the host also any of scikit-learn's, or a
        callable; ``'precomputed'`` for a matrix of distances, dense or CSR.
    p : float, default=2
        Exponent of the Minkowski metric.
    metric_params : dict, optional
        Options of the metric.
    cluster_method : {'xi', 'dbscan'}, default='xi'
        ``'xi'``: clusters between steep places of the plot. ``'dbscan'``: clusters from a cut at
        `eps`.
    eps : float, optional
        For ``'dbscan'``; `max_eps` by default.
    xi : float, default=0.05
        The relative difference of two consecutive reachabilities that makes a place steep.
    predecessor_correction : bool, default=True
        Whether rows at the end of a cluster whose predecessors lie outside are left out.
    min_cluster_size : int or float, optional
        Smallest cluster of ``'xi'``; `min_samples` by default.
    algorithm : {'auto', 'ball_tree', 'kd_tree', 'brute'}, default='auto'
        Only checked against the metric. `leaf_size` and `n_jobs` are ignored too.
    leaf_size : ignored
    memory : str or joblib.Memory, optional
        Where the walk is cached on disk.
    n_jobs : ignored

    Attributes
    ----------
    labels_ : array of shape (n_samples,), int32
        -1 is noise.
    ordering_ : array of shape (n_samples,), int64
        Rows in the order of the walk.
    reachability_ : array of shape (n_samples,)
        By row; infinite where a walk begins. ``reachability_[ordering_]`` is the plot.
    core_distances_ : array of shape (n_samples,)
        By row; infinite above `max_eps`.
    predecessor_ : array of shape (n_samples,), int64
        The row from which each was reached; -1 where a walk begins.
    cluster_hierarchy_ : array of shape (n_clusters, 2), int64
        First and last place of each cluster in the order, for ``'xi'``; inner clusters come before
        outer ones.
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has string column names.

    See Also
    --------
    HDBSCAN : a hierarchy of densities, with clusters selected by their stability.
    clusterx.plotting.ReachabilityDisplay : the plot.

    References
    ----------
    M. Ankerst, M. Breunig, H.-P. Kriegel and J. Sander, "OPTICS: ordering points to identify the
    clustering structure", ACM SIGMOD, 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import OPTICS
    >>> X = np.array([[1.0, 2.0], [2.0, 5.0], [3.0, 6.0], [8.0, 7.0], [8.0, 8.0], [7.0, 3.0]])
    >>> OPTICS(min_samples=2).fit(X).labels_
    array([0, 0, 0, 1, 1, 1], dtype=int32)
    """

    _takes_sparse = True

    def __init__(
        self,
        *,
        min_samples: int | float = 5,
        max_eps: float = math.inf,
        metric: Any = "minkowski",
        p: float = 2,
        metric_params: dict[str, Any] | None = None,
        cluster_method: str = "xi",
        eps: float | None = None,
        xi: float = 0.05,
        predecessor_correction: bool = True,
        min_cluster_size: int | float | None = None,
        algorithm: str = "auto",
        leaf_size: int = 30,
        memory: Any = None,
        n_jobs: int | None = None,
    ):
        self.min_samples = min_samples
        self.max_eps = max_eps
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.cluster_method = cluster_method
        self.eps = eps
        self.xi = xi
        self.predecessor_correction = predecessor_correction
        self.min_cluster_size = min_cluster_size
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.memory = memory
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> OPTICS:
        """Walk through the rows, and extract clusters.

        Parameters
        ----------
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
            A matrix of distances (n_samples, n_samples) for metric='precomputed'.
        y : ignored

        Returns
        -------
        OPTICS

        Raises
        ------
        ValueError
            A parameter is out of range, or there are fewer rows than `min_samples`.
        """
        self._check_parameters()
        walked = self._walk(X)
        self.ordering_, self.core_distances_, self.reachability_, self.predecessor_ = walked
        ordering, core, reach, before = map(to_host, walked)
        if self.cluster_method == "xi":
            labels, clusters = cluster_optics_xi(
                reachability=reach,
                predecessor=before,
                ordering=ordering,
                min_samples=self.min_samples,
                min_cluster_size=self.min_cluster_size,
                xi=self.xi,
                predecessor_correction=self.predecessor_correction,
            )
            self.cluster_hierarchy_ = asarray(clusters, like=self.ordering_)
        else:
            eps = self.max_eps if self.eps is None else self.eps
            labels = cut_labels(reach, core, ordering, eps)
        self.labels_ = asarray(labels.astype(np.int32), like=self.ordering_)
        return self

    def fit_predict(self, X: Any, y: Any = None) -> Array:
        """Fit, and return the labels of the rows."""
        return self.fit(X).labels_

    def _check_parameters(self) -> None:
        _check_share(self, "min_samples", self.min_samples)
        if self.min_cluster_size is not None:
            _check_share(self, "min_cluster_size", self.min_cluster_size)
        check_number(self, "max_eps", self.max_eps, numbers.Real, least=0)
        check_number(self, "eps", self.eps, numbers.Real, least=0, or_none=True)
        check_number(self, "xi", self.xi, numbers.Real, least=0)
        if self.xi > 1:
            raise ValueError(f"The 'xi' parameter of OPTICS must be at most 1; got {self.xi!r}.")
        check_number(self, "p", self.p, numbers.Real, least=1)
        check_choice(self, "cluster_method", self.cluster_method, ("xi", "dbscan"))
        check_choice(self, "algorithm", self.algorithm, tuple(_ALGORITHMS))
        check_metric(self, self.metric, self.p, self.metric_params)
        tree = _ALGORITHMS[self.algorithm]
        if tree is not None and self.metric not in tree.valid_metrics:
            raise ValueError(
                f"{self.metric} is not a valid metric for a {tree.__name__}-based algorithm. "
                "Please select a different metric."
            )
        if self.cluster_method == "dbscan" and self.eps is not None and self.eps > self.max_eps:
            raise ValueError(
                f"Specify an epsilon smaller than {self.max_eps}. Got {self.eps}: distances above "
                "max_eps were not used."
            )

    def _walk(self, X: Any) -> tuple[Array, Array, Array, Array]:
        """Order, core distances, reachability and predecessors, on the device of X."""
        X = read_rows(self, X)
        n = X.shape[0]
        least = count_of("min_samples", self.min_samples, n)
        if least > n:
            raise ValueError(
                f"OPTICS needs at least 2 samples, and X has n_samples = {n}: min_samples="
                f"{self.min_samples!r} is a fraction, which means at least 2 of them."
            )
        memory = check_memory(self.memory)
        walked = memory.cache(walk)(
            X, least, float(self.max_eps), self.metric, self.p, self.metric_params
        )
        if bool(np.isinf(to_host(walked[2])).all()):
            warnings.warn(
                "All reachability values are inf. Set a larger max_eps or all data will be "
                "considered outliers.",
                UserWarning,
                stacklevel=3,
            )
        return walked


def _check_share(model: Any, name: str, value: Any) -> None:
    """Raise unless value is a whole number of at least two, or a fraction."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (value >= 2 if whole else real and 0 <= value <= 1):
        raise (ValueError if real else TypeError)(
            f"The {name!r} parameter of {type(model).__name__} must be a whole number of at least "
            f"2, or a fraction between 0 and 1; got {value!r}."
        )


def count_of(name: str, value: int | float, n: int) -> int:
    """A number of rows from an argument that may be a fraction of all rows."""
    if value > n:
        raise ValueError(f"{name} must be no greater than the number of samples ({n}). Got {value}")
    return max(2, int(value * n)) if value <= 1 else int(value)


def cluster_optics_xi(
    *,
    reachability: Any,
    predecessor: Any,
    ordering: Any,
    min_samples: int | float,
    min_cluster_size: int | float | None = None,
    xi: float = 0.05,
    predecessor_correction: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Clusters between steep places of a reachability plot.

    Parameters
    ----------
    reachability, predecessor, ordering : arrays of shape (n_samples,)
        As in `OPTICS`, by row and in the order of the walk.
    min_samples : int or float
        A steep area may contain up to this many consecutive places that are not steep.
    min_cluster_size : int or float, optional
        `min_samples` by default.
    xi : float, default=0.05
    predecessor_correction : bool, default=True

    Returns
    -------
    labels : array of shape (n_samples,), int64
    clusters : array of shape (n_clusters, 2), int64
        As `OPTICS.cluster_hierarchy_`.
    """
    reachability, predecessor, ordering = map(to_host, (reachability, predecessor, ordering))
    n = len(reachability)
    least = count_of("min_samples", min_samples, n)
    size = least if min_cluster_size is None else count_of("min_cluster_size", min_cluster_size, n)
    how = Steepness(xi, least, size, predecessor_correction)
    clusters = xi_clusters(reachability, predecessor, ordering, how)
    return xi_labels(ordering, clusters), clusters


def cluster_optics_dbscan(
    *, reachability: Any, core_distances: Any, ordering: Any, eps: float
) -> np.ndarray:
    """Labels from a cut through a reachability plot, in linear time.

    Parameters
    ----------
    reachability, core_distances, ordering : arrays of shape (n_samples,)
        As in `OPTICS`.
    eps : float
        Height of the cut. Labels are nearly those of DBSCAN with this eps, and the closer the less
        `max_eps` exceeded it.

    Returns
    -------
    labels : array of shape (n_samples,), int64
        -1 is noise.
    """
    reachability, core_distances, ordering = map(to_host, (reachability, core_distances, ordering))
    return cut_labels(reachability, core_distances, ordering, eps)


def compute_optics_graph(
    X: Any,
    *,
    min_samples: int | float,
    max_eps: float,
    metric: Any,
    p: float,
    metric_params: dict[str, Any] | None,
    algorithm: str,
    leaf_size: int,
    n_jobs: int | None,
) -> tuple[Array, Array, Array, Array]:
    """The walk of `OPTICS` alone.

    Parameters
    ----------
    X : array, CSR matrix or data frame of shape (n_samples, n_features)
    min_samples, max_eps, metric, p, metric_params, algorithm, leaf_size, n_jobs
        As in `OPTICS`.

    Returns
    -------
    ordering, core_distances, reachability, predecessor : arrays of shape (n_samples,)
    """
    model = OPTICS(
        min_samples=min_samples,
        max_eps=max_eps,
        metric=metric,
        p=2 if p is None else p,
        metric_params=metric_params,
        algorithm=algorithm,
        leaf_size=leaf_size,
        n_jobs=n_jobs,
    )
    model._check_parameters()
    return model._walk(X)
