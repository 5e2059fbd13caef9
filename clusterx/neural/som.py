"""Self-organising maps."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, device, float_dtype, host_floats, namespace, to_host
from ..base import Clusterer
from ..centroid.inertia import weighted_sum
from ..centroid.steps import lloyd_step
from ..fitted import fitted_matrix
from ..kernels import kernels_for
from ..rows import Rows
from ..validation import check_choice, check_number, real_array
from .grid import adjacent, influence, squared_gaps


class SelfOrganizingMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Clusterer):
    """A grid of units, each with a centre, such that neighbours on the grid are alike.

    Rows belong to their nearest unit, whose centre moves towards them, and so do the centres of the
    units around it. Batch training takes the statistics of k-means and spreads them over the grid:
    an epoch is one pass over the rows, `Blocks` among them, of n d units operations.

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
        default, and at the last one.
    decay : {'exponential', 'linear'}, default='exponential'
        Of the radius and of the learning rate.
    learning_rate, learning_rate_end : float
        Of online training: the share of the way to a row that its unit moves.
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
        sigma_end: float = 0.5,
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
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

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
            Online training needs an array.
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A weight of two counts as a row repeated, and one of zero as a row left out.

        Returns
        -------
        SelfOrganizingMap

        Raises
        ------
        TypeError, ValueError
            A parameter, X or the weights are not what is wanted.
        """
        self._check_parameters()
        rows = self._rows(X, reset=True)
        w, total = self._weights(sample_weight, rows)
        rng = check_random_state(self.random_state)
        centers = self._first_centers(rows, w, rng)
        gaps, self._seen = self._gaps(), None
        step = lloyd_step(rows, w, total, len(gaps)) if self.training == "batch" else None
        longest = max(self.shape) / 2
        for epoch in range(self.max_iter):
            first = max(longest, self.sigma_end) if self.sigma is None else self.sigma
            H = influence(gaps, self._decayed(first, self.sigma_end, epoch), self.neighborhood)
            if step is not None:
                stats = step(centers)
                centers = self._spread(H, stats.sums, stats.counts, centers, rows)
            else:
                rate = self._decayed(self.learning_rate, self.learning_rate_end, epoch)
                centers = self._online(rows, w, centers, H, rate, rng)
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
        H = influence(self._gaps(), float(self.sigma_end), self.neighborhood)
        centers = self.cluster_centers_
        if self.training == "batch":
            stats = lloyd_step(rows, w, total, len(H))(centers)
            sums, counts = (asarray(a, like=rows.like) for a in (stats.sums, stats.counts))
            if self._seen is not None:
                old_sums, old_counts = (asarray(a, like=rows.like) for a in self._seen)
                sums, counts = old_sums + sums, old_counts + counts
            self._seen = sums, counts
            centers = self._spread(H, sums, counts, centers, rows)
        elif not first:
            rng = check_random_state(self.random_state)
            centers = self._online(rows, w, centers, H, float(self.learning_rate_end), rng)
        self._keep(rows, w, total, centers)
        return self

    def _gaps(self) -> np.ndarray:
        return squared_gaps(tuple(self.shape), self.topology, bool(self.toroidal))  # type: ignore

    def _decayed(self, first: float, last: float, epoch: int) -> float:
        share = epoch / (self.max_iter - 1) if self.max_iter > 1 else 1.0
        if self.decay == "linear":
            return float(first + (last - first) * share)
        return float(first * (last / first) ** share)

    def _first_centers(self, rows: Rows, w: Array | None, rng: Any) -> Array:
        units = int(self.shape[0]) * int(self.shape[1])
        if self.init == "random":
            some = np.arange(rows.n) if w is None else np.flatnonzero(to_host(w))
            return rows.take(rng.choice(some, units, replace=len(some) < units))
        xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
        mean = asarray(rows.summary.mean, like=rows.like)
        gram = rows.reduce(_products, mean, along=(w,))
        total = xp.sum(gram[-1, :1])
        middle = gram[-1, 1:] / total  # about the mean of equal weights
        covariance = gram[:-1, 1:] / total - middle[:, None] * middle[None, :]
        values, vectors = xp.linalg.eigh(covariance)
        sides = sorted(range(2), key=lambda axis: -self.shape[axis])
        at = np.indices(tuple(self.shape)).reshape(2, units)
        centers = xp.zeros((units, rows.d), dtype=wide, device=rows.device) + (mean + middle)
        for rank, axis in enumerate(sides[: min(2, rows.d)]):
            vector = vectors[:, rows.d - 1 - rank]
            largest = xp.take(vector, xp.reshape(xp.argmax(xp.abs(vector)), (1,)))
            spread = xp.sqrt(xp.clip(values[rows.d - 1 - rank], 0.0, None)) * xp.sign(largest)
            steps = np.linspace(-1.0, 1.0, self.shape[axis]) if self.shape[axis] > 1 else [0.0]
            own = asarray(np.asarray(steps)[at[axis]], like=rows.like, dtype=wide)
            centers = centers + own[:, None] * (spread * vector)[None, :]
        return xp.astype(centers, rows.dtype)

    def _spread(self, H: np.ndarray, sums: Any, counts: Any, centers: Array, rows: Rows) -> Array:
        """Means of what each unit and those around it have, by influence."""
        xp = rows.xp
        sums, counts = (asarray(a, like=rows.like) for a in (sums, counts))
        weights = asarray(H, like=rows.like, dtype=sums.dtype)
        # about a middle, or far rows would lose digits
        middle = xp.astype(asarray(rows.summary.mean, like=rows.like), sums.dtype)
        near, share = weights @ (sums - counts[:, None] * middle), weights @ counts
        some = share > 1e-12 * xp.sum(counts)
        means = middle + near / xp.where(some, share, xp.ones_like(share))[:, None]
        kept = xp.where(some[:, None], means, xp.astype(centers, sums.dtype))
        return xp.astype(kept, rows.dtype)

    def _online(
        self, rows: Rows, w: Array | None, centers: Array, H: np.ndarray, rate: float, rng: Any
    ) -> Array:
        X = rows.in_memory("Online training", "Take training='batch'.").values
        xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
        X, C = xp.astype(X, wide), xp.astype(centers, wide)
        weights = np.ones(rows.n) if w is None else to_host(w)
        shares = asarray(np.clip(rate * H, -1.0, 1.0), like=rows.like, dtype=wide)
        for i in rng.permutation(rows.n):
            apart = X[int(i), :] - C
            unit = xp.reshape(xp.argmin(xp.sum(apart * apart, axis=1)), (1,))
            share = xp.take(shares, unit, axis=0)[0, :]
            if weights[i] != 1.0:  # so many moves to one place
                share = 1.0 - (1.0 - share) ** float(weights[i])
            C = C + share[:, None] * apart
        return xp.astype(C, rows.dtype)

    def _keep(self, rows: Rows, w: Array | None, total: float, centers: Array) -> None:
        self.cluster_centers_ = centers
        self.labels_, squared = rows.map(rows.kernels.distances.nearest, centers)
        self.quantization_error_ = weighted_sum(rows.xp.sqrt(squared), w) / total

    # -- using ---------------------------------------------------------------------------------

    def _fitted_rows(self, X: Any, method: str) -> tuple[Rows, Array]:
        check_is_fitted(self, "cluster_centers_")
        centers = fitted_matrix(self, "cluster_centers_")
        self._check_same_library(X, method, "cluster_centers_")
        rows = self._rows(X, reset=False, beside="cluster_centers_")
        wider = rows.xp.result_type(centers.dtype, rows.dtype)
        return rows, rows.xp.asarray(centers, dtype=wider)

    def predict(self, X: Any) -> Array:
        """Nearest unit of each row, int32: ``row * columns + column`` on the grid."""
        rows, centers = self._fitted_rows(X, "predict")
        return rows.map(rows.kernels.distances.nearest, centers)[0]

    def transform(self, X: Any) -> Array:
        """Euclidean distance (n_samples, units) of each row to each unit's centre."""
        rows, centers = self._fitted_rows(X, "transform")
        found = rows.map(rows.kernels.distances.distances, centers)
        return rows.xp.asarray(found, dtype=centers.dtype)

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
        return 1.0 - host_floats(rows.xp.mean(rows.map(_touching, centers, touch)))[0]

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
        return asarray(hits.reshape(self.shape), like=labels)

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


def _products(X: Array, w: Array | None, mean: Array) -> Array:
    """Products of centred columns: [[X1' W, X' W X], [W, X' W]] as (d + 1, d + 1)."""
    xp, wide = namespace(X), float_dtype(namespace(X), X)
    about = xp.astype(X, wide) - mean
    one = xp.ones((X.shape[0], 1), dtype=wide, device=device(mean))
    own = one if w is None else xp.astype(w, wide)[:, None]
    left = xp.concat([about, one], axis=1) * own
    return left.T @ xp.concat([one, about], axis=1)


def _touching(X: Array, centers: Array, touch: Array) -> Array:
    """1 for rows whose two nearest units touch, else 0."""
    xp = namespace(X)
    D = kernels_for(xp).distances.squared_distances(X, centers)
    first = xp.argmin(D, axis=1)
    own = first[:, None] == xp.arange(D.shape[1], device=device(D))[None, :]
    second = xp.argmin(xp.where(own, xp.inf, D), axis=1)
    return xp.take_along_axis(xp.take(touch, first, axis=0), second[:, None], axis=1)[:, 0]
