"""Exact DBSCAN of rows spread over workers: space is cut into boxes that share their borders.

Each box gets all rows within twice the radius of it. So it knows the core rows within the radius,
and with them all links of its own rows. Clusters of different boxes that share a core row are one.
ArborX and others use the same method; see Patwary et al., "A new scalable parallel DBSCAN algorithm
using the disjoint-set data structure", SC 2012.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..arrays import Array, asarray, namespace, to_host
from ..kernels.neighbors import Measure
from ..neighbors.search import ALIASES, needs_host, search_of
from ..rows import Rows

#: Number of sampled rows that determine the boxes.
SAMPLE = 1 << 14
#: Rings around a box: its own rows, those within the radius, and those within twice the radius.
OWN, NEAR, FAR = 0, 1, 2


class Boxes(NamedTuple):
    """Boxes (p, d) that tile space: a row is in the box with low <= x < high."""

    low: np.ndarray
    high: np.ndarray
    margin: float  # no two rows within the radius differ by more in a column


class Metric(NamedTuple):
    """The metric, the radius, and the weight that makes a core row."""

    name: Any
    p: Any
    options: Any
    eps: float
    least: float


class Local(NamedTuple):
    """Clusters of the core rows of a box, as far as that box can see them."""

    labels: np.ndarray  # (m,) int32; other rows have the lowest label within the radius, or -1
    core: np.ndarray  # (m,) bool: rows known to be core rows


class Seen(NamedTuple):
    """The part of the clusters of a box that other boxes need."""

    first: np.ndarray  # (c,) the number of each cluster's first core row
    rows: np.ndarray  # (s,) core rows that other boxes see
    label: np.ndarray  # (s,) their clusters


def clusters(rows: Any, metric: Metric, weights: Array | None) -> tuple[Any, Any]:
    """Labels (n,) int32 and core rows (n,) bool, in the chunks of the rows.

    Clusters are numbered in the order of their first core rows, and border rows go to the lowest:
    the labels are those of the rows in memory.
    """
    boxes = cut(rows, len(rows.lengths), reach(rows, metric))
    count = len(boxes.low)
    groups = rows.groups(route, count, boxes, along=(weights,))
    seen, kept = groups.collect(local_clusters, metric, boxes)
    shown = np.empty(0, np.int32), np.empty(0, bool)
    like = rows.like
    beside = tuple(asarray(x, like=like) for x in shown)
    return groups.map(labelled, [(own, metric) for own in numbered(seen)], kept, beside)


def check_metric_of_boxes(estimator: Any, metric: Any, options: Any) -> None:
    """Raise for metrics that the difference in a column does not bound from below."""
    known = ALIASES.get(metric, metric) if isinstance(metric, str) else metric
    if needs_host(metric, options) or known in ("cosine", "precomputed"):
        raise ValueError(
            f"{type(estimator).__name__} takes rows in memory for metric={metric!r}, got chunks of "
            "Dask. For Dask it takes euclidean, sqeuclidean, manhattan, chebyshev and minkowski "
            "distances; scale rows to length one for cosine, or load them."
        )


def reach(rows: Rows, metric: Metric) -> float:
    """The largest difference in a column between rows within the radius, rounded up."""
    largest = float(to_host(rows.summary.max_abs).max())
    radius = metric.eps**0.5 if Measure(metric.name).metric == "sqeuclidean" else metric.eps
    return radius * (1 + 1e-6) + 1e-14 * largest


def cut(rows: Rows, count: int, margin: float) -> Boxes:
    """At most `count` boxes with about equal numbers of rows, by halving the fullest one
    repeatedly.

    A box is not halved along a column where its halves would be thinner than the margins they
    share.
    """
    places = np.arange(0, rows.n, -(-rows.n // SAMPLE))
    few = to_host(rows.take(places)).astype(np.float64)
    d = few.shape[1]
    whole = np.arange(len(few)), np.full(d, -np.inf), np.full(d, np.inf)
    boxes, done = [whole], list[tuple]()
    while boxes and len(boxes) + len(done) < count:
        box = boxes.pop(max(range(len(boxes)), key=lambda i: len(boxes[i][0])))
        halves = _halved(few, box, 4 * margin)
        if halves is None:
            done.append(box)
        else:
            boxes += halves
    low, high = (np.stack([box[i] for box in boxes + done]) for i in (1, 2))
    return Boxes(low, high, margin)


def _halved(few: np.ndarray, box: tuple, least: float) -> list[tuple] | None:
    """Two boxes with half of the rows each; None if rows are too close or too few."""
    rows, low, high = box
    if len(rows) < 2:
        return None
    spread = few[rows].max(axis=0) - few[rows].min(axis=0)
    column = int(np.argmax(spread))
    if spread[column] <= least:
        return None
    values = few[rows, column]
    at = float(np.median(values))
    left = values < at
    if not left.any():  # the median is the least value: take the next one
        at = float(values[values > at].min())
        left = values < at
    first, second = high.copy(), low.copy()
    first[column] = second[column] = at
    return [(rows[left], low, first), (rows[~left], second, high)]


def route(X: Array, boxes: Boxes) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each box, the indices of the rows within two margins, and their rings."""
    xp = namespace(X)
    for low, high in zip(boxes.low, boxes.high, strict=True):
        outside = _outside(X, low, high)
        inside = xp.all((X >= _row(low, X)) & (X < _row(high, X)), axis=1)
        ring = xp.where(inside, OWN, xp.where(outside <= boxes.margin, NEAR, FAR))
        host, far = to_host(ring), to_host(outside > 2 * boxes.margin)
        places = np.flatnonzero(~far)
        yield places, host[places].astype(np.int8)


