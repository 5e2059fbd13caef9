"""Loops over CSR rows: expanded squares with an error bound, then exact sums where it is too wide.

A row x with m stored values is compared with all centres c at once, at a cost of m per centre:

    |x - c|^2 = sum over heavy columns of (x_a - c_a)^2 + |x|^2 + |c|^2 - 2 x.c over the others.

With u = 2^-53, the error of adding the last three in their order is at most (2 m + 128) u (|x|^2 +
|c|^2), because the error of |c|^2 is below 60 u |c|^2. The kernels of dense rows add up all d
columns; the error of their sum, in whatever order, is at most (d + 4) u times the sum. Where these
bounds do not decide the nearest centre, or leave too few digits, `measure` computes that very sum.
So labels are those of dense rows, ties included. `measure` skips blocks of zeros, which change no
bit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...cpu.direct import squared_distance
from ...cpu.jit import INNER, jit

#: Columns per block that `measure` adds or skips: a multiple of the lanes in which compilers add up
#: squares (4 registers of 8 at most), so that skipping a block moves no column to another lane.
BLOCK = 32
#: Largest error of an expanded square, as a share of it; with more, the distance is measured.
SHARE = 1e-10
#: More than can be lost to underflow.
TINY = 2.0**-960
#: Rows that are processed together.
TILE = 64
EPS = 2.0**-52


class CsrRows(NamedTuple):
    """CSR rows, with their values in the heavy columns stored separately."""

    data: Any
    indices: Any
    indptr: Any
    light: Any  # data with zeros in the heavy columns
    heavy: Any  # columns whose differences are squared one by one
    values: Any  # (n, heavy columns)


class Centres(NamedTuple):
    """Centres by rows and by columns; |c|^2 over columns that are not heavy.

    The blocks of columns in which centre j is not zero are blocks[starts[j] : starts[j + 1]].
    """

    rows: Any  # (k, d)
    columns: Any  # (d, k)
    squares: Any  # (k,)
    starts: Any
    blocks: Any


class Scratch(NamedTuple):
    """A row as a dense one, the blocks of its stored values, and temporaries for two dense rows."""

    x: Any
    blocks: Any
    few: Any
    few_centre: Any


@jit(**INNER)
def scratch_for(rows, centres):
    d = centres.rows.shape[1]
    x = np.zeros(d, rows.data.dtype)
    return Scratch(x, np.empty(d // BLOCK + 1, np.int32), np.empty(d, x.dtype), np.empty(d))


@jit
def describe(C, light, first, last, squares, used):
    """For the centres first..last, compute |c|^2 over the columns whose `light` is 1, and find the
    blocks where they are not zero. The sums of blocks are added with Neumaier's correction (1974).
    """
    d = C.shape[1]
    for j in range(first, last):
        total = rest = 0.0
        for b in range(used.shape[1]):
            s, some = 0.0, False
            for a in range(b * BLOCK, min(d, (b + 1) * BLOCK)):
                c = C[j, a]
                s += c * c * light[a]
                some |= c != 0.0
            used[j, b] = some
            t = total + s
            rest += (total - t) + s if total >= s else (s - t) + total
            total = t
        squares[j] = total + rest


@jit
def transpose(C, first, last, out):
    """Copy columns first..last of C to the same rows of out."""
    for a in range(first, last):
        for j in range(C.shape[0]):
            out[a, j] = C[j, a]


@jit(**INNER)
def expand(light, indices, indptr, heavy, values, columns, squares, start, own, acc):
    """Compute acc (rows, k), expanded squared distances of the rows from start on, and own, their
    |x|^2 over columns that are not heavy.

    Takes single arrays, because numba counts references to the arrays of a tuple.
    """
    for p in range(acc.shape[0]):
        i, to = start + p, acc[p]
        for j in range(to.shape[0]):
            to[j] = squares[j]
        s = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            v = np.float64(light[e])
            s += v * v
            column = columns[indices[e]]
            for j in range(to.shape[0]):
                to[j] -= 2.0 * v * column[j]
        for j in range(to.shape[0]):
            to[j] = max(to[j] + s, 0.0)
        for h in range(heavy.shape[0]):
            v = values[i, h]
            column = columns[heavy[h]]
            for j in range(to.shape[0]):
                to[j] += (v - column[j]) ** 2
        own[p] = s


@jit(**INNER)
def expand_rows(rows, centres, start, own, acc):
    expand(
        rows.light, rows.indices, rows.indptr, rows.heavy, rows.values, centres.columns,
        centres.squares, start, own, acc,
    )  # fmt: skip


@jit(**INNER)
def rounding(indptr, i):
    """Bound on the error of row i's expanded squares, as a share of |x|^2 + |c|^2."""
    return EPS * (indptr[i + 1] - indptr[i] + 65)


