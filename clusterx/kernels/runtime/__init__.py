"""What a backend offers besides kernels: dtypes, limits on BLAS, and streams of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np

from ...arrays import Array


class Runtime(Protocol):
    #: Dtypes of rows: float32, float64, and the integers that kernels read without conversion.
    dtypes: frozenset[str] = frozenset()

    def limited_blas(self) -> AbstractContextManager:
        """A context around a fit that limits BLAS once, instead of in each call of a kernel."""

    def take_rows(self, X: Array, indices: Array) -> Array:
        """The rows of X at the indices (m,), which are not negative."""

    def stream_blocks(self, blocks: Iterator[np.ndarray], like: Array) -> Iterator[Array]:
        """Copy blocks of rows from the host to the device of `like`, in its dtype.

        No block is empty. A thread reads the next block ahead. An array that was yielded may be
        overwritten when the caller asks for the second one after it.
        """
