"""k-medians for NumPy: compiled assignment, and medians by selection within each cluster."""

from __future__ import annotations

import numpy as np

from ..cpu.jit import jit
from ..cpu.ranges import blocks, rows_per_task
from ..cpu.threads import run_blocks


def nearest_manhattan(X, C):
    n = X.shape[0]
    labels, least = np.empty(n, np.int32), np.empty(n)
    centers = np.ascontiguousarray(C, np.float64)
    parts = blocks(n, rows_per_task(n, centers.size))
    run_blocks(lambda b: assign(X, centers, *parts[b], labels, least), len(parts))
    return labels, least


@jit
def assign(X, C, start, stop, labels, least):
    k, d = C.shape
    for i in range(start, stop):
        best, lowest = 0, np.inf
        for c in range(k):
            s = 0.0
            for j in range(d):
                s += abs(X[i, j] - C[c, j])
            if s < lowest:
                best, lowest = c, s
        labels[i], least[i] = best, lowest


def medians(X, w, labels, C):
    out = np.array(C, np.float64)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=len(C)))

    def median(c):
        rows = order[ends[c - 1] if c else 0 : ends[c]]
        if not rows.size:
            return
        members = X[rows]
        if w is None:
            at = (len(members) - 1) // 2, len(members) // 2
            chosen = np.partition(members, at, axis=0).astype(np.float64)
            out[c] = chosen[at[0]] / 2 + chosen[at[1]] / 2
        elif w[rows].any():
            out[c] = _weighted(members.astype(np.float64), w[rows])

    run_blocks(median, len(C))
    return out.astype(C.dtype)


def _weighted(members, w):
    order = np.argsort(members, axis=0, kind="stable")
    below = np.cumsum(w[order], axis=0)
    half = below[-1] / 2
    low, high = (below >= half).argmax(axis=0), (below > half).argmax(axis=0)
    values = np.take_along_axis(members, order, axis=0)
    columns = np.arange(members.shape[1])
    return values[low, columns] / 2 + values[high, columns] / 2
