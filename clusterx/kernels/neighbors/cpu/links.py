"""Loops that join rows: unions within a radius, and the nearest row of another component."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.jit import INNER, jit
from .walk import (
    DEPTH,
    leaf_range,
    measure,
    nearest_of_boxes,
    push_children,
    reduced,
    restored,
)


@jit(**INNER)
def root_of(parent, i):
    """The root of i, with path halving."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@jit(**INNER)
def unite(parent, i, j):
    """Hook the larger root to the smaller, so that a root is the least of its set."""
    i, j = root_of(parent, i), root_of(parent, j)
    if i < j:
        parent[j] = i
    elif j < i:
        parent[i] = j


@jit
def unite_pairs(parent, core, i, j):
    """Join pairs of core rows."""
    for e in range(i.shape[0]):
        if core[i[e]] and core[j[e]]:
            unite(parent, i[e], j[e])


@jit
def lower_borders(core, label, i, j, lowest):
    """For each pair of a core row and another row, lower the other's label to the core row's."""
    for e in range(i.shape[0]):
        a, b = i[e], j[e]
        if core[a] and not core[b]:
            lowest[b] = min(lowest[b], label[a])
        elif core[b] and not core[a]:
            lowest[a] = min(lowest[a], label[b])


@jit
def merge_parents(parent, other):
    """Unite in `parent` all rows that are united in `other`."""
    for i in range(parent.shape[0]):
        if other[i] != i:
            unite(parent, i, other[i])


@jit
def number_roots(parent, core, label):
    """Labels of core rows by the order of their roots, which are their first core rows."""
    count = 0
    for i in range(parent.shape[0]):
        label[i] = -1
        if core[i]:
            r = root_of(parent, i)
            if r == i:
                label[i] = count
                count += 1
            else:
                label[i] = label[r]
    return count


#: `clumps.find_clumps` marks a node so if all of its rows are near each other, and none is core.
EMPTY = -2


