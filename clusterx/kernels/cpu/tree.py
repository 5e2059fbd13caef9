"""k-means in few dimensions: a tree of boxes that keeps, for each box, the centres that can win.

Rows are put in Morton order and cut into leaves by the octree's own cells; every node knows the
tight box of its rows. A centre is dropped from a box when another is nearer to every point of it
(the filtering algorithm: Kanungo et al., IEEE TPAMI 24(7), 2002). What is
left is measured in float64.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .exact import add_term

LEAF = 128
DEPTH = 130  # of the tree: 63 key bits, and halving below equal keys
#: Centres whose squared distances to a box differ by less than this share are both measured: far
#: above the rounding of float64 sums of up to sixteen squares.
SLACK = 1e-13


def spread_table(d: int) -> np.ndarray:
    """The bits of each byte, d places apart."""
    byte = np.arange(256, dtype=np.uint64)
    table = np.zeros(256, np.uint64)
    for bit in range(8):
        table |= ((byte >> np.uint64(bit)) & np.uint64(1)) << np.uint64(bit * d)
    return table


@njit(nogil=True, cache=True)
def morton_keys(X, origin, scale, bits, spread, keys, start, stop):
    """Interleaved bits of the rows' cells, the first column's highest."""
    d = X.shape[1]
    top = (1 << bits) - 1
    for i in range(start, stop):
        key = np.uint64(0)
        for j in range(d):
            c = np.int64((np.float64(X[i, j]) - origin[j]) * scale)
            c = min(max(c, np.int64(0)), np.int64(top))
            cell = spread[c & 255]
            if bits > 8:
                cell |= spread[c >> 8] << np.uint64(8 * d)
            key |= cell << np.uint64(d - 1 - j)
        keys[i] = key


@njit(nogil=True, cache=True)
def is_sorted(keys, start, stop):
    """Whether keys rise from the one before `start` to the end of the range."""
    ordered = True
    for i in range(max(start, 1), stop):
        ordered &= keys[i] >= keys[i - 1]
    return ordered


@njit(nogil=True, cache=True)
def radix_order(keys, key_bits):
    """The stable sorting order of keys (which end up sorted), eleven bits a pass."""
    n = keys.shape[0]
    order = np.empty(n, np.int32)
    for i in range(n):
        order[i] = i
    spare = np.empty(n, np.int32)
    spare_keys = np.empty(n, np.uint64)
    shift = 0
    while shift < key_bits:
        counts = np.zeros(2049, np.int64)
        s = np.uint64(shift)
        mask = np.uint64(2047)
        for i in range(n):
            counts[np.int64((keys[i] >> s) & mask) + 1] += 1
        fullest = 0
        for b in range(2048):
            fullest = max(fullest, counts[b + 1])
            counts[b + 1] += counts[b]
        if fullest < n:
            for i in range(n):
                digit = np.int64((keys[i] >> s) & mask)
                spare[counts[digit]] = order[i]
                spare_keys[counts[digit]] = keys[i]
                counts[digit] += 1
            keys, spare_keys = spare_keys, keys
            order, spare = spare, order
        shift += 11
    return order, keys


@njit(nogil=True, cache=True)
def transpose_rows(X, order, start, stop, XT):
    """Columns start..stop of XT: the rows of X in that order (none: their own)."""
    for p in range(start, stop):
        row = X[order[p]] if order.shape[0] > 0 else X[p]
        for j in range(row.shape[0]):
            XT[j, p] = row[j]


@njit(nogil=True, cache=True)
def cut(keys, leaf):
    """Nodes of the tree in preorder: first row, end row, and the node after the whole subtree."""
    n = keys.shape[0]
    # at most so many; memory that is not touched is not taken
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
        if b - a > leaf:
            differing = keys[a] ^ keys[b - 1]
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
                    if (keys[mid] >> bit) & np.uint64(1):
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
        if stop[i] - start[i] <= leaf:
            skip[i] = i + 1
        else:
            skip[i] = skip[skip[i + 1]]
    return start[:count], stop[:count], skip


@njit(nogil=True, cache=True)
def leaf_boxes(XT, start, stop, skip, first, last, low, high):
    """Lowest and highest coordinates of the rows of the leaves among nodes first..last."""
    for i in range(first, last):
        if skip[i] == i + 1:
            for j in range(XT.shape[0]):
                x = XT[j, start[i] : stop[i]]
                a = x[0]
                b = x[0]
                for p in range(1, x.shape[0]):
                    a = min(a, x[p])
                    b = max(b, x[p])
                low[i, j] = a
                high[i, j] = b


@njit(nogil=True, cache=True)
def join_boxes(skip, low, high):
    """The boxes of inner nodes, which hold those of their children."""
    for i in range(skip.shape[0] - 1, -1, -1):
        if skip[i] > i + 1:
            right = skip[i + 1]
            for j in range(low.shape[1]):
                low[i, j] = min(low[i + 1, j], low[right, j])
                high[i, j] = max(high[i + 1, j], high[right, j])


@njit(nogil=True, cache=True)
def keep_candidates(low, high, C, given, count, kept):
    """The given centres that no other one beats on all of the box, in order; how many."""
    d = low.shape[0]
    if count == 1:
        kept[0] = given[0]
        return 1
    best = np.inf
    worst = 0.0
    star = given[0]
    size = 0.0
    for a in range(d):
        size += (high[a] - low[a]) ** 2
    for g in range(count):
        j = given[g]
        s = 0.0
        for a in range(d):
            t = 0.5 * (low[a] + high[a]) - C[j, a]
            s += t * t
        worst = max(worst, s)
        if s < best:
            best = s
            star = j
    slack = SLACK * (size + worst)
    m = 0
    for g in range(count):
        j = given[g]
        if j != star:
            s = 0.0
            for a in range(d):
                v = high[a] if C[j, a] > C[star, a] else low[a]
                t = C[j, a] - v
                u = C[star, a] - v
                s += t * t - u * u
            if s > slack:
                continue
        kept[m] = j
        m += 1
    return m


@njit(nogil=True, cache=True)
def nearest_of(XT, start, stop, C, cands, count, best, label, acc):
    """Nearest of the candidate centres for rows start..stop: label and best, from index 0."""
    n = stop - start
    d = XT.shape[0]
    best[:n] = np.inf
    label[:n] = cands[0]  # stays where squares overflow
    x0 = XT[0, start:stop]
    for g in range(count):
        j = cands[g]
        c0 = C[j, 0]
        if d == 3:
            c1, c2 = C[j, 1], C[j, 2]
            x1 = XT[1, start:stop]
            x2 = XT[2, start:stop]
            for p in range(n):
                t0 = np.float64(x0[p]) - c0
                t1 = np.float64(x1[p]) - c1
                t2 = np.float64(x2[p]) - c2
                s = t0 * t0 + t1 * t1 + t2 * t2
                closer = s < best[p]
                best[p] = s if closer else best[p]
                label[p] = j if closer else label[p]
        else:
            for p in range(n):
                t = np.float64(x0[p]) - c0
                acc[p] = t * t
            for a in range(1, d):
                c = C[j, a]
                x = XT[a, start:stop]
                for p in range(n):
                    t = np.float64(x[p]) - c
                    acc[p] += t * t
            for p in range(n):
                closer = acc[p] < best[p]
                best[p] = acc[p] if closer else best[p]
                label[p] = j if closer else label[p]


@njit(nogil=True, cache=True)
def move_row(XT, w, p, old, new, scale, lo_scale, w_scale, hi, lo, weight):
    """Take row p's share from cluster `old` (none if negative) and give it to `new`."""
    v = w[p] if w.shape[0] > 0 else 1.0
    for a in range(XT.shape[0]):
        scaled = v * np.float64(XT[a, p]) * scale[a]
        whole = np.rint(scaled)
        rest = np.int64(np.rint((scaled - whole) * lo_scale))
        whole_int = np.int64(whole)
        hi[new, a] += whole_int
        lo[new, a] += rest
        if old >= 0:
            hi[old, a] -= whole_int
            lo[old, a] -= rest
    scaled = v * w_scale
    whole = np.rint(scaled)
    rest = np.int64(np.rint((scaled - whole) * lo_scale))
    whole_int = np.int64(whole)
    weight[0, new] += whole_int
    weight[1, new] += rest
    if old >= 0:
        weight[0, old] -= whole_int
        weight[1, old] -= rest


