"""Rows of few columns in Morton order: neighbours in space become neighbours in memory."""

from __future__ import annotations

import numpy as np

from ..jit import INNER, jit
from ..ranges import blocks
from ..threads import run_blocks


def spread_table(d: int) -> np.ndarray:
    """A table that spreads the bits of each byte d places apart."""
    byte = np.arange(256, dtype=np.uint64)
    table = np.zeros(256, np.uint64)
    for bit in range(8):
        table |= ((byte >> np.uint64(bit)) & np.uint64(1)) << np.uint64(bit * d)
    return table


@jit(**INNER)
def spread_three(cell):
    """Spread the 16 bits of a cell three places apart."""
    cell = (cell | (cell << np.uint64(16))) & np.uint64(0x00FF0000FF)
    cell = (cell | (cell << np.uint64(8))) & np.uint64(0x00F00F00F00F)
    cell = (cell | (cell << np.uint64(4))) & np.uint64(0x0C30C30C30C3)
    return (cell | (cell << np.uint64(2))) & np.uint64(0x249249249249)


@jit(**INNER)
def cell_of(x, origin, scale, bits):
    t = (np.float64(x) - origin) * scale
    top = np.float64((1 << bits) - 1)
    t = t if t > 0.0 else 0.0
    return np.uint64(np.int64(t if t < top else top))


@jit(**INNER)
def morton_key(XT, i, cells):
    """Interleaved bits of a row's cell; the first column has the highest of each group.

    cells : origin, cells per unit of length, bits per column, and the table that spreads bits
    """
    origin, scale, bits, spread = cells
    d = XT.shape[0]
    key = np.uint64(0)
    for j in range(d):
        cell = cell_of(XT[j, i], origin, scale, bits)
        code = spread[cell & np.uint64(255)]
        if bits > 8:
            code |= spread[cell >> np.uint64(8)] << np.uint64(8 * d)
        key |= code << np.uint64(d - 1 - j)
    return key


@jit
def morton_keys(XT, cells, start, stop, keys):
    """The keys of rows start..stop."""
    if XT.shape[0] == 3:  # LLVM vectorises this loop
        origin, scale, bits, _ = cells
        x0, x1, x2 = XT[0], XT[1], XT[2]
        for i in range(start, stop):
            a = spread_three(cell_of(x0[i], origin, scale, bits))
            b = spread_three(cell_of(x1[i], origin, scale, bits))
            c = spread_three(cell_of(x2[i], origin, scale, bits))
            keys[i - start] = a << np.uint64(2) | b << np.uint64(1) | c
    else:
        for i in range(start, stop):
            keys[i - start] = morton_key(XT, i, cells)


@jit
def ascends(keys):
    good = True
    for i in range(1, keys.shape[0]):
        good &= keys[i] >= keys[i - 1]
    return good


@jit
def radix_order(keys, key_bits):
    """The stable sorting order of keys, by eleven bits per pass, and the sorted keys.

    Overwrites `keys`.
    """
    n = keys.shape[0]
    order = np.empty(n, np.int32)
    for i in range(n):
        order[i] = i
    spare = np.empty(n, np.int32)
    spare_keys = np.empty(n, np.uint64)
    shift = 0
    while shift < key_bits:
        counts = np.zeros(2049, np.int64)
        s = np.uint64(shift)
        mask = np.uint64(2047)
        for i in range(n):
            counts[np.int64((keys[i] >> s) & mask) + 1] += 1
        fullest = 0
        for b in range(2048):
            fullest = max(fullest, counts[b + 1])
            counts[b + 1] += counts[b]
        if fullest < n:
            for i in range(n):
                digit = np.int64((keys[i] >> s) & mask)
                spare[counts[digit]] = order[i]
                spare_keys[counts[digit]] = keys[i]
                counts[digit] += 1
            keys, spare_keys = spare_keys, keys
            order, spare = spare, order
        shift += 11
    return order, keys


@jit
def byte_keys(X, spread, start, stop, keys):
    """The keys of rows start..stop of bytes, whose values are their cells."""
    one = spread[1]  # 1, in the dtype of the keys
    if X.shape[1] == 3:  # unrolled by hand
        for i in range(start, stop):
            keys[i - start] = (spread[X[i, 0]] << one | spread[X[i, 1]]) << one | spread[X[i, 2]]
    else:
        for i in range(start, stop):
            key = spread[0]
            for j in range(X.shape[1]):
                key = key << one | spread[X[i, j]]
            keys[i - start] = key


@jit
def transpose_rows(X, start, stop, XT):
    """Copy rows start..stop of X to the same columns of XT."""
    if X.shape[1] == 3:
        for p in range(start, stop):
            XT[0, p] = X[p, 0]
            XT[1, p] = X[p, 1]
            XT[2, p] = X[p, 2]
    else:
        for p in range(start, stop):
            for j in range(X.shape[1]):
                XT[j, p] = X[p, j]


@jit
def put_in_order(XT, order, start, stop, out):
    """Copy columns order[start:stop] of XT to columns start..stop of out."""
    for j in range(XT.shape[0]):
        for p in range(start, stop):
            out[j, p] = XT[j, order[p]]


def cells_for(largest: np.ndarray) -> tuple:
    """Cells of one size for all columns; see `morton_key`."""
    d = len(largest)
    bits = min(16, 63 // d)
    reach = 2.0 ** np.frexp(max(2.0 * float(largest.max()), 1e-300))[1]
    return -reach, 2.0 ** (bits - 1) / reach, bits, spread_table(d)


def keys_of(X: np.ndarray, XT: np.ndarray, largest: np.ndarray) -> tuple[np.ndarray, int, bool]:
    """The Morton keys of the rows, the number of bits of a key, and whether the keys ascend."""
    n, d = X.shape
    cells = cells_for(largest)
    bytewise = X.dtype == np.uint8
    key_bits = d * (8 if bytewise else cells[2])
    spread = cells[-1]
    if bytewise and key_bits <= 32:
        spread = spread.astype(np.uint32)
    keys = np.empty(n, spread.dtype)
    parts = blocks(n, 1 << 16)
    ordered = np.empty(len(parts), np.bool_)

    def block(b):
        a, e = parts[b]
        if bytewise:
            byte_keys(X, spread, a, e, keys[a:e])
        else:
            morton_keys(XT, cells, a, e, keys[a:e])
        ordered[b] = ascends(keys[a:e])

    run_blocks(block, len(parts))
    bounds = np.array([a for a, _ in parts[1:]], np.int64)
    ascend = bool(ordered.all() and (keys[bounds] >= keys[bounds - 1]).all())
    return keys, key_bits, ascend


def transposed(X: np.ndarray) -> np.ndarray:
    XT = np.empty((X.shape[1], X.shape[0]), X.dtype)
    parts = blocks(X.shape[0], 1 << 16)
    run_blocks(lambda b: transpose_rows(X, *parts[b], XT), len(parts))
    return XT


def in_order(XT: np.ndarray, order: np.ndarray) -> np.ndarray:
    out = np.empty_like(XT)
    parts = blocks(len(order), 1 << 16)
    run_blocks(lambda b: put_in_order(XT, order, *parts[b], out), len(parts))
    return out
