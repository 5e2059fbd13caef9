"""Where the rows live: in memory, or in blocks that are read one at a time.

An algorithm sees the rows through one pass operations (`reduce`, `map`), `take`, and the prepared
steps of the kernels; whether a step holds all rows or walks over blocks is decided here.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import sklearn

from .arrays import Array, asarray, concat, device, float_dtype, namespace, working_dtype
from .kernels import SUMMARY_VALUES, Summary, kernels_for

DRAW_BLOCK = 1024


class InMemory:
    """Rows of one array (or CSR matrix) that is all there.

    Attributes
    ----------
    n, d : int
        Rows and columns.
    X : array of shape (n, d)
    xp, device, dtype : namespace, device and dtype of X
    """

    def __init__(self, X: Array):
        self.X = X
        self.n, self.d = X.shape
        self.dtype = X.dtype
        self.xp = namespace(X)
        self.kernels = kernels_for(self.xp)
        self.sparse = not hasattr(X, "__array_namespace__") and hasattr(X, "indptr")
        self.device = None if self.sparse else device(X)
        self.like = X.data if self.sparse else X  # for new arrays that belong beside X
        self._step: tuple[Array | None, Any] | None = None
        self._scatter: tuple[Array, Array] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.n, self.d

    @cached_property
    def summary(self) -> Summary:
        return self.kernels.summary(self.X)

    def reduce(self, statistic: Callable, *shared: Any) -> Any:
        """The statistic of all rows."""
        return statistic(self.X, *shared)

    def map(self, fn: Callable, *shared: Any) -> Any:
        """fn of the rows: arrays with an entry for each."""
        return fn(self.X, *shared)

    def take(self, indices: Array) -> Array:
        """The rows at the indices, dense."""
        if self.sparse:
            return self.X[np.asarray(indices)].toarray()
        return self.xp.take(self.X, asarray(indices, like=self.X), axis=0)

    def subset(self, indices: np.ndarray) -> InMemory:
        """Rows of their own."""
        if self.sparse:
            return InMemory(self.X[indices])
        return InMemory(self.take(indices))

    def lloyd(self, w: Array | None, total: float) -> Any:
        """The prepared k-means step; `total`: the sum of weights. Kept for the next call."""
        if self._step is None or self._step[0] is not w:
            grid = self.kernels.grid(self.summary, total, self.n)
            self._step = w, self.kernels.lloyd_stats(self.X, w, grid)
        return self._step[1]

    def scatter(self, w: Array | None) -> Array:
        """Weighted sum of squared distances of all rows to their mean, 0-d; kept."""
        return _scatter(self, w)

    def seeding(self, w: Array | None, step: Any = None) -> Any:
        """The prepared k-means++ step; it shares what `step` has prepared."""
        return self.kernels.seeding(self.X, w, step)

    def minibatch(self, k: int, batch_size: int) -> Any:
        return self.kernels.minibatch(self.X, k, batch_size)

    def zeros(self, shape: tuple[int, ...], dtype: Any = None) -> Array:
        return self.xp.zeros(shape, dtype=dtype or float_dtype(self.xp), device=self.device)


def _scatter(rows: InMemory | Blocks, w: Array | None) -> Array:
    xp = rows.xp
    if w is None:
        return rows.n * xp.sum(asarray(rows.summary.variance, like=rows.like))
    if rows._scatter is None or rows._scatter[0] is not w:
        mean = asarray(rows.summary.mean, like=rows.like)
        squared = rows.map(rows.kernels.distances_to, mean)
        rows._scatter = w, xp.sum(squared * xp.astype(w, squared.dtype, copy=False))
    return rows._scatter[1]


class Blocks:
    """Rows that are read block by block, for data larger than memory.

    Parameters
    ----------
    source : numpy.memmap, array, sequence of arrays, or callable
        A memory-mapped file or array of shape (n, d); or blocks of shape (n_i, d), as a list or as
        a callable that returns a new iterator over them for each pass.
    block_rows : int, optional
        Rows of a block cut from one array; by default what `working_memory` of scikit-learn's
        configuration (in MiB, at most 256) holds. Sums are exact: the size changes no result.

    Notes
    -----
    Beside a block in work and one being read, a fit keeps a label and a distance of every row in
    memory: 12 bytes a row.

    Raises
    ------
    ValueError
        The blocks are empty, not two-dimensional, or differ in their number of columns.
    TypeError
        The source is none of the above, does not hold real numbers, or is an iterator that can be
        walked over only once.
    """

    sparse = False

    def __init__(self, source: Any, *, block_rows: int | None = None):
        whole = isinstance(block_rows, numbers.Integral) and not isinstance(block_rows, bool)
        if block_rows is not None and not (whole and block_rows > 0):
            raise ValueError(f"block_rows must be a positive whole number, got {block_rows!r}.")
        if isinstance(source, Iterator):
            raise TypeError(
                f"source is a {type(source).__name__}, which can be walked over only once, and "
                "k-means reads the rows many times. Pass a callable that returns a new iterator."
            )
        self.source = source
        self.block_rows = block_rows
        self._measure()
        self.xp = namespace(np.empty(0))
        self.kernels = kernels_for(self.xp)
        self.device = "cpu"
        self.like = np.empty(0)
        self._scatter: tuple[Array, Array] | None = None

    def _measure(self) -> None:
        kinds, widths, n = set(), set(), 0
        for block in self._raw_blocks():
            if getattr(block, "ndim", 0) != 2:
                raise ValueError(
                    "source must give blocks of shape (rows, columns), got one of shape "
                    f"{getattr(block, 'shape', type(block).__name__)}. Reshape it to two "
                    "dimensions."
                )
            dtype = np.dtype(block.dtype)
            if dtype.kind not in "buif":
                raise TypeError(f"source must hold real numbers, got blocks of dtype {dtype}.")
            kinds.add(dtype.name)
            widths.add(block.shape[1])
            n += block.shape[0]
        if n == 0:
            raise ValueError("source has 0 rows (samples); at least one is wanted.")
        if len(widths) > 1:
            raise ValueError(
                f"The blocks of source have different numbers of columns: {sorted(widths)}. "
                "All of them must have the same features."
            )
        names = {working_dtype(kind) for kind in kinds}
        self.dtype = np.dtype("float64" if "float64" in names else "float32")
        self.n, self.d = n, widths.pop()
        if self.d == 0:
            raise ValueError("source has 0 columns (features); at least one is wanted.")

    @property
    def shape(self) -> tuple[int, int]:
        return self.n, self.d

    def _raw_blocks(self) -> Iterator[np.ndarray]:
        # not a generator itself: the configuration is that of the calling thread
        source = self.source
        if callable(source):
            return iter(source())
        if hasattr(source, "shape") and hasattr(source, "dtype") and not hasattr(source, "nnz"):
            if len(source.shape) != 2:
                return iter([source])
            budget = min(float(sklearn.get_config()["working_memory"]), 256.0) * 2**20
            width = max(1, source.shape[1]) * 8
            rows = self.block_rows or max(1, int(budget / 4 / width))
            n = source.shape[0]
            return (_mapped_rows(source, a, min(a + rows, n)) for a in range(0, n, rows))
        if isinstance(source, Sequence) and not isinstance(source, str | bytes):
            return (np.asarray(block) for block in source)
        raise TypeError(
            "source must be a dense array, a sequence of arrays or a callable, got "
            f"{type(source).__name__}{' (sparse)' if hasattr(source, 'nnz') else ''}."
        )

    def __iter__(self) -> Iterator[np.ndarray]:
        """Blocks in the working dtype; the next one is read while this one is in use."""

        def read() -> np.ndarray | None:
            block = next(raw, None)
            return None if block is None else np.array(block, self.dtype, order="C")

        raw = self._raw_blocks()
        seen = 0
        with ThreadPoolExecutor(1, thread_name_prefix="clusterx-read") as reader:
            coming = reader.submit(read)
            while (block := coming.result()) is not None:
                seen += block.shape[0]
                if seen > self.n or block.shape[1:] != (self.d,):
                    break
                coming = reader.submit(read)
                yield block
        if seen != self.n or block is not None:
            raise ValueError(
                f"source gave {'at least ' if seen > self.n else ''}{seen} rows in this pass and "
                f"{self.n} in the first, or other columns than {self.d}: it must give the same "
                "blocks each time."
            )

    def _with_bounds(self) -> Iterator[tuple[int, int, np.ndarray]]:
        a = 0
        for block in self:
            yield a, a + block.shape[0], block
            a += block.shape[0]

    @cached_property
    def summary(self) -> Summary:
        blocks = self._of_rows(max(1, SUMMARY_VALUES // self.d))
        return Summary.joined([(len(block), self.kernels.summary(block)) for block in blocks])

    def _of_rows(self, rows: int) -> Iterator[np.ndarray]:
        """Blocks of so many rows each, the last one excepted."""
        parts: list[np.ndarray] = []
        for _, _, block in self._with_bounds():
            while len(block):
                parts.append(block[: rows - sum(map(len, parts))])
                block = block[len(parts[-1]) :]
                if sum(map(len, parts)) == rows:
                    yield concat(parts)
                    parts = []
        if parts:
            yield concat(parts)

    def reduce(self, statistic: Callable, *shared: Any) -> Any:
        """The sum of the statistic over all blocks."""
        total: Any = None
        for block in self:
            part = statistic(block, *shared)
            total = part if total is None else total + part
        return total

    def map(self, fn: Callable, *shared: Any) -> Any:
        """fn of each block, joined."""
        parts = [fn(block, *shared) for block in self]
        if isinstance(parts[0], tuple):
            return tuple(concat(p) for p in zip(*parts, strict=True))
        return concat(parts)

    def take(self, indices: Any) -> np.ndarray:
        wanted = np.asarray(indices)
        if hasattr(self.source, "shape"):
            # in rising order and once, as arrays in files want it
            rows, places = np.unique(wanted, return_inverse=True)
            source = self.source
            if isinstance(source, np.memmap):
                source = _mapped_rows(source, 0, self.n)
            return np.asarray(source[rows], self.dtype)[places]
        out = np.empty((len(wanted), self.d), self.dtype)
        for a, b, block in self._with_bounds():
            here = (wanted >= a) & (wanted < b)
            out[here] = block[wanted[here] - a]
        return out

    def subset(self, indices: np.ndarray) -> InMemory:
        return InMemory(self.take(indices))

    def lloyd(self, w: np.ndarray | None, total: float) -> BlockedStep:
        self._scatter = None  # the weights may have changed since an earlier fit
        return BlockedStep(self, w, self.kernels.grid(self.summary, total, self.n))

    def scatter(self, w: np.ndarray | None) -> Any:
        return _scatter(self, w)

    def seeding(self, w: np.ndarray | None, step: Any = None) -> BlockedSeeding:
        return BlockedSeeding(self, w)

    def minibatch(self, k: int, batch_size: int) -> BlockedBatch:
        return BlockedBatch(self, k)

    def zeros(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.zeros(shape, dtype or np.float64)


def _mapped_rows(source: Any, start: int, stop: int) -> np.ndarray:
    """Rows of an array. Those of a file are mapped on their own, and so leave memory after use."""
    if not isinstance(source, np.memmap) or not source.flags.c_contiguous:
        return np.asarray(source[start:stop])
    root = source
    while isinstance(root.base, np.memmap):
        root = root.base
    if root.filename is None or root.mode == "c" or not os.path.exists(root.filename):
        return np.asarray(source[start:stop])
    skipped = source.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    offset = root.offset + skipped + start * source.shape[1] * source.itemsize
    return np.memmap(
        root.filename, source.dtype, "r", offset=offset, shape=(stop - start, source.shape[1])
    )


class BlockedBatch:
    """A mini-batch step that gathers each batch from the blocks."""

    def __init__(self, rows: Blocks, k: int):
        self.rows, self.k = rows, k

    def __call__(self, rows: np.ndarray, w: Any, C: np.ndarray, counts: np.ndarray) -> Any:
        batch = self.rows.take(rows)
        step = self.rows.kernels.minibatch(batch, self.k, len(batch))
        return step(np.arange(len(batch)), w, C, counts)

    def nearest(self, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.rows.map(self.rows.kernels.nearest, C)


class BlockedStep:
    """A k-means step that reads the blocks anew; the sums of blocks are exact, so they add up."""

    def __init__(self, rows: Blocks, w: np.ndarray | None, grid: Any):
        self.rows, self.w, self.grid = rows, w, grid
        self.labels = np.full(rows.n, -1, np.int32)

    def __call__(self, C: np.ndarray) -> Any:
        self.C = C
        total: Any = None
        moved = 0
        for a, b, block in self.rows._with_bounds():
            weights = None if self.w is None else self.w[a:b]
            step = self.rows.kernels.lloyd_stats(block, weights, self.grid, once=True)
            stats = step(C)
            moved += int(np.count_nonzero(self.labels[a:b] != step.labels))
            self.labels[a:b] = step.labels
            total = stats if total is None else total + stats
        total.moved = moved
        return total

    def distances(self) -> np.ndarray:
        return self.rows.map(self._distances)

    def _distances(self, block: np.ndarray) -> np.ndarray:
        # a step's own distances have the same bits in all kinds of steps
        step = self.rows.kernels.lloyd_stats(block, None, self.grid, once=True)
        step.assign(self.C)
        return step.distances()


class BlockedSeeding:
    """k-means++ over blocks: two passes a centre, one number a row in memory."""

    def __init__(self, rows: Blocks, w: np.ndarray | None):
        self.rows, self.w = rows, w
        self.starts = np.arange(0, rows.n, DRAW_BLOCK)

    def start(self, index: int) -> None:
        self.closest = self._distances([index])[:, 0]

    def add(self, row: int) -> None:
        self.closest = np.minimum(self.closest, self._distances([row])[:, 0])

    def _distances(self, rows: Any) -> np.ndarray:
        return self.rows.map(self.rows.kernels.squared_distances, self.rows.take(rows))

    def grow(self, fractions: np.ndarray) -> int:
        weighted = self.closest if self.w is None else self.closest * self.w
        chosen = _draw(weighted, np.add.reduceat(weighted, self.starts), fractions)
        candidates = self.rows.take(chosen)
        gains, a = np.zeros(len(chosen)), 0
        for block in self.rows:
            b = a + block.shape[0]
            found = self.rows.kernels.squared_distances(block, candidates)
            less = np.maximum(self.closest[a:b, None] - found, 0.0)
            gains += less.sum(axis=0) if self.w is None else self.w[a:b] @ less
            a = b
        best = int(chosen[np.argmax(gains)])
        self.add(best)
        return best


def _draw(weighted: np.ndarray, sums: np.ndarray, fractions: np.ndarray) -> np.ndarray:
    cumulated = np.cumsum(sums)
    targets = fractions * cumulated[-1]
    blocks = np.minimum(np.searchsorted(cumulated, targets, side="right"), len(sums) - 1)
    out = np.empty(len(fractions), np.int64)
    for i, (block, target) in enumerate(zip(blocks, targets, strict=True)):
        before = cumulated[block - 1] if block else 0.0
        inside = before + np.cumsum(weighted[block * DRAW_BLOCK : (block + 1) * DRAW_BLOCK])
        place = np.searchsorted(inside, target, side="right")
        out[i] = block * DRAW_BLOCK + min(place, len(inside) - 1)
    return out
