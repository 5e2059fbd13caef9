"""Spanning trees from a search: rounds on the host, searches on the device of the rows."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, asarray, float_dtype, namespace, to_host
from ..kernels import kernels_for
from ..kernels.graphs import Edges
from ..kernels.neighbors import Search

#: Nearest rows to start from, where edges weigh what they are long: single-10000x2 takes 0.75 of
#: the time that it takes without, single-200000x2 0.6; 6 to 10 do as well.
NEAR = 8


def spanning_tree(search: Search, like: Array, core: Array | None, alpha: float = 1.0) -> Edges:
    """The minimum spanning tree of the rows of a search, on the device of `like`.

    core : (n,) on that device; an edge weighs ``max(distance / alpha, core of both ends)``
    """
    xp = namespace(like)
    wide = float_dtype(xp, like)

    def nearest(component, rows, bound):
        component, rows = asarray(component, like=like), asarray(rows, like=like)
        bound = xp.astype(asarray(bound, like=like), wide)
        weights, others = search.nearest_other(component, core, alpha, rows=rows, bound=bound)
        return to_host(weights).astype(np.float64, copy=False), to_host(others)

    near = None
    if core is None and alpha == 1.0:
        distances, indices = search.knn(None, min(NEAR, search.n))
        near = to_host(distances).astype(np.float64, copy=False), to_host(indices)
    return kernels_for(np).graphs.spanning_tree(search.n, nearest, near)
