"""Distances between all rows, and sums by label, in the array API standard alone.

Distances come in tiles of rows by columns; nothing of the size of all pairs is ever kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..arrays import concat, device, float_dtype, namespace
from .generic_blocks import TILE, one_hot, row_blocks

#: Up to this many columns distances are exact, coordinate by coordinate.
DIRECT_DIMENSIONS = 8


def own_squares(X, C, labels):
    xp = namespace(X)
    wide = float_dtype(xp, X)
    C = xp.astype(C, wide)
    return concat(
        xp.sum((xp.astype(b, wide) - xp.take(C, labels[a : a + b.shape[0]], axis=0)) ** 2, axis=1)
        for a, b in _numbered(row_blocks(X, 1))
    )


def segment_sum(X, labels, k):
    xp = namespace(X)
    wide = float_dtype(xp, X)
    total = xp.zeros((k, X.shape[1]), dtype=wide, device=device(X))
    for a, block in _numbered(row_blocks(X, k)):
        belongs = one_hot(labels[a : a + block.shape[0]], k, wide)
        total = total + belongs.T @ xp.astype(block, wide)
    return total


def label_sums(D, labels, k):
    xp = namespace(D)
    wide = float_dtype(xp, D)
    n, m = D.shape
    width = max(1, TILE // max(k, n))
    total = xp.zeros((n, k), dtype=wide, device=device(D))
    for a in range(0, m, width):
        b = min(m, a + width)
        total = total + xp.astype(D[:, a:b], wide) @ one_hot(labels[a:b], k, wide)
    return total


def _numbered(blocks) -> Iterator:
    """Blocks with the number of their first row."""
    a = 0
    for block in blocks:
        yield a, block
        a += block.shape[0]


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
        """Blocks of X that make tiles with each other, and fit `width` columns of their own."""
        rows = max(1, min(self.side, TILE // width))
        n = X.shape[0]
        return _numbered(X[a : min(n, a + rows), :] for a in range(0, n, rows))

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
    """Squared distances of centred rows by a product; what is no more than rounding is 0.

    So rows that are equal are at distance 0, and rows nearer than some 1e-7 of their lengths may
    be; other squares are off by units in the last place of the squared lengths.
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


def separation(X, labels, k, metric):
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
