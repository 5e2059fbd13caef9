"""Groups of rows that are near each other, and lower bounds of their distances to other rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.ranges import blocks
from ...cpu.threads import run_blocks, single_threaded_blas

#: Up to this many rows are not grouped, because there are too few tiles to skip.
FEW = 4096
#: Approximate number of rows per group, and most groups.
SIZE, MOST = 256, 256
#: Bound on the rounding error of a distance in float64, as a share of the lengths it comes from.
ROUNDING = 2.0**-48
#: Most pairs of a block of rows and a tile for which the tile is seen from the block.
VIEWS = 1 << 22


class Views(NamedTuple):
    """Tiles as seen from blocks of rows: their extents in the direction from block to tile.

    Distances along one direction exclude far more than spheres do, because in many columns most of
    a radius points in other directions. Neighbours in 20,000 x 16 of 10 blobs take 0.8 of the time
    that they take without.
    """

    centers: np.ndarray  # (blocks, d) of the rows of the blocks
    least: np.ndarray  # (blocks, tiles) the least product of a row of the tile with the direction


class Groups:
    """An order in which consecutive rows are near each other, and the tiles of rows in that order.

    Each row belongs to the nearest of some pivot rows. Pivots are in the order of a walk that
    always goes on to the nearest one left. Any order gives correct results; a good one keeps tiles
    small.

    Parameters
    ----------
    X : array of shape (n, d)
    mean : array of shape (d,)
        The point that is subtracted from rows.
    wide : int
        Rows of a tile.
    """

    def __init__(self, X: np.ndarray, mean: np.ndarray, wide: int):
        n = len(X)
        self.mean, self.tiles = mean, blocks(n, wide)
        count = 1 if n <= FEW else min(MOST, n // SIZE)
        self.pivots = self._centred(X[np.linspace(0, n - 1, count).astype(np.int64)])
        self.pivots = self.pivots[_walk(self.pivots)]
        self.order = self.order_of(X)
        self.centers = np.empty((len(self.tiles), X.shape[1]))
        self.radii = np.empty(len(self.tiles))
        for t, (a, b) in enumerate(self.tiles):
            Z = self._centred(X[self.order[a:b]])
            self.centers[t] = Z.mean(axis=0)
            Z -= self.centers[t]
            self.radii[t] = np.sqrt(np.einsum("ij,ij->i", Z, Z).max())
        self.lengths = np.sqrt(np.einsum("ij,ij->i", self.centers, self.centers))

    def order_of(self, Y: np.ndarray) -> np.ndarray:
        """The order of rows Y by their groups."""
        if len(self.pivots) == 1:
            return np.arange(len(Y))
        half = 0.5 * np.einsum("ij,ij->i", self.pivots, self.pivots)
        nearest = np.empty(len(Y), np.int64)
        parts = blocks(len(Y), 1 << 11)

        def block(b: int) -> None:
            a, e = parts[b]
            np.argmax(self._centred(Y[a:e]) @ self.pivots.T - half, axis=1, out=nearest[a:e])

        with single_threaded_blas():
            run_blocks(block, len(parts))
        return np.argsort(nearest, kind="stable")

    def views(self, Y: np.ndarray, parts: list, ordered: np.ndarray) -> Views | None:
        """The tiles as seen from blocks of the rows Y; None where these are too many.

        ordered : (n, d) the rows of X in the order of the tiles
        """
        if len(parts) * len(self.tiles) > VIEWS or len(self.tiles) == 1:
            return None
        centers = np.stack([self._centred(Y[a:b]).mean(axis=0) for a, b in parts])
        least = np.empty((len(parts), len(self.tiles)))

        def look(t: int) -> None:
            a, b = self.tiles[t]
            toward = _directions(centers, self.centers[t])
            least[:, t] = (self._centred(ordered[a:b]) @ toward.T).min(axis=0)

        run_blocks(look, len(self.tiles))
        return Views(centers, least)

    def bounds(self, Y: np.ndarray, views: Views | None = None, block: int = 0) -> np.ndarray:
        """Lower bounds (m, tiles) of the distances from each row to the rows of each tile.

        views, block : the tiles as seen from the block that has the rows Y
        """
        Z = self._centred(Y)
        squares = np.einsum("ij,ij->i", Z, Z)[:, None]
        reach = np.sqrt(squares) + self.lengths
        apart = squares + self.lengths**2 - 2 * (Z @ self.centers.T)
        slack = (Y.shape[1] + 8) * ROUNDING * reach**2
        lower = np.sqrt(np.maximum(apart - slack, 0)) - self.radii
        lower -= ROUNDING * (reach + self.radii)
        if views is None:
            return lower
        toward = _directions(views.centers[block], self.centers)
        slack = (Y.shape[1] + 8) * ROUNDING * (reach + self.radii)
        return np.maximum(lower, views.least[block] - Z @ toward.T - slack)

    def _centred(self, X: np.ndarray) -> np.ndarray:
        return X.astype(np.float64) - self.mean


def _directions(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Unit vectors from the starts to the ends; zero where these are equal."""
    apart = end - start
    lengths = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    return apart / np.where(lengths > 0, lengths, 1.0)[:, None]


def _walk(pivots: np.ndarray) -> np.ndarray:
    """An order of the pivots that always goes on to the nearest one left."""
    left = np.ones(len(pivots), bool)
    order = [0]
    left[0] = False
    for _ in range(len(pivots) - 1):
        apart = ((pivots - pivots[order[-1]]) ** 2).sum(axis=1)
        order.append(int(np.where(left, apart, np.inf).argmin()))
        left[order[-1]] = False
    return np.array(order)
