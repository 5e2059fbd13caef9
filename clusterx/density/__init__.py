"""Clusters as dense regions, separated by noise."""

from .dbscan_model import DBSCAN, dbscan
from .hdbscan import HDBSCAN
from .mean_shift_model import MeanShift, estimate_bandwidth, get_bin_seeds, mean_shift
from .optics import OPTICS, cluster_optics_dbscan, cluster_optics_xi, compute_optics_graph

__all__ = [
    "DBSCAN",
    "HDBSCAN",
    "OPTICS",
    "MeanShift",
    "cluster_optics_dbscan",
    "cluster_optics_xi",
    "compute_optics_graph",
    "dbscan",
    "estimate_bandwidth",
    "get_bin_seeds",
    "mean_shift",
]
