"""Clustering that runs where the data is: NumPy on a laptop, CuPy on an NVIDIA GPU."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # names loaded on first use, for type checkers and editors
    from . import accel, connectivity, density, graph, image, metrics, plotting, selection
    from .arithmetic import precision
    from .centroid import BisectingKMeans, KMeans, MiniBatchKMeans, k_means, kmeans_plusplus
    from .centroid.fuzzy import FuzzyCMeans
    from .centroid.medians import KMedians
    from .centroid.medoids import KMedoids
    from .connectivity import (
        AgglomerativeClustering,
        Birch,
        DivisiveClustering,
        FeatureAgglomeration,
        linkage_tree,
        ward_tree,
    )
    from .density import (
        DBSCAN,
        HDBSCAN,
        OPTICS,
        MeanShift,
        cluster_optics_dbscan,
        cluster_optics_xi,
        compute_optics_graph,
        dbscan,
        estimate_bandwidth,
        get_bin_seeds,
        mean_shift,
    )
    from .distribution import BayesianGaussianMixture, GaussianMixture
    from .graph import (
        AffinityPropagation,
        LabelPropagation,
        LabelSpreading,
        SpectralClustering,
        affinity_propagation,
        grid_to_graph,
        img_to_graph,
        propagate_labels,
        representatives,
        spectral_clustering,
        spectral_embedding,
    )
    from .image.dithering import Dither
    from .image.many import quantize_many
    from .image.quantize import QuantizedImage, quantize
    from .image.quantizer import ColorQuantizer
    from .image.remapping import remap
    from .models import load_model, save_model
    from .neighbors import NearestNeighbors
    from .neural import SelfOrganizingMap
    from .rows import Blocks
    from .selection.result import SweepResult
    from .selection.sweep import sweep

__version__ = "0.1.0"

#: public names, which are imported on first use, because their import takes time: their module
_LAZY = {
    "AffinityPropagation": "graph",
    "AgglomerativeClustering": "connectivity",
    "BayesianGaussianMixture": "distribution",
    "Birch": "connectivity",
    "BisectingKMeans": "centroid",
    "Blocks": "rows",
    "ColorQuantizer": "image",
    "DBSCAN": "density",
    "Dither": "image",
    "DivisiveClustering": "connectivity",
    "FeatureAgglomeration": "connectivity",
    "FuzzyCMeans": "centroid.fuzzy",
    "GaussianMixture": "distribution",
    "HDBSCAN": "density",
    "KMeans": "centroid",
    "KMedians": "centroid.medians",
    "KMedoids": "centroid.medoids",
    "LabelPropagation": "graph",
    "LabelSpreading": "graph",
    "MeanShift": "density",
    "MiniBatchKMeans": "centroid",
    "NearestNeighbors": "neighbors",
    "OPTICS": "density",
    "QuantizedImage": "image",
    "SelfOrganizingMap": "neural",
    "SpectralClustering": "graph",
    "SweepResult": "selection",
    "affinity_propagation": "graph",
    "cluster_optics_dbscan": "density",
    "cluster_optics_xi": "density",
    "compute_optics_graph": "density",
    "dbscan": "density",
    "estimate_bandwidth": "density",
    "get_bin_seeds": "density",
    "grid_to_graph": "graph",
    "img_to_graph": "graph",
    "k_means": "centroid",
    "kmeans_plusplus": "centroid",
    "linkage_tree": "connectivity",
    "load_model": "models",
    "mean_shift": "density",
    "precision": "arithmetic",
    "propagate_labels": "graph",
    "quantize": "image",
    "quantize_many": "image",
    "remap": "image",
    "representatives": "graph",
    "save_model": "models",
    "spectral_clustering": "graph",
    "spectral_embedding": "graph",
    "sweep": "selection",
    "ward_tree": "connectivity",
}

_MODULES = {
    "accel", "connectivity", "density", "graph", "image", "metrics", "plotting", "selection",
}  # fmt: skip

__all__ = [
    "DBSCAN",
    "HDBSCAN",
    "OPTICS",
    "AffinityPropagation",
    "AgglomerativeClustering",
    "BayesianGaussianMixture",
    "Birch",
    "BisectingKMeans",
    "Blocks",
    "ColorQuantizer",
    "Dither",
    "DivisiveClustering",
    "FeatureAgglomeration",
    "FuzzyCMeans",
    "GaussianMixture",
    "KMeans",
    "KMedians",
    "KMedoids",
    "LabelPropagation",
    "LabelSpreading",
    "MeanShift",
    "MiniBatchKMeans",
    "NearestNeighbors",
    "QuantizedImage",
    "SelfOrganizingMap",
    "SpectralClustering",
    "SweepResult",
    "accel",
    "affinity_propagation",
    "cluster_optics_dbscan",
    "cluster_optics_xi",
    "compute_optics_graph",
    "connectivity",
    "dbscan",
    "density",
    "estimate_bandwidth",
    "get_bin_seeds",
    "graph",
    "grid_to_graph",
    "image",
    "img_to_graph",
    "k_means",
    "kmeans_plusplus",
    "linkage_tree",
    "load_model",
    "mean_shift",
    "metrics",
    "plotting",
    "precision",
    "propagate_labels",
    "quantize",
    "quantize_many",
    "remap",
    "representatives",
    "save_model",
    "selection",
    "spectral_clustering",
    "spectral_embedding",
    "sweep",
    "ward_tree",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        found = getattr(import_module(f".{_LAZY[name]}", __name__), name)
        globals()[name] = found  # the next access does not come here
        return found
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