@jit
def link_within(tree, kind, limit, core, first, start, stop, parent):
    """Unite the core rows at start..stop with those within the limit; core is by place.

    first : the result of `find_clumps`; clumps that are already in the row's set are skipped
    """
    d = tree.Z.shape[0]
    q = np.empty(d)
    leaf = np.empty(tree.order.shape[0] // (1 << tree.levels) + 1)
    nodes, gaps = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    for i in range(start, stop):
        if not core[i]:
            continue
        for j in range(d):
            q[j] = tree.Z[j, i]
        nodes[0], gaps[0], top = 0, 0.0, 1
        me = tree.order[i]
        while top:
            top -= 1
            held = first[nodes[top]]
            if held == EMPTY:
                continue
            if held >= 0 and root_of(parent, tree.order[held]) == root_of(parent, me):
                continue
            a, b = leaf_range(tree, nodes[top])
            if a < 0:
                top = push_children(q, tree, nodes[top], kind, limit, nodes, gaps, top)
                continue
            if a > i:  # the other row's turn handles these pairs
                continue
            b = min(b, i)
            measure(q, tree.Z, a, b, kind, leaf)
            for p in range(b - a):
                if leaf[p] <= limit and core[a + p]:
                    unite(parent, me, tree.order[a + p])


@jit
def lowest_within(Q, tree, kind, limit, label, start, stop, out):
    """The lowest label, by place, of the rows within the limit of queries; -1 is none."""
    d = Q.shape[0]
    q = np.empty(d)
    leaf = np.empty(tree.order.shape[0] // (1 << tree.levels) + 1)
    nodes, gaps = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    for i in range(start, stop):
        for j in range(d):
            q[j] = Q[j, i]
        least = -1
        nodes[0], gaps[0], top = 0, 0.0, 1
        while top:
            top -= 1
            a, b = leaf_range(tree, nodes[top])
            if a < 0:
                top = push_children(q, tree, nodes[top], kind, limit, nodes, gaps, top)
                continue
            measure(q, tree.Z, a, b, kind, leaf)
            for p in range(b - a):
                if leaf[p] <= limit and label[a + p] >= 0:
                    if least < 0 or label[a + p] < least:
                        least = label[a + p]
        out[i] = least


class Places(NamedTuple):
    """Components and core distances by place, and by node, for `nearest_others`."""

    component: np.ndarray  # int32
    core: np.ndarray
    node_component: np.ndarray  # the component of a node's rows; -1 if there are several
    node_core: np.ndarray  # the least core distance of a node's rows
    node_row: np.ndarray  # the lowest row of a node


@jit
def fill_nodes(tree, component, core, node_component, node_core, node_row):
    for node in range(node_row.shape[0] - 1, -1, -1):
        a, b = leaf_range(tree, node)
        if a < 0:
            u, v = 2 * node + 1, 2 * node + 2
            same = node_component[u] == node_component[v]
            node_component[node] = node_component[u] if same else -1
            node_core[node] = min(node_core[u], node_core[v])
            node_row[node] = min(node_row[u], node_row[v])
            continue
        own, least, row = component[a], core[a], tree.order[a]
        for i in range(a + 1, b):
            own = own if component[i] == own else -1
            least = min(least, core[i])
            row = min(row, tree.order[i])
        node_component[node], node_core[node], node_row[node] = own, least, row


@jit(**INNER)
def bound_of_sums(weight, alpha, kind):
    """An upper bound of the sums whose weight is at most `weight`."""
    if weight == np.inf:
        return np.inf
    return reduced(weight * alpha, kind) * (1.0 + 1e-12)


@jit(**INNER)
def none_near(tree, kind, places, node, alpha, weight, nodes):
    """Whether no row of another component can be within a weight of a node of one component."""
    limit = bound_of_sums(weight, alpha, kind)
    own, mine = places.node_component[node], places.node_core[node]
    if mine > weight:
        return True
    nodes[0], top = 0, 1
    while top:
        top -= 1
        other = nodes[top]
        if places.node_component[other] == own or places.node_core[other] > weight:
            continue
        if nearest_of_boxes(tree, node, other, kind) > limit:
            continue
        if leaf_range(tree, other)[0] >= 0:
            return False
        nodes[top], nodes[top + 1] = 2 * other + 1, 2 * other + 2
        top += 2
    return True


@jit(**INNER)
def largest_bound(queries, bounds, e, stop, leaf_end):
    """The largest bound of the queries from e on that are in the leaf."""
    i = queries[e]
    most = bounds[i]
    for f in range(e + 1, min(stop, e + leaf_end - i)):
        if queries[f] < leaf_end:
            most = max(most, bounds[queries[f]])
    return most


@jit
def nearest_others(
    tree, kind, places, alpha, queries, bounds, tighten, start, stop, weights, others
):
    """The least (weight, row) of another component for the rows at the places queries[start:stop].

    A weight above the bound of a place is ignored; so is, if `tighten`, a weight above the least
    one that was found for an earlier row of the same component.
    """
    d = tree.Z.shape[0]
    q = np.empty(d)
    leaf = np.empty(tree.order.shape[0] // (1 << tree.levels) + 1)
    nodes, gaps = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    component, core = places.component, places.core
    none = np.int64(component.shape[0])
    least = np.full(weights.shape[0] if tighten else 0, np.inf)
    n, first = component.shape[0], (1 << tree.levels) - 1
    leaf_end, skipped = -1, False
    for e in range(start, stop):
        i = queries[e]
        if tighten and i >= leaf_end:  # rows of one component may all be far from others
            node = first + (((i + 1) << tree.levels) - 1) // n
            leaf_end = leaf_range(tree, node)[1]
            skipped = places.node_component[node] == component[i]
            if skipped:
                most = min(largest_bound(queries, bounds, e, stop, leaf_end), least[component[i]])
                skipped = none_near(tree, kind, places, node, alpha, most, nodes)
        if skipped:
            weights[tree.order[i]], others[tree.order[i]] = np.inf, -1
            continue
        for j in range(d):
            q[j] = tree.Z[j, i]
        own, mine = component[i], core[i]
        best, other = bounds[i], none
        if tighten:
            best = min(best, least[own])
        limit = bound_of_sums(best, alpha, kind)
        nodes[0], gaps[0], top = 0, 0.0, 1
        while top:
            top -= 1
            node = nodes[top]
            if gaps[top] > limit or places.node_component[node] == own:
                continue
            floor = max(mine, places.node_core[node])
            if floor > best or (floor == best and places.node_row[node] > other):
                continue
            a, b = leaf_range(tree, node)
            if a < 0:
                top = push_children(q, tree, node, kind, limit, nodes, gaps, top)
                continue
            measure(q, tree.Z, a, b, kind, leaf)
            for p in range(b - a):
                if leaf[p] <= limit and component[a + p] != own:
                    w = max(mine, core[a + p], restored(leaf[p], kind) / alpha)
                    row = tree.order[a + p]
                    if w < best or (w == best and row < other):
                        best, other = w, row
                        limit = bound_of_sums(best, alpha, kind)
        found = best < np.inf and other < none
        if found and tighten:
            least[own] = best
        weights[tree.order[i]] = best if found else np.inf
        others[tree.order[i]] = other if found else -1
