"""HDBSCAN."""

from __future__ import annotations

import copy
import math
import numbers
from typing import Any

import numpy as np
from sklearn.neighbors import BallTree, KDTree
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, float_dtype, named_dtype, namespace
from ..neighbors.search import check_metric
from ..rows import Rows
from ..validation import check_choice, check_number
from .centers import centroids, medoids
from .hierarchy import Hierarchy, Selection
from .membership import Memberships
from .points import MISSING, Tree, read_points
from .reachability import graphs
from .trees import CondensedClusterTree, SingleLinkageTree

_ALGORITHMS: dict[str, Any] = {
    "auto": None,
    "brute": None,
    "kd_tree": KDTree,
    "ball_tree": BallTree,
}
#: parameters that select clusters from an existing tree
_SELECTION = {
    "allow_single_cluster",
    "cluster_selection_epsilon",
    "cluster_selection_method",
    "max_cluster_size",
    "store_centers",
}


class HDBSCAN(Memberships):
    """Clusters of varying density, and noise, from a hierarchy of density-based clusters.

    Rows are joined in the order of their mutual reachability distance: the largest of their
    distance and their core distances, which are the distances to their `min_samples`-th neighbours.
    From the resulting tree, the clusters that persist longest are selected. The tree is exact: each
    of Boruvka's rounds searches for the nearest row in another component. Ties go to the lower row
    numbers.

    Time grows like n log n with few columns and like n^2 at worst; memory grows like n.

    Parameters
    ----------
    min_cluster_size : int, default=5
        Groups with fewer rows (or less weight) are not clusters.
    min_samples : int, optional
        Number of rows, the row itself included, within the core distance; `min_cluster_size` by
        default.
    cluster_selection_epsilon : float, default=0.0
        Clusters that split below this distance are kept as one.
    max_cluster_size : int, optional
        Larger clusters are not selected by ``'eom'``.
    metric : str or callable, default='euclidean'
        A metric of `clusterx.NearestNeighbors`; on the host also any of scikit-learn's, or a
        callable. ``'precomputed'``: X is a symmetric matrix of distances, dense or CSR. In a CSR
        matrix, a stored zero is a distance, and an entry that isn't stored is an unknown distance.
    metric_params : dict, optional
        Options of the metric. ``{'max_distance': d}`` sets the unknown distances of a CSR matrix to
        d.
    alpha : float, default=1.0
        Divides distances, but not core distances.
    algorithm : {'auto', 'brute', 'kd_tree', 'ball_tree'}, default='auto'
        Only checked against the metric. `leaf_size`, `n_jobs` and `copy` are ignored too: the
        fastest search always runs, and input is never overwritten.
    leaf_size, n_jobs : ignored
    cluster_selection_method : {'eom', 'leaf'}, default='eom'
        ``'eom'`` (excess of mass) selects the most stable clusters, ``'leaf'`` the leaves of the
        tree.
    allow_single_cluster : bool, default=False
        Whether all rows may be one cluster.
    store_centers : {'centroid', 'medoid', 'both'}, optional
        Which centres to compute. Medoids need the distances of all pairs of rows in each cluster.
    copy : ignored

    Attributes
    ----------
    labels_ : array of shape (n_samples,), int32
        -1 for noise, -2 for rows with infinite values, -3 for rows with missing values.
    probabilities_ : array of shape (n_samples,)
        How long a row stays in its cluster, divided by the longest stay of its rows: 1 in the core.
        0 for noise, NaN for rows with missing values.
    outlier_scores_ : array of shape (n_samples,)
        GLOSH outlier scores: 0 at the densest place of the surrounding cluster, near 1 far from it.
        NaN for rows that can't be clustered.
    cluster_persistence_ : array of shape (n_clusters,)
        How long each cluster persists, between 0 and 1.
    condensed_tree_ : CondensedClusterTree
        With `to_numpy`, `to_pandas` and `plot`.
    single_linkage_tree_ : SingleLinkageTree
        With `to_numpy`, `to_pandas`, `plot` and `get_clusters`.
    centroids_, medoids_ : arrays of shape (n_clusters, n_features)
        If `store_centers` asks for them.
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has string column names.

    See Also
    --------
    DBSCAN : one density for all clusters.
    clusterx.metrics.density_validity_score : how well such clusters are separated.

    References
    ----------
    R. Campello, D. Moulavi, A. Zimek and J. Sander, "Hierarchical density estimates for data
    clustering, visualization, and outlier detection", ACM TKDD 10, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import HDBSCAN
    >>> X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.3], [50.0]])
    >>> HDBSCAN(min_cluster_size=3, min_samples=2).fit(X).labels_
    array([ 0,  0,  0,  1,  1,  1, -1], dtype=int32)
    """

    _takes_sparse = True

    def __init__(
        self,
        min_cluster_size: int = 5,
        min_samples: int | None = None,
        cluster_selection_epsilon: float = 0.0,
        max_cluster_size: int | None = None,
        metric: Any = "euclidean",
        metric_params: dict[str, Any] | None = None,
        alpha: float = 1.0,
        algorithm: str = "auto",
        leaf_size: int = 40,
        n_jobs: int | None = None,
        cluster_selection_method: str = "eom",
        allow_single_cluster: bool = False,
        store_centers: str | None = None,
        copy: bool = True,
    ):
        self.min_cluster_size = min_cluster_size
        self.min_samples = min_samples
        self.cluster_selection_epsilon = cluster_selection_epsilon
        self.max_cluster_size = max_cluster_size
        self.metric = metric
        self.metric_params = metric_params
        self.alpha = alpha
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.n_jobs = n_jobs
        self.cluster_selection_method = cluster_selection_method
        self.allow_single_cluster = allow_single_cluster
        self.store_centers = store_centers
        self.copy = copy

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.metric != "precomputed"
        return tags

    # -- fitting -------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> HDBSCAN:
        """Find the clusters of the rows.

        Parameters
        ----------
        X : array, CSR matrix or data frame of shape (n_samples, n_features)
            A matrix of distances (n_samples, n_samples) for metric='precomputed'. Rows with NaN or
            infinities are left out. A reference to the rows is kept for `approximate_predict`.
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A weight of two counts as a row repeated. A row of weight zero is labelled as noise and
            has no effect on other rows.

        Returns
        -------
        HDBSCAN

        Raises
        ------
        ValueError
            A parameter is out of range; fewer than two rows can be clustered, or less weight than
            `min_samples`; a matrix of distances is not symmetric, or leaves rows unconnected.
        """
        self._check_parameters()
        points = read_points(self, X, sample_weight)
        least = self.min_cluster_size if self.min_samples is None else self.min_samples
        points.check_weight(least)
        core = points.graph.core_distances(int(least), points.weights)
        edges = points.graph.spanning_tree(core, float(self.alpha))
        linkage = graphs().single_linkage(edges, points.row_weights)
        self._fit_X = points.X
        self._tree = Tree(linkage, core, int(least), points.weights, points.rows, points.state)
        self._cut(points.like)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return the labels of the rows."""
        return self.fit(X, sample_weight=sample_weight).labels_

    def _check_values(self, rows: Rows, beside: str | None) -> None:
        """Do nothing, because `fit` leaves out rows with NaN or infinities."""

    def _check_parameters(self) -> None:
        check_number(self, "min_cluster_size", self.min_cluster_size, numbers.Integral, least=2)
        check_number(self, "min_samples", self.min_samples, numbers.Integral, least=1, or_none=True)
        check_number(
            self,
            "cluster_selection_epsilon",
            self.cluster_selection_epsilon,
            numbers.Real,
            least=0,
        )
        check_number(
            self, "max_cluster_size", self.max_cluster_size, numbers.Integral, least=1, or_none=True
        )
        check_number(self, "alpha", self.alpha, numbers.Real, least=0)
        if not 0 < self.alpha < math.inf:
            raise ValueError(
                "The 'alpha' parameter of HDBSCAN must be finite and above zero; got "
                f"{self.alpha!r}."
            )
        check_choice(self, "algorithm", self.algorithm, tuple(_ALGORITHMS))
        check_choice(
            self, "cluster_selection_method", self.cluster_selection_method, ("eom", "leaf")
        )
        if self.store_centers is not None:
            check_choice(self, "store_centers", self.store_centers, ("centroid", "medoid", "both"))
        check_metric(self, self.metric, None, self.metric_params)
        tree = _ALGORITHMS[self.algorithm]
        if tree is not None and self.metric not in tree.valid_metrics:
            raise ValueError(
                f"{self.metric} is not a valid metric for a {tree.__name__}-based algorithm. "
                "Please select a different metric."
            )
        if self.store_centers is not None and self.metric == "precomputed":
            raise ValueError("Cannot store centers when using a precomputed distance matrix.")

    def _cut(self, like: Array) -> None:
        """Select the clusters of the tree."""
        tree = self._tree
        weights = tree.row_weights
        condensed = graphs().condense(tree.linkage, weights, tree.core, self.min_cluster_size)
        hierarchy = Hierarchy(condensed, len(weights))
        largest = math.inf if self.max_cluster_size is None else self.max_cluster_size
        epsilon = float(self.cluster_selection_epsilon)
        selected = hierarchy.select(
            Selection(
                self.cluster_selection_method, epsilon, largest, bool(self.allow_single_cluster)
            )
        )
        density = hierarchy.row_density
        labels = hierarchy.labels(hierarchy.row_cluster, density, selected, epsilon)
        strengths = hierarchy.strengths(density, labels, selected)
        persistence = hierarchy.persistence(labels, selected, weights)
        self._hierarchy, self._selected = (hierarchy,), (selected,)
        self.condensed_tree_ = CondensedClusterTree(
            condensed, tree.rows, len(tree.state), selected, tree.weights is None
        )
        self.single_linkage_tree_ = SingleLinkageTree(
            tree.linkage, tree.weights, tree.rows, len(tree.state)
        )
        missing = tree.state == MISSING
        self.labels_ = self._spread(labels, tree.state, like, np.int32)
        empty = np.where(missing, np.nan, 0.0)
        self.probabilities_ = self._spread(strengths, empty, like)
        empty = np.where(tree.state == 0, 0.0, np.nan)
        self.outlier_scores_ = self._spread(hierarchy.outlier_scores(), empty, like)
        self.cluster_persistence_ = _up(persistence, like)
        if self.store_centers in ("centroid", "both"):
            self.centroids_ = centroids(self._fit_X, labels, strengths * weights, len(selected))
        if self.store_centers in ("medoid", "both"):
            self.medoids_ = medoids(
                self._fit_X,
                labels,
                strengths * weights,
                len(selected),
                self.metric,
                self.metric_params,
            )

    def _spread(self, values, elsewhere, like, dtype=np.float64) -> Array:
        """Values of the clustered rows, with those of `elsewhere` for the other rows."""
        rows = self._tree.rows
        if rows is not None:
            whole = elsewhere.astype(dtype)
            whole[rows] = values
            values = whole
        return _up(values.astype(dtype, copy=False), like)

    # -- other cuts through the same tree ------------------------------------------------------

    def recut(self, min_cluster_size: int | None = None, **parameters: Any) -> HDBSCAN:
        """The model that `fit` would give with other selection parameters, from the same tree.

        Parameters
        ----------
        min_cluster_size : int, optional
            By default that of this model. `min_samples` keeps its value in `fit`.
        **parameters
            cluster_selection_method, cluster_selection_epsilon, max_cluster_size,
            allow_single_cluster or store_centers.

        Returns
        -------
        HDBSCAN
            A fitted model; this one stays as it is.

        Raises
        ------
        TypeError
            A parameter needs a new tree.
        """
        check_is_fitted(self, "labels_")
        wrong = sorted(set(parameters) - _SELECTION)
        if wrong:
            raise TypeError(
                f"recut() can't change {', '.join(wrong)}, which the tree depends on. Fit again, "
                f"or change min_cluster_size or {', '.join(sorted(_SELECTION))}."
            )
        made = copy.copy(self)
        for name in ("centroids_", "medoids_"):
            made.__dict__.pop(name, None)
        if min_cluster_size is not None:
            parameters["min_cluster_size"] = min_cluster_size
        made.set_params(min_samples=self._tree.min_samples, **parameters)
        made._check_parameters()
        made._cut(self.labels_)
        return made

    def dbscan_clustering(self, cut_distance: float, min_cluster_size: int = 5) -> Array:
        """Labels from joining rows within a distance: those of DBSCAN without border points.

        Parameters
        ----------
        cut_distance : float
            Rows at smaller mutual reachability distances are joined.
        min_cluster_size : int, default=5
            Smaller groups are noise.

        Returns
        -------
        labels : array of shape (n_samples,), int32
            Numbered by the first rows of the clusters; -1, -2 and -3 as in `labels_`.
        """
        check_is_fitted(self, "labels_")
        labels = self.single_linkage_tree_.get_clusters(cut_distance, min_cluster_size)
        state = self._tree.state
        return _up(np.where(state < -1, state, labels).astype(np.int32), self.labels_)


def _up(values: np.ndarray, like: Array) -> Array:
    """Host values moved to the device of X, floats in its widest dtype."""
    xp = namespace(like)
    wide = float_dtype(xp, like) if values.dtype.kind == "f" else named_dtype(xp, values.dtype)
    return asarray(values, like=like, dtype=wide)
