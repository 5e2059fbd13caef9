"""The search for neighbours, which density, graph and linkage models use.

`kernels.neighbors.search(X, metric, p)` prepares the rows X once, and the methods of the result
answer queries. All pairs are never in memory at once. `generic.BlockSearch` is the definition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ...arrays import Array

#: Metrics of every backend; p is the exponent of minkowski.
METRICS = ("euclidean", "sqeuclidean", "manhattan", "chebyshev", "minkowski", "cosine")


class Search(Protocol):
    """Rows X that are ready to be searched.

    Distances are float64 (the widest float of the device), measured coordinate by coordinate;
    indices are int64. `Y` has the query rows; None stands for X itself, where a row is its own
    neighbour. Ties go to the lower index. A distance equal to `radius` is within it.
    """

    n: int

    def knn(self, Y: Array | None, k: int) -> tuple[Array, Array]:
        """Distances and indices (m, k) of the k nearest rows of X, the nearest first."""

    def kth_distances(self, k: int) -> Array:
        """Distance (n,) of each row to its k-th nearest, itself counted: its core distance."""

    def radius_counts(self, Y: Array | None, radius: float, weights: Array | None = None) -> Array:
        """The number of rows of X within the radius of each query (m,), or their total weight."""

    def radius_neighbors(self, Y: Array | None, radius: float) -> tuple[Array, Array, Array]:
        """Those rows as (starts, indices, distances); query i's are at starts[i] : starts[i + 1].

        They are sorted by index. Their number is not bounded: memory is up to the caller.
        """

    def core_rows(self, radius: float, least: float, weights: Array | None = None) -> Array:
        """Whether `radius_counts(None, radius, weights) >= least` (n,); counting may end once that
        is decided.
        """

    def radius_links(self, radius: float, core: Array) -> Array:
        """Clusters (n,) int32 of the core rows that are linked within the radius.

        Numbered in the order of their first core row. A row that is no core has the lowest number
        of the core rows within the radius; -1 where there is none.
        """

    def nearest_other(
        self,
        component: Array,
        core: Array | None = None,
        alpha: float = 1.0,
        rows: Array | None = None,
        bound: Array | None = None,
    ) -> tuple[Array, Array]:
        """For each row the least (weight, index) among the rows of other components.

        The weight of i and j is max(core[i], core[j], distance / alpha), or the distance / alpha
        without `core`; it is the same for j and i. Where there is no other component, the weight
        is infinite and the index -1.

        component : (n,) of whole numbers below n.
        rows : (m,), the query rows; all by default.
        bound : (m,); a weight above its row's bound is ignored, as if there were no other
            component. A weight above that of another query row of the same component may be, too.
        """


class NeighborKernels(Protocol):
    def search(self, X: Array, metric: str = "euclidean", p: float = 2.0) -> Search:
        """Rows ready to be searched by one of METRICS; p is minkowski's exponent."""

    def means_within(self, X: Array, radius: float) -> Callable[[Array], tuple[Array, Array]]:
        """means(Q) -> means (m, d) float64 of the rows within the radius of each row of Q, and
        counts (m,) int64 of them.

        Euclidean; a distance equal to the radius counts. Rows of Q with the same neighbours get the
        same bits, and the mean of equal rows is that row. Where there are no neighbours, the mean
        is the row of Q itself. `m` may be 0.
        """


class Measure:
    """A metric, and the conversion between its distances and the sums that are compared.

    A sum is one of squares, of magnitudes or of their powers, or it is the largest magnitude. For
    cosine it is one of squares between unit rows, and the distance is half of it. So a square is
    compared with a squared radius, as in scikit-learn.

    Attributes
    ----------
    kind : {0, 1, 2, 3}
        What is added up: squares, magnitudes, the largest of them, their powers.
    """

    def __init__(self, metric: str, p: float = 2.0):
        if metric == "minkowski":
            metric = {1.0: "manhattan", 2.0: "euclidean", float("inf"): "chebyshev"}.get(p, metric)
        self.metric, self.p = metric, float(p)
        self.kind = {"manhattan": 1, "chebyshev": 2, "minkowski": 3}.get(metric, 0)
        self.scale = 0.5 if metric == "cosine" else 1.0
        self.power = {"euclidean": 2.0, "minkowski": self.p}.get(metric, 1.0)

    def reduced(self, distance: float) -> float:
        """The sum that belongs to a distance."""
        if self.power == 2.0:
            return distance * distance
        return distance**self.power if self.power != 1.0 else distance / self.scale

    def restored(self, sums: Any, xp: Any) -> Any:
        """The distances that belong to sums."""
        if self.power == 2.0:
            return xp.sqrt(sums)
        return sums ** (1.0 / self.power) if self.power != 1.0 else sums * self.scale
