"""The search for neighbours among the rows of NumPy arrays."""

from .. import Measure
from .kd import TreeSearch

__all__ = ["search"]


def search(X, metric="euclidean", p=2.0):
    return TreeSearch(X, Measure(metric, p))
