"""Steps of k-medians: nearest centres by sums of differences, and medians by label."""

from __future__ import annotations

from typing import Protocol

from ...arrays import Array


class MedianKernels(Protocol):
    def nearest_manhattan(self, X: Array, C: Array) -> tuple[Array, Array]:
        """Nearest centre of each row: labels (n,) int32, Manhattan distances (n,) float64."""

    def medians(self, X: Array, w: Array | None, labels: Array, C: Array) -> Array:
        """Weighted medians (k, d) of the columns of each label, in the dtype of C.

        The median is the value at which the cumulated weight passes half of the total, or the
        middle between two values if half lies below and half above. A label without weight keeps
        its row of C.
        """
