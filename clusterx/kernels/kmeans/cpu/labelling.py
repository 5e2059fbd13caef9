"""Labels and inertia of rows of few columns, without storing distances.

The inertia adds up the sums of fixed blocks of rows, in their order.
"""

from __future__ import annotations

import numpy as np

from ...cpu import ranges
from ...cpu.boxes import candidates, lanes
from ...cpu.jit import jit
from ...cpu.threads import run_blocks
from . import step

#: Rows of a block.
BLOCK = 8192


def label(X: np.ndarray, C: np.ndarray, w: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Nearest centre of each row, (n,) int32, and the weighted sum of squared distances."""
    C = np.ascontiguousarray(C, np.float64)
    n = len(X)
    weights = step.UNIT if w is None else np.asarray(w, np.float64)
    labels = np.empty(n, np.int32)
    parts = ranges.blocks(n, BLOCK)
    inertia = np.empty(len(parts))

    def block(b):
        inertia[b] = label_rows(X, weights, C, *parts[b], labels)

    run_blocks(block, len(parts))
    return labels, float(inertia.sum())


@jit
def label_rows(X, w, C, start, stop, labels):
    """Write the labels of rows start..stop, by boxes of consecutive rows; returns their inertia."""
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
    """Copy rows start..start + n of X to the columns of XT."""
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
