"""Clusters and labels by the links between rows, and the links of pixels."""

from .affinity_model import AffinityPropagation, affinity_propagation
from .grid import grid_to_graph, img_to_graph

__all__ = ["AffinityPropagation", "affinity_propagation", "grid_to_graph", "img_to_graph"]