@jit(**INNER)
def scatter(rows, i, scratch):
    """Write row i to scratch.x and its blocks to scratch.blocks; returns their number."""
    count, last = 0, -1
    for e in range(rows.indptr[i], rows.indptr[i + 1]):
        a = rows.indices[e]
        scratch.x[a] = rows.data[e]
        if a // BLOCK != last:
            last = a // BLOCK
            scratch.blocks[count] = last
            count += 1
    return count


@jit(**INNER)
def clear(rows, i, scratch):
    for e in range(rows.indptr[i], rows.indptr[i + 1]):
        scratch.x[rows.indices[e]] = 0


@jit(**INNER)
def gather(x, c, own, others, few, few_centre):
    """Copy the columns of x and c that are in a block of either (own, others) or after the last
    whole block but one; returns their number.
    """
    last = x.shape[0] // BLOCK - 1
    m, p, q = 0, 0, 0
    while p < own.shape[0] or q < others.shape[0]:
        b = own[p] if p < own.shape[0] else last
        b = min(b, others[q]) if q < others.shape[0] else b
        if b >= last:
            break
        p += p < own.shape[0] and own[p] == b
        q += q < others.shape[0] and others[q] == b
        for a in range(BLOCK):
            few[m + a] = x[b * BLOCK + a]
        for a in range(BLOCK):
            few_centre[m + a] = c[b * BLOCK + a]
        m += BLOCK
    for a in range(last * BLOCK, x.shape[0]):
        few[m] = x[a]
        few_centre[m] = c[a]
        m += 1
    return m


@jit(**INNER)
def measure(centres, j, count, scratch):
    """The squared distance of the scattered row to centre j, added as the kernels of dense rows do.

    A row of d columns has d // BLOCK whole blocks. The last of them and the columns after it are
    always included, so that the loop ends like a loop over all columns.
    """
    c = centres.rows[j]
    others = centres.blocks[centres.starts[j] : centres.starts[j + 1]]
    if 2 * (count + others.shape[0]) >= c.shape[0] // BLOCK:
        return squared_distance(scratch.x, c)
    m = gather(scratch.x, c, scratch.blocks[:count], others, scratch.few, scratch.few_centre)
    return squared_distance(scratch.few[:m], scratch.few_centre[:m])


@jit(**INNER)
def open_rows(indptr, squares, allowed, start, limits, own, acc, is_open):
    """Mark the rows with a distance that may be below the row's limit and whose error may exceed
    the allowed share of it; returns their number.
    """
    count = 0
    for p in range(acc.shape[0]):
        share, limit, some = rounding(indptr, start + p), limits[p], False
        for j in range(acc.shape[1]):
            error = share * (own[p] + squares[j])
            some |= (acc[p, j] - error < limit) & (error > allowed * acc[p, j])
        is_open[p] = some and limit > 0.0
        count += is_open[p]
    return count


@jit(**INNER)
def mend_row(rows, i, centres, allowed, own, limit, scratch, acc):
    """Measure those distances of a row for which `open_rows` marked it."""
    share = rounding(rows.indptr, i)
    count = scatter(rows, i, scratch)
    for j in range(acc.shape[0]):
        error = share * (own + centres.squares[j])
        if acc[j] - error < limit and error > allowed * acc[j]:
            acc[j] = measure(centres, j, count, scratch)
    clear(rows, i, scratch)


@jit(**INNER)
def expand_and_mend(rows, centres, allowed, start, limits, scratch, own, is_open, acc):
    """Squared distances of the rows from start on; those that may be below the row's limit have an
    error of at most the allowed share.
    """
    expand_rows(rows, centres, start, own, acc)
    if open_rows(rows.indptr, centres.squares, allowed, start, limits, own, acc, is_open) == 0:
        return
    for p in range(acc.shape[0]):
        if is_open[p]:
            mend_row(rows, start + p, centres, allowed, own[p], limits[p], scratch, acc[p])


