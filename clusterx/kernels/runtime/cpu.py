"""Dtypes and BLAS limit of NumPy; the generic runtime streams its blocks."""

import numpy as np

from ..cpu.ranges import blocks
from ..cpu.threads import run_blocks, single_threaded_blas

__all__ = ["dtypes", "limited_blas", "take_rows"]

#: Values that a task gathers.
GATHERED = 1 << 20

dtypes = frozenset({"uint8", "float32", "float64"})
limited_blas = single_threaded_blas


def take_rows(X, indices):
    out = np.empty((len(indices), X.shape[1]), X.dtype)
    parts = blocks(len(indices), max(1, GATHERED // X.shape[1]))

    def block(b):
        rows = slice(*parts[b])
        np.take(X, indices[rows], axis=0, out=out[rows], mode="clip")  # other modes make a copy

    run_blocks(block, len(parts))
    return out