@njit(nogil=True, cache=True)
def assign_range(labels, start, stop, new, XT, w, scale, lo_scale, w_scale, hi, lo, weight):
    """Give every row of the range to one cluster; how many moved."""
    old = labels[start]
    mixed = False
    for p in range(start, stop):
        mixed |= labels[p] != old
    if not mixed:
        if old != new:
            move_range(XT, w, start, stop, old, new, scale, lo_scale, w_scale, hi, lo, weight)
            labels[start:stop] = new
            return stop - start
        return 0
    moved = 0
    for p in range(start, stop):
        if labels[p] != new:
            move_row(XT, w, p, labels[p], new, scale, lo_scale, w_scale, hi, lo, weight)
            labels[p] = new
            moved += 1
    return moved


@njit(nogil=True, cache=True)
def move_range(XT, w, start, stop, old, new, scale, lo_scale, w_scale, hi, lo, weight):
    """Move a range of rows that are all in cluster `old` (none if negative) to `new`."""
    for a in range(XT.shape[0] + 1):
        whole = np.int64(0)
        rest = np.int64(0)
        if a < XT.shape[0]:
            x = XT[a, start:stop]
            unit = scale[a]
            if w.shape[0] > 0:
                v = w[start:stop]
                for p in range(stop - start):
                    scaled = v[p] * np.float64(x[p]) * unit
                    whole += np.int64(np.rint(scaled))
                    rest += np.int64(np.rint((scaled - np.rint(scaled)) * lo_scale))
            else:
                for p in range(stop - start):
                    scaled = np.float64(x[p]) * unit
                    whole += np.int64(np.rint(scaled))
                    rest += np.int64(np.rint((scaled - np.rint(scaled)) * lo_scale))
            hi[new, a] += whole
            lo[new, a] += rest
            if old >= 0:
                hi[old, a] -= whole
                lo[old, a] -= rest
        else:
            for p in range(start, stop):
                one, part = add_term(w[p] if w.shape[0] > 0 else 1.0, w_scale, lo_scale)
                whole += one
                rest += part
            weight[0, new] += whole
            weight[1, new] += rest
            if old >= 0:
                weight[0, old] -= whole
                weight[1, old] -= rest


