"""Unique colours and their counts, and the way back from colours to pixels, in numba.

A pixel becomes one number, its Morton code: the bits of its channels interleaved, most significant
first. Codes sort into the order of an octree's leaves, so near colours lie near in memory, in the
tables here as well as in what the clustering reads afterwards.

Counting deals the codes out into 256 buckets by their top bits, then counts each bucket alone, in
a table or a sort that fits the cache: a table of all 2**24 colours would cost more in fresh memory
than all the counting does. Labels are looked up in a table indexed by code, or, where that would be
too large for the image, in a hash table of the colours that occur.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from ...cpu.deferred import deferred
from ...cpu.threads import run_blocks
from .. import generic
from . import loops

Piece = tuple[np.ndarray, np.ndarray]  # sorted codes, and how often each occurs
# pixels counted at once: bounds the scratch memory at 2 to 8 bytes for each of them
_CHUNK = 1 << 25
# pixels of a task; fixed, so that what is computed does not depend on the threads
_BLOCK = 1 << 17
_BUCKETS = 256
# fewer pixels are sorted whole: dealing has a fixed cost
_DEAL_FROM = 1 << 16
# tasks that the buckets are divided into
_PIECES = 32
# bits of the codes within a block of the table of colours
_BLOCK_BITS = 12
# with fewer pixels, hashing takes less time than making the table of 2**24 colours
_HASH_BELOW = 1 << 16
# most pixels that the generic kernels take while the loops here are not compiled: half a second
_STAND_IN_PIXELS = 1 << 21


class _Layout:
    """How the bytes of a pixel interleave to a code.

    Bit i of channel j of c goes to bit ``i * c + c - 1 - j``. Two-byte channels do so byte by byte.
    """

    def __init__(self, channels: int, itemsize: int):
        self.channels = channels
        self.bits = 8 * itemsize * channels
        self.code_dtype = np.uint32 if self.bits <= 32 else np.uint64
        significance = range(itemsize) if sys.byteorder == "little" else range(itemsize)[::-1]
        shifts = [
            np.uint64(8 * channels * byte + channels - 1 - channel)
            for channel in range(channels)
            for byte in significance
        ]
        self.spread = (_spread(channels) << np.array(shifts)[:, None]).astype(self.code_dtype)
        # their number is part of the type, so that the compiler unrolls loops over them
        self.places = tuple(range(len(shifts)))
        # decoding takes whole levels of every channel at once, at most 12 bits of the code
        levels = {1: 8, 3: 4, 4: 2}[channels]
        self.gather = _gather(channels, levels)
        self.pieces = tuple(
            (np.uint64(level * channels), np.uint64(level))
            for level in range(0, 8 * itemsize, levels)
        )


@cache
def _layout(channels: int, itemsize: int) -> _Layout:
    return _Layout(channels, itemsize)


def _spread(channels: int) -> np.ndarray:
    """Every byte with its bits `channels` places apart."""
    byte = np.arange(256, dtype=np.uint64)
    spread = np.zeros_like(byte)
    for bit in range(8):
        spread |= (byte >> np.uint64(bit) & np.uint64(1)) << np.uint64(bit * channels)
    return spread


def _gather(channels: int, levels: int) -> np.ndarray:
    """`levels` bits of each channel from a piece of code; channel j's at bit 16 j of the result."""
    code = np.arange(1 << channels * levels, dtype=np.uint64)
    gather = np.zeros_like(code)
    for level in range(levels):
        for channel in range(channels):
            bit = code >> np.uint64(level * channels + channels - 1 - channel) & np.uint64(1)
            gather |= bit << np.uint64(16 * channel + level)
    return gather


def _prepare(pixels: np.ndarray, colors: np.ndarray) -> tuple[_Layout, np.ndarray]:
    """The layout of codes that tell `colors` apart, and the bytes of `pixels`, a row each.

    An alpha that is the same everywhere, as in most pictures that have one, is left out.
    """
    channels = pixels.shape[1]
    if channels == 4 and len(colors) and loops.constant(_read_only(colors[:, 3])):
        channels = 3
    flat = pixels.reshape(-1).view(np.uint8)
    rows = flat.reshape(len(pixels), pixels.shape[1] * pixels.itemsize)
    return _layout(channels, pixels.itemsize), _read_only(rows)


def _read_only(view: np.ndarray) -> np.ndarray:
    """The view, read-only: arrays of decoded files are, and one type compiles once."""
    view.flags.writeable = False
    return view


