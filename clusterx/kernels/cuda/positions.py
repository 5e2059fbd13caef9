"""Indices of selected entries of an array, like a boolean mask's, with one host read."""

from __future__ import annotations

from ...arrays import Array, device, to_host

BLOCK, ITEMS = 256, 8


def positions(gpu, cells: Array, *, runs: bool = False) -> Array:
    """Indices, ascending, int64, of cells that are not zero or (runs) differ from the one before.

    Their number is read from the device, because the shape of the result depends on it.
    """
    xp, n = gpu.xp, cells.shape[0]
    if n == 0:
        return gpu.empty((0,), xp.int64, like=cells)
    cell = gpu.c_type(cells.dtype)
    module = gpu.loader.module("positions", CELL=cell, RUNS=int(runs), BLOCK=BLOCK, ITEMS=ITEMS)
    blocks = -(-n // (BLOCK * ITEMS))
    counts = gpu.empty((blocks,), xp.int64, like=cells)
    module.launch("count", blocks, BLOCK, cells, n, counts)
    ends = xp.cumulative_sum(counts)
    indices = gpu.empty((int(to_host(ends[-1:])[0]),), xp.int64, like=cells)
    module.launch("write", blocks, BLOCK, cells, n, ends, indices)
    return indices


def run_lengths(gpu, starts: Array, n: int) -> Array:
    """Lengths of the runs that begin at `starts` and end with entry n."""
    xp = gpu.xp
    if not starts.shape[0]:
        return starts
    end = xp.full((1,), n, dtype=xp.int64, device=device(starts))
    return xp.concat([starts[1:], end]) - starts
