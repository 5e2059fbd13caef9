"""k-means: exact Lloyd iterations wherever the rows live."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..arrays import Array, namespace
from ..checkpoints import Checkpoint
from ..rows import Rows, without_labels
from ..validation import check_choice
from .base import CentroidClusterer
from .cosine import by_unit_rows, unit_length, unit_rows
from .inertia import mean_variance
from .lloyd import LloydResult, lloyd
from .resuming import restored, saving
from .steps import lloyd_step

#: Starts whose inertias differ by less than this fraction found the same clusters, up to rounding:
#: the first of them is kept, as in scikit-learn.
SAME_INERTIA = 1e-10


class KMeans(CentroidClusterer):
    """k-means clustering by exact Lloyd iterations, where the data is.

    NumPy arrays run on tuned CPU kernels, arrays of other libraries on their own device, `Blocks`
    out of core. Shortcuts (bounding boxes, bounds, projections) never change a result, and neither
    do the number of threads and the block size.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {'k-means++', 'random', 'k-means||', 'maximin'}, array or callable
        How the initial centres are found. ``'k-means||'`` reads the rows only a few times;
        ``'maximin'`` uses no random numbers. A callable takes
        ``(X, n_clusters, random_state=...)``. For chunks of Dask, ``'k-means++'`` means
        ``'k-means||'``, because it would take twice as many passes as clusters; centres of
        `kmeans_plusplus` can be passed instead.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the one with the lowest inertia is kept. ``'auto'`` is 10 for
        ``'random'`` and callables and 1 otherwise.
    max_iter : int, default=300
    tol : float, default=1e-4
        The iterations end when the squared movements of the centres sum to at most `tol` times
        the mean (weighted) variance of the columns, or when no label changes.
    verbose : int, default=0
    random_state : int, RandomState or None
        Every backend sees the same draws.
    copy_x : bool, default=True
        For compatibility: X is never changed.
    algorithm : {'lloyd', 'elkan'}, default='lloyd'
        Both names give the same exact result by the same kernels.
    metric : {'euclidean', 'cosine'}, default='euclidean'
        ``'cosine'`` is spherical k-means (Dhillon and Modha, 2001): rows and centres have length
        one, and inertia is the weighted sum of 1 - cosine.

    Attributes
    ----------
    cluster_centers_ : array of shape (n_clusters, n_features)
        In the library, on the device and in the dtype of X.
    labels_ : array of shape (n_samples,), int32
    inertia_ : float
        Weighted sum of squared distances to the nearest centres.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features,), if X has string column names

    Notes
    -----
    Where values are multiples of 1/16, whole numbers among them, rows may lie exactly half way
    between centres. The first iteration splits such rows evenly if they are many. When the
    iterations end, rows are moved to other clusters where that lowers the inertia, and the
    iterations continue within `max_iter`. This happens at most twice, for at most a few thousand
    distinct rows, and not for cosine distances.

    References
    ----------
    Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28(2), 1982.
    Hartigan, "Clustering Algorithms", Wiley, 1975.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import KMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> KMeans(n_clusters=2, random_state=0).fit(X).cluster_centers_
    array([[10.,  2.],
           [ 1.,  2.]])
    """

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
        copy_x: bool = True,
        algorithm: str = "lloyd",
        metric: str = "euclidean",
    ):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.metric = metric

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        labels_out: Any = None,
        checkpoint: Any = None,
        checkpoint_every: int = 10,
    ) -> KMeans:
        """Find the centres.

        Parameters
        ----------
        X : array, CSR matrix, Blocks or anything Blocks takes, of shape (n_samples, n_features)
            float32 and float64 are kept; small integers become float32, others float64.
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A weight of two counts as a row repeated.
        labels_out : path or array of shape (n_samples,), int32, optional
            Where the labels go: an NPY file, which is written block by block, or an array such as a
            memmap. Where X is read in blocks and `init` is an array, memory does not grow with the
            number of rows then.
        checkpoint : path, optional
            A file that keeps the state of the fit. If there is one, of a fit with the same data,
            weights and parameters that ended early, the fit goes on from there and has the same
            result. The file is deleted when the fit has ended.
        checkpoint_every : int, default=10
            Iterations between two states that are written.

        Returns
        -------
        KMeans
            This estimator.

        Raises
        ------
        ValueError
            Wrong parameters, fewer rows of positive weight than clusters, NaN or infinities in X;
            or the checkpoint is of another fit.
        """
        X = without_labels(labels_out, X)
        kept = None if checkpoint is None else (checkpoint, checkpoint_every)
        labels = self._fit_centers(X, sample_weight, kept)
        self.labels_ = labels() if labels_out is None else self._predict_into(labels_out, X)
        return self

    def _fit_centers(
        self, X: Any, sample_weight: Any, checkpoint: tuple[Any, int] | None = None
    ) -> Callable[[], Array]:
        """Fit all but the labels, and return a function that computes them."""
        self._check_shared_parameters()
        check_choice(self, "algorithm", self.algorithm, ("lloyd", "elkan"))
        check_choice(self, "metric", self.metric, ("euclidean", "cosine"))
        rows = self._rows(X, reset=True)
        if self.metric == "cosine":
            rows = unit_rows(rows)
        w, total = self._weights(sample_weight, rows)
        starts = self._starts(rows, w, default=10)
        saved = None if checkpoint is None else Checkpoint(*checkpoint, self, rows, w)
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
                stacklevel=2,
            )
        with rows.kernels.runtime.limited_blas():
            best = self._best_start(rows, w, total, starts, saved)
        if saved is not None:
            saved.done()
        if best.distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({best.distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.cluster_centers_ = best.centers
        self.inertia_ = best.inertia / 2 if self.metric == "cosine" else best.inertia
        self.n_iter_ = best.n_iter
        # rows that the caller passed may be fitted again, and that would overwrite the step's
        # labels
        return lambda: _own(best.labels) if rows is X else best.labels

    def _best_start(
        self, rows: Rows, w: Array | None, total: float, starts: int, saved: Checkpoint | None
    ) -> LloydResult:
        rng = check_random_state(self.random_state)
        step = lloyd_step(rows, w, total, self.n_clusters)
        tol = self.tol
        if tol > 0:
            tol *= mean_variance(rows, w, step)
        going = None if saved is None else restored(saved, rng, rows, step)
        best = None if going is None else going.best
        for start in range(0 if going is None else going.start, starts):
            first = self._first(rows, w, rng, step) if going is None else going.first
            fit = lloyd(
                rows,
                step,
                first,
                w,
                max_iter=self.max_iter,
                tol=tol,
                verbose=self.verbose,
                project=unit_length if self.metric == "cosine" else None,
                begin=None if going is None else going.state,
                after=None if saved is None else saving(saved, rng, start, first, best),
            )
            going = None
            if best is None or fit.inertia < best.inertia * (1.0 - SAME_INERTIA):
                # later starts overwrite the labels of the step
                best = fit
                if starts > 1:
                    best = fit._replace(step=SimpleNamespace(labels=_own(fit.labels)))
        assert best is not None
        return best

    def _first(self, rows: Rows, w: Array | None, rng: Any, step: Any) -> Array:
        centers = self._init_centers(rows, w, rng, step)
        if self.metric == "cosine":
            centers = unit_length(centers, rows)
        if self.verbose:
            print("Initialization complete")
        return centers

    def _measured(self, kernel, rows, centers):
        if self.metric == "cosine":
            return by_unit_rows(kernel, rows, centers)
        return super()._measured(kernel, rows, centers)

    def transform(self, X):
        found = super().transform(X)
        return found * found / 2 if self.metric == "cosine" else found

    def score(self, X, y=None, sample_weight=None):
        found = super().score(X, y, sample_weight)
        return found / 2 if self.metric == "cosine" else found

    transform.__doc__ = CentroidClusterer.transform.__doc__
    score.__doc__ = CentroidClusterer.score.__doc__


def _own(labels: Array) -> Array:
    """A copy that no step overwrites."""
    return namespace(labels).asarray(labels, copy=True)


def k_means(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    init: Any = "k-means++",
    n_init: Any = "auto",
    max_iter: int = 300,
    verbose: int = False,
    tol: float = 1e-4,
    random_state: Any = None,
    copy_x: bool = True,
    algorithm: str = "lloyd",
    return_n_iter: bool = False,
) -> tuple:
    """k-means in one call: centres, labels, inertia, and optionally the number of iterations.

    Parameters
    ----------
    X, n_clusters, sample_weight, init, n_init, max_iter, verbose, tol, random_state, copy_x, \
    algorithm
        As in `KMeans`.
    return_n_iter : bool, default=False

    Returns
    -------
    centers : array of shape (n_clusters, n_features)
    labels : array of shape (n_samples,), int32
    inertia : float
    n_iter : int
        Only with `return_n_iter`.
    """
    model = KMeans(
        n_clusters,
        init=init,
        n_init=n_init,
        max_iter=max_iter,
        verbose=verbose,
        tol=tol,
        random_state=random_state,
        copy_x=copy_x,
        algorithm=algorithm,
    ).fit(X, sample_weight=sample_weight)
    found = (model.cluster_centers_, model.labels_, model.inertia_)
    return (*found, model.n_iter_) if return_n_iter else found
