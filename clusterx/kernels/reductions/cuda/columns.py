"""Moments, extremes and finiteness of the columns, in one pass over the rows."""

from __future__ import annotations

from typing import Any

from ....arrays import Array
from ...statistics import Summary

BLOCK = 256
#: Blocks that share the rows; fixed, so that the device does not change the sums.
BLOCKS = 1024
#: Least rows per thread, if there are enough rows.
LEAST_ROWS = 8
#: Columns per block when slabs are joined: few, so that many threads share a column's slabs.
JOINED_COLUMNS = 8


def summary(gpu: Any, X: Array) -> Summary:
    """The summary of all rows. Where X is not finite, mean and variance may be NaN."""
    xp, (n, d) = gpu.xp, X.shape
    X = gpu.contiguous(X)
    tiles = -(-d // BLOCK)
    width = -(-d // tiles)
    lanes = BLOCK // width
    rows = -(-n // max(1, min(n // (LEAST_ROWS * lanes), BLOCKS // tiles)))
    slabs = -(-n // rows)
    parts = gpu.empty((3, slabs, d), xp.float64, like=X)
    out = gpu.empty((3, d), xp.float64, like=X)
    module = gpu.loader.module("summary", T=gpu.c_type(X.dtype))
    module.launch(
        "slab_moments", slabs * tiles, _threads(width * lanes), X, n, d, rows, width, lanes, parts
    )
    width = min(d, JOINED_COLUMNS)
    lanes = BLOCK // width
    module.launch(
        "join_slabs", -(-d // width), _threads(width * lanes), X, parts, slabs, n, d, rows,
        width, lanes, out,
    )  # fmt: skip
    mean, variance, largest = (out[i, ...] for i in range(3))
    return Summary(xp.all(xp.isfinite(largest)), mean, variance, largest)


def _threads(wanted: int) -> int:
    """Round a number of threads up to whole warps."""
    return -(-wanted // 32) * 32
