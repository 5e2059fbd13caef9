"""Dithering of NumPy arrays."""

from .dithering import diffuse, nearest_entries, riemersma, tally

__all__ = ["diffuse", "nearest_entries", "riemersma", "tally"]
