"""Checked rows with labels, for the scores of a clustering from its data alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..arrays import (
    Array,
    asarray,
    dtype_name,
    float_dtype,
    host_floats,
    is_lazy,
    namespace,
    on_host,
)
from ..kernels import kernels_for
from ..kernels.statistics import SUMMARY_VALUES
from ..properties import cached_property
from ..rows import Blocks, Rows, in_memory_or_blocks, rows_of
from ..validation import check_finite, column_names, device_rows, host_rows, working_dtypes
from .labels import check_labels, coded, sizes


class Labelled:
    """Rows and their clusters.

    Attributes
    ----------
    rows : Rows
    X : array or CSR matrix of the rows, or Rows if they are not in one
    n, k : int
        Rows and clusters.
    codes : array of shape (n,), int32
        Clusters as numbers from 0, on the device of X.
    classes : array of shape (k,)
        The label of each cluster.
    sizes : ndarray of shape (k,)
        Rows of each cluster, on the host.
    """

    def __init__(self, name: str, X: Any, labels: Any):
        self.name, self.X = name, X
        self.rows = rows_of(X)
        self.n, self.sparse, self.like = self.rows.n, self.rows.sparse, self.rows.like
        labels = check_labels("labels", labels)
        check_same_length(self.n, labels.shape[0])
        found = coded("labels", labels)
        self.sizes = sizes(found)
        self.codes, self.classes = self.rows.along(found.codes), found.classes
        self.k = self.classes.shape[0]
        self.xp, self.kernels = self.rows.xp, self.rows.kernels
        self.wide = float_dtype(self.xp, self.like)

    def check_number_of_labels(self) -> None:
        if not 1 < self.k < self.n:
            raise ValueError(
                f"Number of labels is {self.k}. Valid values are 2 to n_samples - 1 (inclusive), "
                f"where n_samples is {self.n}: {self.name} compares clusters of several rows."
            )

    @cached_property
    def counts(self) -> Array:
        """Number of rows per cluster (k,), floats on the device of X."""
        return self.beside(self.sizes.astype(np.float64))

    def beside(self, host: np.ndarray) -> Array:
        """Host values as floats on the device of X."""
        return asarray(host, like=self.like, dtype=self.wide)

    def check_sums(self, *sums: Array) -> list[float]:
        """The 0-d sums on the host; raise if they are not finite because of X."""
        found = host_floats(*sums)
        if np.isfinite(found).all():
            return found
        if on_host(self.like) and self.rows.stored is not self.rows:
            check_finite(self.X, input_name="X")
            self._too_large()
        if all(is_finite(piece) for piece, *_ in self.rows.pieces()):
            self._too_large()
        raise ValueError(
            f"Input X contains NaN or infinity, which {self.name} does not accept: drop or impute "
            "those rows first."
        )

    def check_range(self) -> None:
        """Raise if sums of squared distances may overflow."""
        values = self.X.data if self.sparse else self.X
        if 0 in values.shape:
            return
        least, most = host_floats(self.xp.min(values), self.xp.max(values))
        largest = float(self.xp.finfo(self.wide).max)
        if max(-least, most) > (largest / (4 * self.n * self.X.shape[1])) ** 0.5:
            self._too_large()

    def _too_large(self) -> None:
        raise ValueError(
            f"Input X contains values too large for squared distances in {dtype_name(self.wide)}. "
            "Scale the data first."
        )


def check_same_length(rows: int, labels: int) -> None:
    if rows != labels:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {[rows, labels]}. X has "
            f"{rows} rows and labels has {labels} entries: pass one label per row."
        )


def checked_rows(
    name: str, X: Any, *, sparse: bool = False, blocks: bool = False, finite: bool = True
) -> Any:
    """X as a float array on its own device, as a CSR matrix, or as Blocks.

    Parameters
    ----------
    name : str
        Name of the calling function, for messages.
    X : Any
    sparse, blocks : bool
        Whether CSR matrices (which become Blocks otherwise) and Blocks are accepted.
    finite : bool
        Whether to check for NaN and infinity.
    """
    if blocks or is_lazy(X):
        X = in_memory_or_blocks(X)
    if isinstance(X, Rows):
        if blocks:
            return X
        raise TypeError(
            f"{name} compares all pairs of rows, but X is {type(X).__name__}, with rows out of "
            "memory. Pass a sample (silhouette_score has sample_size), or use "
            "simplified_silhouette_score, davies_bouldin_score or calinski_harabasz_score, which "
            "read the rows twice."
        )
    if not on_host(X):
        X = device_rows(name, X)
        if finite and not is_finite(X):
            raise ValueError(
                f"Input X contains NaN or infinity, which {name} does not accept: drop or impute "
                "those rows first."
            )
        return X
    found = host_rows(
        f"Input X of {name}",
        X,
        accept_sparse="csr",
        dtype=working_dtypes(X),
        order="C",
        input_name="X",
    )
    if finite:
        check_finite(found, column_names(X), input_name="X")
    if sparse or not hasattr(found, "indptr"):
        return found
    return Blocks(partial(_dense_blocks, found))


def _dense_blocks(X: Any) -> Iterator[np.ndarray]:
    """A CSR matrix as dense blocks of rows."""
    height = max(1, SUMMARY_VALUES // X.shape[1])
    return (X[a : a + height].toarray() for a in range(0, X.shape[0], height))


def is_finite(X: Array) -> bool:
    """Whether all rows are finite, without a mask of all entries."""
    with np.errstate(invalid="ignore", over="ignore"):
        return bool(host_floats(kernels_for(namespace(X)).reductions.summary(X).finite)[0])
