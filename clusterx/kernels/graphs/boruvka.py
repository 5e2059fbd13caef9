"""Boruvka's rounds, for any function that joins components."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import Edges, Near, Nearest

#: (component, weights, others) -> component after the round, and the edges of the round
Join = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, Edges]]


def spanning_edges(n: int, nearest: Nearest, join: Join, near: Near | None = None) -> Edges:
    """Each round adds the least edge out of every component, so that their number halves.

    The largest component, if it has many rows, is not searched: the others join it anyway, and have
    fewer rows to search from.

    The edge that was found for a row stays its least one until its other end is in the same
    component; after that, its weight is a lower bound. So the search is repeated only for rows that
    may have a lighter edge than the best of their component, first for the most promising ones.
    Nearest rows that are known beforehand save the searches of the first rounds.
    """
    component = np.arange(n, dtype=np.int32)
    state = _LeastEdges(n, near)
    rounds: list[Edges] = []
    count = 0
    while count < n - 1:
        state.forget_inner(component)
        state.look_up(component)
        searched = component != _large(component)
        state.search(component, searched, nearest, most_promising=True)
        state.search(component, searched, nearest)
        others = np.where(searched, state.others, -1)
        component, edges = join(component, state.weights, others)
        if not len(edges.low):
            break
        rounds.append(edges)
        count += len(edges.low)
    if not rounds:
        return Edges(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    return Edges(*map(np.concatenate, zip(*rounds, strict=True)))


def _large(component: np.ndarray) -> int:
    """The component of more than a quarter of all rows, the largest one; -1 for none."""
    counts = np.bincount(component)
    largest = int(counts.argmax())
    return largest if 4 * int(counts[largest]) > len(component) else -1


class _LeastEdges:
    """Each row's least edge out of its component, or a lower bound of its weight."""

    def __init__(self, n: int, near: Near | None):
        self.weights, self.others = np.full(n, np.inf), np.full(n, -1, np.int64)
        self.low = np.zeros(n)
        self.near = near
        #: rows that may still have a near row in another component
        self.listed = np.arange(0 if near is None else n)

    def forget_inner(self, component: np.ndarray) -> None:
        """Drop edges that lead to the row's own component; their weights become lower bounds."""
        inner = (self.others >= 0) & (component[self.others] == component)
        self.low[inner] = self.weights[inner]
        self.weights[inner], self.others[inner] = np.inf, -1

    def look_up(self, component: np.ndarray) -> None:
        """Take edges to near rows; those that are not near are at least as far as the last one."""
        rows = self.listed[self.others[self.listed] < 0]
        if self.near is None or not len(rows):
            return
        weights, others = self.near
        outer = component[others[rows]] != component[rows, None]
        found = outer.any(axis=1)
        rows, inner, place = rows[found], rows[~found], outer.argmax(axis=1)[found]
        self.weights[rows], self.others[rows] = weights[rows, place], others[rows, place]
        self.low[inner] = np.maximum(self.low[inner], weights[inner, -1])
        self.listed = np.setdiff1d(self.listed, inner, assume_unique=True)

    def search(
        self,
        component: np.ndarray,
        searched: np.ndarray,
        nearest: Nearest,
        most_promising: bool = False,
    ) -> None:
        """Search from rows that may have an edge as good as the best of their component."""
        best = np.full(int(component.max()) + 1, np.inf)
        np.minimum.at(best, component, self.weights)
        bound = best[component]
        open_rows = searched & (self.others < 0) & (self.low <= bound) & (self.low < np.inf)
        if most_promising:
            least = np.full(len(best), np.inf)
            np.minimum.at(least, component[open_rows], self.low[open_rows])
            open_rows &= self.low == least[component]
        rows = np.flatnonzero(open_rows)
        if not len(rows):
            return
        weights, others = nearest(component, rows, bound[rows])
        self.weights[rows], self.others[rows] = weights, others
        np.minimum.at(best, component[rows], weights)
        none = rows[others < 0]  # their edges weigh more than the best of their component
        self.low[none] = np.maximum(self.low[none], np.nextafter(best[component[none]], np.inf))


def sorted_edges(edges: Edges, n: int) -> Edges:
    """The edges in their order."""
    # low * n + high fits int64 up to three billion rows
    order = np.lexsort((edges.low * n + edges.high, edges.weight))
    return Edges(*(part[order] for part in edges))
