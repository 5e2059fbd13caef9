"""Sets of rows that are joined, each with its least row as root."""

from __future__ import annotations

from ...cpu.jit import INNER, jit


@jit(**INNER)
def root_of(parent, i):
    """The root of i; the path to it is halved."""
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
