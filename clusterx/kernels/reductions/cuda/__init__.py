"""Reductions of CuPy arrays."""

from .columns import summary
from .segments import sum_columns_by_label, sum_rows_by_label

__all__ = ["sum_columns_by_label", "sum_rows_by_label", "summary"]
