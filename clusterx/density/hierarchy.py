"""Clusters from a condensed tree: selection, labels and strengths of membership.

All arrays are NumPy's, of O(n) values. Clusters are numbered from 0, the root; parents come before
children. Rows are those of the data. A density is the inverse of a mutual reachability distance
(lambda in the papers).

References: R. Campello, D. Moulavi and J. Sander, "Density-based clustering based on hierarchical
density estimates", 2013; C. Malzer and M. Baum, "A hybrid approach to hierarchical density-based
cluster selection", 2020, for the merging up to a distance.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..kernels.graphs import CondensedTree


class Selection(NamedTuple):
    """How clusters are selected from the tree; see the parameters of HDBSCAN."""

    method: str = "eom"
    epsilon: float = 0.0
    largest: float = math.inf
    single: bool = False


class Hierarchy:
    """A condensed tree by cluster and by row.

    Attributes
    ----------
    parent, birth, size, death, stability : arrays of shape (n_clusters,)
        The parent of the root is -1. A cluster is born at the density at which it leaves its
        parent, and dies at the density at which its last row or child cluster leaves it.
    row_cluster, row_density : arrays of shape (n,)
        The cluster that each row leaves last, and the density at which it leaves.
    """

    def __init__(self, tree: CondensedTree, n: int):
        self.tree, self.n = tree, n
        inner = tree.child >= n
        count = 1 + int(inner.sum())
        own = tree.child[inner] - n
        self.parent = np.full(count, -1, np.int64)
        self.parent[own] = tree.parent[inner] - n
        self.birth = np.zeros(count)
        self.birth[own] = tree.density[inner]
        owner = tree.parent - n
        self.size = np.bincount(owner, tree.size, minlength=count)
        self.death = np.zeros(count)
        np.maximum.at(self.death, owner, tree.density)
        rows = tree.child[~inner]
        self.row_cluster = np.empty(n, np.int64)
        self.row_cluster[rows] = owner[~inner]
        self.row_density = np.empty(n)
        self.row_density[rows] = tree.density[~inner]
        with np.errstate(invalid="ignore"):  # equal rows give infinity minus infinity
            lived = tree.density - self.birth[owner]
        lived[np.isnan(lived)] = 0.0
        self.stability = np.bincount(owner, lived * tree.size, minlength=count)

    def __len__(self) -> int:
        return len(self.parent)

    def select(self, how: Selection) -> np.ndarray:
        """The selected clusters, in rising order; none lies inside another."""
        chosen = self._leaves() if how.method == "leaf" else self._most_excess(how)
        if how.epsilon and len(self) > 1 and not chosen[0]:
            chosen = self._merged(chosen, how)
        return np.flatnonzero(chosen & ~self._inside(chosen))

    def _leaves(self) -> np.ndarray:
        leaves = np.ones(len(self), bool)
        leaves[self.parent[1:]] = False
        leaves[0] = False
        return leaves

    def _most_excess(self, how: Selection) -> np.ndarray:
        """Clusters at least as stable as the selected clusters below them together."""
        value, parent = self.stability.tolist(), self.parent.tolist()
        below = [0.0] * len(self)
        chosen = np.ones(len(self), bool)
        for c in range(len(self) - 1, -1 if how.single else 0, -1):
            if below[c] > value[c] or self.size[c] > how.largest:
                chosen[c] = False
                value[c] = below[c]
            if c:
                below[parent[c]] += value[c]
        chosen[0] &= how.single
        return chosen & ~self._inside(chosen)

    def _inside(self, chosen: np.ndarray) -> np.ndarray:
        """Whether an ancestor of each cluster is chosen."""
        return self._inherited(chosen, np.zeros(len(self), bool))[0]

    def _inherited(self, chosen: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether an ancestor is chosen, and the value of the nearest chosen one or of itself."""
        parent, chosen = self.parent.tolist(), chosen.tolist()
        inside, values = [False] * len(self), own.tolist()
        for c in range(1, len(self)):
            up = parent[c]
            inside[c] = chosen[up] or inside[up]
            if not chosen[c]:
                values[c] = values[up]
        return np.array(inside), np.array(values)

    def _merged(self, chosen: np.ndarray, how: Selection) -> np.ndarray:
        """Replace clusters born below distance epsilon by their ancestors born above it."""
        with np.errstate(divide="ignore"):
            born = 1.0 / self.birth  # the root's is infinite
        up = list(range(len(self)))
        parent = self.parent.tolist()
        for c in range(1, len(self)):
            if parent[c] == 0:
                up[c] = 0 if how.single else c
            elif born[parent[c]] > how.epsilon:
                up[c] = parent[c]
            else:
                up[c] = up[parent[c]]
        merged = np.zeros(len(self), bool)
        for c in np.flatnonzero(chosen).tolist():
            merged[up[c] if born[c] < how.epsilon else c] = True
        return merged

    def labels_of_clusters(self, selected: np.ndarray) -> np.ndarray:
        """The label of each cluster (n_clusters,): that of the selected one around it, or -1."""
        chosen, own = np.zeros(len(self), bool), np.full(len(self), -1, np.int64)
        chosen[selected] = True
        own[selected] = np.arange(len(selected))
        return self._inherited(chosen, own)[1]

    def labels(
        self, cluster: np.ndarray, density: np.ndarray, selected: np.ndarray, epsilon: float
    ) -> np.ndarray:
        """The labels (m,) of rows that leave these clusters at these densities; -1 is noise.

        If the root is selected, it keeps the rows that stay as long as its last row or child
        cluster, or up to epsilon.
        """
        labels = self.labels_of_clusters(selected)[cluster]
        if len(selected) and selected[0] == 0:
            labels[density < (1.0 / epsilon if epsilon else self.death[0])] = -1
        return labels

    def strengths(
        self, density: np.ndarray, labels: np.ndarray, selected: np.ndarray
    ) -> np.ndarray:
        """The density at which each row leaves its cluster, divided by that of the last one."""
        found = np.zeros(len(labels))
        kept = labels >= 0
        top = self.death[selected[labels[kept]]]
        found[kept] = _share(np.minimum(density[kept], top), top)
        return found

    def outlier_scores(self) -> np.ndarray:
        """GLOSH, in 0..1: how far each row is from the densest place of the cluster it leaves."""
        densest = self.densest()[self.row_cluster]
        return 1.0 - _share(self.row_density, densest)

    def densest(self) -> np.ndarray:
        """The highest density in each cluster and those below it (n_clusters,)."""
        densest = self.death.copy()
        for c in range(len(self) - 1, 0, -1):
            up = self.parent[c]
            densest[up] = max(densest[up], densest[c])
        return densest

    def persistence(self, labels: np.ndarray, selected: np.ndarray, weights: np.ndarray):
        """Stability of the selected clusters, divided by the most that their rows allow."""
        top = float(self.tree.density.max())
        size = np.bincount(labels[labels >= 0], weights[labels >= 0], minlength=len(selected))
        found = np.ones(len(selected))
        if 0 < top < math.inf:
            kept = size > 0
            found[kept] = self.stability[selected[kept]] / (size[kept] * top)
        return found

    def leaves_in(self, cluster: int) -> np.ndarray:
        """The leaf clusters inside a cluster; the cluster itself if it is one."""
        chosen = np.zeros(len(self), bool)
        chosen[cluster] = True
        inside = self._inside(chosen) | chosen
        leaves = np.ones(len(self), bool)
        leaves[self.parent[1:]] = False
        return np.flatnonzero(inside & leaves)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole; 1 where the part is infinite or the whole is zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = part / whole
    return np.where(np.isinf(part) | (whole == 0), 1.0, share)
