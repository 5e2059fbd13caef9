"""Clusters as dense regions, with noise between them."""

from .dbscan_model import DBSCAN, dbscan
from .hdbscan import HDBSCAN
from .optics import OPTICS, cluster_optics_dbscan, cluster_optics_xi, compute_optics_graph

__all__ = [
    "DBSCAN",
    "HDBSCAN",
    "OPTICS",
    "cluster_optics_dbscan",
    "cluster_optics_xi",
    "compute_optics_graph",
    "dbscan",
]
