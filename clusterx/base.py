"""Base classes of all estimators: input checks, results where X is, saving and moving models."""

from __future__ import annotations

import copy
import math
import numbers
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from .arrays import (
    Array,
    asarray,
    device,
    dtype_name,
    float_dtype,
    host_floats,
    is_array,
    is_lazy,
    named_dtype,
    namespace,
    on_host,
    to_host,
    working_dtype,
)
from .fitted import FLOATS, SavedModel, fitted_matrix
from .kernels import kernels_for
from .rows import (
    InMemory,
    Rows,
    check_labels_out,
    in_memory_or_blocks,
    labels_into,
)
from .validation import (
    check_concrete,
    check_finite,
    column_names,
    device_rows,
    host_rows,
    real_array,
    working_dtypes,
)

#: CSR matrices of at most this many columns are made dense.
FEW_COLUMNS = 8


class Estimator(SavedModel):
    """Base of the estimators. They compute on the device of X and leave their results there."""

    #: whether CSR matrices are accepted
    _takes_sparse = False
    #: whether NaN stands for missing values
    _takes_missing = False
    #: integer rows of at most this many columns stay integers, if the kernels accept the dtype
    _whole_columns = 0

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.array_api_support = True
        tags.input_tags.sparse = self._takes_sparse
        return tags

    # -- input ---------------------------------------------------------------------------------

    def _rows(self, X: Any, *, reset: bool, beside: str | None = None) -> Rows:
        """X checked and converted to the working dtype, as Rows.

        beside : name of a fitted matrix that kernels will read together with X; it is checked too
        """
        X = in_memory_or_blocks(X)
        if isinstance(X, Rows):
            validate_data(self, X.header, reset=reset, skip_check_array=True)
            rows = X
        elif on_host(X):
            values = self._host_rows(X, reset=reset)
            header = X[:0] if column_names(X) else None
            rows = InMemory(values, np.dtype(working_dtype(values.dtype.name)), header)
        else:
            rows = InMemory(self._device_rows(X, reset=reset))
        if not reset:
            rows = rows.defer(type(self).__name__, self._takes_missing)
        self._check_values(rows, beside)
        return rows

    def _host_rows(self, X: Any, *, reset: bool) -> Any:
        dtypes = working_dtypes(X)
        few = isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] <= self._whole_columns
        if few and X.dtype.isnative and X.dtype.name in kernels_for(namespace(X)).runtime.dtypes:
            dtypes = [np.float32, X.dtype]
        X = host_rows(
            f"Input X of {type(self).__name__}",
            X,
            partial(validate_data, self),
            reset=reset,
            accept_sparse="csr" if self._takes_sparse else False,
            dtype=dtypes,
            order="C",
        )
        # with few columns, dense rows take no more memory
        return X.toarray() if hasattr(X, "indptr") and X.shape[1] <= FEW_COLUMNS else X

    def _device_rows(self, X: Array, *, reset: bool) -> Array:
        X = device_rows(type(self).__name__, X)
        validate_data(self, X, reset=reset, skip_check_array=True)
        return X

    def _check_values(self, rows: Rows, beside: str | None) -> None:
        """Raise if X or the fitted matrix `beside` is not finite or too large; one device read."""
        xp = rows.xp
        scalars: list[Any] = [True, 0.0]  # whole numbers are finite, and too small to overflow
        if dtype_name(rows.like.dtype) in FLOATS and not rows.deferred:
            wide = float_dtype(xp, rows.like)
            sizes = asarray(rows.summary.max_abs, like=rows.like, dtype=wide)
            scalars = [rows.summary.finite, xp.max(sizes)]
        if beside is not None:
            scalars.append(self._largest_beside(rows, beside))
        finite, largest, *fitted = host_floats(*scalars)
        if not finite:
            largest = self._largest_there(rows)
        if not rows.deferred:
            self._check_range("Input X contains", largest, rows)
        if fitted:
            what = f"{beside} of {type(self).__name__} contains"
            if not math.isfinite(fitted[0]):
                raise ValueError(f"{what} NaN or infinity. Set finite values, or fit again.")
            if not (rows.deferred and rows.distant):  # whose number may not be known yet
                self._check_range(what, fitted[0], rows)

    def _largest_beside(self, rows: Rows, name: str) -> Any:
        """The largest magnitude in a fitted matrix, 0-d; NaN if it contains one."""
        values = asarray(fitted_matrix(self, name), like=rows.like)
        if values.shape[1] != rows.d:
            raise ValueError(
                f"{name} of {type(self).__name__} has {values.shape[1]} columns, and X has "
                f"{rows.d} features. Set one column per feature, or fit again."
            )
        return rows.xp.max(rows.xp.abs(values))

    def _largest_there(self, rows: Rows) -> float:
        """Raise, because the rows are not finite; estimators that accept NaN override this."""
        name = type(self).__name__
        if rows.stored is not rows and on_host(rows.like):
            names = getattr(self, "feature_names_in_", None)
            check_finite(rows.stored, names, estimator_name=name, input_name="X")
        raise ValueError(
            f"Input X contains NaN or infinity. {name} does not accept missing or infinite values: "
            "drop or impute those rows first."
        )

    def _check_range(self, what: str, largest: float, rows: Rows) -> None:
        """Raise if sums of squared distances of values up to `largest` may overflow."""
        wide = float_dtype(rows.xp, rows.like)
        limit = (float(rows.xp.finfo(wide).max) / (4 * rows.n * rows.d)) ** 0.5
        if largest > limit:
            raise ValueError(
                f"{what} values too large for squared distances in {dtype_name(wide)}: up to "
                f"{largest:.3g}, and the limit for shape {rows.shape} is {limit:.3g}. Scale the "
                "data first."
            )

    def _weights(self, sample_weight: Any, rows: Rows) -> tuple[Array | None, float]:
        """The checked weights, or None if all of them are one; and their sum."""
        if sample_weight is None:
            return None, float(rows.n)
        if isinstance(sample_weight, numbers.Real):
            sample_weight = np.full(rows.n, float(sample_weight))
        if not is_lazy(sample_weight):
            sample_weight = real_array("sample_weight", sample_weight)
        shape = tuple(sample_weight.shape)
        if len(shape) != 1:
            raise ValueError(f"Sample weights must be 1D array or scalar, got {len(shape)}D array.")
        if shape[0] != rows.n and not is_lazy(sample_weight):
            raise ValueError(
                f"sample_weight.shape == {shape}, expected {(rows.n,)}: one weight per row of X."
            )
        w = rows.along(sample_weight)
        xp = namespace(w)
        wide = named_dtype(xp, "float64") if on_host(rows.like) else rows.dtype
        w = xp.astype(w, wide, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            total, least = host_floats(xp.sum(w), xp.min(w))
            # the sum of finite weights may overflow
            finite = math.isfinite(total) or host_floats(xp.all(xp.isfinite(w)))[0]
        if not finite:
            raise ValueError("Input sample_weight contains NaN or infinity.")
        if total > 1e150:  # its product with the largest value must not overflow
            raise ValueError(
                f"The sum of sample_weight is too large: {total:.3g}, and the limit is 1e150. "
                "Scale the weights: only their proportions matter to the centres."
            )
        if least < 0:
            raise ValueError(f"Negative values in data passed to sample_weight (least: {least}).")
        if total == 0:
            raise ValueError(
                "Sample weights must contain at least one non-zero number: all of sample_weight "
                "is zero."
            )
        if on_host(w):
            w = np.ascontiguousarray(w)
            if least == 1.0 and total == rows.n and (w == 1.0).all():
                return None, float(rows.n)
        return w, total

    def _check_same_library(self, X: Any, method: str, attribute: str) -> None:
        fitted = getattr(self, attribute)
        X = X.like if isinstance(X, Rows) else X._meta if is_lazy(X) else X
        if not on_host(X):
            check_concrete(f"{type(self).__name__}.{method}()", X)
        mine, theirs = namespace(fitted), namespace(X)
        where = None if on_host(X) else device(X)
        if mine is theirs and (on_host(X) or device(fitted) == where):
            return
        raise ValueError(
            f"Inputs passed to {type(self).__name__}.{method}() must use the same namespace and "
            f"the same device as those passed to fit(). Array namespace used during fit: "
            f"{mine.__name__}, on {device(fitted)}; {method}() got {theirs.__name__}, on "
            f"{where or 'the host'}. Convert X, or move the model with to_device()."
        )

    def _predict_into(self, labels_out: Any, X: Any) -> Any:
        """The labels of the rows in a file or an array."""
        check_labels_out(labels_out)
        return labels_into(labels_out, X, self.predict)

    # -- moving ------------------------------------------------------------------------------

    def to_device(self, like: Any) -> Estimator:
        """A copy of the fitted model whose arrays live with `like`.

        Parameters
        ----------
        like : array or "cpu"
            An array of the library and on the device wanted; ``"cpu"`` means NumPy.

        Returns
        -------
        Estimator
            A fitted model; this one stays as it is.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            The model is not fitted.
        TypeError
            `like` is neither an array nor ``"cpu"``.
        """
        if isinstance(like, str) and like == "cpu":
            like = np.empty(0)
        if not is_array(like):
            raise TypeError(
                f"like must be an array of the library and device wanted, or 'cpu'; got {like!r}."
            )
        check_is_fitted(self)
        moved = copy.copy(self)
        parameters = self.get_params(deep=False)
        for name, value in self.__dict__.items():
            if is_array(value) and dtype_name(value.dtype) != "object":  # feature names are objects
                setattr(moved, name, asarray(to_host(value), like=like))
            elif name not in parameters:
                setattr(moved, name, copy.deepcopy(value))
        return moved

    def __copy__(self) -> Estimator:
        # not through __getstate__, which moves arrays to the host for saving
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Estimator:
        made = memo[id(self)] = copy.copy(self)
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made


class Clusterer(ClusterMixin, Estimator):
    """Base of the estimators that label the rows of X."""
