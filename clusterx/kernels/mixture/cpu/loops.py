"""Loops over blocks of rows, which are stored as columns: neighbours in memory belong to different
rows, so LLVM vectorises every loop over rows. Arrays are assigned entry by entry, because numba
takes seconds to compile the error messages of an assignment of slices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.jit import INNER, jit

#: exp(x) = 2^n exp(r) with |r| <= log(2) / 2. For x below LEAST, exp(x) counts as zero.
LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 6.93145751953125e-1, 1.42860682030941723212e-6
LEAST = -700.0
#: Added to a float, it leaves the nearest whole number in the lowest bits.
ROUNDING = 1.5 * 2.0**52
#: Responsibilities below this are left out of the moments about each mean: even those of 1e10 rows
#: would change a moment by less than its rounding.
NEGLIGIBLE = 1e-30
#: If less than this share of responsibilities is not negligible, rows are gathered by component.
FEW = 0.15
#: If more than this share is not negligible, the moments of a component are sums over all rows.
DENSE = 0.4


class Frame(NamedTuple):
    """The centre and scale that standardise rows, and the pairs of entries that make features."""

    center: np.ndarray  # (d,)
    inverse: np.ndarray  # (d,), one over the scale
    first: np.ndarray  # indices in u = [1, z]
    second: np.ndarray


class Whitening(NamedTuple):
    constants: np.ndarray  # (k,)
    means: np.ndarray  # (k, d)
    factors: np.ndarray  # (k, d, d) transposed, (k, 1, d) of diagonals, or (0, 0, 0)


class Sums(NamedTuple):
    """The sums that a task adds to."""

    moments: np.ndarray  # (k, features)
    scalars: np.ndarray  # log-likelihood, entropy


class Output(NamedTuple):
    """Results per row; empty where they are not wanted."""

    log_likelihood: np.ndarray  # (n,)
    labels: np.ndarray  # (n,)
    R: np.ndarray  # (n, k)


@jit(**INNER)
def standardise(X, w, frame, start, U):
    """Rows from `start` on as columns of u = [1, z]; zeros where the weight is zero."""
    d, n = U.shape[0] - 1, U.shape[1]
    for i in range(n):
        U[0, i] = 1.0
        row = X[start + i]
        if w.shape[0] > 0 and w[start + i] == 0.0:
            for j in range(d):
                U[j + 1, i] = 0.0
        else:
            for j in range(d):
                U[j + 1, i] = (np.float64(row[j]) - frame.center[j]) * frame.inverse[j]


@jit(**INNER)
def exponentials(x, scratch, out):
    """out = exp(x) for x <= 0, within two units of the last place."""
    n = x.shape[0]
    bits = scratch.view(np.int64)
    for i in range(n):
        scratch[i] = max(x[i], LEAST) * LOG2_E + ROUNDING
        whole = scratch[i] - ROUNDING
        r = (max(x[i], LEAST) - whole * LN2_HIGH) - whole * LN2_LOW
        p = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0)
        p = 1.0 / 3628800.0 + r * (1.0 / 39916800.0 + r * p)
        p = 1.0 / 40320.0 + r * (1.0 / 362880.0 + r * p)
        p = 1.0 / 720.0 + r * (1.0 / 5040.0 + r * p)
        p = 1.0 / 24.0 + r * (1.0 / 120.0 + r * p)
        out[i] = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * p)))
    for i in range(n):
        bits[i] = (bits[i] << 52) + (1023 << 52)
    for i in range(n):
        out[i] = out[i] * scratch[i] if x[i] > LEAST else 0.0


@jit(**INNER)
def soften(L, w, start, output, scalars):
    """Turn log-densities L (k, n) into responsibilities times weights; adds to `scalars`."""
    k, n = L.shape
    top = np.full(n, -np.inf)
    # separate arrays, because LLVM does not vectorise loops over several parts of one array
    base, total, inner = np.zeros(n), np.zeros(n), np.zeros(n)
    scratch, e = np.empty(n), np.empty(n)
    if output.labels.shape[0] > 0:
        assign(L, start, output.labels)
    for j in range(k):
        for i in range(n):
            top[i] = max(top[i], L[j, i])
    for i in range(n):
        base[i] = top[i]
        if top[i] == -np.inf:
            base[i] = 0.0
            for j in range(k):
                L[j, i] = 0.0
    for j in range(k):
        row = L[j]
        for i in range(n):
            row[i] -= base[i]
        exponentials(row, scratch, e)
        for i in range(n):
            total[i] += e[i]
            inner[i] += e[i] * max(row[i], LEAST)
            row[i] = e[i]
    for i in range(n):
        log_total = np.log(total[i])
        likelihood = top[i] + log_total
        weight = w[start + i] if w.shape[0] > 0 else 1.0
        if weight != 0.0:
            scalars[0] += weight * likelihood
            scalars[1] += weight * (inner[i] / total[i] - log_total)
        total[i] = weight / total[i]
        if output.log_likelihood.shape[0] > 0:
            output.log_likelihood[start + i] = likelihood
    for j in range(k):
        for i in range(n):
            L[j, i] *= total[i]
    if output.R.shape[0] > 0:
        for i in range(n):
            for j in range(k):
                output.R[start + i, j] = L[j, i]


@jit(**INNER)
def assign(L, start, labels):
    for i in range(L.shape[1]):
        best = 0
        for j in range(1, L.shape[0]):
            if L[j, i] > L[best, i]:
                best = j
        labels[start + i] = best


@jit(**INNER)
def without_negligible(L):
    """How many responsibilities are not negligible; the others become zero.

    Products of numbers below the smallest normal one would take several times as long.
    """
    count = 0
    for j in range(L.shape[0]):
        for i in range(L.shape[1]):
            kept = L[j, i] > NEGLIGIBLE
            count += 1 if kept else 0
            L[j, i] = L[j, i] if kept else 0.0
    return count


@jit
def by_products(X, w, frame, theta, ranges, sums):
    """Statistics of rows ranges[0]..ranges[1], in blocks of ranges[2]."""
    q, k = frame.first.shape[0], theta.shape[0]
    output = Output(np.empty(0), np.empty(0, np.int32), np.empty((0, 0)))
    n = 0
    for a in range(ranges[0], ranges[1], ranges[2]):
        if n != min(ranges[2], ranges[1] - a):
            n = min(ranges[2], ranges[1] - a)
            U = np.empty((X.shape[1] + 1, n))
            F, L, part = np.empty((q, n)), np.empty((k, n)), np.empty((k, q))
            G, H = np.empty((n, X.shape[1])), np.empty((n, X.shape[1]))
        standardise(X, w, frame, a, U)
        for p in range(q):
            x, y, out = U[frame.first[p]], U[frame.second[p]], F[p]
            for i in range(n):
                out[i] = x[i] * y[i]
        np.dot(theta, F, L)
        soften(L, w, a, output, sums.scalars)
        if without_negligible(L) < FEW * k * n:
            for j in range(k):
                gather(U[1:], L[j], G, H, sums.moments[j])
        else:
            np.dot(L, F.T, part)
            for j in range(k):
                for p in range(q):
                    sums.moments[j, p] += part[j, p]


@jit
def by_whitening(X, w, frame, density, given, ranges, sums, output):
    """As `by_products`, of rows less each mean; `given` (n, k) are responsibilities, or empty."""
    k, d = density.means.shape
    diagonal = density.factors.shape[1] == 1
    n = 0
    for a in range(ranges[0], ranges[1], ranges[2]):
        if n != min(ranges[2], ranges[1] - a):
            n = min(ranges[2], ranges[1] - a)
            U, L = np.empty((d + 1, n)), np.empty((k, n))
            D, Y = np.empty((d, n)), np.empty((k, d, n))
            G, H = np.empty((n, d)), np.empty((n, d))
        standardise(X, w, frame, a, U)
        for j in range(k):
            for c in range(d):
                z, away, mean = U[c + 1], D[c], density.means[j, c]
                for i in range(n):
                    away[i] = z[i] - mean
            if density.factors.shape[0] == 0:
                for c in range(d):
                    away, y = D[c], Y[j, c]
                    for i in range(n):
                        y[i] = away[i]
            elif diagonal:
                for c in range(d):
                    away, y, factor = D[c], Y[j, c], density.factors[j, 0, c]
                    for i in range(n):
                        y[i] = away[i] * factor
            else:
                np.dot(density.factors[j], D, Y[j])
            squares(Y[j], density.constants[j], L[j])
        if given.shape[0] > 0:
            for i in range(n):
                for j in range(k):
                    L[j, i] = given[a + i, j]
        else:
            soften(L, w, a, output, sums.scalars)
        if sums.moments.shape[0] > 0:
            for j in range(k):
                gather(Y[j], L[j], G, H, sums.moments[j])


@jit(**INNER)
def squares(Y, constant, logs):
    for i in range(logs.shape[0]):
        logs[i] = 0.0
    for c in range(Y.shape[0]):
        y = Y[c]
        for i in range(logs.shape[0]):
            logs[i] += y[i] * y[i]
    for i in range(logs.shape[0]):
        logs[i] = constant - 0.5 * logs[i]


@jit(**INNER)
def gather(Y, r, G, H, moments):
    """Add the moments of the columns of Y, whose weights are r unless negligible."""
    d, n = Y.shape
    m = 0
    for i in range(n):
        m += 1 if r[i] > NEGLIGIBLE else 0
    if m > DENSE * n and moments.shape[0] > 2 * d + 1:
        add_columns(Y, r, moments)
        return
    m = 0
    for i in range(n):
        if r[i] > NEGLIGIBLE:
            moments[0] += r[i]
            for c in range(d):
                G[m, c] = Y[c, i]
                H[m, c] = Y[c, i] * r[i]
            m += 1
    add_rows(G, H, m, moments)


@jit(**INNER)
def add_columns(Y, r, moments):
    """Add the moments of all columns of Y."""
    d, n = Y.shape
    weights, H = np.empty(n), np.empty((d, n))
    for i in range(n):
        weights[i] = r[i] if r[i] > NEGLIGIBLE else 0.0
        moments[0] += weights[i]
    for c in range(d):
        y, weighted = Y[c], H[c]
        for i in range(n):
            weighted[i] = y[i] * weights[i]
        for i in range(n):
            moments[c + 1] += weighted[i]
    add_squares(np.dot(H, Y.T), moments)


@jit(**INNER)
def add_rows(G, H, m, moments):
    """Add the moments of the first m rows of G, which H holds times their weights."""
    d = G.shape[1]
    for i in range(m):
        for c in range(d):
            moments[c + 1] += H[i, c]
    if moments.shape[0] == 2 * d + 1:
        for i in range(m):
            for c in range(d):
                moments[d + 1 + c] += H[i, c] * G[i, c]
    elif m > 0 and moments.shape[0] > 2 * d + 1:
        add_squares(np.dot(H[:m].T, G[:m]), moments)


@jit(**INNER)
def add_squares(S, moments):
    d = S.shape[0]
    p = d + 1
    for c in range(d):
        for e in range(c, d):
            moments[p] += S[c, e]
            p += 1
