"""Sums over the rows, or the columns, of each label, in a fixed order."""

from __future__ import annotations

from typing import Any, NamedTuple

from ....arrays import Array, device

BLOCK = 256
#: Least rows per piece, which one block adds up, and most pieces, not counting one per label.
LEAST_PIECE, MOST_PIECES = 256, 4096


class ByLabel(NamedTuple):
    """Rows in the order of their labels; those of label j are order[starts[j] : starts[j + 1]]."""

    order: Array  # (n,) int64
    labels: Array  # (n,) int32, ascending
    starts: Array  # (k + 1,) int64


def by_label(gpu, labels: Array, k: int) -> ByLabel:
    xp, n, k = gpu.xp, labels.shape[0], int(k)
    order = xp.astype(xp.argsort(labels, stable=True), xp.int64, copy=False)
    ascending = xp.take(labels, order)
    starts = gpu.empty((k + 1,), xp.int64, like=labels)
    module = segment_module(gpu, "double", 1)
    module.launch("label_starts", n // BLOCK + 1, BLOCK, ascending, n, k, starts)
    return ByLabel(order, ascending, starts)


def sum_rows_by_label(gpu, X: Array, labels: Array, k: int) -> Array:
    """Sums (k, d), the same bits in every run: pieces of a label's rows, added in their order."""
    xp, (n, d), k = gpu.xp, X.shape, int(k)  # launches take only Python's integers
    if n == 0:
        return gpu.zeros((k, d), xp.float64, like=X)
    X = gpu.contiguous(X)
    order, _, starts = by_label(gpu, labels, k)
    piece = max(LEAST_PIECE, -(-n // MOST_PIECES))
    pieces = (starts[1:] - starts[:-1] + (piece - 1)) // piece
    zero = xp.zeros((1,), dtype=xp.int64, device=device(X))
    first = xp.concat([zero, xp.cumulative_sum(pieces)])
    most = min(k, n) + n // piece
    width = width_of(d)
    tiles = -(-d // width)
    partial = gpu.empty((most, d), xp.float64, like=X)
    sums = gpu.empty((k, d), xp.float64, like=X)
    module = segment_module(gpu, gpu.c_type(X.dtype), width)
    module.launch(
        "sum_pieces", most * tiles, BLOCK, X, d, order, starts, first, k, piece, partial
    )  # fmt: skip
    module.launch("merge_pieces", k * tiles, BLOCK, partial, d, first, sums)
    return sums


def sum_columns_by_label(gpu, D: Array, labels: Array, k: int) -> Array:
    """Sums (n, k) of each row's entries over the columns of each label."""
    xp, (n, m), k = gpu.xp, D.shape, int(k)
    sums = gpu.empty((n, k), xp.float64, like=D)
    if n:
        D = gpu.contiguous(D)
        order, _, starts = by_label(gpu, labels, k)
        width = width_of(m // k)
        module = segment_module(gpu, gpu.c_type(D.dtype), width)
        blocks = -(-n * k * width // BLOCK)
        module.launch("sum_columns_by_label", blocks, BLOCK, D, n, m, order, starts, k, sums)
    return sums


def width_of(d: int) -> int:
    """Threads per row: the least power of two that is not below d, at most a warp."""
    return min(32, 1 << max(0, d - 1).bit_length())


def segment_module(gpu, value: str, width: int) -> Any:
    return gpu.loader.module("by_label", T=value, WIDTH=width, BLOCK=BLOCK)
