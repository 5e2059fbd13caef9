"""Compiled graphs: union-find with path halving, stacks and queues in place of recursion."""

from __future__ import annotations

import numpy as np

from ...cpu.deferred import deferred
from ...cpu.ranges import blocks, rows_per_task
from ...cpu.threads import run_blocks
from .. import CondensedTree, Edges, Linkage, generic
from ..boruvka import sorted_edges, spanning_edges
from . import loops

#: Below this many links times columns, SciPy computes the products, and nothing is compiled.
FEW = 1 << 21
#: Up to this many rows, the definition in Python takes less time than compiling.
SMALL = 20_000


def linked_sums(W, V, before, scale, shift, share):
    if W.nnz * V.shape[1] < FEW:
        return generic.linked_sums(W, V, before, scale, shift, share)
    V, out = np.ascontiguousarray(V), np.ascontiguousarray(before)
    n = V.shape[0]
    spans = blocks(n, rows_per_task(n, W.nnz // n * V.shape[1]))
    links, factors = (W.indptr, W.indices, W.data), (scale, shift, share)
    run_blocks(lambda i: loops.linked_sums(*links, V, out, *factors, *spans[i]), len(spans))
    return out


def groups(W):
    return loops.groups(W.indptr, W.indices)


def spanning_tree(n, nearest, near=None):
    return spanning_edges(n, nearest, _join, near)


def _join_few(component, weights, others):
    return NotImplemented if len(weights) > SMALL else generic.join(component, weights, others)


@deferred(_join_few, seconds=1.0, kernels=(loops.unite,))
def _join(component, weights, others):
    count = int(component.max()) + 1
    rows = loops.least_rows(component, weights, others, count)
    component = component.copy()
    low, high, kept = loops.unite(component, np.ascontiguousarray(others), rows)
    return component, Edges(low, high, weights[kept].astype(np.float64, copy=False))


def dense_tree(distances, core, alpha):
    return Edges(*loops.prim(distances, core, float(alpha)))


def least_forest(n, edges):
    edges = sorted_edges(edges, n)
    kept = loops.forest(n, edges.low, edges.high)
    return Edges(*(part[kept] for part in edges))


def single_linkage(edges, weights):
    return _linkage(np.asarray(weights), edges)


def _linkage_of_few(weights, edges):
    return NotImplemented if len(weights) > SMALL else generic.single_linkage(edges, weights)


@deferred(_linkage_of_few, seconds=1.0, kernels=(loops.merge,))
def _linkage(weights, edges):
    edges = sorted_edges(edges, len(weights))
    left, right, size = loops.merge(edges.low, edges.high, weights)
    return Linkage(left, right, edges.weight, size)


def cut(linkage, n, height):
    return loops.cut(linkage.left, linkage.right, linkage.height, n, float(height))


def condense(linkage, weights, core, least):
    return CondensedTree(*loops.condense(*linkage, weights, core, float(least)))
