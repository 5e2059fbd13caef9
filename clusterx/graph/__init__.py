"""Clusters and labels by the links between rows."""

from .affinity_model import AffinityPropagation, affinity_propagation

__all__ = ["AffinityPropagation", "affinity_propagation"]
