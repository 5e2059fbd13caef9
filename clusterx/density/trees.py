"""The public trees of HDBSCAN: as tables and as pictures."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ..kernels.graphs import CondensedTree, Linkage
from .reachability import graphs


class _Tree:
    """Base of the trees: a table, and the display that draws it."""

    def _draw(self, plotting: Any, ax: Any, options: dict[str, Any]) -> Any:
        raise NotImplementedError

    def to_numpy(self) -> np.ndarray:
        raise NotImplementedError

    def to_pandas(self) -> Any:
        """The table as a pandas data frame."""
        return import_module("pandas").DataFrame(self.to_numpy())

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the tree.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default on a new figure.
        **options
            Passed to the display's `plot`.

        Returns
        -------
        CondensedTreeDisplay or DendrogramDisplay
        """
        # plotting is a layer above the estimators, and is loaded when something is drawn
        return self._draw(import_module("clusterx.plotting"), ax, options)


class CondensedClusterTree(_Tree):
    """The nested clusters of HDBSCAN, and the density at which each row or cluster leaves.

    Parameters
    ----------
    tree : CondensedTree
    rows : array of shape (m,) or None
        Numbers of the rows in the data, if some were left out.
    n : int
        Number of rows in the data, which is also the number of the root.
    selected : array of int
        The selected clusters, from 0 for the root.
    whole : bool
        Whether rows have no weights, so that sizes are numbers of rows.

    Attributes
    ----------
    selected_ : array of int
        Numbers of the selected clusters in the table, by label.
    """

    _display = "CondensedTreeDisplay"

    def __init__(
        self,
        tree: CondensedTree,
        rows: np.ndarray | None,
        n: int,
        selected: np.ndarray,
        whole: bool,
    ):
        self.tree, self.rows, self.n, self.whole = tree, rows, n, whole
        self.selected_ = selected + n

    def _draw(self, plotting: Any, ax: Any, options: dict[str, Any]) -> Any:
        return plotting.CondensedTreeDisplay.from_tree(self, ax=ax, **options)

    def to_numpy(self) -> np.ndarray:
        """One record for each row or cluster that leaves a cluster.

        Returns
        -------
        array of shape (m,) with fields parent, child, lambda_val and child_size
            Clusters have numbers from n_samples on; the root has n_samples. `lambda_val` is the
            inverse of the mutual reachability distance; it is infinite for equal rows.
        """
        kind = np.int64 if self.whole else np.float64
        fields = [("parent", np.int64), ("child", np.int64)]
        table = np.empty(
            len(self.tree.child), [*fields, ("lambda_val", np.float64), ("child_size", kind)]
        )
        m = self.n if self.rows is None else len(self.rows)
        child = self.tree.child + np.where(self.tree.child >= m, self.n - m, 0)
        if self.rows is not None:
            inner = self.tree.child < m
            child[inner] = self.rows[self.tree.child[inner]]
        table["parent"], table["child"] = self.tree.parent + (self.n - m), child
        table["lambda_val"], table["child_size"] = self.tree.density, self.tree.size
        return table


class SingleLinkageTree(_Tree):
    """The merges of rows by rising mutual reachability distance.

    Parameters
    ----------
    linkage : Linkage
    weights : array of shape (m,) or None
    rows : array of shape (m,) or None
        Numbers of the rows in the data, if some were left out.
    n : int
        Number of rows in the data.
    """

    _display = "DendrogramDisplay"

    def __init__(
        self, linkage: Linkage, weights: np.ndarray | None, rows: np.ndarray | None, n: int
    ):
        self.linkage, self.weights, self.rows, self.n = linkage, weights, rows, n

    def _draw(self, plotting: Any, ax: Any, options: dict[str, Any]) -> Any:
        return plotting.DendrogramDisplay.from_linkage(self.to_numpy(), ax=ax, **options)

    def to_numpy(self) -> np.ndarray:
        """SciPy's linkage matrix (n_samples - 1, 4): two nodes, their distance, their weight.

        Rows with missing or infinite values, and those of weight zero, come last, at an infinite
        distance.
        """
        own = self.linkage
        m = len(own.left) + 1
        Z = np.empty((self.n - 1, 4))
        left, right = own.left, own.right
        if self.rows is not None:
            out = np.setdiff1d(np.arange(self.n), self.rows)
            left, right = (
                np.where(x < m, self.rows[np.minimum(x, m - 1)], x + (self.n - m))
                for x in (left, right)
            )
            last = np.arange(self.n + m - 2, 2 * self.n - 2)
            if m == 1:
                last[0] = self.rows[0]
            Z[m - 1 :, 0], Z[m - 1 :, 1], Z[m - 1 :, 2] = out, last, np.inf
            total = own.size[-1] if m > 1 else 1.0
            Z[m - 1 :, 3] = total + np.arange(1, len(out) + 1)
        Z[: m - 1] = np.column_stack([left, right, own.height, own.size])
        return Z

    def to_pandas(self) -> Any:
        """The merges as a pandas data frame."""
        frame = import_module("pandas").DataFrame(
            self.to_numpy(), columns=["left_child", "right_child", "distance", "size"]
        )
        return frame.astype({"left_child": np.int64, "right_child": np.int64})

    def get_clusters(self, cut_distance: float, min_cluster_size: int = 5) -> np.ndarray:
        """Labels of the rows from the merges below the cut; -1 is noise.

        Parameters
        ----------
        cut_distance : float
        min_cluster_size : int, default=5
            Smaller groups are noise.

        Returns
        -------
        labels : array of shape (n_samples,), int64
            Numbered by the first row of each cluster.
        """
        labels = np.full(self.n, -1, np.int64)
        rows = np.arange(self.n) if self.rows is None else self.rows
        weights = np.ones(len(rows)) if self.weights is None else self.weights
        component = graphs().cut(self.linkage, len(rows), float(cut_distance))
        size = np.bincount(component, weights)
        number = np.where(size >= min_cluster_size, 0, -1)
        number[number == 0] = np.arange(int((number == 0).sum()))
        labels[rows] = number[component]
        return labels
