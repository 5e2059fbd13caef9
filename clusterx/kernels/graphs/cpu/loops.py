"""Compiled loops over edges and nodes."""

import numpy as np

from ...cpu.jit import INNER, jit
from .. import generic


@jit
def linked_sums(starts, ends, weights, V, out, scale, shift, share, begin, end):
    p = V.shape[1]
    for i in range(begin, end):
        own, row = out[i], V[i]
        for q in range(p):
            own[q] = share * own[q] + shift * row[q]
        for e in range(starts[i], starts[i + 1]):
            w, other = scale * weights[e], V[ends[e]]
            for q in range(p):
                own[q] += w * other[q]


@jit(stand_in=generic.neighborhoods, seconds=0.5)
def groups(starts, ends):
    n = starts.shape[0] - 1
    group, out = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        group[i] = -1
    count = 0
    for i in range(n):
        free = group[i] < 0
        for e in range(starts[i], starts[i + 1]):
            free &= group[ends[e]] < 0
        if free:
            group[i] = count
            for e in range(starts[i], starts[i + 1]):
                group[ends[e]] = count
            count += 1
    for i in range(n):
        out[i] = group[i]
        e = starts[i]
        while out[i] < 0:
            out[i] = group[ends[e]]
            e += 1
    return out


@jit(**INNER)
def find(parent, x):
    """The root of x, with path halving."""
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@jit
def least_rows(component, weights, others, count):
    """For each component the row with the least edge out of it, or -1."""
    best = np.full(count, -1, np.int64)
    for i in range(component.shape[0]):
        if others[i] < 0:
            continue
        c = component[i]
        j = best[c]
        if j < 0 or weights[i] < weights[j]:
            best[c] = i
        elif weights[i] == weights[j]:
            low, low_j = min(i, others[i]), min(j, others[j])
            if low < low_j or (low == low_j and max(i, others[i]) < max(j, others[j])):
                best[c] = i
    return best


@jit
def unite(component, others, rows):
    """Join components by the edges of the rows; renumber them in place, by their first rows."""
    count = rows.shape[0]
    parent = np.arange(count)
    low, high, kept = (
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
    )
    m = 0
    for c in range(count):
        i = rows[c]
        if i < 0:
            continue
        j = np.int64(others[i])
        a, b = find(parent, c), find(parent, np.int64(component[j]))
        if a != b:
            parent[max(a, b)] = min(a, b)
            low[m], high[m], kept[m] = min(i, j), max(i, j), i
            m += 1
    number = np.full(count, -1, component.dtype)
    numbered = 0
    for i in range(component.shape[0]):
        root = find(parent, np.int64(component[i]))
        if number[root] < 0:
            number[root] = numbered
            numbered += 1
        component[i] = number[root]
    return low[:m].copy(), high[:m].copy(), kept[:m].copy()


@jit
def prim(distances, core, alpha):
    """Each step adds the least edge out of the tree, then reads distances of the row it reaches."""
    n = distances.shape[0]
    best, source = np.full(n, np.inf), np.zeros(n, np.int64)
    waiting = np.arange(n)  # rows outside the tree, in no order; the last one joins first
    low, high, weight = np.empty(n - 1, np.int64), np.empty(n - 1, np.int64), np.empty(n - 1)
    left, m, row = n, 0, 0
    at = 0
    while left > 1:
        left -= 1
        waiting[at] = waiting[left]
        at = 0
        for p in range(left):
            j = waiting[p]
            w = max(distances[row, j] / alpha, core[row], core[j])
            if w < best[j]:
                best[j], source[j] = w, row
            elif w == best[j] and pair_before(row, j, source[j], j):
                source[j] = row
            k = waiting[at]
            if best[j] < best[k] or (
                best[j] == best[k] and pair_before(source[j], j, source[k], k)
            ):
                at = p
        row = waiting[at]
        if best[row] < np.inf:
            low[m], high[m] = min(row, source[row]), max(row, source[row])
            weight[m] = best[row]
            m += 1
    return low[:m].copy(), high[:m].copy(), weight[:m].copy()


@jit(**INNER)
def pair_before(a, b, c, d):
    """Whether edge ab comes before edge cd of the same weight."""
    return min(a, b) < min(c, d) or (min(a, b) == min(c, d) and max(a, b) < max(c, d))


@jit
def forest(n, low, high):
    """Which of the sorted edges join two components."""
    parent = np.arange(n)
    kept = np.zeros(low.shape[0], np.bool_)
    for e in range(low.shape[0]):
        a, b = find(parent, low[e]), find(parent, high[e])
        if a != b:
            parent[max(a, b)] = min(a, b)
            kept[e] = True
    return kept


