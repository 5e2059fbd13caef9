"""The order in which OPTICS walks through rows, and how far each is from those before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from ...arrays import Array
from ..neighbors import Measure

#: row -> its neighbours, and the distances to them
Neighbours = Callable[[int], tuple[np.ndarray, np.ndarray]]

#: digits after the point that distances are rounded to, as scikit-learn does
DIGITS = 15


class Ordering(NamedTuple):
    """Rows in the order of a walk, and by row how it came to them."""

    order: Array  # (n,) int64
    reachability: Array  # (n,) float64, infinite where a walk begins
    predecessor: Array  # (n,) int64, -1 where a walk begins


class ReachabilityKernels(Protocol):
    def walk_rows(self, X: Array, core: Array, limit: float, measure: Measure) -> Ordering:
        """Always on to the row of the least reachability, at ties to the lowest.

        A row that is reached gives all others within `limit` the reachability
        max(its core distance, distance), rounded, where that is less than theirs. Those of an
        infinite core distance give none. Memory is O(n), time O(n^2 d).
        """

    def walk_links(
        self, starts: np.ndarray, rows: np.ndarray, distances: np.ndarray, core: np.ndarray
    ) -> Ordering:
        """The same where row i's neighbours are at starts[i] up to starts[i + 1]; on the host."""

    def walk_found(self, neighbours: Neighbours, core: np.ndarray) -> Ordering:
        """The same where neighbours are asked for as the walk comes to a row; on the host."""
