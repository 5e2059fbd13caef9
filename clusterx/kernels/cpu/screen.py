"""k-means in many dimensions: a cheap screen with a rigorous error bound before exact distances.

A row z and a centre e in m dimensions (all d of them, or an orthogonal projection onto a few) are
compared by a float32 matrix product. The true squared distance differs from the screened one by at
most h = n_x S_e + r_x R_e: the rounding of the product, and, with a projection, twice the product
of what the projection leaves of both. Centres whose interval [a - h, a + h] lies above
the least upper end can't be nearest. If several are left, they are measured in float64. Between
iterations an upper and a lower bound spare rows whose nearest centre can't have changed (Hamerly,
SIAM SDM 2010). What is skipped never changes a result.
"""

from __future__ import annotations

import numpy as np
from numba import njit

CHUNK = 256
LANES = 32
FAR = np.float32(3e38)
#: float32 bounds are widened by this much after each step of arithmetic.
UP = np.float32(1 + 2**-21)
DOWN = np.float32(1 - 2**-21)
#: More than all that a float32 bound loses below the least normal number.
TINY = np.float32(2**-120)


@njit(nogil=True, cache=True)
def underflow(m):
    """What a product of m columns may lose in all where its terms underflow."""
    return (m + 8) * 2.0**-122


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def squared_distance(x, c):
    """Squared Euclidean distance, in float64."""
    s = 0.0
    for j in range(x.shape[0]):
        t = np.float64(x[j]) - np.float64(c[j])
        s += t * t
    return s


@njit(nogil=True, cache=True)
def own_distances(X, C, labels, start, stop, out):
    """Squared distances of rows to the centre of their label."""
    for i in range(start, stop):
        out[i] = squared_distance(X[i], C[labels[i]])


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def row_norms(X, mean, start, stop, plain, size, centred):
    """Upper bounds of |x|; |x|^2 and |x - mean|^2, in float32."""
    for i in range(start, stop):
        a = 0.0
        b = 0.0
        for j in range(X.shape[1]):
            x = np.float64(X[i, j])
            t = x - mean[j]
            a += x * x
            b += t * t
        plain[i] = np.float32(np.sqrt(a)) * UP
        size[i] = a
        centred[i] = b


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def project_rows(
    X, mean, Q, shift, factor, mean_norm, error, start, stop, Z, norm, rest, size, centred
):  # fmt: skip
    """Z = factor (X - mean) Q = factor X Q - shift.

    norm: upper bounds of factor (|x| + |mean|), what rounding is in proportion to; rest: upper
    bounds of the norm of what Q leaves; size: |z|^2; centred: factor^2 |x - mean|^2. error: the
    largest error of |z|^2 as a share of norm^2.
    """
    d, m = Q.shape
    P = np.empty((CHUNK, m), np.float32)
    scaled = np.float32(factor)
    for a in range(start, stop, CHUNK):
        n = min(CHUNK, stop - a)
        np.dot(X[a : a + n], Q, P[:n])
        for p in range(n):
            s = 0.0
            plain = 0.0
            for j in range(d):
                x = np.float64(X[a + p, j])
                t = x - mean[j]
                s += t * t
                plain += x * x
            whole = s * factor * factor
            centred[a + p] = whole
            reach = factor * (np.sqrt(plain) + mean_norm)
            norm[a + p] = np.float32(reach) * UP
            s = 0.0
            for j in range(m):
                z = P[p, j] * scaled - shift[j]
                Z[a + p, j] = z
                s += np.float64(z) * np.float64(z)
            size[a + p] = s
            left = max(whole - s, 0.0) + error * reach * reach
            rest[a + p] = np.float32(np.sqrt(left)) * UP


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def project_copies(
    X, mean, Q, factor, error, start, stop, Z, norm, rest, size, centred
):  # fmt: skip
    """The same by way of centred float32 copies of the rows, for what project_rows can't take."""
    d, m = Q.shape
    Y = np.empty((CHUNK, d), np.float32)
    for a in range(start, stop, CHUNK):
        n = min(CHUNK, stop - a)
        for p in range(n):
            s = 0.0
            for j in range(d):
                t = (np.float64(X[a + p, j]) - mean[j]) * factor
                s += t * t
                Y[p, j] = t
            centred[a + p] = s
        np.dot(Y[:n], Q, Z[a : a + n])
        for p in range(n):
            s = 0.0
            for j in range(m):
                s += np.float64(Z[a + p, j]) * np.float64(Z[a + p, j])
            size[a + p] = s
            whole = np.float64(centred[a + p])
            norm[a + p] = np.float32(np.sqrt(whole)) * UP
            left = max(whole - s, 0.0) + error * whole
            rest[a + p] = np.float32(np.sqrt(left)) * UP


