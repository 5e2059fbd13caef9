"""Rows in the chunks of a Dask array or data frame, on this machine or on a cluster.

Chunks are read where they are, and only what adds up comes back: statistics are added in a tree
whose shape depends on the number of chunks alone, so that they have the same bits from run to run,
in whatever order workers finish. Arrays with an entry per row stay in chunks beside the rows.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import dask
import dask.array as da
import numpy as np

from ..arrays import (
    Array,
    asarray,
    concat,
    dtype_name,
    named_dtype,
    namespace,
    to_host,
    working_dtype,
)
from ..arrays import device as device_of
from ..kernels import kernels_for
from ..kernels.statistics import Summary
from ..properties import cached_property
from . import chunks
from .base import Along, Rows
from .chunks import Reading, Sent
from .collection import as_rows, header_of
from .graph import Graph, is_held, of_blocks, persisted
from .memory import InMemory
from .passes import BlockwiseStep
from .source import memory_budget

#: Number of chunks whose statistics one task adds.
ARITY = 8


class DaskRows(Rows):
    """Rows in the chunks of a Dask array or data frame.

    Parameters
    ----------
    X : dask.array.Array or dask.dataframe.DataFrame of shape (n, d)
        Of NumPy or CuPy chunks. They may be uneven or empty, and their lengths may be unknown.
        Chunks that split the columns are joined.

    Notes
    -----
    If the chunks are in memory, as after ``X.persist()``, a step is prepared once for each chunk
    and kept beside it; otherwise the chunks are read again in each pass.

    Raises
    ------
    ValueError
        X is not two-dimensional, has no columns, or no rows.
    TypeError
        X does not hold real numbers, or has sparse chunks.
    """

    distant = True
    title = "chunks of Dask"

    def __init__(self, X: Any):
        given = as_rows(X)
        self._header = header_of(X, given)
        self.d = given.shape[1]
        meta = given._meta
        self.xp = namespace(meta)
        self.device = device_of(meta)
        kind = named_dtype(self.xp, working_dtype(dtype_name(meta.dtype)))
        self.like = self.xp.empty((0,), dtype=kind, device=self.device)
        self.dtype = self.like.dtype
        self.kernels = kernels_for(self.xp)
        self.held = is_held(given) and given.dtype == self.dtype
        self.reading = Reading(dtype_name(self.dtype))
        self._array = given

    @property
    def header(self) -> Any:
        return self._header

    def defer(self, name: str, missing: bool) -> DaskRows:
        found = copy.copy(self)
        found.reading = self.reading._replace(checks=name, missing=missing)
        return found

    @property
    def deferred(self) -> bool:  # type: ignore[override]
        return self.reading.checks is not None

    # -- where the chunks end ------------------------------------------------------------------

    @property
    def array(self) -> da.Array:
        """The rows in chunks; unless `deferred`, the lengths of the chunks are computed first."""
        if not self.deferred:
            _ = self.lengths
        return self._array

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The number of rows in each chunk."""
        known = self._array.chunks[0]
        if np.isnan(known).any():
            graph = Graph(self._array, "length")
            known = graph.compute(graph.per_chunk(chunks.length, self._array))
        lengths = tuple(int(n) for n in known if n)
        if sum(lengths) == 0:
            raise ValueError("X has 0 rows (samples); at least one is wanted.")
        self._array = of_blocks(self._array, np.flatnonzero(known).tolist(), lengths)
        return lengths

    @property
    def n(self) -> int:  # type: ignore[override]
        return sum(self.lengths)

    @property
    def starts(self) -> np.ndarray:
        """The number of the first row of each chunk."""
        return np.cumsum((0, *self.lengths[:-1]))

    @cached_property
    def summary(self) -> Summary:
        return Summary.joined(self.collect(chunks.summary))

    @property
    def stored(self) -> DaskRows:
        return self

    @property
    def values(self) -> Any:
        return self.array.astype(self.dtype)

    # -- passes --------------------------------------------------------------------------------

    def _sent(self, fn: Callable, shared: tuple) -> Sent:
        return Sent(fn, shared, self.reading)

    def _beside(self, along: Along) -> list[Any]:
        return [None if x is None else self.along(x) for x in along]

    def map(self, fn: Callable, *shared: Any, along: Along = ()) -> Any:
        beside = self._beside(along)
        shown = chunks.mapped(
            Sent(fn, shared, Reading(dtype_name(self.dtype))),
            self.xp.zeros((0, self.d), dtype=self.dtype),
            *(None if x is None else x._meta[:0] for x in beside),
        )
        graph = Graph(self.array, _name(fn), *beside)
        keys = graph.per_chunk(chunks.mapped, self._sent(fn, shared), self.array, *beside)
        heights = self.array.chunks[0]
        if not isinstance(shown, tuple):
            found = graph.array(keys, heights, shown)
            return found if self.deferred else persisted(found)[0]
        parts = graph.arrays(keys, heights, shown)
        return tuple(parts if self.deferred else persisted(*parts))

    def reduce(self, statistic: Callable, *shared: Any, along: Along = (), height: int = 1) -> Any:
        beside = self._beside(along)
        graph = Graph(self.array, _name(statistic), *beside)
        sent = self._sent(statistic, shared)
        keys = graph.per_chunk(chunks.worked, sent, self.array, *beside)
        return graph.compute(graph.tree(chunks.added, keys, ARITY))

    def reduce_along(self, statistic: Callable, *shared: Any, along: Along) -> Any:
        beside = self._beside(along)
        graph = Graph(self.array, _name(statistic), *beside)
        keys = graph.per_chunk(chunks.worked_along, self._sent(statistic, shared), *beside)
        return graph.compute(graph.tree(chunks.added, keys, ARITY))

    def collect(self, fn: Callable, *shared: Any, along: Along = (), height: int = 1) -> list[Any]:
        beside = self._beside(along)
        graph = Graph(self.array, _name(fn), *beside)
        keys = graph.per_chunk(chunks.worked, self._sent(fn, shared), self.array, *beside)
        return [part for part in graph.compute(keys) if part is not None]

    def fold(self, fn: Callable, state: Any, *shared: Any, along: Along = ()) -> Any:
        beside = self._beside(along)
        graph = Graph(self.array, _name(fn), *beside)
        sent = self._sent(fn, shared)
        first = graph.apply(chunks.opened, graph.value(chunks.State(state)))
        return graph.compute(graph.chain(chunks.folded, sent, first, self.array, *beside))

    def blockwise(self, prepare: Callable, along: Along) -> ChunkSteps:
        return ChunkSteps(self, prepare, self._beside(along))

    def step(
        self, prepare: Callable, along: Along = (), streamed: Callable[..., Any] | None = None
    ) -> Any:
        return (streamed or BlockwiseStep)(self, prepare, along)

    def pieces(self, height: int = 1, along: Along = ()) -> Iterator[tuple]:
        """The chunks, one after another in this process, whatever their height."""
        beside = self._beside(along)
        for i, n in enumerate(self.lengths):
            if n:
                there = [x.blocks[i] for x in beside if x is not None]
                block, *own = dask.compute(self.array.blocks[i], *there)
                parts = iter(own)
                yield (
                    chunks.read(block, self.reading),
                    *(None if x is None else next(parts) for x in beside),
                )

    def dense_pieces(self, along: Along = ()) -> Iterator[tuple]:
        return self.pieces(along=along)

    def labels_by_parts(self, label: Callable) -> Iterator[np.ndarray]:
        found = label(copy.copy(self))  # which is lazy
        return (to_host(found.blocks[i]) for i in range(found.numblocks[0]))

    # -- some of the rows ----------------------------------------------------------------------

    def _places(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The chunk of each row, and its place there."""
        chunk = np.searchsorted(np.cumsum(self.lengths), indices, side="right")
        return chunk, indices - self.starts[chunk]

    def take(self, indices: Any) -> Array:
        """The rows at the indices, dense, in this process."""
        return self._taken(chunks.taken, self.array, indices)

    def take_along(self, values: Array, indices: Any) -> Array:
        return self._taken(chunks.picked, self.along(values), indices)

    def _taken(self, fn: Callable, array: da.Array, indices: Any) -> Array:
        """The entries at the indices of an array with an entry per row."""
        wanted = to_host(indices).astype(np.int64)
        rows, back = np.unique(wanted, return_inverse=True)
        chunk, places = self._places(rows)
        graph = Graph(array, "take")
        sent = graph.value(self._sent(fn, ()))
        touched = np.unique(chunk)
        keys = [graph.one(fn, sent, places[chunk == i], (array, i)) for i in touched]
        found = concat(graph.compute(keys))
        return self.xp.take(found, asarray(back, like=found), axis=0)

    def subset(self, indices: Any) -> InMemory:
        return InMemory(self.take(indices))

    def part(self, indices: np.ndarray) -> Rows:
        if len(indices) * self.d * np.dtype(dtype_name(self.dtype)).itemsize <= memory_budget():
            return self.subset(indices)
        chunk, places = self._places(indices)
        heights = tuple(np.bincount(chunk, minlength=len(self.lengths)).tolist())
        ends = np.cumsum((0, *heights))
        graph = Graph(self.array, "part")
        sent = graph.value(self._sent(chunks.taken, ()))
        keys = [
            graph.one(chunks.taken, sent, places[ends[i] : ends[i + 1]], (self.array, i))
            for i in range(len(heights))
        ]
        found = graph.array(keys, heights, self.xp.empty((0, self.d), dtype=self.dtype))
        return DaskRows(persisted(found)[0] if self.held else found)

    def groups(self, route: Callable, count: int, *shared: Any, along: Along = ()) -> Any:
        """The rows in groups by their location in space; see `Groups`."""
        from .groups import Groups

        return Groups(self, route, count, *shared, along=along)

    def chosen(self, mask: da.Array) -> tuple[da.Array, da.Array]:
        """The numbers of the rows where the mask is true, int64, and these rows, in chunks."""
        mask = self.along(mask)
        index = da.arange(self.n, chunks=(self.lengths,), dtype=np.int64)[mask]
        index, found = persisted(index, self.values[mask])
        return index.compute_chunk_sizes(), found.compute_chunk_sizes()

    # -- what has an entry per row -------------------------------------------------------------

    def along(self, values: Any) -> Any:
        """Values with an entry per row, in chunks beside those of the rows."""
        if isinstance(values, da.Array) and _same_chunks(values.chunks[0], self.array.chunks[0]):
            return values
        if hasattr(values, "to_dask_array"):
            values = values.to_dask_array()
        if isinstance(values, da.Array):
            if np.isnan(values.shape[0]):
                values = values.copy().compute_chunk_sizes()
            self._check_length(values.shape[0])
            found = values.rechunk({0: self.lengths})
        else:
            host = to_host(values)
            self._check_length(host.shape[0])
            graph = Graph(self.array, "along")
            ends = np.cumsum(self.lengths)
            keys = [graph.value(x) for x in np.split(host, ends[:-1])]
            found = graph.array(keys, self.lengths, host[:0])
        if namespace(found._meta) is not self.xp:
            shown = asarray(to_host(found._meta), like=self.like)
            found = found.map_blocks(asarray, like=self.like, meta=shown)
        return found if self.deferred else persisted(found)[0]

    def _check_length(self, n: int) -> None:
        if n != self.n:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[self.n, n]}. X has "
                f"{self.n} rows: give one entry per row of X."
            )

    def sample_rows(self, mass: Array, w: Array | None, fractions: np.ndarray) -> np.ndarray:
        beside = self._beside((mass, w))
        graph = Graph(self.array, "mass", *beside)
        sums = graph.compute(
            graph.per_chunk(chunks.worked_along, self._sent(chunks.mass, ()), *beside)
        )
        sums = np.array([0.0 if s is None else s for s in sums])
        cumulated = np.cumsum(sums)
        if not cumulated[-1] > 0:
            return self._heaviest(w, len(fractions))
        targets = np.asarray(fractions) * cumulated[-1]
        some = np.flatnonzero(sums > 0)
        inside = some[
            np.minimum(np.searchsorted(cumulated[some], targets, side="right"), len(some) - 1)
        ]
        rest = np.clip((targets - (cumulated[inside] - sums[inside])) / sums[inside], 0.0, 1.0)
        graph = Graph(self.array, "draw", *beside)
        sent = graph.value(self._sent(chunks.drawn, ()))
        touched = np.unique(inside)
        keys = [
            graph.one(chunks.placed, sent, rest[inside == i], *((x, i) for x in beside))
            for i in touched
        ]
        found = np.empty(len(targets), np.int64)
        for i, places in zip(touched, graph.compute(keys), strict=True):
            found[inside == i] = self.starts[i] + to_host(places)
        return found

    def _heaviest(self, w: Array | None, count: int) -> np.ndarray:
        heaviest = 0 if w is None else int(self.farthest(w, 1)[0])
        return np.full(count, heaviest, np.int64)

    def farthest(self, values: Array, count: int) -> np.ndarray:
        graph = Graph(self.array, "farthest", self.along(values))
        keys = graph.per_chunk(chunks.worked_along, self._sent(chunks.largest, (count,)), values)
        found = graph.compute(keys)
        places, sizes = [], []
        for start, part in zip(self.starts, found, strict=True):
            if part is not None:
                places.append(start + to_host(part[0]))
                sizes.append(to_host(part[1]))
        rows, size = np.concatenate(places), np.concatenate(sizes)
        return rows[np.lexsort((rows, -size))][:count]


class ChunkSteps:
    """The passes of a step over chunks; if these are in memory, each keeps its step beside it."""

    def __init__(self, rows: DaskRows, prepare: Callable, along: Along):
        self.rows, self.prepare, self.along = rows, prepare, along
        self.slots = self._empty_slots() if rows.held else None
        self.calls = 0

    def _empty_slots(self) -> Any:
        rows = self.rows
        graph = Graph(rows.array, "slot")
        keys = graph.per_chunk(chunks.slot, rows.array)
        return persisted(graph.array(keys, rows.lengths, np.empty(0, object)))[0]

    def __call__(self, *shared: Any) -> Any:
        self.calls += 1
        self.shared, self.found = shared, None
        how = self.prepare, shared, self.calls
        return self.rows.reduce(chunks.called, *how, along=(self.slots, *self.along))

    @property
    def labels(self) -> Any:
        if self.found is None:
            how = self.prepare, self.shared, self.calls
            self.found = self.rows.map(chunks.labels, *how, along=(self.slots, *self.along))
        return self.found

    def distances(self) -> Any:
        return self.rows.map(chunks.distances, self.prepare, self.shared, along=self.along)


def _name(fn: Any) -> str:
    return getattr(fn, "__name__", type(fn).__name__).strip("_<>")


def _same_chunks(a: tuple, b: tuple) -> bool:
    return len(a) == len(b) and bool(np.array_equal(a, b, equal_nan=True))
