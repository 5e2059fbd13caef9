"""What the generic kernels share: blocks of rows, and labels as a matrix of zeros and ones."""

from __future__ import annotations

from collections.abc import Iterator

from .arrays import Array, device, namespace

#: Elements of a temporary tile. Fixed, so that the memory at hand does not change a result.
TILE = 1 << 21


def row_blocks(X: Array, width: int) -> list[Array]:
    """Slices of rows whose product with `width` columns fills a tile."""
    rows = max(1, TILE // max(width, X.shape[1]))
    n = X.shape[0]
    return [X[a : min(n, a + rows), ...] for a in range(0, n, rows)]


def one_hot(labels, k, dtype):
    xp = namespace(labels)
    return xp.astype(
        labels[:, None] == xp.arange(k, dtype=labels.dtype, device=device(labels)), dtype
    )


def numbered(blocks) -> Iterator:
    """Blocks with the number of their first row."""
    a = 0
    for block in blocks:
        yield a, block
        a += block.shape[0]
