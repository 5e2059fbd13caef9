"""Nearest neighbours."""

from .nearest import NearestNeighbors

__all__ = ["NearestNeighbors"]
