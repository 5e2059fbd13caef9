"""An octree over rows of few columns: how it is built.

Rows are put in Morton order and cut into leaves by the octree's own cells; every node knows the
tight box of its rows and their exact sums (see `exact`).
"""

from __future__ import annotations

import numpy as np

from .boxes import LEAF
from .jit import INNER, jit

#: Of sums of 61 bits, what leaves them the 53 of a float64.
SHORT = 2.0**-8


def spread_table(d: int) -> np.ndarray:
    """The bits of each byte, d places apart."""
    byte = np.arange(256, dtype=np.uint64)
    table = np.zeros(256, np.uint64)
    for bit in range(8):
        table |= ((byte >> np.uint64(bit)) & np.uint64(1)) << np.uint64(bit * d)
    return table


@jit(**INNER)
def spread_three(cell):
    """The 16 bits of a cell, three places apart."""
    cell = (cell | (cell << np.uint64(16))) & np.uint64(0x00FF0000FF)
    cell = (cell | (cell << np.uint64(8))) & np.uint64(0x00F00F00F00F)
    cell = (cell | (cell << np.uint64(4))) & np.uint64(0x0C30C30C30C3)
    return (cell | (cell << np.uint64(2))) & np.uint64(0x249249249249)


@jit(**INNER)
def cell_of(x, origin, scale, bits):
    t = (np.float64(x) - origin) * scale
    top = np.float64((1 << bits) - 1)
    t = t if t > 0.0 else 0.0
    return np.uint64(np.int64(t if t < top else top))


@jit(**INNER)
def morton_key(XT, i, cells):
    """Interleaved bits of a row's cell, the first column's highest.

    cells : origin, cells in a unit of length, bits of a column, and the table to spread them by
    """
    origin, scale, bits, spread = cells
    d = XT.shape[0]
    key = np.uint64(0)
    for j in range(d):
        cell = cell_of(XT[j, i], origin, scale, bits)
        code = spread[cell & np.uint64(255)]
        if bits > 8:
            code |= spread[cell >> np.uint64(8)] << np.uint64(8 * d)
        key |= code << np.uint64(d - 1 - j)
    return key


@jit
def morton_keys(XT, cells, start, stop, keys):
    """The keys of rows start..stop."""
    if XT.shape[0] == 3:  # a loop that vectorises
        origin, scale, bits, _ = cells
        x0, x1, x2 = XT[0], XT[1], XT[2]
        for i in range(start, stop):
            a = spread_three(cell_of(x0[i], origin, scale, bits))
            b = spread_three(cell_of(x1[i], origin, scale, bits))
            c = spread_three(cell_of(x2[i], origin, scale, bits))
            keys[i - start] = a << np.uint64(2) | b << np.uint64(1) | c
    else:
        for i in range(start, stop):
            keys[i - start] = morton_key(XT, i, cells)


@jit
def ascends(keys):
    good = True
    for i in range(1, keys.shape[0]):
        good &= keys[i] >= keys[i - 1]
    return good


@jit
def radix_order(keys, key_bits):
    """The stable sorting order of keys, eleven bits a pass; and the keys in it.

    What is in `keys` is lost.
    """
    n = keys.shape[0]
    order = np.empty(n, np.int32)
    for i in range(n):
        order[i] = i
    spare = np.empty(n, np.int32)
    spare_keys = np.empty(n, np.uint64)
    shift = 0
    while shift < key_bits:
        counts = np.zeros(2049, np.int64)
        s = np.uint64(shift)
        mask = np.uint64(2047)
        for i in range(n):
            counts[np.int64((keys[i] >> s) & mask) + 1] += 1
        fullest = 0
        for b in range(2048):
            fullest = max(fullest, counts[b + 1])
            counts[b + 1] += counts[b]
        if fullest < n:
            for i in range(n):
                digit = np.int64((keys[i] >> s) & mask)
                spare[counts[digit]] = order[i]
                spare_keys[counts[digit]] = keys[i]
                counts[digit] += 1
            keys, spare_keys = spare_keys, keys
            order, spare = spare, order
        shift += 11
    return order, keys


@jit
def byte_keys(X, spread, start, stop, keys):
    """The keys of rows start..stop of whole numbers below 256, which are their own cells."""
    one = spread[1]  # of the type of the keys
    if X.shape[1] == 3:  # a loop that the compiler need not unroll
        for i in range(start, stop):
            keys[i - start] = (spread[X[i, 0]] << one | spread[X[i, 1]]) << one | spread[X[i, 2]]
    else:
        for i in range(start, stop):
            key = spread[0]
            for j in range(X.shape[1]):
                key = key << one | spread[X[i, j]]
            keys[i - start] = key


@jit
def transpose_rows(X, start, stop, XT):
    """Columns start..stop of XT: the same rows of X."""
    if X.shape[1] == 3:
        for p in range(start, stop):
            XT[0, p] = X[p, 0]
            XT[1, p] = X[p, 1]
            XT[2, p] = X[p, 2]
    else:
        for p in range(start, stop):
            for j in range(X.shape[1]):
                XT[j, p] = X[p, j]


@jit
def put_in_order(XT, order, start, stop, out):
    """Columns start..stop of out: those of XT that are next in order."""
    for j in range(XT.shape[0]):
        for p in range(start, stop):
            out[j, p] = XT[j, order[p]]


