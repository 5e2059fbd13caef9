"""Blocks of rows on their way from where they are read to where they are worked on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..arrays import asarray, dtype_name


def upload(blocks, like):
    dtype = np.dtype(dtype_name(like.dtype))

    def read():
        block = next(blocks, None)
        return None if block is None else np.array(block, dtype, order="C")

    with ThreadPoolExecutor(1, thread_name_prefix="clusterx-read") as reader:
        coming = reader.submit(read)
        while (block := coming.result()) is not None:
            coming = reader.submit(read)
            yield asarray(block, like=like)
