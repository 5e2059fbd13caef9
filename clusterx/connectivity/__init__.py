"""Clusters as trees of merges, and summaries of rows."""

from .agglomerative import AgglomerativeClustering
from .birch import Birch
from .divisive import DivisiveClustering
from .features import FeatureAgglomeration
from .functions import linkage_tree, ward_tree

__all__ = [
    "AgglomerativeClustering",
    "Birch",
    "DivisiveClustering",
    "FeatureAgglomeration",
    "linkage_tree",
    "ward_tree",
]
