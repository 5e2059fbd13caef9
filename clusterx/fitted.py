"""Fitted models: attributes that were restored or set by hand, and saving."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from .arrays import Array, dtype_name, is_array, on_host, to_host

FLOATS = ("float32", "float64")


def fitted_matrix(model: Any, name: str, dtypes: tuple[str, ...] = FLOATS) -> Array:
    """A fitted attribute that kernels read as a matrix; raise, naming it, if they can't.

    Only type, dtype and shape are checked, so nothing is read from the device.
    """
    values = getattr(model, name)
    where = f"{name} of {type(model).__name__}"
    wanted = f"must be a matrix of {' or '.join(dtypes)}"
    if not is_array(values):
        raise TypeError(
            f"{where} {wanted}, got {type(values).__name__}. Set an array: "
            f"numpy.asarray(values, dtype={dtypes[-1]!r})."
        )
    if getattr(values, "is_sparse", False) or getattr(values, "is_sparse_csr", False):
        raise TypeError(f"{where} {wanted}, got a sparse array ({values.layout}). Make it dense.")
    if dtype_name(values.dtype) not in dtypes:
        raise TypeError(
            f"{where} {wanted}, got dtype {dtype_name(values.dtype)}. Convert it to one of them."
        )
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"{where} {wanted} with at least one row and column, got shape {tuple(values.shape)}."
        )
    if np.ma.is_masked(values):
        raise ValueError(f"{where} {wanted}, got an array with masked values. Fill them first.")
    return values.detach() if hasattr(values, "detach") else values


class OtherVersionWarning(InconsistentVersionWarning):
    """A model was saved by another version of clusterx than the one that loads it.

    Filters for scikit-learn's warning of this kind catch it too.
    """

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by clusterx {self.original_sklearn_version} and is "
            f"loaded by clusterx {self.current_sklearn_version}, where its attributes may mean "
            "something else. Load it with the version that saved it, or fit it again."
        )


class SavedModel(BaseEstimator):
    """Base of models that are saved: as NumPy arrays, and with the version that saved them."""

    def __getstate__(self) -> dict[str, Any]:
        # a model fitted on a GPU loads where there is none
        state = {
            name: to_host(value) if is_array(value) and not on_host(value) else value
            for name, value in super().__getstate__().items()
        }
        return state | {"_clusterx_version": version()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        saved_by = state.pop("_clusterx_version", "of unknown version")
        if saved_by != version():
            warnings.warn(
                OtherVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=version(),
                    original_sklearn_version=saved_by,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)


def version() -> str:
    """Of clusterx."""
    from . import __version__  # which is set after this module is imported

    return __version__
