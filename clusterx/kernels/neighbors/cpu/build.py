"""Rows in k-d order, with the boxes of a balanced tree over them.

Node p of level l has the rows from p n / 2^l up to (p + 1) n / 2^l, so only boxes are stored. Its
number is 2^l - 1 + p, and its children are 2 number + 1 and the next. Leaves are the last level. A
node is halved at the median of its longest side (Friedman, Bentley, Finkel: ACM TOMS 3(3), 1977).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.jit import INNER, jit
from ...cpu.ranges import ROWS_PER_TASK, blocks
from ...cpu.threads import run_blocks

#: Most rows of a leaf.
LEAF = 24
#: Last level whose nodes are separate tasks; each of them does its whole subtree.
TOP = 4


class Tree(NamedTuple):
    """A tree as loops read it."""

    Z: np.ndarray  # (d, n) float64, the columns of the rows in order
    order: np.ndarray  # (n,) int32, the row at each place
    low: np.ndarray  # (nodes, d)
    high: np.ndarray
    levels: int  # levels above the leaves


def tree(X: np.ndarray) -> Tree:
    """The tree over the rows X."""
    n, d = X.shape
    levels = max(0, (max(1, -(-n // LEAF)) - 1).bit_length())
    W = np.array(X, np.float64, order="C")
    order = np.arange(n, dtype=np.int32)
    low, high = np.empty((2, (2 << levels) - 1, d))
    for level in range(min(TOP, levels) + 1):
        stop = levels + 1 if level == min(TOP, levels) else level + 1
        run_blocks(
            lambda p, level=level, stop=stop: split(  # type: ignore[misc]
                W, order, low, high, level, p, stop, levels
            ),
            1 << level,
        )
    return Tree(columns_of(W), order, low, high, levels)


def columns_of(W: np.ndarray) -> np.ndarray:
    """The transpose, C-contiguous, in float64."""
    Z = np.empty(W.shape[::-1])
    parts = blocks(W.shape[0], ROWS_PER_TASK)

    def block(b: int) -> None:
        start, stop = parts[b]
        Z[:, start:stop] = W[start:stop].T

    run_blocks(block, len(parts))
    return Z


@jit
def split(W, order, low, high, level, position, stop, levels):
    """Compute the boxes of a node and those below, up to level `stop`; halve all but leaves."""
    n, d = W.shape
    for below in range(level, stop):
        shift = below - level
        for p in range(position << shift, (position + 1) << shift):
            a, b = (p * n) >> below, ((p + 1) * n) >> below
            node = (1 << below) - 1 + p
            side = 0
            longest = -1.0
            for j in range(d):
                least, most = np.inf, -np.inf
                for i in range(a, b):
                    x = W[i, j]
                    least = x if x < least else least
                    most = x if x > most else most
                low[node, j] = least
                high[node, j] = most
                if most - least > longest:
                    longest = most - least
                    side = j
            if below < levels and longest > 0.0:
                part(W, order, a, b, ((2 * p + 1) * n) >> (below + 1), side)


@jit(**INNER)
def part(W, order, a, b, middle, j):
    """Partition rows a..b by column j, so that those before `middle` are not above the others."""
    d = W.shape[1]
    left, right = a, b - 1
    while left < right:
        x, y, z = W[left, j], W[(left + right) >> 1, j], W[right, j]
        pivot = max(min(x, y), min(max(x, y), z))
        i, k = left, right
        while i <= k:
            while W[i, j] < pivot:
                i += 1
            while W[k, j] > pivot:
                k -= 1
            if i <= k:
                for e in range(d):
                    t = W[i, e]
                    W[i, e] = W[k, e]
                    W[k, e] = t
                o = order[i]
                order[i] = order[k]
                order[k] = o
                i += 1
                k -= 1
        if middle <= k:
            right = k
        elif middle >= i:
            left = i
        else:
            break
