"""Divisive clustering: clusters are split until every row is a cluster of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray, namespace, to_host
from .base import Agglomeration
from .dense import distance_matrix
from .merges import Merges


class DivisiveClustering(Agglomeration):
    """A tree of clusters from the top down (DIANA): the widest one is split, and so on.

    A split begins with the row that has the largest average distance to the others of its cluster:
    it leaves. Then rows follow one by one, as long as one is nearer on average to the rows that
    left than to those that stay. The row with the largest difference goes first; ties go to the
    lowest row number. The tree is built down to single rows and cut into `n_clusters`; clusters are
    split in the order of their diameters, the widest first.

    It takes 8 n^2 bytes for the matrix of distances and from n^2 to n^3 operations, so it suits up
    to a few thousand rows. For more rows, use `BisectingKMeans`.

    Parameters
    ----------
    n_clusters : int or None, default=2
        Clusters to cut the tree into; None if `distance_threshold` is given.
    metric : str or callable, default="euclidean"
        Any metric of `NearestNeighbors`. ``"precomputed"``: X is a square matrix of distances, of
        which only the part above the diagonal is read. A callable gets X and returns such a matrix.
    distance_threshold : float, default=None
        Clusters of this diameter or more are split.

    Attributes
    ----------
    labels_ : array of shape (n,)
        Clusters, int32, numbered as those of `AgglomerativeClustering`.
    n_clusters_ : int
    children_ : array of shape (n - 1, 2)
        The tree as merges: below n a node is a row, else the merge ``i - n``.
    distances_ : array of shape (n - 1,)
        The diameter of each node: the largest distance between two rows below it.
    counts_ : array of shape (n - 1,)
        Number of rows below each node.
    linkage_matrix_ : ndarray of shape (n - 1, 4)
        SciPy's form of the tree, on the host.
    divisive_coefficient_ : float
        Between 0 and 1; larger values mean clearer clusters. The mean over rows of one minus the
        diameter of the last cluster that the row is split from, divided by the largest diameter.
    n_leaves_ : int
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has string column names.

    See Also
    --------
    AgglomerativeClustering : from the bottom up.
    BisectingKMeans : splits by k-means, for many rows.

    References
    ----------
    Kaufman and Rousseeuw, "Finding Groups in Data", chapter 6, Wiley, 1990.

    Examples
    --------
    >>> from clusterx import DivisiveClustering
    >>> model = DivisiveClustering(n_clusters=3).fit([[0.0], [1.0], [6.0], [7.0], [20.0]])
    >>> model.labels_.tolist()
    [2, 2, 0, 0, 1]
    >>> model.distances_.tolist()
    [1.0, 1.0, 7.0, 20.0]
    """

    connectivity = None
    compute_full_tree = True
    linkage = "average"

    def __init__(
        self,
        n_clusters: int | None = 2,
        *,
        metric: Any = "euclidean",
        distance_threshold: float | None = None,
    ):
        self.n_clusters = n_clusters
        self.metric = metric
        self.distance_threshold = distance_threshold

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> DivisiveClustering:
        """Build the tree of the rows of X, and cut it.

        Parameters
        ----------
        X : array of shape (n, d), or (n, n) of distances if precomputed
        y : ignored
        sample_weight : array of shape (n,), default=None
            How often each row counts in averages: at least once, or not at all. A weight of two
            equals a row repeated whose copies stay together. A row of weight zero is left out, and
            its label is -1.

        Returns
        -------
        DivisiveClustering
            This model, fitted.

        Raises
        ------
        TypeError, ValueError
            A parameter, X or the weights are invalid, or there are fewer rows than clusters.
        MemoryError
            The matrix of all distances does not fit into memory.
        """
        self._check_parameters()
        X, weights = self._with_weights(self._read(X), sample_weight)
        if weights is not None and weights.min() < 1:
            raise ValueError(
                "sample_weight says how often a row counts, of which averages leave out the row "
                f"itself: weights must be 0 or at least 1, got {weights.min():g}. Multiply them."
            )
        n = X.shape[0]
        if self.n_clusters is not None and self.n_clusters > n:
            raise ValueError(
                f"Cannot extract more clusters than samples: {self.n_clusters} clusters were "
                f"given for a tree with {n} leaves."
            )
        weights = np.ones(n) if weights is None else weights
        merges, last = divided(distance_matrix(X, self.metric), weights)
        self.n_leaves_, self.n_connected_components_ = n, 1
        widest = merges.heights[-1] if n > 1 else 0.0
        mean = np.average(np.where(weights > 1, 0.0, last), weights=weights)  # copies part at zero
        self.divisive_coefficient_ = float(1 - mean / widest) if widest > 0 else 0.0
        self._keep(merges, X)
        return self


class Part(NamedTuple):
    """A cluster that is still to be split."""

    node: int
    rows: np.ndarray  # rising
    weights: np.ndarray
    sums: np.ndarray  # weighted sum of the distances of each row to the others
    farthest: np.ndarray  # the row farthest from each row
    reach: np.ndarray  # the distance to it

    @property
    def diameter(self) -> float:
        return float(self.reach.max())


def divided(D: Array, weights: np.ndarray) -> tuple[Merges, np.ndarray]:
    """The splits as merges, and the diameter of the last cluster that each row was split from."""
    n = D.shape[0]
    sums = to_host(D @ asarray(weights, like=D, dtype=D.dtype))
    last = np.zeros(n)
    nodes = np.full((n - 1, 2), -1, np.int64)  # nodes of each split; rows below n
    heights, counts = np.zeros(n - 1), np.zeros(n - 1, np.int64)
    waiting = [_part(D, 0, np.arange(n), weights, sums)] if n > 1 else []
    made = 1
    while waiting:
        part = waiting.pop()
        heights[part.node], counts[part.node] = part.diameter, len(part.rows)
        for side, (rows, sums, left) in enumerate(_halves(D, part)):
            if len(rows) == 1:
                nodes[part.node, side] = rows[0]
                last[rows[0]] = part.diameter
                continue
            nodes[part.node, side] = n + made
            waiting.append(_part(D, made, rows, part.weights[left], sums, part, left))
            made += 1
    # later splits are below earlier ones, and no wider
    order = (n - 2 - np.arange(n - 1))[np.argsort(heights[::-1], kind="stable")]
    number = np.arange(2 * n - 1)
    number[n + order] = n + np.arange(n - 1)
    children = np.sort(number[nodes[order]], axis=1)
    return Merges(children, heights[order], counts[order]), last


def _part(
    D: Array,
    node: int,
    rows: np.ndarray,
    weights: np.ndarray,
    sums: np.ndarray,
    above: Part | None = None,
    kept: np.ndarray | None = None,
) -> Part:
    """A cluster; rows whose farthest row stays with them need no new search."""
    farthest, reach = np.full(len(rows), -1), np.zeros(len(rows))
    if above is not None:
        farthest, reach = above.farthest[kept], above.reach[kept]
    inside = np.isin(farthest, rows)
    here = np.flatnonzero(~inside)
    for a in range(0, len(here), 256):
        some = here[a : a + 256]
        block = _rows(D, rows[some])[:, rows]
        found = block.argmax(axis=1)
        farthest[some], reach[some] = rows[found], block[np.arange(len(some)), found]
    return Part(node, rows, weights, sums, farthest, reach)


def _rows(D: Array, rows: np.ndarray) -> np.ndarray:
    """A few rows of the matrix, on the host."""
    return to_host(namespace(D).take(D, asarray(rows, like=D), axis=0))


def _halves(D: Array, part: Part) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The rows that stay and those that leave: row numbers, sums, and places in the cluster.

    Each move updates the sums of distances to both halves from one row of the matrix.
    """
    m, weights = len(part.rows), part.weights
    left, stay = 0.0, float(weights.sum())
    leaves = np.zeros(m, bool)
    to_rest, to_new = part.sums.copy(), np.zeros(m)
    row = int(np.argmax(part.sums))
    while True:
        leaves[row] = True
        apart = _rows(D, part.rows[row : row + 1])[0, part.rows]
        to_rest -= weights[row] * apart
        to_new += weights[row] * apart
        left, stay = left + weights[row], stay - weights[row]
        if leaves.sum() == m - 1:
            break
        gain = to_rest / (stay - 1) - to_new / left
        gain[leaves] = -np.inf
        row = int(np.argmax(gain))
        # a difference within rounding is no reason to move
        if gain[row] <= 1e-12 * part.diameter:
            break
    own = np.flatnonzero(~leaves), np.flatnonzero(leaves)
    return [(part.rows[at], sums[at], at) for at, sums in zip(own, (to_rest, to_new), strict=True)]
