"""What a backend offers besides primitives: dtypes, limits of BLAS, and streams of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np

from ...arrays import Array


class Runtime(Protocol):
    #: What rows may be of: float32 and float64, and whole numbers that are read as they are.
    dtypes: frozenset[str] = frozenset()

    def limited_blas(self) -> AbstractContextManager:
        """Held around a fit: what is set up for its kernels once instead of in each call."""

    def stream_blocks(self, blocks: Iterator[np.ndarray], like: Array) -> Iterator[Array]:
        """Blocks of rows on the host as arrays beside `like`, in its dtype.

        None of them is empty. The next one is read ahead, by a thread; what is given may be
        overwritten after the next.
        """
