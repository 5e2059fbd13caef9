"""k-medians: clusters around medians, by Manhattan distances."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from sklearn.utils import check_random_state

from ..arrays import Array, namespace, to_host
from ..neighbors.between import distances_between
from ..rows import Rows
from .base import CentroidClusterer
from .inertia import weighted_sum
from .streamed_medians import StreamedMedians


class MediansResult(NamedTuple):
    centers: Array
    labels: Array
    inertia: float
    n_iter: int


class KMedians(CentroidClusterer):
    """Clusters around k points whose coordinates are medians.

    Each row joins the centre at the least Manhattan distance, and each centre moves to the median
    of every column of its rows, which minimises the sum of those distances. So outliers move no
    centre far. The median of an even number of rows is the mean of the middle two.

    An iteration takes n d k operations and as much memory as X. `Blocks`, and what is read as such,
    are read 4 to 7 times in each iteration: once to label the rows, and again for each digit of the
    medians. They keep 12 bytes per row in memory.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {'k-means++', 'random', 'k-means||', 'maximin'}, array or callable
        How the initial centres are found, as in `KMeans`. A callable takes
        ``(X, n_clusters, random_state=...)``.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the one with the lowest inertia is kept. ``'auto'`` is 10 for
        ``'random'`` and callables and 1 otherwise.
    max_iter : int, default=300
    tol : float, default=1e-4
        The iterations end when one lowers the inertia by less than this fraction, or when no label
        changes.
    verbose : int, default=0
    random_state : int, RandomState or None

    Attributes
    ----------
    cluster_centers_ : array of shape (n_clusters, n_features)
        In the library, on the device and in the dtype of X.
    labels_ : array of shape (n_samples,), int32
    inertia_ : float
        Weighted sum of Manhattan distances to the nearest centres.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has string column names.

    See Also
    --------
    KMeans : means, by squared Euclidean distances.
    KMedoids : rows as centres, by any metric.

    References
    ----------
    Bradley, Mangasarian and Street, "Clustering via concave minimization", NIPS 1996.

    Examples
    --------
    >>> from clusterx import KMedians
    >>> X = [[1.0], [2.0], [3.0], [10.0], [11.0], [900.0]]
    >>> KMedians(2, init=[[1.0], [10.0]]).fit(X).cluster_centers_.tolist()
    [[2.0], [11.0]]
    """

    _takes_sparse = False

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: Any = None,
    ):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMedians:
        """Find the centres.

        Parameters
        ----------
        X : array, Blocks or what those take, of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A weight of two counts as a row repeated, and one of zero as a row left out.

        Returns
        -------
        KMedians

        Raises
        ------
        ValueError
            Wrong parameters, fewer rows of positive weight than clusters, NaN or infinities in X.
        """
        self._check_shared_parameters()
        rows = self._rows(X, reset=True)
        w, _ = self._weights(sample_weight, rows)
        starts = self._starts(rows, w, default=10)
        rng = check_random_state(self.random_state)
        fits = (self._run(rows, w, self._init_centers(rows, w, rng)) for _ in range(starts))
        best = min(fits, key=lambda fit: fit.inertia)
        self.cluster_centers_, self.labels_ = best.centers, best.labels
        self.inertia_, self.n_iter_ = best.inertia, best.n_iter
        return self

    def _run(self, rows: Rows, w: Array | None, centers: Array) -> MediansResult:
        """Iterate from the given centres; the labels are those of the resulting centres."""
        kernels = rows.kernels.medians
        medians = rows.step(lambda X: partial(kernels.medians, X), streamed=StreamedMedians)
        labels, apart = rows.map(kernels.nearest_manhattan, centers)
        inertia, n_iter, end = weighted_sum(apart, w), 0, False
        while n_iter < self.max_iter and not end:
            n_iter += 1
            centers = medians(w, labels, centers)
            centers = self._relocated(rows, w, centers, labels, apart)
            before, last = labels, inertia
            labels, apart = rows.map(kernels.nearest_manhattan, centers)
            inertia = weighted_sum(apart, w)
            if self.verbose:
                print(f"Iteration {n_iter - 1}, inertia {inertia}.")
            same = not to_host(namespace(labels).any(labels != before))
            end = same or last - inertia <= self.tol * inertia
        return MediansResult(centers, labels, inertia, n_iter)

    def _relocated(
        self, rows: Rows, w: Array | None, centers: Array, labels: Array, apart: Array
    ) -> Array:
        """The centres, with those that have no weight moved to the farthest rows."""
        xp = rows.xp
        counted = labels if w is None else xp.where(w > 0, labels, -xp.ones_like(labels))
        k = self.n_clusters
        empty = [i for i in range(k) if i not in set(to_host(counted).tolist())]
        if not empty:
            return centers
        if w is not None:
            apart = xp.where(w > 0, apart, -xp.ones_like(apart))
        far = rows.farthest(apart, len(empty))
        moved = rows.take(far)
        places = {cluster: i for i, cluster in enumerate(empty)}
        return xp.stack(
            [moved[places[i], :] if i in places else centers[i, :] for i in range(k)], axis=0
        )

    def predict(self, X: Any, *, labels_out: Any = None) -> Array:
        """The centre nearest to each row by Manhattan distance; the first of equally near ones.

        Parameters
        ----------
        X : array, Blocks or anything Blocks takes, of shape (n_samples, n_features)
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
        return rows.map(rows.kernels.medians.nearest_manhattan, centers)[0]

    def transform(self, X: Any) -> Array:
        """Manhattan distance of each row to each centre.

        Parameters
        ----------
        X : array or Blocks of shape (n_samples, n_features)

        Returns
        -------
        distances : array of shape (n_samples, n_clusters)
        """
        rows, centers = self._fitted_rows(X, "transform")
        found = rows.map(lambda block, C: distances_between(block, C, "manhattan", None), centers)
        return namespace(found).astype(found, centers.dtype, copy=False)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The negative of the weighted sum of Manhattan distances to the nearest centres.

        Parameters
        ----------
        X : array or Blocks of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional
        """
        rows, centers = self._fitted_rows(X, "score")
        w, _ = self._weights(sample_weight, rows)
        return -weighted_sum(rows.map(rows.kernels.medians.nearest_manhattan, centers)[1], w)
