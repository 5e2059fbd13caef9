"""k-means: exact Lloyd iterations wherever the rows live."""

from __future__ import annotations

import numbers
import reprlib
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, device, float_dtype, host_floats, is_array, namespace, to_host
from ..base import Clusterer, Rows, check_choice, check_number, real_array
from ..rows import InMemory
from . import seeding

_INITS = ("k-means++", "random", "k-means||", "maximin")
#: inits that leave so little to chance that one start is the default
_ONE_START = ("k-means++", "k-means||", "maximin")


class Fit(NamedTuple):
    """What k-means ends with: the labels and distances belong to the centres."""

    centers: Array
    labels: Array
    inertia: float
    n_iter: int
    distinct: int


class CentroidClusterer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Clusterer):
    """What estimators with centres share: starts, predict, transform, score."""

    _takes_sparse = True
    cluster_centers_: Array

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_shared_parameters(self) -> None:
        check_number(self, "n_clusters", self.n_clusters, numbers.Integral, least=1)
        check_number(self, "max_iter", self.max_iter, numbers.Integral, least=1)
        check_number(self, "tol", self.tol, numbers.Real, least=0)
        if isinstance(self.init, str):
            check_choice(self, "init", str(self.init), _INITS)
        elif not (
            callable(self.init)
            or is_array(self.init)
            or isinstance(self.init, list | tuple)
            or hasattr(self.init, "__array__")
        ):
            raise ValueError(
                f"The 'init' parameter of {type(self).__name__} must be one of "
                f"{', '.join(map(repr, _INITS))}, an array or a callable; got "
                f"{reprlib.repr(self.init)}."
            )
        if isinstance(self.n_init, str):
            check_choice(self, "n_init", self.n_init, ("auto",))
        else:
            check_number(self, "n_init", self.n_init, numbers.Integral, least=1)

    def _starts(self, rows: Rows, default: int) -> int:
        """Number of starts; k must be possible."""
        if rows.n < self.n_clusters:
            raise ValueError(
                f"n_samples={rows.n} should be >= n_clusters={self.n_clusters}: ask for fewer "
                "clusters or give more rows."
            )
        given = not isinstance(self.init, str) and not callable(self.init)
        if self.n_init == "auto":
            once = given or (isinstance(self.init, str) and self.init in _ONE_START)
            return 1 if once else default
        if given and self.n_init != 1:
            warnings.warn(
                "Explicit initial center position passed: performing only one init in "
                f"{type(self).__name__} instead of n_init={self.n_init}.",
                RuntimeWarning,
                stacklevel=3,
            )
            return 1
        return int(self.n_init)

    def _init_centers(
        self, rows: Rows, w: Array | None, rng: np.random.RandomState, step: Any = None
    ) -> Array:
        """First centres (k, d), in the dtype of the rows."""
        k = self.n_clusters
        if isinstance(self.init, str):
            return self._named_start(str(self.init), rows, w, rng, step)
        centers = self.init
        if callable(centers):
            centers = centers(rows.X if isinstance(rows, InMemory) else rows, k, random_state=rng)
        centers = real_array("The 'init' parameter", centers)
        centers = rows.xp.asarray(asarray(centers, like=rows.like), dtype=rows.dtype, copy=True)
        if centers.ndim != 2 or centers.shape[0] != k:
            raise ValueError(
                f"The shape of the initial centers {tuple(centers.shape)} does not match the "
                f"number of clusters {k}."
            )
        if centers.shape[1] != rows.d:
            raise ValueError(
                f"The shape of the initial centers {tuple(centers.shape)} does not match the "
                f"number of features of the data {rows.d}."
            )
        xp = rows.xp
        finite, largest = host_floats(xp.all(xp.isfinite(centers)), xp.max(xp.abs(centers)))
        if not finite:
            raise ValueError("The initial centers given as init contain NaN or infinity.")
        self._check_range("The initial centers given as init contain", largest, rows)
        return centers

    def _named_start(self, name, rows, w, rng, step):
        k = self.n_clusters
        if name == "k-means||":
            return seeding.scalable(rows, k, w, rng)
        if name == "k-means++":
            chosen = seeding.plus_plus(rows, k, w, rng, step=step)
        elif name == "maximin":
            chosen = seeding.maximin(rows, k, w, step)
        else:
            shares = None if w is None else to_host(w).astype(np.float64)
            p = None if shares is None else shares / shares.sum()
            p = np.full(rows.n, 1.0 / rows.n) if p is None else p
            if np.count_nonzero(p) < k:
                raise ValueError(
                    f"init='random' draws n_clusters={k} different rows, and only "
                    f"{np.count_nonzero(p)} of sample_weight are not zero: ask for fewer clusters."
                )
            chosen = rng.choice(rows.n, size=k, replace=False, p=p)
        return rows.take(chosen)

    def _fitted_rows(self, X: Any, method: str) -> Rows:
        check_is_fitted(self)
        if is_array(X) or hasattr(self.cluster_centers_, "device"):
            self._check_same_library(X, method, "cluster_centers_")
        return self._rows(X, reset=False)

    def predict(self, X: Any) -> Array:
        """Nearest centre of each row.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features)

        Returns
        -------
        labels : array of shape (n_samples,), int32
            On the device of X; the lowest index among equally near centres.

        Raises
        ------
        ValueError
            X is of another library, device or number of features than in `fit`, or has NaN.
        """
        rows = self._fitted_rows(X, "predict")
        return rows.map(rows.kernels.nearest, self._centers_for(rows))[0]

    def _centers_for(self, rows: Rows) -> Array:
        return rows.xp.asarray(self.cluster_centers_, dtype=rows.dtype)

    def transform(self, X: Any) -> Array:
        """Distance of each row to each centre.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features)

        Returns
        -------
        distances : array of shape (n_samples, n_clusters)
            Euclidean, in the dtype of the centres.
        """
        rows = self._fitted_rows(X, "transform")
        found = rows.map(rows.kernels.distances, self._centers_for(rows))
        return rows.xp.asarray(found, dtype=rows.dtype)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The negative of the weighted sum of squared distances to the nearest centres.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional
        """
        rows = self._fitted_rows(X, "score")
        w, _ = self._weights(sample_weight, rows)
        _, squared = rows.map(rows.kernels.nearest, self._centers_for(rows))
        return -weighted_sum(squared, w)

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and the labels of the rows."""
        return self.fit(X, sample_weight=sample_weight).labels_

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and the distances of the rows to the centres."""
        return self.fit(X, sample_weight=sample_weight).transform(X)

    @property
    def _n_features_out(self) -> int:
        return self.cluster_centers_.shape[0]


class KMeans(CentroidClusterer):
    """k-means clustering by exact Lloyd iterations, where the data is.

    NumPy arrays run on tuned CPU kernels, arrays of other libraries on their own device, `Blocks`
    out of core. Skipped work (boxes, bounds, projections) never changes a result, and neither do
    the number of threads and the size of blocks.

    Parameters
    ----------
    n_clusters : int, default=8
    init : {'k-means++', 'random', 'k-means||', 'maximin'}, array or callable
        How the first centres are found. ``'k-means||'`` reads the rows a few times only;
        ``'maximin'`` draws nothing. A callable takes ``(X, n_clusters, random_state=...)``.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the one with the least inertia is kept. ``'auto'`` is 10 for
        ``'random'`` and callables and 1 otherwise.
    max_iter : int, default=300
    tol : float, default=1e-4
        The iterations end when the squared movements of the centres sum to at most `tol` times
        the mean variance of the columns, or when no label changes.
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
    feature_names_in_ : array of shape (n_features_in_,), if X has string column names

    References
    ----------
    Lloyd, "Least squares quantization in PCM", IEEE Trans. Inf. Theory 28(2), 1982.

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

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> KMeans:
        """Find the centres.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features)
            float32 and float64 are kept; small integers become float32, others float64.
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A weight of two counts as a row repeated.

        Returns
        -------
        KMeans
            This estimator.

        Raises
        ------
        ValueError
            Wrong parameters, fewer rows than clusters, NaN or infinities in X.
        """
        self._check_shared_parameters()
        check_choice(self, "algorithm", self.algorithm, ("lloyd", "elkan"))
        check_choice(self, "metric", self.metric, ("euclidean", "cosine"))
        rows = self._rows(X, reset=True)
        if self.metric == "cosine":
            rows = unit_rows(rows)
        starts = self._starts(rows, default=10)
        w, total = self._weights(sample_weight, rows)
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
                RuntimeWarning,
                stacklevel=2,
            )
        with rows.kernels.session():
            best = self._best_start(rows, w, total, starts)
        if best.distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({best.distinct}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.cluster_centers_ = best.centers
        self.labels_ = best.labels
        self.inertia_ = best.inertia / 2 if self.metric == "cosine" else best.inertia
        self.n_iter_ = best.n_iter
        return self

    def _best_start(self, rows: Rows, w: Array | None, total: float, starts: int) -> Fit:
        rng = check_random_state(self.random_state)
        step = rows.lloyd(w, total)
        tol = self.tol
        if tol > 0:
            tol *= host_floats(rows.xp.mean(asarray(rows.summary.variance, like=rows.like)))[0]
        best: Fit | None = None
        for _ in range(starts):
            centers = self._init_centers(rows, w, rng, step)
            if self.metric == "cosine":
                centers = unit_length(centers, rows)
            if self.verbose:
                print("Initialization complete")
            fit = lloyd(
                rows,
                step,
                centers,
                w,
                max_iter=self.max_iter,
                tol=tol,
                verbose=self.verbose,
                project=unit_length if self.metric == "cosine" else None,
            )
            if best is None or fit.inertia < best.inertia:
                # the step goes on to use its labels in later starts
                best = fit._replace(labels=rows.xp.asarray(fit.labels, copy=starts > 1))
        assert best is not None
        return best

    def _fitted_rows(self, X, method):
        rows = super()._fitted_rows(X, method)
        return unit_rows(rows) if self.metric == "cosine" else rows

    def transform(self, X):
        found = super().transform(X)
        return found * found / 2 if self.metric == "cosine" else found

    def score(self, X, y=None, sample_weight=None):
        found = super().score(X, y, sample_weight)
        return found / 2 if self.metric == "cosine" else found

    transform.__doc__ = CentroidClusterer.transform.__doc__
    score.__doc__ = CentroidClusterer.score.__doc__


def weighted_sum(values: Array, w: Array | None) -> float:
    """Sum of the values times their weights, read by the host."""
    if w is None:
        return host_floats(namespace(values).sum(values))[0]
    xp = namespace(values)
    return host_floats(xp.sum(values * xp.astype(w, values.dtype, copy=False)))[0]


def unit_length(centers: Array, rows: Rows) -> Array:
    """The centres scaled to length one; one at the origin stays there."""
    xp = rows.xp
    wide = xp.astype(centers, float_dtype(xp, rows.like))
    norm = xp.sqrt(xp.sum(wide * wide, axis=1))[:, None]
    return xp.astype(wide / xp.where(norm > 0, norm, xp.ones_like(norm)), rows.dtype)


def unit_rows(rows: Rows) -> Rows:
    """Rows scaled to length one, for the cosine metric."""
    if not isinstance(rows, InMemory):
        raise ValueError(
            "metric='cosine' takes rows in memory, got Blocks. Scale each block's rows to length "
            "one as it is read, and use metric='euclidean': the clustering is the same."
        )
    if rows.sparse:
        from sklearn.preprocessing import normalize

        size = abs(rows.X).max(axis=1).toarray().ravel()
        least = float(size.min())
        scaled = rows.X.copy()
        if least > 0:
            scaled.data /= np.repeat(size, np.diff(scaled.indptr))
            scaled = normalize(scaled, copy=False)
    else:
        xp = rows.xp
        # by the largest value first: squares of the rows may overflow or vanish
        size = xp.max(xp.abs(rows.X), axis=1)
        (least,) = host_floats(xp.min(size))
        scaled = rows.X / size[:, None] if least > 0 else rows.X
        if least > 0:
            scaled = scaled / xp.sqrt(xp.sum(scaled * scaled, axis=1))[:, None]
    if not least > 0:
        raise ValueError(
            "metric='cosine' needs rows of some length, and X has a row of zeros, which has no "
            "direction. Drop such rows first."
        )
    return InMemory(scaled)


def lloyd(
    rows: Rows,
    step: Any,
    centers: Array,
    w: Array | None,
    *,
    max_iter: int,
    tol: float,
    verbose: int = 0,
    project: Callable | None = None,
) -> Fit:
    """Lloyd's iterations from the given centres; the device is read once in each.

    Parameters
    ----------
    step : callable
        The prepared step: centres to CentroidStats.
    tol : float
        Bound on the sum of squared movements that ends the iterations.
    project : callable, optional
        Puts new centres where they are allowed to be.
    """
    xp = rows.xp
    iteration = 0
    for iteration in range(1, max_iter + 1):
        stats = step(centers)
        new = _means(rows, stats.sums, stats.counts, centers)
        if project is not None:
            new = project(new, rows)
        shift, empty, moved = host_floats(
            _squared_shift(rows, new, centers),
            xp.sum(xp.astype(stats.counts <= 0, stats.counts.dtype)),
            stats.moved,
        )
        if verbose:
            found = weighted_sum(step.distances(), w)
            print(f"Iteration {iteration - 1}, inertia {found}.")
        if empty > 0:
            new = _relocate(rows, step, stats, centers, w, int(empty))
            if project is not None:
                new = project(new, rows)
            (shift,) = host_floats(_squared_shift(rows, new, centers))
        centers = new
        if moved == 0 and iteration > 1:
            if verbose:
                print(f"Converged at iteration {iteration - 1}: strict convergence.")
            break
        if shift <= tol:
            if verbose:
                print(
                    f"Converged at iteration {iteration - 1}: center shift {shift} within "
                    f"tolerance {tol}."
                )
            break
    stats = step(centers)
    (used,) = host_floats(xp.sum(xp.astype(stats.counts > 0, stats.counts.dtype)))
    return Fit(centers, step.labels, inertia(rows, step, stats, centers, w), iteration, int(used))


def inertia(rows: Rows, step: Any, stats: Any, centers: Array, w: Array | None) -> float:
    """Weighted sum of squared distances of the rows to the centres they were assigned to.

    With sums s, counts n and centres c about the mean of the rows, it falls short of the rows'
    scatter by 2 c.s - n |c|^2 for each cluster, which takes no pass over the rows. Where few digits
    would be left of the difference, the rows are measured.
    """
    xp = rows.xp
    mean = asarray(rows.summary.mean, like=rows.like)
    counts = asarray(stats.counts, like=rows.like)[:, None]
    about = xp.astype(centers, mean.dtype) - mean
    lost = 2 * about * (asarray(stats.sums, like=rows.like) - counts * mean) - counts * about**2
    scatter, less, offset = host_floats(
        rows.scatter(w), xp.sum(lost), xp.sum(counts) * xp.sum(mean**2)
    )
    found = scatter - less
    # s and n c were rounded where the rows are, which may be far from their mean
    if found > 1e-3 * scatter and found > 1e-4 * (offset * scatter) ** 0.5:
        return found
    return weighted_sum(step.distances(), w)


def _means(rows: Rows, sums: Array, counts: Array, centers: Array) -> Array:
    """Means of the clusters in the rows' dtype; an empty one keeps its centre."""
    xp = rows.xp
    some = counts > 0
    divisor = xp.where(some, counts, xp.ones_like(counts))
    means = xp.where(some[:, None], sums / divisor[:, None], xp.astype(centers, sums.dtype))
    return xp.astype(means, rows.dtype)


def _squared_shift(rows: Rows, new: Array, old: Array) -> Array:
    wide = float_dtype(rows.xp, rows.like)
    return rows.xp.sum((rows.xp.astype(new, wide) - rows.xp.astype(old, wide)) ** 2)


def _relocate(
    rows: Rows, step: Any, stats: Any, centers: Array, w: Array | None, empty: int
) -> Array:
    """Means after the rows farthest from their centres were given to the empty clusters.

    It happens rarely and concerns `empty` rows, which are brought to the host.
    """
    xp = rows.xp
    squared = step.distances()
    if w is not None:
        squared = xp.where(w > 0, squared, -xp.ones_like(squared))
    far = _farthest(xp, squared, empty)
    distance = to_host(xp.take(squared, far))
    sums = np.array(to_host(stats.sums), np.float64)
    counts = np.array(to_host(stats.counts), np.float64)
    if distance[0] > 0:
        clusters = np.flatnonzero(counts <= 0)
        left = to_host(xp.take(step.labels, far))
        values = to_host(rows.take(far)).astype(np.float64)
        weights = np.ones(len(left)) if w is None else to_host(xp.take(w, far))
        for cluster, old, row, weight, away in zip(
            clusters, left, values, weights, distance, strict=True
        ):
            if away <= 0:
                break
            sums[old] -= weight * row
            counts[old] -= weight
            sums[cluster] = weight * row
            counts[cluster] = weight
    wide = stats.sums.dtype
    return _means(
        rows,
        asarray(sums, like=rows.like, dtype=wide),
        asarray(counts, like=rows.like, dtype=wide),
        centers,
    )


def _farthest(xp: Any, squared: Array, count: int) -> Array:
    """Places of the largest values, in falling order; the first one of equal values first."""
    if count > 16:
        return xp.argsort(squared, descending=True, stable=True)[:count]
    places, found = xp.arange(squared.shape[0], device=device(squared)), []
    for _ in range(count):
        found.append(xp.reshape(xp.argmax(squared), (1,)))
        squared = xp.where(places == found[-1], -xp.inf, squared)
    return xp.concat(found)


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
    """k-means in one call: centres, labels, inertia, and on demand the number of iterations.

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
