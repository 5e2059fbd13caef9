"""Graphs: spanning trees, and the hierarchies of clusters that follow from them.

Unlike other families, all arrays here are NumPy's: O(n) values that were brought to the host. So
`kernels_for` of NumPy's namespace serves data of every library.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

#: (component (n,) int32, rows (m,), bound (m,)) -> for each of the rows, the least weight of an
#: edge into another component, and the row it leads to; ties go to the lower row. Infinity and -1
#: if no such edge weighs at most the bound.
Nearest = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
#: Weights (n, k) of the k lightest edges of each row, and the rows (n, k) they lead to; ties go to
#: the lower row. A row may be among its own.
Near = tuple[np.ndarray, np.ndarray]


class Edges(NamedTuple):
    """Undirected edges, each with ``low < high``.

    They are ordered by weight, then low, then high. No two edges are equal in that order, so the
    minimum spanning tree is unique.
    """

    low: np.ndarray  # (m,) int64
    high: np.ndarray  # (m,) int64
    weight: np.ndarray  # (m,) float64


class Linkage(NamedTuple):
    """Merges by rising height: below n a node is a row, else merge ``node - n``.

    The left node is the one that a walk along the spanning tree from row 0 meets first.
    """

    left: np.ndarray  # (n - 1,) int64
    right: np.ndarray  # (n - 1,) int64
    height: np.ndarray  # (n - 1,) float64
    size: np.ndarray  # (n - 1,) float64: the weight of the rows below


class CondensedTree(NamedTuple):
    """Clusters of at least a given size, and where rows and smaller clusters leave them.

    Clusters are numbered from n, which is the root, parents before children. An entry of the tree
    is a cluster or a row that leaves its parent at a density, which is one over the height.
    """

    parent: np.ndarray  # (m,) int64
    child: np.ndarray  # (m,) int64
    density: np.ndarray  # (m,) float64
    size: np.ndarray  # (m,) float64


class GraphKernels(Protocol):
    def linked_sums(
        self,
        W: Any,
        V: np.ndarray,
        before: np.ndarray,
        scale: float,
        shift: float,
        share: float,
    ) -> np.ndarray:
        """scale W V + shift V + share before (n, p), for a CSR matrix W (n, n) of float64.

        before : (n, p); a kernel may overwrite it.
        """

    def groups(self, W: Any) -> np.ndarray:
        """Groups (n,) int64 of linked rows, each about as large as a row's neighbourhood.

        In order, each row without a neighbour in a group founds one with its neighbours; then each
        remaining row joins the group of its first neighbour that was in one by then.

        W : CSR matrix (n, n) with symmetric links.
        """

    def spanning_tree(self, n: int, nearest: Nearest, near: Near | None = None) -> Edges:
        """The minimum spanning tree, by Boruvka's rounds; a forest if the graph is not connected.

        `nearest` is called twice per round, at most log2(n) + 1 rounds. It and `near` must give an
        edge the same weight from both ends.
        """

    def dense_tree(self, distances: np.ndarray, core: np.ndarray, alpha: float) -> Edges:
        """The minimum spanning tree of a symmetric matrix (n, n), by Prim's algorithm.

        An edge weighs ``max(distance / alpha, core of both ends)``; infinite ones are left out.
        """

    def least_forest(self, n: int, edges: Edges) -> Edges:
        """The edges of the minimum spanning forest, in order; `edges` may be in any order."""

    def single_linkage(self, edges: Edges, weights: np.ndarray) -> Linkage:
        """The merges of a spanning tree, whose edges may be in any order.

        weights : (n,) float64, of the rows.
        """

    def cut(self, linkage: Linkage, n: int, height: float) -> np.ndarray:
        """Components (n,) int64 of the rows after only the merges below the height.

        They are numbered by their first rows.
        """

    def condense(
        self, linkage: Linkage, weights: np.ndarray, core: np.ndarray, least: float
    ) -> CondensedTree:
        """The tree of clusters that weigh at least `least`.

        core (n,) : the height at which one row that weighs at least `least` ends as a cluster
        """
