"""The nearest centre of every row."""

from __future__ import annotations

from typing import Any

from ...arrays import Array

BLOCK = 256
#: Up to so many columns a row stays in registers.
LOW = 16
#: Bytes of the centres that a block holds in shared memory at a time.
TILE_BYTES = 8192


def low_module(gpu: Any, name: str, X: Array, **defines: Any) -> Any:
    """The kernels of `name` for rows of few columns."""
    value, d = gpu.c_type(X.dtype), X.shape[1]
    size = 8 if value == "double" else 4
    return gpu.loader.module(
        name, T=value, D=d, ROWS=rows_a_thread(d), TILE=TILE_BYTES // (size * d), **defines
    )


def rows_a_thread(d: int) -> int:
    """Rows that share each read of a centre; few enough for the registers."""
    return 4 if d <= 4 else 2


def nearest(gpu: Any, X: Array, C: Array) -> tuple[Array, Array]:
    xp, (n, d), k = gpu.xp, X.shape, C.shape[0]
    X, C = gpu.contiguous(X), gpu.contiguous(xp.astype(C, X.dtype, copy=False))
    labels = gpu.empty((n,), xp.int32, like=X)
    squares = gpu.empty((n,), xp.float64, like=X)
    rows = BLOCK * rows_a_thread(d)
    low_module(gpu, "nearest", X).launch(
        "nearest", -(-n // rows), BLOCK, X, n, C, k, labels, squares
    )
    return labels, squares
