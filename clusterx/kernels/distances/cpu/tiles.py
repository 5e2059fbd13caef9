"""Loops over tiles of distances between rows that are sorted by cluster.

In a tile, `P[i, j]` belongs to the sorted rows `r0 + i` and `c0 + j`. A run is a stretch of rows of
one cluster. Within a pair of runs every term except the product of two rows is a constant or a
vector, so the loop vectorises. Euclidean tiles come from a matrix product. With z = x - m, where m
is the centre of the row's group (mostly its cluster), and F[g, i] the squared distance of row i to
the centre of g,

    |x_i - x_j|^2 = F[b, i] + F[a, j] - |m_a - m_b|^2 - 2 z_i z_j    (i in a, j in b).

So rounding errors are proportional to the extent of the groups, not to how far they are apart: at
most some units in the last place of F[b, i] + F[a, j] + |x_i - x_j|^2. Distances that are small
beside that have lost their digits and are recomputed from the rows.
"""

from __future__ import annotations

import numpy as np

from ...cpu.direct import squared_distance
from ...cpu.jit import INNER, jit

#: Runs of fewer columns than this, on average, are added in one loop.
SHORT = 12
_FAST = {"reassoc", "contract", "nsz"}


@jit
def centre_rows(X, order, group, centers, out):
    """Write the rows of X in the given order, less the centre of their group."""
    for i in range(order.shape[0]):
        x, m, z = X[order[i]], centers[group[i]], out[i]
        for j in range(x.shape[0]):
            z[j] = np.float64(x[j]) - m[j]


@jit
def far_from(X, order, centers, start, stop, F):
    """F[g, i]: squared distances of the sorted rows start..stop to all centres."""
    for i in range(start, stop):
        x = X[order[i]]
        for g in range(centers.shape[0]):
            F[g, i] = squared_distance(x, centers[g])


@jit(fastmath=_FAST)
def lengths(p, q, base, constant, share):
    """Turn products into distances, and those that lost their digits into -1; count the latter."""
    lost = 0
    for j in range(p.shape[0]):
        size = base + q[j]
        t = p.dtype.type((size - constant) - 2.0 * p[j])
        close = not t > p.dtype.type(share * size)
        lost += close
        p[j] = p.dtype.type(-1) if close else np.sqrt(t)
    return lost


@jit
def product_tile(P, r0, c0, group_r, group_c, stops, F_r, F_c, gap, share):
    """Turn a tile of products into distances; returns how many lost their digits.

    stops[j]: the end of the sorted columns of column j's group.
    """
    lost = 0
    m, w = P.shape
    for i in range(m):
        a = group_r[r0 + i]
        j = 0
        while j < w:
            b = group_c[c0 + j]
            stop = min(w, stops[c0 + j] - c0)
            q = F_c[a, c0 + j : c0 + stop]
            lost += lengths(P[i, j:stop], q, F_r[b, r0 + i], gap[a, b], share)
            j = stop
    return lost


@jit
def measure_lost(P, r0, c0, X_r, X_c, order_r, order_c):
    """Replace entries of -1 by distances computed from the rows."""
    for i in range(P.shape[0]):
        x = X_r[order_r[r0 + i]]
        for j in range(P.shape[1]):
            if P[i, j] < 0:
                P[i, j] = np.sqrt(squared_distance(x, X_c[order_c[c0 + j]]))


@jit(fastmath=_FAST)
def squares_tile(P, r0, c0, T_r, T_c):
    """Euclidean distances, coordinate by coordinate, of columns of T."""
    d = T_r.shape[0]
    w = P.shape[1]
    for i in range(P.shape[0]):
        p = P[i]
        for e in range(0, d - 1, 2):
            a, b = T_r[e, r0 + i], T_r[e + 1, r0 + i]
            u, v = T_c[e, c0 : c0 + w], T_c[e + 1, c0 : c0 + w]
            if e == 0:
                for j in range(w):
                    p[j] = (a - u[j]) * (a - u[j]) + (b - v[j]) * (b - v[j])
            else:
                for j in range(w):
                    p[j] += (a - u[j]) * (a - u[j]) + (b - v[j]) * (b - v[j])
        if d % 2:
            a = T_r[d - 1, r0 + i]
            u = T_c[d - 1, c0 : c0 + w]
            if d == 1:
                for j in range(w):
                    p[j] = abs(a - u[j])
                continue
            for j in range(w):
                p[j] += (a - u[j]) * (a - u[j])
        for j in range(w):
            p[j] = np.sqrt(p[j])


