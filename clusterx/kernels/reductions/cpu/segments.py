"""Sums over the rows, or the columns, of each label."""

from __future__ import annotations

import numpy as np

from ...cpu.jit import jit
from ...cpu.ranges import blocks
from ...cpu.threads import run_blocks
from ...statistics import SUMMARY_VALUES

#: Most float64 values of the sums of all blocks that are computed at once.
PARTIAL_SUMS = 1 << 23
#: Most values that the NumPy stand-in adds.
STAND_IN_VALUES = 1 << 20
#: Rows that are added at once, so that additions to a label do not wait for each other.
LANES = 8


def sum_rows_by_label(X: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Sums (k, d) of the rows of each label; sums of fixed blocks are added in their order."""
    n, d = X.shape
    parts = blocks(n, max(1, SUMMARY_VALUES // d))
    total = np.zeros((k, d))
    at_once = max(1, PARTIAL_SUMS // (k * d))
    for start in range(0, len(parts), at_once):
        wave = parts[start : start + at_once]
        sums = [total] if len(parts) == 1 else [np.zeros((k, d)) for _ in wave]

        def block(b: int, wave: list = wave, sums: list = sums) -> None:
            add_rows(X, labels, *wave[b], sums[b])

        run_blocks(block, len(wave))
        if len(parts) > 1:
            for part in sums:
                total += part
    return total


def sum_columns_by_label(D: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Sums (n, k) of each row's entries over the columns of each label."""
    out = np.empty((D.shape[0], k))
    parts = blocks(D.shape[0], 8 * LANES)
    run_blocks(lambda b: add_columns(D, labels, *parts[b], out), len(parts))
    return out


def add_rows_in_numpy(X, labels, start, stop, sums):
    if (stop - start) * X.shape[1] > STAND_IN_VALUES:
        return NotImplemented
    own = labels[start:stop]
    for j in range(X.shape[1]):  # one after another, as the loop does
        sums[:, j] += np.bincount(own, X[start:stop, j], len(sums))
    return None


@jit(stand_in=add_rows_in_numpy, seconds=0.2)
def add_rows(X, labels, start, stop, sums):
    for i in range(start, stop):
        to = sums[labels[i]]
        for j in range(X.shape[1]):
            to[j] += X[i, j]


@jit
def add_columns(D, labels, start, stop, out):
    k = out.shape[1]
    sums = np.empty((k, LANES))
    for a in range(start, stop, LANES):
        n = min(LANES, stop - a)
        sums[:] = 0.0
        if n == LANES:
            block = D[a : a + LANES]
            for j in range(D.shape[1]):
                to = sums[labels[j]]
                for p in range(LANES):
                    to[p] += block[p, j]
        else:
            for p in range(n):
                for j in range(D.shape[1]):
                    sums[labels[j], p] += D[a + p, j]
        for p in range(n):
            for c in range(k):
                out[a + p, c] = sums[c, p]