def color_counts_in_numpy(pixels: np.ndarray) -> Any:
    return generic.color_counts(pixels) if len(pixels) <= _STAND_IN_PIXELS else NotImplemented


@deferred(color_counts_in_numpy, seconds=1.5, kernels=(loops.decode,))
def color_counts(pixels: np.ndarray) -> Piece:
    """Unique colours in Morton order, and the number of pixels of each.

    Parameters
    ----------
    pixels : ndarray of shape (n, c)
        uint8 or uint16, C-contiguous, c in {1, 3, 4}.

    Returns
    -------
    colors : ndarray of shape (u, c)
        Of the dtype of `pixels`, in the order of their interleaved bits, first channel first.
    counts : ndarray of shape (u,), int64
    """
    layout, rows = _prepare(pixels, pixels)
    n = len(pixels)
    if layout.bits <= 16:
        pieces = [_count_narrow(layout, rows)]
    elif n < _DEAL_FROM:
        pieces = [_count_few(layout, rows)]
    else:
        pieces, edges = _count_chunk(layout, rows[:_CHUNK])
        for start in range(_CHUNK, n, _CHUNK):
            _merge_pieces(pieces, _count_chunk(layout, rows[start : start + _CHUNK], edges)[0])
    colors, counts = _decode_pieces(layout, pieces, pixels)
    if layout.channels < pixels.shape[1]:
        colors[:, 3] = pixels[0, 3]
    return colors, counts


