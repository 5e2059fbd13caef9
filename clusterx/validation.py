"""Checks of arguments, and the messages they raise."""

from __future__ import annotations

import numbers
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, check_array

from .arrays import (
    Array,
    backend,
    contiguous,
    device,
    dtype_name,
    has_int64,
    is_array,
    is_lazy,
    named_dtype,
    namespace,
    working_dtype,
)

#: how messages of NumPy and scikit-learn begin when values can't be converted to numbers
CONVERSION = (
    "could not convert",
    "float() argument",
    "setting an array element",
    "must be real",
    "Cannot cast",
    "dtype='numeric' is not compatible",
)
#: how the dtype names of dates, times and durations begin, in any library
_TEMPORAL = re.compile("date|time|duration|period", re.IGNORECASE)


# -- X -------------------------------------------------------------------------------------------


def host_rows(what: str, X: Any, check: Callable[..., Any] = check_array, **how: Any) -> Any:
    """X, which is on the host, as an array or a CSR matrix of real numbers.

    Parameters
    ----------
    what : str
        The name of X in messages, such as "Input X of KMeans".
    X : array-like, sparse matrix or data frame
        A CSR matrix comes back in canonical format.
    check : callable, default=check_array
        scikit-learn's check that converts X.
    **how
        Options of the check. It does not look for missing values: `check_finite` does, and says
        where the first one is.

    Raises
    ------
    TypeError, ValueError
        X holds something other than real numbers. The message names the column of a data frame.
    """
    _refuse_chunks(what, X)
    try:
        if isinstance(X, list | tuple):
            _refuse_masked(what, *X)
            X = np.asarray(X)
        refuse_lookalikes(what, X)
        if _is_frame(X) and not len(X.columns):
            raise ValueError(f"{what} has 0 feature(s) (shape={X.shape}): at least one is needed.")
        found = check(X, ensure_all_finite=False, **how)
    except (TypeError, ValueError) as error:
        if not str(error).startswith(CONVERSION):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        culprit = _culprit(X)
        if culprit is None:
            raise kind(f"{what} must hold real numbers: {error}") from error
        raise kind(
            f"{what} must hold real numbers, and {culprit}. Turn the column into numbers, or drop "
            "it."
        ) from error
    return canonical_rows(found) if hasattr(found, "indptr") else found


def device_rows(name: str, X: Array) -> Array:
    """X, an array of a library other than NumPy, as C-contiguous rows of float32 or float64.

    Parameters
    ----------
    name : str
        Name of the estimator or function, for messages.
    X : array of shape (n, d)

    Raises
    ------
    TypeError
        X is sparse, or it is being traced and has no values, as under ``jax.jit``.
    ValueError
        X is empty, is not 2-D, or holds complex numbers; or its library has no 64-bit integers.
    """
    _refuse_chunks(name, X)
    xp, kind = namespace(X), dtype_name(X.dtype)
    check_concrete(name, X)
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {X.ndim}D array instead:\nshape={tuple(X.shape)}.\n"
            "Reshape your data either using array.reshape(-1, 1) if your data has a single "
            "feature or array.reshape(1, -1) if it contains a single sample."
        )
    for size, what in zip(X.shape, ("sample", "feature"), strict=True):
        if size == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={tuple(X.shape)}) while a minimum of 1 "
                f"is required by {name}."
            )
    if "complex" in kind:
        raise ValueError(f"Complex data not supported: X has dtype {kind}. Pass its parts.")
    if getattr(X, "is_sparse", False) or getattr(X, "is_sparse_csr", False):
        raise TypeError(
            f"Input X is a sparse array on a device ({X.layout}), and {name} takes sparse rows "
            "on the host only, as SciPy's CSR. Convert X, or make it dense."
        )
    wanted = named_dtype(xp, working_dtype(kind))
    X = X if X.dtype == wanted else xp.astype(X, wanted)
    X = X.detach() if hasattr(X, "detach") else X  # no gradients flow through
    return contiguous(X)  # once here, or each kernel would make its own copy