@njit(nogil=True, cache=True)
def centre_rows(X, mean, factor, start, stop, Z, norm, centred):
    """Z = factor (X - mean) in float32, for data far from the origin or outside float32's range."""
    for i in range(start, stop):
        s = 0.0
        for j in range(X.shape[1]):
            t = (np.float64(X[i, j]) - mean[j]) * factor
            s += t * t
            Z[i, j] = t
        centred[i] = s
        norm[i] = np.float32(np.sqrt(s)) * UP


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz", "nnan", "ninf"})
def least_upper(T, terms, rest, norm, low, lanes):
    """Lower ends of the intervals around P - 2T, and the least upper end.

    Centre j stands in lane j % LANES; `lanes` (2, LANES) takes the least lower and upper end of
    each lane, for compilers vectorise that and not a minimum over all.
    """
    two = np.float32(2)
    lanes[:] = FAR
    for c in range(T.shape[0] // LANES):
        for q in range(LANES):
            j = c * LANES + q
            a = terms[0, j] - two * T[j]
            h = terms[1, j] + rest * terms[2, j] + norm * terms[3, j]
            below = a - h
            above = a + h
            low[j] = below
            lanes[0, q] = below if below < lanes[0, q] else lanes[0, q]
            lanes[1, q] = above if above < lanes[1, q] else lanes[1, q]
    return lane_min(lanes[1])


@njit(nogil=True, cache=True)
def lane_min(v):
    """The least of the lanes, by halves: a chain of minima would wait for each. Overwrites v."""
    for q in range(16):
        v[q] = v[q] if v[q] < v[q + 16] else v[q + 16]
    for q in range(8):
        v[q] = v[q] if v[q] < v[q + 8] else v[q + 8]
    for q in range(4):
        v[q] = v[q] if v[q] < v[q + 4] else v[q + 4]
    return min(min(v[0], v[1]), min(v[2], v[3]))


@njit(nogil=True, cache=True)
def settle(x, C, low, lanes, best, cands):
    """Measure the centres whose interval reaches below `best`.

    Returns the label, its squared distance (negative when one centre alone was left and nothing
    was measured), the least measured distance of the others, the least screened lower end of
    those left out, and how many were left.
    """
    m = 0
    out = FAR
    for q in range(LANES):
        if lanes[q] <= best:
            lanes[q] = FAR
            for j in range(q, low.shape[0], LANES):
                if low[j] <= best:
                    cands[m] = j
                    m += 1
                else:
                    out = min(out, low[j])
    out = min(out, lane_min(lanes))
    label = cands[0] if m > 0 else 0
    if m == 1:
        return label, -1.0, np.inf, out, m
    first = np.inf
    second = np.inf
    for g in range(m):
        s = squared_distance(x, C[cands[g]])
        if s < first or (s == first and cands[g] < label):
            second = first
            first = s
            label = cands[g]
        elif s < second:
            second = s
    return label, first, second, out, m


@njit(nogil=True, cache=True)
def screen_rows(
    X, Z, norm, rest, centred, C, E, terms, drift, factor, error, fresh, start, stop,
    labels, upper, lower, moved,
):  # fmt: skip
    """Assign rows start..stop. `moved` (n,) is set where a label changed.

    E (m, k) and terms (4, k) are padded with unreachable centres to a multiple of LANES; terms:
    squared norms, their error, and the factors of `rest` and `norm` in the error.
    drift (k + 2): bounds of how far each centre moved, in the units of Z, then the two largest.
    Returns the number of rows that were screened and of distances that were measured.
    """
    k, m = E.shape[1], Z.shape[1]
    tile = max(16, min(CHUNK, (1 << 17) // k))
    T = np.empty((tile, k), np.float32)
    low = np.empty(k, np.float32)
    lanes = np.empty((2, LANES), np.float32)
    z = np.empty((tile, m), np.float32)
    active = np.empty(tile, np.int64)
    cands = np.empty(k, np.int32)
    screened = 0
    measured = 0
    top = drift[C.shape[0]]
    for first in range(start, stop, tile):
        n = 0
        for i in range(first, min(first + tile, stop)):
            if not fresh:
                j = labels[i]
                upper[i] = (upper[i] + drift[j]) * UP
                away = drift[C.shape[0] + 1] if drift[j] == top else top
                lower[i] = lower[i] * DOWN - away * UP
                if upper[i] < lower[i]:
                    continue
            active[n] = i
            n += 1
        if n == 0:
            continue
        screened += n
        if n == tile and active[n - 1] == first + n - 1:
            np.dot(Z[first : first + n], E, T)
        else:
            for p in range(n):
                for a in range(m):
                    z[p, a] = Z[active[p], a]
            np.dot(z[:n], E, T[:n])
        for p in range(n):
            i = active[p]
            best = least_upper(T[p], terms, rest[i], norm[i], low, lanes)
            label, own, second, out, count = settle(X[i], C, low, lanes[0], best, cands)
            common = np.float64(centred[i])
            g = error * np.float64(norm[i]) ** 2
            if own < 0.0:
                own = common + np.float64(best) + g
            else:
                own *= factor * factor
                measured += count
            other = min(second * factor * factor, common + np.float64(out) - g)
            upper[i] = np.float32(np.sqrt(max(own, 0.0))) * UP
            lower[i] = np.float32(np.sqrt(max(other, 0.0))) * DOWN - TINY
            if labels[i] != label:
                labels[i] = label
                moved[i] = 1
    return screened, measured


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def distances_to(X, c, start, stop, out):
    d = c.shape[0]
    for i in range(start, stop):
        s = 0.0
        if d <= 8:  # too short for vector loops
            for j in range(d):
                t = X[i, j] - c[j]
                s += t * t
            out[i] = s
        else:
            out[i] = squared_distance(X[i], c)


@njit(nogil=True, cache=True)
def all_distances(X, C, start, stop, out):
    for i in range(start, stop):
        for j in range(C.shape[0]):
            out[i, j] = squared_distance(X[i], C[j])


@njit(nogil=True, cache=True)
def mend_distances(X, C, own, others, start, stop, out):
    """Turn expanded squares into distances; those that lost their digits are measured anew."""
    for i in range(start, stop):
        for j in range(C.shape[0]):
            s = out[i, j]
            if s < 1e-6 * (own[i] + others[j]):
                s = squared_distance(X[i], C[j])
            out[i, j] = np.sqrt(s)
