"""Thresholds of ordered dithering: Bayer's matrix, and a blue-noise tile by void and cluster.

References
----------
Bayer, "An optimum method for two-level rendition of continuous-tone pictures", ICC 1973.
Ulichney, "The void-and-cluster method for dither array generation", Proc. SPIE 1913, 1993.
"""

from __future__ import annotations

from functools import cache

import numpy as np

#: standard deviation of the Gaussian that measures how crowded a place is: Ulichney's choice
_SIGMA = 1.5
_SIDE = 64


def bayer(side: int = 8) -> np.ndarray:
    """Bayer's matrix: thresholds (side, side) in 0..1; `side` is a power of two."""
    matrix = np.zeros((1, 1))
    while len(matrix) < side:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / matrix.size


@cache
def blue_noise(side: int = _SIDE, seed: int = 0) -> np.ndarray:
    """A tile of blue noise, which repeats without seams: thresholds (side, side) in 0..1.

    At any level, the places with lower thresholds are spread evenly, without clusters or voids.
    """
    n = side * side
    crowd = _gaussian(side)
    start = np.random.RandomState(seed).permutation(n)[: n // 10]
    first = _spread_out(_Pattern(crowd, start))
    ranks = np.empty(n, np.int64)
    pattern = _Pattern(crowd, first)
    for rank in range(len(first) - 1, -1, -1):  # the most crowded place first
        place = pattern.cluster()
        pattern.clear(place)
        ranks[place] = rank
    pattern = _Pattern(crowd, first)
    for rank in range(len(first), n):
        place = pattern.void()
        pattern.set(place)
        ranks[place] = rank
    tile = (ranks.reshape(side, side) + 0.5) / n
    tile.flags.writeable = False
    return tile


class _Pattern:
    """Places that are set on a torus, and how crowded each place is."""

    def __init__(self, crowd: np.ndarray, places: np.ndarray):
        self.side = len(crowd)
        self.doubled = np.tile(crowd, (2, 2))
        self.on = np.zeros(crowd.size, np.bool_)
        self.density = np.zeros(crowd.shape)
        for place in places:
            self.set(place)

    def cluster(self) -> int:
        """The most crowded place of those that are set."""
        return int(np.argmax(np.where(self.on, self.density.ravel(), -np.inf)))

    def void(self) -> int:
        """The least crowded place of those that are not set."""
        return int(np.argmin(np.where(self.on, np.inf, self.density.ravel())))

    def set(self, place: int) -> None:
        self.on[place] = True
        self.density += self._around(place)

    def clear(self, place: int) -> None:
        self.on[place] = False
        self.density -= self._around(place)

    def _around(self, place: int) -> np.ndarray:
        """How much the place crowds every other one."""
        y, x = self.side - place // self.side, self.side - place % self.side
        return self.doubled[y : y + self.side, x : x + self.side]


def _gaussian(side: int) -> np.ndarray:
    """How much a place at the origin of a torus crowds every place."""
    away = np.minimum(np.arange(side), side - np.arange(side)) ** 2
    # in multiples of 2**-40: sums are exact, and so do not depend on the order
    return np.round(np.exp(-(away[:, None] + away) / (2 * _SIGMA**2)) * 2.0**40)


def _spread_out(pattern: _Pattern) -> np.ndarray:
    """Move places from clusters to voids until the next one would move back."""
    while True:
        cluster = pattern.cluster()
        pattern.clear(cluster)
        void = pattern.void()
        pattern.set(void)
        if void == cluster:
            return np.flatnonzero(pattern.on)
