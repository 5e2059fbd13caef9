"""The base class of estimators with centres."""

from __future__ import annotations

import numbers
import reprlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, host_floats, is_array, namespace, to_host
from ..base import Clusterer
from ..fitted import fitted_matrix
from ..rows import Rows
from ..validation import check_choice, check_number, real_array
from . import seeding
from .inertia import weighted_sum

_INITS = ("k-means++", "random", "k-means||", "maximin")
#: inits that vary so little between starts that one start is the default
_ONE_START = ("k-means++", "k-means||", "maximin")


class CentroidClusterer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Clusterer):
    """Base of the estimators with centres: initial centres, predict, transform, score."""

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

    def _starts(self, rows: Rows, w: Array | None, default: int) -> int:
        """Number of starts; raises if there are fewer rows than clusters."""
        seeding.check_enough_rows(rows, w, self.n_clusters)
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
        self,
        rows: Rows,
        w: Array | None,
        rng: np.random.RandomState,
        step: Any = None,
        k: int | None = None,
    ) -> Array:
        """Initial centres (k, d) in the dtype of the rows; k is `n_clusters` by default."""
        k = self.n_clusters if k is None else k
        if isinstance(self.init, str):
            return self._named_start(str(self.init), rows, w, rng, step, k)
        centers = self.init
        if callable(centers):
            X = rows.values
            centers = centers(X, k, random_state=rng)
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

    def _named_start(self, name, rows, w, rng, step, k):
        if name == "k-means||" or (name == "k-means++" and rows.distant):
            return seeding.scalable(rows, k, w, rng)
        if name == "k-means++":
            chosen = seeding.plus_plus(rows, k, w, rng, step=step)
        elif name == "maximin":
            chosen = seeding.maximin(rows, k, w, step)
        else:
            shares = None if w is None else to_host(w).astype(np.float64)
            p = np.full(rows.n, 1.0 / rows.n) if shares is None else shares / shares.sum()
            chosen = rng.choice(rows.n, size=k, replace=False, p=p)
        return rows.take(chosen)

    def _fitted_rows(self, X: Any, method: str) -> tuple[Rows, Array]:
        """X as rows, and the centres in the wider of the two dtypes, so that none is rounded."""
        check_is_fitted(self, "cluster_centers_")
        centers = fitted_matrix(self, "cluster_centers_")
        self._check_same_library(X, method, "cluster_centers_")
        rows = self._rows(X, reset=False, beside="cluster_centers_")
        wider = rows.xp.result_type(centers.dtype, rows.dtype)
        return rows, rows.xp.asarray(centers, dtype=wider)

    def _measured(self, kernel: Callable, rows: Rows, centers: Array) -> Any:
        """The kernel's result for the rows and the centres."""
        return rows.map(kernel, centers)

    def predict(self, X: Any, *, labels_out: Any = None) -> Array:
        """Nearest centre of each row.

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
            On the device of X; the lowest index among equally near centres.

        Raises
        ------
        ValueError
            X has another library, device or number of features than in `fit`, or contains NaN; or
            `cluster_centers_` was set to values that don't fit X or are not finite.
        TypeError
            `cluster_centers_` was set to something other than an array of float32 or float64.
        """
        if labels_out is not None:
            return self._predict_into(labels_out, X)
        rows, centers = self._fitted_rows(X, "predict")
        return self._measured(rows.kernels.distances.nearest, rows, centers)[0]

    def transform(self, X: Any) -> Array:
        """Distance of each row to each centre.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features)

        Returns
        -------
        distances : array of shape (n_samples, n_clusters)
            Euclidean. float32 if both the rows, in their working dtype, and the centres are
            float32; float64 otherwise.
        """
        rows, centers = self._fitted_rows(X, "transform")
        found = self._measured(rows.kernels.distances.distances, rows, centers)
        return namespace(found).astype(found, centers.dtype, copy=False)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The negative of the weighted sum of squared distances to the nearest centres.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional
        """
        rows, centers = self._fitted_rows(X, "score")
        w, _ = self._weights(sample_weight, rows)
        _, squared = self._measured(rows.kernels.distances.nearest, rows, centers)
        return -weighted_sum(squared, w)

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return the labels of the rows."""
        return self.fit(X, sample_weight=sample_weight).labels_

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return the distances of the rows to the centres."""
        return self.fit(X, sample_weight=sample_weight).transform(X)

    @property
    def _n_features_out(self) -> int:
        return self.cluster_centers_.shape[0]