def _refuse_chunks(what: str, X: Any) -> None:
    if is_lazy(X):
        raise ValueError(
            f"{what} must be in memory, got chunks of Dask. Use compute() if they fit, or take a "
            "sample."
        )


def check_concrete(name: str, X: Array) -> None:
    """Refuse an array that has no values yet, or whose library has no 64-bit integers."""
    xp = namespace(X)
    where = device(X)
    if where is None:
        raise TypeError(
            f"{name} got an array without values: {backend(xp)} is tracing it, as jit, grad and "
            "vmap do. Clustering depends on the values, so it can't be traced: call clusterx "
            "outside."
        )
    if not has_int64(xp, where):
        raise ValueError(
            f"{name} needs 64-bit integers for counting, and {backend(xp)} has none here. With "
            'JAX, call jax.config.update("jax_enable_x64", True) before any array is made, or set '
            "JAX_ENABLE_X64=1. float32 arrays stay float32."
        )


def canonical_rows(X: Any) -> Any:
    """X as a CSR matrix with sorted column indices and no duplicates, in int32 if the indices fit.
    X itself is returned if it already is one.
    """
    largest = np.iinfo(np.int32).max
    wide = X.indices.dtype.itemsize > 4 or X.indptr.dtype.itemsize > 4
    if wide and X.nnz <= largest and max(X.shape) <= largest:
        parts = X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)
        X = type(X)(parts, shape=X.shape)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X


def refuse_lookalikes(what: str, values: Any) -> None:
    """Raise if the values are not numbers, but NumPy would silently convert them.

    NumPy turns dates and durations into counts of some unit, and masked values into the values
    under the mask.
    """
    if hasattr(values, "collect") and hasattr(values, "collect_schema"):
        raise TypeError(
            f"{what} is a {type(values).__name__}, whose rows are not computed yet: call its "
            "collect() first."
        )
    _refuse_masked(what, values)
    for place, (column, dtype) in enumerate(_columns(values)):
        kind = str(getattr(getattr(dtype, "categories", None), "dtype", dtype))
        if column is not None and "complex" in kind:
            raise ValueError(
                f"Complex data not supported: column {column!r} has dtype {kind}. Pass its parts."
            )
        found = f"dtype {kind}" if _TEMPORAL.match(kind) else None
        if kind.lower() == "object":
            found = _first_date(_column(values, place))
        if found:
            where = "" if column is None else f" in column {column!r}"
            raise TypeError(
                f"{what} must hold real numbers, got {found}{where}. Convert dates and times to "
                "numbers first, such as days since a date, or drop them."
            )


def _refuse_masked(what: str, *values: Any) -> None:
    if any(np.ma.is_masked(v) for v in values if isinstance(v, np.ma.MaskedArray)):
        raise ValueError(
            f"{what} is a masked array with masked values, which are not accepted: fill them, or "
            "drop those rows first."
        )


def _columns(values: Any) -> list[tuple[Any, Any]]:
    """Name and dtype of each column of a data frame; None and the dtype of other arrays."""
    if hasattr(values, "column_names") and hasattr(values, "schema"):  # pyarrow's tables
        return list(zip(values.schema.names, values.schema.types, strict=True))
    if _is_frame(values):
        return list(zip(values.columns, values.dtypes, strict=True))
    return [(None, values.dtype)] if hasattr(values, "dtype") else []


def _is_frame(values: Any) -> bool:
    return hasattr(values, "columns") and hasattr(values, "dtypes")


def _column(values: Any, place: int) -> np.ndarray:
    """The values of one column of a data frame, or of a whole array, as objects."""
    if hasattr(values, "column_names"):
        values = values.column(place)
    elif _is_frame(values):
        values = values.iloc[:, place] if hasattr(values, "iloc") else values[:, place]
    return np.asarray(values, dtype=object)


