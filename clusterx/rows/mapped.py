"""Files mapped into memory: which are read in place, and which block by block."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import working_dtype
from .available import available_memory
from .blocks import Blocks

#: Up to so many bytes nobody asks what memory is free.
SMALL = 1 << 28
#: Bytes that a fit keeps at most beside the rows: per row, per value, and per value of rows of few
#: columns. Measured with 1 to 784 columns in float32 and float64; 30 to 80 were kept per row.
KEPT_PER_ROW, KEPT_PER_VALUE, KEPT_OF_FEW, FEW = 80, 4, 16, 8


def in_memory_or_blocks(X: Any) -> Any:
    """A mapped file as an array, or as Blocks if memory is too small for a fit in place; other X
    as they are.

    A mapped array is read in place like any other, several times as fast as block by block, and
    the system may still drop pages of it, because the file has them. That pays as long as the
    whole file and what a fit keeps of it find room in free memory. Beyond, each pass would drop
    the pages that the next one needs first, and what the fit keeps could not be dropped at all.
    Blocks hold a bounded part of the file at a time, and read the next one ahead. The results have
    the same bits.

    Where the system does not tell what memory is free, large files are read block by block.
    """
    if not isinstance(X, np.memmap) or X.ndim != 2:
        return X
    if getattr(X, "_mmap", None) is None or X.nbytes <= SMALL:  # such as the copy of a mapped array
        return np.asarray(X)
    free = available_memory()
    return np.asarray(X) if free is not None and _needed(X) <= free else Blocks(X)


def _needed(X: np.memmap) -> int:
    """Bytes of free memory that a fit of the mapped rows takes in place."""
    dtype = np.dtype(working_dtype(X.dtype.name))
    as_they_are = X.dtype == dtype and X.flags.c_contiguous
    per_value = KEPT_OF_FEW if X.shape[1] <= FEW else KEPT_PER_VALUE
    kept = KEPT_PER_ROW * X.shape[0] + per_value * X.size
    converted = 0 if as_they_are else X.size * dtype.itemsize
    # files of this folder, where joblib puts arrays for its workers, are in memory already
    in_memory = str(X.filename or "").startswith("/dev/shm/")
    return kept + converted + (0 if in_memory else X.nbytes)
