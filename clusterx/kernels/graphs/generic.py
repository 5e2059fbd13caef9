"""The definition, in plain Python."""

from __future__ import annotations

import math
from collections import deque
from heapq import heappop, heappush

import numpy as np

from . import CondensedTree, Edges, Linkage
from .boruvka import sorted_edges, spanning_edges


def linked_sums(W, V, before, scale, shift, share):
    return scale * (W @ V) + shift * V + share * before


def groups(W):
    return neighborhoods(W.indptr, W.indices)


def neighborhoods(starts, ends):
    """The groups of a CSR matrix by its arrays."""
    starts, ends = starts.tolist(), ends.tolist()
    n = len(starts) - 1
    group = [-1] * n
    count = 0
    for i in range(n):
        linked = ends[starts[i] : starts[i + 1]]
        if group[i] < 0 and all(group[j] < 0 for j in linked):
            for j in (i, *linked):
                group[j] = count
            count += 1
    out = list(group)
    for i in range(n):
        if group[i] < 0:  # a neighbour is in a group, or this row would have founded one
            linked = ends[starts[i] : starts[i + 1]]
            out[i] = next(group[j] for j in linked if group[j] >= 0)
    return np.asarray(out, dtype=np.int64)


class _Sets:
    """Disjoint sets, each named by its least element."""

    def __init__(self, n):
        self.parent = list(range(n))

    def find(self, x):
        while self.parent[x] != x:
            self.parent[x] = self.parent[self.parent[x]]
            x = self.parent[x]
        return x

    def unite(self, x, y):
        """Unite the sets of x and y; returns whether they were different."""
        x, y = sorted((self.find(x), self.find(y)))
        self.parent[y] = x
        return x != y


def spanning_tree(n, nearest, near=None):
    return spanning_edges(n, nearest, join, near)


def join(component, weights, others):
    """One round of Boruvka: the least edge out of each component."""
    least: dict[int, tuple] = {}
    for row, (weight, other) in enumerate(zip(weights.tolist(), others.tolist(), strict=True)):
        if other >= 0:
            edge = (weight, min(row, other), max(row, other))
            c = int(component[row])
            least[c] = min(least.get(c, edge), edge)
    sets = _Sets(len(component))
    chosen = [e for _, e in sorted(least.items()) if sets.unite(component[e[1]], component[e[2]])]
    roots = np.array([sets.find(int(c)) for c in component])
    return np.unique(roots, return_inverse=True)[1].astype(np.int32), _edges(chosen)


def dense_tree(distances, core, alpha):
    n = len(distances)
    best = {j: (math.inf, 0, j) for j in range(1, n)}
    chosen, row = [], 0
    while best:
        for j in best:
            weight = max(float(distances[row, j]) / alpha, float(core[row]), float(core[j]))
            best[j] = min(best[j], (weight, min(row, j), max(row, j)))
        row = min(best, key=lambda j: best[j])
        chosen.append(best.pop(row))
    return _edges([edge for edge in chosen if edge[0] < math.inf])


def least_forest(n, edges):
    sets = _Sets(n)
    edges = zip(*(part.tolist() for part in sorted_edges(edges, n)), strict=True)
    return _edges([(w, low, high) for low, high, w in edges if sets.unite(low, high)])


def single_linkage(edges, weights):
    n = len(weights)
    edges = sorted_edges(edges, n)
    seen = _walk(edges, n)
    sets, node = _Sets(n), list(range(n))  # the node of each set, at its least element
    first = list(range(n))  # the row of each node that the walk meets first
    size = weights.tolist()
    merges = []
    for low, high in zip(edges.low.tolist(), edges.high.tolist(), strict=True):
        a, b = sets.find(low), sets.find(high)
        left, right = sorted((node[a], node[b]), key=lambda x: seen[first[x]])
        merges.append((left, right))
        size.append(size[left] + size[right])
        first.append(first[left])
        sets.unite(a, b)
        node[min(a, b)] = n + len(merges) - 1
    left, right = np.array(merges, np.int64).reshape(-1, 2).T.copy()
    return Linkage(left, right, edges.weight, np.array(size[n:], np.float64))


def _walk(edges, n):
    """The step at which Prim's algorithm from row 0 reaches each row."""
    around: list[list[tuple]] = [[] for _ in range(n)]
    for low, high, weight in zip(*(part.tolist() for part in edges), strict=True):
        around[low].append((weight, low, high, high))
        around[high].append((weight, low, high, low))
    seen = {0: 0}
    open_edges = sorted(around[0])  # a heap
    while open_edges:
        row = heappop(open_edges)[3]
        if row not in seen:
            seen[row] = len(seen)
            for edge in around[row]:
                heappush(open_edges, edge)
    return seen


def cut(linkage, n, height):
    owner = list(range(2 * n - 1))
    for node in range(2 * n - 2, n - 1, -1):
        if linkage.height[node - n] < height:
            owner[linkage.left[node - n]] = owner[linkage.right[node - n]] = owner[node]
    number: dict[int, int] = {}
    return np.array([number.setdefault(owner[row], len(number)) for row in range(n)], np.int64)


def condense(linkage, weights, core, least):
    n = len(weights)
    size = [*weights.tolist(), *linkage.size.tolist()]
    entries: list[tuple] = []
    clusters = n
    queue = deque([(2 * n - 2, n)])
    while queue:
        node, cluster = queue.popleft()
        if node < n:  # a row that is a cluster by its weight
            entries.append((cluster, node, _density(core[node]), size[node]))
            continue
        left, right = int(linkage.left[node - n]), int(linkage.right[node - n])
        density = _density(linkage.height[node - n])
        split = min(size[left], size[right]) >= least
        for child in (left, right):
            if split:
                clusters += 1
                entries.append((cluster, clusters, density, size[child]))
                queue.append((child, clusters))
            elif size[child] >= least:
                queue.append((child, cluster))
            else:
                rows = _rows_below(linkage, child, n)
                entries += [(cluster, row, density, size[row]) for row in rows]
    parts = [np.array(part) for part in zip(*entries, strict=True)]
    return CondensedTree(*parts)


def _density(height):
    return 1.0 / float(height) if height > 0 else math.inf


def _rows_below(linkage, node, n):
    """The rows below a node, from left to right."""
    rows, stack = [], [node]
    while stack:
        node = stack.pop()
        if node < n:
            rows.append(node)
        else:
            stack += [int(linkage.right[node - n]), int(linkage.left[node - n])]
    return rows


def _edges(triples):
    weight, low, high = zip(*triples, strict=True) if triples else ((), (), ())
    return Edges(np.array(low, np.int64), np.array(high, np.int64), np.array(weight, np.float64))
