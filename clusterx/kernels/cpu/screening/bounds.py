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

from typing import NamedTuple

import numpy as np

from ..direct import squared_distance
from ..jit import INNER, jit
from ..ranges import CHUNK

#: Entries of a product that OpenBLAS takes for small.
SMALL = 1 << 10
FAR = np.float32(3e38)
#: Squares of lengths above this are not screened, for terms of theirs may exceed float32. Rows are
#: within 1e12 of the origin in each column, so such a centre's true value is above a quarter of it.
VAST = 4e36
#: float32 bounds are widened by this much after each step of arithmetic.
UP = np.float32(1 + 2**-21)
DOWN = np.float32(1 - 2**-21)
#: More than all that a float32 bound loses below the least normal number.
TINY = np.float32(2**-120)
#: Centres on a list: more spare more screening against all, fewer are screened faster.
LISTED = 4
#: Above the bits of any lower end.
LARGEST = np.int32(2**31 - 1)


class ImageRows(NamedTuple):
    """Rows and their float32 images; see image.RowImage."""

    X: np.ndarray  # (n, d)
    Z: np.ndarray  # (n, m), the images
    norm: np.ndarray  # (n,) upper bounds, to which the rounding of products is in proportion
    rest: np.ndarray  # (n,) upper bounds of what a projection leaves
    centred: np.ndarray  # (n,) squared distances from the mean, in the units of Z
    factor: float  # from distances between rows to those between images


class ImageCenters(NamedTuple):
    """Centres and what the screen compares them by; see `centre_terms`."""

    C: np.ndarray  # (k, d)
    E: np.ndarray  # (k, m), the images
    terms: np.ndarray  # (4, k)


class Assignment(NamedTuple):
    """What is known of each row, kept between iterations; distances in the units of Z."""

    labels: np.ndarray
    upper: np.ndarray  # bounds of the distance to the own centre
    lower: np.ndarray  # bounds of the distance to any other
    changed: np.ndarray  # set where a label changes


class Tile(NamedTuple):
    """Room for the rows that are screened by one product; see `intervals`."""

    T: np.ndarray  # (k, rows)
    rest: np.ndarray
    norm: np.ndarray
    best: np.ndarray
    out: np.ndarray
    near: np.ndarray
    first: np.ndarray
    last: np.ndarray


@jit(**INNER)
def empty_tile(k, rows):
    return Tile(
        np.empty((k, rows), np.float32), np.zeros(rows, np.float32), np.zeros(rows, np.float32),
        np.empty(rows, np.float32), np.empty(rows, np.float32), np.empty(rows, np.int32),
        np.zeros(rows, np.int32), np.zeros(rows, np.int32),
    )  # fmt: skip


@jit(**INNER)
def underflow(m):
    """What a product of m columns may lose in all where its terms underflow."""
    return (m + 8) * 2.0**-122


@jit
def rounding(m):
    """Of 2 z.e in float32, as a share of |z| |e|."""
    return 2.0 * (m + 4) * 2.0**-24 + 2.0**-21


def centre_terms(E, images, mean, shifted, kappa):
    """The terms (4, k) of the centres' intervals; see `intervals`.

    E: factor (C - mean); images: what the screen sees of that; shifted: whether rows are seen
    about the mean too; kappa: the error of a row's image as a share of the row. Centres too far
    for float32 get intervals that hold anything far, and an image of zeros.
    """
    (k, d), m = E.shape, images.shape[1]
    share = rounding.py_func(m) + 2.0 * kappa
    wider = 1 + 1e-6
    with np.errstate(all="ignore"):  # of centres that are too far
        whole = np.einsum("kd,kd->k", E, E)
        size, left = whole, np.zeros(k)
        if m < d:
            size = np.einsum("kd,kd->k", images, images, dtype=np.float64)
            left = 2.0 * np.sqrt(np.maximum(whole - size, 0.0) + 1e-12 * whole)
        centre = whole if shifted else whole + 2.0 * (E @ mean)
        slop = 2.0**-21 * (np.abs(centre) + whole) + underflow.py_func(m)
        terms = np.stack([centre, slop * wider, left * wider, share * np.sqrt(size) * wider])
        terms = terms.astype(np.float32)
    vast = ~(whole < VAST)
    images[vast] = 0.0
    terms[:, vast] = [[1.6e38], [1.59e38], [0.0], [0.0]]  # from 1e36 to more than FAR
    return terms


