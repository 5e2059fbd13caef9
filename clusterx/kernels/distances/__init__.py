"""Distances of rows to centres and to each other; only those that are returned are stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ...arrays import Array


class DistanceKernels(Protocol):
    def nearest(self, X: Array, C: Array) -> tuple[Array, Array]:
        """Nearest centre of each row: labels (n,) int32, squared distances (n,) float64.

        X and C may have different dtypes; neither is rounded to the other's. The same holds for
        `distances`.
        """

    def distances(self, X: Array, C: Array) -> Array:
        """All Euclidean distances (n, k), for a user who asks for them.

        Zero where a row equals a centre. float64, or float32 if X and C are float32 and the error
        of each distance is a few units in its last place.
        """

    def squared_distances(self, X: Array, C: Array) -> Array:
        """All squared distances (n, k) float64, without cancellation; for a few centres."""

    def distances_to(self, X: Array, c: Array) -> Array:
        """Squared distances (n,) float64 to one point."""

    def assigned_squared_distances(self, X: Array, C: Array, labels: Array) -> Array:
        """Squared distances (n,) float64 to the centre of each row's label."""

    def distance_sums(
        self, X: Array, labels: Array, k: int, metric: str
    ) -> Callable[[Array], Array]:
        """A function sums(Q) -> (len(Q), k) float64: each row's distances to X, summed by label.

        sums(X) of X itself costs half. metric : 'euclidean', 'manhattan' or 'chebyshev'.
        """

    def min_between_max_within(
        self, X: Array, labels: Array, k: int, metric: str
    ) -> tuple[Any, Any]:
        """The least distance between rows of different labels, and the largest between rows of
        one label; 0-d.
        """