@jit(**INNER)
def pick(indptr, squares, other, digits, start, own, acc, labels):
    """Labels of rows; those that `settle` must decide are written as ~label and counted.

    other : bound on the error of a sum over all columns, as a share of itself
    """
    count = 0
    for p in range(acc.shape[0]):
        share = rounding(indptr, start + p)
        row = acc[p]
        best = np.argmin(row)
        error = share * (own[p] + squares[best])
        limit = row[best] * (1.0 + other) + error + TINY
        near = 0
        for j in range(row.shape[0]):
            near += row[j] * (1.0 - other) - share * (own[p] + squares[j]) <= limit
        is_open = near > 1 or (digits and error > SHARE * row[best])
        labels[p] = ~best if is_open else best
        count += is_open
    return count


@jit(**INNER)
def settle(rows, i, centres, other, own, scratch, acc):
    """Label and squared distance of row i, from measured distances."""
    share = rounding(rows.indptr, i)
    best, least = int(np.argmin(acc)), np.inf
    limit = acc[best] * (1.0 + other) + share * (own + centres.squares[best]) + TINY
    count = scatter(rows, i, scratch)
    for j in range(acc.shape[0]):
        if acc[j] * (1.0 - other) - share * (own + centres.squares[j]) <= limit:
            s = measure(centres, j, count, scratch)
            if s < least:
                best, least = j, s
    clear(rows, i, scratch)
    return best, least


@jit
def label_rows(rows, centres, start, stop, labels, squared):
    """Nearest centres of rows start..stop; squared may be empty."""
    d, k = centres.rows.shape[1], centres.squares.shape[0]
    other = EPS * (d + rows.heavy.shape[0] + 8)
    digits = squared.shape[0] > 0
    scratch = scratch_for(rows, centres)
    own, acc = np.empty(TILE), np.empty((TILE, k))
    for a in range(start, stop, TILE):
        n = min(TILE, stop - a)
        expand_rows(rows, centres, a, own, acc[:n])
        count = pick(
            rows.indptr, centres.squares, other, digits, a, own, acc[:n], labels[a : a + n]
        )
        if digits:
            for p in range(n):
                j = labels[a + p]
                squared[a + p] = acc[p, j if j >= 0 else ~j]
        for p in range(n if count > 0 else 0):
            if labels[a + p] < 0:
                labels[a + p], s = settle(rows, a + p, centres, other, own[p], scratch, acc[p])
                if digits:
                    squared[a + p] = s


@jit
def square_rows(rows, centres, start, stop, out):
    """All squared distances of rows start..stop."""
    scratch = scratch_for(rows, centres)
    own, is_open, limits = np.empty(TILE), np.empty(TILE, np.bool_), np.full(TILE, np.inf)
    for a in range(start, stop, TILE):
        acc = out[a : min(stop, a + TILE)]
        expand_and_mend(rows, centres, SHARE, a, limits, scratch, own, is_open, acc)


@jit
def own_rows(rows, centres, labels, start, stop, out):
    """Measured squared distances of rows start..stop to the centre of their label."""
    scratch = scratch_for(rows, centres)
    for i in range(start, stop):
        count = scatter(rows, i, scratch)
        out[i] = measure(centres, labels[i], count, scratch)
        clear(rows, i, scratch)


@jit
def gain_rows(rows, centres, allowed, w, start, stop, closest, gains):
    """Add to `gains` how much each centre would reduce the weighted sum of `closest`."""
    scratch = scratch_for(rows, centres)
    own, is_open, acc = np.empty(TILE), np.empty(TILE, np.bool_), np.empty((TILE, len(gains)))
    for a in range(start, stop, TILE):
        n = min(TILE, stop - a)
        limits = closest[a : a + n]
        expand_and_mend(rows, centres, allowed, a, limits, scratch, own, is_open, acc[:n])
        for p in range(n):
            for g in range(gains.shape[0]):
                if acc[p, g] < limits[p]:
                    less = limits[p] - acc[p, g]
                    gains[g] += less * w[a + p] if w.shape[0] > 0 else less


@jit
def accept_rows(rows, centres, allowed, start, stop, closest):
    """Lower `closest` to the squared distance to the only centre where that is smaller."""
    scratch = scratch_for(rows, centres)
    own, is_open, acc = np.empty(TILE), np.empty(TILE, np.bool_), np.empty((TILE, 1))
    for a in range(start, stop, TILE):
        n = min(TILE, stop - a)
        limits = closest[a : a + n]
        expand_and_mend(rows, centres, allowed, a, limits, scratch, own, is_open, acc[:n])
        for p in range(n):
            limits[p] = min(limits[p], acc[p, 0])
