"""Graphs of tasks for Dask: one task per chunk, and what is made of their results."""

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
        What the tasks read.
    name : str
        What Dask's dashboard shows.
    """

    def __init__(self, first: da.Array, name: str, *others: Any):
        self.name = f"clusterx-{name}-{uuid4().hex}"
        self.read = [x for x in (first, *others) if x is not None]
        self.layer: dict[Key, Any] = {}
        self.blocks = first.numblocks[0]

    def value(self, value: Any) -> Key:
        """The key of a value that is sent once, and not once per chunk. It must not be a tuple."""
        return self._put(value)

    def _put(self, task: Any) -> Key:
        key = (self.name, "task", len(self.layer))
        self.layer[key] = task
        return key

    def one(self, fn: Callable, sent: Key, own: Any, *at: tuple[da.Array | None, int]) -> Key:
        """fn(sent, own, *chunks), each chunk given by its array and its number."""
        return self._put((fn, sent, own, *(x if x is None else _key(x, i) for x, i in at)))

    def per_chunk(self, fn: Callable, *args: Any) -> list[Key]:
        """fn of arguments for each chunk; of arrays, the i-th chunk is taken."""
        known = [a if a is None or isinstance(a, da.Array) else self.value(a) for a in args]
        return [
            self._put((fn, *(_key(a, i) if isinstance(a, da.Array) else a for a in known)))
            for i in range(self.blocks)
        ]

    def apply(self, fn: Callable, *keys: Any) -> Key:
        """fn of the results of keys, and of lists of keys."""
        return self._put((fn, *keys))

    def item(self, key: Key, place: int) -> Key:
        return self._put((getitem, key, place))

    def delayed(self, keys: list[Key]) -> list[Delayed]:
        """The results, each by itself."""
        graph = self._graph()
        return [Delayed(key, graph, layer=self.name) for key in keys]

    def tree(self, join: Callable, keys: list[Key], arity: int) -> Key:
        """join of lists of results, by a tree that depends on their number alone."""
        while True:
            groups = [keys[a : a + arity] for a in range(0, len(keys), arity)]
            keys = [self._put((join, group)) for group in groups]
            if len(keys) == 1:
                return keys[0]

    def chain(self, fn: Callable, sent: Any, first: Key, *arrays: Any) -> Key:
        """fn(sent, state, *chunks) from the first state and chunk to the last."""
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
            Rows of each.
        shown : array
            Without rows, and otherwise alike.
        """
        zeros = tuple(0 for _ in shown.shape[1:])
        for i, key in enumerate(keys):
            self.layer[(self.name, i, *zeros)] = self.layer.pop(key)
        return da.Array(self._graph(), self.name, _chunks(heights, shown), meta=shown)

    def arrays(self, keys: list[Key], heights: tuple, shown: tuple) -> list[da.Array]:
        """The results, which are tuples, as chunks of as many arrays; else as in `array`."""
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
    """Some chunks of the rows, whose lengths are known now.

    Dask's own reductions refuse empty chunks, and what it makes of the same chunks twice may have
    the same name.
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
    """Collections whose results are in memory, where they were computed."""
    with clear_errors():
        # optimised, the keys of a caller's chunks would stand for other tasks
        return dask.persist(*collections, optimize_graph=False)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Say what happened where Dask's scheduler has gone away."""
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
    """The Client that computes, or None."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None
