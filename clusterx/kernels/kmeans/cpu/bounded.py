"""A k-means step for rows of few columns that are not in memory between the iterations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu.boxes.candidates import LEAF
from ...cpu.direct import distance
from ...cpu.jit import INNER, jit
from ...cpu.ranges import ROWS_PER_TASK, blocks
from ...cpu.screening.bounds import DOWN, TINY, UP, Assignment, loosen, movement
from ...cpu.threads import run_blocks
from .moving import MovingStep


class BoundedStep(MovingStep):
    """Compares the rows that bounds of the last call do not decide with all centres.

    There is no tree: it would have to be made again of the rows, which are gone between calls.
    """

    def search(self, previous):
        drift = movement(self.C, self.C if previous is None else previous, 1.0)
        centers = Centers(self.C, half_gaps(self.C), drift)
        changed = self.changed.view(np.uint8)
        assignment = Assignment(self.labels, self.upper, self.lower, changed)
        parts = blocks(self.X.shape[0], ROWS_PER_TASK)
        run_blocks(
            lambda b: assign_rows(self.X, centers, previous is None, *parts[b], assignment),
            len(parts),
        )


class Centers(NamedTuple):
    """Centres, and what decides without comparing them."""

    C: np.ndarray
    half: np.ndarray  # see `half_gaps`
    drift: np.ndarray  # see `bounds.movement`


@jit(**INNER)
def two_nearest(Y, n, C, best, second, label, acc):
    """Label and squared distance (best) of the nearest centre to the first n columns of Y, with the
    bits of `candidates.nearest_of`, and the squared distance of the second nearest.
    """
    for p in range(n):
        best[p] = second[p] = np.inf
        label[p] = 0  # stays where squares overflow
    for j in range(C.shape[0]):
        for p in range(n):
            acc[p] = 0.0
        for a in range(Y.shape[0]):
            c, y = C[j, a], Y[a]
            for p in range(n):
                t = y[p] - c
                acc[p] += t * t
        for p in range(n):
            s, b = acc[p], best[p]
            closer = s < b
            other = b if closer else s
            second[p] = other if other < second[p] else second[p]
            best[p] = s if closer else b
            label[p] = j if closer else label[p]


@jit
def half_gaps(C):
    """Half the distance of each centre to the nearest other one, rounded down to float32.

    A row nearer than that to its centre is nearest to it.
    """
    k = C.shape[0]
    least = np.full(k, np.inf)
    for i in range(k):
        for j in range(i):
            s = distance(C, i, C, j)
            least[i] = min(least[i], s)
            least[j] = min(least[j], s)
    half = np.empty(k, np.float32)
    for i in range(k):
        half[i] = np.float32(0.5 * np.sqrt(least[i])) * DOWN - TINY
    return half


@jit
def assign_rows(X, centers, first_call, start, stop, assignment):
    """Assign rows start..stop; the first call does not read their labels and bounds."""
    C, half, drift = centers
    labels, upper, lower, changed = assignment
    d = X.shape[1]
    Y = np.empty((d, LEAF))
    best, second, acc = np.empty(LEAF), np.empty(LEAF), np.empty(LEAF)
    label, active = np.empty(LEAF, np.int32), np.empty(LEAF, np.int64)
    if not first_call:
        loosen(labels[start:stop], drift, upper[start:stop], lower[start:stop])
    n = 0
    for i in range(start, stop):
        if first_call:
            active[n] = i
            n += 1
        elif not upper[i] < max(lower[i], half[labels[i]]):
            upper[i] = np.float32(np.sqrt(distance(X, i, C, labels[i]))) * UP
            active[n] = i
            n += 0 if upper[i] < max(lower[i], half[labels[i]]) else 1
        if n < LEAF and i < stop - 1:
            continue
        for a in range(d):
            y = Y[a]
            for p in range(n):
                y[p] = X[active[p], a]
        two_nearest(Y, n, C, best, second, label, acc)
        for p in range(n):
            q = active[p]
            upper[q] = np.float32(np.sqrt(best[p])) * UP
            lower[q] = np.float32(np.sqrt(second[p])) * DOWN - TINY
            if labels[q] != label[p]:
                labels[q] = label[p]
                changed[q] = 1
        n = 0
