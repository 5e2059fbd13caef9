"""Nearest centres of rows that are stored column by column, many rows at a time.

Squares are added in the order of columns, and centres are compared in the order of their indices.
So labels and squared distances have the same bits as in `candidates`, wherever the rows are split
and whichever centres are skipped.
"""

from __future__ import annotations

import numpy as np

from ..jit import INNER, jit

#: Rows that are processed together: their temporaries fit a core's L1 cache.
ROWS = 1024


@jit(**INNER)
def nearer(y0, y1, y2, C, j, squared, label):
    """Squared distance and label of the nearer one: centre j, or the nearest before it."""
    t0 = y0 - C[j, 0]
    t1 = y1 - C[j, 1]
    t2 = y2 - C[j, 2]
    s = t0 * t0 + t1 * t1 + t2 * t2
    closer = s < squared
    return s if closer else squared, j if closer else label


@jit(**INNER)
def nearest_of_three(x0, x1, x2, C, cands, count, squared, labels):
    """`nearest_of` with three columns, four centres at a time."""
    n = x0.shape[0]
    even = count - count % 4
    for g in range(0, even, 4):
        i, j, k, l = cands[g], cands[g + 1], cands[g + 2], cands[g + 3]  # noqa: E741
        for p in range(n):
            y0, y1, y2 = x0[p], x1[p], x2[p]
            s, m = nearer(y0, y1, y2, C, i, squared[p], labels[p])
            s, m = nearer(y0, y1, y2, C, j, s, m)
            s, m = nearer(y0, y1, y2, C, k, s, m)
            squared[p], labels[p] = nearer(y0, y1, y2, C, l, s, m)
    for g in range(even, count):
        j = cands[g]
        for p in range(n):
            squared[p], labels[p] = nearer(x0[p], x1[p], x2[p], C, j, squared[p], labels[p])


@jit(**INNER)
def nearest_of(XT, start, stop, C, cands, count, squared, labels, acc):
    """Nearest of the first `count` candidates, in rising order, to rows start..stop of XT (d, n).

    XT is float64 and labels are int64, so that vector lanes have one width. Results are written
    from index 0.
    """
    n, d = stop - start, XT.shape[0]
    for p in range(n):
        squared[p] = np.inf
        labels[p] = cands[0]  # stays where squares overflow
    if d == 3:
        nearest_of_three(
            XT[0, start:stop], XT[1, start:stop], XT[2, start:stop], C, cands, count,
            squared[:n], labels[:n],
        )  # fmt: skip
        return
    for g in range(count):
        j = cands[g]
        for p in range(n):
            t = XT[0, start + p] - C[j, 0]
            acc[p] = t * t
        for a in range(1, d):
            for p in range(n):
                t = XT[a, start + p] - C[j, a]
                acc[p] += t * t
        for p in range(n):
            closer = acc[p] < squared[p]
            squared[p] = acc[p] if closer else squared[p]
            labels[p] = j if closer else labels[p]
