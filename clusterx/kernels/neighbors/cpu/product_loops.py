"""Loops over tiles of products of float32 rows; pairs that may be near are measured in float64.

With h = |z|^2 / 2 of centred rows, z_i z_j - h_j = h_i - |z_i - z_j|^2 / 2. In float32 the error of
this is at most `error` times (|z_i| + |z_j|)^2. So pairs that are near or far by more than that are
decided, and the others are measured.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.jit import INNER, jit
from .walk import restored, sift_down

#: More than can be lost to underflow.
TINY = 1e-36


class Side(NamedTuple):
    """Rows of a tile: those from the place `first` on."""

    X: np.ndarray  # not centred
    half: np.ndarray  # float64, half the square of the centred row's length
    numbers: np.ndarray  # original indices of the rows, which decide ties
    first: int


@jit(**INNER)
def square(X, i, Y, j):
    """A squared distance, added in the order of the columns, as on every backend."""
    s = 0.0
    for e in range(X.shape[1]):
        t = np.float64(X[i, e]) - np.float64(Y[j, e])
        s += t * t
    return s


@jit(**INNER)
def halves(columns, w):
    """Half the squared lengths of the columns of a tile, and the largest."""
    longest = 0.0
    shift = np.empty(w, np.float32)
    for j in range(w):
        shift[j] = columns.half[columns.first + j]
        longest = max(longest, columns.half[columns.first + j])
    return shift, longest


@jit(**INNER, fastmath={"nnan", "nsz", "reassoc"})
def largest_less(p, shift):
    """The largest of p - shift, by a vector loop, after which most rows of a tile are done."""
    most = p[0] - shift[0]
    for j in range(1, p.shape[0]):
        v = p[j] - shift[j]
        most = v if v > most else most
    return most


@jit
def near_pairs(P, rows, columns, limit, error, above, found_i, found_j):
    """Write the pairs of rows and columns of a tile within the limit; returns their number.

    above : whether to find only pairs i < j
    """
    m, w = P.shape
    shift, longest = halves(columns, w)
    count = 0
    for i in range(m):
        half = rows.half[rows.first + i]
        slack = 2.0 * error * (np.sqrt(half) + np.sqrt(longest)) ** 2 + TINY
        surely = np.float32(half - 0.5 * limit + slack)
        maybe = np.float32(half - 0.5 * limit - slack)
        p = P[i]
        if not largest_less(p, shift) >= maybe:
            continue
        a = rows.first + i
        for j in range(w):
            v = p[j] - shift[j]
            if v >= maybe:
                b = columns.first + j
                if above and b <= a:
                    continue
                if v >= surely or square(rows.X, a, columns.X, b) <= limit:
                    found_i[count], found_j[count] = a, b
                    count += 1
    return count


@jit
def squares_of_pairs(X, Y, i, j, out):
    for e in range(i.shape[0]):
        out[e] = square(X, i[e], Y, j[e])


@jit
def improve(P, at, rows, columns, error, best, other):
    """Update the k least pairs (sum, row) of the rows of a tile, which are heaps.

    at : (m,) the places of the rows of P among `rows`, `best` and `other`
    """
    m, w = P.shape
    k = best.shape[1]
    shift, longest = halves(columns, w)
    for e in range(m):
        i, p = at[e], P[e]
        half = rows.half[rows.first + i]
        slack = 2.0 * error * (np.sqrt(half) + np.sqrt(longest)) ** 2 + TINY
        maybe = np.float32(half - 0.5 * best[i, 0] - slack)
        if not largest_less(p, shift) >= maybe:
            continue
        for j in range(w):
            if p[j] - shift[j] >= maybe:
                b = columns.first + j
                s = square(rows.X, rows.first + i, columns.X, b)
                number = columns.numbers[b]
                if s < best[i, 0] or (s == best[i, 0] and number < other[i, 0]):
                    best[i, 0], other[i, 0] = s, number
                    sift_down(best[i], other[i], k)
                    maybe = np.float32(half - 0.5 * best[i, 0] - slack)


@jit
def sort_heaps(best, other):
    k = best.shape[1]
    for i in range(best.shape[0]):
        for e in range(k - 1, 0, -1):
            s, r = best[i, 0], other[i, 0]
            best[i, 0], other[i, 0] = best[i, e], other[i, e]
            sift_down(best[i], other[i], e)
            best[i, e], other[i, e] = s, r


@jit
def improve_weights(P, at, rows, columns, error, kind, alpha, of_rows, of_columns, best, other):
    """Lower each row's least (weight, row) of another component.

    at : (m,) the places of the rows of P among `rows`, `best` and `other`
    of_rows, of_columns : components and core distances of the rows and of the columns
    """
    component, core = of_columns
    own_component, own_core = of_rows
    m, w = P.shape
    shift, longest = halves(columns, w)
    for e in range(m):
        i, p = at[e], P[e]
        a = rows.first + i
        half = rows.half[a]
        slack = 2.0 * error * (np.sqrt(half) + np.sqrt(longest)) ** 2 + TINY
        maybe = np.float32(half - 0.5 * sums_of(best[i], alpha, kind) - slack)
        if not largest_less(p, shift) >= maybe:
            continue
        for j in range(w):
            if p[j] - shift[j] >= maybe:
                b = columns.first + j
                number = columns.numbers[b]
                floor = max(own_core[a], core[b])
                if own_component[a] == component[b] or floor > best[i]:
                    continue
                if floor == best[i] and number > other[i]:
                    continue
                weight = max(floor, restored(square(rows.X, a, columns.X, b), kind) / alpha)
                if weight < best[i] or (weight == best[i] and number < other[i]):
                    best[i], other[i] = weight, number
                    maybe = np.float32(half - 0.5 * sums_of(weight, alpha, kind) - slack)


@jit(**INNER)
def sums_of(weight, alpha, kind):
    """An upper bound of the sums whose weight is at most `weight`."""
    if weight == np.inf:
        return np.inf
    distance = weight * alpha
    if kind.power == 2.0:
        return distance * distance * (1.0 + 1e-12)
    return distance / kind.scale * (1.0 + 1e-12)
