"""Streams blocks of rows to the GPU: it computes on one while the next is copied, a third read."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import numpy as np

from ...arrays import Array, device, dtype_name


def stream_blocks(gpu: Any, blocks: Iterator[np.ndarray], like: Array) -> Iterator[Array]:
    """Yield the blocks beside `like` and in its dtype, by two pinned and two device buffers.

    A yielded array is a device buffer or its beginning. The copy of the next block but one
    overwrites it, after the work on it that the current stream was given. A thread reads and
    converts blocks into the pinned buffer whose copy has ended. Once this generator has ended or
    was closed, the thread has ended too, and no copy is under way.
    """
    cuda = gpu.loader.cupy.cuda
    copies = cuda.Stream(non_blocking=True)
    slots = Slot(gpu, copies, like), Slot(gpu, copies, like)

    def read(slot: Slot) -> np.ndarray | None:
        block = next(blocks, None)
        return None if block is None else slot.filled(block)

    with ThreadPoolExecutor(
        1, thread_name_prefix="clusterx-read", initializer=device(like).use
    ) as reader:
        try:
            coming = reader.submit(read, slots[0])
            for slot, following in cycle((slots, slots[::-1])):
                if (rows := coming.result()) is None:
                    return
                coming = reader.submit(read, following)
                yield slot.sent(rows)
                slot.used.record(cuda.get_current_stream())
        finally:
            copies.synchronize()


class Slot:
    """A pinned buffer and the device buffer that it is copied to."""

    def __init__(self, gpu: Any, copies: Any, like: Array):
        self.gpu, self.copies, self.like = gpu, copies, like
        self.cuda = gpu.loader.cupy.cuda
        self.dtype = np.dtype(dtype_name(like.dtype))
        #: the end of the last copy; a blocking event, so the thread waits for it without spinning
        self.copied = self.cuda.Event(block=True, disable_timing=True)
        #: the end of the work that uses the device buffer
        self.used = self.cuda.Event(disable_timing=True)
        self.pinned = np.empty((0, 0), self.dtype)
        self.buffer: Array | None = None

    def filled(self, block: np.ndarray) -> np.ndarray:
        """The pinned buffer, or its beginning, with the block in it."""
        self.copied.synchronize()
        if self.pinned.shape[0] < block.shape[0]:
            memory = self.cuda.alloc_pinned_memory(block.size * self.dtype.itemsize)
            self.pinned = np.frombuffer(memory, self.dtype, block.size).reshape(block.shape)
        rows = self.pinned[: block.shape[0]]
        np.copyto(rows, block, casting="unsafe")
        return rows

    def sent(self, rows: np.ndarray) -> Array:
        """Rows of the pinned buffer in the device buffer, for the current stream."""
        stream = self.cuda.get_current_stream()
        if self.buffer is None or self.buffer.shape[0] < rows.shape[0]:
            self.buffer = self.gpu.empty(rows.shape, self.like.dtype, like=self.like)
            # the memory pool may hand out memory on which this stream still has work to do
            self.used.record(stream)
        block = self.buffer[: rows.shape[0], ...]
        self.copies.wait_event(self.used)
        block.set(rows, stream=self.copies)
        self.copied.record(self.copies)
        stream.wait_event(self.copied)
        return block
