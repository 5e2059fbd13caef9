"""Loops that walk a tree from its root for each query.

Bounds of boxes are added up as distances are, coordinate by coordinate in one order. Rounding is
monotone, so it never makes a row nearer than the bound of its box.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.jit import INNER, jit

#: Factor for the errors of two numbers' powers relative to each other.
POWERS = 1.0 - 1e-13
#: Most nodes on a stack: more than any tree has levels.
DEPTH = 64


class Kind(NamedTuple):
    """The numbers of a `Measure`, for loops."""

    sums: int
    p: float
    power: float
    scale: float


@jit(**INNER)
def restored(s, kind):
    if kind.power == 2.0:
        return np.sqrt(s)
    return s ** (1.0 / kind.power) if kind.power != 1.0 else s * kind.scale


@jit(**INNER)
def reduced(distance, kind):
    if kind.power == 2.0:
        return distance * distance
    return distance**kind.power if kind.power != 1.0 else distance / kind.scale


@jit(**INNER)
def added(s, t, kind):
    """The sum s plus the term of one more column, whose difference is t >= 0."""
    if kind.sums == 0:
        return s + t * t
    if kind.sums == 1:
        return s + t
    if kind.sums == 2:
        return max(s, t)
    return s + t**kind.p


@jit(**INNER)
def nearest_of_box(q, tree, node, kind):
    """The least sum between q and the box of a node."""
    s = 0.0
    for j in range(q.shape[0]):
        s = added(s, max(tree.low[node, j] - q[j], q[j] - tree.high[node, j], 0.0), kind)
    return s * POWERS if kind.sums == 3 else s


@jit(**INNER)
def nearest_of_boxes(tree, a, b, kind):
    """The least sum between the boxes of two nodes."""
    s = 0.0
    for j in range(tree.low.shape[1]):
        t = max(tree.low[a, j] - tree.high[b, j], tree.low[b, j] - tree.high[a, j], 0.0)
        s = added(s, t, kind)
    return s * POWERS if kind.sums == 3 else s


@jit(**INNER)
def farthest_of_box(q, tree, node, kind):
    s = 0.0
    for j in range(q.shape[0]):
        s = added(s, max(tree.high[node, j] - q[j], q[j] - tree.low[node, j]), kind)
    return s / POWERS if kind.sums == 3 else s


@jit(**INNER)
def measure(q, Z, a, b, kind, sums):
    """Sums between q and the rows at a..b."""
    for p in range(b - a):
        sums[p] = 0.0
    for j in range(q.shape[0]):
        x = q[j]
        z = Z[j, a:b]
        if kind.sums == 0:
            for p in range(b - a):
                sums[p] += (x - z[p]) * (x - z[p])
        elif kind.sums == 1:
            for p in range(b - a):
                sums[p] += abs(x - z[p])
        elif kind.sums == 2:
            for p in range(b - a):
                t = abs(x - z[p])
                sums[p] = t if t > sums[p] else sums[p]
        else:
            for p in range(b - a):
                sums[p] += abs(x - z[p]) ** kind.p


@jit(**INNER)
def leaf_range(tree, node):
    """The places of a leaf; (-1, -1) for other nodes."""
    p = node - ((1 << tree.levels) - 1)
    if p < 0:
        return -1, -1
    n = tree.order.shape[0]
    return (p * n) >> tree.levels, ((p + 1) * n) >> tree.levels


@jit(**INNER)
def push_children(q, tree, node, kind, limit, nodes, gaps, top):
    """Put the children that are within the limit on the stack, the nearer one on top."""
    a, b = 2 * node + 1, 2 * node + 2
    s = nearest_of_box(q, tree, a, kind)
    t = nearest_of_box(q, tree, b, kind)
    if s <= t:
        a, b, s, t = b, a, t, s
    if s <= limit:
        nodes[top] = a
        gaps[top] = s
        top += 1
    if t <= limit:
        nodes[top] = b
        gaps[top] = t
        top += 1
    return top


@jit(**INNER)
def sift_down(sums, indices, k):
    """Let the root of a heap of k pairs (sum, row), the largest on top, sink to its place."""
    i = 0
    s, r = sums[0], indices[0]
    while 2 * i + 1 < k:
        c = 2 * i + 1
        if c + 1 < k and (
            sums[c + 1] > sums[c] or (sums[c + 1] == sums[c] and indices[c + 1] > indices[c])
        ):
            c += 1
        if not (sums[c] > s or (sums[c] == s and indices[c] > r)):
            break
        sums[i], indices[i] = sums[c], indices[c]
        i = c
    sums[i], indices[i] = s, r


@jit
def k_nearest(Q, tree, kind, k, start, stop, sums, indices):
    """The k least pairs (sum, row) of the queries start..stop, columns of Q, in rising order."""
    d = Q.shape[0]
    q = np.empty(d)
    leaf = np.empty(tree.order.shape[0] // (1 << tree.levels) + 1)
    nodes, gaps = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    for i in range(start, stop):
        for j in range(d):
            q[j] = Q[j, i]
        best, rows = sums[i - start], indices[i - start]
        for e in range(k):
            best[e] = np.inf
            rows[e] = tree.order.shape[0]
        nodes[0], gaps[0], top = 0, 0.0, 1
        while top:
            top -= 1
            if gaps[top] > best[0]:
                continue
            node = nodes[top]
            a, b = leaf_range(tree, node)
            if a < 0:
                top = push_children(q, tree, node, kind, best[0], nodes, gaps, top)
                continue
            measure(q, tree.Z, a, b, kind, leaf)
            for p in range(b - a):
                s = leaf[p]
                if s < best[0] or (s == best[0] and tree.order[a + p] < rows[0]):
                    best[0], rows[0] = s, tree.order[a + p]
                    sift_down(best, rows, k)
        for e in range(k - 1, 0, -1):
            s, r = best[0], rows[0]
            best[0], rows[0] = best[e], rows[e]
            sift_down(best, rows, e)
            best[e], rows[e] = s, r


@jit(**INNER)
def root(s, kind):
    """The length that belongs to a sum, for which the triangle inequality holds."""
    if kind.sums == 0:
        return np.sqrt(s)
    return s ** (1.0 / kind.p) if kind.sums == 3 else s


@jit(**INNER)
def reduced_root(length, kind):
    if kind.sums == 0:
        return length * length
    return length**kind.p if kind.sums == 3 else length


@jit
def restore(sums, kind, out):
    for i in range(sums.shape[0]):
        for e in range(sums.shape[1]):
            out[i, e] = restored(sums[i, e], kind)


@jit
def count_within(Q, tree, kind, limit, weights, enough, start, stop, out):
    """The total weight of the rows within the limit of each query; counting may end at `enough`.

    weights : by place; an empty array counts rows
    """
    d = Q.shape[0]
    q = np.empty(d)
    leaf = np.empty(tree.order.shape[0] // (1 << tree.levels) + 1)
    nodes, gaps = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    weighted = weights.shape[0] > 0
    for i in range(start, stop):
        for j in range(d):
            q[j] = Q[j, i]
        total = 0.0
        nodes[0], gaps[0], top = 0, nearest_of_box(q, tree, 0, kind), 1
        if gaps[0] > limit:
            top = 0
        while top and total < enough:
            top -= 1
            node = nodes[top]
            a, b = leaf_range(tree, node)
            if a < 0:
                top = push_children(q, tree, node, kind, limit, nodes, gaps, top)
                continue
            measure(q, tree.Z, a, b, kind, leaf)
            for p in range(b - a):
                if leaf[p] <= limit:
                    total += weights[a + p] if weighted else 1.0
        out[i] = total


@jit
def collect_within(Q, tree, kind, limit, starts, start, stop, rows, distances):
    """The rows within the limit of the queries start..stop, from starts[i] on in any order."""
    d = Q.shape[0]
    q = np.empty(d)
    leaf = np.empty(tree.order.shape[0] // (1 << tree.levels) + 1)
    nodes, gaps = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    for i in range(start, stop):
        for j in range(d):
            q[j] = Q[j, i]
        at = starts[i]
        nodes[0], gaps[0], top = 0, nearest_of_box(q, tree, 0, kind), 1
        while top:
            top -= 1
            if gaps[top] > limit:
                continue
            a, b = leaf_range(tree, nodes[top])
            if a < 0:
                top = push_children(q, tree, nodes[top], kind, limit, nodes, gaps, top)
                continue
            measure(q, tree.Z, a, b, kind, leaf)
            for p in range(b - a):
                if leaf[p] <= limit:
                    rows[at] = tree.order[a + p]
                    distances[at] = restored(leaf[p], kind)
                    at += 1
