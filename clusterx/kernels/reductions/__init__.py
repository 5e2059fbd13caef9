"""Sums over rows or columns: moments of the columns, sums by label."""

from __future__ import annotations

from typing import Protocol

from ...arrays import Array
from ..statistics import Summary


class ReductionKernels(Protocol):
    def summary(self, X: Array) -> Summary:
        """Finiteness, mean, variance and largest magnitude of the columns, in one pass.

        Mean and variance of a column that is not finite may be anything.
        """

    def sum_rows_by_label(self, X: Array, labels: Array, k: int) -> Array:
        """Sums (k, d) of the rows of each label, float64."""

    def sum_columns_by_label(self, D: Array, labels: Array, k: int) -> Array:
        """Sums (n, k) of each row's entries over the columns of each label, float64."""
