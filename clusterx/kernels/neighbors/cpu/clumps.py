"""Nodes of a tree whose rows are all near each other."""

from __future__ import annotations

from ...cpu.jit import jit
from .links import EMPTY, unite
from .walk import POWERS, added, leaf_range

#: Marks a node whose rows are not all near each other.
LOOSE = -1


@jit
def find_clumps(tree, kind, limit, core, parent, first):
    """Unite the core rows of nodes whose rows are all within the limit of each other.

    first : by node, the place of a core row of it; else LOOSE or EMPTY
    """
    for node in range(first.shape[0] - 1, -1, -1):
        s = 0.0
        for j in range(tree.low.shape[1]):
            s = added(s, tree.high[node, j] - tree.low[node, j], kind)
        if (s / POWERS if kind.sums == 3 else s) > limit:
            first[node] = LOOSE
            continue
        a, b = leaf_range(tree, node)
        held = EMPTY
        if a < 0:  # smaller boxes are clumps too
            held, other = first[2 * node + 1], first[2 * node + 2]
            if held >= 0 and other >= 0:
                unite(parent, tree.order[held], tree.order[other])
            held = max(held, other)
        for i in range(max(a, 0), max(b, 0)):
            if core[i]:
                if held >= 0:
                    unite(parent, tree.order[held], tree.order[i])
                held = i
        first[node] = held
