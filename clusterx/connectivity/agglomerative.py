"""Agglomerative clustering of rows."""

from __future__ import annotations

from typing import Any

from ..arrays import Array
from .base import Agglomeration
from .structured import neighbours_of


class AgglomerativeClustering(Agglomeration):
    """A tree of clusters, built by merging the two nearest ones until one is left, and a cut of it.

    Parameters
    ----------
    n_clusters : int or None, default=2
        Clusters to cut the tree into; None if `distance_threshold` is given.
    metric : str or callable, default="euclidean"
        Ward, centroid and median take ``"euclidean"`` (``"l2"``) or ``"precomputed"``; the others
        any metric of `NearestNeighbors`. ``"precomputed"``: X is a square matrix of distances, of
        which only the part above the diagonal is read. A callable gets X and returns such a matrix.
    memory : str or joblib.Memory, default=None
        Where trees of host rows are cached.
    connectivity : array, sparse matrix or callable, default=None
        Which rows are neighbours: a matrix (n, n) whose nonzero entries count, or a function of X
        that returns one. Only neighbours merge. Rows on a device stay there, and the graph comes to
        the host; so with single, complete, average and weighted linkage alone, and Euclidean,
        Manhattan, Chebyshev or given distances.
    compute_full_tree : {"auto"} or bool, default="auto"
        With connectivity, whether the tree is built beyond `n_clusters`. ``"auto"``: yes, if
        `n_clusters` is below 100 or 2% of the rows, or with a threshold.
    linkage : str, default="ward"
        The distance between two clusters. ``"ward"``: ``sqrt(2 a b / (a + b))`` times the distance
        between their means, for sizes a and b, so that each merge adds the least to the sum of
        squares; ``"complete"``, ``"average"``, ``"single"``: the largest, mean and least distance
        between a row of one and a row of the other. Beyond scikit-learn: ``"weighted"``, the mean
        of the distances to the two parts of a cluster; ``"centroid"``, the distance between the
        means; ``"median"``, as centroid, but a merged cluster has its centre half-way between those
        of its two parts. The last two have inversions: a merge may be lower than an earlier one.
    distance_threshold : float, default=None
        Merges at this distance or above are not made.
    compute_distances : bool, default=False
        Whether to set `distances_` without a threshold too; `linkage_matrix_` always has them.

    Attributes
    ----------
    labels_ : array of shape (n,)
        Clusters, int32, numbered as in scikit-learn; -1 for rows of weight zero.
    n_clusters_ : int
    children_ : array of shape (n_leaves - 1, 2)
        The two nodes of each merge: below `n_leaves_` a leaf, else the merge
        ``i - n_leaves_``. Fewer merges if the tree stopped early.
    distances_ : array of shape (n_leaves - 1,)
        Heights of the merges, as in `scipy.cluster.hierarchy.linkage`. Only with
        `compute_distances` or a threshold.
    counts_ : array of shape (n_leaves - 1,)
        Number of leaves below each merge.
    linkage_matrix_ : ndarray of shape (n_leaves - 1, 4)
        SciPy's form of the tree, on the host.
    n_leaves_ : int
        Number of leaves: the rows of positive weight, in their order.
    n_connected_components_ : int
        Number of connected components of the connectivity.
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has string column names.

    See Also
    --------
    FeatureAgglomeration : Merges columns.
    HDBSCAN : Single linkage that leaves noise out.
    clusterx.plotting.DendrogramDisplay : Draws the tree.

    Notes
    -----
    Ward takes O(n d) memory. In each round, all pairs of mutually nearest clusters merge; with few
    columns a k-d tree of the centroids finds them. Where rounds merge too few pairs, the
    nearest-neighbour chain takes over. Single linkage takes O(n) memory and follows the minimum
    spanning tree. The other linkages take 8 n^2 bytes for the matrix of distances and O(n^2) time.

    Where distances are equal, complete, average and Ward linkage of up to 1,024 rows merge in the
    order of SciPy and scikit-learn. Ward linkage of more rows merges the pair of lowest row numbers
    first. Single linkage takes the edges of the spanning tree by length, then lower, then higher
    row number.

    References
    ----------
    D. Muellner, "Modern hierarchical, agglomerative clustering algorithms", arXiv:1109.2378, 2011.
    J. Ward, "Hierarchical grouping to optimize an objective function", JASA 58, 1963. F. Murtagh,
    "A survey of recent advances in hierarchical clustering algorithms", Computer Journal 26, 1983.

    Examples
    --------
    >>> from clusterx import AgglomerativeClustering
    >>> X = [[1, 2], [1, 4], [1, 0], [4, 2], [4, 4], [4, 0]]
    >>> model = AgglomerativeClustering().fit(X)
    >>> model.labels_.tolist()
    [1, 1, 1, 0, 0, 0]
    >>> model.cut(distance_threshold=1.0).tolist()
    [5, 4, 3, 1, 2, 0]
    """

    def __init__(
        self,
        n_clusters=2,
        *,
        metric="euclidean",
        memory=None,
        connectivity=None,
        compute_full_tree="auto",
        linkage="ward",
        distance_threshold=None,
        compute_distances=False,
    ):
        self.n_clusters = n_clusters
        self.metric = metric
        self.memory = memory
        self.connectivity = connectivity
        self.compute_full_tree = compute_full_tree
        self.linkage = linkage
        self.distance_threshold = distance_threshold
        self.compute_distances = compute_distances

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> AgglomerativeClustering:
        """Build the tree of the rows of X, and cut it.

        Parameters
        ----------
        X : array of shape (n, d), or (n, n) of distances if precomputed
        y : ignored
        sample_weight : array of shape (n,), default=None
            A weight of two equals a row repeated, and a row of weight zero is left out. Ward,
            average and centroid linkage use the weights; the others only leave out rows of weight
            zero.

        Returns
        -------
        AgglomerativeClustering
            This model, fitted.

        Raises
        ------
        TypeError, ValueError
            A parameter, X or the weights are invalid, or there are fewer rows than clusters.
        MemoryError
            The matrix of all distances does not fit into memory.
        """
        self._check_parameters()
        X = self._read(X)
        neighbours = None
        if self.connectivity is not None:
            neighbours = neighbours_of(X, self.connectivity)
        X, sizes = self._with_weights(X, sample_weight)
        if self._kept is not None and neighbours is not None:
            neighbours = neighbours[self._kept][:, self._kept]
        self._fit_tree(X, sizes, neighbours)
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return the labels of the rows.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        labels : array of shape (n,), int32
        """
        return self.fit(X, sample_weight=sample_weight).labels_
