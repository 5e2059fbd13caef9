"""Groups of rows by their location in space: each is processed, and its results are sent back.

Groups may overlap. Each row belongs to one group, as one of its own rows, and may be sent to other
groups besides. Rows travel once, between workers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from dask.delayed import Delayed

from ..arrays import Array, asarray, concat, namespace
from ..kernels import kernels_for
from . import chunks
from .base import Along
from .chunks import Sent
from .graph import Graph, persisted


class Group(NamedTuple):
    """Rows that were sent to a group, in their order."""

    X: Array
    rows: np.ndarray  # (m,) int64, the numbers of the rows
    ring: np.ndarray  # (m,) the rings that the route gave; 0 for the group's own rows
    along: tuple  # arrays (m, ...) or None
    heights: tuple[int, ...]  # how many rows came from each chunk


class Groups:
    """Rows in groups.

    Parameters
    ----------
    rows : DaskRows
    route : callable
        route(X, *shared) gives for each group the places of its rows, in rising order, and their
        rings: 0 in the one group that a row belongs to, and above 0 in others.
    count : int
        Number of groups.
    *shared
        Further arguments of the route.
    along : sequence of arrays or None
    """

    def __init__(
        self, rows: Any, route: Callable, count: int, *shared: Any, along: Along = ()
    ) -> None:
        self.rows = rows
        beside = [None if x is None else rows.along(x) for x in along]
        graph = Graph(rows.array, "group", *beside)
        sent = graph.value(Sent(route, shared, rows.reading))
        splits = [
            graph.one(split, sent, int(start), *((x, i) for x in (rows.array, *beside)))
            for i, start in enumerate(rows.starts)
        ]
        parts = [[graph.item(key, g) for key in splits] for g in range(count)]
        self.groups = persisted(*graph.delayed([graph.apply(joined, own) for own in parts]))

    def collect(self, fn: Callable, *shared: Any) -> tuple[list[Any], tuple[Delayed, ...]]:
        """Call fn(group, *shared) for each group: it gives a small result, and one to keep there.

        Returns
        -------
        small : list
            The small results, in this process.
        kept : tuple of Delayed
            Both results of each group, where the group is.
        """
        graph = Graph(self.rows.array, fn.__name__, *self.groups)
        sent = graph.value(Sent(fn, shared, self.rows.reading))
        keys = [graph.apply(applied, sent, group.key) for group in self.groups]
        found = persisted(*graph.delayed(keys))
        graph = Graph(self.rows.array, fn.__name__, *found)
        return graph.compute([graph.item(one.key, 0) for one in found]), found

    def map(self, fn: Callable, each: list[Any], kept: tuple[Delayed, ...], shown: tuple) -> tuple:
        """Arrays with an entry per row, made by fn(group, kept, own) for each group.

        Parameters
        ----------
        fn : callable
            Gives a tuple of arrays with an entry for each of the group's own rows.
        each : list
            The `own` of each group, which is sent to it.
        kept : tuple of Delayed
            As `collect` gives them.
        shown : tuple of arrays
            Arrays without entries, otherwise like the results.
        """
        rows = self.rows
        graph = Graph(rows.array, fn.__name__, *self.groups, *kept)
        found = [
            graph.apply(spread, graph.value(Sent(fn, (own,), rows.reading)), group.key, one.key)
            for group, own, one in zip(self.groups, each, kept, strict=True)
        ]
        keys = [
            graph.apply(assembled, n, [graph.item(key, i) for key in found])
            for i, n in enumerate(rows.lengths)
        ]
        return persisted(*graph.arrays(keys, rows.lengths, shown))


def split(sent: Sent, first: int, chunk: Any, *along: Any) -> list[Group]:
    """For each group, the rows of a chunk that go to it."""
    X, parts = chunks.read(chunk, sent.reading), []
    for places, ring in sent.fn(X, *sent.shared):
        own = tuple(None if x is None else _some(x, places) for x in along)
        parts.append(Group(_some(X, places), first + places, ring, own, (len(places),)))
    return parts


def _some(values: Array, places: np.ndarray) -> Array:
    return namespace(values).take(values, asarray(places, like=values), axis=0)


def joined(parts: list[Group]) -> Group:
    """One group from its parts of all chunks."""
    along = (
        None if own[0] is None else concat(own)
        for own in zip(*(part.along for part in parts), strict=True)
    )
    return Group(
        concat(part.X for part in parts),
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.ring for part in parts]),
        tuple(along),
        tuple(part.heights[0] for part in parts),
    )


def applied(sent: Sent, group: Group) -> Any:
    with kernels_for(namespace(group.X)).runtime.limited_blas():
        return sent.fn(group, *sent.shared)


def spread(sent: Sent, group: Group, kept: Any) -> list[tuple]:
    """For each chunk, the numbers of the group's own rows in it, and the results for them."""
    with kernels_for(namespace(group.X)).runtime.limited_blas():
        found = sent.fn(group, kept[1], *sent.shared)
    own = np.flatnonzero(group.ring == 0)
    ends = np.searchsorted(own, np.cumsum(group.heights))
    index = np.split(group.rows[own], ends[:-1])
    values = [[x[a:b] for a, b in zip((0, *ends[:-1]), ends, strict=True)] for x in found]
    return list(zip(index, *values, strict=True))


def assembled(n: int, parts: list[tuple]) -> tuple:
    """The results for a chunk's rows, in the order of the rows."""
    index, *values = zip(*parts, strict=True)
    order = np.argsort(np.concatenate(index))
    if len(order) != n:
        raise RuntimeError(f"{len(order)} of {n} rows belong to a group.")
    return tuple(_some(concat(own), order) for own in values)
