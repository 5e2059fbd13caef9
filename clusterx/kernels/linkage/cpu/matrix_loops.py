"""Compiled loops over clusters by a matrix of their distances."""

from typing import NamedTuple

import numpy as np

from ...cpu.jit import INNER, jit
from .loops import STRIDE, add_squares, close_gaps, least

END = -1
#: Rows that are brought up to date together, because they share cache lines of newer rows.
TOGETHER = 16


class Merged(NamedTuple):
    """Which clusters the rows of a matrix know.

    A merge writes the row of the merged cluster only: other rows take their distance to it from
    there when they are read, which spares most writes to a column, each to another cache line.
    Average linkage of 10,000 x 2 takes 0.43 s of CPU time over the matrix, and 0.66 s if
    columns are written at once.
    """

    known: np.ndarray  # (n,) how many merges had been made when the row was up to date
    made: np.ndarray  # (n,) the number of the merge that made the cluster; 0 for a row of X
    older: np.ndarray  # (n,) the merged cluster before it that is left, or END
    newer: np.ndarray  # (n,) the one after it, or END
    newest: np.ndarray  # (1,) the last one, or END


@jit
def none_merged(n):
    zeros, ends = np.zeros(n, np.int64), np.full(n, END)
    return Merged(zeros, zeros.copy(), ends, ends.copy(), np.full(1, END))


@jit(**INNER)
def drop(merged, x):
    """Take a merged cluster out of the list."""
    before, after = merged.older[x], merged.newer[x]
    if after == END:
        merged.newest[0] = before
    else:
        merged.older[after] = before
    if before != END:
        merged.newer[before] = after


@jit(**INNER)
def note_merge(merged, a, b, count):
    """Note that a and b are one cluster, b, by the merge of this number."""
    for x in (a, b):
        if merged.made[x] > 0:
            drop(merged, x)
    last = merged.newest[0]
    merged.older[b], merged.newer[b], merged.newest[0] = last, END, b
    if last != END:
        merged.newer[last] = b
    merged.made[b] = merged.known[b] = count


@jit(**INNER)
def learn(D, merged, x, count):
    """Bring row x up to date with the merges, of which there are `count`."""
    row, known, b = D[x], merged.known[x], merged.newest[0]
    while b != END and merged.made[b] > known:
        row[b] = D[b, x]
        b = merged.older[b]
    merged.known[x] = count


@jit(**INNER)
def learn_together(D, merged, rows):
    """Bring a few rows up to date."""
    earliest, b = merged.known[rows].min(), merged.newest[0]
    while b != END and merged.made[b] > earliest:
        for x in rows:
            if merged.made[b] > merged.known[x]:
                D[x, b] = D[b, x]
        b = merged.older[b]


@jit
def shrink(D, gone, m, ids, sizes, stack, top, merged):
    """Renumber the clusters that are left, and move the matrix of their distances together."""
    place = np.empty(m, np.int64)
    left = close_gaps(gone, m, ids, stack, top, place)
    for p in range(0, left, TOGETHER):
        learn_together(D, merged, place[p : min(left, p + TOGETHER)])
    merged.known[:left] = 0
    merged.made[:left] = 0
    merged.newest[0] = END
    for p in range(left):
        sizes[p] = sizes[place[p]]
        row, old = D[p], D[place[p]]
        for k in range(left):
            row[k] = old[place[k]]
    return left


@jit
def distances(Z, root, start, stop, D):
    """Distances between the rows start..stop and all, which are the columns of Z, or squares."""
    n = Z.shape[1]
    for i in range(start, stop):
        for a in range(0, n, STRIDE):
            b = min(n, a + STRIDE)
            out = D[i, a:b]
            add_squares(Z, i, a, b, out)
            if root:
                for p in range(b - a):
                    out[p] = np.sqrt(out[p])


