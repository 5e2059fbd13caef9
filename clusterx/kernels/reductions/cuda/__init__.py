"""Reductions of CuPy arrays."""

from .columns import summary
from .segments import label_sums, segment_sum

__all__ = ["label_sums", "segment_sum", "summary"]
