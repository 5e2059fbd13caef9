"""k-means in many dimensions: a cheap screen with a rigorous error bound before exact distances.

A row z and a centre e in m dimensions (all d of them, or an orthogonal projection onto a few) are
compared by a float32 matrix product. The true squared distance differs from the screened one, a, by
at most h = n_x S_e + r_x R_e. The first term bounds the rounding of the product; the second is,
with a projection, twice the product of the lengths of both residuals. A centre whose interval
[a - h, a + h] lies above the least upper end can't be nearest. If several are left, their distances
are computed in float64. Between iterations an upper and a lower bound spare rows whose nearest
centre can't have changed (Hamerly, SIAM SDM 2010). Skipping never changes a result.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..direct import squared_distance
from ..jit import INNER, jit
from ..ranges import CHUNK

#: Most entries of a product for which OpenBLAS uses its code for small matrices.
SMALL = 1 << 10
FAR = np.float32(3e38)
#: A centre whose squared length is above this is not screened, because its terms may exceed
#: float32. Rows are within 1e12 of the origin in each column, so the true value for such a centre
#: is above a quarter of this.
VAST = 4e36
#: float32 bounds are widened by this factor after each step of arithmetic.
UP = np.float32(1 + 2**-21)
DOWN = np.float32(1 - 2**-21)
#: More than a float32 bound can lose by underflow.
TINY = np.float32(2**-120)
#: Centres per shortlist. Longer lists avoid more screens against all centres; shorter ones are
#: screened faster.
LISTED = 4
#: A key above the bits of any lower end.
LARGEST = np.int32(2**31 - 1)


class ImageRows(NamedTuple):
    """Rows and their float32 images; see image.RowImage."""

    X: np.ndarray  # (n, d)
    Z: np.ndarray  # (n, m), the images
    norm: np.ndarray  # (n,) upper bounds of lengths; rounding errors are proportional to them
    rest: np.ndarray  # (n,) upper bounds of the lengths of a projection's residuals
    centred: np.ndarray  # (n,) squared distances from the mean, in the units of Z
    factor: float  # distance between images per distance between rows


class LazyRows(NamedTuple):
    """Rows whose images are made when they are screened: factor (x - origin)."""

    X: np.ndarray  # (n, d)
    mean: np.ndarray  # (d,)
    origin: np.ndarray  # (d,), the mean or zeros
    factor: float  # as in ImageRows


class ImageCenters(NamedTuple):
    """Centres, their images, and the terms of their intervals; see `centre_terms`."""

    C: np.ndarray  # (k, d)
    E: np.ndarray  # (k, m), the images
    terms: np.ndarray  # (4, k)


class Assignment(NamedTuple):
    """Labels and bounds of the rows, kept between iterations; distances in the units of Z."""

    labels: np.ndarray
    upper: np.ndarray  # upper bounds of the distance to the assigned centre
    lower: np.ndarray  # lower bounds of the distance to any other centre
    changed: np.ndarray  # set where a label changes


class Tile(NamedTuple):
    """Temporaries for the rows that one product screens; see `intervals`."""

    T: np.ndarray  # (k, rows)
    rest: np.ndarray
    norm: np.ndarray
    centred: np.ndarray
    best: np.ndarray
    out: np.ndarray
    near: np.ndarray
    first: np.ndarray
    last: np.ndarray


@jit(**INNER)
def empty_tile(k, rows):
    return Tile(
        np.empty((k, rows), np.float32), np.zeros(rows, np.float32), np.zeros(rows, np.float32),
        np.empty(rows, np.float32), np.empty(rows, np.float32), np.empty(rows, np.float32),
        np.empty(rows, np.int32), np.zeros(rows, np.int32), np.zeros(rows, np.int32),
    )  # fmt: skip


@jit(**INNER)
def underflow(m):
    """Most that a product of m columns may lose by underflow of its terms."""
    return (m + 8) * 2.0**-122


@jit
def rounding(m):
    """Bound of the rounding error of 2 z.e in float32, as a share of |z| |e|."""
    return 2.0 * (m + 4) * 2.0**-24 + 2.0**-21


def centre_terms(E, images, mean, shifted, kappa):
    """The terms (4, k) of the centres' intervals; see `intervals`.

    E: factor (C - mean). images: E, or its projection. shifted: whether images of rows are
    relative to the mean too. kappa: the error of a row's image as a share of the row's length.
    Centres too far for float32 get intervals that contain all large values, and their images are
    set to zeros.
    """
    (k, d), m = E.shape, images.shape[1]
    share = rounding.py_func(m) + 2.0 * kappa
    wider = 1 + 1e-6
    with np.errstate(all="ignore"):  # centres that are too far overflow
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
    """Upper bounds in float32 of how far each centre moved, followed by the two largest."""
    with np.errstate(over="ignore"):
        shifts = C - previous
        lengths = np.sqrt(np.einsum("kd,kd->k", shifts, shifts)) * factor * (1 + 1e-6)
        drift = lengths.astype(np.float32) * UP
    largest = np.sort(np.append(drift, np.float32(0.0)))[:-3:-1]
    return np.concatenate([drift, largest])


@jit(**INNER, fastmath={"reassoc", "contract", "nsz", "nnan", "ninf"})
def intervals(terms, tile):
    """Compute the intervals of the products T (k, rows) and compare them, row by row.

    best: each row's least upper end. near: the number of intervals that reach below `best`; first
    and last: the first and the last of them. out: the least lower end of the others. T becomes the
    lower ends. terms (4, k): squared norms of the centres, their error, and the factors of `rest`
    and `norm` in the error. Vector loops run over rows.
    """
    T, rest, norm, _, best, out, count, first, last = tile
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

    A tile should stay in a core's cache. Products of few centres are up to three times as fast
    where OpenBLAS uses its code for small matrices, which makes no copies; the gain is smaller
    with fewer columns.
    """
    few = (k <= 12 and m >= 32) or (k <= 24 and m >= 64) or (k <= 32 and m >= 256)
    return min(CHUNK, SMALL // k) if few else max(32, min(CHUNK, (1 << 18) // k))


@jit
def measure(x, C, T, p, best, count, first, last):
    """The nearest of the centres whose interval reaches below `best`: its label, its squared
    distance and that of the second nearest.
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
def settle(X, factor, C, tile, n, active, assignment):
    """Write the labels and bounds of the tile's first n rows, whose indices are in `active`.

    Returns the number of exact distances that were computed.
    """
    T, _, norm, centred, best, out, count, first, last = tile
    labels, upper, lower, changed = assignment
    measured = 0
    for p in range(n):
        i = active[p]
        g = 2.0**-21 * np.float64(norm[p]) ** 2  # bounds the rounding of `centred` to float32
        new = last[p]
        own = np.float64(centred[p]) + np.float64(best[p]) + g
        other = np.float64(centred[p]) + np.float64(out[p]) - g
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
    """Widen the bounds after the centres moved: `upper` by the drift of the assigned centre,
    `lower` by the largest drift of the others.
    """
    k = drift.shape[0] - 2
    away = np.empty(k, np.float32)
    for j in range(k):
        away[j] = (drift[k + 1] if drift[j] == drift[k] else drift[k]) * UP
    for i in range(labels.shape[0]):
        upper[i] = (upper[i] + drift[labels[i]]) * UP
    for i in range(labels.shape[0]):
        lower[i] = lower[i] * DOWN - away[labels[i]]


@jit(**INNER)
def copy_images(rows, active, n, tile, z):
    """Put the images of the first n active rows into a tile."""
    _, Z, norm, rest, centred, _ = rows
    for p in range(n):
        i = active[p]
        tile.rest[p] = rest[i]
        tile.norm[p] = norm[i]
        tile.centred[p] = centred[i]
        row, to = Z[i], z[p]
        for a in range(z.shape[1]):
            to[a] = row[a]


@jit(**INNER, fastmath={"reassoc", "contract", "nsz"})
def make_images(rows, active, n, tile, z):
    """As `copy_images`, of rows whose images are made here; there is no projection."""
    X, mean, origin, factor = rows
    for p in range(n):
        row, to = X[active[p]], z[p]
        length = centred = 0.0
        for a in range(z.shape[1]):
            x = np.float64(row[a])
            y, t = (x - origin[a]) * factor, (x - mean[a]) * factor
            length += y * y
            centred += t * t
            to[a] = y
        tile.rest[p] = 0
        tile.norm[p] = np.float32(np.sqrt(length)) * UP
        tile.centred[p] = centred


@jit
def screen_rows(X, factor, rows, lazy, centers, drift, first_call, start, stop, assignment):
    """Assign rows start..stop; the first call does not read their bounds.

    rows, lazy : ImageRows and None, or None and LazyRows
    drift (k + 2): bounds of how far each centre moved, in the units of Z, then the two largest.
    Returns the number of screened rows and the number of exact distances.
    """
    C, E, terms = centers
    labels, upper, lower, _ = assignment
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
            n += 1
        if n == height or (i == stop - 1 and n > 0):
            if rows is not None:
                copy_images(rows, active, n, tile, z)
            if lazy is not None:
                make_images(lazy, active, n, tile, z)
            np.dot(E, z.T, tile.T)
            intervals(terms, tile)
            measured += settle(X, factor, C, tile, n, active, assignment)
            screened += n
            n = 0
    return screened, measured


@jit(fastmath={"reassoc", "contract", "nsz", "nnan", "ninf"})
def shortlists(T, terms, rest, norm, base, best, ends, keys):
    """Find the LISTED + 1 centres of least lower ends, for each column of the products T (k, rows).

    keys (LISTED + 1, CHUNK), flat: keys of the least lower ends, in rising order. A key has the
    bits of a positive float32, which sort as its values do; its last bits, as many as k needs, are
    the centre's index. ends: square roots of the lower ends, safe lower bounds of distances. best:
    square roots of the least upper ends. base: |x|^2, less an allowance for rounding.
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
        # loops over few arrays, so that LLVM vectorises them
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
    """A mask of a key's bits that belong to the lower end."""
    size = 1
    while size < k:
        size *= 2
    return np.int32(-size)


@jit(inline="always")
def insert(bits, mask, j, keys, n):
    """Insert the lower ends of centre j into the sorted keys."""
    for p in range(n):
        v = bits[p]
        v = np.int32(0) if v < 0 else v
        v = np.int32(np.int32(v & mask) | j)
        # CHUNK is a constant, so LLVM knows that these places don't overlap
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