def _first_date(objects: np.ndarray) -> str | None:
    """The first NumPy date or duration. (NumPy converts its own to numbers, but not Python's.)"""
    dates = (repr(v) for v in objects.flat if isinstance(v, np.datetime64 | np.timedelta64))
    return next(dates, None)


def _culprit(X: Any) -> str | None:
    """Describe the first value of a data frame that is not a number; None if there is none."""
    for place, (column, dtype) in enumerate(_columns(X)):
        for row, value in enumerate(() if column is None else _column(X, place)):
            try:
                if np.ndim(value):  # older NumPy converts arrays of one element to floats
                    raise TypeError
                float(np.nan if value is None else value)
            except (TypeError, ValueError):
                # a nullable column of numbers converts its NA, an object column does not
                if type(value).__name__ != "NAType" or str(dtype) == "object":
                    return f"column {column!r}, of dtype {dtype}, has {value!r} in row {row}"
    return None


def column_names(X: Any) -> list[Any] | None:
    """The column names of a data frame; None for anything else."""
    names = [name for name, _ in _columns(X)]
    return None if None in names else names or None


def check_finite(X: Any, names: Any = None, **how: Any) -> None:
    """scikit-learn's check of rows on the host; its message says where the first bad value is.

    Parameters
    ----------
    X : array or CSR matrix
    names : sequence, optional
        Column names.
    **how
        Options of `assert_all_finite`.
    """
    try:
        assert_all_finite(X, **how)
    except ValueError as error:
        if hasattr(X, "indptr"):
            raise
        bad = np.isinf(X) if how.get("allow_nan") else ~np.isfinite(X)
        row, column = (int(i) for i in np.argwhere(bad)[0])
        name = column if names is None else repr(names[column])
        raise ValueError(f"{error}\nThe first is in row {row}, column {name}.") from None


def working_dtypes(X: Any) -> Any:
    """The dtypes to which scikit-learn's checks may convert X on the host."""
    dtype = getattr(X, "dtype", None)
    small = isinstance(dtype, np.dtype) and working_dtype(dtype.name) == "float32"
    return np.float32 if small else [np.float64, np.float32]


# -- other arguments -----------------------------------------------------------------------------


def real_array(name: str, values: Any) -> Array:
    """The argument as an array of real numbers; raise, naming it, if it is not one."""
    if not is_array(values):
        refuse_lookalikes(name, values)
        try:
            values = np.asarray(values)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} must be an array of real numbers: {error}") from error
    values = values.detach() if hasattr(values, "detach") else values
    kind = dtype_name(values.dtype)
    if kind == "object":
        refuse_lookalikes(name, values)
        try:
            return values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} must be an array of real numbers: {error}") from error
    if not kind.startswith(("bool", "int", "uint", "float", "bfloat", "longdouble")):
        raise ValueError(f"{name} must be an array of real numbers, got dtype {kind}.")
    return values


def check_choice(estimator: Any, name: str, value: Any, choices: tuple[str, ...]) -> None:
    if not (isinstance(value, str) and value in choices):
        raise ValueError(
            f"The {name!r} parameter of {type(estimator).__name__} must be one of "
            f"{', '.join(repr(c) for c in choices)}; got {value!r}."
        )


def check_number(
    estimator: Any, name: str, value: Any, kind: type, *, least: float, or_none: bool = False
) -> None:
    """Raise unless value is a number of the kind and at least `least`."""
    if or_none and value is None:
        return
    what = "a whole number" if kind is numbers.Integral else "a number"
    allowed = isinstance(value, kind) and not isinstance(value, bool | np.bool_)
    error = ValueError if isinstance(value, numbers.Real) else TypeError
    if not allowed or not value >= least:
        raise error(
            f"The {name!r} parameter of {type(estimator).__name__} must be {what} of at least "
            f"{least:g}{' or None' if or_none else ''}; got {value!r}."
        )
