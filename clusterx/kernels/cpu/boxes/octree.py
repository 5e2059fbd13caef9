"""Builds an octree over rows of few columns.

Rows are sorted in Morton order and cut into leaves at the octree's cells. Every node has the tight
box of its rows and their exact sums (see `fixed_point`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..jit import INNER, jit
from .candidates import LEAF

#: Scales sums of 61 bits to the 53 bits of a float64, in which leaves of whole numbers are summed.
#: Without that quantize-2.8mp-16 and -256 take 13 % longer, and quantize-24mp-256 8 %.
SHORT = 2.0**-8


class Tree(NamedTuple):
    """Nodes in preorder."""

    start: np.ndarray  # first row
    stop: np.ndarray  # end row
    skip: np.ndarray  # the node after the whole subtree
    low: np.ndarray  # (nodes, d), lowest and highest coordinates
    high: np.ndarray
    hi: np.ndarray  # (nodes, d + 1), sums of the weighted rows and of their weights
    lo: np.ndarray


@jit
def cut(keys):
    """Nodes of the tree in preorder: first row, end row, and the node after the whole subtree.

    keys : Morton keys of the rows, ascending
    """
    n = keys.shape[0]
    # the most nodes there can be; memory that is never touched takes no space
    start = np.empty(2 * n, np.int64)
    stop = np.empty(2 * n, np.int64)
    count = 0
    stack_a = np.empty(256, np.int64)
    stack_b = np.empty(256, np.int64)
    stack_a[0] = 0
    stack_b[0] = n
    depth = 1
    while depth > 0:
        depth -= 1
        a = stack_a[depth]
        b = stack_b[depth]
        start[count] = a
        stop[count] = b
        count += 1
        if b - a > LEAF:
            differing = np.uint64(keys[a] ^ keys[b - 1])
            if differing == 0:
                middle = a + (b - a) // 2
            else:
                bit = np.uint64(0)
                while differing > np.uint64(1):
                    differing >>= np.uint64(1)
                    bit += np.uint64(1)
                low, high = a, b - 1
                while high - low > 1:
                    mid = (low + high) // 2
                    if (np.uint64(keys[mid]) >> bit) & np.uint64(1):
                        high = mid
                    else:
                        low = mid
                middle = high
            stack_a[depth] = middle
            stack_b[depth] = b
            stack_a[depth + 1] = a
            stack_b[depth + 1] = middle
            depth += 2
    skip = np.empty(count, np.int64)
    for i in range(count - 1, -1, -1):
        if stop[i] - start[i] <= LEAF:
            skip[i] = i + 1
        else:
            skip[i] = skip[skip[i + 1]]
    return start[:count], stop[:count], skip


@jit
def subtrees(tree, limit):
    """The topmost nodes that are leaves or have at most `limit` rows, in order."""
    start, stop, skip = tree.start, tree.stop, tree.skip
    nodes = np.empty(skip.shape[0], np.int64)
    count = 0
    node = 0
    while node < skip.shape[0]:
        if stop[node] - start[node] <= limit or skip[node] == node + 1:
            nodes[count] = node
            count += 1
            node = skip[node]
        else:
            node += 1
    return nodes[:count].copy()


@jit(**INNER)
def load_row(XT, a, first, n, y):
    """Copy n entries of row a of XT, from column `first` on, to the start of y."""
    x = XT[a, first : first + n]
    for i in range(n):
        y[i] = x[i]


@jit
def load(w, first, n, v):
    x = w[first : first + n]
    for i in range(n):
        v[i] = x[i]


@jit
def fill_leaves(XT, w, tree, units, lo_scale, whole_rows, first, last):
    """Compute the boxes and sums of the leaves among nodes first..last.

    whole_rows : True if the rows, and all units times 2^-8, are whole numbers, else None

    Returns whether all terms are whole numbers, and whether they still are when scaled by 2^-8.
    If they are, sums of any rows are exact in float64, in any order, because they are below 2^61.
    """
    start, stop, skip, low, high, hi, lo = tree
    d = XT.shape[0]
    x = np.empty(LEAF)
    v = np.ones(LEAF)
    no_remainder = short = True
    for i in range(first, last):
        if skip[i] > i + 1:
            continue
        n = stop[i] - start[i]
        if w.shape[0] > 0:
            load(w, start[i], n, v)
        plain = False
        if whole_rows is not None:
            plain = all_whole(v, n)
        for j in range(d + 1):
            if j < d:
                load_row(XT, j, start[i], n, x)
                low[i, j], high[i, j] = extent(XT, j, start[i], n)
            else:
                for p in range(n):
                    x[p] = 1.0
            if whole_rows is not None and plain:
                hi[i, j], lo[i, j] = np.int64(sum_products(x, v, n) * units[j]), 0
            else:
                hi[i, j], lo[i, j], exact, brief = sum_terms(x, v, n, units[j], lo_scale)
                no_remainder &= exact
                short &= brief
    return no_remainder, short


@jit
def extent(XT, a, first, n):
    x = XT[a, first : first + n]
    low = x[0]
    high = x[0]
    for p in range(n):
        low = x[p] if x[p] < low else low
        high = x[p] if x[p] > high else high
    return low, high


@jit(**INNER)
def all_whole(v, n):
    whole = True
    for p in range(n):
        whole &= v[p] == np.rint(v[p])
    return whole


@jit(**INNER, fastmath={"reassoc"})
def sum_products(x, v, n):
    """Sum of x times v; exact for whole numbers whose sum is below 2^53."""
    total = 0.0
    for p in range(n):
        total += v[p] * x[p]
    return total


@jit(**INNER)
def sum_terms(x, v, n, unit, lo_scale):
    """The exact sum of x times v as two integers; whether all terms are whole numbers; and whether
    they still are when scaled by 2^-8.
    """
    whole = np.int64(0)
    rest = np.int64(0)
    exact = brief = True
    for p in range(n):
        scaled = v[p] * x[p] * unit
        whole += np.int64(np.rint(scaled))
        rest += np.int64(np.rint((scaled - np.rint(scaled)) * lo_scale))
        exact &= scaled == np.rint(scaled)  # not `rest`: a remainder may be too small for it
        brief &= scaled * SHORT == np.rint(scaled * SHORT)
    return whole, rest, exact, brief


@jit
def join_nodes(tree):
    """Compute the boxes and sums of inner nodes from those of their children."""
    skip, low, high, hi, lo = tree[2:]
    for i in range(skip.shape[0] - 1, -1, -1):
        if skip[i] > i + 1:
            right = skip[i + 1]
            for j in range(low.shape[1]):
                low[i, j] = min(low[i + 1, j], low[right, j])
                high[i, j] = max(high[i + 1, j], high[right, j])
            for j in range(hi.shape[1]):
                hi[i, j] = hi[i + 1, j] + hi[right, j]
                lo[i, j] = lo[i + 1, j] + lo[right, j]
