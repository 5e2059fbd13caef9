"""The matrix of distances between two sets of rows, by any metric."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, concat, namespace
from ..blocks import TILE
from ..kernels import kernels_for
from ..kernels.neighbors import Measure
from ..kernels.neighbors.generic import RowSearch
from .search import ALIASES, needs_host, search_of


def distances_between(
    X: Any, Y: Any, metric: Any, options: dict | None, dtype: Any = None
) -> Array:
    """Distances (n, m) of the rows X to the rows Y: arrays, or both of them CSR matrices.

    dtype : dtype of the result; by default the widest float
    """
    sparse = hasattr(X, "indptr")
    if not sparse and not needs_host(metric, options):
        known = ALIASES.get(metric, metric)
        if known in ("euclidean", "sqeuclidean"):
            D = kernels_for(namespace(X)).distances.distances(X, Y)
            D = D * D if known == "sqeuclidean" else D
            return D if dtype is None else namespace(X).astype(D, dtype, copy=False)
        search: Any = RowSearch(Y, Measure(known, float((options or {}).get("p", 2.0))))
    else:
        search = search_of(Y, metric, None, options)
    Q, n, m = search.queries(X), X.shape[0], Y.shape[0]
    step = max(1, TILE // max(m, X.shape[1]))
    parts = (search.tile(Q[a : min(n, a + step), :], 0, m) for a in range(0, n, step))
    found = (search.measure.restored(part, search.xp) for part in parts)
    if dtype is not None:
        found = (search.xp.astype(part, dtype, copy=False) for part in found)
    return concat(found)


def fitted_options(X: Any, metric: Any, options: dict | None) -> dict[str, Any]:
    """The options of the metric, including those computed from all rows."""
    if not isinstance(metric, str) or metric not in ("seuclidean", "mahalanobis"):
        return dict(options or {})
    from ..kernels.neighbors.pairwise import PairwiseSearch

    return PairwiseSearch(np.asarray(X), metric, dict(options or {})).options
