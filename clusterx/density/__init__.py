"""Clusters as dense regions, with noise between them."""

from .dbscan_model import DBSCAN, dbscan

__all__ = ["DBSCAN", "dbscan"]
