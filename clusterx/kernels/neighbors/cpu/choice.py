"""Chooses the search for the rows; for few rows, NumPy stands in while nothing is compiled.

NumPy's sums have the same bits, because it adds up the columns in the same order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ....properties import cached_property
from ...cpu.deferred import compiles_always, has_code
from .. import Measure, Search
from ..generic import RowSearch
from ..graph import GraphSearch
from . import cell_loops, links, product_loops, walk
from .cells import COLUMNS as CELL_COLUMNS
from .kd import TreeSearch
from .products import COLUMNS, ProductSearch

#: Most terms of distances that NumPy adds up in less time than compiling the loops takes.
TERMS = 1.5e8
#: Terms after which NumPy has taken as long as compiling would have.
ENOUGH = 1e9
#: Most pairs within the radius that are kept between two passes.
PAIRS = 1 << 22

_spent = 0.0


def tuned_search(X: np.ndarray, measure: Measure) -> Search:
    """The search by compiled loops."""
    if by_products(X, measure):
        products = ProductSearch(X, measure)
        if products.serves:
            return products
    return TreeSearch(X, measure)


def by_products(X: np.ndarray, measure: Measure) -> bool:
    return measure.kind == 0 and X.shape[1] >= COLUMNS


def slowest_loop(X: np.ndarray, measure: Measure, method: str) -> Any:
    """Of the loops that a method needs, the one that takes longest to compile."""
    if by_products(X, measure):
        best = {"knn": product_loops.improve, "kth_distances": product_loops.improve}
        return {**best, "nearest_other": product_loops.improve_weights}.get(
            method, product_loops.near_pairs
        )
    in_cells = measure.metric == "euclidean" and X.shape[1] <= CELL_COLUMNS
    return {
        "knn": walk.k_nearest,
        "kth_distances": walk.k_nearest,
        "radius_counts": walk.count_within,
        "radius_neighbors": walk.collect_within,
        "core_rows": cell_loops.find_cores if in_cells else walk.count_within,
        "radius_links": cell_loops.link_cells if in_cells else links.link_within,
        "nearest_other": links.nearest_others,
    }[method]


def waits(X: np.ndarray, measure: Measure) -> bool:
    """Whether NumPy may stand in for loops that are not compiled."""
    few = X.shape[0] ** 2 * float(X.shape[1]) <= TERMS
    # NumPy's powers are not those of compiled code
    return few and measure.kind != 3 and _spent < ENOUGH and not compiles_always()


class PlainSearch(RowSearch):
    """The search in NumPy; near pairs are kept from one pass to the next."""

    _graph: tuple[float, GraphSearch | None] = (-1.0, None)

    def _near(self, radius: float) -> GraphSearch | None:
        """The graph of the rows within the radius, unless it is large."""
        if self._graph[0] != radius:
            graph = None
            if int(self.radius_counts(None, radius).sum()) <= PAIRS:
                starts, rows, distances = self.radius_neighbors(None, radius)
                near = csr_array((np.zeros_like(distances), rows, starts), shape=(self.n, self.n))
                graph = GraphSearch(near)
            self._graph = radius, graph
        return self._graph[1]

    def core_rows(self, radius, least, weights=None):
        graph = self._near(radius)
        if graph is None:
            return super().core_rows(radius, least, weights)
        return graph.core_rows(0.0, least, weights)

    def radius_links(self, radius, core):
        graph = self._near(radius)
        return (
            super().radius_links(radius, core) if graph is None else graph.radius_links(0.0, core)
        )


class SmallSearch:
    """For few rows: each method is the compiled one if its loops are compiled, else NumPy's."""

    def __init__(self, X: np.ndarray, measure: Measure):
        self.X, self.measure, self.n = X, measure, X.shape[0]
        self.plain = PlainSearch(X, measure)

    @cached_property
    def tuned(self) -> Search:
        return tuned_search(self.X, self.measure)

    def _by(self, method: str, m: int | None = None) -> Any:
        global _spent
        terms = (self.n if m is None else m) * self.n * float(self.X.shape[1])
        compiled = has_code(slowest_loop(self.X, self.measure, method))
        if compiled or _spent >= ENOUGH or terms > TERMS:
            return getattr(self.tuned, method)
        _spent += terms
        return getattr(self.plain, method)

    def knn(self, Y, k):
        return self._by("knn", None if Y is None else Y.shape[0])(Y, k)

    def kth_distances(self, k):
        return self._by("kth_distances")(k)

    def radius_counts(self, Y, radius, weights=None):
        m = None if Y is None else Y.shape[0]
        return self._by("radius_counts", m)(Y, radius, weights)

    def radius_neighbors(self, Y, radius):
        return self._by("radius_neighbors", None if Y is None else Y.shape[0])(Y, radius)

    def core_rows(self, radius, least, weights=None):
        return self._by("core_rows")(radius, least, weights)

    def radius_links(self, radius, core):
        return self._by("radius_links")(radius, core)

    def nearest_other(self, component, core=None, alpha=1.0, **options):
        return self._by("nearest_other")(component, core, alpha, **options)