@jit
def merge(low, high, weights):
    """The two nodes of each merge of the sorted edges, and the weight below it."""
    m, n = low.shape[0], weights.shape[0]
    parent, node = np.arange(n), np.arange(n)
    left, right, size = np.empty(m, np.int64), np.empty(m, np.int64), np.empty(m)
    for e in range(m):
        a, b = find(parent, low[e]), find(parent, high[e])
        x, y = node[a], node[b]
        left[e], right[e] = x, y
        size[e] = (size[x - n] if x >= n else weights[x]) + (size[y - n] if y >= n else weights[y])
        root = min(a, b)
        parent[max(a, b)] = root
        node[root] = n + e
    start, _ = places(left, right, n)
    # From the root down: the walk from row 0 enters a node at one of its rows. The child with that
    # row is the left one, and the walk enters the other child at its end of the edge.
    entry = np.zeros(n + m, np.int64)
    for e in range(m - 1, -1, -1):
        x, y, row = left[e], right[e], entry[n + e]
        ends = low[e], high[e]
        if start[row] >= start[y]:
            left[e], right[e] = y, x
            entry[y], entry[x] = row, ends[0]
        else:
            entry[x], entry[y] = row, ends[1]
    return left, right, size


@jit(**INNER)
def places(left, right, n):
    """The place of the first row below each node, in the order from left to right, and the number
    of rows below it.
    """
    m = left.shape[0]
    count, start = np.ones(n + m, np.int64), np.zeros(n + m, np.int64)
    for e in range(m):
        count[n + e] = count[left[e]] + count[right[e]]
    for e in range(m - 1, -1, -1):
        start[left[e]] = start[n + e]
        start[right[e]] = start[n + e] + count[left[e]]
    return start, count


@jit
def cut(left, right, height, n, limit):
    """The topmost node below the limit over each row, numbered by first rows."""
    m = left.shape[0]
    owner = np.arange(n + m)
    for e in range(m - 1, -1, -1):
        if height[e] < limit:
            owner[left[e]] = owner[right[e]] = owner[n + e]
    number = np.full(n + m, -1, np.int64)
    component = np.empty(n, np.int64)
    numbered = 0
    for i in range(n):
        if number[owner[i]] < 0:
            number[owner[i]] = numbered
            numbered += 1
        component[i] = number[owner[i]]
    return component


@jit
def condense(left, right, height, size, weights, core, least):
    """Clusters from the root down, level by level; rows that leave one are in the leaves' order."""
    m, n = left.shape[0], weights.shape[0]
    start, count = places(left, right, n)
    order = np.empty(n, np.int64)
    for i in range(n):
        order[start[i]] = i
    # a split is a merge of two that are large, and all of its ancestors are large
    splits = large = 0
    for e in range(m):
        x, y = left[e], right[e]
        a = size[x - n] if x >= n else weights[x]
        b = size[y - n] if y >= n else weights[y]
        splits += a >= least and b >= least
        large += (a >= least) + (b >= least)
    rows = n + 2 * splits
    parent, child = np.empty(rows, np.int64), np.empty(rows, np.int64)
    density, sizes = np.empty(rows), np.empty(rows)
    queue, cluster = np.empty(large + 1, np.int64), np.empty(large + 1, np.int64)
    queue[0], cluster[0] = n + m - 1, n
    begin, end, k, clusters = 0, 1, 0, n
    while begin < end:
        node, own = queue[begin], cluster[begin]
        begin += 1
        if node < n:
            parent[k], child[k], sizes[k] = own, node, weights[node]
            density[k] = 1.0 / core[node] if core[node] > 0.0 else np.inf
            k += 1
            continue
        e = node - n
        level = 1.0 / height[e] if height[e] > 0.0 else np.inf
        x, y = left[e], right[e]
        a = size[x - n] if x >= n else weights[x]
        b = size[y - n] if y >= n else weights[y]
        for c, total in ((x, a), (y, b)):
            if total < least:
                for p in range(start[c], start[c] + count[c]):
                    i = order[p]
                    parent[k], child[k], density[k], sizes[k] = own, i, level, weights[i]
                    k += 1
                continue
            queue[end], cluster[end] = c, own
            if min(a, b) >= least:
                clusters += 1
                cluster[end] = clusters
                parent[k], child[k], density[k], sizes[k] = own, clusters, level, total
                k += 1
            end += 1
    return parent[:k].copy(), child[:k].copy(), density[:k].copy(), sizes[:k].copy()
