"""Colours of NumPy arrays."""

from .counts import color_counts, remap
from .nearest import group_sums, nearest_two

__all__ = ["color_counts", "group_sums", "nearest_two", "remap"]
