"""Trees of merges, which all hierarchies share, and their cuts. Nothing recurses.

All arrays are NumPy's, of O(n) values. A node below n is a leaf; any other is the merge
``node - n``.
"""

from __future__ import annotations

from heapq import heappush, heappushpop
from typing import NamedTuple

import numpy as np

from ..kernels import kernels_for
from ..kernels.graphs import Edges, GraphKernels


class Merges(NamedTuple):
    """The merges of n leaves, in the order in which they are made."""

    children: np.ndarray  # (m, 2) int64
    heights: np.ndarray  # (m,) float64
    counts: np.ndarray  # (m,) int64, leaves below

    @property
    def n(self) -> int:
        """The number of leaves of a whole tree."""
        return len(self.heights) + 1


def graphs() -> GraphKernels:
    """The kernels for graphs, which run on the host."""
    return kernels_for(np).graphs


def merges_of(edges: Edges, n: int) -> Merges:
    """The merges made by following the edges in order; the lower node of each comes first."""
    heights = np.asarray(edges.weight, np.float64)
    found = graphs().single_linkage(edges._replace(weight=np.arange(n - 1.0)), np.ones(n))
    children = np.stack([np.minimum(found.left, found.right), np.maximum(found.left, found.right)])
    return Merges(children.T, heights, found.size.astype(np.int64))


def rising(edges: Edges) -> Edges:
    """The edges sorted by height; those of equal height keep their order."""
    order = np.argsort(edges.weight, kind="stable")
    return Edges(*(part[order] for part in edges))


def merges_of_tree(edges: Edges, n: int) -> Merges:
    """The merges of a minimum spanning tree, by height, then lower, then higher end.

    The first of the two nodes is the one that a walk along the tree from row 0 meets first, as in
    scikit-learn's single linkage.
    """
    found = graphs().single_linkage(edges, np.ones(n))
    children = np.stack([found.left, found.right], axis=1)
    return Merges(children, found.height, found.size.astype(np.int64))


def owners(children: np.ndarray, n: int, made: int) -> np.ndarray:
    """The topmost node (n,) above each leaf, after the first `made` merges."""
    up = np.arange(n + made)
    up[children[:made].ravel()] = np.repeat(np.arange(n, n + made), 2)
    while True:
        further = up[up]
        if np.array_equal(further, up):
            return up[:n]
        up = further


def cut_into(children: np.ndarray, n: int, k: int) -> np.ndarray:
    """Labels (n,) int32 of k clusters: the last k - 1 of n - 1 merges are undone.

    Clusters are numbered as in scikit-learn, by the places of their nodes in its heap.
    """
    nodes = [-(2 * n - 2)]
    for _ in range(k - 1):
        left, right = children[-nodes[0] - n].tolist()
        heappush(nodes, -left)
        heappushpop(nodes, -right)
    number = np.empty(2 * n - 1, np.int32)
    number[-np.array(nodes)] = np.arange(k)
    return number[owners(children, n, n - k)]


def heads(children: np.ndarray, n: int) -> np.ndarray:
    """Labels (n,) int32 of the clusters after all merges, numbered by their nodes."""
    found = owners(children, n, len(children))
    return np.unique(found, return_inverse=True)[1].astype(np.int32)


def clusters_at(heights: np.ndarray, threshold: float) -> int:
    """The number of clusters left if merges at the threshold or above are not made."""
    return int(np.count_nonzero(heights >= threshold)) + 1


def linkage_matrix(children: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """SciPy's linkage matrix (n - 1, 4) of any whole tree of merges."""
    if not np.array_equal(np.sort(children, axis=None), np.arange(2 * len(children))):
        raise ValueError(
            f"The tree is not whole: its {len(children)} merges do not join all leaves. Fit with "
            "compute_full_tree=True."
        )
    counts = leaves_below(children, len(children) + 1)
    parts = (children.astype(np.float64), heights[:, None], counts[:, None])
    return np.concatenate(parts, axis=1) if len(counts) else np.empty((0, 4))


def leaves_below(children: np.ndarray, n: int) -> np.ndarray:
    """The number of leaves (m,) below each merge of a tree of n leaves."""
    size = [1] * n
    for left, right in children.tolist():
        size.append(size[left] + size[right])
    return np.array(size[n:], np.int64)
