"""Clusters as trees of merges."""

from .agglomerative import AgglomerativeClustering

__all__ = ["AgglomerativeClustering"]
