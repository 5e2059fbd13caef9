"""Maps of rows that lack values: distances and means of those that are there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from ..arrays import Array, concat, device, float_dtype, host_floats, namespace, on_host, to_host
from ..blocks import TILE, row_blocks
from ..rows import Rows
from ..rows.base import Along, cut
from ..validation import check_finite


def is_complete(rows: Rows) -> bool:
    """Whether no value is missing: rows that were checked hold no infinities."""
    return bool(host_floats(rows.summary.finite)[0])


class WhereMissing:
    """One function of rows and centres for arrays without missing values, another for the rest.

    For rows that are read once: whether any lacks values is known of no more than a block.
    """

    def __init__(self, complete: Callable, otherwise: Callable):
        self.complete, self.otherwise = complete, otherwise

    def __call__(self, X: Array, centers: Array) -> Any:
        xp = namespace(X)
        (missing,) = host_floats(xp.any(xp.isnan(X)))
        return (self.otherwise if missing else self.complete)(X, centers)


def measured(rows: Rows, complete: Callable, otherwise: Callable) -> Callable:
    """The function of rows and centres that suits these rows."""
    if rows.deferred:
        return WhereMissing(complete, otherwise)
    return complete if is_complete(rows) else otherwise


def nearest_of_block(X: Array, centers: Array) -> tuple[Array, Array]:
    """As `nearest_there`, of an array."""
    parts = [_nearest(block, centers) for block in row_blocks(X, centers.shape[0])]
    labels, squared = zip(*parts, strict=True)
    return concat(labels), concat(squared)


def largest_there(rows: Rows, estimator: Any) -> float:
    """The largest magnitude in rows with missing values.

    Raises
    ------
    ValueError
        There is an infinity, or a row without a value.
    """
    xp, name = rows.xp, type(estimator).__name__
    largest, fewest = rows.zeros(()), rows.zeros(()) + float(rows.d)
    for (X,) in _tiles(rows, 1):
        sizes = xp.abs(xp.where(xp.isnan(X), xp.zeros_like(X), X))
        largest = xp.maximum(largest, xp.astype(xp.max(sizes), largest.dtype))
        fewest = xp.minimum(fewest, xp.min(_number_there(X)))
    found, least = host_floats(largest, fewest)
    if math.isinf(found):
        if rows.stored is not rows and on_host(rows.like):
            names = getattr(estimator, "feature_names_in_", None)
            how = {"estimator_name": name, "input_name": "X", "allow_nan": True}
            check_finite(rows.stored, names, **how)
        raise ValueError(
            f"Input X contains infinity. {name} takes NaN for missing values, and no infinite "
            "ones: clip them, or drop those rows first."
        )
    if least == 0:
        row = int(to_host(rows.map(_number_there)).argmin())
        raise ValueError(
            f"Row {row} of input X is NaN in all columns, so that no unit of {name} is nearer to "
            "it than another. Drop rows without values first."
        )
    return found


def nearest_there(rows: Rows, centers: Array) -> tuple[Array, Array]:
    """Nearest centre of each row: labels (n,) int32, squared distances (n,) float64.

    Squares are of the columns that are there, times the share of all columns that these are.
    """
    parts = [_nearest(X, centers) for (X,) in _tiles(rows, centers.shape[0])]
    labels, squared = zip(*parts, strict=True)
    return concat(labels), concat(squared)


def distances_there(X: Array, centers: Array) -> Array:
    """Distances (n, k) of rows to centres, as scikit-learn's `nan_euclidean_distances`."""
    xp = namespace(X)
    return concat(xp.sqrt(squares_there(b, centers)) for b in row_blocks(X, centers.shape[0]))


def squares_there(X: Array, centers: Array) -> Array:
    """Squared distances (n, k), column by column: without cancellation."""
    xp, wide = namespace(X), float_dtype(namespace(X), X)
    X, C = xp.astype(X, wide), xp.astype(centers, wide)
    total = xp.zeros((X.shape[0], C.shape[0]), dtype=wide, device=device(X))
    for j in range(X.shape[1]):
        apart = X[:, j][:, None] - C[:, j][None, :]
        total = total + xp.where(xp.isnan(apart), xp.zeros_like(apart), apart * apart)
    return total * (X.shape[1] / _number_there(X))[:, None]


