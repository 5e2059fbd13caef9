"""The nearest centre of every row."""

from __future__ import annotations

from typing import Any

from ....arrays import Array
from .assigned import assigned_squared_distances

BLOCK = 256
WARPS = BLOCK // 32
#: Up to this many columns, a row stays in registers.
LOW = 16
#: Most bytes of centres that a block has in shared memory at a time.
TILE_BYTES = 8192


def low_module(gpu: Any, name: str, X: Array) -> Any:
    """The kernels of `name`.cu, compiled for the few columns of X."""
    value, d = gpu.c_type(X.dtype), X.shape[1]
    size = 8 if value == "double" else 4
    return gpu.loader.module(
        name, T=value, D=d, ROWS=rows_per_thread(d), TILE=TILE_BYTES // (size * d)
    )


def rows_per_thread(d: int) -> int:
    """Rows that share each read of a centre; few enough for the registers."""
    return 4 if d <= 4 else 2


def centers_for(gpu: Any, X: Array, C: Array) -> Array:
    """Centres in the dtype of the rows, contiguous."""
    return gpu.contiguous(gpu.xp.astype(C, X.dtype, copy=False))


def nearest(gpu: Any, X: Array, C: Array) -> tuple[Array, Array]:
    """Nearest centres in the wider of both dtypes; narrower rows are converted block by block."""
    xp, (n, d) = gpu.xp, X.shape
    labels = gpu.empty((n,), xp.int32, like=X)
    squares = gpu.empty((n,), xp.float64, like=X)
    dtype = xp.result_type(X.dtype, C.dtype)
    rows = max(1, n if X.dtype == dtype else gpu.tile // d)
    for a in range(0, n, rows):
        block = xp.astype(X[a : a + rows, ...], dtype, copy=False)
        _nearest(gpu, gpu.contiguous(block), C, labels[a : a + rows], squares[a : a + rows])
    return labels, squares


def _nearest(gpu: Any, X: Array, C: Array, labels: Array, squares: Array) -> None:
    """Write labels and squared distances."""
    (n, d), k = X.shape, C.shape[0]
    C = centers_for(gpu, X, C)
    if d > LOW:
        RowImage(gpu, X).assign(C, labels)
        assigned_squared_distances(gpu, X, C, labels, squares)
        return
    rows = BLOCK * rows_per_thread(d)
    low_module(gpu, "nearest", X).launch(
        "nearest", -(-n // rows), BLOCK, X, n, C, k, labels, squares
    )


class RowImage:
    """Nearest centres of rows of many columns, by products of blocks of rows with all centres.

    Products rule out only centres that are farther by more than the rounding error. Distances to
    the others are computed in float64; the lowest index wins a tie. Buffers are kept between calls.
    """

    def __init__(self, gpu: Any, X: Array):
        self.gpu, self.X = gpu, X
        self._k = 0

    def _prepare_buffers(self, k: int) -> None:
        """Allocate buffers for k centres and a block of rows, unless they exist."""
        if k == self._k:
            return
        n, d = self.X.shape
        self._k, self.rows = k, min(n, max(1, self.gpu.tile // max(k, d)))
        shapes = ((k, d), (k,), (k,), (self.rows, d), (self.rows,), (self.rows, k))
        self.buffers = [self.gpu.empty(shape, self.X.dtype, like=self.X) for shape in shapes]

    def assign(self, C: Array, labels: Array) -> None:
        """Write the labels of all rows."""
        gpu, xp, X = self.gpu, self.gpu.xp, self.X
        (n, d), k = X.shape, C.shape[0]
        # a median, because a centre at an outlier would draw the mean away from all the others
        shift = gpu.contiguous(xp.sort(C, axis=0)[k // 2, ...])
        largest = xp.reshape(xp.max(xp.abs(C - shift)), (1,))
        self._prepare_buffers(k)
        scaled, own, length, about, row_length, products = self.buffers
        tf32 = gpu.products.in_tf32(X.dtype)
        module = gpu.loader.module("screen", T=gpu.c_type(X.dtype), TF32=int(tf32))
        module.launch(
            "prepare_centers", -(-k // WARPS), BLOCK, C, k, d, shift, largest, scaled, own, length
        )
        for begin in range(0, n, self.rows):
            count = min(self.rows, n - begin)
            blocks = -(-count // WARPS)
            module.launch(
                "prepare_rows", blocks, BLOCK, X, begin, count, d, shift, about, row_length
            )
            gpu.products(about[:count, ...], scaled, products[:count, ...], tf32=tf32)
            module.launch(
                "choose", blocks, BLOCK, X, begin, count, d, C, k, products, own, length,
                row_length, labels,
            )  # fmt: skip
