"""Distances of rows to centres and to each other; no more of them is kept than is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ...arrays import Array


class DistanceKernels(Protocol):
    def nearest(self, X: Array, C: Array) -> tuple[Array, Array]:
        """Nearest centre of each row: labels (n,) int32, squared distances (n,) float64.

        X and C may be of two dtypes: neither is rounded to the other's. So in `distances`.
        """

    def distances(self, X: Array, C: Array) -> Array:
        """All Euclidean distances (n, k), for when the user asks for them.

        Zero where a row equals a centre. float64; or float32 where both are, if each is off by few
        units in its own last place.
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
        """sums(Q) -> (len(Q), k) float64: sums of the distances of Q to the rows of each label.

        sums(X) of X itself costs half. Euclidean, manhattan or chebyshev.
        """

    def min_between_max_within(
        self, X: Array, labels: Array, k: int, metric: str
    ) -> tuple[Any, Any]:
        """The least distance between rows of different labels, the largest of rows of one: 0-d."""
