"""Base of the estimators that search for neighbours: their parameters, and checked input."""

from __future__ import annotations

import numbers
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from ..arrays import Array, asarray, contiguous, float_dtype, host_floats, namespace, on_host
from ..base import Estimator
from ..kernels.neighbors import Search
from ..validation import check_choice, check_finite, check_number, host_rows, real_array
from .search import ALGORITHMS, check_metric, search_of


class Searching(Estimator):
    """Base of the estimators with scikit-learn's parameters of a search.

    Subclasses store metric, metric_params, p, algorithm, leaf_size and n_jobs.
    """

    _takes_sparse = True
    metric: Any
    metric_params: Any
    p: Any
    algorithm: Any
    leaf_size: Any
    n_jobs: Any

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._precomputed
        return tags

    @property
    def _precomputed(self) -> bool:
        return isinstance(self.metric, str) and self.metric == "precomputed"

    def _check_search_parameters(self) -> None:
        check_metric(self, self.metric, self.p, self.metric_params)
        check_choice(self, "algorithm", self.algorithm, ALGORITHMS)
        check_number(self, "leaf_size", self.leaf_size, numbers.Integral, least=1)
        if self.n_jobs is not None and not isinstance(self.n_jobs, numbers.Integral):
            raise TypeError(
                f"The 'n_jobs' parameter of {type(self).__name__} must be a whole number or None; "
                f"got {self.n_jobs!r}."
            )

    def _points(self, X: Any, *, reset: bool) -> Any:
        """X checked: rows as an array or a CSR matrix, or precomputed distances."""
        if self._precomputed:
            return self._distances(X, reset=reset)
        rows = self._rows(X, reset=reset).in_memory(type(self).__name__)
        return rows.X if rows.sparse else contiguous(rows.values)

    def _distances(self, X: Any, *, reset: bool) -> Any:
        name = type(self).__name__
        if on_host(X):
            X = host_rows(
                f"Input X of {name}", X, partial(validate_data, self), reset=reset,
                accept_sparse="csr", dtype=[np.float64, np.float32], order="C",
            )  # fmt: skip
            check_finite(X, estimator_name=name, input_name="X")
            least = X.data.min(initial=0.0) if hasattr(X, "indptr") else X.min()
        else:
            X = self._device_rows(X, reset=reset)
            xp = namespace(X)
            least, finite = host_floats(xp.min(X), xp.all(xp.isfinite(X)))
            if not finite:
                raise ValueError(f"Input X of {name} contains NaN or infinity as distances.")
        if least < 0:
            raise ValueError(
                "Negative values in data passed to precomputed distance matrix "
                f"(least: {least:.6g}). Distances are 0 or more."
            )
        if reset and X.shape[0] != X.shape[1]:
            raise ValueError(
                f"Precomputed matrix must be square. Input is a {X.shape[0]}x{X.shape[1]} matrix: "
                "pass the distances between all rows."
            )
        return X

    def _searched(self, X: Any) -> Search:
        return search_of(X, self.metric, self.p, self.metric_params)

    def _point_weights(self, sample_weight: Any, X: Any) -> Array | None:
        """Checked weights, which may be negative, on the device of X; None if not given."""
        if sample_weight is None:
            return None
        like = X.data if hasattr(X, "indptr") else X
        if isinstance(sample_weight, numbers.Real):
            sample_weight = np.full(X.shape[0], float(sample_weight))
        sample_weight = real_array("sample_weight", sample_weight)
        shape = tuple(sample_weight.shape)
        if len(shape) != 1:
            raise ValueError(f"Sample weights must be 1D array or scalar, got {len(shape)}D array.")
        if shape[0] != X.shape[0]:
            raise ValueError(
                f"sample_weight.shape == {shape}, expected {(X.shape[0],)}: one weight per row of "
                "X."
            )
        xp = namespace(like)
        w = xp.astype(asarray(sample_weight, like=like), float_dtype(xp, like))
        finite, some = host_floats(xp.all(xp.isfinite(w)), xp.any(w != 0))
        if not finite:
            raise ValueError("Input sample_weight contains NaN or infinity.")
        if not some:
            raise ValueError(
                "Sample weights must contain at least one non-zero number: all of sample_weight "
                "is zero."
            )
        return w
