"""The summary of columns that one pass computes, and how summaries of blocks are merged."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, namespace

#: Rows in host memory are summarised in blocks of this many values, wherever they come from,
#: because the rounding of moments depends on where blocks end.
SUMMARY_VALUES = 1 << 21


class Summary(NamedTuple):
    """Finiteness and moments of the columns; see `ReductionKernels.summary`."""

    finite: Any  # 0-d bool
    mean: Array  # (d,) float64
    variance: Array  # (d,) float64
    max_abs: Array  # (d,) float64, largest magnitude

    @classmethod
    def joined(cls, parts: list[tuple[int, Summary]]) -> Summary:
        """Merge the summaries of consecutive blocks, given as pairs (rows, summary)."""
        if len(parts) == 1:
            return parts[0][1]
        xp = namespace(parts[0][1].mean)
        total = sum(n for n, _ in parts)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = sum(n * s.mean for n, s in parts) / total
            variance = sum(n * (s.variance + (s.mean - mean) ** 2) for n, s in parts) / total
        largest = xp.max(xp.stack([s.max_abs for _, s in parts]), axis=0)
        return cls(reduce(and_, (s.finite for _, s in parts)), mean, variance, largest)
