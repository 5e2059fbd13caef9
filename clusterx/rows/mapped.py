"""Decides which rows in files are read in place or into memory, and which block by block."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import is_array, is_lazy, working_dtype
from .available import available_memory
from .base import Rows
from .blocks import Blocks
from .memory import InMemory
from .source import is_iterable
from .stored import ArrowRows, FileArray, stored

#: Bytes up to which free memory is not checked.
SMALL = 1 << 28
#: The most bytes that a fit keeps beside the rows: per row, per value, and per value where there
#: are at most FEW columns. Measured with 1 to 784 columns in float32 and float64; 30 to 80 bytes
#: were kept per row.
KEPT_PER_ROW, KEPT_PER_VALUE, KEPT_OF_FEW, FEW = 80, 4, 16, 8


def in_memory_or_blocks(X: Any) -> Any:
    """Rows or an array for an X that is in a file or comes in blocks; any other X unchanged.

    X may be a collection of Dask, or whatever `Blocks` takes. A list is taken for a list of blocks
    if its first element has two dimensions.

    A mapped array is read in place like any other, several times as fast as block by block, and
    the system may still drop its pages, because the file has them. That pays as long as the whole
    file and what a fit keeps beside it fit in free memory. Beyond that, each pass would drop the
    pages that the next one needs first, and what the fit keeps could not be dropped at all.
    `Blocks` holds a bounded part of the file at a time, and reads the next block ahead. The results
    have the same bits. By the same rule other files are read into memory or block by block.

    Where the system does not report free memory, large files are read block by block.
    """
    if is_lazy(X):
        from .dask import DaskRows  # optional: whoever has Dask arrays has Dask

        return DaskRows(X)
    if isinstance(X, Rows) or (is_array(X) and not isinstance(X, np.memmap)):
        return X
    X = stored(X)
    if isinstance(X, FileArray | ArrowRows):
        if not fits_in_memory(X.n, X.d, X.n * X.d * X.dtype.itemsize):
            return Blocks(X)
        return X.whole() if X.header is None else InMemory(X.whole(), header=X.header)
    if callable(X) or _gives_blocks(X):
        return Blocks(X)
    if not isinstance(X, np.memmap) or X.ndim != 2:
        return X
    if getattr(X, "_mmap", None) is None:  # such as the copy of a mapped array
        return np.asarray(X)
    # files of this folder, where joblib puts arrays for its workers, are in memory already
    is_there = str(X.filename or "").startswith("/dev/shm/")
    dtype = np.dtype(working_dtype(X.dtype.name))
    as_they_are = X.dtype == dtype and X.flags.c_contiguous
    converted = 0 if as_they_are else X.size * dtype.itemsize
    n, d = X.shape
    in_place = X.nbytes <= SMALL or _fits(n, d, converted + (0 if is_there else X.nbytes))
    return np.asarray(X) if in_place else Blocks(X)


def reads_in_blocks(X: Any) -> bool:
    """Whether X is read block by block, because memory is too small for it."""
    return isinstance(in_memory_or_blocks(X), Blocks)


def fits_in_memory(n: int, d: int, read: int) -> bool:
    """Whether n rows of d columns, for which `read` bytes are read, are small or fit in memory."""
    return read <= SMALL or _fits(n, d, read)


def _gives_blocks(X: Any) -> bool:
    """Whether X is an iterable of matrices, not of rows."""
    if isinstance(X, list | tuple):
        return bool(X) and getattr(X[0], "ndim", 0) == 2
    return is_iterable(X) and not hasattr(X, "__len__")


def _fits(n: int, d: int, read: int) -> bool:
    """Whether free memory holds the `read` bytes and what a fit keeps beside them."""
    free = available_memory()
    per_value = KEPT_OF_FEW if d <= FEW else KEPT_PER_VALUE
    return free is not None and KEPT_PER_ROW * n + per_value * n * d + read <= free
