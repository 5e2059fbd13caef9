"""Unions of components on the host, as arrays with an entry per row."""

from __future__ import annotations

import numpy as np


def joined(component: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The components (n,) after each row i is joined to row other[i]; -1 joins none.

    Components are numbered by their lowest row.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = component.shape[0]
    rows = np.flatnonzero(other >= 0)
    i = np.concatenate([component, component[rows]])
    j = np.concatenate([np.arange(n), component[other[rows]]])
    graph = coo_array((np.ones(i.shape[0], np.int8), (i, j)), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    lowest = np.full(n, n, np.int64)
    np.minimum.at(lowest, label, np.arange(n))
    return lowest[label]


def numbered_by_first(component: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Components as 0, 1, ... in the order of their first row that is `inside`; others -1."""
    number = np.full(component.shape[0], -1, np.int64)
    distinct, first, place = np.unique(component[inside], return_index=True, return_inverse=True)
    rank = np.empty(distinct.shape[0], np.int64)
    rank[np.argsort(first)] = np.arange(distinct.shape[0])
    number[inside] = rank[place]
    return number