@jit(fastmath=_FAST)
def manhattan_tile(P, r0, c0, T_r, T_c):
    w = P.shape[1]
    for i in range(P.shape[0]):
        p = P[i]
        p[:] = 0.0
        for e in range(T_r.shape[0]):
            a = T_r[e, r0 + i]
            u = T_c[e, c0 : c0 + w]
            for j in range(w):
                p[j] += abs(a - u[j])


@jit(fastmath=_FAST)
def chebyshev_tile(P, r0, c0, T_r, T_c):
    w = P.shape[1]
    for i in range(P.shape[0]):
        p = P[i]
        p[:] = 0.0
        for e in range(T_r.shape[0]):
            a = T_r[e, r0 + i]
            u = T_c[e, c0 : c0 + w]
            for j in range(w):
                t = abs(a - u[j])
                p[j] = t if t > p[j] else p[j]


@jit(**INNER, fastmath=_FAST)
def add_run(p, column_sums, both):
    """The sum of p; with `both`, p is added to column_sums too."""
    s = 0.0
    if both:
        for j in range(p.shape[0]):
            s += p[j]
            column_sums[j] += p[j]
    else:
        for j in range(p.shape[0]):
            s += p[j]
    return s


@jit(**INNER)
def add_short_runs(p, labels, sums, column_sums, both):
    """Add p by runs to sums, in one loop, because the runs are too short for loops of their own."""
    if both:
        for j in range(p.shape[0]):
            column_sums[j] += p[j]
    s = 0.0
    for j in range(p.shape[0]):
        s += p[j]
        if j + 1 == p.shape[0] or labels[j + 1] != labels[j]:
            sums[labels[j]] += s
            s = 0.0


@jit
def add_tile(P, r0, c0, labels_r, labels_c, stops, S_r, S_c, both):
    """Add a tile to the sums of its rows over clusters, with `both` also to those of its columns.

    S_r[i, b]: sums of row i to cluster b; S_c[j, a]: sums of column j to cluster a.
    """
    m, w = P.shape
    column_sums = np.zeros(w)
    runs = 1
    for j in range(1, w):
        runs += labels_c[c0 + j] != labels_c[c0 + j - 1]
    for i in range(m):
        if runs * SHORT > w:
            add_short_runs(P[i], labels_c[c0 : c0 + w], S_r[r0 + i], column_sums, both)
        else:
            j = 0
            while j < w:
                stop = min(w, stops[c0 + j] - c0)
                s = add_run(P[i, j:stop], column_sums[j:stop], both)
                S_r[r0 + i, labels_c[c0 + j]] += s
                j = stop
        if both and (i + 1 == m or labels_r[r0 + i + 1] != labels_r[r0 + i]):
            a = labels_r[r0 + i]
            for j in range(w):
                S_c[c0 + j, a] += column_sums[j]
                column_sums[j] = 0.0


@jit(**INNER, fastmath=_FAST)
def least_most(p):
    least = most = p[0]
    for j in range(p.shape[0]):
        least = p[j] if p[j] < least else least
        most = p[j] if p[j] > most else most
    return least, most


@jit(**INNER)
def pair_distance(p, x, y, exact):
    return p if exact else np.sqrt(squared_distance(x, y))


@jit
def extremes_tile(P, r0, c0, labels, stops, X, order, exact, slack, best):
    """Lower best[0], the least distance between clusters; raise best[1], the largest within one.

    If P is not exact, every pair that may be extreme within its error (a share `slack`) is computed
    from the rows.
    """
    m, w = P.shape
    for i in range(m):
        x = X[order[r0 + i]]
        j = 0
        while j < w:
            stop = min(w, stops[c0 + j] - c0)
            within = labels[r0 + i] == labels[c0 + j]
            least, most = least_most(P[i, j:stop])
            if within and most * (1 + slack) > best[1]:
                for e in range(j, stop):
                    if P[i, e] * (1 + slack) > best[1]:
                        t = pair_distance(P[i, e], x, X[order[c0 + e]], exact)
                        best[1] = max(best[1], t)
            if not within and least * (1 - slack) < best[0]:
                for e in range(j, stop):
                    if P[i, e] * (1 - slack) < best[0]:
                        t = pair_distance(P[i, e], x, X[order[c0 + e]], exact)
                        best[0] = min(best[0], t)
            j = stop
