"""How maps are trained: first centres, statistics of units, their spread over the grid."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np

from ..arrays import Array, asarray, device, float_dtype, namespace, to_host
from ..centroid.steps import lloyd_step
from ..rows import Rows
from .grid import Separable
from .missing import Incomplete, is_complete, measured, nearest_of_block, nearest_there

#: Multiplications up to which one thread of BLAS is faster than several.
SMALL_PRODUCT = 1 << 28


class Complete:
    """Rows that lack no values, and what they tell of the units that are nearest to them."""

    def __init__(self, rows: Rows, w: Array | None, total: float):
        self.rows, self.w, self.total = rows, w, total
        self.step: Any = None

    @property
    def middle(self) -> Array:
        """Means of the columns."""
        return asarray(self.rows.summary.mean, like=self.rows.like)

    def __call__(self, centers: Array) -> tuple[Array, Array]:
        """Sums (k, d) and counts (k, 1) of the rows nearest to each centre."""
        if self.step is None:
            self.step = lloyd_step(self.rows, self.w, self.total, centers.shape[0])
        stats = self.step(centers)
        sums, counts = (asarray(a, like=self.rows.like) for a in (stats.sums, stats.counts))
        return sums, counts[:, None]


def statistics_of(rows: Rows, w: Array | None, total: float) -> Complete | Incomplete:
    """The statistics of units over rows of weights w, which sum up to `total`."""
    return Complete(rows, w, total) if is_complete(rows) else Incomplete(rows, w)


def nearest_units(rows: Rows, centers: Array) -> tuple[Array, Array]:
    """Labels (n,) int32 and squared distances (n,), of the columns that are there."""
    nearest = rows.kernels.distances.nearest
    if rows.deferred:
        return rows.map(measured(rows, nearest, nearest_of_block), centers)
    return rows.map(nearest, centers) if is_complete(rows) else nearest_there(rows, centers)


def rows_as_centers(rows: Rows, w: Array | None, units: int, middle: Array, rng: Any) -> Array:
    """Random rows, with the means of columns in place of missing values."""
    xp = rows.xp
    some = np.arange(rows.n) if w is None else np.flatnonzero(to_host(w))
    taken = rows.take(rng.choice(some, units, replace=len(some) < units))
    return xp.where(xp.isnan(taken), xp.astype(middle, taken.dtype), taken)


def plane_of_centers(rows: Rows, w: Array | None, shape: tuple[int, int], mean: Array) -> Array:
    """The grid along the two directions of most variance, the longer side along the first one.

    Missing values count as means of their columns.
    """
    units = shape[0] * shape[1]
    xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
    small = rows.n * rows.d**2 <= SMALL_PRODUCT
    with rows.kernels.runtime.limited_blas() if small else nullcontext():
        gram = rows.reduce(_products, mean, along=(w,))
        total = xp.sum(gram[-1, :1])
        middle = gram[-1, 1:] / total  # about the mean of equal weights
        covariance = gram[:-1, 1:] / total - middle[:, None] * middle[None, :]
        values, vectors = xp.linalg.eigh(covariance)
    sides = sorted(range(2), key=lambda axis: -shape[axis])
    at = np.indices(shape).reshape(2, units)
    centers = xp.zeros((units, rows.d), dtype=wide, device=rows.device) + (mean + middle)
    for rank, axis in enumerate(sides[: min(2, rows.d)]):
        vector = vectors[:, rows.d - 1 - rank]
        largest = xp.take(vector, xp.reshape(xp.argmax(xp.abs(vector)), (1,)))
        spread = xp.sqrt(xp.clip(values[rows.d - 1 - rank], 0.0, None)) * xp.sign(largest)
        steps = np.linspace(-1.0, 1.0, shape[axis]) if shape[axis] > 1 else [0.0]
        own = asarray(np.asarray(steps)[at[axis]], like=rows.like, dtype=wide)
        centers = centers + own[:, None] * (spread * vector)[None, :]
    return xp.astype(centers, rows.dtype)


def _products(X: Array, w: Array | None, mean: Array) -> Array:
    """Products of centred columns: [[X1' W, X' W X], [W, X' W]] as (d + 1, d + 1)."""
    xp, wide = namespace(X), float_dtype(namespace(X), X)
    about = xp.astype(X, wide) - mean
    about = xp.where(xp.isnan(about), xp.zeros_like(about), about)
    one = xp.ones((X.shape[0], 1), dtype=wide, device=device(mean))
    own = one if w is None else xp.astype(w, wide)[:, None]
    left = xp.concat([about, one], axis=1) * own
    return left.T @ xp.concat([one, about], axis=1)


def spread(
    H: np.ndarray | Separable, sums: Array, counts: Array, centers: Array, middle: Array
) -> Array:
    """Means of what each unit and those around it have, by influence, in the dtype of centres."""
    xp = namespace(centers)
    # about a middle, or far rows would lose digits
    middle = xp.astype(middle, sums.dtype)
    both = _around(H, xp.concat([sums - counts * middle, counts], axis=1))
    near, share = both[:, : sums.shape[1]], both[:, sums.shape[1] :]
    some = share > 1e-12 * xp.sum(counts, axis=0)
    means = middle + near / xp.where(some, share, xp.ones_like(share))
    return xp.astype(xp.where(some, means, xp.astype(centers, sums.dtype)), centers.dtype)


def _around(H: np.ndarray | Separable, values: Array) -> Array:
    """Sums (k, c) of the values of units, by influence."""
    xp = namespace(values)
    if not isinstance(H, Separable):
        return asarray(H, like=values, dtype=values.dtype) @ values
    vertical, level = (asarray(a, like=values, dtype=values.dtype) for a in H)
    lines = vertical @ xp.reshape(values, (vertical.shape[0], -1))
    cells = xp.reshape(lines, (vertical.shape[0], level.shape[0], values.shape[1]))
    return xp.reshape(level @ cells, values.shape)


def train_online(
    rows: Rows, w: Array | None, centers: Array, H: np.ndarray, rate: float, rng: Any
) -> Array:
    """The centres after all rows have been learned in a random order."""
    X = rows.in_memory("Online training", "Take training='batch'.").values
    xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
    shares = asarray(np.clip(rate * H, -1.0, 1.0), like=rows.like, dtype=wide)
    weights = None if w is None else to_host(w)
    C = xp.astype(centers, wide)
    C = rows.kernels.maps.learn(X, rng.permutation(rows.n), weights, C, shares)
    return xp.astype(C, rows.dtype)
