"""The simplest k-means step, for rows of few columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...cpu import fixed_point
from ...cpu.boxes import candidates, morton
from ...cpu.deferred import compiles_always, has_code
from ...cpu.jit import jit
from ...cpu.ranges import ROWS_PER_TASK, blocks
from ...cpu.threads import run_blocks
from .step import RowStep

TREE_ROWS = 4096
#: Below this many row-centre pairs, building and compiling the tree costs more than it saves.
TREE_WORK = 1 << 18
#: Until the tree is compiled for 8-bit rows, pictures of up to PICTURE_WORK colour-centre pairs use
#: this step, which saves 5 s of the first `quantize`. After PICTURES fits in a process, the tree is
#: compiled.
PICTURE_WORK = 1 << 22
PICTURES = 8

_stood_in = 0  # fits of pictures in which this step stood in for a tree


def few(n: int, k: int | None) -> bool:
    """Whether n rows are too few for a tree to pay off."""
    return n < TREE_ROWS or (k is not None and n * k <= TREE_WORK)


def stands_in(X: np.ndarray, w: np.ndarray | None, k: int | None) -> bool:
    """Whether the plain step takes the place of a tree that is not compiled.

    Sums over 8-bit rows of whole weights are exact, so seeds, labels and centres have the same bits
    with either step.
    """
    global _stood_in
    if k is None or X.dtype != np.uint8 or X.shape[0] * k > PICTURE_WORK:
        return False
    if compiles_always() or _stood_in >= PICTURES or has_code(morton.byte_keys):
        return False
    if w is not None and not np.array_equal(w, np.rint(w)):
        return False
    _stood_in += 1
    return True


class PlainStep(RowStep):
    """Compares every row with the candidate centres of a box around its neighbours in memory.

    stands_in : whether the step takes the place of a tree
    """

    def __init__(self, X: np.ndarray, w: np.ndarray | None, scales: Any, stands_in: bool = False):
        super().__init__(X, w, scales)
        self.most = PICTURE_WORK if stands_in else 0

    def supports(self, k: int) -> bool:
        n = self.X.shape[0]
        return few(n, k) or n * k <= self.most

    def assign(self, C):
        self.begin(C)
        self.squared = np.empty(self.X.shape[0])
        variant = candidates.variant(self.X.shape[1])

        def block(b):
            candidates.nearest_blocks(
                self.X, self.C, *parts[b], self.labels, self.squared, *variant
            )

        parts = blocks(self.X.shape[0], ROWS_PER_TASK)
        run_blocks(block, len(parts))

    def __call__(self, C):
        known = self.follows(C.shape[0])
        previous = self.labels.copy() if known else np.full(len(self.labels), -1, np.int32)
        self.assign(C)
        n_changed = move_changed(
            self.X,
            self.w,
            self.labels,
            previous,
            self.scales.units,
            self.scales.lo_scale,
            *self.table,
        )
        return self.stats(n_changed)


def move_changed_in_numpy(X, w, labels, previous, units, lo_scale, hi, lo):
    rows = np.flatnonzero(labels != previous)
    new, old = labels[rows], previous[rows]
    known = old >= 0
    weights = w[rows] if len(w) else np.ones(len(rows))
    for a in range(X.shape[1] + 1):
        scaled = weights * X[rows, a] if a < X.shape[1] else weights
        scaled = scaled * units[a]
        whole = np.rint(scaled)
        rest = np.rint((scaled - whole) * lo_scale)
        for sums, terms in ((hi, whole), (lo, rest)):
            if terms.any():
                integers = terms.astype(np.int64)
                np.add.at(sums[:, a], new, integers)
                np.subtract.at(sums[:, a], old[known], integers[known])
    return len(rows)


@jit(stand_in=move_changed_in_numpy, seconds=0.3)
def move_changed(X, w, labels, previous, units, lo_scale, hi, lo):
    """Move rows from their previous cluster (none if negative) to their label's; count them."""
    d = X.shape[1]
    n_changed = 0
    for i in range(X.shape[0]):
        new, old = labels[i], previous[i]
        if new == old:
            continue
        n_changed += 1
        weight = w[i] if w.shape[0] > 0 else 1.0
        for a in range(d + 1):
            value = weight * np.float64(X[i, a]) if a < d else weight
            whole, rest = fixed_point.add_term(value, units[a], lo_scale)
            hi[new, a] += whole
            lo[new, a] += rest
            if old >= 0:
                hi[old, a] -= whole
                lo[old, a] -= rest
    return n_changed
