"""Clusters and labels from graphs of rows, and graphs of pixels."""

from .affinity_model import AffinityPropagation, affinity_propagation
from .embedding import spectral_embedding
from .grid import grid_to_graph, img_to_graph
from .label_models import LabelPropagation, LabelSpreading
from .semi_supervised import propagate_labels, representatives
from .spectral_model import SpectralClustering, spectral_clustering

__all__ = [
    "AffinityPropagation",
    "LabelPropagation",
    "LabelSpreading",
    "SpectralClustering",
    "affinity_propagation",
    "grid_to_graph",
    "img_to_graph",
    "propagate_labels",
    "representatives",
    "spectral_clustering",
    "spectral_embedding",
]