def _count_narrow(layout: _Layout, rows: np.ndarray) -> Piece:
    """Counts of codes of one or two bytes: a table for every large block."""
    block = 32 * _BLOCK
    tables = np.zeros((-(-len(rows) // block), 1 << layout.bits), dtype=np.int64)

    def count(task: int) -> None:
        mine = rows[task * block : (task + 1) * block]
        loops.count_pixels(mine, layout.spread, layout.places, tables[task])

    run_blocks(count, len(tables))
    table = tables.sum(axis=0)
    codes = np.flatnonzero(table)
    return codes.astype(layout.code_dtype), table[codes]


def _count_few(layout: _Layout, rows: np.ndarray) -> Piece:
    codes = np.empty(len(rows), dtype=layout.code_dtype)
    loops.encode(rows, layout.spread, layout.places, codes)
    codes.sort()
    return loops.count_runs(codes)


def _count_chunk(
    layout: _Layout, rows: np.ndarray, edges: np.ndarray | None = None
) -> tuple[list[Piece], np.ndarray]:
    """Sorted codes and their counts, in pieces of consecutive buckets; and the pieces' edges.

    edges : edges of an earlier chunk, whose pieces these are to match
    """
    low_bits = layout.bits - 8
    low, bounds = _deal(layout, rows)
    if edges is None:
        edges = _even_edges(bounds) if low_bits <= 16 else np.arange(_BUCKETS + 1)
    pieces: list[Any] = [None] * (len(edges) - 1)

    def count(task: int) -> None:
        first, last = edges[task : task + 2]
        if low_bits <= 16:
            pieces[task] = loops.count_buckets(low, bounds, first, last)
            return
        mine = low[bounds[first] : bounds[last]]
        mine.sort()
        codes, counts = loops.count_runs(mine)
        top = layout.code_dtype(first << low_bits)
        pieces[task] = codes.astype(layout.code_dtype) | top, counts

    run_blocks(count, len(pieces))
    return pieces, edges


def _even_edges(bounds: np.ndarray) -> np.ndarray:
    """Edges of runs of buckets with about as many pixels each."""
    cuts = np.searchsorted(bounds, np.linspace(0, bounds[-1], _PIECES + 1)[1:-1])
    return np.unique([0, *cuts, _BUCKETS])


def _deal(layout: _Layout, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codes' low bits, bucket after bucket, and the bounds of the buckets."""
    n_blocks = -(-len(rows) // _BLOCK)
    low_bits = layout.bits - 8
    low_dtype = np.uint16 if low_bits <= 16 else np.uint32 if low_bits <= 32 else np.uint64
    low = np.empty(len(rows), dtype=low_dtype)
    shift = layout.code_dtype(low_bits)
    mask = layout.code_dtype((1 << low_bits) - 1)
    sizes = np.zeros((n_blocks, 4, _BUCKETS), dtype=np.int64)

    def measure(task: int) -> None:
        mine = rows[task * _BLOCK : (task + 1) * _BLOCK]
        loops.measure(mine, layout.spread, layout.places, shift, sizes[task])

    run_blocks(measure, n_blocks)
    ends = np.cumsum(sizes.reshape(-1, _BUCKETS).T).reshape(_BUCKETS, 4 * n_blocks)
    places = np.ascontiguousarray(ends.T).reshape(sizes.shape) - sizes
    bounds = np.append(places[0, 0], len(rows))

    def deal(task: int) -> None:
        mine = rows[task * _BLOCK : (task + 1) * _BLOCK]
        loops.scatter(mine, layout.spread, layout.places, shift, mask, places[task], low)

    run_blocks(deal, n_blocks)
    return low, bounds


def _merge_pieces(pieces: list[Piece], more: list[Piece]) -> None:
    def merge(bucket: int) -> None:
        pieces[bucket] = loops.merge(*pieces[bucket], *more[bucket])

    run_blocks(merge, len(pieces))


def _decode_pieces(layout: _Layout, pieces: list[Piece], pixels: np.ndarray) -> Piece:
    bounds = np.cumsum([0, *(len(codes) for codes, _ in pieces)])
    colors = np.empty((bounds[-1], pixels.shape[1]), dtype=pixels.dtype)
    counts = np.empty(bounds[-1], dtype=np.int64)

    def decode(task: int) -> None:
        mine = slice(bounds[task], bounds[task + 1])
        loops.decode(*pieces[task], layout.gather, layout.pieces, colors[mine], counts[mine])

    run_blocks(decode, len(pieces))
    return colors, counts


def remap_in_numpy(pixels: np.ndarray, colors: np.ndarray, labels: np.ndarray) -> Any:
    if len(pixels) > _STAND_IN_PIXELS:
        return NotImplemented
    return generic.remap(pixels, colors, labels)


@deferred(remap_in_numpy, seconds=0.5, kernels=(loops.look_up, loops.look_up_hash))
def remap(pixels: np.ndarray, colors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Label of the colour of every pixel.

    Parameters
    ----------
    pixels : ndarray of shape (n, c)
        uint8 or uint16, C-contiguous, c in {1, 3, 4}.
    colors : ndarray of shape (u, c)
        Distinct colours of the same dtype, every colour of `pixels` among them.
    labels : ndarray of shape (u,)
        Label of each colour, not negative.

    Returns
    -------
    indices : ndarray of shape (n,)
        The least of uint8, uint16 and int32 that holds the largest label.
    """
    layout, rows = _prepare(pixels, colors)
    _, color_rows = _prepare(colors, colors)
    largest = int(labels.max(initial=0))
    dtype = np.uint8 if largest < 1 << 8 else np.uint16 if largest < 1 << 16 else np.int32
    labels = labels.astype(dtype, copy=False)
    coding = layout.spread, layout.places
    indices = np.empty(len(pixels), dtype=dtype)
    if layout.bits <= 16 or (layout.bits <= 24 and len(pixels) >= _HASH_BELOW):
        # only the blocks of codes that occur: fresh memory costs more than the look-ups
        block_bits = layout.code_dtype(min(_BLOCK_BITS, layout.bits))
        used = np.zeros(1 << layout.bits - int(block_bits), np.bool_)
        _each_block(lambda rows: loops.mark(rows, *coding, block_bits, used), color_rows)
        places = (np.cumsum(used) - 1 << int(block_bits)).astype(np.uint32)
        table = np.empty(np.count_nonzero(used) << int(block_bits), dtype)
        mask = layout.code_dtype((1 << int(block_bits)) - 1)
        blocks = *coding, block_bits, mask, places
        _each_block(
            lambda rows, labels: loops.fill(rows, *blocks, labels, table), color_rows, labels
        )
        _each_block(lambda rows, out: loops.look_up(rows, *blocks, table, out), rows, indices)
        return indices
    # at most three quarters full; a key of 0 marks a free slot, so code 0 is kept apart
    size = 1 << max(4, (4 * len(colors) // 3).bit_length())
    keys = np.zeros(size, dtype=layout.code_dtype)
    values = np.zeros(size, dtype=dtype)
    zero = loops.fill_hash(color_rows, *coding, labels, keys, values)
    _each_block(
        lambda rows, out: loops.look_up_hash(rows, *coding, keys, values, zero, out), rows, indices
    )
    return indices


def _each_block(kernel: Any, *arrays: np.ndarray) -> None:
    def task(block: int) -> None:
        kernel(*(a[block * _BLOCK : (block + 1) * _BLOCK] for a in arrays))

    run_blocks(task, -(-len(arrays[0]) // _BLOCK))
