"""Clusters as trees of merges, and summaries of rows."""

from .agglomerative import AgglomerativeClustering
from .birch import Birch
from .divisive import DivisiveClustering

__all__ = ["AgglomerativeClustering", "Birch", "DivisiveClustering"]
