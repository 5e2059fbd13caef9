"""Dithering of NumPy arrays."""

from .dithering import diffuse, nearest_entries, riemersma

__all__ = ["diffuse", "nearest_entries", "riemersma"]
