"""The only classes and functions that a model file can name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

import clusterx

#: Estimators, by their public names.
ESTIMATORS = frozenset(
    {
        "AffinityPropagation",
        "AgglomerativeClustering",
        "BayesianGaussianMixture",
        "Birch",
        "BisectingKMeans",
        "ColorQuantizer",
        "DBSCAN",
        "DivisiveClustering",
        "FeatureAgglomeration",
        "FuzzyCMeans",
        "GaussianMixture",
        "HDBSCAN",
        "KMeans",
        "KMedians",
        "KMedoids",
        "LabelPropagation",
        "LabelSpreading",
        "MeanShift",
        "MiniBatchKMeans",
        "NearestNeighbors",
        "OPTICS",
        "SelfOrganizingMap",
        "SpectralClustering",
    }
)
#: scikit-learn's classes that wrap a model of standardised columns, and their modules.
AROUND = {"Pipeline": "sklearn.pipeline", "StandardScaler": "sklearn.preprocessing"}
#: Classes of attributes, by module and name, and their fields; None for a NamedTuple, which knows
#: its own.
RECORDS: dict[str, tuple[str, ...] | None] = {
    "centroid.batches.State": ("centers", "counts", "since_reassignment", "some_empty"),
    "centroid.bisecting.SplitTree": None,
    "connectivity.merges.Merges": None,
    "density.hierarchy.Hierarchy": (
        *("tree", "n", "parent", "birth", "size", "death", "row_cluster", "row_density"),
        "stability",
    ),
    "density.points.Tree": None,
    "density.trees.CondensedClusterTree": ("tree", "rows", "n", "whole", "selected_"),
    "density.trees.SingleLinkageTree": ("linkage", "weights", "rows", "n"),
    "kernels.feature_trees.FeatureTree": None,
    "kernels.graphs.CondensedTree": None,
    "kernels.graphs.Linkage": None,
}
#: Functions that parameters may be; each only reduces an array.
FUNCTIONS: dict[str, Callable] = {
    "numpy.max": np.max,
    "numpy.mean": np.mean,
    "numpy.median": np.median,
    "numpy.min": np.min,
    "numpy.sum": np.sum,
}


def estimator_class(name: Any) -> Any:
    """The estimator of that name, if it is one of those above, or None."""
    if name in ESTIMATORS:
        return getattr(clusterx, name)
    return getattr(import_module(AROUND[name]), name) if name in AROUND else None


def record_class(name: Any) -> Any:
    """The class of that module and name, if it is one of those above, or None."""
    if name not in RECORDS:
        return None
    module, _, own = name.rpartition(".")
    return getattr(import_module(f"clusterx.{module}"), own)


def record_name(value: Any) -> str | None:
    """The name of the value's class in a file, or None if files can't hold it."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".removeprefix("clusterx.")
    return name if name in RECORDS else None


def record_fields(name: str) -> tuple[str, ...]:
    fields = RECORDS[name]
    return record_class(name)._fields if fields is None else fields