def _row(values: np.ndarray, X: Array) -> Array:
    xp = namespace(X)
    return asarray(values, like=X, dtype=xp.float64)[None, :]


def _outside(X: Array, low: np.ndarray, high: np.ndarray) -> Array:
    """The largest distance of each row to the box over all columns; 0 inside."""
    xp = namespace(X)
    wide = xp.astype(X, xp.float64)
    beyond = xp.maximum(_row(low, X) - wide, wide - _row(high, X))
    return xp.max(xp.maximum(beyond, xp.zeros_like(beyond)), axis=1)


def local_clusters(group: Any, metric: Metric, boxes: Boxes) -> tuple[Seen, Local]:
    """Clusters of the core rows in a box and near it."""
    if not len(group.rows):
        none = np.empty(0, np.int64)
        return Seen(none, none, none), Local(none.astype(np.int32), none.astype(bool))
    (weights,) = group.along
    search = search_of(group.X, metric.name, metric.p, metric.options)
    core = search.core_rows(metric.eps, metric.least, weights)
    xp = namespace(core)
    core = core & asarray(group.ring < FAR, like=core)
    labels = to_host(search.radius_links(metric.eps, core))
    own = to_host(core)
    found = Local(labels, own)
    cores = np.flatnonzero(own)
    _, first = np.unique(labels[cores], return_index=True)
    X = xp.take(group.X, asarray(cores, like=core), axis=0)
    shared = cores[_seen_by_several(X, boxes)]
    return Seen(group.rows[cores[first]], group.rows[shared], labels[shared]), found


def _seen_by_several(X: Array, boxes: Boxes) -> np.ndarray:
    """Whether rows are within a margin of at least two boxes."""
    count = np.zeros(X.shape[0], np.int64)
    for low, high in zip(boxes.low, boxes.high, strict=True):
        count += to_host(_outside(X, low, high) <= boxes.margin)
    return count > 1


def numbered(seen: list[Seen]) -> list[np.ndarray]:
    """The final number of each cluster of each box."""
    sizes = [len(own.first) for own in seen]
    starts = np.cumsum((0, *sizes))
    nodes = np.concatenate([own.label + a for own, a in zip(seen, starts, strict=False)])
    rows = np.concatenate([own.rows for own in seen])
    order = np.argsort(rows, kind="stable")
    rows, nodes = rows[order], nodes[order]
    same = np.flatnonzero(rows[1:] == rows[:-1])
    links = coo_array((np.ones(len(same)), (nodes[same], nodes[same + 1])), shape=(starts[-1],) * 2)
    count, component = connected_components(links, directed=False)
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, component, np.concatenate([own.first for own in seen]))
    rank = np.empty(count, np.int32)
    rank[np.argsort(first)] = np.arange(count)
    final = rank[component]
    return [final[a:b] for a, b in pairwise(starts)]


def labelled(group: Any, local: Local, given: tuple[np.ndarray, Metric]) -> tuple[Array, Array]:
    """Final labels of a box's own rows, and which of them are core rows."""
    final, metric = given
    own = group.ring == OWN
    labels = local.labels
    if (np.diff(final) < 0).any():  # the lowest cluster here need not be the lowest of all
        labels, final = _linked_again(group, local, final, metric)
    found = np.append(final, np.int32(-1))[labels][own].astype(np.int32)
    return asarray(found, like=group.X), asarray(local.core[own], like=group.X)


def _linked_again(
    group: Any, local: Local, final: np.ndarray, metric: Metric
) -> tuple[np.ndarray, np.ndarray]:
    """Clusters in the order of their final numbers, so that border rows go to the lowest."""
    number = np.where(local.core, final[local.labels], len(final) + final.max())
    order = np.argsort(number, kind="stable")
    places = asarray(order, like=group.X)
    X = namespace(group.X).take(group.X, places, axis=0)
    core = asarray(local.core[order], like=group.X)
    search = search_of(X, metric.name, metric.p, metric.options)
    labels = np.empty(len(order), np.int32)
    labels[order] = to_host(search.radius_links(metric.eps, core))
    again = np.empty(len(final), np.int32)
    cores = np.flatnonzero(local.core)
    again[labels[cores]] = final[local.labels[cores]]
    return labels, again
