"""The search for neighbours by tiles of rows by rows, in the array API standard alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...arrays import asarray, concat, device, float_dtype, namespace, to_host
from ...blocks import TILE, numbered
from . import Measure
from .components import joined, numbered_by_first


def search(X, metric="euclidean", p=2.0):
    return RowSearch(X, Measure(metric, p))


def means_within(X, radius):
    xp, wide = namespace(X), float_dtype(namespace(X), X)
    n, limit = X.shape[0], radius * radius
    rows = xp.astype(X, wide)

    def of_block(Q):
        total = xp.zeros((Q.shape[0], n), dtype=wide, device=device(X))
        for j in range(X.shape[1]):
            total = total + (Q[:, j][:, None] - rows[:, j][None, :]) ** 2
        near = total <= limit
        counts = xp.sum(xp.astype(near, xp.int64), axis=1)
        # differences to a neighbour keep their digits far from zero
        origin = xp.take(rows, xp.argmax(xp.astype(near, xp.int8), axis=1), axis=0)
        zero = xp.zeros((), dtype=wide, device=device(X))
        sums = [
            xp.sum(xp.where(near, rows[:, j][None, :] - origin[:, j][:, None], zero), axis=1)
            for j in range(X.shape[1])
        ]
        some = xp.astype(xp.where(counts > 0, counts, xp.ones_like(counts)), wide)
        means = origin + xp.stack(sums, axis=1) / some[:, None]
        return xp.where((counts > 0)[:, None], means, Q), counts

    def means(Q):
        Q = xp.astype(Q, wide)
        height = max(1, TILE // n)
        spans = range(0, max(1, Q.shape[0]), height)
        parts = [of_block(Q[a : min(Q.shape[0], a + height), :]) for a in spans]
        return tuple(concat(part) for part in zip(*parts, strict=True))

    return means


def unit_rows(X):
    """Rows of length one, with one more column, which puts rows of zeros at distance 1 from others.

    |u - v|^2 / 2 of two such rows is their cosine distance, without cancellation.
    """
    xp = namespace(X)
    X = xp.astype(X, float_dtype(xp, X))
    largest = xp.max(xp.abs(X), axis=1, keepdims=True)
    none = largest == 0
    X = X / xp.where(none, xp.ones_like(largest), largest)
    length = xp.sqrt(xp.sum(X * X, axis=1, keepdims=True))
    X = X / xp.where(none, xp.ones_like(length), length)
    return xp.concat([X, xp.astype(none, X.dtype)], axis=1)


def _taken(X, rows):
    """Rows of an array, or of a CSR matrix."""
    return X[rows] if hasattr(X, "indptr") else namespace(X).take(X, rows, axis=0)


class BlockSearch:
    """A search by tiles; subclasses compute the sums `tile(Q, a, b)` of rows Q and X[a:b]."""

    def __init__(self, X, measure, like=None):
        self.X, self.measure, self.n = X, measure, X.shape[0]
        self.like = X if like is None else like  # an array beside X, if X is no array
        self.xp, self.device = namespace(self.like), device(self.like)
        self.wide = float_dtype(self.xp, self.like)
        self.side = max(1, int(TILE**0.5))

    def tile(self, Q, a, b):
        raise NotImplementedError

    def queries(self, Y):
        """Y as `tile` takes it; X itself for None."""
        return self.X if Y is None else Y

    def knn(self, Y, k):
        parts = [self._nearest(Q, k) for _, Q in self._blocks(self.queries(Y))]
        distances, indices = (concat(part) for part in zip(*parts, strict=True))
        return self.measure.restored(distances, self.xp), indices

    def _nearest(self, Q, k):
        xp, best = self.xp, None
        for a, b in self._columns():
            D = self.tile(Q, a, b)
            indices = xp.broadcast_to(self._range(a, b)[None, :], D.shape)
            if best is not None:  # lower rows come first, and the stable sort keeps them first
                D, indices = xp.concat([best[0], D], axis=1), xp.concat([best[1], indices], axis=1)
            order = xp.argsort(D, axis=1, stable=True)[:, :k]
            best = xp.take_along_axis(D, order, axis=1), xp.take_along_axis(indices, order, axis=1)
        return best

    def kth_distances(self, k):
        kth = concat(self._nearest(Q, k)[0][:, k - 1] for _, Q in self._blocks(self.X))
        return self.measure.restored(kth, self.xp)

    def radius_counts(self, Y, radius, weights=None):
        limit = self.measure.reduced(radius)
        return concat(self._counted(Q, limit, weights) for _, Q in self._blocks(self.queries(Y)))

    def _counted(self, Q, limit, weights):
        xp = self.xp
        total = xp.zeros(Q.shape[0], dtype=self.wide, device=self.device)
        for a, b in self._columns():
            near = xp.astype(self.tile(Q, a, b) <= limit, self.wide)
            own = near if weights is None else near * xp.astype(weights[a:b], self.wide)[None, :]
            total = total + xp.sum(own, axis=1)
        return total if weights is not None else xp.astype(total, xp.int64)

    def radius_neighbors(self, Y, radius):
        xp, limit = self.xp, self.measure.reduced(radius)
        Y = self.queries(Y)
        indices, sums, counts = [], [], []
        for _, Q in self._blocks(Y):
            tiles = [(a, self.tile(Q, a, b)) for a, b in self._columns()]
            D = xp.concat([D for _, D in tiles], axis=1)
            near = D <= limit
            _, columns = xp.nonzero(near)
            indices.append(xp.astype(columns, xp.int64))
            sums.append(D[near])
            counts.append(xp.sum(xp.astype(near, xp.int64), axis=1))
        zero = xp.zeros(1, dtype=xp.int64, device=self.device)
        starts = xp.concat([zero, xp.cumulative_sum(concat(counts))])
        return starts, concat(indices), self.measure.restored(concat(sums), xp)

    def core_rows(self, radius, least, weights=None):
        return self.xp.astype(self.radius_counts(None, radius, weights), self.wide) >= least

    def radius_links(self, radius, core):
        """Unions on the host, by Borůvka's rounds: each joins every cluster to another near it."""
        limit = self.measure.reduced(radius)
        inside = to_host(core)
        component = np.arange(self.n)
        while True:
            # a copy: what a library hands out may be read-only
            near = np.array(to_host(self._first_within(limit, core, self._up(component))))
            near[~inside] = -1
            if (near < 0).all():
                break
            component = joined(component, near)
        label = np.where(inside, numbered_by_first(component, inside), -1)
        if not inside.all():
            lowest = to_host(self._first_within(limit, core, None, self._up(label)))
            label = np.where(inside, label, lowest)
        return asarray(label.astype(np.int32), like=self.like)

    def _first_within(self, limit, core, component, label=None):
        """The lowest core row of another component within the limit; or, the lowest label."""
        xp = self.xp
        values = self._range(0, self.n) if label is None else label
        parts = []
        for r, Q in self._blocks(self.X):
            least = xp.full(Q.shape[0], self.n, dtype=xp.int64, device=self.device)
            for a, b in self._columns():
                near = (self.tile(Q, a, b) <= limit) & core[None, a:b]
                if component is not None:
                    near = near & (component[r : r + Q.shape[0], None] != component[None, a:b])
                candidates = xp.where(
                    near, values[None, a:b], xp.asarray(self.n, device=self.device)
                )
                least = xp.minimum(least, xp.min(candidates, axis=1))
            parts.append(xp.where(least < self.n, least, -xp.ones_like(least)))
        return concat(parts)

    def nearest_other(self, component, core=None, alpha=1.0, rows=None, bound=None):
        xp, Q = self.xp, self.X
        own = component, core
        if rows is not None:
            Q = _taken(Q, rows)
            own = xp.take(component, rows), None if core is None else xp.take(core, rows)
        parts = [
            self._nearest_other(r, block, own, component, core, alpha)
            for r, block in self._blocks(Q)
        ]
        weights, others = (concat(part) for part in zip(*parts, strict=True))
        if bound is not None:
            beyond = weights > bound
            weights = xp.where(beyond, xp.full_like(weights, xp.inf), weights)
            others = xp.where(beyond, xp.full_like(others, -1), others)
        return weights, others

    def _nearest_other(self, r, Q, own, component, core, alpha):
        xp, stop = self.xp, r + Q.shape[0]
        infinite = xp.asarray(xp.inf, dtype=self.wide, device=self.device)
        best = xp.full(Q.shape[0], xp.inf, dtype=self.wide, device=self.device)
        other = xp.full(Q.shape[0], -1, dtype=xp.int64, device=self.device)
        for a, b in self._columns():
            W = self.measure.restored(self.tile(Q, a, b), xp) / alpha
            if core is not None:
                W = xp.maximum(W, xp.maximum(own[1][r:stop, None], core[None, a:b]))
            W = xp.where(own[0][r:stop, None] == component[None, a:b], infinite, W)
            least = xp.min(W, axis=1)
            where = xp.astype(xp.argmin(W, axis=1), xp.int64) + a
            other = xp.where(least < best, where, other)
            best = xp.minimum(least, best)
        return best, other

    def _blocks(self, Y) -> Iterator:
        return numbered(
            Y[a : min(Y.shape[0], a + self.side), :] for a in range(0, Y.shape[0], self.side)
        )

    def _columns(self) -> list[tuple[int, int]]:
        return [(a, min(self.n, a + self.side)) for a in range(0, self.n, self.side)]

    def _range(self, a, b):
        return self.xp.arange(a, b, dtype=self.xp.int64, device=self.device)

    def _up(self, values):
        return asarray(np.asarray(values, np.int64), like=self.like)


class RowSearch(BlockSearch):
    """The search by one of the metrics that are sums over columns."""

    def __init__(self, X, measure):
        super().__init__(unit_rows(X) if measure.metric == "cosine" else X, measure)

    def queries(self, Y):
        if Y is None:
            return self.X
        return unit_rows(Y) if self.measure.metric == "cosine" else Y

    def tile(self, Q, a, b):
        xp, kind = self.xp, self.measure.kind
        Q, X = xp.astype(Q, self.wide), xp.astype(self.X[a:b, :], self.wide)
        total = None
        for j in range(X.shape[1]):  # in the order of the columns, as every backend adds them
            t = Q[:, j][:, None] - X[:, j][None, :]
            t = t * t if kind == 0 else xp.abs(t)
            t = t**self.measure.p if kind == 3 else t
            if total is None:
                total = t
            else:
                total = xp.maximum(total, t) if kind == 2 else total + t
        return total


class PrecomputedSearch(BlockSearch):
    """The search in a matrix of distances; Y has rows of distances to the same columns."""

    def __init__(self, D):
        super().__init__(D, Measure("manhattan"))

    def tile(self, Q, a, b):
        return self.xp.astype(Q[:, a:b], self.wide)
