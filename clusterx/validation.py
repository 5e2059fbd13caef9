"""Checks of arguments, and what their messages say."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from .arrays import Array, dtype_name, is_array, working_dtype

#: how the messages of NumPy begin when it can't make numbers of something
CONVERSION = ("could not convert", "float() argument", "setting an array element", "must be real")


def working_dtypes(name: str, X: Any) -> Any:
    """What scikit-learn's checks may make of X on the host; raise where they would not.

    They take dates for numbers, and masked values for those below the mask.
    """
    dtype = getattr(X, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "mM":
        raise TypeError(f"Input X of {name} must hold real numbers, got dtype {dtype}.")
    if np.ma.is_masked(X):
        raise ValueError(
            f"Input X is a masked array with masked values, which {name} does not accept: fill "
            "them, or drop those rows first."
        )
    small = isinstance(dtype, np.dtype) and working_dtype(dtype.name) == "float32"
    return np.float32 if small else [np.float64, np.float32]


def real_array(name: str, values: Any) -> Array:
    """The argument as an array of real numbers; raise, naming it, if it is not one."""
    if not is_array(values):
        try:
            values = np.asarray(values)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} must be an array of real numbers: {error}") from error
    values = values.detach() if hasattr(values, "detach") else values
    kind = dtype_name(values.dtype)
    if kind == "object":
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
