"""Boruvka's rounds, whatever joins components."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import Edges, Nearest

#: component, weights, others -> component after the round, and its edges
Join = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, Edges]]


def spanning_edges(n: int, nearest: Nearest, join: Join) -> Edges:
    """Each round adds the least edge out of every component, so that their number halves."""
    component = np.arange(n, dtype=np.int32)
    rounds = []
    found = 0
    while found < n - 1:
        component, edges = join(component, *nearest(component))
        if not len(edges.low):
            break
        rounds.append(edges)
        found += len(edges.low)
    if not rounds:
        return Edges(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    return Edges(*map(np.concatenate, zip(*rounds, strict=True)))


def sorted_edges(edges: Edges, n: int) -> Edges:
    """The edges in their order."""
    # int64 holds low * n + high up to three billion rows
    order = np.lexsort((edges.low * n + edges.high, edges.weight))
    return Edges(*(part[order] for part in edges))