def movement(C, previous, factor):
    """Safe float32 bounds of how far each centre moved, then the two largest of them."""
    with np.errstate(over="ignore"):
        shifts = C - previous
        lengths = np.sqrt(np.einsum("kd,kd->k", shifts, shifts)) * factor * (1 + 1e-6)
        drift = lengths.astype(np.float32) * UP
    largest = np.sort(np.append(drift, np.float32(0.0)))[:-3:-1]
    return np.concatenate([drift, largest])


@jit(**INNER, fastmath={"reassoc", "contract", "nsz", "nnan", "ninf"})
def intervals(terms, tile):
    """Intervals of the columns of products T (k, rows), vectors running over rows.

    best: least upper ends; near, first, last: how many intervals reach below it, and which; out:
    the least lower end of the others. T becomes the lower ends. terms (4, k): squared norms of the
    centres, their error, and the factors of `rest` and `norm` in the error.
    """
    T, rest, norm, best, out, count, first, last = tile
    two = np.float32(2)
    n = T.shape[1]
    for p in range(n):
        best[p] = FAR
    for j in range(T.shape[0]):
        t = T[j]
        centre, slop, r, s = terms[0, j], terms[1, j], terms[2, j], terms[3, j]
        for p in range(n):
            a = centre - two * t[p]
            h = slop + rest[p] * r + norm[p] * s
            above = a + h
            t[p] = a - h
            best[p] = above if above < best[p] else best[p]
    for p in range(n):
        out[p] = FAR
        count[p] = 0
        first[p] = 0
    for j in range(T.shape[0]):
        t = T[j]
        for p in range(n):
            near = t[p] <= best[p]
            first[p] = np.int32(j) if near and count[p] == 0 else first[p]
            count[p] += np.int32(1) if near else np.int32(0)
            last[p] = np.int32(j) if near else last[p]
        for p in range(n):
            far = FAR if t[p] <= best[p] else t[p]
            out[p] = far if far < out[p] else out[p]