@jit(**INNER)
def merge_rows(a, b, out, na, nb, sizes, between, method, m):
    """Distances to a merged cluster, as by `generic.merged_row`."""
    if method == 0:
        for k in range(m):
            out[k] = a[k] if a[k] > b[k] else b[k]
    elif method == 1:
        for k in range(m):
            out[k] = (a[k] * na + b[k] * nb) / (na + nb)
    elif method == 2:
        for k in range(m):
            out[k] = (a[k] + b[k]) * 0.5
    elif method == 3:
        for k in range(m):
            s = sizes[k]
            out[k] = ((s + na) * a[k] + (s + nb) * b[k] - s * between) / (s + (na + nb))
    elif method == 4:
        c = between * (na * nb / (na + nb))
        for k in range(m):
            out[k] = (a[k] * na + b[k] * nb - c) / (na + nb)
    else:
        for k in range(m):
            out[k] = (a[k] + b[k]) * 0.5 - between * 0.25


@jit
def matrix_chain(D, sizes, method):
    """The merges by a chain; D is overwritten. Columns of clusters that were merged are stale."""
    n = sizes.shape[0]
    low, high, weight = np.empty(n - 1, np.int64), np.empty(n - 1, np.int64), np.empty(n - 1)
    ids, gone, merged = np.arange(n), np.zeros(n), none_merged(n)
    stack, top, first, m, left = np.empty(n, np.int64), 0, 0, n, n
    made = since = 0  # merges, and those before the matrix was moved together
    while left > 1:
        if top == 0:
            while gone[first]:
                first += 1
            stack[0], top = first, 1
        x = stack[top - 1]
        learn(D, merged, x, made - since)
        gone[x] = np.inf
        w, y = least(D[x], gone, m)
        gone[x] = 0.0
        if top > 1 and D[x, stack[top - 2]] == w:
            y = stack[top - 2]
        if top == 1 or stack[top - 2] != y:
            stack[top] = y
            top += 1
            continue
        top -= 2
        a, b = min(x, y), max(x, y)
        low[made], high[made], weight[made] = ids[a], ids[b], w
        learn(D, merged, y, made - since)
        merge_rows(D[a], D[b], D[b], sizes[a], sizes[b], sizes, w, method, m)
        sizes[b] += sizes[a]
        gone[a] = np.inf
        made, left = made + 1, left - 1
        note_merge(merged, a, b, made - since)
        if 2 * left < m:
            m = shrink(D, gone, m, ids, sizes, stack, top, merged)
            first, since = 0, made
    return low, high, weight


@jit
def least_pairs(D, sizes, method):
    """Merge the pair of least distance, again and again; D is overwritten.

    Each cluster keeps its nearest one and their distance, which is a lower bound if that one was
    merged.
    """
    n = sizes.shape[0]
    low, high, weight = np.empty(n - 1, np.int64), np.empty(n - 1, np.int64), np.empty(n - 1)
    gone, none = np.zeros(n), np.zeros(n)
    near, other, stale = np.empty(n), np.empty(n, np.int64), np.zeros(n, np.bool_)
    for i in range(n):
        gone[i] = np.inf
        near[i], other[i] = least(D[i], gone, n)
        gone[i] = 0.0
    for e in range(n - 1):
        w, i = least(near, none, n)
        while stale[i]:
            gone[i] = np.inf
            near[i], other[i] = least(D[i], gone, n)
            gone[i] = 0.0
            stale[i] = False
            w, i = least(near, none, n)
        a, b = min(i, other[i]), max(i, other[i])
        low[e], high[e], weight[e] = a, b, w
        merge_rows(D[a], D[b], D[b], sizes[a], sizes[b], sizes, w, method, n)
        sizes[b] += sizes[a]
        gone[a] = near[a] = np.inf
        stale[a] = False
        gone[b] = np.inf
        near[b], other[b] = least(D[b], gone, n)
        gone[b] = 0.0
        stale[b] = False
        for k in range(n):
            if gone[k] or k == b:
                continue
            t = D[b, k]
            D[k, b] = t
            if t < near[k] or (t == near[k] and other[k] > b):
                near[k], other[k], stale[k] = t, b, False
            elif other[k] == a or other[k] == b:
                stale[k] = True
    return low, high, weight
