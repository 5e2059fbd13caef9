"""The order in which OPTICS walks through rows, and the reachability of each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from ...arrays import Array
from ..neighbors import Measure

#: row -> its neighbours, and the distances to them
Neighbours = Callable[[int], tuple[np.ndarray, np.ndarray]]

#: decimal places to which distances are rounded, as in scikit-learn
DIGITS = 15


class Ordering(NamedTuple):
    """Rows in the order of a walk; reachability and predecessor are by row."""

    order: Array  # (n,) int64
    reachability: Array  # (n,) float64, infinite where a walk begins
    predecessor: Array  # (n,) int64, -1 where a walk begins


class ReachabilityKernels(Protocol):
    def walk_rows(self, X: Array, core: Array, limit: float, measure: Measure) -> Ordering:
        """Walk the rows, always on to the one of least reachability, the lowest row at ties.

        Each row that is visited lowers the reachability of the remaining rows within `limit` to
        max(its core distance, distance), rounded, where that is less. A row of infinite core
        distance lowers none. Memory is O(n), time O(n^2 d).
        """

    def walk_links(
        self, starts: np.ndarray, rows: np.ndarray, distances: np.ndarray, core: np.ndarray
    ) -> Ordering:
        """`walk_rows` where the neighbours of row i are rows[starts[i] : starts[i + 1]]; on the
        host.
        """

    def walk_found(self, neighbours: Neighbours, core: np.ndarray) -> Ordering:
        """`walk_rows` that calls `neighbours` for each row it comes to; on the host."""
