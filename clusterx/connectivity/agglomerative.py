"""Agglomerative clustering of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, asarray, namespace, to_host
from ..rows import InMemory
from .base import Agglomeration
from .structured import neighbours_of


class AgglomerativeClustering(Agglomeration):
    """A tree of clusters: the two nearest ones merge, until one is left; and a cut through it.

    Parameters
    ----------
    n_clusters : int or None, default=2
        Clusters to cut the tree into; None if `distance_threshold` is given.
    metric : str or callable, default="euclidean"
        Ward, centroid and median take ``"euclidean"`` (``"l2"``) or ``"precomputed"``; the others
        any metric of `NearestNeighbors`. ``"precomputed"``: X is a square matrix of distances, of
        which what is above the diagonal is read. A callable gets X and returns such a matrix.
    memory : str or joblib.Memory, default=None
        Where trees over rows on the host are cached.
    connectivity : array, sparse matrix or callable, default=None
        Which rows are neighbours, as a matrix (n, n) whose entries other than zero count, or as a
        function of X that returns one. Only neighbours merge.
    compute_full_tree : {"auto"} or bool, default="auto"
        With connectivity, whether the tree is built beyond `n_clusters`. ``"auto"``: yes, where
        there are fewer than 100 or 2% of the rows, or for a threshold.
    linkage : str, default="ward"
        What the distance of two clusters is. ``"ward"``: ``sqrt(2 a b / (a + b))`` times the
        distance of their means, for sizes a and b, which grows with the sum of squares;
        ``"complete"``, ``"average"``, ``"single"``: the largest, mean and least distance of two of
        their rows. Beyond scikit-learn: ``"weighted"``, the mean of the distances to the two parts
        of a cluster; ``"centroid"``, the distance of the means; ``"median"``, of points half-way
        between those of the parts. The last two have inversions: a merge may be lower than one
        before it.
    distance_threshold : float, default=None
        Merges at this distance or above are not made.
    compute_distances : bool, default=False
        Whether there are `distances_` without a threshold; `linkage_matrix_` has them in any case.

    Attributes
    ----------
    labels_ : array of shape (n,)
        Clusters, int32, numbered as in scikit-learn; -1 for rows of weight zero.
    n_clusters_ : int
    children_ : array of shape (n_leaves_ - 1, 2)
        The two nodes of each merge: below `n_leaves_` a leaf, else the merge
        ``i - n_leaves_``. Fewer merges if the tree stopped early.
    distances_ : array of shape (n_leaves_ - 1,)
        Heights of the merges, those of `scipy.cluster.hierarchy.linkage`; with `compute_distances`
        or a threshold.
    counts_ : array of shape (n_leaves_ - 1,)
        Leaves below each merge.
    linkage_matrix_ : ndarray of shape (n_leaves_ - 1, 4)
        SciPy's form of the tree, on the host.
    n_leaves_ : int
        Rows with weight, in their order.
    n_connected_components_ : int
        Parts that the connectivity had.
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has names of columns.

    See Also
    --------
    FeatureAgglomeration : Merges columns.
    HDBSCAN : Single linkage that leaves noise out.
    clusterx.plotting.DendrogramDisplay : Draws the tree.

    Notes
    -----
    Ward takes O(n d) memory: in each round all pairs that are nearest to each other merge, found in
    a k-d tree of the centroids where there are few columns; a chain takes over where rounds merge
    too little. Single linkage takes O(n) memory, by the least spanning tree. The other linkages
    take 8 n^2 bytes for the matrix of distances and O(n^2) time.

    Where distances are equal, complete, average and Ward linkage of up to 1,024 rows merge in the
    order of SciPy and scikit-learn. Ward of more rows merges pairs of lower rows first, and single
    linkage goes by the edges of the spanning tree: length, lower, higher row.

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
            average and centroid linkage depend on weights, the others on which are zero.

        Returns
        -------
        AgglomerativeClustering
            This model, fitted.

        Raises
        ------
        TypeError, ValueError
            A parameter, X or the weights are not what is wanted, or more clusters than rows are.
        MemoryError
            There is no room for a matrix of all distances.
        """
        self._check_parameters()
        X = self._read(X)
        weights, _ = self._weights(sample_weight, InMemory(X))
        self._kept, sizes, neighbours = None, None, None
        if self.connectivity is not None:
            neighbours = neighbours_of(X, self.connectivity)
        if weights is not None:
            sizes = to_host(weights).astype(np.float64, copy=False)
            if not sizes.all():
                self._kept = sizes > 0
                X, sizes = self._some(X, np.flatnonzero(sizes)), sizes[self._kept]
                if neighbours is not None:
                    neighbours = neighbours[self._kept][:, self._kept]
        self._fit_tree(X, sizes, neighbours)
        return self

    def _some(self, X: Array, rows: np.ndarray) -> Array:
        xp, places = namespace(X), asarray(rows, like=X)
        X = xp.take(X, places, axis=0)
        return xp.take(X, places, axis=1) if self._precomputed else X

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and the labels of the rows.

        Parameters
        ----------
        X, y, sample_weight
            As of `fit`.

        Returns
        -------
        labels : array of shape (n,), int32
        """
        return self.fit(X, sample_weight=sample_weight).labels_
