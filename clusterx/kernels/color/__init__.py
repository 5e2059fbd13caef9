"""Colours: the distinct ones of an image, how often they occur, and labels for its pixels."""

from __future__ import annotations

from typing import Protocol

from ...arrays import Array


class ColorKernels(Protocol):
    def color_counts(self, pixels: Array) -> tuple[Array, Array]:
        """The distinct colours of pixels (n, channels), ascending, and how often each occurs."""

    def remap(self, pixels: Array, colors: Array, labels: Array) -> Array:
        """The label of each pixel's colour; `colors` as `color_counts` gave them."""

    def group_sums(self, values: Array, groups: Array, n: int) -> Array:
        """Sums (n,) of floating values (u,) over the groups (u,) int32 in 0..n - 1."""

    def nearest_two(self, points: Array, centers: Array) -> tuple[Array, Array, Array]:
        """The nearest centre of each point, and the squared distances to it and to the second.

        points : (c, n) float32, a row per channel
        centers : (k, c) float32

        The second distance is infinite where there is one centre.
        """
