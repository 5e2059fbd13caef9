"""Rows and centres of length one: spherical k-means (Dhillon and Modha, 2001)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array, concat, float_dtype, host_floats, namespace
from ..blocks import TILE, row_blocks
from ..rows import InMemory, Rows


def unit_length(centers: Array, rows: Rows) -> Array:
    """The centres scaled to length one; one at the origin stays there."""
    xp = rows.xp
    wide = xp.astype(centers, float_dtype(xp, rows.like))
    norm = xp.sqrt(xp.sum(wide * wide, axis=1))[:, None]
    return xp.astype(wide / xp.where(norm > 0, norm, xp.ones_like(norm)), rows.dtype)


def unit_rows(rows: Rows) -> InMemory:
    """The rows scaled to length one, in their working dtype."""
    rows = _in_memory(rows)
    if rows.sparse:
        scaled, least = _unit_csr(rows.X, rows.dtype)
        _check_directions([least])
        return InMemory(scaled)
    xp = rows.xp
    X = xp.astype(rows.X, rows.dtype, copy=False)
    # by the largest value first: squares of the rows may overflow or vanish
    size = concat(xp.max(xp.abs(block), axis=1) for block in row_blocks(X, 1))
    _check_directions([xp.min(size)])
    scaled = X / size[:, None]
    norm = concat(xp.sqrt(xp.sum(block * block, axis=1)) for block in row_blocks(scaled, 1))
    scaled /= norm[:, None]  # in place, if arrays allow it
    return InMemory(scaled)


def by_unit_rows(kernel: Callable, rows: Rows, centers: Array) -> Any:
    """A kernel's result for rows scaled to length one, in the dtype of the centres, by blocks."""
    found, sizes = [], []
    for block, least in _unit_blocks(_in_memory(rows), centers.dtype):
        found.append(kernel(block, centers))
        sizes.append(least)
    _check_directions(sizes)
    if isinstance(found[0], tuple):
        return tuple(map(concat, zip(*found, strict=True)))
    return concat(found)


def _in_memory(rows: Rows) -> InMemory:
    return rows.in_memory(
        "metric='cosine'",
        "Scale each block's rows to length one as it is read, and use metric='euclidean': the "
        "clustering is the same.",
    )


def _check_directions(sizes: list[Any]) -> None:
    """Raise if the least of the rows' largest magnitudes is zero; reads the device once."""
    if not min(host_floats(*sizes)) > 0:
        raise ValueError(
            "metric='cosine' needs rows of nonzero length, but X has a row of zeros, which has no "
            "direction. Drop such rows first."
        )


def _unit_blocks(rows: InMemory, dtype: Any) -> Iterator[tuple[Any, Any]]:
    """Blocks of rows scaled to length one, and the least of their largest magnitudes."""
    if not rows.sparse:
        for block in row_blocks(rows.X, 1):
            yield _unit_block(rows.xp.astype(block, dtype, copy=False))
        return
    height = max(1, TILE * rows.n // max(1, rows.X.nnz))
    for a in range(0, rows.n, height):
        yield _unit_csr(rows.X[a : a + height], dtype)


def _unit_block(block: Array) -> tuple[Array, Any]:
    xp = namespace(block)
    # by the largest value first: squares of the rows may overflow or vanish
    size = xp.max(xp.abs(block), axis=1)
    least = xp.min(size)
    block = block / xp.where(size > 0, size, xp.ones_like(size))[:, None]
    size = xp.sqrt(xp.sum(block * block, axis=1))
    return block / xp.where(size > 0, size, xp.ones_like(size))[:, None], least


def _unit_csr(block: Any, dtype: Any) -> tuple[Any, float]:
    from sklearn.preprocessing import normalize

    size = abs(block).max(axis=1).toarray().ravel()
    scaled = block.astype(dtype, copy=True)
    scaled.data /= np.repeat(np.where(size > 0, size, 1), np.diff(scaled.indptr))
    return normalize(scaled, copy=False), float(size.min())
