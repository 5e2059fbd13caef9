"""The search for neighbours among the rows of NumPy arrays."""

from .. import Measure
from .choice import SmallSearch, tuned_search, waits
from .means import means_within

__all__ = ["means_within", "search"]


def search(X, metric="euclidean", p=2.0):
    measure = Measure(metric, p)
    return SmallSearch(X, measure) if waits(X, measure) else tuned_search(X, measure)
