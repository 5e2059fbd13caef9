"""Online training of self-organising maps: one row after the other."""

from __future__ import annotations

from typing import Protocol

from ...arrays import Array


class MapKernels(Protocol):
    def learn(self, X: Array, order: Array, w: Array | None, C: Array, shares: Array) -> Array:
        """The centres (k, d) float64 after the rows have been learned in an order.

        The centre nearest to a row, in the columns where the row is not NaN, and those around it
        move there: centre v by `shares[u, v]` of the way, u being the nearest. A weight of two is
        two such moves.

        X : (n, d), with NaN where values are missing.
        order : (m,) int64 rows, on the host.
        w : (n,) weights on the host, or None for ones.
        C : (k, d) float64.
        shares : (k, k) float64.
        """
