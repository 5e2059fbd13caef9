"""Choosing the number of clusters: sweeps over k, criteria, and scorers for grid searches."""

from .result import SweepResult
from .scorers import calinski_harabasz_scorer, davies_bouldin_scorer, silhouette_scorer
from .sweep import sweep

__all__ = [
    "SweepResult",
    "calinski_harabasz_scorer",
    "davies_bouldin_scorer",
    "silhouette_scorer",
    "sweep",
]
