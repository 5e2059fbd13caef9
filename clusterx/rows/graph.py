"""Graphs of tasks for Dask: one task per chunk, and tasks that combine their results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import getitem
from typing import Any
from uuid import uuid4

import dask
import dask.array as da
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

Key = Any


class Graph:
    """A layer of tasks over the chunks of arrays.

    Parameters
    ----------
    *collections : dask.array.Array or None
        The arrays that the tasks read.
    name : str
        The name of the tasks in Dask's dashboard.
    """

    def __init__(self, first: da.Array, name: str, *others: Any):
        self.name = f"clusterx-{name}-{uuid4().hex}"
        self.read = [x for x in (first, *others) if x is not None]
        self.layer: dict[Key, Any] = {}
        self.blocks = first.numblocks[0]

    def value(self, value: Any) -> Key:
        """The key of a value that is sent only once, not once per chunk. It must not be a tuple."""
        return self._put(value)

    def _put(self, task: Any) -> Key:
        key = (self.name, "task", len(self.layer))
        self.layer[key] = task
        return key

    def one(self, fn: Callable, sent: Key, own: Any, *at: tuple[da.Array | None, int]) -> Key:
        """The key of fn(sent, own, *chunks), each chunk given by its array and its number."""
        return self._put((fn, sent, own, *(x if x is None else _key(x, i) for x, i in at)))

    def per_chunk(self, fn: Callable, *args: Any) -> list[Key]:
        """The keys of fn(*args) for each chunk i, with the i-th chunk in place of an array."""
        known = [a if a is None or isinstance(a, da.Array) else self.value(a) for a in args]
        return [
            self._put((fn, *(_key(a, i) if isinstance(a, da.Array) else a for a in known)))
            for i in range(self.blocks)
        ]

    def apply(self, fn: Callable, *keys: Any) -> Key:
        """The key of fn called with the results of the keys, or of lists of keys."""
        return self._put((fn, *keys))

    def item(self, key: Key, place: int) -> Key:
        return self._put((getitem, key, place))

    def delayed(self, keys: list[Key]) -> list[Delayed]:
        """The results, each as a Delayed."""
        graph = self._graph()
        return [Delayed(key, graph, layer=self.name) for key in keys]

    def tree(self, join: Callable, keys: list[Key], arity: int) -> Key:
        """The key of all results joined in a tree whose shape depends on their number alone."""
        while True:
            groups = [keys[a : a + arity] for a in range(0, len(keys), arity)]
            keys = [self._put((join, group)) for group in groups]
            if len(keys) == 1:
                return keys[0]

    def chain(self, fn: Callable, sent: Any, first: Key, *arrays: Any) -> Key:
        """The key of the last state: each state is fn(sent, the state before, *chunks)."""
        how, at = self.value(sent), first
        for i in range(self.blocks):
            at = self._put((fn, how, at, *(x if x is None else _key(x, i) for x in arrays)))
        return at

    def _graph(self) -> HighLevelGraph:
        return HighLevelGraph.from_collections(self.name, self.layer, dependencies=self.read)

    def array(self, keys: list[Key], heights: tuple, shown: Any) -> da.Array:
        """The results as chunks of an array.

        Parameters
        ----------
        keys : list
        heights : tuple of int
            Rows of each result.
        shown : array
            An array without rows, otherwise like the results.
        """
        zeros = tuple(0 for _ in shown.shape[1:])
        for i, key in enumerate(keys):
            self.layer[(self.name, i, *zeros)] = self.layer.pop(key)
        return da.Array(self._graph(), self.name, _chunks(heights, shown), meta=shown)

    def arrays(self, keys: list[Key], heights: tuple, shown: tuple) -> list[da.Array]:
        """As `array` for results that are tuples: one array for each of their entries."""
        graph: Any = self._graph()
        found = []
        for place, part in enumerate(shown):
            name, zeros = f"{self.name}-{place}", tuple(0 for _ in part.shape[1:])
            own = {(name, i, *zeros): (getitem, key, place) for i, key in enumerate(keys)}
            layers = {**graph.layers, name: own}
            whole = HighLevelGraph(layers, {**graph.dependencies, name: {self.name}})
            found.append(da.Array(whole, name, _chunks(heights, part), meta=part))
        return found

    def compute(self, keys: Any) -> Any:
        """The results of a key or of a list of keys, in this process."""
        if isinstance(keys, list):
            keys = self._put((list, keys))
        with clear_errors():
            return Delayed(keys, self._graph(), layer=self.name).compute()


def _chunks(heights: tuple, shown: Any) -> tuple:
    return heights, *((n,) for n in shown.shape[1:])


def _key(x: da.Array, i: int) -> Key:
    return (x.name, i, *(0 for _ in x.shape[1:]))


def of_blocks(x: da.Array, blocks: list[int], lengths: tuple) -> da.Array:
    """Some chunks of the rows, with lengths that are known now.

    Dask's own reductions refuse empty chunks, and it may give two arrays of the same chunks the
    same name.
    """
    if len(blocks) == x.numblocks[0]:
        return da.Array(x.dask, x.name, (lengths, x.chunks[1]), meta=x._meta)
    name = f"clusterx-rows-{uuid4().hex}"
    layer: Any = {(name, i, 0): (_same, _key(x, block)) for i, block in enumerate(blocks)}
    graph = HighLevelGraph.from_collections(name, layer, [x])  # type: ignore[list-item]
    return da.Array(graph, name, (lengths, x.chunks[1]), meta=x._meta)


def _same(chunk: Any) -> Any:
    return chunk


def is_held(x: da.Array) -> bool:
    """Whether all chunks are in memory, here or on workers."""
    graph = x.__dask_graph__()
    return all(_is_there(graph[_key(x, i)]) for i in range(x.numblocks[0]))


def _is_there(value: Any) -> bool:
    distributed = sys.modules.get("distributed")
    if distributed is not None and isinstance(value, distributed.Future):
        return True
    return hasattr(value, "shape") and hasattr(value, "dtype")


def persisted(*collections: Any) -> tuple[Any, ...]:
    """The collections, computed and kept in memory where they were computed."""
    with clear_errors():
        # with optimisation, the keys of a caller's chunks would stand for other tasks
        return dask.persist(*collections, optimize_graph=False)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Raise a clear ConnectionError if Dask's scheduler has gone away."""
    client = _client()
    try:
        yield
    except Exception as error:
        if client is None or client.status == "running":
            raise
        raise ConnectionError(
            "The scheduler of Dask went away before the work was done. Start a cluster and a "
            "Client again, make X again, and fit again: what had been computed is lost."
        ) from error


def _client() -> Any:
    """Dask's default Client, or None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None
