"""Ward's partners by matrix products, for many columns.

A merge of i and j costs c = |x_i - x_j|^2 * 2 / (1/a + 1/b) with sizes a and b. With h = |x|^2 / 2,
c is below a bound u only if x_i x_j - h_j + u/4 * (1/a + 1/b) > h_i. This is decided in float32,
whose error is at most `error` times (|x_i| + |x_j|)^2; pairs that may be below are measured in
float64. Ward of 20,000 x 50 in 10 blobs takes 3.5 s of CPU
time, and 9.9 by scans in float64.
"""

from __future__ import annotations

import numpy as np

from ...cpu.jit import INNER, jit
from ...cpu.ranges import blocks
from ...cpu.threads import run_blocks, single_threaded_blas
from ...neighbors.cpu.product_loops import TINY, square

#: Rows and columns of a tile.
TALL, WIDE = 256, 1024
#: Factor above the float32 rounding errors of a bound.
ABOVE = 1.0 + 2.0**-20


def partners_by_products(C, sizes, rows):
    """The cheapest merge of each of the centroids `rows`, and with which other."""
    m, d = C.shape
    C = np.ascontiguousarray(C, np.float64)
    largest = np.abs(C).max()
    # a power of two, so that squares are in the range of float32
    unit = 2.0 ** -np.frexp(largest)[1] if largest > 0 else 1.0
    scaled = C * unit
    Z, half = scaled.astype(np.float32), 0.5 * np.einsum("ij,ij->i", scaled, scaled)
    rows = np.arange(m) if rows is None else rows
    costs, others = np.full(len(rows), np.inf), np.zeros(len(rows), np.int64)
    parts, columns = blocks(len(rows), TALL), blocks(m, WIDE)
    error = (d + 8) * 2.0**-23

    def block(b):
        r, e = parts[b]
        own, space = Z[rows[r:e]], np.empty((e - r) * WIDE, np.float32)
        for c, f in columns:
            P = space[: (e - r) * (f - c)].reshape(e - r, f - c)
            np.matmul(own, Z[c:f].T, out=P)
            lower_costs(P, C, half, sizes, rows[r:e], c, unit**2, error, costs[r:e], others[r:e])

    with single_threaded_blas():
        run_blocks(block, len(parts))
    return costs, others


@jit(**INNER, fastmath={"nnan", "nsz", "reassoc"})
def largest_sum(p, shift, q, inverse):
    """The largest of p - shift + q * inverse, by a vector loop."""
    most = p[0] - shift[0] + q * inverse[0]
    for j in range(1, p.shape[0]):
        v = p[j] - shift[j] + q * inverse[j]
        most = v if v > most else most
    return most


@jit
def lower_costs(P, C, half, sizes, rows, first, unit, error, costs, others):
    """Lower the costs of the rows of a tile to those of merges with its columns, first on.

    unit : the square of the factor by which the products and halves are scaled
    """
    m, w = P.shape
    shift, inverse = np.empty(w, np.float32), np.empty(w, np.float32)
    longest = 0.0
    for j in range(w):
        shift[j] = half[first + j]
        inverse[j] = 1.0 / sizes[first + j]
        longest = max(longest, half[first + j])
    for e in range(m):
        x, p, cost = rows[e], P[e], costs[e]
        slack = 2.0 * error * (np.sqrt(half[x]) + np.sqrt(longest)) ** 2 + C.shape[1] * TINY
        share = 0.25 * unit * cost * ABOVE
        q, maybe = np.float32(share), np.float32(half[x] - slack - share / sizes[x])
        if cost == 0.0 or not largest_sum(p, shift, q, inverse) >= maybe:
            continue
        for j in range(w):
            other = first + j
            if p[j] - shift[j] + q * inverse[j] >= maybe and other != x:
                total = sizes[x] + sizes[other]
                found = square(C, x, C, other) * (sizes[x] * sizes[other] * 2.0 / total)
                if found < cost:
                    cost, costs[e], others[e] = found, found, other
                    share = 0.25 * unit * cost * ABOVE
                    q = np.float32(share)
                    maybe = np.float32(half[x] - slack - share / sizes[x])
