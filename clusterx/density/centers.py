"""Centres of clusters whose rows have strengths of membership."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, asarray, concat, device, float_dtype, namespace, to_host
from ..blocks import TILE
from .distances import tiles_of


def centroids(X: Array, labels: np.ndarray, shares: np.ndarray, k: int) -> Array:
    """Means (k, d) of the rows of each cluster, weighted by `shares`."""
    xp = namespace(X)
    wide = float_dtype(xp, X)
    means = [xp.zeros((0, X.shape[1]), dtype=wide, device=device(X))]
    for c in range(k):
        rows = np.flatnonzero(labels == c)
        own = asarray(shares[rows], like=X, dtype=wide)
        values = xp.astype(xp.take(X, asarray(rows, like=X), axis=0), wide)
        origin = values[:1, :]  # differences to a row lose no digits far from zero
        moved = xp.sum((values - origin) * own[:, None], axis=0, keepdims=True)
        means.append(origin + moved / xp.sum(own))
    return concat(means)


def medoids(
    X: Array, labels: np.ndarray, shares: np.ndarray, k: int, metric: Any, options: Any
) -> Array:
    """The row (k, d) of each cluster with the least sum of distances, weighted by `shares`."""
    xp = namespace(X)
    chosen = []
    for c in range(k):
        rows = np.flatnonzero(labels == c)
        own = xp.take(X, asarray(rows, like=X), axis=0)
        sums = to_host(distance_sums(own, shares[rows], metric, options))
        chosen.append(rows[int(np.argmin(sums))])
    wide = float_dtype(xp, X)
    return xp.astype(xp.take(X, asarray(np.array(chosen, np.int64), like=X), axis=0), wide)


def distance_sums(X: Array, shares: np.ndarray, metric: Any, options: Any) -> Array:
    """Sums (n,) of the distances of each row to all rows, weighted by `shares`; O(n^2) time."""
    xp, n = namespace(X), X.shape[0]
    tiles = tiles_of(X, metric, options)
    w = asarray(shares, like=X, dtype=float_dtype(xp, X))
    Q, step = tiles.queries(None), max(1, TILE // n)
    sums = []
    for a in range(0, n, step):
        D = tiles.measure.restored(tiles.tile(Q[a : min(n, a + step), ...], 0, n), xp)
        sums.append(xp.sum(D * w[None, :], axis=1))
    return concat(sums)
