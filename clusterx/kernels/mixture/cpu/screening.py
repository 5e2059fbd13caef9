"""Statistics of rows that few components reach.

In the few directions that tell the components apart, the squared distance of a row from a component
is at most that in all directions. So marginals bound log-densities from above, at a fraction of the
work, and a component is evaluated only for rows where its bound comes near the best density.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, eigh

from ...cpu.jit import INNER, jit
from . import loops

#: Most directions.
DIRECTIONS = 16
#: A component whose log-density is lower than the best by this has a responsibility below
#: `loops.NEGLIGIBLE`; the rest is for rounding.
FAR = 70.0
#: Below this many features of all components, rows take too little time to be worth screening,
#: whose loops take some 2 s to compile.
LEAST = 4096
#: Largest relative error of bounds, by which they are raised.
ERROR = 1e-6
#: A block of which more than this share of components and rows is left is whitened whole.
MANY = 0.4
#: Rows by which a task decides whether to screen at all.
PROBE = 64
#: Bounds cost at most this share of all log-densities. Near the end of fits, a statistic of
#: 70,000 x 50 rows and k = 10 takes 0.45 of the time without screening, and one of 60,000 x 64 and
#: k = 32 half of it; where components do not lie in few directions (32 columns, k = 64), it takes
#: 1.00 to 1.05 of it.
SHARE = 1 / 8


class Screen(NamedTuple):
    """Marginals of the components in a few directions."""

    directions: np.ndarray  # (r, d)
    means: np.ndarray  # (k, r), whitened
    factors: np.ndarray  # (k, r, r)
    limit: float  # largest |z| whose bounds are within the error


def screen(white: loops.Whitening) -> Screen | None:
    """Marginals for the components, or None where their bounds would not be within the error."""
    k, d = white.means.shape
    features = k * (d + 1) * (d + 2) / 2
    r = min(DIRECTIONS, k - 1, d)
    while r > 0 and r * d + k * r * r > SHARE * features:
        r -= 1
    if r == 0 or features < LEAST:
        return None
    eps = np.finfo(float).eps
    try:
        inverse = np.linalg.inv(white.factors)
        if d * eps * (_size(white.factors) * _size(inverse)) ** 2 > ERROR:
            return None
        covariances = inverse @ inverse.transpose(0, 2, 1)
        between = white.means - white.means.mean(axis=0)
        found = eigh(between.T @ between, covariances.mean(axis=0), subset_by_index=(d - r, d - 1))
        W = np.ascontiguousarray(found[1].T)
        marginals = W @ covariances @ W.T
        factors = np.linalg.inv(np.linalg.cholesky(marginals))
    except LinAlgError:
        return None
    if r * eps * _size(marginals) * _size(factors) ** 2 > ERROR:
        return None
    means = np.einsum("kab,kb->ka", factors, white.means @ W.T)
    limit = ERROR / ((d + r) * eps * _size(W[None]) * _size(factors))
    return Screen(W, means, factors, limit)


def _size(matrices: np.ndarray) -> float:
    """The largest sum of magnitudes in a row of the matrices."""
    return float(np.abs(matrices).sum(axis=2).max())


@jit
def by_screening(X, w, frame, density, theta, screen, ranges, sums):
    """Statistics as of `loops.by_products`, or without `theta` as of `loops.by_whitening`.

    Rows of the others' blocks are ranges[3]. They do the work if the first rows are near many
    components.
    """
    k, d = density.means.shape
    n = min(PROBE, ranges[1] - ranges[0])
    Z, L, best = np.empty((n, d)), np.empty((k, n)), np.empty(n, np.int32)
    far = standard_rows(X, w, frame, ranges[0], Z)
    if far > screen.limit or bound(Z, density.constants, screen, L, best) > MANY * k * n:
        densely(X, w, frame, density, theta, ranges[0], ranges[1], ranges[3], sums)
        return
    output = loops.Output(np.empty(0), np.empty(0, np.int32), np.empty((0, 0)))
    n = 0
    for a in range(ranges[0], ranges[1], ranges[2]):
        if n != min(ranges[2], ranges[1] - a):
            n = min(ranges[2], ranges[1] - a)
            Z, L, logs = np.empty((n, d)), np.empty((k, n)), np.empty((k, n))
            best, most = np.empty(n, np.int32), int(MANY * k * n)
            Y, rows = np.empty((most, d)), np.empty(most, np.int64)
            ends = np.zeros(2 * k + 1, np.int64)
            G, H = np.empty((n, d)), np.empty((n, d))
        far = standard_rows(X, w, frame, a, Z)
        few = far <= screen.limit and bound(Z, density.constants, screen, L, best) <= most
        if not few or not reached(Z, density, L, best, logs, H, Y, rows, ends):
            densely(X, w, frame, density, theta, a, a + n, ranges[3], sums)
            continue
        loops.soften(logs, w, a, output, sums.scalars)
        for j in range(k):
            m = 0
            for s in (j, k + j):
                for p in range(ends[s], ends[s + 1]):
                    y = Y[p] if theta.shape[0] == 0 else Z[rows[p]]
                    m = noted(y, logs[j, rows[p]], m, G, H, sums.moments[j])
            loops.add_rows(G, H, m, sums.moments[j])


@jit(**INNER)
def densely(X, w, frame, density, theta, start, stop, size, sums):
    if theta.shape[0] > 0:
        loops.by_products(X, w, frame, theta, (start, stop, size), sums)
        return
    output = loops.Output(np.empty(0), np.empty(0, np.int32), np.empty((0, 0)))
    given = np.empty((0, 0))
    loops.by_whitening(X, w, frame, density, given, (start, stop, size), sums, output)


@jit(**INNER)
def bound(Z, constants, screen, L, best):
    """Upper bounds of log-densities, in L (k, n). Returns the least number of those to evaluate."""
    k, n = L.shape
    P = np.dot(screen.directions, Z.T)
    T = np.empty_like(P)
    for j in range(k):
        np.dot(screen.factors[j], P, T)
        bounds = L[j]
        for i in range(n):
            bounds[i] = 0.0
        for c in range(T.shape[0]):
            t, mean = T[c], screen.means[j, c]
            for i in range(n):
                bounds[i] += (t[i] - mean) * (t[i] - mean)
        for i in range(n):
            bounds[i] = constants[j] - 0.5 * (1.0 - ERROR) * bounds[i]
    loops.assign(L, 0, best)
    count = 0
    for i in range(n):
        for j in range(k):
            count += 1 if L[j, i] >= L[best[i], i] - FAR else 0
    return count


@jit(**INNER)
def reached(Z, density, L, best, logs, H, Y, rows, ends):
    """Evaluate the components that may reach a row, and return whether these are few.

    First for each row the component of the highest bound, then those whose bound is near its
    density. Whitened rows are in Y, their indices in `rows`: those of component j from ends[j] to
    ends[j + 1], and from ends[k + j] to ends[k + j + 1]. `logs` are the densities, or -inf.
    """
    k, n = L.shape
    top = np.empty(n)
    at = 0
    for s in range(2 * k):
        j, first = s % k, at
        for i in range(n):
            if s < k:
                wanted = best[i] == j
                logs[j, i] = -np.inf
            else:
                wanted = best[i] != j and L[j, i] >= top[i] - FAR
            if wanted:
                if at == rows.shape[0]:
                    return False
                for c in range(Z.shape[1]):
                    H[at - first, c] = Z[i, c] - density.means[j, c]
                rows[at] = i
                at += 1
        ends[s + 1] = at
        if at > first:
            np.dot(H[: at - first], density.factors[j].T, Y[first:at])
        for p in range(first, at):
            i = rows[p]
            logs[j, i] = density.constants[j] - 0.5 * square(Y[p])
            if s < k:
                top[i] = logs[j, i]
                if top[i] == -np.inf:
                    return False  # perhaps no component reaches the row
    return True


@jit(**INNER)
def standard_rows(X, w, frame, start, Z):
    """Rows from `start` on, standardised; zeros where the weight is zero. Returns the largest."""
    n, d = Z.shape
    far = 0.0
    for i in range(n):
        row, z = X[start + i], Z[i]
        if w.shape[0] > 0 and w[start + i] == 0.0:
            for j in range(d):
                z[j] = 0.0
        else:
            for j in range(d):
                z[j] = (np.float64(row[j]) - frame.center[j]) * frame.inverse[j]
        for j in range(d):
            far = max(far, abs(z[j]))
    return far


@jit(**INNER, fastmath={"reassoc"})
def square(y):
    total = 0.0
    for c in range(y.shape[0]):
        total += y[c] * y[c]
    return total


@jit(**INNER)
def noted(y, r, m, G, H, moments):
    """Note a row y of weight r, unless this is negligible, as row m; returns the rows noted."""
    if r <= loops.NEGLIGIBLE:
        return m
    moments[0] += r
    for c in range(y.shape[0]):
        G[m, c] = y[c]
        H[m, c] = y[c] * r
    return m + 1
