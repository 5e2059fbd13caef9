"""Colours: the distinct ones of a picture, and its pixels by their places among them."""

from __future__ import annotations

from typing import Protocol

from ...arrays import Array


class ColorKernels(Protocol):
    def color_counts(self, pixels: Array) -> tuple[Array, Array]:
        """The distinct colours of pixels (n, channels), ascending, and how often each occurs."""

    def remap(self, pixels: Array, colors: Array, labels: Array) -> Array:
        """The label of each pixel's colour; `colors` as `color_counts` gave them."""
