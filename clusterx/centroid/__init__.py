"""Clusters as centres: k-means and its relatives."""

from .bisecting import BisectingKMeans
from .kmeans import KMeans, k_means
from .minibatch import MiniBatchKMeans
from .seeding import kmeans_plusplus

__all__ = ["BisectingKMeans", "KMeans", "MiniBatchKMeans", "k_means", "kmeans_plusplus"]
