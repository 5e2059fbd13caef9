"""Dask's collections as arrays of rows."""

from __future__ import annotations

import warnings
from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import Delayed

from ..arrays import dtype_name
from ..validation import refuse_lookalikes


def as_rows(X: Any) -> da.Array:
    """X as a Dask array of real numbers, each chunk of which has all columns.

    Raises
    ------
    ValueError
        X is not two-dimensional, has no columns, or holds complex numbers.
    TypeError
        X does not hold real numbers, has sparse chunks, or is another kind of collection.

    Warns
    -----
    dask.array.PerformanceWarning
        Chunks that split the columns are joined.
    """
    rows = _array(X)
    if rows.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {rows.ndim}D array instead:\nshape={rows.shape}.\nReshape "
            "your data either using array.reshape(-1, 1) if your data has a single feature or "
            "array.reshape(1, -1) if it contains a single sample."
        )
    _check_kind(X, rows)
    if rows.shape[1] == 0:
        raise ValueError("X has 0 columns (features); at least one is wanted.")
    if rows.numblocks[1] > 1:
        warnings.warn(
            f"X has {rows.numblocks[1]} chunks along its columns, which are joined in each pass. "
            "Use X.rechunk({1: -1}).persist() to join them once.",
            da.PerformanceWarning,
            stacklevel=7,
        )
        rows = rows.rechunk({1: -1})
    return rows


def _array(X: Any) -> da.Array:
    if isinstance(X, da.Array):
        return X
    if isinstance(X, Delayed) or not hasattr(X, "to_dask_array"):
        raise TypeError(
            f"X is a {type(X).__module__}.{type(X).__name__}. Of Dask's collections arrays and "
            "data frames are taken: use dask.array.from_delayed or to_dataframe()."
        )
    refuse_lookalikes("Input X", X._meta)
    kinds = [getattr(kind, "kind", "O") for kind in np.atleast_1d(X._meta.dtypes)]
    # nullable columns become objects in NumPy
    objects = X._meta.to_numpy().dtype == object and "O" not in kinds
    return (X.astype("float64") if objects else X).to_dask_array()


def _check_kind(X: Any, rows: da.Array) -> None:
    meta = rows._meta
    if hasattr(meta, "nnz") or hasattr(meta, "todense"):
        raise TypeError(
            f"X has sparse chunks ({type(meta).__name__}). Make them dense: "
            "X.map_blocks(lambda block: block.toarray())."
        )
    kind = dtype_name(rows.dtype)
    if kind.startswith("complex"):
        raise ValueError(f"Complex data not supported: X has dtype {kind}. Pass its parts.")
    if not kind.startswith(("bool", "int", "uint", "float")):
        names = [str(c) for c, k in getattr(X, "dtypes", {}).items() if str(k) == "object"]
        where = f" in columns {', '.join(names)}" if names else ""
        raise TypeError(
            f"Input X must hold real numbers, got dtype {kind}{where}. Turn the columns into "
            "numbers, or drop them."
        )


def header_of(X: Any, rows: da.Array) -> Any:
    """An object without rows that has the number and the names of the columns."""
    return X._meta if hasattr(X, "columns") else np.empty((0, rows.shape[1]))
