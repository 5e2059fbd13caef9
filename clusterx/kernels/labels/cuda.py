"""Counts of pairs of codes, and labels as codes."""

from __future__ import annotations

from typing import Any

from ...arrays import Array, dtype_name, to_host
from ..cuda.positions import positions, run_lengths

BLOCK = 256
WARPS = BLOCK // 32
#: Most counters of a block in shared memory, which take 32 KiB.
SHARED_CELLS = 1 << 13
#: Most blocks that count in tables of their own: twice as many as large GPUs run at once.
COUNTING_BLOCKS = 1024
#: Most cells of a table of all pairs, and most cells per label.
DENSE_CELLS, CELLS_PER_LABEL = 1 << 26, 64
#: Codes are looked up in a table if the range of the labels is below this or below their number.
SPARSE_CODES = 1 << 16


def contingency(gpu, a: Array, b: Array, shape: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Counts by one table or, if that would be too large, by sorting the pairs."""
    xp, n, columns = gpu.xp, a.shape[0], max(1, int(shape[1]))
    if n == 0:
        nothing = gpu.empty((0,), xp.int64, like=a)
        return nothing, nothing, nothing
    cells = int(shape[0]) * columns
    if cells <= min(DENSE_CELLS, max(SHARED_CELLS, CELLS_PER_LABEL * n)):
        table = _table(gpu, a, b, columns, cells)
        occupied = positions(gpu, table)
        counts = xp.astype(xp.take(table, occupied), xp.int64)
    else:
        keys = gpu.empty((n,), xp.int64, like=a)
        _module(gpu).launch("pair_keys", _grid(n), BLOCK, a, b, n, columns, keys)
        keys = xp.sort(keys)
        starts = positions(gpu, keys, runs=True)
        occupied, counts = xp.take(keys, starts), run_lengths(gpu, starts, n)
    rows = occupied // columns
    return rows, occupied - rows * columns, counts


def _table(gpu, a: Array, b: Array, columns: int, cells: int) -> Array:
    xp, n = gpu.xp, a.shape[0]
    kind = xp.uint32 if n < 1 << 32 else xp.uint64
    table = gpu.zeros((cells,), kind, like=a)
    module = _module(gpu, COUNT=gpu.c_type(kind))
    if cells <= SHARED_CELLS:
        copies = min(WARPS, SHARED_CELLS // cells)
        module.launch(
            "count_in_blocks", _counting_blocks(n), BLOCK, a, b, n, columns, cells, copies, table
        )
    else:
        module.launch("count_pairs", _grid(n), BLOCK, a, b, n, columns, table)
    return table


def factorize(gpu, labels: Array) -> tuple[Array, Array]:
    """Codes by a table where the range of the labels is small, else by sorting."""
    xp = gpu.xp
    labels = gpu.contiguous(xp.reshape(labels, (-1,)))
    n, kind = labels.shape[0], dtype_name(labels.dtype)
    if n == 0:
        return gpu.empty((0,), xp.int32, like=labels), labels
    if not kind.startswith("float"):
        low, high = (int(end) for end in to_host(xp.stack([xp.min(labels), xp.max(labels)])))
        if high < 1 << 63 and high - low < max(SPARSE_CODES, n):
            return _tabulated(gpu, labels, low, high)
    order = xp.argsort(labels)
    ascending = xp.take(labels, order)
    starts = positions(gpu, ascending, runs=True)
    codes = gpu.empty((n,), xp.int32, like=labels)
    order = xp.astype(order, xp.int64, copy=False)
    _module(gpu).launch("number_runs", _grid(n), BLOCK, order, n, starts, starts.shape[0], codes)
    return codes, xp.take(ascending, starts)


def _tabulated(gpu, labels: Array, low: int, high: int) -> tuple[Array, Array]:
    xp, n = gpu.xp, labels.shape[0]
    module = _module(gpu, LABEL=gpu.c_type(labels.dtype))
    cells = high - low + 1
    seen = gpu.zeros((cells,), xp.uint32, like=labels)
    module.launch("mark", _counting_blocks(n), BLOCK, labels, n, low, cells, seen)
    occupied = positions(gpu, seen)
    to_code = gpu.empty(seen.shape, xp.int32, like=labels)
    u = occupied.shape[0]
    module.launch("number", _grid(u), BLOCK, occupied, u, to_code)
    codes = gpu.empty((n,), xp.int32, like=labels)
    module.launch("recode", _grid(n), BLOCK, labels, n, low, to_code, codes)
    return codes, xp.astype(occupied + low, labels.dtype)


def _module(gpu, COUNT: str = "unsigned int", LABEL: str = "int") -> Any:
    return gpu.loader.module("contingency", COUNT=COUNT, LABEL=LABEL, SHARED_CELLS=SHARED_CELLS)


def _counting_blocks(n: int) -> int:
    """Number of blocks that count in tables of their own; each has enough rows to pay for it."""
    return min(COUNTING_BLOCKS, -(-n // (8 * BLOCK)))


def _grid(n: int) -> int:
    """Number of blocks for a loop over n entries; with many, each thread takes several."""
    return min(-(-n // BLOCK), 1 << 16)
