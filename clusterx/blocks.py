"""Helpers of the generic kernels: blocks of rows, and one-hot labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .arrays import Array, device, namespace

#: Elements of a temporary tile. Fixed, so that results do not depend on the memory available.
TILE = 1 << 21


class Window(np.ndarray):
    """Rows of a file that are mapped separately, and that nobody writes to.

    These can be used without a copy. Other arrays may be the caller's, so copy them.
    """


def row_blocks(X: Array, width: int) -> list[Array]:
    """Slices of X, short enough that a temporary array of `width` columns fits in a tile."""
    rows = max(1, TILE // max(width, X.shape[1]))
    n = X.shape[0]
    return [X[a : min(n, a + rows), ...] for a in range(0, n, rows)]


def one_hot(labels, k, dtype):
    xp = namespace(labels)
    return xp.astype(
        labels[:, None] == xp.arange(k, dtype=labels.dtype, device=device(labels)), dtype
    )


def numbered(blocks) -> Iterator:
    """Blocks, each with the index of its first row."""
    a = 0
    for block in blocks:
        yield a, block
        a += block.shape[0]
