"""Distances of the rows of CuPy arrays."""

from .assigned import assigned_squared_distances
from .screening import nearest
from .sums import distance_sums, min_between_max_within
from .to_centers import distances, distances_to, squared_distances

__all__ = [
    "assigned_squared_distances",
    "distance_sums",
    "distances",
    "distances_to",
    "min_between_max_within",
    "nearest",
    "squared_distances",
]
