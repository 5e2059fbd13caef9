"""Hierarchies of merges: Ward over centroids, chains over a matrix, merges along a graph.

Kernels over rows and matrices return merges as `graphs.Edges`, which form a spanning tree: an edge
joins, at a height, the clusters that contain the rows `low` and `high`. Edges are in the order in
which they are found. They are O(n) values on the host; rows and matrices stay where they are.

Among equal distances the lowest row wins; in a chain, the cluster before wins over all others. A
merged cluster takes the place of the higher of its two rows. So chains give SciPy's merges. If no
distances are equal, merging all pairs that are nearest to each other in rounds gives the same
merges as a chain, because a merged cluster of these linkages is no nearer to a third one than the
nearer of its parts (Bruynooghe 1978; Murtagh 1983; Muellner, arXiv:1109.2378). With the centroid
and median linkages it may be nearer, so their pairs are merged one by one.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ...arrays import Array
from ..graphs import Edges

#: Linkages by chains over a matrix of distances, which are squared for Ward.
CHAINED = ("complete", "average", "weighted", "ward")
#: Linkages of squared distances that may have inversions.
INVERTING = ("centroid", "median")
#: Linkages along a graph: by distances of edges, but from CENTRAL on by centres.
ALONG = ("complete", "average", "weighted", "ward", "centroid", "median")
CENTRAL = ALONG.index("ward")
#: Partial sums of a sum over columns, to which columns are added in turn, so that loops vectorise.
LANES = 32


class LinkageKernels(Protocol):
    def ward(self, X: Array, sizes: np.ndarray) -> Edges:
        """Ward's merges of the rows X (n, d) of the widest float dtype, in O(n d) memory.

        sizes (n,) : float64, above 0, on the host. A height is
            ``sqrt(2 a b / (a + b))`` times the distance of centroids of sizes a and b.
        """

    def distances(self, X: Array, metric: str, p: float = 2.0) -> Array:
        """All distances (n, n) between rows by one of `neighbors.METRICS`, of the widest float."""

    def chained(self, D: Array, sizes: np.ndarray, method: str) -> Edges:
        """The merges by one of CHAINED over a symmetric matrix (n, n); the diagonal is not read.

        D may be overwritten. Heights are as in D: squares for Ward.
        """

    def one_by_one(self, D: Array, sizes: np.ndarray, method: str) -> Edges:
        """The merges by one of INVERTING over squared distances, in the order they are made.

        D may be overwritten. Heights are squares.
        """

    def along_graph(
        self,
        low: np.ndarray,
        high: np.ndarray,
        weight: np.ndarray | None,
        sizes: np.ndarray,
        method: str,
        C: np.ndarray | None,
        made: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The first `made` merges of neighbours in a graph: nodes (made, 2), heights (made,).

        All arrays are NumPy's. The graph is connected, ``low < high`` are the rows of its edges
        (m,), each once. Methods of ALONG before "ward" read the distances `weight` of edges; if
        only one of two merged clusters is a neighbour of a third, its distance stays. The other
        methods read the rows C (n, d), float64, and heights are squares. Among equal pairs the one
        with the lowest higher node merges first, then the one with the lowest lower node.
        """
