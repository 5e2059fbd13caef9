"""The runtime of any array library: float dtypes, no limit on BLAS, blocks read by a thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np

from ...arrays import asarray, dtype_name, namespace, on_host
from ...blocks import Window

#: Bytes of the smallest pages.
PAGE = 4096


def stream_blocks(blocks, like):
    dtype, stays = np.dtype(dtype_name(like.dtype)), on_host(like)

    def read():
        block = next(blocks, None)
        if isinstance(block, Window) and block.dtype == dtype and stays:
            return _there(np.asarray(block))
        return None if block is None else np.array(block, dtype, order="C")

    with ThreadPoolExecutor(1, thread_name_prefix="clusterx-read") as reader:
        coming = reader.submit(read)
        while (block := coming.result()) is not None:
            coming = reader.submit(read)
            yield block if stays else asarray(block, like=like)


def _there(block):
    """The rows of a file, whose pages have been brought to memory."""
    block.reshape(-1).view(np.uint8)[::PAGE].max()
    return block


def take_rows(X, indices):
    return namespace(X).take(X, asarray(indices, like=X), axis=0)


limited_blas = nullcontext
dtypes = frozenset({"float32", "float64"})
