"""The search for neighbours among the rows of NumPy arrays."""

from .. import Measure
from .choice import SmallSearch, tuned_search, waits

__all__ = ["search"]


def search(X, metric="euclidean", p=2.0):
    measure = Measure(metric, p)
    return SmallSearch(X, measure) if waits(X, measure) else tuned_search(X, measure)
