"""Trees of clustering features (BIRCH): rows are summarised by subclusters, one after another."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from ...arrays import Array


class FeatureTree(NamedTuple):
    """Nodes of up to B summaries of rows, and one slot for the summary that splits a node.

    The summary of a node is in a slot of its parent; the summaries in leaves are the subclusters.
    All arrays but the centres are on the host: a few numbers per subcluster. Node 0 is the first
    leaf.
    """

    centers: Array  # (m, B + 1, d) float64: means of the rows below each slot
    weight: np.ndarray  # (m, B + 1)
    scatter: np.ndarray  # (m, B + 1): weighted squared distances of the rows to the mean
    child: np.ndarray  # (m, B + 1) int64, -1 in leaves
    used: np.ndarray  # (m,) int64: slots in use
    after: np.ndarray  # (m,) int64: the next leaf, -1 after the last one and in inner nodes
    top: np.ndarray  # (3,) int64: nodes, root, levels


class FeatureTreeKernels(Protocol):
    def insert(
        self, tree: FeatureTree | None, X: Array, w: Array | None, threshold: float, branching: int
    ) -> FeatureTree:
        """The tree with the rows of X inserted in their order; None stands for an empty tree.

        A row goes down to the nearest slot of each node. In a leaf it joins that subcluster if the
        subcluster's radius, the root of the mean squared distance of its rows from their mean,
        stays within the threshold; otherwise it starts a new one. A node of more than `branching`
        slots is split between the two slots farthest apart. Rows of weight zero are left out.
        """


def leaves(tree: FeatureTree) -> np.ndarray:
    """The leaves in their order."""
    nodes, node = [], 0
    while node >= 0:
        nodes.append(node)
        node = int(tree.after[node])
    return np.array(nodes)