@njit(nogil=True, cache=True)
def filter_subtrees(
    roots, XT, w, start, stop, skip, low, high, owner, C, scale, lo_scale, w_scale,
    labels, hi, lo, weight,
):  # fmt: skip
    """One Lloyd assignment of some subtrees; the sums change by the rows that change cluster."""
    k = C.shape[0]
    cands = np.empty((DEPTH, k), np.int32)
    counts = np.empty(DEPTH, np.int64)
    ends = np.empty(DEPTH, np.int64)
    best = np.empty(LEAF)
    acc = np.empty(LEAF)
    label = np.empty(LEAF, np.int32)
    for j in range(k):
        cands[0, j] = j
    counts[0] = k
    moved = 0
    for root in roots:
        ends[0] = skip[root]
        depth = 0
        node = root
        while node < skip[root]:
            while ends[depth] <= node:
                depth -= 1
            m = keep_candidates(
                low[node], high[node], C, cands[depth], counts[depth], cands[depth + 1]
            )
            first, last = start[node], stop[node]
            if m == 1:
                j = cands[depth + 1, 0]
                if owner[node] != j:
                    moved += assign_range(
                        labels, first, last, j, XT, w, scale, lo_scale, w_scale, hi, lo, weight
                    )
                    owner[node : skip[node]] = j
                node = skip[node]
                continue
            owner[node] = -1
            if skip[node] == node + 1:
                nearest_of(XT, first, last, C, cands[depth + 1], m, best, label, acc)
                for p in range(first, last):
                    j = label[p - first]
                    if labels[p] != j:
                        move_row(XT, w, p, labels[p], j, scale, lo_scale, w_scale, hi, lo, weight)
                        labels[p] = j
                        moved += 1
            else:
                depth += 1
                counts[depth] = m
                ends[depth] = skip[node]
            node += 1
    return moved


@njit(nogil=True, cache=True)
def nearest_blocks(X, C, start, stop, labels, squared):
    """Nearest centre of rows start..stop, a box of LEAF consecutive rows at a time."""
    k, d = C.shape
    XT = np.empty((d, LEAF), X.dtype)
    low = np.empty(d)
    high = np.empty(d)
    everyone = np.empty(k, np.int32)
    for j in range(k):
        everyone[j] = j
    kept = np.empty(k, np.int32)
    best = np.empty(LEAF)
    acc = np.empty(LEAF)
    label = np.empty(LEAF, np.int32)
    for a in range(start, stop, LEAF):
        n = min(LEAF, stop - a)
        for j in range(d):
            low[j] = high[j] = X[a, j]
            for p in range(n):
                x = X[a + p, j]
                XT[j, p] = x
                low[j] = min(low[j], x)
                high[j] = max(high[j], x)
        m = keep_candidates(low, high, C, everyone, k, kept)
        nearest_of(XT, 0, n, C, kept, m, best, label, acc)
        for p in range(n):
            labels[a + p] = label[p]
            squared[a + p] = best[p]


@njit(nogil=True, cache=True)
def add_blocks(X, w, labels, previous, start, stop, scale, lo_scale, w_scale, hi, lo, weight):
    """Move rows start..stop from their previous cluster (negative: none) to their label's."""
    moved = 0
    XT = X.T
    for p in range(start, stop):
        if labels[p] != previous[p]:
            move_row(XT, w, p, previous[p], labels[p], scale, lo_scale, w_scale, hi, lo, weight)
            moved += 1
    return moved