class Incomplete:
    """Rows that lack values, and what they tell of the units that are nearest to them.

    Parameters
    ----------
    rows : Rows
    w : array of shape (n,) or None
    """

    def __init__(self, rows: Rows, w: Array | None):
        self.rows, self.w = rows, w
        xp = rows.xp
        sums, self.counts = rows.zeros((rows.d,)), rows.zeros((rows.d,))
        for X, own in _tiles(rows, 1, (w,)):
            values, there = _values(X, own, 0.0)
            sums, self.counts = sums + xp.sum(values, axis=0), self.counts + xp.sum(there, axis=0)
        none = self.counts == 0
        #: means of the columns
        self.middle = sums / xp.where(none, xp.ones_like(sums), self.counts)

    def check_columns(self, estimator: Any) -> None:
        """Raise if a column has no value in a row of any weight."""
        if host_floats(self.rows.xp.min(self.counts))[0] > 0:
            return
        column = int(to_host(self.counts).argmin())
        names = getattr(estimator, "feature_names_in_", None)
        what = column if names is None else repr(names[column])
        raise ValueError(
            f"Column {what} of input X is NaN in all rows that have a weight, so that the units of "
            f"{type(estimator).__name__} have no place in it. Drop columns without values first."
        )

    def __call__(self, centers: Array) -> tuple[Array, Array]:
        """Sums and counts (k, d) of the values in the rows nearest to each centre."""
        k, add = centers.shape[0], self.rows.kernels.reductions.sum_rows_by_label
        sums, counts = self.rows.zeros((k, self.rows.d)), self.rows.zeros((k, self.rows.d))
        for X, own in _tiles(self.rows, k, (self.w,)):
            labels = _nearest(X, centers)[0]
            values, there = _values(X, own, self.middle)
            sums, counts = sums + add(values, labels, k), counts + add(there, labels, k)
        return sums + counts * self.middle, counts


def _tiles(rows: Rows, width: int, along: Along = ()) -> Iterator[tuple]:
    """Blocks of rows that end at the same places wherever rows come from."""
    height = max(1, TILE // max(width, rows.d))
    for X, *own in rows.pieces(height, along):
        for a in range(0, X.shape[0], height):
            b = min(a + height, X.shape[0])
            yield X[a:b, ...], *cut(own, a, b)


def _values(X: Array, w: Array | None, middle: Any) -> tuple[Array, Array]:
    """Weighted values about the middle, 0 where they are missing, and their weights."""
    xp, wide = namespace(X), float_dtype(namespace(X), X)
    X = xp.astype(X, wide)
    missing = xp.isnan(X)
    zero = xp.zeros_like(X)
    values, there = xp.where(missing, zero, X - middle), xp.where(missing, zero, zero + 1.0)
    if w is None:
        return values, there
    own = xp.astype(w, wide)[:, None]
    return values * own, there * own


def _nearest(X: Array, centers: Array) -> tuple[Array, Array]:
    """As `nearest_there`, for one tile: the nearest by a product, its distance without."""
    xp, wide = namespace(X), float_dtype(namespace(X), X)
    C = xp.astype(centers, wide)
    middle = xp.mean(C, axis=0)
    values, there = _values(X, None, middle)
    C = C - middle
    squares = there @ (C * C).T - 2.0 * (values @ C.T)
    labels = xp.astype(xp.argmin(squares, axis=1), xp.int32)
    apart = (values - xp.take(C, labels, axis=0)) * there
    number = xp.sum(there, axis=1)
    return labels, xp.sum(apart * apart, axis=1) * (X.shape[1] / number)


def _number_there(X: Array) -> Array:
    xp, wide = namespace(X), float_dtype(namespace(X), X)
    return xp.sum(xp.astype(~xp.isnan(X), wide), axis=1)
