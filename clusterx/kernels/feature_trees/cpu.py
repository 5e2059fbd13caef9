"""Compiled inserts into a tree of clustering features, which grows in place."""

from __future__ import annotations

import numpy as np

from ..cpu.jit import INNER, jit
from . import FeatureTree

#: Nodes that an empty tree has room for, and levels that a path has room for beyond the tree's.
ROOM = 8


def insert(tree, X, w, threshold, branching):
    grown = _grown(tree, ROOM, branching + 1, X.shape[1])
    weights = np.ones(len(X)) if w is None else np.ascontiguousarray(w, np.float64)
    done = 0
    while True:
        path = np.empty((2, int(grown.top[2]) + ROOM), np.int64)
        done = insert_rows(grown, X, weights, done, float(threshold) ** 2, path)
        if done == len(X):
            parts = [part[: grown.top[0]].copy() for part in grown[:-1]]
            return FeatureTree._make([*parts, grown.top])
        if grown.top[0] + grown.top[2] + 1 > len(grown.used):
            grown = _grown(grown, max(ROOM, len(grown.used)) + int(grown.top[2]), branching + 1)


def _grown(tree, room, width, d=None):
    """A copy with room for `room` more nodes."""
    if tree is None:
        tree = FeatureTree(
            np.zeros((1, width, d)),
            np.zeros((1, width)),
            np.zeros((1, width)),
            np.full((1, width), -1, np.int64),
            np.zeros(1, np.int64),
            np.full(1, -1, np.int64),
            np.array([1, 0, 1]),
        )
    parts = []
    for part, value in zip(tree[:-1], (0, 0, 0, -1, 0, -1), strict=True):
        whole = np.full((len(part) + room, *part.shape[1:]), value, part.dtype)
        whole[: len(part)] = part
        parts.append(whole)
    return FeatureTree._make([*parts, tree.top.copy()])


@jit(**INNER)
def nearest_slot(centers, count, x):
    best, least = 0, np.inf
    for slot in range(count):
        s = 0.0
        for j in range(x.shape[0]):
            t = x[j] - centers[slot, j]
            s += t * t
        if s < least:
            best, least = slot, s
    return best, least


@jit(**INNER)
def join(tree, node, slot, x, w, scatter, most):
    """Add a summary to a slot if the mean scatter stays within `most`; returns whether it did."""
    center, own = tree.centers[node, slot], tree.weight[node, slot]
    weight = own + w
    squared = 0.0
    for j in range(x.shape[0]):
        t = x[j] - center[j]
        squared += t * t
    scatter = tree.scatter[node, slot] + (scatter + squared * (own * w / weight))
    if scatter / weight > most:
        return False
    share = w / weight
    for j in range(x.shape[0]):
        center[j] += (x[j] - center[j]) * share
    tree.weight[node, slot] = weight
    tree.scatter[node, slot] = scatter
    return True


@jit(**INNER)
def put(tree, node, slot, x, w, scatter):
    for j in range(x.shape[0]):
        tree.centers[node, slot, j] = x[j]
    tree.weight[node, slot] = w
    tree.scatter[node, slot] = scatter


@jit(**INNER)
def summarise(tree, node, parent, slot):
    """Put the summary of a node into a slot of its parent."""
    put(tree, parent, slot, tree.centers[node, 0], tree.weight[node, 0], tree.scatter[node, 0])
    tree.child[parent, slot] = node
    for i in range(1, tree.used[node]):
        weight, scatter = tree.weight[node, i], tree.scatter[node, i]
        join(tree, parent, slot, tree.centers[node, i], weight, scatter, np.inf)


@jit(**INNER)
def farthest_pair(centers, count):
    a, b, most = 0, 0, 0.0
    for i in range(count):
        for j in range(i + 1, count):
            s = 0.0
            for c in range(centers.shape[1]):
                t = centers[i, c] - centers[j, c]
                s += t * t
            if s > most:
                a, b, most = i, j, s
    return a, b


@jit(**INNER)
def nearer(centers, i, a, b):
    """Whether slot i is nearer to slot a than to slot b."""
    s = t = 0.0
    for c in range(centers.shape[1]):
        s += (centers[i, c] - centers[a, c]) ** 2
        t += (centers[i, c] - centers[b, c]) ** 2
    return s < t


@jit(**INNER)
def move(tree, node, slot, to, at):
    """Move a slot to slot `at` of node `to`, and leave it empty."""
    for c in range(tree.centers.shape[2]):
        x = tree.centers[node, slot, c]
        tree.centers[node, slot, c] = 0.0
        tree.centers[to, at, c] = x
    weight, scatter, child = (
        tree.weight[node, slot],
        tree.scatter[node, slot],
        tree.child[node, slot],
    )
    tree.weight[node, slot], tree.scatter[node, slot], tree.child[node, slot] = 0.0, 0.0, -1
    tree.weight[to, at], tree.scatter[to, at], tree.child[to, at] = weight, scatter, child


@jit(**INNER)
def split(tree, node):
    """Share the slots of a node with a new node, which is returned."""
    centers = tree.centers[node]
    used, new = tree.used[node], tree.top[0]
    tree.top[0] += 1
    a, b = farthest_pair(centers, used)
    stays = np.empty(used, np.bool_)
    for i in range(used):
        stays[i] = i == a or nearer(centers, i, a, b)
    tree.used[node] = tree.used[new] = 0
    for i in range(used):
        to = node if stays[i] else new
        move(tree, node, i, to, tree.used[to])  # one call, because each one is compiled separately
        tree.used[to] += 1
    if tree.child[node, 0] < 0:
        tree.after[new] = tree.after[node]
        tree.after[node] = new
    return new


@jit(**INNER)
def split_upwards(tree, path, branching):
    """Split the nodes of the path that are too full; returns the lowest level that is not split."""
    level = tree.top[2] - 1
    while level >= 0 and tree.used[path[0, level]] > branching:
        node = path[0, level]
        new = split(tree, node)
        parent, slot = path[0, level - 1], path[1, level - 1]
        if level == 0:
            parent, slot = tree.top[0], 0
            tree.top[0] += 1
            tree.top[1] = parent
            tree.top[2] += 1
            tree.used[parent] = 1
        part = node
        for _ in range(2):  # one call, as above
            summarise(tree, part, parent, slot)
            part, slot = new, tree.used[parent]
        tree.used[parent] += 1
        level -= 1
    return level


@jit
def insert_rows(tree, X, w, start, most, path):
    """Insert rows from `start` on; returns the first one for which there is no room, or n."""
    branching = tree.weight.shape[1] - 1
    x = np.empty(X.shape[1])
    for i in range(start, X.shape[0]):
        if w[i] == 0.0:
            continue
        levels = tree.top[2]
        if tree.top[0] + levels + 1 > tree.used.shape[0] or levels > path.shape[1]:
            return i
        for j in range(x.shape[0]):
            x[j] = X[i, j]
        node = tree.top[1]
        for level in range(levels):
            slot, _ = nearest_slot(tree.centers[node], tree.used[node], x)
            path[0, level], path[1, level] = node, slot
            if level < levels - 1:
                node = tree.child[node, slot]
        count = tree.used[node]
        if count == 0 or not join(tree, node, path[1, levels - 1], x, w[i], 0.0, most):
            put(tree, node, count, x, w[i], 0.0)
            tree.used[node] += 1
        level = split_upwards(tree, path, branching)
        for above in range(level):
            join(tree, path[0, above], path[1, above], x, w[i], 0.0, np.inf)
    return X.shape[0]
