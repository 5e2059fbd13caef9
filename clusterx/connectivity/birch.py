"""BIRCH: subclusters from one pass over the rows, and a global step that clusters them."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, contiguous, namespace, to_host
from ..base import Clusterer
from ..fitted import fitted_matrix
from ..kernels.feature_trees import FeatureTree, leaves
from ..rows import Rows, without_labels
from ..validation import check_number
from .agglomerative import AgglomerativeClustering
from .merges import Merges, linkage_matrix


class Birch(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Clusterer):
    """Subclusters of bounded radius from one pass over the rows, which are then clustered.

    Rows are inserted into a tree one after another. Each row descends to the nearest subcluster,
    and joins it if its radius stays within `threshold`; otherwise it begins a new one. Then the
    centres of the subclusters are clustered globally. Radii are updated from squared distances to
    the mean rather than to the origin, so that no digits are lost far from the origin.

    Time: ``n d B log(m)`` for m subclusters and a `branching_factor` of B; memory: about ``2 m d``
    numbers, besides the current block of rows. The order of the rows matters.

    Parameters
    ----------
    threshold : float, default=0.5
        Largest radius of a subcluster: the root of the mean squared distance to its centre.
    branching_factor : int, default=50
        Maximum number of subclusters per node. A node with more is split between the two that are
        farthest apart.
    n_clusters : int, clusterer or None, default=3
        The global step. A number means agglomerative clustering with Ward linkage; None keeps the
        subclusters as clusters. A clusterer is cloned and fitted to the subclusters' centres.
    compute_labels : bool, default=True
        Whether `fit` and `partial_fit` label their rows.

    Attributes
    ----------
    subcluster_centers_ : array of shape (n_subclusters, n_features)
        In the library, on the device and in the dtype of X.
    subcluster_labels_ : array of shape (n_subclusters,), int32
        The cluster of each subcluster, from the global step.
    labels_ : array of shape (n_samples,), int32
        Of the rows of the last call.
    n_clusters_ : int
        Number of clusters of the subclusters.
    linkage_matrix_ : ndarray of shape (n_subclusters - 1, 4)
        The merges of the subclusters as SciPy's linkage matrix, on the host, if the global step
        builds a tree. `DendrogramDisplay.from_estimator` draws it.
    root_ : node
        The root of the tree. A node has `subclusters_`, and each of these has `n_samples_`,
        `centroid_`, `radius` and, outside the leaves, `child_`. Nodes are views, made on access.
    dummy_leaf_ : node
        Its `next_leaf_` is the first leaf; following `next_leaf_` from there visits all leaves.
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has string column names.

    See Also
    --------
    MiniBatchKMeans : a given number of centres, in one pass or a few.

    References
    ----------
    Zhang, Ramakrishnan and Livny, "BIRCH: an efficient data clustering method for very large
    databases", SIGMOD 1996. Lang and Schubert, "BETULA: numerically stable CF-trees for BIRCH
    clustering", SISAP 2020.

    Examples
    --------
    >>> from clusterx import Birch
    >>> X = [[0, 1], [0.3, 1], [-0.3, 1], [0, -1], [0.3, -1], [-0.3, -1]]
    >>> Birch(n_clusters=None).fit(X).labels_
    array([0, 0, 0, 1, 1, 1], dtype=int32)
    """

    _takes_sparse = True
    subcluster_centers_: Array
    _merges: Merges | None
    _tree: FeatureTree
    _tree_centers: Array

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        branching_factor: int = 50,
        n_clusters: Any = 3,
        compute_labels: bool = True,
    ):
        self.threshold = threshold
        self.branching_factor = branching_factor
        self.n_clusters = n_clusters
        self.compute_labels = compute_labels

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, labels_out: Any = None
    ) -> Birch:
        """Build the tree of subclusters, and cluster those.

        Parameters
        ----------
        X : array, CSR matrix, Blocks or anything Blocks takes, of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A row of weight two is inserted once, with the weight of two rows. A row of weight zero
            is left out of the tree, but gets a label.
        labels_out : path or array of shape (n_samples,), int32, optional
            Where to write the labels: the path of an NPY file, which is written block by block, or
            an array such as a memmap. If X is read in blocks, memory then does not grow with the
            number of rows.

        Returns
        -------
        Birch

        Raises
        ------
        ValueError
            Wrong parameters, NaN or infinities in X.
        """
        return self._insert(X, sample_weight, first=True, labels_out=labels_out)

    def partial_fit(self, X: Any = None, y: Any = None, sample_weight: Any = None) -> Birch:
        """Insert more rows, and cluster the subclusters again.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features), optional
            Without rows, only the global step runs.
        y : ignored
        sample_weight : array of shape (n_samples,), optional

        Returns
        -------
        Birch
        """
        if X is None:
            check_is_fitted(self, "subcluster_centers_")
            self._check_parameters()
            self._cluster_subclusters()
            return self
        return self._insert(X, sample_weight, first=not hasattr(self, "_tree"))

    def _insert(self, X: Any, sample_weight: Any, first: bool, labels_out: Any = None) -> Birch:
        self._check_parameters()
        X = without_labels(labels_out, X)
        if not first:
            self._check_same_library(X, "partial_fit", "subcluster_centers_")
        rows = self._rows(X, reset=first)
        w, _ = self._weights(sample_weight, rows)
        tree = None if first else self._tree
        if tree is not None and tree.weight.shape[1] != self.branching_factor + 1:
            raise ValueError(
                f"branching_factor is {self.branching_factor}, but the tree was built with "
                f"{tree.weight.shape[1] - 1}. Call fit() to build a new one."
            )
        if tree is not None:  # a loaded model has the tree on the host
            tree = tree._replace(centers=asarray(self._tree_centers, like=rows.like))
        insert = rows.kernels.feature_trees.insert
        with rows.kernels.runtime.limited_blas():
            how = float(self.threshold), int(self.branching_factor)
            tree = rows.fold(insert, tree, *how, along=(w,))
        assert tree is not None
        # the centres are an attribute of their own, because they move between devices
        self._tree, self._tree_centers = tree._replace(centers=None), tree.centers
        self._read_leaves(rows)
        self._cluster_subclusters()
        if labels_out is not None:
            self.labels_ = self._predict_into(labels_out, X)
        elif self.compute_labels:
            self.labels_ = self._labels_of(rows, self.subcluster_centers_)
        return self

    def _check_parameters(self) -> None:
        check_number(self, "threshold", self.threshold, numbers.Real, least=0)
        if self.threshold == 0:
            raise ValueError(
                "The 'threshold' parameter of Birch must be above 0; got 0. For subclusters of "
                "equal rows only, choose a value below all nonzero distances."
            )
        check_number(self, "branching_factor", self.branching_factor, numbers.Integral, least=2)
        given = self.n_clusters
        if given is not None and not isinstance(given, ClusterMixin):
            if not isinstance(given, numbers.Real):
                raise TypeError(
                    "The 'n_clusters' parameter of Birch must be a whole number, a clusterer or "
                    f"None; got {given!r}."
                )
            check_number(self, "n_clusters", given, numbers.Integral, least=1)

    def _read_leaves(self, rows: Rows) -> None:
        xp, tree = rows.xp, self._tree
        nodes = leaves(tree)
        width = tree.weight.shape[1]
        places = [node * width + np.arange(tree.used[node]) for node in nodes]
        flat = xp.reshape(self._tree_centers, (-1, rows.d))
        taken = xp.take(flat, asarray(np.concatenate(places), like=rows.like), axis=0)
        self.subcluster_centers_ = contiguous(xp.astype(taken, rows.dtype))

    def _cluster_subclusters(self) -> None:
        centers, given = self.subcluster_centers_, self.n_clusters
        m = centers.shape[0]
        whole = isinstance(given, numbers.Integral)
        tree: Any = None
        if given is None or (whole and m < given):
            labels: Any = np.arange(m)
            if whole:
                warnings.warn(
                    f"Number of subclusters found ({m}) by BIRCH is less than ({given}). Decrease "
                    "the threshold.",
                    ConvergenceWarning,
                    stacklevel=4,
                )
        elif whole and m == 1:  # a tree has at least two leaves
            labels = np.zeros(1, np.int32)
        else:
            tree = AgglomerativeClustering(given) if whole else clone(given)
            labels = tree.fit_predict(centers)
        self._merges = None
        merges = getattr(tree, "children_", None)
        if merges is not None and merges.shape[0] == m - 1 and hasattr(tree, "linkage_matrix_"):
            Z = tree.linkage_matrix_
            # a record, because arrays among the attributes would have to be where X is
            self._merges = Merges(Z[:, :2].astype(np.int64), Z[:, 2], Z[:, 3].astype(np.int64))
        self.n_clusters_ = len(np.unique(to_host(labels)))
        self.subcluster_labels_ = asarray(to_host(labels).astype(np.int32), like=centers)

    # -- using ---------------------------------------------------------------------------------

    def _fitted_rows(self, X: Any, method: str) -> tuple[Rows, Array]:
        check_is_fitted(self, "subcluster_centers_")
        centers = fitted_matrix(self, "subcluster_centers_")
        self._check_same_library(X, method, "subcluster_centers_")
        rows = self._rows(X, reset=False, beside="subcluster_centers_")
        return rows, rows.xp.asarray(centers, dtype=rows.xp.result_type(centers.dtype, rows.dtype))

    def _labels_of(self, rows: Rows, centers: Array) -> Array:
        return rows.map(
            _looked_up, rows.kernels.distances.nearest, centers, self.subcluster_labels_
        )

    def predict(self, X: Any, *, labels_out: Any = None) -> Array:
        """The cluster of the nearest subcluster of each row.

        Parameters
        ----------
        X : array, CSR matrix, Blocks or anything Blocks takes, of shape (n_samples, n_features)
        labels_out : path or array of shape (n_samples,), int32, optional
            Where to write the labels: the path of an NPY file, which is written block by block, or
            an array such as a memmap. If X is read in blocks, memory then does not grow with the
            number of rows.

        Returns
        -------
        labels : array of shape (n_samples,), int32
        """
        if labels_out is not None:
            return self._predict_into(labels_out, X)
        rows, centers = self._fitted_rows(X, "predict")
        return self._labels_of(rows, centers)

    def transform(self, X: Any) -> Array:
        """Euclidean distance of each row to each subcluster's centre.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features)

        Returns
        -------
        distances : array of shape (n_samples, n_subclusters)
        """
        rows, centers = self._fitted_rows(X, "transform")
        found = rows.map(rows.kernels.distances.distances, centers)
        return namespace(found).astype(found, centers.dtype, copy=False)

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return the labels of the rows."""
        self.fit(X, sample_weight=sample_weight)
        return self.labels_ if self.compute_labels else self.predict(X)

    @property
    def _n_features_out(self) -> int:
        return self.subcluster_centers_.shape[0]

    # -- the tree ------------------------------------------------------------------------------

    @property
    def linkage_matrix_(self) -> np.ndarray:
        merges = getattr(self, "_merges", None)
        if merges is None:
            raise AttributeError("The global step of this Birch has built no tree of merges.")
        return linkage_matrix(merges.children, merges.heights)

    @property
    def root_(self) -> Node:
        return Node(self._whole_tree(), int(self._tree.top[1]))

    @property
    def dummy_leaf_(self) -> BeforeLeaves:
        return BeforeLeaves(self._whole_tree())

    def _whole_tree(self) -> FeatureTree:
        if not hasattr(self, "_tree"):
            raise AttributeError("Birch has no tree before it is fitted.")
        return self._tree._replace(centers=self._tree_centers)


