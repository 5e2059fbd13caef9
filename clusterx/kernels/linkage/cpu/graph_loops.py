"""The loop that merges along the edges of a graph, the nearest two first."""

from typing import NamedTuple

import numpy as np

from ...cpu.jit import INNER, jit
from .. import CENTRAL, LANES

END = -1


class Lists(NamedTuple):
    """Each node's neighbours and their distances, in lists that are linked through a pool."""

    first: np.ndarray  # the first entry of each node, or END
    following: np.ndarray  # the entry after each entry, or END
    target: np.ndarray
    value: np.ndarray


class Joint(NamedTuple):
    """The neighbours of a merge, each once."""

    stamp: np.ndarray  # the last merge of which each node was a neighbour
    slot: np.ndarray  # its place then
    near: np.ndarray
    dist: np.ndarray


@jit(**INNER)
def larger(x):
    """A copy with room for about twice as many entries."""
    y = np.empty(2 * x.shape[0] + 16, x.dtype)
    y[: x.shape[0]] = x
    return y


@jit(**INNER)
def precedes(weight, a, b, i, j):
    """Whether pair i of a heap comes before pair j: by weight, higher node, lower node."""
    if weight[i] != weight[j]:
        return weight[i] < weight[j]
    return a[i] < a[j] or (a[i] == a[j] and b[i] < b[j])


@jit(**INNER)
def swap(weight, a, b, i, j):
    weight[i], weight[j] = weight[j], weight[i]
    a[i], a[j] = a[j], a[i]
    b[i], b[j] = b[j], b[i]


@jit(**INNER)
def rise(weight, a, b, i):
    """Let the last pair of a heap rise to its place."""
    while i > 0:
        up = (i - 1) >> 1
        if not precedes(weight, a, b, i, up):
            return
        swap(weight, a, b, i, up)
        i = up


@jit(**INNER)
def sink(weight, a, b, size):
    """Let the first pair of a heap sink to its place."""
    i = 0
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and precedes(weight, a, b, child + 1, child):
            child += 1
        if not precedes(weight, a, b, child, i):
            return
        swap(weight, a, b, i, child)
        i = child


@jit(**INNER)
def merging_cost(C, x, y, a, b, kind, lanes):
    """The squared distance of two centres; for Ward, the cost of merging them, of sizes a and b."""
    lanes[:] = 0.0
    p, q = C[x], C[y]
    whole = p.shape[0] // LANES * LANES
    for start in range(0, whole, LANES):
        u, v = p[start : start + LANES], q[start : start + LANES]
        for i in range(LANES):
            lanes[i] += (u[i] - v[i]) * (u[i] - v[i])
    for i in range(p.shape[0] - whole):
        t = p[whole + i] - q[whole + i]
        lanes[i] += t * t
    total = 0.0
    for i in range(LANES):
        total += lanes[i]
    return total * (a * b * 2.0 / (a + b)) if kind == CENTRAL else total


@jit(**INNER)
def join_lists(lists, joint, i, j, k, size_i, size_j, size, kind, free):
    """Collect the neighbours of nodes i and j, which node k replaces, with their distances to it.

    Returns their number and the first free entry: the entries of both nodes are free afterwards.
    """
    first, following, target, value = lists
    stamp, slot, near, dist = joint
    count = 0
    for own in (i, j):
        e = first[own]
        while e != END:
            t, v, after = target[e], value[e], following[e]
            following[e], free, e = free, e, after
            if size[t] == 0.0:
                continue
            if stamp[t] != k:
                stamp[t], slot[t], near[count], dist[count] = k, count, t, v
                count += 1
            elif kind == 0:
                dist[slot[t]] = max(dist[slot[t]], v)
            elif kind == 1:
                dist[slot[t]] = (dist[slot[t]] * size_i + v * size_j) / (size_i + size_j)
            else:
                dist[slot[t]] = (dist[slot[t]] + v) * 0.5
    return count, free


@jit
def edge_costs(C, sizes, kind, low, high, start, stop, out):
    """The cost of merging the ends of the edges start..stop."""
    lanes = np.empty(LANES)
    for e in range(start, stop):
        i, j = high[e], low[e]
        out[e] = merging_cost(C, i, j, sizes[i], sizes[j], kind, lanes)


@jit
def merge_along(low, high, weight, sizes, kind, C, made):
    """The nodes and heights of `made` merges; C is overwritten.

    Edges must be sorted by weight, high, low. Each node has a list of its neighbours and their
    distances; neighbours that were merged are skipped. Lists are linked through a pool of entries,
    and the entries of merged nodes are reused.
    """
    n, m = sizes.shape[0], low.shape[0]
    left, right, height = np.empty(made, np.int64), np.empty(made, np.int64), np.empty(made)
    size = np.zeros(n + made)
    size[:n] = sizes
    place = np.arange(n + made)  # the row of C that has the centre of each node
    heap_w, heap_a, heap_b, waiting = weight.copy(), high.copy(), low.copy(), m
    first = np.full(n + made, END)
    following, target = np.empty(2 * m + 16, np.int64), np.empty(2 * m + 16, np.int64)
    value = np.empty(2 * m + 16)
    for e in range(m):
        i, j = high[e], low[e]
        target[2 * e], value[2 * e], following[2 * e], first[i] = j, weight[e], first[i], 2 * e
        e = 2 * e + 1
        target[e], value[e], following[e], first[j] = i, weight[e >> 1], first[j], e
    used, free = 2 * m, END
    near, dist = np.empty(n, np.int64), np.empty(n)
    joint = Joint(np.full(n + made, END), np.empty(n + made, np.int64), near, dist)
    lanes = np.empty(LANES)
    for k in range(n, n + made):
        while True:
            w, i, j = heap_w[0], heap_a[0], heap_b[0]
            waiting -= 1
            swap(heap_w, heap_a, heap_b, 0, waiting)
            sink(heap_w, heap_a, heap_b, waiting)
            if size[i] > 0.0 and size[j] > 0.0:
                break
        left[k - n], right[k - n], height[k - n] = j, i, w
        ni, nj = size[i], size[j]
        size[i] = size[j] = 0.0
        size[k] = ni + nj
        lists = Lists(first, following, target, value)
        count, free = join_lists(lists, joint, i, j, k, ni, nj, size, kind, free)
        if kind >= CENTRAL:
            x, y = place[i], place[j]
            share = 0.5 if kind == CENTRAL + 2 else ni / (ni + nj)
            p, q = C[x], C[y]
            for e in range(p.shape[0]):
                q[e] += (p[e] - q[e]) * share
            place[k] = y
            for c in range(count):
                t = near[c]
                dist[c] = merging_cost(C, y, place[t], size[k], size[t], kind, lanes)
        for c in range(count):
            t, v = near[c], dist[c]
            for own, other in ((k, t), (t, k)):
                if free != END:
                    e, free = free, following[free]
                else:
                    if used == target.shape[0]:
                        target, value, following = larger(target), larger(value), larger(following)
                    e, used = used, used + 1
                target[e], value[e], following[e], first[own] = other, v, first[own], e
            if waiting == heap_w.shape[0]:
                heap_w, heap_a, heap_b = larger(heap_w), larger(heap_a), larger(heap_b)
            heap_w[waiting], heap_a[waiting], heap_b[waiting] = v, k, t
            rise(heap_w, heap_a, heap_b, waiting)
            waiting += 1
    return left, right, height
