"""The search by the kernels of `neighbors.cu`."""

from __future__ import annotations

from typing import Any, NamedTuple

from ....arrays import Array, device, host_floats, namespace
from ....blocks import TILE
from ....properties import cached_property
from .. import Measure
from ..generic import RowSearch, unit_rows
from .curve import Curve

BLOCK, SIDE, DEPTH = 256, 64, 16
#: Most neighbours for lists that insertion keeps in order; with more, the generic search runs.
MOST_LISTED = 512


class Placed(NamedTuple):
    """Rows in the order of the curve."""

    rows: Array  # (n, d)
    numbers: Array  # (n,) int64, original indices of the rows
    codes: Array  # (n,) int64, ascending
    boxes: Array  # (tiles, 2, d) float64: least and largest coordinates


class Queries(NamedTuple):
    """Query rows in the order of the curve, and where the search of each tile of them begins."""

    rows: Array
    numbers: Array
    boxes: Array
    home: Array  # (tiles,) int64: the tile of the searched rows at which each begins


class TiledSearch(RowSearch):
    """The search by one of the metrics that are sums over columns."""

    def __init__(self, gpu: Any, X: Array, measure: Measure):
        super().__init__(X, measure)
        self.gpu, self.X = gpu, gpu.contiguous(self.X)
        root = {1.0: 0, 2.0: 1}.get(measure.power, 2)
        self.module = gpu.loader.module(
            "neighbors", T=gpu.c_type(self.X.dtype), METRIC=measure.kind,
            DEPTH=min(self.X.shape[1], DEPTH), POWER=repr(measure.p), ROOT=root,
        )  # fmt: skip

    # -- order -------------------------------------------------------------------------------

    @cached_property
    def curve(self) -> Curve:
        return Curve(self.X)

    @cached_property
    def placed(self) -> Placed:
        codes = self.curve.codes(self.X)
        order = self._order(codes)
        rows = self._rows(self.X, order)
        return Placed(rows, order, self.xp.take(codes, order), self._boxes(rows))

    @cached_property
    def own(self) -> Queries:
        """The rows X themselves as queries."""
        placed = self.placed
        home = self._range(0, placed.boxes.shape[0])
        return Queries(placed.rows, placed.numbers, placed.boxes, home)

    @cached_property
    def positions(self) -> Array:
        """The place of each row along the curve."""
        return self._inverse(self.placed.numbers)

    def _query_rows(self, Y: Array | None) -> Queries:
        if Y is None:
            return self.own
        Y = self.gpu.contiguous(unit_rows(Y) if self.measure.metric == "cosine" else Y)
        Y = self.xp.astype(Y, self.X.dtype, copy=False)
        codes = self.curve.codes(Y)
        order = self._order(codes)
        firsts = self.xp.take(codes, order)[::SIDE]
        home = self.xp.searchsorted(self.placed.codes, self.gpu.contiguous(firsts)) // SIDE
        home = self.xp.minimum(home, self.xp.full_like(home, self.placed.boxes.shape[0] - 1))
        return self._queries(self._rows(Y, order), order, home)

    def _some(self, rows: Array) -> Queries:
        """Some of the rows X as queries."""
        positions = self.xp.take(self.positions, rows)
        order = self._order(positions)
        positions = self.xp.take(positions, order)
        home = positions[::SIDE] // SIDE
        return self._queries(self._rows(self.placed.rows, positions), order, home)

    def _queries(self, rows: Array, numbers: Array, home: Array) -> Queries:
        home = self.gpu.contiguous(self.xp.astype(home, self.xp.int64))
        return Queries(rows, numbers, self._boxes(rows), home)

    def _order(self, codes: Array) -> Array:
        return self.xp.astype(self.xp.argsort(codes, stable=True), self.xp.int64, copy=False)

    def _rows(self, X: Array, order: Array) -> Array:
        return self.gpu.contiguous(self.xp.take(X, order, axis=0))

    def _boxes(self, rows: Array) -> Array:
        n, d = rows.shape
        boxes = self.gpu.empty((-(-n // SIDE), 2, d), self.xp.float64, like=rows)
        self.module.launch("bound_tiles", -(-n // SIDE), BLOCK, rows, n, d, boxes)
        return boxes

    def _inverse(self, order: Array) -> Array:
        """The inverse of a permutation."""
        return self._order(order)

    def _back(self, values: Array, queries: Queries) -> Array:
        """Put values that are in the order of the curve into the original order of the queries."""
        return self.xp.take(values, self._inverse(queries.numbers), axis=0)

    def _launch(self, kernel: str, queries: Queries, among: Placed, *args: Any) -> None:
        m, (n, d) = queries.rows.shape[0], among.rows.shape
        self.module.launch(
            kernel, -(-m // SIDE), BLOCK, queries.rows, m, among.rows, n, d, queries.boxes,
            among.boxes, queries.home, *args,
        )  # fmt: skip

    # -- the nearest ---------------------------------------------------------------------------

    def _lists(self, queries: Queries, k: int) -> tuple[Array, Array]:
        m = queries.rows.shape[0]
        sums = self.gpu.empty((m, k), self.xp.float64, like=self.X)
        rows = self.gpu.empty((m, k), self.xp.int64, like=self.X)
        placed = self.placed
        self._launch("nearest_rows", queries, placed, placed.numbers, int(k), sums, rows)
        return sums, rows

    def knn(self, Y: Array | None, k: int) -> tuple[Array, Array]:
        if k > MOST_LISTED:
            return super().knn(Y, k)
        queries = self._query_rows(Y)
        sums, rows = self._lists(queries, k)
        distances = self.measure.restored(self._back(sums, queries), self.xp)
        return distances, self._back(rows, queries)

    def kth_distances(self, k: int) -> Array:
        if k > MOST_LISTED:
            return super().kth_distances(k)
        kth = self.gpu.empty((self.n,), self.xp.float64, like=self.X)
        tiles = max(1, TILE // (k * SIDE))
        for first in range(0, self.own.home.shape[0], tiles):  # to bound the memory of lists
            a, b = first * SIDE, min(self.n, (first + tiles) * SIDE)
            part = Queries(
                self.own.rows[a:b, :], self.own.numbers[a:b],
                self.own.boxes[first : first + tiles, :, :], self.own.home[first : first + tiles],
            )  # fmt: skip
            kth[a:b] = self._lists(part, k)[0][:, k - 1]
        return self.measure.restored(self._back(kth, self.own), self.xp)

    # -- within a radius -------------------------------------------------------------------------

    def _counted_within(
        self, Y: Array | None, radius: float, weights: Array | None, enough: float
    ) -> Array:
        queries, placed = self._query_rows(Y), self.placed
        if weights is not None:
            weights = self.xp.take(self.xp.astype(weights, self.xp.float64), placed.numbers)
        counts = self.gpu.empty((queries.rows.shape[0],), self.xp.float64, like=self.X)
        limit = float(self.measure.reduced(radius))
        self._launch("count_within", queries, placed, limit, weights, enough, counts)
        return self._back(counts, queries)

    def radius_counts(self, Y: Array | None, radius: float, weights: Array | None = None) -> Array:
        counts = self._counted_within(Y, radius, weights, float("inf"))
        return counts if weights is not None else self.xp.astype(counts, self.xp.int64)

    def core_rows(self, radius: float, least: float, weights: Array | None = None) -> Array:
        # weights may be negative, so all of them are added
        enough = float(least) if weights is None else float("inf")
        return self._counted_within(None, radius, weights, enough) >= least

    def radius_neighbors(self, Y: Array | None, radius: float) -> tuple[Array, Array, Array]:
        xp, queries, placed = self.xp, self._query_rows(Y), self.placed
        m, limit = queries.rows.shape[0], float(self.measure.reduced(radius))
        counts = xp.astype(self._counted_within(Y, radius, None, float("inf")), xp.int64)
        zero = xp.zeros(1, dtype=xp.int64, device=device(self.X))
        starts = xp.concat([zero, xp.cumulative_sum(counts)])
        total = int(host_floats(starts[m])[0])
        rows = self.gpu.empty((total,), xp.int64, like=self.X)
        sums = self.gpu.empty((total,), xp.float64, like=self.X)
        if total:
            places = xp.take(starts, queries.numbers)
            self._launch("list_within", queries, placed, limit, placed.numbers, places, rows, sums)
            # CuPy's `repeat` takes no counts that are on the device
            query = xp.searchsorted(starts[1:], self._range(0, total), side="right")
            order = xp.argsort(query * self.n + rows)
            rows, sums = xp.take(rows, order), xp.take(sums, order)
        return starts, rows, self.measure.restored(sums, xp)

    # -- links -----------------------------------------------------------------------------------

    def radius_links(self, radius: float, core: Array) -> Array:
        xp, n, limit = self.xp, self.n, float(self.measure.reduced(radius))
        inside = xp.take(core, self.placed.numbers)
        cores = self._among(xp.nonzero(inside)[0])
        labels = xp.full(n, -1, dtype=xp.int32, device=device(self.X))
        if cores.rows.shape[0] == 0:
            return labels
        labels = xp.where(core, self._linked(cores, limit), labels)
        border = xp.nonzero(~core)[0]
        if border.shape[0] == 0:
            return labels
        queries = self._some(border)
        home = xp.zeros_like(queries.home)  # because tiles of core rows are not those of all rows
        lowest = self.gpu.empty((border.shape[0],), xp.int32, like=self.X)
        core_labels = xp.take(labels, cores.numbers)
        self._launch("lowest_label", queries._replace(home=home), cores, limit, core_labels, lowest)
        # the place of each border row among all border rows, in their original order
        place = xp.cumulative_sum(xp.astype(~core, xp.int64)) - 1
        place = xp.maximum(place, xp.zeros_like(place))
        return xp.where(core, labels, xp.take(self._back(lowest, queries), place))

    def _among(self, positions: Array) -> Placed:
        """The rows at some positions along the curve, with boxes of their own."""
        placed = self.placed
        rows = self._rows(placed.rows, positions)
        boxes = self._boxes(rows) if rows.shape[0] else placed.boxes[:0, :, :]
        numbers, codes = (self.xp.take(part, positions) for part in placed[1:3])
        return Placed(rows, self.xp.astype(numbers, self.xp.int64), codes, boxes)

    def _linked(self, cores: Placed, limit: float) -> Array:
        """Clusters (n,) int32 of core rows, numbered by first core row; others get any number."""
        xp, (c, d) = self.xp, cores.rows.shape
        parents = xp.astype(self._range(0, self.n), xp.uint64)
        self.module.launch(
            "unite_within", -(-c // SIDE), BLOCK, cores.rows, c, d, cores.boxes, limit,
            cores.numbers, parents,
        )  # fmt: skip
        roots = self.gpu.empty((self.n,), xp.int64, like=self.X)
        self.module.launch("find_roots", -(-self.n // BLOCK), BLOCK, parents, self.n, roots)
        distinct = xp.unique_values(xp.take(roots, cores.numbers))
        return xp.astype(xp.searchsorted(distinct, roots), xp.int32)

    # -- other components ------------------------------------------------------------------------

    def nearest_other(
        self,
        component: Array,
        core: Array | None = None,
        alpha: float = 1.0,
        rows: Array | None = None,
        bound: Array | None = None,
    ) -> tuple[Array, Array]:
        xp, placed = self.xp, self.placed
        queries = self.own if rows is None else self._some(rows)
        m = queries.rows.shape[0]
        component = xp.astype(component, xp.int64)
        searched = xp.take(component, placed.numbers)
        numbers = queries.numbers if rows is None else xp.take(rows, queries.numbers)
        asking = xp.take(component, numbers)
        least = _tiled(searched, xp.min)
        tile_component = xp.where(least == _tiled(searched, xp.max), least, -xp.ones_like(least))
        cores: tuple[Any, ...] = (None, None, None)
        if core is not None:
            core = xp.astype(core, xp.float64)
            own = xp.take(core, placed.numbers)
            cores = own, xp.take(core, numbers), _tiled(own, xp.min)
        if bound is None:
            weight = xp.full(m, xp.inf, dtype=xp.float64, device=device(self.X))
        else:
            weight = xp.take(xp.astype(bound, xp.float64), queries.numbers)
        other = self.gpu.empty((m,), xp.int64, like=self.X)
        self._launch(
            "nearest_other", queries, placed, placed.numbers, searched, cores[0], asking, cores[1],
            tile_component, cores[2], float(alpha), float(self.measure.scale), weight, other,
        )  # fmt: skip
        return self._back(weight, queries), self._back(other, queries)


def _tiled(values: Array, extreme: Any) -> Array:
    """The extreme of each tile of values (n,)."""
    xp = namespace(values)
    n = values.shape[0]
    missing = -n % SIDE
    if missing:
        values = xp.concat([values, xp.repeat(values[n - 1 :], missing)])
    return extreme(xp.reshape(values, (-1, SIDE)), axis=1)
