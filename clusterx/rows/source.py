"""The sources on the host that blocks of rows are read from."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import pairwise
from typing import Any

import numpy as np
import sklearn

from ..arrays import working_dtype
from ..blocks import Window
from ..validation import column_names, host_rows, refuse_lookalikes
from .stored import REAL_KINDS, ArrowRows, FileArray, Stored, stored

#: Blocks with more than this many times the rows that fit in `working_memory` are read in parts.
_TALL = 4
#: Bytes of a file that are mapped at a time to take rows from all over it: the system may bring up
#: to 2 MiB around each of them to memory.
_WINDOW = 1 << 26


def memory_budget() -> float:
    """Bytes that blocks may take: scikit-learn's `working_memory`, at most 256 MiB."""
    return min(float(sklearn.get_config()["working_memory"]), 256.0) * 2**20


class BlockSource:
    """Rows on the host that each pass reads again, block by block.

    Parameters
    ----------
    given : numpy.memmap, array, iterable of arrays, callable, or what `stored` takes
    block_rows : int or None

    Attributes
    ----------
    n, d : int
        Rows and columns.
    dtype : numpy.dtype
        The dtype in which the rows are clustered.
    header : data frame or None
        Where the names of the columns come from.
    """

    def __init__(self, given: Any, block_rows: int | None):
        if isinstance(given, Iterator):
            raise TypeError(
                f"source is a {type(given).__name__}, which can be walked over only once, and "
                "rows are read many times. Pass a callable that returns a new iterator."
            )
        self.given, self.block_rows = stored(given), block_rows
        self.stored: Stored | None = None
        self.header: Any = None
        if isinstance(self.given, ArrowRows | FileArray):
            self.stored = known = self.given
            self.n, self.d, self.dtype, self.header = known.n, known.d, known.dtype, known.header
            self._check_size()
        else:
            self._measure()

    def _measure(self) -> None:
        kinds, widths, n = set(), set(), 0
        for block in self._cut():
            if getattr(block, "ndim", 0) != 2:
                raise ValueError(
                    "source must give blocks of shape (rows, columns), got one of shape "
                    f"{getattr(block, 'shape', type(block).__name__)}. Reshape it to two "
                    "dimensions."
                )
            dtype = np.dtype(block.dtype)
            if dtype.kind not in REAL_KINDS:
                raise TypeError(f"source must hold real numbers, got blocks of dtype {dtype}.")
            kinds.add(dtype.name)
            widths.add(block.shape[1])
            n += block.shape[0]
        if len(widths) > 1:
            raise ValueError(
                f"The blocks of source have different numbers of columns: {sorted(widths)}. "
                "All of them must have the same features."
            )
        if is_iterable(self.given):
            first: Any = next(iter(self.given), None)
            self.header = first[:0] if column_names(first) else None
        names = {working_dtype(kind) for kind in kinds}
        self.dtype = np.dtype("float64" if "float64" in names else "float32")
        self.n, self.d = n, widths.pop() if widths else 0
        self._check_size()

    def _check_size(self) -> None:
        if self.n == 0:
            raise ValueError("source has 0 rows (samples); at least one is wanted.")
        if self.d == 0:
            raise ValueError("source has 0 columns (features); at least one is wanted.")

    def _cut(self) -> Iterator[Any]:
        # not a generator: scikit-learn's configuration must be read in the calling thread
        given = self.given
        if self.stored is not None:
            return self.stored.cut(self._height(self.d))
        if callable(given):
            blocks = given()
            try:
                return _alike(blocks)
            except TypeError:
                raise TypeError(
                    "source is a callable and must return an iterator over blocks, got "
                    f"{type(blocks).__name__}. Return a list of arrays, or yield them."
                ) from None
        if hasattr(given, "shape") and hasattr(given, "dtype") and not hasattr(given, "nnz"):
            if len(given.shape) != 2:
                return iter([given])
            rows, n = self._height(given.shape[1]), given.shape[0]
            return (_mapped_rows(given, a, min(a + rows, n)) for a in range(0, n, rows))
        if is_iterable(given):
            return _alike(given)
        raise TypeError(
            "source must be a dense array, an iterable of arrays, a callable, an Arrow dataset or "
            f"a path, got {type(given).__name__}{' (sparse)' if hasattr(given, 'nnz') else ''}. "
            "Turn other tables into arrays."
        )

    def _height(self, width: int) -> int:
        """Rows per block where blocks are cut from one array."""
        return self.block_rows or max(1, int(memory_budget() / 4 / (max(1, width) * 8)))

    def blocks(self) -> Iterator[np.ndarray]:
        """The blocks without empty ones; ValueError if they differ from those of the first pass."""
        return self._checked(_parts(self._cut(), self._height(self.d)))

    def _checked(self, parts: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        seen, same = 0, True
        for block in parts:
            seen += block.shape[0] if block.ndim else 0
            same = (
                seen <= self.n and block.shape[1:] == (self.d,) and block.dtype.kind in REAL_KINDS
            )
            if not same:
                break
            if block.shape[0]:
                yield block
        if seen != self.n or not same:
            raise ValueError(
                f"source gave {'at least ' if seen > self.n else ''}{seen} rows in this pass and "
                f"{self.n} in the first, or other columns than {self.d}, or no real numbers: it "
                "must give the same blocks each time."
            )

    def take(self, indices: np.ndarray) -> np.ndarray:
        """The rows at the indices, in the working dtype."""
        given = self.given
        if self.stored is not None:
            rows, places = np.unique(indices, return_inverse=True)
            return self.stored.take(rows)[places]
        if hasattr(given, "shape"):
            # in rising order and each once, as arrays in files require
            rows, places = np.unique(indices, return_inverse=True)
            place = _place(given, 0) if isinstance(given, np.memmap) else None
            if place is None:
                return np.asarray(given[rows], self.dtype)[places]
            return self._scattered(rows, given.dtype, *place)[places]
        out, a = np.empty((len(indices), self.d), self.dtype), 0
        for block in self.blocks():
            b = a + block.shape[0]
            here = (indices >= a) & (indices < b)
            out[here] = block[indices[here] - a]
            a = b
        return out

    def _scattered(self, rows: np.ndarray, dtype: np.dtype, name: Any, offset: int) -> np.ndarray:
        """The rows at rising indices of an array that begins at the offset in a file."""
        found = np.empty((len(rows), self.d), self.dtype)
        width = self.d * dtype.itemsize
        starts = np.flatnonzero(np.diff(rows // max(1, _WINDOW // width), prepend=-1))
        for a, b in pairwise([*starts.tolist(), len(rows)]):
            first, last = int(rows[a]), int(rows[b - 1])
            # mapped separately, so that they leave memory after use
            shape = last + 1 - first, self.d
            mapped = np.memmap(name, dtype, "r", offset + first * width, shape)
            found[a:b] = mapped[rows[a:b] - first]
        return found


def _parts(blocks: Iterator[Any], height: int) -> Iterator[np.ndarray]:
    """The blocks; much larger ones are split into parts of `height` rows."""
    for given in blocks:
        rows = given.shape[0] if len(given.shape) == 2 else 0
        if isinstance(given, np.ndarray) and rows <= _TALL * height:
            yield given if isinstance(given, Window) else np.asarray(given)
            continue
        step = height if rows > _TALL * height else max(1, rows)
        yield from (_mapped_rows(given, a, min(a + step, rows)) for a in range(0, rows, step))


def is_iterable(given: Any) -> bool:
    """Whether it can be iterated over repeatedly, and is not itself an array or a table."""
    kinds = (str, bytes, Mapping, Set)
    table = any(hasattr(given, name) for name in ("collect", "__array__", "shape", "columns"))
    return isinstance(given, Iterable) and not isinstance(given, kinds) and not table


def _alike(blocks: Iterable[Any]) -> Iterator[Any]:
    """The blocks; ValueError if a data frame has other columns than the first one."""

    def checked(names: list[Any] | None = None) -> Iterator[Any]:
        for given in blocks:
            block, found = _block(given), column_names(given)
            names = names or found
            if found and found != names:
                raise ValueError(
                    f"The blocks of source have different columns: {names}, and {found} later. All "
                    "of them must have the same, in the same order."
                )
            yield block

    iter(blocks)  # raises TypeError here, not later, if it is not iterable
    return checked()


def _block(given: Any) -> Any:
    """A block with a shape and a NumPy dtype; refused if conversion to an array would lose data."""
    if hasattr(given, "nnz"):
        raise TypeError(
            f"source must give dense blocks, got {type(given).__name__} (sparse). Pass toarray() "
            "of each block, or all rows as one CSR matrix instead of Blocks."
        )
    if isinstance(getattr(given, "dtype", None), np.dtype) and hasattr(given, "ndim"):
        refuse_lookalikes("A block of source", given)
        return given  # what is in a file is not read yet
    return host_rows(
        "A block of source",
        given,
        dtype="numeric",
        ensure_2d=False,
        allow_nd=True,
        ensure_min_samples=0,
        ensure_min_features=0,
    )


def _mapped_rows(source: Any, start: int, stop: int) -> np.ndarray:
    """Rows of an array. A file's rows are mapped separately, so they leave memory after use."""
    place = _place(source, start) if isinstance(source, np.memmap) else None
    if place is None:
        return np.asarray(_block(source[start:stop]))
    name, offset = place
    width = source.shape[1] * source.itemsize
    before = offset % mmap.ALLOCATIONGRANULARITY
    with open(name, "rb") as file:
        _read_ahead(file, offset, (stop - start) * width)
        # copy-on-write, because read-only arrays would need kernels that are compiled separately
        mapped = mmap.mmap(
            file.fileno(),
            before + (stop - start) * width,
            access=mmap.ACCESS_COPY,
            offset=offset - before,
        )
    return Window((stop - start, source.shape[1]), source.dtype, mapped, before)


def _place(source: np.memmap, start: int) -> tuple[Any, int] | None:
    """The file that has the rows, and where row `start` begins; None if they can't be mapped."""
    if not source.flags.c_contiguous:
        return None
    root = source
    while isinstance(root.base, np.memmap):
        root = root.base
    if root.filename is None or root.mode == "c" or not os.path.exists(root.filename):
        return None
    skipped = source.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return root.filename, root.offset + skipped + start * source.shape[1] * source.itemsize


def _read_ahead(file: Any, offset: int, length: int) -> None:
    """Ask the system to read a part of the file in the background."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), offset, length, os.POSIX_FADV_WILLNEED)
