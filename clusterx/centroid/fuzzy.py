"""Fuzzy c-means: each row belongs to several clusters, by memberships."""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

from sklearn.utils import check_random_state

from ..arrays import Array, concat, float_dtype, host_floats, namespace
from ..blocks import TILE, numbered, row_blocks
from ..kernels import kernels_for
from ..rows import Rows
from ..validation import check_number
from .base import CentroidClusterer
from .inertia import mean_variance
from .steps import lloyd_step


class Stats(NamedTuple):
    """Sums over rows for one iteration; those of two blocks can be added."""

    sums: Array  # (k, d)
    weights: Array  # (k,)
    loss: Any  # 0-d

    def __add__(self, other: Stats) -> Stats:  # type: ignore[override]
        return Stats(*(a + b for a, b in zip(self, other, strict=True)))


class FuzzyCMeans(CentroidClusterer):
    """Soft k-means: each row belongs to all clusters, by memberships that sum to one.

    `fit` minimises the weighted sum of ``membership ** m`` times squared distances. It alternates
    between memberships, which are proportional to ``distance ** (-2 / (m - 1))``, and centres,
    which are means weighted by ``membership ** m``. An iteration takes n d k operations in one
    pass, and memory for one block of rows; `Blocks` are read block by block.

    Parameters
    ----------
    n_clusters : int, default=8
    m : float, default=2.0
        Fuzziness, above 1: near 1 memberships are zero or one as in k-means, and large values make
        all of them equal.
    init : {'k-means++', 'random', 'k-means||', 'maximin'}, array or callable
        How the initial centres are found, as in `KMeans`.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the one with the lowest inertia is kept.
    max_iter : int, default=300
    tol : float, default=1e-6
        The iterations end when the squared movements of the centres sum to at most `tol` times the
        mean variance of the columns.
    verbose : int, default=0
    random_state : int, RandomState or None

    Attributes
    ----------
    cluster_centers_ : array of shape (n_clusters, n_features)
        In the library, on the device and in the dtype of X.
    memberships_ : array of shape (n_samples, n_clusters)
        Memberships of the rows of `fit`.
    labels_ : array of shape (n_samples,), int32
        The cluster with the largest membership of each row.
    inertia_ : float
        The weighted sum that `fit` minimises.
    partition_coefficient_ : float
        Weighted mean of the sums of squared memberships: 1 for sharp clusters, ``1 / n_clusters``
        for none.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has string column names.

    See Also
    --------
    GaussianMixture : memberships by a model of each cluster's shape.

    References
    ----------
    Bezdek, "Pattern Recognition with Fuzzy Objective Function Algorithms", Plenum, 1981.

    Examples
    --------
    >>> from clusterx import FuzzyCMeans
    >>> model = FuzzyCMeans(2, init=[[0.0], [9.0]]).fit([[0.0], [1.0], [9.0], [10.0]])
    >>> model.transform([[5.0]]).round(3).tolist()
    [[0.5, 0.5]]
    """

    _takes_sparse = False

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        m: float = 2.0,
        init: Any = "k-means++",
        n_init: Any = "auto",
        max_iter: int = 300,
        tol: float = 1e-6,
        verbose: int = 0,
        random_state: Any = None,
    ):
        self.n_clusters = n_clusters
        self.m = m
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> FuzzyCMeans:
        """Find centres and memberships.

        Parameters
        ----------
        X : array or Blocks of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A weight of two counts as a row repeated, and one of zero as a row left out.

        Returns
        -------
        FuzzyCMeans

        Raises
        ------
        ValueError
            Wrong parameters, fewer rows of positive weight than clusters, NaN or infinities in X.
        """
        self._check_shared_parameters()
        check_number(self, "m", self.m, numbers.Real, least=1)
        if not 1 < self.m < math.inf:
            raise ValueError(
                f"The 'm' parameter of FuzzyCMeans must be finite and above 1; got {self.m!r}. For "
                "memberships of zero and one, take KMeans."
            )
        rows = self._rows(X, reset=True)
        w, total = self._weights(sample_weight, rows)
        starts = self._starts(rows, w, default=10)
        rng = check_random_state(self.random_state)
        tol = self.tol * mean_variance(rows, w, lloyd_step(rows, w, total, self.n_clusters))
        best = None
        for _ in range(starts):
            found = self._run(rows, w, self._init_centers(rows, w, rng), tol)
            best = found if best is None or found[1] < best[1] else best
        assert best is not None
        self.cluster_centers_, self.inertia_, self.n_iter_ = best
        self.memberships_ = rows.map(memberships, self.cluster_centers_, float(self.m))
        xp = namespace(self.memberships_)
        self.labels_ = xp.astype(xp.argmax(self.memberships_, axis=1), xp.int32)
        sharp = xp.sum(self.memberships_**2, axis=1)
        sharp = sharp if w is None else sharp * xp.astype(w, sharp.dtype)
        self.partition_coefficient_ = host_floats(xp.sum(sharp))[0] / total
        return self

    def _run(
        self, rows: Rows, w: Array | None, centers: Array, tol: float
    ) -> tuple[Array, float, int]:
        xp, m, n_iter, shift = rows.xp, float(self.m), 0, math.inf
        height = block_height(rows.d, self.n_clusters)
        while n_iter < self.max_iter and shift > tol:
            n_iter += 1
            stats = rows.reduce(statistics, centers, m, along=(w,), height=height)
            old, wide = centers, stats.sums.dtype
            some = stats.weights > 0
            divisor = xp.where(some, stats.weights, xp.ones_like(stats.weights))
            new = stats.sums / divisor[:, None]
            new = xp.where(some[:, None], new, xp.astype(centers, wide))
            centers = xp.astype(new, rows.dtype)
            moved = xp.astype(centers, wide) - xp.astype(old, wide)
            shift, loss = host_floats(xp.sum(moved * moved), stats.loss)
            if self.verbose:
                print(f"Iteration {n_iter - 1}, inertia {loss}.")
        stats = rows.reduce(statistics, centers, m, along=(w,), height=height)
        return centers, host_floats(stats.loss)[0], n_iter

    def transform(self, X: Any) -> Array:
        """Memberships of each row, which sum to one.

        Parameters
        ----------
        X : array or Blocks of shape (n_samples, n_features)

        Returns
        -------
        memberships : array of shape (n_samples, n_clusters)
            A row at a centre belongs to it alone.
        """
        rows, centers = self._fitted_rows(X, "transform")
        found = rows.map(memberships, centers, float(self.m))
        return namespace(found).astype(found, centers.dtype)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The negative of the weighted sum that `fit` minimises, for the rows of X.

        Parameters
        ----------
        X : array or Blocks of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional
        """
        rows, centers = self._fitted_rows(X, "score")
        w, _ = self._weights(sample_weight, rows)
        height = block_height(rows.d, self.n_clusters)
        stats = rows.reduce(statistics, centers, float(self.m), along=(w,), height=height)
        return -host_floats(stats.loss)[0]


def block_height(d: int, k: int) -> int:
    """Rows per block: the same for rows in memory and for `Blocks`."""
    return max(1, TILE // max(k, d))


def _shares(squared: Array, m: float) -> Array:
    """Memberships (n, k) from squared distances; equal ones for centres at distance zero."""
    xp = namespace(squared)
    least = xp.min(squared, axis=1)[:, None]
    none = squared == 0
    ratio = least / xp.where(none, xp.ones_like(squared), squared)
    part = xp.where(none, xp.ones_like(squared), ratio ** (1.0 / (m - 1.0)))
    return part / xp.sum(part, axis=1)[:, None]


def memberships(X: Array, centers: Array, m: float) -> Array:
    measure = kernels_for(namespace(X)).distances.squared_distances
    return concat(_shares(measure(b, centers), m) for b in row_blocks(X, centers.shape[0]))


def statistics(X: Array, w: Array | None, centers: Array, m: float) -> Stats:
    """Sums over the rows, weighted by memberships to the power of m."""
    xp, total = namespace(X), None
    measure, wide = kernels_for(xp).distances.squared_distances, float_dtype(xp, X)
    for a, block in numbered(row_blocks(X, centers.shape[0])):
        squared = measure(block, centers)
        part = _shares(squared, m) ** m
        if w is not None:
            part = part * xp.astype(w[a : a + block.shape[0]], part.dtype)[:, None]
        own = Stats(part.T @ xp.astype(block, wide), xp.sum(part, axis=0), xp.sum(part * squared))
        total = own if total is None else total + own
    assert total is not None
    return total