def _looked_up(X: Any, nearest: Any, centers: Array, labels: Array) -> Array:
    return namespace(labels).take(labels, nearest(X, centers)[0])


class Node:
    """A node of the tree: a view of its subclusters."""

    def __init__(self, tree: FeatureTree, node: int):
        self._feature_tree, self._node = tree, node

    @property
    def is_leaf(self) -> bool:
        return bool(self._feature_tree.child[self._node, 0] < 0)

    @property
    def subclusters_(self) -> list[Subcluster]:
        count = int(self._feature_tree.used[self._node])
        return [Subcluster(self._feature_tree, self._node, slot) for slot in range(count)]

    @property
    def centroids_(self) -> Array:
        count = int(self._feature_tree.used[self._node])
        return self._feature_tree.centers[self._node, :count, :]

    @property
    def next_leaf_(self) -> Node | None:
        after = int(self._feature_tree.after[self._node])
        return None if after < 0 else Node(self._feature_tree, after)


class BeforeLeaves:
    """The entry to the chain of leaves."""

    def __init__(self, tree: FeatureTree):
        self.next_leaf_: Node | None = Node(tree, 0)

    def __iter__(self) -> Iterator[Node]:
        leaf = self.next_leaf_
        while leaf is not None:
            yield leaf
            leaf = leaf.next_leaf_


class Subcluster:
    """The summary of the rows below a slot of a node."""

    def __init__(self, tree: FeatureTree, node: int, slot: int):
        self._feature_tree, self._place = tree, (node, slot)

    @property
    def n_samples_(self) -> float:
        """The number of rows, or their weight; an int if it is a whole number."""
        weight = float(self._feature_tree.weight[self._place])
        return int(weight) if weight.is_integer() else weight

    @property
    def centroid_(self) -> Array:
        return self._feature_tree.centers[(*self._place, slice(None))]

    @property
    def radius(self) -> float:
        """The root of the mean squared distance to the centre."""
        tree = self._feature_tree
        return float((tree.scatter[self._place] / tree.weight[self._place]) ** 0.5)

    @property
    def child_(self) -> Node | None:
        child = int(self._feature_tree.child[self._place])
        return None if child < 0 else Node(self._feature_tree, child)
