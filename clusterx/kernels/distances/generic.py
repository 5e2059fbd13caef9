"""Distances to centres and between rows, in the array API standard alone.

Distances are computed in tiles of rows by columns; all pairs are never in memory at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...arrays import concat, device, float_dtype, namespace
from ...blocks import TILE, numbered, one_hot, row_blocks

#: Up to this many columns distances are exact, coordinate by coordinate.
DIRECT_DIMENSIONS = 8


def assigned_squared_distances(X, C, labels):
    xp = namespace(X)
    wide = float_dtype(xp, X)
    C = xp.astype(C, wide)
    return concat(
        xp.sum((xp.astype(b, wide) - xp.take(C, labels[a : a + b.shape[0]], axis=0)) ** 2, axis=1)
        for a, b in numbered(row_blocks(X, 1))
    )


class Distances:
    """Distances between rows and the rows X, a tile at a time, in the widest dtype."""

    def __init__(self, X, metric):
        self.xp = namespace(X)
        self.X, self.metric = X, metric
        self.wide = float_dtype(self.xp, X)
        self.direct = metric != "euclidean" or X.shape[1] <= DIRECT_DIMENSIONS
        blocks = row_blocks(X, 1)
        self.shift = sum(self.xp.sum(self._widened(b), axis=0) for b in blocks) / X.shape[0]
        self.side = max(1, int((TILE // (X.shape[1] if self.direct else 1)) ** 0.5))

    def _widened(self, rows):
        return self.xp.astype(rows, self.wide)

    def blocks(self, X, width) -> Iterator:
        """Blocks of X whose tiles with each other, and with `width` columns, stay small."""
        rows = max(1, min(self.side, TILE // width))
        n = X.shape[0]
        return numbered(X[a : min(n, a + rows), :] for a in range(0, n, rows))

    def tile(self, Q, X):
        """Distances (len(Q), len(X)) of two blocks."""
        xp = self.xp
        Q, X = self._widened(Q) - self.shift, self._widened(X) - self.shift
        if not self.direct:
            return xp.sqrt(product_squares(Q, X))
        apart = xp.abs(Q[:, None, :] - X[None, :, :])
        if self.metric == "manhattan":
            return xp.sum(apart, axis=2)
        if self.metric == "chebyshev":
            return xp.max(apart, axis=2)
        return xp.sqrt(xp.sum(apart * apart, axis=2))


def product_squares(Y, E):
    """Squared distances of centred rows by a product; squares within its rounding error become 0.

    So equal rows are at distance 0, and rows nearer than some 1e-7 of their lengths may be. The
    error of other squares is a few units in the last place of the squared lengths.
    """
    xp = namespace(Y)
    size = xp.sum(Y * Y, axis=1)[:, None] + xp.sum(E * E, axis=1)[None, :]
    squares = size - 2 * (Y @ E.T)
    rounding = 4 * float(xp.finfo(Y.dtype).eps) * Y.shape[1] ** 0.5
    return xp.where(squares > rounding * size, squares, xp.zeros_like(squares))


class DistanceSums(Distances):
    def __init__(self, X, labels, k, metric):
        super().__init__(X, metric)
        self.labels, self.k = labels, k

    def __call__(self, Q):
        return concat(self._sums(block) for _, block in self.blocks(Q, self.k))

    def _sums(self, Q):
        total = self.xp.zeros((Q.shape[0], self.k), dtype=self.wide, device=device(Q))
        for a, block in self.blocks(self.X, self.k):
            belongs = one_hot(self.labels[a : a + block.shape[0]], self.k, self.wide)
            total = total + self.tile(Q, block) @ belongs
        return total


def distance_sums(X, labels, k, metric):
    return DistanceSums(X, labels, k, metric)


def min_between_max_within(X, labels, k, metric):
    pairs = Distances(X, metric)
    xp = pairs.xp
    zero = xp.zeros((), dtype=pairs.wide, device=device(X))
    least, most = zero + xp.inf, zero
    for a, rows in pairs.blocks(X, 1):
        own = labels[a : a + rows.shape[0], None]
        for b, columns in pairs.blocks(X, 1):
            if b < a:
                continue
            D = pairs.tile(rows, columns)
            same = own == labels[None, b : b + columns.shape[0]]
            least = xp.minimum(least, xp.min(xp.where(same, zero + xp.inf, D)))
            most = xp.maximum(most, xp.max(xp.where(same, D, zero)))
    return least, most


def nearest(X, C):
    labels = nearest_labels(X, C)
    return labels, assigned_squared_distances(X, C, labels)


def nearest_labels(X, C):
    """The nearest centre of each row, by a matrix product."""
    xp = namespace(X)
    dtype = xp.result_type(X.dtype, C.dtype)  # rounds neither rows nor centres
    C = xp.astype(C, dtype, copy=False)
    # a median, because a centre at an outlier would draw the mean away from all the others
    shift = xp.sort(C, axis=0)[C.shape[0] // 2, ...]
    E = C - shift
    # |y - e|^2 less |y|^2, which is the same for all centres, in units that can't overflow
    unit = E / _magnitude(E)
    own = xp.sum(E * unit, axis=1)[None, :]
    return concat(
        xp.astype(
            xp.argmin(own - 2 * ((xp.astype(b, dtype, copy=False) - shift) @ unit.T), axis=1),
            xp.int32,
        )
        for b in row_blocks(X, C.shape[0])
    )


def squared_distances(X, C):
    """All squared distances (n, k), coordinate by coordinate: no cancellation."""
    xp = namespace(X)
    wide = float_dtype(xp, X)
    C = xp.astype(C, wide)
    return concat(
        xp.sum((xp.astype(b, wide)[:, None, :] - C[None, :, :]) ** 2, axis=2)
        for b in row_blocks(X, C.shape[0] * C.shape[1])
    )


def distances_to(X, c):
    return squared_distances(X, c[None, :])[:, 0]


def distances(X, C):
    """All Euclidean distances (n, k), in the widest dtype."""
    xp = namespace(X)
    wide = float_dtype(xp, X)
    shift = xp.mean(xp.astype(C, wide), axis=0)
    E = xp.astype(C, wide) - shift
    return concat(
        xp.sqrt(product_squares(xp.astype(b, wide) - shift, E)) for b in row_blocks(X, C.shape[0])
    )


def _magnitude(E):
    """A power of two near the largest entry, 0-d: it scales without rounding."""
    xp = namespace(E)
    largest = xp.max(xp.abs(E))
    largest = xp.where(largest > 0, largest, xp.ones_like(largest))
    return (xp.zeros_like(largest) + 2.0) ** xp.floor(xp.log2(largest))
