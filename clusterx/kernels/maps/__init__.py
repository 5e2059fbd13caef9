"""Online training of self-organising maps: one row after the other."""

from __future__ import annotations

from typing import Protocol

from ...arrays import Array


class MapKernels(Protocol):
    def learn(self, X: Array, order: Array, w: Array | None, C: Array, shares: Array) -> Array:
        """The centres (k, d) float64 after learning the rows in the given order.

        For each row, let u be the nearest centre in the columns where the row is not NaN. Every
        centre v moves by `shares[u, v]` of the way to the row. A weight of two makes two such
        moves.

        X : (n, d), with NaN where values are missing.
        order : (m,) int64 indices of rows, on the host.
        w : (n,) weights on the host, or None for ones.
        C : (k, d) float64.
        shares : (k, k) float64.
        """
