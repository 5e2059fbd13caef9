"""Bisecting k-means: clusters split in two until there are enough."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..arrays import Array, asarray, concat, dtype_name, namespace, to_host
from ..blocks import TILE
from ..kernels.kmeans import LloydStep, Within
from ..rows import InMemory, Rows
from ..validation import check_choice, check_number
from .base import CentroidClusterer
from .inertia import mean_variance, weighted_sum
from .lloyd import lloyd
from .seeding import check_enough_rows
from .steps import lloyd_step

#: Starts whose inertias differ by less than this fraction count as equal, as in scikit-learn.
SAME_INERTIA = 1e-6


class Leaf(NamedTuple):
    """A cluster of the tree that is not split yet."""

    node: int
    rows: np.ndarray | None  # its rows in rising order; None: all rows
    size: float  # weight
    counted: int  # rows of positive weight
    inertia: float
    whole: bool = False  # it can't be split, because its rows are equal
    center: Array | None = None  # (d,)
    squared: Array | None = None  # squared distances of its rows from the centre


class Half(NamedTuple):
    """A split of a cluster by k-means with two centres."""

    right: np.ndarray  # (m,) bool, on the host: which rows go right
    centers: Array  # (2, d)
    inertias: tuple[float, float]
    squared: Array  # (m,) squared distances of the rows from their centres


class SplitTree(NamedTuple):
    """Splits in the order in which they were made; node 0 is the root."""

    node: np.ndarray  # (m,) the node that is split
    left: np.ndarray  # (m,) node numbers
    right: np.ndarray  # (m,)
    label: np.ndarray  # (2 m + 1,) cluster of each leaf, -1 for nodes that are split


class BisectingKMeans(CentroidClusterer):
    """k-means by splitting: one cluster after another is divided in two.

    The cluster with the largest inertia, or the largest one, is split by k-means with two centres
    until there are `n_clusters`. Each split reads the rows of one cluster only, so a fit takes
    about ``n d log(k)`` operations per iteration where the clusters are even, and ``n d k`` at
    worst. Memory: a copy of the rows of one cluster. `Blocks` are read block by block as long as a
    cluster does not fit into `working_memory`.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {'random', 'k-means++', 'k-means||', 'maximin'} or callable, default='random'
        Initial centres of each split. A callable takes ``(X, n_clusters, random_state=...)`` with
        the rows of the cluster and ``n_clusters=2``.
    n_init : int, default=1
        Starts of each split, of which the one with the lowest inertia is kept.
    random_state : int, RandomState or None
        Every backend sees the same draws.
    max_iter : int, default=300
        Iterations of each split.
    verbose : int, default=0
    tol : float, default=1e-4
        A split ends when the squared movements of its centres sum to at most this. As in
        scikit-learn, and unlike in `KMeans`, it is not relative to the variance.
    copy_x : bool, default=True
        For compatibility: X is never changed.
    algorithm : {'lloyd', 'elkan'}, default='lloyd'
        Both names give the same exact result by the same kernels.
    bisecting_strategy : {'biggest_inertia', 'largest_cluster'}, default='biggest_inertia'
        Which cluster is split next: that with the largest weighted sum of squared distances to its
        centre, or that with most rows (most weight with `sample_weight`). A cluster whose rows are
        all equal is split only if no other is left.

    Attributes
    ----------
    cluster_centers_ : array of shape (n_clusters, n_features)
        In the library, on the device and in the dtype of X, in the order of the tree's leaves.
    labels_ : array of shape (n_samples,), int32
    inertia_ : float
        Weighted sum of squared distances to the centres of the rows' own clusters.
    children_ : array of shape (n_clusters - 1, 2), int64
        The tree as merges of clusters, as in `AgglomerativeClustering`: below `n_clusters` a node
        is a cluster, else the merge ``i - n_clusters``.
    distances_ : array of shape (n_clusters - 1,)
        Height of each merge: the root of twice the inertia of the cluster that was split, which is
        the distance between two single rows. It never falls from a node to its parent.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features,), if X has string column names

    See Also
    --------
    KMeans : all centres at once, with a lower inertia as a rule.
    clusterx.plotting.DendrogramDisplay : draws the tree.

    References
    ----------
    Steinbach, Karypis and Kumar, "A comparison of document clustering techniques", KDD Workshop on
    Text Mining, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import BisectingKMeans
    >>> X = np.array([[1, 1], [10, 1], [3, 1], [10, 0], [2, 1], [10, 2], [10, 8], [10, 9]])
    >>> model = BisectingKMeans(n_clusters=3, random_state=0).fit(X)
    >>> model.labels_
    array([0, 2, 0, 2, 0, 2, 1, 1], dtype=int32)
    >>> model.children_
    array([[1, 2],
           [0, 3]])
    """

    children_: Array

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "random",
        n_init: int = 1,
        random_state: Any = None,
        max_iter: int = 300,
        verbose: int = 0,
        tol: float = 1e-4,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        bisecting_strategy: str = "biggest_inertia",
    ):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.random_state = random_state
        self.max_iter = max_iter
        self.verbose = verbose
        self.tol = tol
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.bisecting_strategy = bisecting_strategy

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> BisectingKMeans:
        """Find the tree of clusters.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features)
            float32 and float64 are kept; small integers become float32, others float64.
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A weight of two counts as a row repeated, and one of zero as a row left out.

        Returns
        -------
        BisectingKMeans
            This estimator.

        Raises
        ------
        ValueError
            Wrong parameters, fewer rows of positive weight than clusters, NaN or infinities in X.
        """
        self._check_parameters()
        rows = self._rows(X, reset=True)
        w, total = self._weights(sample_weight, rows)
        check_enough_rows(rows, w, self.n_clusters)
        with rows.kernels.runtime.limited_blas():
            self._grow(rows, w, total)
        return self

    def _check_parameters(self) -> None:
        self._check_shared_parameters()
        if not (isinstance(self.init, str) or callable(self.init)):
            raise ValueError(
                "The 'init' parameter of BisectingKMeans must be a name or a callable, got "
                f"{type(self.init).__name__}: each split needs its own initial centres."
            )
        check_number(self, "n_init", self.n_init, numbers.Integral, least=1)
        check_choice(self, "algorithm", self.algorithm, ("lloyd", "elkan"))
        check_choice(
            self,
            "bisecting_strategy",
            self.bisecting_strategy,
            ("biggest_inertia", "largest_cluster"),
        )

    def _grow(self, rows: Rows, w: Array | None, total: float) -> None:
        k = self.n_clusters
        rng = check_random_state(self.random_state)
        weights = None if w is None else to_host(w).astype(np.float64)
        counted = rows.n if weights is None else int(np.count_nonzero(weights))
        if k == 1:
            center, inertia = self._only_center(rows, w, total)
            self._keep(rows, [Leaf(0, None, total, counted, inertia)], [center], [], [inertia])
            return
        step = lloyd_step(rows, w, total, 2)
        variance = mean_variance(rows, w, step)
        inertias = [variance * rows.d * total]
        leaves, centers = [Leaf(0, None, total, counted, inertias[0])], []
        splits: list[int] = []
        while len(leaves) < k:
            leaf = self._next(leaves)
            at = next(i for i, other in enumerate(leaves) if other is leaf)
            part = rows if leaf.rows is None else rows.part(leaf.rows)
            own = w
            if leaf.rows is not None and w is not None and weights is not None:
                own = part.along(weights[leaf.rows].astype(dtype_name(w.dtype)))
            if leaf.rows is None or leaf.squared is None:
                half = self._split(part, own, step, rng)
            else:
                within = Within(step, leaf.rows, leaf.center, leaf.squared)
                half = self._split(part, own, lloyd_step(part, own, leaf.size, 2, within), rng)
            if self.verbose:
                print(f"New centroids from bisection: {half.centers}")
            made = self._halves(leaf, half, 2 * len(splits) + 1, weights, rows.n)
            if min(made[0].counted, made[1].counted) == 0 and not leaf.whole:
                leaves[at] = leaf._replace(whole=True)
                continue
            leaves[at : at + 1] = made
            splits.append(leaf.node)
            centers += [half.centers[i : i + 1, ...] for i in (0, 1)]
            inertias += half.inertias
        self._keep(rows, leaves, centers, splits, inertias)
        used = sum(leaf.counted > 0 for leaf in leaves)
        if used < k:
            warnings.warn(
                f"Number of distinct clusters ({used}) found smaller than n_clusters ({k}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _only_center(self, rows: Rows, w: Array | None, total: float) -> tuple[Array, float]:
        """The mean of all rows (1, d), and their inertia."""
        xp = rows.xp
        mean = xp.astype(asarray(rows.summary.mean, like=rows.like), rows.dtype)
        step = lloyd_step(rows, w, total, 1)
        fit = lloyd(rows, step, xp.reshape(mean, (1, rows.d)), w, max_iter=2, tol=0.0)
        return fit.centers, fit.inertia

    def _next(self, leaves: list[Leaf]) -> Leaf:
        """The leaf to split: the first one of equal scores."""
        by_size = self.bisecting_strategy == "largest_cluster"

        def score(leaf: Leaf) -> tuple[bool, float]:
            return not leaf.whole, leaf.size if by_size else leaf.inertia

        # there are more rows than leaves, so a leaf has two rows
        return max((leaf for leaf in leaves if leaf.counted > 1), key=score)

    def _split(self, rows: Rows, w: Array | None, step: LloydStep, rng: Any) -> Half:
        """The best of `n_init` runs of k-means with two centres."""
        best, least = None, math.inf
        for _ in range(self.n_init):
            start = self._init_centers(rows, w, rng, step, 2)
            fit = lloyd(
                rows, step, start, w, max_iter=self.max_iter, tol=self.tol, verbose=self.verbose
            )
            if best is None or fit.inertia < least * (1 - SAME_INERTIA):
                squared, least = step.distances(), fit.inertia
                xp, right = namespace(squared), fit.labels == 1
                none = xp.zeros_like(squared)
                inertias = (
                    weighted_sum(xp.where(right, none, squared), w),
                    weighted_sum(xp.where(right, squared, none), w),
                )
                best = Half(to_host(right), fit.centers, inertias, squared)
        assert best is not None
        return best

    def _halves(
        self, leaf: Leaf, half: Half, node: int, weights: np.ndarray | None, n: int
    ) -> list[Leaf]:
        """The two leaves that take the place of one, numbered from `node`."""
        own = np.arange(n) if leaf.rows is None else leaf.rows
        made: list[Leaf] = []
        for i, chosen in enumerate((~half.right, half.right)):
            side, squared = own[chosen], half.squared[asarray(chosen, like=half.squared)]
            sizes = None if weights is None else weights[side]
            size = float(len(side) if sizes is None else sizes.sum())
            counted = len(side) if sizes is None else int(np.count_nonzero(sizes))
            known = half.inertias[i], leaf.whole, half.centers[i, ...], squared
            made.append(Leaf(node + i, side, size, counted, *known))
        return made

    def _keep(
        self,
        rows: Rows,
        leaves: list[Leaf],
        centers: list[Array],
        splits: list[int],
        inertias: list[float],
    ) -> None:
        """Set the attributes. `centers`: those of all nodes but the root, or of the root alone."""
        labels = np.zeros(rows.n, np.int32)
        of_node = np.full(2 * len(splits) + 1, -1, np.int32)
        for i, leaf in enumerate(leaves):
            of_node[leaf.node] = i
            if leaf.rows is not None:
                labels[leaf.rows] = i
        first = 1 if splits else 0
        self.cluster_centers_ = concat(centers[leaf.node - first] for leaf in leaves)
        self._node_centers = concat(centers)
        left = 2 * np.arange(len(splits)) + 1
        self._tree = SplitTree(np.array(splits, np.int64), left, left + 1, of_node)
        self.labels_ = rows.along(labels)
        self.inertia_ = math.fsum(leaf.inertia for leaf in leaves)
        children, heights = merges(self._tree, np.array(inertias))
        self.children_ = asarray(children, like=rows.like)
        self.distances_ = asarray(heights, like=rows.like)

    def predict(self, X: Any, *, labels_out: Any = None) -> Array:
        """The cluster of each row, found by going down the tree to the nearer half.

        Rows of `fit` get their labels in `labels_`. The centre of another cluster may be nearer.

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
            On the device of X; the left half among equally near ones.

        Raises
        ------
        ValueError
            X has another library, device or number of features than in `fit`, or contains NaN.
        """
        if labels_out is not None:
            return self._predict_into(labels_out, X)
        rows, centers = self._fitted_rows(X, "predict")
        nodes = rows.xp.asarray(self._node_centers, dtype=centers.dtype)
        return rows.map(_descend, nodes, self._tree)


def _descend(X: Any, nodes: Array, tree: SplitTree) -> Array:
    """Labels of the rows; at most a tile of them is copied at a time."""
    rows = InMemory(X)
    nearest, height = rows.kernels.distances.nearest, max(1, TILE // rows.d)
    labels = np.empty(rows.n, np.int32)
    for a in range(0, rows.n, height):
        block = InMemory(X[a : min(rows.n, a + height), :])
        at = np.zeros(block.n, np.int64)
        for node, left in zip(tree.node, tree.left, strict=True):
            here = np.flatnonzero(at == node)
            if not here.size:
                continue
            part = block.subset(here) if here.size < block.n else block
            pair = nodes[int(left) - 1 : int(left) + 1, ...]
            at[here] = left + to_host(nearest(part.X, pair)[0])
        labels[a : a + block.n] = tree.label[at]
    return asarray(labels, like=rows.like)


def merges(tree: SplitTree, inertias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The splits as merges of clusters: children (m, 2), and their heights (m,), rising."""
    m = len(tree.node)
    of_node = np.zeros(2 * m + 1)
    for i in range(m - 1, -1, -1):  # later splits are below earlier ones
        node, left, right = tree.node[i], tree.left[i], tree.right[i]
        of_node[node] = max(inertias[node], of_node[left], of_node[right])
    order = np.argsort(of_node[tree.node][::-1], kind="stable")
    number = tree.label.astype(np.int64)
    children = np.empty((m, 2), np.int64)
    for merge, split in enumerate(m - 1 - order):
        children[merge] = number[tree.left[split]], number[tree.right[split]]
        number[tree.node[split]] = m + 1 + merge
    return children, np.sqrt(2 * of_node[tree.node][::-1][order])
