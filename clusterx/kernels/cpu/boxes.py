"""Boxes of rows, and the centres that can be nearest to a row of them.

A centre is dropped from a box when another is nearer to every point of it (the filtering algorithm:
Kanungo et al., IEEE TPAMI 24(7), 2002). What is left is measured in float64.
"""

import numpy as np
from numba import njit

#: Rows of a box whose rows are measured.
LEAF = 128
#: Centres whose squared distances to a box differ by less than this share are both measured: far
#: above the rounding of float64 sums of up to sixteen squares.
SLACK = 1e-13


@njit(nogil=True, cache=True)
def keep_candidates(low, high, box, C, cands, depth, count):
    """Those of the first `count` centres in row `depth` of cands that no other one beats on all of
    the box: put, in order, into the next row; how many.
    """
    d = C.shape[1]
    star = cands[depth, 0]
    if count == 1:
        cands[depth + 1, 0] = star
        return 1
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
        if j != star:
            s = 0.0
            for a in range(d):
                v = high[box, a] if C[j, a] > C[star, a] else low[box, a]
                t = C[j, a] - v
                u = C[star, a] - v
                s += t * t - u * u
            if s > slack:
                continue
        cands[depth + 1, kept] = j
        kept += 1
    return kept


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
def nearest_blocks(X, C, start, stop, labels, squared):
    """Nearest centre of rows start..stop, a box of LEAF consecutive rows at a time."""
    k, d = C.shape
    XT = np.empty((d, LEAF), X.dtype)
    low = np.empty((1, d))
    high = np.empty((1, d))
    cands = np.empty((2, k), np.int32)
    for j in range(k):
        cands[0, j] = j
    best = np.empty(LEAF)
    acc = np.empty(LEAF)
    label = np.empty(LEAF, np.int32)
    for a in range(start, stop, LEAF):
        n = min(LEAF, stop - a)
        for j in range(d):
            least = most = X[a, j]
            for p in range(n):
                x = X[a + p, j]
                XT[j, p] = x
                least = x if x < least else least
                most = x if x > most else most
            low[0, j] = least
            high[0, j] = most
        m = keep_candidates(low, high, 0, C, cands, 0, k)
        nearest_of(XT, 0, n, C, cands[1], m, best, label, acc)
        for p in range(n):
            labels[a + p] = label[p]
            squared[a + p] = best[p]