@jit
def cut(keys):
    """Nodes of the tree in preorder: first row, end row, and the node after the whole subtree.

    keys : those of the rows, ascending
    """
    n = keys.shape[0]
    # at most so many; memory that is not touched is not taken
    start = np.empty(2 * n, np.int64)
    stop = np.empty(2 * n, np.int64)
    count = 0
    stack_a = np.empty(256, np.int64)
    stack_b = np.empty(256, np.int64)
    stack_a[0] = 0
    stack_b[0] = n
    depth = 1
    while depth > 0:
        depth -= 1
        a = stack_a[depth]
        b = stack_b[depth]
        start[count] = a
        stop[count] = b
        count += 1
        if b - a > LEAF:
            differing = np.uint64(keys[a] ^ keys[b - 1])
            if differing == 0:
                middle = a + (b - a) // 2
            else:
                bit = np.uint64(0)
                while differing > np.uint64(1):
                    differing >>= np.uint64(1)
                    bit += np.uint64(1)
                low, high = a, b - 1
                while high - low > 1:
                    mid = (low + high) // 2
                    if (np.uint64(keys[mid]) >> bit) & np.uint64(1):
                        high = mid
                    else:
                        low = mid
                middle = high
            stack_a[depth] = middle
            stack_b[depth] = b
            stack_a[depth + 1] = a
            stack_b[depth + 1] = middle
            depth += 2
    skip = np.empty(count, np.int64)
    for i in range(count - 1, -1, -1):
        if stop[i] - start[i] <= LEAF:
            skip[i] = i + 1
        else:
            skip[i] = skip[skip[i + 1]]
    return start[:count], stop[:count], skip


@jit
def subtrees(start, stop, skip, limit):
    """The largest nodes of at most `limit` rows, or that are leaves, in order."""
    found = np.empty(skip.shape[0], np.int64)
    count = 0
    node = 0
    while node < skip.shape[0]:
        if stop[node] - start[node] <= limit or skip[node] == node + 1:
            found[count] = node
            count += 1
            node = skip[node]
        else:
            node += 1
    return found[:count].copy()


@jit(**INNER)
def load_row(XT, a, first, n, y):
    """The first n of y: row a of XT from column `first` on."""
    x = XT[a, first : first + n]
    for i in range(n):
        y[i] = x[i]


@jit
def load(w, first, n, v):
    x = w[first : first + n]
    for i in range(n):
        v[i] = x[i]


@jit
def fill_leaves(
    XT, w, start, stop, skip, units, lo_scale, whole_rows, first, last, low, high, hi, lo
):  # fmt: skip
    """Boxes and sums of the rows of the leaves among nodes first..last.

    whole_rows : True if the rows, and all units by 2^-8, are whole numbers, else None
    low, high : (nodes, d), lowest and highest coordinates
    hi, lo : (nodes, d + 1), sums of the weighted rows and of their weights

    Returns whether all terms are whole numbers, and whether they are so by 2^-8 too: as their sums
    are below 2^61, those of any rows then are exact in float64, in any order.
    """
    d = XT.shape[0]
    x = np.empty(LEAF)
    v = np.ones(LEAF)
    whole_only = short = True
    for i in range(first, last):
        if skip[i] > i + 1:
            continue
        n = stop[i] - start[i]
        if w.shape[0] > 0:
            load(w, start[i], n, v)
        plain = False
        if whole_rows is not None:
            plain = all_whole(v, n)
        for j in range(d + 1):
            if j < d:
                load_row(XT, j, start[i], n, x)
                low[i, j], high[i, j] = extent(XT, j, start[i], n)
            else:
                for p in range(n):
                    x[p] = 1.0
            if whole_rows is not None and plain:
                hi[i, j], lo[i, j] = np.int64(sum_products(x, v, n) * units[j]), 0
            else:
                hi[i, j], lo[i, j], exact, brief = sum_terms(x, v, n, units[j], lo_scale)
                whole_only &= exact
                short &= brief
    return whole_only, short


@jit
def extent(XT, a, first, n):
    x = XT[a, first : first + n]
    low = x[0]
    high = x[0]
    for p in range(n):
        low = x[p] if x[p] < low else low
        high = x[p] if x[p] > high else high
    return low, high


@jit(**INNER)
def all_whole(v, n):
    whole = True
    for p in range(n):
        whole &= v[p] == np.rint(v[p])
    return whole


@jit(**INNER, fastmath={"reassoc"})
def sum_products(x, v, n):
    """Sum of x times v, which is exact for whole numbers of a sum below 2^53."""
    total = 0.0
    for p in range(n):
        total += v[p] * x[p]
    return total


@jit(**INNER)
def sum_terms(x, v, n, unit, lo_scale):
    """The exact sum of x times v as two integers; whether all terms are whole numbers, and whether
    they are so by 2^-8.
    """
    whole = np.int64(0)
    rest = np.int64(0)
    exact = brief = True
    for p in range(n):
        scaled = v[p] * x[p] * unit
        whole += np.int64(np.rint(scaled))
        rest += np.int64(np.rint((scaled - np.rint(scaled)) * lo_scale))
        exact &= scaled == np.rint(scaled)  # a rest may be too small for `lo`
        brief &= scaled * SHORT == np.rint(scaled * SHORT)
    return whole, rest, exact, brief


@jit
def join_nodes(skip, low, high, hi, lo):
    """Boxes and sums of inner nodes, from those of their children."""
    for i in range(skip.shape[0] - 1, -1, -1):
        if skip[i] > i + 1:
            right = skip[i + 1]
            for j in range(low.shape[1]):
                low[i, j] = min(low[i + 1, j], low[right, j])
                high[i, j] = max(high[i + 1, j], high[right, j])
            for j in range(hi.shape[1]):
                hi[i, j] = hi[i + 1, j] + hi[right, j]
                lo[i, j] = lo[i + 1, j] + lo[right, j]
