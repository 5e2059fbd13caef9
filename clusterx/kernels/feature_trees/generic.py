"""The definition: a tree of Python's lists, whose centres are arrays of X's library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...arrays import float_dtype, host_floats, namespace, to_host
from . import FeatureTree


@dataclass
class Slot:
    """A summary of rows."""

    center: Any  # (d,)
    weight: float
    scatter: float
    child: int = -1

    def joined(self, other: Slot, squared: float) -> Slot:
        """The summary of the rows of both, given their squared distance; nothing cancels."""
        weight = self.weight + other.weight
        center = self.center + (other.center - self.center) * (other.weight / weight)
        scatter = self.scatter + (other.scatter + squared * (self.weight * other.weight / weight))
        return Slot(center, weight, scatter, self.child)


@dataclass
class Node:
    slots: list[Slot] = field(default_factory=list)
    after: int = -1


class Tree:
    def __init__(self, xp, threshold, branching):
        self.xp, self.most, self.branching = xp, threshold * threshold, branching
        self.nodes, self.root, self.levels = [Node()], 0, 1

    def squares(self, C, x):
        """Squared distances from the last axis of C to x."""
        apart = C - x
        return self.xp.sum(apart * apart, axis=-1)  # a power is not as exact in every library

    def nearest(self, node, x):
        """The nearest slot, and its squared distance."""
        xp = self.xp
        C = xp.stack([slot.center for slot in self.nodes[node].slots])
        squared = self.squares(C, x)
        slot, least = host_floats(xp.argmin(squared), xp.min(squared))
        return int(slot), least

    def insert(self, row):
        path, node = [], self.root
        for _ in range(self.levels):
            slot, squared = self.nearest(node, row.center) if self.nodes[node].slots else (0, 0.0)
            path.append((node, slot, squared))
            slots = self.nodes[node].slots
            node = slots[slot].child if slots else -1
        leaf, slot, squared = path[-1]
        self.add(self.nodes[leaf].slots, slot, squared, row)
        level = len(path) - 1
        while level >= 0 and len(self.nodes[path[level][0]].slots) > self.branching:
            left, right = self.split(path[level][0])
            if level == 0:
                self.nodes.append(Node([left, right]))
                self.root, self.levels = len(self.nodes) - 1, self.levels + 1
            else:
                parent, slot, _ = path[level - 1]
                self.nodes[parent].slots[slot] = left
                self.nodes[parent].slots.append(right)
            level -= 1
        for node, slot, squared in path[: max(level, 0)]:
            slots = self.nodes[node].slots
            slots[slot] = slots[slot].joined(row, squared)

    def add(self, slots, slot, squared, row):
        """Add the row to a leaf: to the subcluster if that stays small, or as a new one."""
        if slots:
            joined = slots[slot].joined(row, squared)
            if joined.scatter / joined.weight <= self.most:
                slots[slot] = joined
                return
        slots.append(row)

    def split(self, node):
        """Share the slots of a node with a new node; returns the summaries of both."""
        xp, slots = self.xp, self.nodes[node].slots
        C = xp.stack([slot.center for slot in slots])
        D = to_host(xp.stack([self.squares(C, slot.center) for slot in slots]))
        a, b = np.unravel_index(np.argmax(D), D.shape)
        stays = D[a] < D[b]
        stays[a] = True
        new = len(self.nodes)
        parts = (
            [s for s, kept in zip(slots, stays, strict=True) if kept],
            [s for s, kept in zip(slots, stays, strict=True) if not kept],
        )
        leaf = slots[0].child < 0
        self.nodes.append(Node(parts[1], self.nodes[node].after if leaf else -1))
        self.nodes[node] = Node(parts[0], new if leaf else -1)
        return self.summary(node), self.summary(new)

    def summary(self, node):
        first, *others = self.nodes[node].slots
        total = Slot(first.center, first.weight, first.scatter, node)
        for other in others:
            (squared,) = host_floats(self.squares(total.center, other.center))
            total = total.joined(other, squared)
        return total


def insert(tree, X, w, threshold, branching):
    xp = namespace(X)
    X = xp.astype(X, float_dtype(xp, X))
    grown = Tree(xp, threshold, branching)
    if tree is not None:
        grown.nodes = [_node(tree, node) for node in range(int(tree.top[0]))]
        grown.root, grown.levels = int(tree.top[1]), int(tree.top[2])
    weights = np.ones(X.shape[0]) if w is None else to_host(w)
    for i in np.flatnonzero(weights > 0):
        grown.insert(Slot(X[int(i), :], float(weights[i]), 0.0))
    return _flat(grown, X)


def _node(tree, node):
    slots = [
        Slot(
            tree.centers[node, i, :],
            float(tree.weight[node, i]),
            float(tree.scatter[node, i]),
            int(tree.child[node, i]),
        )
        for i in range(int(tree.used[node]))
    ]
    return Node(slots, int(tree.after[node]))


def _flat(grown, X):
    xp, m, width = grown.xp, len(grown.nodes), grown.branching + 1
    none = xp.zeros_like(X[0, :])
    weight, scatter = np.zeros((2, m, width))
    child = np.full((m, width), -1, np.int64)
    centers = []
    for node, slots in enumerate(node.slots for node in grown.nodes):
        centers += [slot.center for slot in slots] + [none] * (width - len(slots))
        for i, slot in enumerate(slots):
            weight[node, i], scatter[node, i], child[node, i] = (
                slot.weight,
                slot.scatter,
                slot.child,
            )
    return FeatureTree(
        xp.reshape(xp.stack(centers), (m, width, X.shape[1])),
        weight,
        scatter,
        child,
        np.array([len(node.slots) for node in grown.nodes], np.int64),
        np.array([node.after for node in grown.nodes], np.int64),
        np.array([m, grown.root, grown.levels], np.int64),
    )
