"""Clusters as centres: k-means and its relatives."""

from .kmeans import KMeans, k_means
from .minibatch import MiniBatchKMeans
from .seeding import kmeans_plusplus

__all__ = ["KMeans", "MiniBatchKMeans", "k_means", "kmeans_plusplus"]
