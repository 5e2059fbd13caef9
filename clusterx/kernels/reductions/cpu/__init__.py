"""Reductions of NumPy arrays and CSR matrices."""

import numpy as np

from ...cpu import columns, ranges
from ...cpu.threads import run_blocks
from ...statistics import SUMMARY_VALUES, Summary
from . import sparse
from .segments import sum_columns_by_label, sum_rows_by_label

__all__ = ["sum_columns_by_label", "sum_rows_by_label", "summary"]


def summary(X):
    if not isinstance(X, np.ndarray):
        return sparse.summary(X)
    if X.size > columns.STAND_IN_VALUES:  # blocks have fewer, so the stand-in would take them
        columns.column_moments.retire(X)
    blocks = ranges.blocks(X.shape[0], max(1, SUMMARY_VALUES // X.shape[1]))
    parts: list[tuple[int, Summary]] = [None] * len(blocks)  # type: ignore[list-item]

    def block(i):
        a, b = blocks[i]
        parts[i] = b - a, columns.summary(X[a:b])

    run_blocks(block, len(blocks))
    return Summary.joined(parts)
