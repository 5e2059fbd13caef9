"""Labels of rows of few columns, and their inertia: no distance is written.

The inertia is the sum, in their order, of what fixed blocks of rows contribute.
"""

from __future__ import annotations

import numpy as np

from ...cpu import ranges
from ...cpu.boxes import candidates, lanes
from ...cpu.jit import jit
from ...cpu.threads import run_blocks
from . import step

#: Rows that are summed together. So many 8-bit colours add up to less than 2^21, and the squares
#: of their channels to less than 2^31.
BLOCK = 8192
#: Colours that a task looks up.
COLORS = 8 * BLOCK
#: Width of the cells of colours, and how many there are along an axis.
WIDTH = 8
CELLS = 256 // WIDTH
#: A table of the labels of all colours is made for more rows than this.
MANY = 1 << 22


def label(X: np.ndarray, C: np.ndarray, w: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Nearest centre of each row, (n,) int32; the weighted sum of squared distances."""
    C = np.ascontiguousarray(C, np.float64)
    n, k = len(X), len(C)
    if X.dtype == np.uint8 and X.shape[1] == 3 and w is None and k <= 256 and n >= MANY:
        return label_colors(X, C)
    weights = step.UNIT if w is None else np.asarray(w, np.float64)
    labels = np.empty(n, np.int32)
    parts = ranges.blocks(n, BLOCK)
    inertia = np.empty(len(parts))

    def block(b):
        inertia[b] = label_rows(X, weights, C, *parts[b], labels)

    run_blocks(block, len(parts))
    return labels, float(inertia.sum())


def label_colors(X: np.ndarray, C: np.ndarray) -> tuple[np.ndarray, float]:
    """The same for many 8-bit colours: a table has the nearest of at most 256 centres to each.

    Sums of whole numbers are exact. With r the nearest colour to the centre c of row x, and
    e = c - r, |x - c|^2 = |x - r|^2 - 2 e.(x - r) + |e|^2, whose sums lose no digits to each other.
    """
    n, k = len(X), len(C)
    table = np.empty((CELLS, CELLS, CELLS, WIDTH, WIDTH, WIDTH), np.uint8)
    run_blocks(lambda b: label_plane(C, b, table[b]), CELLS)
    labels = np.empty(n, np.int32)
    parts = ranges.blocks(n, COLORS)
    sums = np.zeros((len(parts), k, 4), np.int64)
    squares = np.empty(len(parts), np.int64)
    places = _places()
    flat = table.reshape(-1)

    def block(b):
        squares[b] = look_up(X, flat, *places, *parts[b], labels, sums[b])

    run_blocks(block, len(parts))
    total = sums.sum(axis=0)
    own, counts = total[:, :3], total[:, 3:]
    near = np.rint(np.clip(C, 0.0, 255.0)).astype(np.int64)
    about = own - counts * near
    whole = squares.sum() - (near * (own + about)).sum()
    rest = C - near
    return labels, float(whole + (rest * (counts * rest - 2.0 * about)).sum())


def _places() -> list[np.ndarray]:
    """What each channel's value adds to a colour's place in the table."""
    cell, within = np.divmod(np.arange(256, dtype=np.uint32), np.uint32(WIDTH))
    return [cell * np.uint32(CELLS**p * WIDTH**3) + within * np.uint32(WIDTH**p) for p in (2, 1, 0)]


@jit
def label_plane(C, first, table):
    """Labels of the colours in the cells of a plane, whose red is in cell `first`."""
    k, size = C.shape[0], WIDTH**3
    low, high = np.zeros((1, 3)), np.full((1, 3), 255.0)
    cands = np.empty((4, k), np.int64)
    for j in range(k):
        cands[0, j] = j
    XT = np.empty((3, size))
    squared, label, acc = np.empty(size), np.empty(size, np.int64), np.empty(0)
    for p in range(size):
        XT[0, p] = first * WIDTH + p // WIDTH**2
    low[0, 0], high[0, 0] = first * WIDTH, first * WIDTH + WIDTH - 1
    few = candidates.keep_candidates(low, high, 0, C, cands, 0, k)
    for second in range(CELLS):
        low[0, 1], high[0, 1] = second * WIDTH, second * WIDTH + WIDTH - 1
        low[0, 2], high[0, 2] = 0.0, 255.0
        fewer = candidates.keep_candidates(low, high, 0, C, cands, 1, few)
        for p in range(size):
            XT[1, p] = second * WIDTH + p // WIDTH % WIDTH
        for third in range(CELLS):
            low[0, 2], high[0, 2] = third * WIDTH, third * WIDTH + WIDTH - 1
            m = candidates.keep_candidates(low, high, 0, C, cands, 2, fewer)
            own = table[second, third].reshape(-1)
            if m == 1:
                own[:] = cands[3, 0]
                continue
            for p in range(size):
                XT[2, p] = third * WIDTH + p % WIDTH
            lanes.nearest_of(XT, 0, size, C, cands[3], m, squared, label, acc)
            for p in range(size):
                own[p] = label[p]


@jit
def look_up(X, table, red, green, blue, start, stop, labels, sums):
    """Labels of colours start..stop; the sum of their squares.

    sums (k, 4): sums of the colours of each label, and their number.
    """
    k = sums.shape[0]
    # two of each: a row need not wait for what the one before it adds to the same label
    packed, counts = np.empty((2, k), np.uint64), np.empty((2, k), np.uint32)
    one, middle, high, channel = np.uint32(1), np.uint64(21), np.uint64(42), np.uint64(0x1FFFFF)
    squares = 0
    for a in range(start, stop, BLOCK):
        e = min(stop, a + BLOCK)
        x, out = X[a:e], labels[a:e]
        packed[:] = 0
        counts[:] = 0
        for p in range(e - a):
            r, g, b = x[p, 0], x[p, 1], x[p, 2]
            label = table[red[r] + green[g] + blue[b]]
            out[p] = label
            packed[p & 1, label] += np.uint64(r) | np.uint64(g) << middle | np.uint64(b) << high
            counts[p & 1, label] += one
        for j in range(k):
            both = packed[0, j] + packed[1, j]
            sums[j, 0] += np.int64(both & channel)
            sums[j, 1] += np.int64(both >> middle & channel)
            sums[j, 2] += np.int64(both >> high)
            sums[j, 3] += np.int64(counts[0, j] + counts[1, j])
        squares += sum_of_squares(x.reshape(-1))
    return squares


@jit
def sum_of_squares(values):
    """Of few 8-bit values: it is below 2^32."""
    s = np.uint32(0)
    for p in range(values.shape[0]):
        v = np.uint32(values[p])
        s = np.uint32(s + v * v)
    return np.int64(s)


@jit
def label_rows(X, w, C, start, stop, labels):
    """Labels of rows start..stop, a box of consecutive rows at a time; their weighted inertia."""
    k, d = C.shape
    box = candidates.LEAF
    XT = np.empty((d, box))
    low, high = np.empty((1, d)), np.empty((1, d))
    cands = np.empty((2, k), np.int64)
    for j in range(k):
        cands[0, j] = j
    squared, label, acc = np.empty(box), np.empty(box, np.int64), np.empty(box)
    inertia = 0.0
    for a in range(start, stop, box):
        n = min(box, stop - a)
        columns(X, a, n, XT)
        extremes(XT, n, low, high)
        m = candidates.keep_candidates(low, high, 0, C, cands, 0, k)
        lanes.nearest_of(XT, 0, n, C, cands[1], m, squared, label, acc)
        for p in range(n):
            labels[a + p] = label[p]
        if w.shape[0] > 0:
            for p in range(n):
                squared[p] *= w[a + p]
        inertia += total(squared[:n])
    return inertia


@jit
def columns(X, start, n, XT):
    """Rows start..start + n of X, column by column."""
    if X.shape[1] == 3:
        x = X[start : start + n]
        x0, x1, x2 = XT[0], XT[1], XT[2]
        for p in range(n):
            x0[p], x1[p], x2[p] = x[p, 0], x[p, 1], x[p, 2]
    else:
        for p in range(n):
            for j in range(X.shape[1]):
                XT[j, p] = X[start + p, j]


@jit(fastmath={"nnan", "ninf", "nsz"})
def extremes(XT, n, low, high):
    for j in range(XT.shape[0]):
        x = XT[j]
        least = most = x[0]
        for p in range(n):
            least = x[p] if x[p] < least else least
            most = x[p] if x[p] > most else most
        low[0, j] = least
        high[0, j] = most


@jit(fastmath={"reassoc", "nsz"})
def total(values):
    s = 0.0
    for p in range(values.shape[0]):
        s += values[p]
    return s
