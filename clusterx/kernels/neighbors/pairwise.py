"""Searches by metrics that scikit-learn and callables measure, a tile at a time, on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import row_norms, safe_sparse_dot

from . import Measure
from .generic import BlockSearch

#: Squares below this share of the squared lengths are recomputed, without cancellation.
LOST = 1e-6


class PairwiseSearch(BlockSearch):
    """The search by a metric of scikit-learn or a callable.

    Parameters
    ----------
    X : array or CSR matrix of shape (n, d)
    metric : str or callable
    options : dict
        Options of the metric. Those that depend on all rows are computed from X.
    """

    def __init__(self, X: Any, metric: str | Callable, options: dict[str, Any]):
        like = X.data if hasattr(X, "indptr") else X
        super().__init__(X, Measure("manhattan"), like)
        self.metric, self.options = metric, _of_all_rows(X, metric, options)

    def tile(self, Q, a, b):
        return pairwise_distances(Q, self.X[a:b], metric=self.metric, **self.options)


def _of_all_rows(X: Any, metric: str | Callable, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with those that scikit-learn would otherwise compute from each tile alone."""
    if metric == "seuclidean" and "V" not in options:
        return {**options, "V": np.var(X, axis=0, ddof=1)}
    if metric == "mahalanobis" and "VI" not in options:
        covariance = options.get("V")
        return {"VI": np.linalg.inv(np.cov(X.T) if covariance is None else covariance).T}
    return options


class SparseSearch(BlockSearch):
    """The search in CSR rows by a metric of squares: euclidean, sqeuclidean, cosine."""

    def __init__(self, X: Any, measure: Measure):
        super().__init__(self._rows(X, measure), measure, X.data)
        self.squares = row_norms(self.X, squared=True)

    @staticmethod
    def _rows(X: Any, measure: Measure) -> Any:
        X = X.astype(np.float64)
        return normalize(X) if measure.metric == "cosine" else X

    def queries(self, Y):
        return self.X if Y is None else self._rows(Y, self.measure)

    def tile(self, Q, a, b):
        X = self.X[a:b]
        own = row_norms(Q, squared=True)
        size = own[:, None] + self.squares[None, a:b]
        squares = size - 2.0 * safe_sparse_dot(Q, X.T, dense_output=True)
        if self.measure.metric == "cosine":
            empty = (own == 0)[:, None] ^ (self.squares[a:b] == 0)[None, :]
            squares[empty] = 2.0
        i, j = np.nonzero(squares < LOST * size)
        for e in range(0, i.size, 1 << 14):
            apart = Q[i[e : e + (1 << 14)]] - X[j[e : e + (1 << 14)]]
            squares[i[e : e + (1 << 14)], j[e : e + (1 << 14)]] = row_norms(apart, squared=True)
        return squares
