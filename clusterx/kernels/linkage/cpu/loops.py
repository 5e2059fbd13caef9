"""Compiled loops over clusters by their centroids, and what loops over a matrix share."""

import numpy as np

from ...cpu.jit import INNER, jit
from ...neighbors.cpu.walk import DEPTH, leaf_range

#: Least values are the same in any order, so LLVM may compare several at once.
ORDERLESS = {"nnan", "nsz"}
#: Factor for the rounding error of the cost of merging with a box.
SLACK = 1.0 - 1e-12
#: Values that are compared before the place of the least one is looked for.
STRIDE = 512


@jit(**INNER, fastmath=ORDERLESS)
def least(values, penalty, m):
    """The least of values + penalty, and the first place where it is."""
    best, where = np.inf, 0
    for a in range(0, m, STRIDE):
        v, p = values[a : min(m, a + STRIDE)], penalty[a : min(m, a + STRIDE)]
        low = np.inf
        for i in range(v.shape[0]):
            t = v[i] + p[i]
            low = t if t < low else low
        if low < best:
            best, where = low, a
    for i in range(where, min(m, where + STRIDE)):
        if values[i] + penalty[i] == best:
            return best, i
    return best, where


@jit
def least_sizes(tree, sizes, out):
    """Write the least size of a centroid in each node; sizes are by place."""
    for node in range(out.shape[0] - 1, -1, -1):
        a, b = leaf_range(tree, node)
        if a < 0:
            out[node] = min(out[2 * node + 1], out[2 * node + 2])
            continue
        low = sizes[a]
        for i in range(a + 1, b):
            low = min(low, sizes[i])
        out[node] = low


@jit(**INNER)
def cost_of_box(q, size, tree, sizes, node):
    """A lower bound of the cost of merging with a centroid in the node."""
    s = 0.0
    for j in range(q.shape[0]):
        t = max(tree.low[node, j] - q[j], q[j] - tree.high[node, j], 0.0)
        s += t * t
    return s * (size * sizes[node] * 2.0 / (size + sizes[node])) * SLACK


@jit
def partners_in_tree(tree, sizes, node_sizes, places, start, stop, costs, others):
    """The cheapest merges of the centroids at places[start:stop] of the tree; sizes by place."""
    d, n = tree.Z.shape
    q = np.empty(d)
    sums = np.empty(n // (1 << tree.levels) + 1)
    nodes, gaps = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    for e in range(start, stop):
        i = places[e]
        for j in range(d):
            q[j] = tree.Z[j, i]
        size = sizes[i]
        best, other = np.inf, np.int64(n)
        nodes[0], gaps[0], top = 0, 0.0, 1
        while top:
            top -= 1
            node = nodes[top]
            if gaps[top] > best:
                continue
            a, b = leaf_range(tree, node)
            if a < 0:
                left, right = 2 * node + 1, 2 * node + 2
                s = cost_of_box(q, size, tree, node_sizes, left)
                t = cost_of_box(q, size, tree, node_sizes, right)
                if s <= t:
                    left, right, s, t = right, left, t, s
                nodes[top], gaps[top] = left, s
                nodes[top + 1], gaps[top + 1] = right, t
                top += 2
                continue
            for p in range(b - a):
                sums[p] = 0.0
            for j in range(d):
                z = tree.Z[j, a:b]
                for p in range(b - a):
                    sums[p] += (q[j] - z[p]) * (q[j] - z[p])
            for p in range(b - a):
                w = sums[p] * (size * sizes[a + p] * 2.0 / (size + sizes[a + p]))
                if w <= best and a + p != i:
                    row = tree.order[a + p]
                    if w < best or row < other:
                        best, other = w, row
        costs[tree.order[i]], others[tree.order[i]] = best, other


@jit(**INNER)
def add_squares(Z, x, a, b, out):
    """Squared distances of column x to the columns a..b, added up in order, four rows at once."""
    m, d = b - a, Z.shape[0]
    for p in range(m):
        out[p] = 0.0
    for j in range(0, d - 3, 4):
        x0, x1, x2, x3 = Z[j, x], Z[j + 1, x], Z[j + 2, x], Z[j + 3, x]
        z0, z1, z2, z3 = Z[j, a:b], Z[j + 1, a:b], Z[j + 2, a:b], Z[j + 3, a:b]
        for p in range(m):
            s = out[p]
            s += (x0 - z0[p]) * (x0 - z0[p])
            s += (x1 - z1[p]) * (x1 - z1[p])
            s += (x2 - z2[p]) * (x2 - z2[p])
            s += (x3 - z3[p]) * (x3 - z3[p])
            out[p] = s
    for j in range(d // 4 * 4, d):
        x0, z0 = Z[j, x], Z[j, a:b]
        for p in range(m):
            out[p] += (x0 - z0[p]) * (x0 - z0[p])


@jit(**INNER)
def costs_of(Z, sizes, x, m, out):
    """The costs of merging x with each of the first m centroids; infinite with itself."""
    for a in range(0, m, STRIDE):
        b = min(m, a + STRIDE)
        o, s = out[a:b], sizes[a:b]
        add_squares(Z, x, a, b, o)
        size = sizes[x]
        for p in range(b - a):
            o[p] *= size * s[p] * 2.0 / (size + s[p])
    out[x] = np.inf


@jit
def ward_chain(Z, base, added, sizes):
    """Ward's merges by a chain over `Means`, whose columns (d, n) and sizes are overwritten."""
    n = sizes.shape[0]
    low, high, weight = np.empty(n - 1, np.int64), np.empty(n - 1, np.int64), np.empty(n - 1)
    ids, gone = np.arange(n), np.zeros(n)
    stack, top, first, m, left = np.empty(n, np.int64), 0, 0, n, n
    out = np.empty(n)
    place = np.empty(n, np.int64)
    while left > 1:
        if top == 0:
            while gone[first]:
                first += 1
            stack[0], top = first, 1
        x = stack[top - 1]
        costs_of(Z, sizes, x, m, out)
        w, y = least(out, gone, m)
        if top > 1 and out[stack[top - 2]] == w:
            y = stack[top - 2]
        if top == 1 or stack[top - 2] != y:
            stack[top] = y
            top += 1
            continue
        top -= 2
        a, b = min(x, y), max(x, y)
        e = n - left
        share, total = sizes[a] / (sizes[a] + sizes[b]), 0.0
        for j in range(Z.shape[0]):
            t = (base[j, a] - base[j, b]) + (added[j, a] - added[j, b])
            total += t * t
            added[j, b] += t * share
            Z[j, b] += t * share
        low[e], high[e] = ids[a], ids[b]
        weight[e] = total * (sizes[a] * sizes[b] * 2.0 / (sizes[a] + sizes[b]))
        sizes[b] += sizes[a]
        gone[a] = np.inf
        left -= 1
        if 2 * left < m:
            m = close_gaps(gone, m, ids, stack, top, place)
            first = 0
            for p in range(m):
                sizes[p] = sizes[place[p]]
            for j in range(Z.shape[0]):
                for p in range(m):
                    Z[j, p] = Z[j, place[p]]
                    base[j, p], added[j, p] = base[j, place[p]], added[j, place[p]]
    return low, high, weight


@jit(**INNER)
def close_gaps(gone, m, ids, stack, top, place):
    """Renumber the clusters that are left, in their order; `place` gets their old numbers."""
    left = 0
    for p in range(m):
        if gone[p] == 0.0:
            place[left] = p
            for t in range(top):
                if stack[t] == p:
                    stack[t] = left
            left += 1
    for p in range(left):
        ids[p] = ids[place[p]]
        gone[p] = 0.0
    return left
