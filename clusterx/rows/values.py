"""Functions of values in Dask chunks that come without rows, such as labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np

from . import chunks
from .chunks import Reading, Sent
from .graph import Graph

#: Reads values without checks.
AS_THEY_ARE = Reading("float64")


def known(values: Any) -> da.Array:
    """The values as a Dask array whose chunks have known lengths."""
    if hasattr(values, "to_dask_array"):
        values = values.to_dask_array()
    if np.isnan(values.shape[0]):
        values = values.copy().compute_chunk_sizes()
    return values


def aligned(values: Any, like: da.Array) -> da.Array:
    """Values in chunks that end where those of `like` do."""
    if isinstance(values, da.Array):
        return values.rechunk(like.chunks)
    return da.from_array(values, chunks=like.chunks)


def collect(fn: Callable, *values: da.Array) -> list[Any]:
    """The results of fn(*parts) for all chunks that are not empty, in this process."""
    graph = Graph(values[0], fn.__name__, *values[1:])
    sent = Sent(fn, (), AS_THEY_ARE)
    found = graph.compute(graph.per_chunk(chunks.worked_along, sent, *values))
    return [part for part in found if part is not None]


def mapped(fn: Callable, shown: np.ndarray, values: da.Array, *shared: Any) -> da.Array:
    """fn(part, *shared) for each chunk, as an array with an entry per value."""
    graph = Graph(values, fn.__name__)
    keys = graph.per_chunk(chunks.mapped_along, Sent(fn, shared, AS_THEY_ARE), values)
    return graph.array(keys, values.chunks[0], shown)
