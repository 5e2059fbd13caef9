"""Mini-batch steps for rows of few columns, and loops that make many steps in one call."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...cpu import ranges
from ...cpu.boxes import lanes
from ...cpu.jit import jit
from ...cpu.threads import run_blocks
from .. import BatchStep, StepTrace
from . import labelling, step

#: Rows that a task gathers: few, so that threads end together.
GATHERED = 8192
#: Most batches in one call, and most bytes of theirs, so that they fit a core's cache.
BATCHES = 128
CACHED = 1 << 21


class PlainBatch(BatchStep):
    """Assigns the rows of a batch, then moves each centre to the mean of all it has seen."""

    runs_steps = True

    def __init__(self, X, k, batch_size):
        self.X = X
        each = X.shape[1] * (X.itemsize * batch_size + 8 * k)
        self.together = max(1, min(BATCHES, CACHED // each))

    def __call__(self, rows, w, C, counts):
        """New centres (k, d) and counts (k,), both float64; the batch's inertia."""
        (k, d), n = C.shape, len(rows)
        batch = np.empty((1, d, n), self.X.dtype)
        gather(self.X, np.asarray(rows, np.int64), 0, n, batch)
        weights = step.UNIT if w is None else np.asarray(w, np.float64)
        centers, seen, inertia = np.empty((1, k, d)), np.empty((1, k)), np.empty(1)
        walk_batches(batch, weights, C, counts, centers, seen, inertia)
        return centers[0], seen[0], float(inertia[0])

    def run_steps(self, draw):
        return StepRunner(self.X, lambda: draw(self.together), self.together)

    def label(self, C, w):
        return labelling.label(self.X, C, w)


class StepRunner:
    """Steps over batches that are drawn and gathered during the steps before them."""

    def __init__(self, X, draw, together):
        self.X, self.draw = X, draw
        self.rows = draw()
        shape = together, X.shape[1], self.rows.shape[1]
        # two buffers that are reused, because new memory costs page faults
        self.spare, self.other = np.empty(shape, X.dtype), np.empty(shape, X.dtype)
        self.batches, tasks = self._gathering()
        run_blocks(lambda b: tasks[b](), len(tasks))
        self.rows = draw()

    def _gathering(self) -> tuple[np.ndarray, list[Any]]:
        m, size = self.rows.shape
        rows, batches = self.rows.reshape(-1), self.spare[:m]

        def task(a, e):
            return lambda: gather(self.X, rows, a, e, batches)

        self.spare, self.other = self.other, self.spare
        return batches, [task(*part) for part in ranges.blocks(m * size, GATHERED)]

    def __call__(self, C, counts):
        m, (k, d) = len(self.batches), C.shape
        centers, seen, inertia = np.empty((m, k, d)), np.empty((m, k)), np.empty(m)
        batches, tasks = self._gathering()
        drawn = []

        def run_steps():
            walk_batches(self.batches, step.UNIT, C, counts, centers, seen, inertia)

        def draw():
            drawn.append(self.draw())

        # the longest tasks first
        tasks = [run_steps, draw, *tasks]
        run_blocks(lambda b: tasks[b](), len(tasks))
        self.batches, self.rows = batches, drawn[0]
        return StepTrace(centers, seen, inertia)


@jit
def gather(X, rows, start, stop, batches):
    """Copy X[rows[start:stop]] to batches (m, d, size), column by column."""
    size = batches.shape[2]
    at = start
    while at < stop:
        g, p = at // size, at % size
        n = min(stop - at, size - p)
        if X.shape[1] == 3:
            x0, x1, x2 = (
                batches[g, 0, p : p + n],
                batches[g, 1, p : p + n],
                batches[g, 2, p : p + n],
            )
            # only copies, so that the CPU has the reads of many rows under way at once
            for q in range(n):
                i = rows[at + q]
                x0[q], x1[q], x2[q] = X[i, 0], X[i, 1], X[i, 2]
        else:
            for q in range(n):
                i = rows[at + q]
                for a in range(X.shape[1]):
                    batches[g, a, p + q] = X[i, a]
        at += n


@jit
def walk_batches(batches, w, C, counts, centers, seen, inertia):
    """Make a step with each batch (m, d, size); write centres, counts and inertia after each.

    w (size,): weights of the rows of one batch; or empty.
    """
    m, d, size = batches.shape
    room = min(size, lanes.ROWS)
    XT, acc = np.empty((d, room)), np.empty(room)
    labels, squared = np.empty(room, np.int64), np.empty(room)
    cands = np.arange(C.shape[0])
    for g in range(m):
        batch, new, gained = batches[g], centers[g], seen[g]
        begin(C, counts, new, gained)
        total = 0.0
        for a in range(0, size, room):
            n = min(room, size - a)
            for j in range(d):
                for p in range(n):
                    XT[j, p] = batch[j, a + p]
            lanes.nearest_of(XT, 0, n, C, cands, len(cands), squared, labels, acc)
            total = add(XT, w[a : a + n], labels[:n], squared, new, gained, total)
        inertia[g] = total
        finish(C, counts, new, gained)
        C, counts = new, gained


@jit
def begin(C, counts, sums, seen):
    """Write the sums and counts of all rows that centres have seen."""
    for j in range(C.shape[0]):
        seen[j] = counts[j]
        for a in range(C.shape[1]):
            sums[j, a] = C[j, a] * counts[j]


@jit
def add(XT, w, labels, squared, sums, seen, inertia):
    """Add rows to the sums of their labels, and to the inertia, which is returned."""
    d = XT.shape[0]
    for p in range(labels.shape[0]):
        j = labels[p]
        v = w[p] if w.shape[0] > 0 else 1.0
        seen[j] += v
        inertia += v * squared[p]
        if d == 3:
            sums[j, 0] += v * XT[0, p]
            sums[j, 1] += v * XT[1, p]
            sums[j, 2] += v * XT[2, p]
        else:
            for a in range(d):
                sums[j, a] += v * XT[a, p]
    return inertia


@jit
def finish(C, counts, new, seen):
    """Turn the sums in `new` into means; a centre that has seen no new row keeps its place in C."""
    for j in range(C.shape[0]):
        if seen[j] > counts[j]:
            inverse = 1.0 / seen[j]
            for a in range(C.shape[1]):
                new[j, a] *= inverse
        else:
            for a in range(C.shape[1]):
                new[j, a] = C[j, a]
