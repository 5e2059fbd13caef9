"""The candidate centres of a box of rows: those that can be nearest to one of its rows.

A box drops a centre when another one is nearer to every point of the box (the filtering algorithm:
Kanungo et al., IEEE TPAMI 24(7), 2002). Distances to the remaining ones are computed in float64.
"""

from __future__ import annotations

import numpy as np

from ..jit import INNER, jit

#: Most rows of a leaf; a tree prunes down to leaves, and distances of their rows are computed.
LEAF = 256
#: Consecutive rows that share a box where there is no tree.
RUN = 128
#: Rows that the NumPy stand-in takes at once: their arrays stay in a core's cache.
BLOCK = 4096
#: Centres whose squared distances to a box differ by less than this share are both kept. It is far
#: above the rounding of float64 sums of up to sixteen squares.
SLACK = 1e-13


def variant(d):
    """The arguments (three, other) that select the loops to compile: three columns, or any number.

    If loops for any number run on three columns, quantize-24mp-256 takes 8 % longer, and the
    iterations of quantize-2.8mp-256 30 %.

    numba leaves out a branch on an argument that is None, but would compile a branch on a number.
    """
    return (True, None) if d == 3 else (None, True)


@jit(**INNER)
def keep_candidates(low, high, box, C, cands, depth, count):
    """Keep the candidates that no other one beats on all of the box, and return their number.

    Candidates are the first `count` centres in row `depth` of cands; those kept are written to the
    next row, in order.
    """
    d = C.shape[1]
    star = cands[depth, 0]
    best = np.inf
    worst = 0.0
    size = 0.0
    for a in range(d):
        size += (high[box, a] - low[box, a]) ** 2
    for g in range(count):
        j = cands[depth, g]
        s = 0.0
        for a in range(d):
            t = 0.5 * (low[box, a] + high[box, a]) - C[j, a]
            s += t * t
        worst = max(worst, s)
        if s < best:
            best = s
            star = j
    slack = SLACK * (size + worst)
    kept = 0
    for g in range(count):
        j = cands[depth, g]
        s = 0.0  # stays 0 for the star itself
        for a in range(d):
            v = high[box, a] if C[j, a] > C[star, a] else low[box, a]
            t = C[j, a] - v
            u = C[star, a] - v
            s += t * t - u * u
        cands[depth + 1, kept] = j
        kept += not s > slack
    return kept


@jit(**INNER)
def keep_candidates_of_three(low, high, box, C, cands, depth, count):
    """`keep_candidates` for three columns."""
    l0, l1, l2 = low[box, 0], low[box, 1], low[box, 2]
    h0, h1, h2 = high[box, 0], high[box, 1], high[box, 2]
    m0, m1, m2 = 0.5 * (l0 + h0), 0.5 * (l1 + h1), 0.5 * (l2 + h2)
    star = cands[depth, 0]
    best = np.inf
    worst = 0.0
    for g in range(count):
        j = cands[depth, g]
        t0, t1, t2 = m0 - C[j, 0], m1 - C[j, 1], m2 - C[j, 2]
        s = t0 * t0 + t1 * t1 + t2 * t2
        worst = max(worst, s)
        star = j if s < best else star
        best = min(best, s)
    slack = SLACK * ((h0 - l0) ** 2 + (h1 - l1) ** 2 + (h2 - l2) ** 2 + worst)
    b0, b1, b2 = C[star, 0], C[star, 1], C[star, 2]
    kept = 0
    for g in range(count):
        j = cands[depth, g]
        c0, c1, c2 = C[j, 0], C[j, 1], C[j, 2]
        v0, v1, v2 = h0 if c0 > b0 else l0, h1 if c1 > b1 else l1, h2 if c2 > b2 else l2
        s = (c0 - v0) ** 2 - (b0 - v0) ** 2
        s += (c1 - v1) ** 2 - (b1 - v1) ** 2
        s += (c2 - v2) ** 2 - (b2 - v2) ** 2
        cands[depth + 1, kept] = j
        kept += not s > slack
    return kept


# Slice rows first: LLVM does not vectorise loops over Y[a, p]. Keep one return and no branches
# around slices, or numba emits atomic reference counts, which cost more than a short loop.


