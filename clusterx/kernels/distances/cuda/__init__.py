"""Distances of the rows of CuPy arrays."""

from .own import own_squares
from .screening import nearest
from .sums import distance_sums, separation
from .to_centers import distances, distances_to, squared_distances

__all__ = [
    "distance_sums",
    "distances",
    "distances_to",
    "nearest",
    "own_squares",
    "separation",
    "squared_distances",
]
