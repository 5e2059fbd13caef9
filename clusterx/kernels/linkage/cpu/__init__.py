"""Compiled linkage: Ward's partners in a k-d tree, chains with scans that are vectorised."""

from __future__ import annotations

import numpy as np

from ...cpu.deferred import deferred
from ...cpu.ranges import blocks, rows_per_task
from ...cpu.threads import run_blocks
from ...graphs import Edges
from ...neighbors import Measure
from ...neighbors.cpu.build import columns_of, tree
from .. import ALONG, CENTRAL, CHAINED, INVERTING, generic
from ..rounds import ward_edges
from . import graph_loops, loops, matrix_loops
from .products import partners_by_products

#: Most columns with which a k-d tree excludes most centroids.
COLUMNS = 8
#: Up to this many edges, the definition in Python takes less time than compiling.
SMALL_GRAPH = 20_000


def ward(X, sizes):
    return ward_edges(np.asarray(X), sizes, _partners, _ward_chain)


def _partners(C, sizes, rows):
    if C.shape[1] > COLUMNS:
        return partners_by_products(C, sizes, rows)
    boxes = tree(C)
    by_place = sizes[boxes.order]
    least = np.empty(boxes.low.shape[0])
    loops.least_sizes(boxes, by_place, least)
    places = np.arange(len(sizes))
    if rows is not None:
        wanted = np.zeros(len(sizes), bool)
        wanted[rows] = True
        places = np.flatnonzero(wanted[boxes.order])
    costs, others = np.empty(len(sizes)), np.empty(len(sizes), np.int64)
    parts = blocks(len(places), rows_per_task(len(places)))
    run_blocks(
        lambda b: loops.partners_in_tree(boxes, by_place, least, places, *parts[b], costs, others),
        len(parts),
    )
    return (costs, others) if rows is None else (costs[rows], others[rows])


def _ward_chain(means, sizes):
    parts = (np.array(part.T, order="C") for part in (means.near, means.base, means.added))
    return Edges(*loops.ward_chain(*parts, np.array(sizes, np.float64)))


def distances(X, metric, p=2.0):
    measure = Measure(metric, p)
    if measure.metric not in ("euclidean", "sqeuclidean"):
        return generic.distances(X, metric, p)
    Z, n = columns_of(X), len(X)
    D = np.empty((n, n))
    parts = blocks(n, rows_per_task(n, n * len(Z)))
    root = measure.power == 2.0
    run_blocks(lambda b: matrix_loops.distances(Z, root, *parts[b], D), len(parts))
    return D


def chained(D, sizes, method):
    D = np.ascontiguousarray(D, np.float64)
    return Edges(*matrix_loops.matrix_chain(D, np.array(sizes, np.float64), CHAINED.index(method)))


def one_by_one(D, sizes, method):
    D = np.ascontiguousarray(D, np.float64)
    kind = len(CHAINED) + INVERTING.index(method)
    return Edges(*matrix_loops.least_pairs(D, np.array(sizes, np.float64), kind))


def along_graph(low, high, weight, sizes, method, C, made):
    return _graph(sizes, low, high, weight, method, C, made)


def _own_rows(C):
    """A copy of the rows in float64, and a bound of their lengths.

    Columns of a table are read a block of its rows at a time.
    """
    if C is None:
        return np.empty((1, 0)), 0.0
    if C.T.flags.c_contiguous:
        own = np.empty(C.shape)
        parts = blocks(C.shape[1], rows_per_task(C.shape[1], len(C)))
        largest = np.zeros(len(parts))

        def block(b):
            largest[b] = graph_loops.copy_columns(C.T, *parts[b], own)

        run_blocks(block, len(parts))
        most = largest.max()
    else:
        own = np.array(C, np.float64, order="C")
        most = max(-own.min(), own.max())
    return own, float(most) * C.shape[1] ** 0.5


def _small_graph(sizes, low, high, weight, method, C, made):
    if len(low) * (1 if C is None else 1 + C.shape[1] / 1000) > SMALL_GRAPH:
        return NotImplemented
    return generic.along_graph(low, high, weight, sizes, method, C, made)


@deferred(_small_graph, seconds=3.0, kernels=(graph_loops.merge_along,))
def _graph(sizes, low, high, weight, method, C, made):
    kind = ALONG.index(method)
    C, length = _own_rows(C)
    if kind >= CENTRAL:
        weight = np.empty(len(low))
        parts = blocks(len(low), rows_per_task(len(low), C.shape[1]))
        run_blocks(
            lambda b: graph_loops.edge_costs(C, sizes, kind, low, high, *parts[b], weight),
            len(parts),
        )
    order = np.lexsort((low, high, weight))
    left, right, height = graph_loops.merge_along(
        low[order], high[order], weight[order], sizes, kind, C, made, length
    )
    return np.stack([left, right], axis=1), height
