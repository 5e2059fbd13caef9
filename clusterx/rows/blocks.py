"""Rows that are read block by block."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..arrays import Array, asarray, concat, gpu_library, namespace, on_host, to_host
from ..arrays import device as device_of
from ..kernels import kernels_for
from ..kernels.statistics import SUMMARY_VALUES, Summary
from ..properties import cached_property
from .base import Along, Rows, cut
from .chunks import Reading, check_values
from .memory import InMemory
from .passes import BlockwiseStep, Walks
from .progress import watched
from .source import BlockSource, memory_budget


class Blocks(Rows):
    """Rows that are read block by block, for data larger than memory.

    Parameters
    ----------
    source : array, path, Arrow dataset, iterable of arrays, or callable
        An array of shape (n, d), or an object with a shape, a dtype and slices like an array's: a
        memory-mapped file, an array of HDF5 or Zarr. Or the path of an NPY file, a Parquet file or
        a folder of Parquet files, or an Arrow dataset. Or blocks of shape (n_i, d), as a list or
        another iterable that can be iterated over repeatedly, or as a callable that returns a new
        iterator over them for each pass. All of these are on the host.
    block_rows : int, optional
        Rows per block where blocks are cut from one array; by default as many as fit in the
        `working_memory` of scikit-learn's configuration (in MiB, at most 256 are used). Sums are
        exact, so the size changes no result.
    device : {'cpu', 'cuda'}, default='cpu'
        Where the blocks are processed. With 'cuda' they go to an NVIDIA GPU one at a time, and
        the results (labels, centres, distances) are CuPy arrays there, as if X were a CuPy array.
        There is no 'auto': results live where the rows are processed, so a script would get arrays
        of another library on another machine.

    Notes
    -----
    Besides the block being processed and the one being read, a fit keeps a label, two bounds and
    at times a distance per row in memory: 20 bytes per row, or 52 with more than 64 clusters and
    columns. Fits whose labels go to a file keep nothing per row, but compute the distances of all
    rows in each iteration.

    With 'cuda' all this is in the GPU's memory. Besides what a step needs for a block, the GPU
    holds two blocks, and so does pinned memory of the host: one is processed while the next is
    read and copied. docs/gpu.md has more.

    Raises
    ------
    ValueError
        The blocks are empty, not two-dimensional, or differ in their columns; or `device` is
        neither 'cpu' nor 'cuda'.
    TypeError
        The source is none of the above, does not hold real numbers, or is an iterator that can be
        iterated over only once.
    clusterx.arrays.DeviceError
        'cuda' was asked for, and CuPy is missing or finds no GPU.
    """

    title = "Blocks"

    def __init__(self, source: Any, *, block_rows: int | None = None, device: str = "cpu"):
        whole = isinstance(block_rows, numbers.Integral) and not isinstance(block_rows, bool)
        if block_rows is not None and not (whole and block_rows > 0):
            raise ValueError(f"block_rows must be a positive whole number, got {block_rows!r}.")
        self.source = source
        self.block_rows = block_rows
        library = _library(device)
        self._host = BlockSource(source, block_rows)
        self.n, self.d = self._host.n, self._host.d
        self.like = library.empty((0,), dtype=self._host.dtype)
        self.dtype, self.device = self.like.dtype, device_of(self.like)
        self._uploads = not on_host(self.like)
        self._keeps_labels = True
        self._reading = Reading(str(self._host.dtype))
        self.xp = namespace(self.like)
        self.kernels = kernels_for(self.xp)

    def __iter__(self) -> Iterator[Array]:
        """Blocks in the working dtype, each an array of its own."""
        return map(self._own, self.walk())

    def walk(self) -> Iterator[Array]:
        """Blocks in the working dtype; the next one is read while this one is in use.

        On a GPU, the block after the next one overwrites this one.
        """
        blocks = self.kernels.runtime.stream_blocks(self._host.blocks(), self.like)
        return watched(self._checked(blocks) if self.deferred else blocks, self.n)

    def _checked(self, blocks: Iterable[Array]) -> Iterator[Array]:
        first = 0
        for block in blocks:
            check_values(block, self._reading, first)
            first += block.shape[0]
            yield block

    def defer(self, name: str, missing: bool) -> Blocks:
        if "summary" in self.__dict__:
            return self
        found = copy.copy(self)
        found._reading = self._reading._replace(checks=name, missing=missing)
        return found

    @property
    def deferred(self) -> bool:  # type: ignore[override]
        return self._reading.checks is not None

    def of_rows(self, rows: int) -> Iterator[Array]:
        """Blocks of `rows` rows, the last may be shorter; they are overwritten as in `walk`."""
        parts: list[Array] = []
        held = 0
        for block in self.walk():
            while block.shape[0]:
                part, block = block[: rows - held, ...], block[rows - held :, ...]
                held += part.shape[0]
                if held == rows:
                    yield concat([*parts, part])
                    parts, held = [], 0
                else:
                    parts.append(self._own(part))
        if parts:
            yield concat(parts)

    def _own(self, block: Array) -> Array:
        """The block, or a copy on a device, where blocks are overwritten."""
        return self.xp.asarray(block, copy=True) if self._uploads else block

    @cached_property
    def summary(self) -> Summary:
        blocks = self.of_rows(max(1, SUMMARY_VALUES // self.d))
        return Summary.joined(
            [(block.shape[0], self.kernels.reductions.summary(block)) for block in blocks]
        )

    @property
    def header(self) -> Any:
        """An object that has the number of columns, and their names if the source has them."""
        return self if self._host.header is None else self._host.header

    @property
    def stored(self) -> Blocks:
        return self

    values = stored

    def reduce(self, statistic: Callable, *shared: Any, along: Along = (), height: int = 1) -> Any:
        total: Any = None
        for block, *own in self.pieces(height, along):
            part = statistic(block, *own, *shared)
            total = part if total is None else total + part
        return total

    def map(self, fn: Callable, *shared: Any, along: Along = ()) -> Any:
        whole: tuple[Array, ...] = ()
        a = 0
        for block, *own in self.pieces(along=along):
            found = fn(block, *own, *shared)
            parts = found if isinstance(found, tuple) else (found,)
            b = a + block.shape[0]
            if b - a == self.n:
                whole = parts
                continue
            whole = whole or tuple(self._empty(p.shape[1:], p.dtype) for p in parts)
            for rows, part in zip(whole, parts, strict=True):
                rows[a:b, ...] = part
            a = b
        return whole if isinstance(found, tuple) else whole[0]

    def step(
        self, prepare: Callable, along: Along = (), streamed: Callable[..., Any] | None = None
    ) -> Any:
        return (streamed or BlockwiseStep)(self, prepare, along)

    def without_labels(self) -> Blocks:
        found = copy.copy(self)
        found._keeps_labels = False
        return found

    def blockwise(self, prepare: Callable, along: Along) -> Walks:
        return Walks(self, prepare, along, keeps_labels=self._keeps_labels)

    def pieces(self, height: int = 1, along: Along = ()) -> Iterator[tuple]:
        a = 0
        for block in self.walk() if height == 1 else self.of_rows(height):
            b = a + block.shape[0]
            yield block, *cut(along, a, b)
            a = b

    def dense_pieces(self, along: Along = ()) -> Iterator[tuple]:
        return self.pieces(along=along)

    def _empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        return self.xp.empty((self.n, *shape), dtype=dtype, device=self.device)

    def take(self, indices: Any) -> Array:
        """The rows at the indices; these are copied to the host, where the rows are."""
        rows = self._host.take(to_host(indices))
        check_values(rows, self._reading)
        return asarray(rows, like=self.like) if self._uploads else rows

    def subset(self, indices: np.ndarray) -> InMemory:
        return InMemory(self.take(indices))

    def part(self, indices: np.ndarray) -> Rows:
        if len(indices) * self.d * np.dtype(self._host.dtype).itemsize <= memory_budget():
            return self.subset(indices)
        return Blocks(partial(self._chosen, indices), device="cuda" if self._uploads else "cpu")

    def _chosen(self, indices: np.ndarray) -> Iterator[np.ndarray]:
        a = 0
        for block in self._host.blocks():
            first, last = np.searchsorted(indices, (a, a + len(block)))
            yield np.asarray(block[indices[first:last] - a], self._host.dtype)
            a += len(block)


def _library(device: str) -> Any:
    """The library whose arrays live on the device."""
    if not (isinstance(device, str) and device in ("cpu", "cuda")):
        raise ValueError(f"device must be 'cpu' or 'cuda', got {device!r}.")
    return gpu_library() if device == "cuda" else np