@jit
def tile_rows(k, m):
    """Rows of a tile of products with k centres in m columns.

    It is to stay in a core's cache. Products of few centres are up to three times as fast where
    OpenBLAS takes them for small ones, and makes no copies; shorter rows gain less by that.
    """
    few = (k <= 12 and m >= 32) or (k <= 24 and m >= 64) or (k <= 32 and m >= 256)
    return min(CHUNK, SMALL // k) if few else max(32, min(CHUNK, (1 << 18) // k))


@jit
def measure(x, C, T, p, best, count, first, last):
    """The nearest of the centres whose interval reaches below `best`: its label, its squared
    distance and the next one's.
    """
    label = first
    squared = squared_distance(x, C[first])
    second = squared_distance(x, C[last])
    if second < squared:
        label, squared, second = last, second, squared
    if count > 2:
        for j in range(first + 1, last):
            if T[j, p] <= best:
                s = squared_distance(x, C[j])
                if s < squared or (s == squared and j < label):
                    label, squared, second = np.int32(j), s, squared
                elif s < second:
                    second = s
    return label, squared, second


@jit(**INNER)
def settle(rows, C, tile, n, active, found):
    """Write the labels and bounds of the tile's first n rows, which `active` names; returns the
    number of distances measured.
    """
    X, centred, factor = rows.X, rows.centred, rows.factor
    T, _, norm, best, out, count, first, last = tile
    labels, upper, lower, changed = found
    measured = 0
    for p in range(n):
        i = active[p]
        g = 2.0**-21 * np.float64(norm[p]) ** 2  # of `centred` in float32
        new = last[p]
        own = np.float64(centred[i]) + np.float64(best[p]) + g
        other = np.float64(centred[i]) + np.float64(out[p]) - g
        if count[p] > 1:
            new, squared, second = measure(X[i], C, T, p, best[p], count[p], first[p], last[p])
            own = squared * factor * factor
            other = min(other, second * factor * factor)
            measured += count[p]
        upper[i] = np.float32(np.sqrt(max(own, 0.0))) * UP
        lower[i] = np.float32(np.sqrt(max(other, 0.0))) * DOWN - TINY
        if labels[i] != new:
            labels[i] = new
            changed[i] = 1
    return measured


@jit(**INNER)
def loosen(labels, drift, upper, lower):
    """Bounds that hold after the centres moved: each row's own, and the farthest of the others."""
    k = drift.shape[0] - 2
    away = np.empty(k, np.float32)
    for j in range(k):
        away[j] = (drift[k + 1] if drift[j] == drift[k] else drift[k]) * UP
    for i in range(labels.shape[0]):
        upper[i] = (upper[i] + drift[labels[i]]) * UP
    for i in range(labels.shape[0]):
        lower[i] = lower[i] * DOWN - away[labels[i]]


@jit
def screen_rows(rows, centers, drift, first_call, start, stop, found):
    """Assign rows start..stop, whose bounds are not read in the first call.

    drift (k + 2): bounds of how far each centre moved, in the units of Z, then the two largest.
    Returns the number of rows that were screened and of distances that were measured.
    """
    _, Z, norm, rest, _, _ = rows
    C, E, terms = centers
    labels, upper, lower, _ = found
    k, m = E.shape
    height = tile_rows(k, m)
    tile = empty_tile(k, height)
    z = np.zeros((height, m), np.float32)
    active = np.empty(height, np.int64)
    screened = 0
    measured = 0
    n = 0
    if not first_call:
        loosen(labels[start:stop], drift, upper[start:stop], lower[start:stop])
    for i in range(start, stop):
        if first_call or not upper[i] < lower[i]:
            active[n] = i
            tile.rest[n] = rest[i]
            tile.norm[n] = norm[i]
            row = Z[i]
            to = z[n]
            for a in range(m):
                to[a] = row[a]
            n += 1
        if n == height or (i == stop - 1 and n > 0):
            np.dot(E, z.T, tile.T)
            intervals(terms, tile)
            measured += settle(rows, C, tile, n, active, found)
            screened += n
            n = 0
    return screened, measured


@jit(fastmath={"reassoc", "contract", "nsz", "nnan", "ninf"})
def shortlists(T, terms, rest, norm, base, best, ends, keys):
    """The centres of least lower ends, for each column of the products T (k, rows).

    keys (LISTED + 1, CHUNK), flat: the least lower ends, rising. A key is the bits of a positive
    float32, which order as its values do; the last ones, as many as k takes, are the centre's.
    ends: their roots, safe bounds of distances; best: the roots of the least upper ends. base:
    |x|^2, less what rounding takes.
    """
    two = np.float32(2)
    n = T.shape[1]
    bits, mask = ends.view(np.int32), key_mask(T.shape[0])
    for p in range(n):
        best[p] = FAR
    for p in range((LISTED + 1) * CHUNK):
        keys[p] = LARGEST
    for j in range(T.shape[0]):
        t = T[j]
        centre, slop, r, s = terms[0, j], terms[1, j], terms[2, j], terms[3, j]
        # loops of few arrays: what compilers vectorise
        for p in range(n):
            above = (centre - two * t[p]) + (slop + rest[p] * r + norm[p] * s)
            best[p] = above if above < best[p] else best[p]
        for p in range(n):
            ends[p] = base[p] + ((centre - two * t[p]) - (slop + rest[p] * r + norm[p] * s))
        insert(bits, mask, np.int32(j), keys, n)
    for p in range((LISTED + 1) * CHUNK):
        bits[p] = keys[p] & mask
    for p in range((LISTED + 1) * CHUNK):
        ends[p] = np.sqrt(ends[p]) * DOWN - TINY
    for p in range(n):
        top = base[p] + np.float32(2.0**-19) * norm[p] * norm[p] + best[p]
        best[p] = np.sqrt(top if top > 0 else np.float32(0)) * UP


@jit(inline="always")
def key_mask(k):
    """The bits of a key that are the lower end's."""
    size = 1
    while size < k:
        size *= 2
    return np.int32(-size)


@jit(inline="always")
def insert(bits, mask, j, keys, n):
    """Centre j's lower ends into the sorted keys."""
    for p in range(n):
        v = bits[p]
        v = np.int32(0) if v < 0 else v
        v = np.int32(np.int32(v & mask) | j)
        # CHUNK is known when this is compiled, and so is that these don't overlap
        a, b, c = keys[p], keys[CHUNK + p], keys[2 * CHUNK + p]
        d, e = keys[3 * CHUNK + p], keys[4 * CHUNK + p]
        keys[p] = v if v < a else a
        v = a if v < a else v
        keys[CHUNK + p] = v if v < b else b
        v = b if v < b else v
        keys[2 * CHUNK + p] = v if v < c else c
        v = c if v < c else v
        keys[3 * CHUNK + p] = v if v < d else d
        v = d if v < d else v
        keys[4 * CHUNK + p] = v if v < e else e
