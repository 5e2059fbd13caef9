"""The classes that clusterx takes over from scikit-learn, and the calls of each that it leaves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Distances that share a name in the table of times.
EUCLIDEAN = ("euclidean", "l2", "minkowski", "sqeuclidean")


@dataclass(frozen=True)
class Family:
    """A class of scikit-learn's that clusterx has, too.

    Parameters
    ----------
    name : str
        In scikit-learn and in clusterx.
    methods : tuple of str
        Methods that clusterx computes.
    attributes : tuple of str
        Fitted attributes. clusterx's other attributes are not copied to the user's models.
    wide : frozenset of str
        Attributes and methods whose numbers are int64 or NumPy's float64 in scikit-learn.
    clusters : str, optional
        The parameter that says how many clusters there are.
    variant : callable
        ``variant(model, X)`` names what the time depends on besides the size.
    refused : callable
        ``refused(model, X)`` says why clusterx does not take the call, or returns None.
    own : tuple of str
        Attributes that clusterx needs in order to predict.
    repeats : tuple of str
        The parameter that says how often the work is done, if any.
    parameters : callable, optional
        ``parameters(model)``: clusterx's parameters, where they are not those of the same name.
    label : str, optional
        In reports and in the table of times, if that is not the name.
    """

    name: str
    methods: tuple[str, ...] = ("fit",)
    attributes: tuple[str, ...] = ("labels_",)
    wide: frozenset[str] = frozenset({"labels_"})
    clusters: str | None = None
    variant: Callable[[Any, Any], str] = lambda model, X: ""
    refused: Callable[[Any, Any], str | None] = lambda model, X: None
    own: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()
    parameters: Callable[[Any], dict[str, Any]] | None = None
    label: str = ""

    @property
    def key(self) -> str:
        """What tells the family from those of other packages."""
        return self.label or self.name


def is_sparse(X: Any) -> bool:
    scipy_sparse = sys.modules.get("scipy.sparse")  # if it is not imported, nothing is sparse
    return scipy_sparse is not None and scipy_sparse.issparse(X)


def _kind(X: Any) -> str:
    return "sparse" if is_sparse(X) else ""


def _metric(model: Any, X: Any) -> str:
    """The distance, and whether the rows are sparse."""
    metric = model.metric
    if callable(metric):
        return "callable"
    if metric == "minkowski" and getattr(model, "p", 2) not in (None, 2):
        metric = f"minkowski-{model.p}"
    return ("euclidean" if metric in EUCLIDEAN else str(metric)) + _kind(X)


def _callable_metric(model: Any, X: Any) -> str | None:
    name = "affinity" if hasattr(model, "affinity") else "metric"
    value = getattr(model, name)
    return f"{name} is a function" if callable(value) else None


def _of_linkage(model: Any, X: Any) -> str:
    metric = "euclidean" if model.metric in EUCLIDEAN else str(model.metric)
    graph = "" if model.connectivity is None else "-connectivity"
    return f"{model.linkage}{'' if metric == 'euclidean' else '-' + metric}{graph}"


def _linkage_refused(model: Any, X: Any) -> str | None:
    if callable(model.metric):
        return "metric is a function"
    if callable(model.connectivity):
        return "connectivity is a function"
    return None


def _of_density(model: Any, X: Any) -> str:
    return _metric(model, X)


def _optics_variant(model: Any, X: Any) -> str:
    limit = "" if model.max_eps == float("inf") else "-max_eps"
    return _metric(model, X) + limit


def _spectral_variant(model: Any, X: Any) -> str:
    affinity = model.affinity
    return ("callable" if callable(affinity) else str(affinity)) + _kind(X)


def _spectral_refused(model: Any, X: Any) -> str | None:
    if callable(model.affinity):
        return "affinity is a function"
    if model.eigen_solver == "amg":
        return "eigen_solver='amg' is not clusterx's"
    return None


def _mean_shift_variant(model: Any, X: Any) -> str:
    return "binned" if model.bin_seeding else "all seeds"


def _kmeans_variant(model: Any, X: Any) -> str:
    return _kind(X)


def _centers_refused(model: Any, X: Any) -> str | None:
    return "init is a sparse matrix" if is_sparse(model.init) else None


#: Options of the package hdbscan that clusterx has no counterpart of, and their defaults.
_HDBSCAN_OPTIONS = {
    "alpha": 1.0,  # its algorithms differ in what they divide by it
    "p": None,
    "gen_min_span_tree": False,
    "prediction_data": False,
    "branch_detection_data": False,
    "match_reference_implementation": False,
    "cluster_selection_persistence": 0.0,
    "cluster_selection_epsilon_max": float("inf"),
}


def _hdbscan_refused(model: Any, X: Any) -> str | None:
    for name, default in _HDBSCAN_OPTIONS.items():
        value = getattr(model, name, default)
        if value != default:
            return f"{name}={value!r} is not clusterx's"
    if model._metric_kwargs:
        return "metrics with parameters are not taken"
    if is_sparse(X):
        return "no sparse matrix is taken here"
    return _callable_metric(model, X)


def _hdbscan_parameters(model: Any) -> dict[str, Any]:
    """clusterx counts a row among its own neighbours, as scikit-learn does; hdbscan does not."""
    least = model.min_cluster_size if model.min_samples is None else model.min_samples
    return {
        "min_cluster_size": model.min_cluster_size, "min_samples": least + 1,
        "cluster_selection_epsilon": model.cluster_selection_epsilon,
        "max_cluster_size": model.max_cluster_size or None, "metric": model.metric,
        "cluster_selection_method": model.cluster_selection_method,
        "allow_single_cluster": model.allow_single_cluster,
    }  # fmt: skip


_CENTERS = ("cluster_centers_", "labels_", "inertia_", "n_iter_")
_GAUSSIAN = (
    *("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"),
    *("converged_", "n_iter_", "lower_bound_", "lower_bounds_"),
)
_BAYESIAN = (
    *("weight_concentration_prior_", "weight_concentration_", "mean_precision_prior_"),
    *("mean_precision_", "mean_prior_", "degrees_of_freedom_prior_", "degrees_of_freedom_"),
    "covariance_prior_",
)
_MIXTURE_METHODS = ("fit", "fit_predict", "predict", "predict_proba", "score_samples")
_TREE = (
    *("labels_", "children_", "n_leaves_", "n_connected_components_", "n_clusters_"),
    "distances_",
)


def _mixture(name: str, attributes: tuple[str, ...]) -> Family:
    return Family(
        name,
        methods=_MIXTURE_METHODS,
        attributes=attributes,
        wide=frozenset({"predict", "fit_predict", "lower_bound_"}),
        clusters="n_components",
        variant=lambda model, X: str(model.covariance_type),
        repeats=("n_init",),
    )


#: The classes, by the module from which users import them.
FAMILIES: dict[str, tuple[Family, ...]] = {
    "sklearn.cluster": (
        Family(
            "KMeans", ("fit", "predict", "score"), _CENTERS, frozenset(), "n_clusters",
            _kmeans_variant, _centers_refused, repeats=("n_init",),
        ),
        Family(
            "MiniBatchKMeans", ("fit", "partial_fit", "predict", "score"),
            (*_CENTERS, "n_steps_"), frozenset(), "n_clusters", _kmeans_variant, _centers_refused,
        ),
        Family(
            "BisectingKMeans", ("fit", "predict"), _CENTERS[:3], frozenset(), "n_clusters",
            _kmeans_variant, own=("_tree", "_node_centers"),
        ),
        Family(
            "DBSCAN", attributes=("labels_", "core_sample_indices_", "components_"),
            variant=_of_density, refused=_callable_metric,
        ),
        Family(
            "HDBSCAN", attributes=("labels_", "probabilities_", "centroids_", "medoids_"),
            variant=_of_density, refused=_callable_metric,
        ),
        Family(
            "OPTICS",
            attributes=(
                *("labels_", "reachability_", "ordering_", "core_distances_", "predecessor_"),
                "cluster_hierarchy_",
            ),
            variant=_optics_variant, refused=_callable_metric,
        ),
        Family(
            "AgglomerativeClustering", attributes=_TREE, variant=_of_linkage,
            refused=_linkage_refused,
        ),
        Family(
            "FeatureAgglomeration", attributes=_TREE, variant=_of_linkage,
            refused=_linkage_refused,
        ),
        Family(
            "SpectralClustering", attributes=("labels_", "affinity_matrix_"), wide=frozenset(),
            clusters="n_clusters", variant=_spectral_variant, refused=_spectral_refused,
        ),
        Family(
            "MeanShift", ("fit", "predict"), ("cluster_centers_", "labels_", "n_iter_"),
            frozenset({"labels_", "predict"}), variant=_mean_shift_variant,
        ),
        Family(
            "AffinityPropagation", ("fit", "predict"),
            (
                *("cluster_centers_indices_", "cluster_centers_", "labels_", "affinity_matrix_"),
                "n_iter_",
            ),
            frozenset({"labels_", "predict", "cluster_centers_indices_"}),
            variant=lambda model, X: str(model.affinity) + _kind(X),
        ),
        Family(
            "Birch", ("fit", "partial_fit", "predict"),
            ("subcluster_centers_", "subcluster_labels_", "labels_"),
            frozenset({"labels_", "subcluster_labels_", "predict"}),
            variant=_kmeans_variant, own=("_tree", "_tree_centers"),
        ),
    ),
    "sklearn.mixture": (
        _mixture("GaussianMixture", _GAUSSIAN),
        _mixture("BayesianGaussianMixture", _GAUSSIAN + _BAYESIAN),
    ),
    "hdbscan": (
        Family(
            "HDBSCAN", attributes=("labels_", "probabilities_", "cluster_persistence_"),
            variant=_of_density, refused=_hdbscan_refused, parameters=_hdbscan_parameters,
            label="hdbscan.HDBSCAN",
        ),
    ),
}  # fmt: skip
