"""Centres from the sums of their clusters, and the weighted deviations of rows from a point."""

from __future__ import annotations

import numpy as np

from ...cpu.direct import FEW, distances_to, squares_to
from ...cpu.jit import jit
from ...cpu.ranges import blocks
from ...cpu.threads import run_blocks
from .. import DEVIATION_ROWS, Update


def deviations_of_in_numpy(X, w, c, start, stop):
    if X.shape[1] > FEW:
        return NotImplemented
    terms = squares_to(X[start:stop], c) * w[start:stop]
    return np.add.accumulate(terms)[-1] if len(terms) else 0.0


@jit(stand_in=deviations_of_in_numpy, seconds=0.3)
def deviations_of(X, w, c, start, stop):
    """Weighted sum of the squared distances of rows start..stop to one point."""
    squared = np.empty(1024)  # stays in the core's L1 cache
    total = 0.0
    for a in range(start, stop, 1024):
        n = min(1024, stop - a)
        distances_to(X[a : a + n], c, 0, n, squared)
        v = w[a : a + n]
        for i in range(n):
            total += squared[i] * v[i]
    return total


def update_centers(stats, C):
    new = np.empty_like(C)
    shift, least = move_means(stats.sums, stats.counts, C, new)
    return Update(new, shift, least)


def move_means_in_numpy(sums, counts, C, new):
    filled = counts > 0.0
    new[:] = C
    new[filled] = sums[filled] / counts[filled, None]
    shifts = new.astype(np.float64) - C.astype(np.float64)
    shifts *= shifts
    return np.add.accumulate(shifts.ravel())[-1], counts.min()


@jit(stand_in=move_means_in_numpy, seconds=0.2)
def move_means(sums, counts, C, new):
    """Write the means of the clusters; returns how far they moved, squared, and the least count."""
    shift, least = 0.0, np.inf
    for j in range(counts.shape[0]):
        least = min(least, counts[j])
        for a in range(C.shape[1]):
            new[j, a] = sums[j, a] / counts[j] if counts[j] > 0.0 else C[j, a]
            step = np.float64(new[j, a]) - np.float64(C[j, a])
            shift += step * step
    return shift, least


def weighted_deviations(X: np.ndarray, w: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Weighted sums of squared distances to one point, of DEVIATION_ROWS rows each."""
    parts = blocks(X.shape[0], DEVIATION_ROWS)
    out = np.empty(len(parts))
    c = np.asarray(c, np.float64)

    def block(b):
        out[b] = deviations_of(X, w, c, *parts[b])

    run_blocks(block, len(parts))
    return out
