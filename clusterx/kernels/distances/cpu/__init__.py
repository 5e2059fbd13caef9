"""Distances of the rows of NumPy arrays and CSR matrices, by the modules for each."""

import numpy as np

from . import sparse, sparse_pairs, sums, to_centers

__all__ = [
    "assigned_squared_distances",
    "distance_sums",
    "distances",
    "distances_to",
    "min_between_max_within",
    "nearest",
    "squared_distances",
]


def nearest(X, C):
    return _to_centers(X).nearest(X, C)


def distances(X, C):
    return _to_centers(X).distances(X, C)


def squared_distances(X, C):
    return _to_centers(X).squared_distances(X, C)


def distances_to(X, c):
    return _to_centers(X).distances_to(X, c)


def assigned_squared_distances(X, C, labels):
    return _to_centers(X).assigned_squared_distances(X, C, labels)


def distance_sums(X, labels, k, metric):
    return _pairs(X).distance_sums(X, labels, k, metric)


def min_between_max_within(X, labels, k, metric):
    return _pairs(X).min_between_max_within(X, labels, k, metric)


def _to_centers(X):
    return to_centers if isinstance(X, np.ndarray) else sparse


def _pairs(X):
    return sums if isinstance(X, np.ndarray) else sparse_pairs