@jit(**INNER)
def nearest_of_three(Y, n, C, cands, count, best, label):
    """`nearest_of` for three columns."""
    y0, y1, y2 = Y[0], Y[1], Y[2]
    # the first two together; where squares overflow, the first one stays
    i, j = cands[0], cands[min(1, count - 1)]
    b0, b1, b2 = C[i, 0], C[i, 1], C[i, 2]
    c0, c1, c2 = C[j, 0], C[j, 1], C[j, 2]
    for p in range(n):
        t0, t1, t2 = y0[p] - b0, y1[p] - b1, y2[p] - b2
        r = t0 * t0 + t1 * t1 + t2 * t2
        t0, t1, t2 = y0[p] - c0, y1[p] - c1, y2[p] - c2
        s = t0 * t0 + t1 * t1 + t2 * t2
        closer = s < r
        best[p] = s if closer else r
        label[p] = j if closer else i
    for g in range(2, count):
        j = cands[g]
        c0, c1, c2 = C[j, 0], C[j, 1], C[j, 2]
        for p in range(n):
            t0, t1, t2 = y0[p] - c0, y1[p] - c1, y2[p] - c2
            s = t0 * t0 + t1 * t1 + t2 * t2
            closer = s < best[p]
            best[p] = s if closer else best[p]
            label[p] = j if closer else label[p]


@jit(**INNER)
def nearest_of(Y, n, C, cands, count, best, label, acc):
    """Label and squared distance (best) of the nearest candidate to the first n columns of Y.

    Y, best, acc : float64, LEAF columns
    """
    for p in range(n):
        best[p] = np.inf
        label[p] = cands[0]  # stays where squares overflow
    for g in range(count):
        j = cands[g]
        for p in range(n):
            acc[p] = 0.0
        for a in range(Y.shape[0]):
            c, y = C[j, a], Y[a]
            for p in range(n):
                t = y[p] - c
                acc[p] += t * t
        for p in range(n):
            closer = acc[p] < best[p]
            best[p] = acc[p] if closer else best[p]
            label[p] = j if closer else label[p]


def nearest_blocks_in_numpy(X, C, start, stop, labels, squared, three, other):
    """Compare every centre: one that a box would drop is nearest to none of the box's rows."""
    for a in range(start, stop, BLOCK):
        Y = np.array(X[a : min(stop, a + BLOCK)].T, np.float64, order="C")
        best, label = squared[a : a + Y.shape[1]], labels[a : a + Y.shape[1]]
        t, s = np.empty((2, Y.shape[1]))
        label[:] = 0
        for j, c in enumerate(C):
            np.subtract(Y[0], c[0], out=s)
            np.multiply(s, s, out=s)
            for y, value in zip(Y[1:], c[1:], strict=True):
                np.subtract(y, value, out=t)
                np.multiply(t, t, out=t)
                np.add(s, t, out=s)
            if j == 0:
                best[:] = s
                continue
            np.copyto(label, j, where=s < best)
            np.minimum(best, s, out=best)


@jit(stand_in=nearest_blocks_in_numpy, seconds=1.0)
def nearest_blocks(X, C, start, stop, labels, squared, three, other):
    """Nearest centre of rows start..stop, a box of RUN consecutive rows at a time.

    three, other : see `variant`
    """
    k, d = C.shape
    Y = np.empty((d, RUN))
    low = np.empty((1, d))
    high = np.empty((1, d))
    cands = np.empty((2, k), np.int32)
    for j in range(k):
        cands[0, j] = j
    best = np.empty(RUN)
    acc = np.empty(RUN)
    label = np.empty(RUN, np.int32)
    for a in range(start, stop, RUN):
        n = min(RUN, stop - a)
        for j in range(d):
            least = most = np.float64(X[a, j])
            for p in range(n):
                x = np.float64(X[a + p, j])
                Y[j, p] = x
                least = x if x < least else least
                most = x if x > most else most
            low[0, j] = least
            high[0, j] = most
        if three is not None:
            m = keep_candidates_of_three(low, high, 0, C, cands, 0, k)
            nearest_of_three(Y, n, C, cands[1], m, best, label)
        if other is not None:
            m = keep_candidates(low, high, 0, C, cands, 0, k)
            nearest_of(Y, n, C, cands[1], m, best, label, acc)
        for p in range(n):
            labels[a + p] = label[p]
            squared[a + p] = best[p]


#: Most columns for boxes: with more, the screen is faster.
TREE_DIMENSIONS = 8
