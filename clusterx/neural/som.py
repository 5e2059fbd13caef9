"""Self-organising maps."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, device, float_dtype, host_floats, namespace, to_host
from ..base import Clusterer
from ..centroid.inertia import weighted_sum
from ..fitted import fitted_matrix
from ..kernels import kernels_for
from ..rows import Rows
from ..validation import check_choice, check_number, real_array
from .grid import adjacent, influence, separable, squared_gaps
from .missing import Incomplete, distances_there, largest_there, measured, squares_there
from .training import (
    nearest_units,
    plane_of_centers,
    rows_as_centers,
    spread,
    statistics_of,
    train_online,
)


class SelfOrganizingMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Clusterer):
    """A grid of units, each with a centre, such that neighbours on the grid are alike.

    Rows belong to their nearest unit, whose centre moves towards them, and so do the centres of the
    units around it. Batch training takes the statistics of k-means and spreads them over the grid:
    an epoch is one pass over the rows, `Blocks` among them, of n d units operations.

    NaN stands for missing values: distances are of the columns that are there, scaled to all of
    them as in scikit-learn's `nan_euclidean_distances`, centres are means of the values that are
    there, and first centres have the columns' means in place of those that are not.

    Parameters
    ----------
    shape : tuple of int, default=(10, 10)
        Rows and columns of the grid.
    topology : {'rectangular', 'hexagonal'}, default='rectangular'
    toroidal : bool, default=False
        Whether the grid's opposite edges meet. A hexagonal one needs an even number of rows.
    init : {'pca', 'random'}, default='pca'
        First centres: along the two directions of most variance, or rows.
    training : {'batch', 'online'}, default='batch'
        ``'online'`` moves centres after each row, in a random order.
    neighborhood : {'gaussian', 'bubble', 'mexican_hat'}, default='gaussian'
        How far units learn together; ``'mexican_hat'`` is for online training.
    sigma, sigma_end : float
        Radius of the neighbourhood in units at the first epoch, half the longer side of the grid by
        default, and at the last one, 0.3 by default: less brings units nearer to the rows, more
        keeps neighbours alike.
    decay : {'exponential', 'linear'}, default='exponential'
        Of the radius and of the learning rate.
    learning_rate, learning_rate_end : float
        Of online training: the share of the way to a row that its unit moves, at first 0.5 by
        default, and 0.01 in the end.
    max_iter : int, default=10
        Epochs.
    random_state : int, RandomState or None

    Attributes
    ----------
    cluster_centers_ : array of shape (units, n_features)
        Of the units, row by row, in the library, on the device and in the dtype of X.
    labels_ : array of shape (n_samples,), int32
        Nearest units.
    quantization_error_ : float
        Weighted mean of the distances to the nearest units.
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : array of str
        If X has names of columns.

    References
    ----------
    Kohonen, "Self-Organizing Maps", 3rd edition, Springer, 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import SelfOrganizingMap
    >>> X = np.linspace(0.0, 1.0, 50)[:, None]
    >>> SelfOrganizingMap((1, 3), sigma_end=0.2).fit(X).cluster_centers_.round(1).tolist()
    [[0.2], [0.5], [0.8]]
    """

    cluster_centers_: Array
    _seen: tuple[Array, Array] | None

    def __init__(
        self,
        shape: tuple[int, int] = (10, 10),
        *,
        topology: str = "rectangular",
        toroidal: bool = False,
        init: str = "pca",
        training: str = "batch",
        neighborhood: str = "gaussian",
        sigma: float | None = None,
        sigma_end: float = 0.3,
        decay: str = "exponential",
        learning_rate: float = 0.5,
        learning_rate_end: float = 0.01,
        max_iter: int = 10,
        random_state: Any = None,
    ):
        self.shape = shape
        self.topology = topology
        self.toroidal = toroidal
        self.init = init
        self.training = training
        self.neighborhood = neighborhood
        self.sigma = sigma
        self.sigma_end = sigma_end
        self.decay = decay
        self.learning_rate = learning_rate
        self.learning_rate_end = learning_rate_end
        self.max_iter = max_iter
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    _takes_missing = True

    def _largest_there(self, rows: Rows) -> float:
        return largest_there(rows, self)

    def _check_parameters(self) -> None:
        for name, choices in (
            ("topology", ("rectangular", "hexagonal")),
            ("init", ("pca", "random")),
            ("training", ("batch", "online")),
            ("neighborhood", ("gaussian", "bubble", "mexican_hat")),
            ("decay", ("exponential", "linear")),
        ):
            check_choice(self, name, getattr(self, name), choices)
        if not isinstance(self.shape, list | tuple) or len(self.shape) != 2:
            raise ValueError(
                "The 'shape' parameter of SelfOrganizingMap must be two whole numbers, rows and "
                f"columns; got {self.shape!r}."
            )
        for side in self.shape:
            check_number(self, "shape", side, numbers.Integral, least=1)
        check_number(self, "max_iter", self.max_iter, numbers.Integral, least=1)
        for name in ("sigma", "sigma_end", "learning_rate", "learning_rate_end"):
            value = getattr(self, name)
            check_number(self, name, value, numbers.Real, least=0, or_none=name == "sigma")
            if value == 0:
                raise ValueError(
                    f"The {name!r} parameter of SelfOrganizingMap must be above 0; got 0."
                )
        if self.neighborhood == "mexican_hat" and self.training == "batch":
            raise ValueError(
                "neighborhood='mexican_hat' has negative weights, of which there are no means: "
                "take training='online'."
            )
        if self.toroidal and self.topology == "hexagonal" and self.shape[0] % 2:
            raise ValueError(
                f"shape has {self.shape[0]} rows, and a toroidal hexagonal grid needs an even "
                "number: every other row is shifted."
            )

    # -- fitting -------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> SelfOrganizingMap:
        """Train the map.

        Parameters
        ----------
        X : array or Blocks of shape (n_samples, n_features)
            NaN stands for missing values. Online training needs an array.
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A weight of two counts as a row repeated, and one of zero as a row left out.

        Returns
        -------
        SelfOrganizingMap

        Raises
        ------
        TypeError, ValueError
            A parameter, X or the weights are not what is wanted; X has a row without values, or a
            column.
        """
        self._check_parameters()
        rows = self._rows(X, reset=True)
        w, total = self._weights(sample_weight, rows)
        rng = check_random_state(self.random_state)
        statistics = statistics_of(rows, w, total)
        if isinstance(statistics, Incomplete):
            statistics.check_columns(self)
        middle = statistics.middle
        centers = self._first_centers(rows, w, middle, rng)
        self._seen = None
        first = max(max(self.shape) / 2, self.sigma_end) if self.sigma is None else self.sigma
        with rows.kernels.runtime.limited_blas():
            for epoch in range(self.max_iter):
                H = self._influence(self._decayed(first, self.sigma_end, epoch))
                if self.training == "batch":
                    centers = spread(H, *statistics(centers), centers, middle)
                else:
                    rate = self._decayed(self.learning_rate, self.learning_rate_end, epoch)
                    centers = train_online(rows, w, centers, H, rate, rng)
            self.n_iter_ = self.max_iter
            self._keep(rows, w, total, centers)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> SelfOrganizingMap:
        """Go on with more rows, at the last radius; the first call fits.

        Batch training keeps the sums of the rows of all such calls; online training moves on at
        `learning_rate_end`.

        Parameters
        ----------
        X : array or Blocks of shape (n_samples, n_features)
            In a column that has no values in these calls, units stay where they are.
        y : ignored
        sample_weight : array of shape (n_samples,), optional

        Returns
        -------
        SelfOrganizingMap
        """
        first = not hasattr(self, "cluster_centers_")
        if first:
            self.fit(X, sample_weight=sample_weight)
        self._check_same_library(X, "partial_fit", "cluster_centers_")
        rows = self._rows(X, reset=False)
        w, total = self._weights(sample_weight, rows)
        H = self._influence(float(self.sigma_end))
        centers = self.cluster_centers_
        if self.training == "batch":
            statistics = statistics_of(rows, w, total)
            sums, counts = statistics(centers)
            if self._seen is not None:
                old_sums, old_counts = (asarray(a, like=rows.like) for a in self._seen)
                sums, counts = old_sums + sums, old_counts + counts
            self._seen = sums, counts
            centers = spread(H, sums, counts, centers, statistics.middle)
        elif not first:
            rng = check_random_state(self.random_state)
            centers = train_online(rows, w, centers, H, float(self.learning_rate_end), rng)
        self._keep(rows, w, total, centers)
        return self

    def _gaps(self) -> np.ndarray:
        return squared_gaps(tuple(self.shape), self.topology, bool(self.toroidal))  # type: ignore

    def _influence(self, sigma: float) -> Any:
        plain = self.neighborhood == "gaussian" and self.topology == "rectangular"
        if plain and self.training == "batch":
            return separable(tuple(self.shape), bool(self.toroidal), sigma)  # type: ignore
        return influence(self._gaps(), sigma, self.neighborhood)

    def _decayed(self, first: float, last: float, epoch: int) -> float:
        share = epoch / (self.max_iter - 1) if self.max_iter > 1 else 1.0
        if self.decay == "linear":
            return float(first + (last - first) * share)
        return float(first * (last / first) ** share)

    def _first_centers(self, rows: Rows, w: Array | None, middle: Array, rng: Any) -> Array:
        shape = int(self.shape[0]), int(self.shape[1])
        if self.init == "random":
            return rows_as_centers(rows, w, shape[0] * shape[1], middle, rng)
        return plane_of_centers(rows, w, shape, middle)

    def _keep(self, rows: Rows, w: Array | None, total: float, centers: Array) -> None:
        self.cluster_centers_ = centers
        self.labels_, squared = nearest_units(rows, centers)
        self.quantization_error_ = weighted_sum(namespace(squared).sqrt(squared), w) / total

    # -- using ---------------------------------------------------------------------------------

    def _fitted_rows(self, X: Any, method: str) -> tuple[Rows, Array]:
        check_is_fitted(self, "cluster_centers_")
        centers = fitted_matrix(self, "cluster_centers_")
        self._check_same_library(X, method, "cluster_centers_")
        rows = self._rows(X, reset=False, beside="cluster_centers_")
        wider = rows.xp.result_type(centers.dtype, rows.dtype)
        return rows, rows.xp.asarray(centers, dtype=wider)

    def predict(self, X: Any, *, labels_out: Any = None) -> Array:
        """Nearest unit of each row, int32: ``row * columns + column`` on the grid.

        Parameters
        ----------
        X : array, Blocks or what those take, of shape (n_samples, n_features)
        labels_out : path or array of shape (n_samples,), int32, optional
            Where the labels go: an NPY file, which is written block by block, or an array such as a
            memmap. Where X is read in blocks, memory does not grow with the number of rows then.

        Returns
        -------
        labels : array of shape (n_samples,)
        """
        if labels_out is not None:
            return self._predict_into(labels_out, X)
        rows, centers = self._fitted_rows(X, "predict")
        return nearest_units(rows, centers)[0]

    def transform(self, X: Any) -> Array:
        """Euclidean distance (n_samples, units) of each row to each unit's centre."""
        rows, centers = self._fitted_rows(X, "transform")
        measure = measured(rows, rows.kernels.distances.distances, distances_there)
        found = rows.map(measure, centers)
        return namespace(found).astype(found, centers.dtype, copy=False)

    def inverse_transform(self, X: Any) -> Array:
        """The centres of units.

        Parameters
        ----------
        X : array of shape (n,) of units as from `predict`, or (n, units) as from `transform`

        Returns
        -------
        centers : array of shape (n, n_features)
        """
        check_is_fitted(self, "cluster_centers_")
        units = asarray(real_array("X", X), like=self.cluster_centers_)
        xp = namespace(units)
        units = xp.argmin(units, axis=1) if units.ndim == 2 else xp.astype(units, xp.int64)
        return xp.take(self.cluster_centers_, units, axis=0)

    def topographic_error(self, X: Any) -> float:
        """Share of the rows whose two nearest units do not touch on the grid."""
        rows, centers = self._fitted_rows(X, "topographic_error")
        touch = adjacent(self._gaps(), self.topology).astype(np.float64)
        touch = asarray(touch, like=rows.like, dtype=float_dtype(rows.xp, rows.like))
        if touch.shape[0] < 2:
            return 0.0
        kernels = rows.kernels.distances
        squares = measured(rows, kernels.squared_distances, squares_there)
        found = rows.map(_touching, centers, touch, squares)
        return 1.0 - host_floats(namespace(found).mean(found))[0]

    @property
    def codebook_(self) -> Array:
        """The centres on the grid: (rows, columns, n_features)."""
        check_is_fitted(self, "cluster_centers_")
        return namespace(self.cluster_centers_).reshape(self.cluster_centers_, (*self.shape, -1))

    @property
    def u_matrix_(self) -> Array:
        """Mean distance of each unit's centre to those that touch it: (rows, columns)."""
        check_is_fitted(self, "cluster_centers_")
        C = self.cluster_centers_
        xp = namespace(C)
        D = kernels_for(xp).distances.distances(C, C)
        touch = adjacent(self._gaps(), self.topology).astype(np.float64)
        touch /= np.maximum(touch.sum(axis=1, keepdims=True), 1.0)
        return xp.reshape(xp.sum(D * asarray(touch, like=C, dtype=D.dtype), axis=1), self.shape)

    def hit_map(self, X: Any) -> Array:
        """Number of rows that are nearest to each unit: (rows, columns), int64."""
        labels = self.predict(X)
        units = int(self.shape[0]) * int(self.shape[1])
        hits = np.bincount(to_host(labels), minlength=units)
        return asarray(hits.reshape(self.shape), like=self.cluster_centers_)

    def cluster_units(self, clusterer: Any) -> Array:
        """Labels (units,), int32, that a clusterer gives the centres of the units.

        Parameters
        ----------
        clusterer : clusterer
            A copy of it is fitted. The cluster of each row is ``units[model.labels_]``.
        """
        check_is_fitted(self, "cluster_centers_")
        labels = to_host(clone(clusterer).fit_predict(self.cluster_centers_))
        return asarray(labels.astype(np.int32), like=self.cluster_centers_)

    @property
    def _n_features_out(self) -> int:
        return self.cluster_centers_.shape[0]


def _touching(X: Array, centers: Array, touch: Array, squares: Callable) -> Array:
    """1 for rows whose two nearest units touch, else 0."""
    xp = namespace(X)
    D = squares(X, centers)
    first = xp.argmin(D, axis=1)
    own = first[:, None] == xp.arange(D.shape[1], device=device(D))[None, :]
    second = xp.argmin(xp.where(own, xp.inf, D), axis=1)
    return xp.take_along_axis(xp.take(touch, first, axis=0), second[:, None], axis=1)[:, 0]
