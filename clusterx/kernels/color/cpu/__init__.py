"""Colours of NumPy arrays."""

from .counts import color_counts, remap

__all__ = ["color_counts", "remap"]
