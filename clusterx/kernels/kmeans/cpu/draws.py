"""Rows drawn in proportion to their weighted squared distances, by sums of blocks of rows."""

from __future__ import annotations

import numpy as np

from ...cpu import ranges
from ...cpu.jit import jit
from ...cpu.threads import run_blocks

#: Weighted squared distances are summed in blocks of this many rows.
DRAW_BLOCK = 1024


def sample_rows(closest, w, fractions):
    """Draw rows in proportion to weighted squared distances, as the steps in `seeds` do."""
    sums = np.zeros(-(-len(closest) // DRAW_BLOCK))
    w = np.empty(0) if w is None else np.ascontiguousarray(w, np.float64)
    add_up(closest, w, np.ones(len(sums), np.bool_), sums)
    return drawn(closest, w, sums, fractions)


def drawn(closest, w, sums, fractions):
    cumulated = np.cumsum(sums)
    if not cumulated[-1] > 0.0:
        return np.full(len(fractions), np.argmax(w) if len(w) else 0)
    targets = np.asarray(fractions) * cumulated[-1]
    inside = np.minimum(np.searchsorted(cumulated, targets, side="right"), len(cumulated) - 1)
    return draw_inside(closest, w, cumulated, inside, targets)


def add_up(closest, w, changed, sums):
    parts = ranges.blocks(len(sums), 64)

    def block(b):
        block_sums(closest, w, changed, *parts[b], sums)

    run_blocks(block, len(parts))


def draw_inside_in_numpy(closest, w, cumulated, inside, targets):
    out = np.empty(len(targets), np.int64)
    for f, (target, b) in enumerate(zip(targets, inside, strict=True)):
        rows = slice(b * DRAW_BLOCK, (b + 1) * DRAW_BLOCK)
        values = closest[rows] * w[rows] if len(w) else closest[rows]
        so_far = np.add.accumulate([cumulated[b - 1] if b > 0 else 0.0, *values])[1:]
        positive = values > 0.0
        passed = np.flatnonzero(positive & (so_far > target))[:1]
        place = passed if len(passed) else np.flatnonzero(positive)[-1:]
        out[f] = rows.start + (place[0] if len(place) else 0)
    return out


@jit(stand_in=draw_inside_in_numpy, seconds=0.3)
def draw_inside(closest, w, cumulated, inside, targets):
    """The first rows at which the weighted squared distances, summed in order, pass the targets.

    cumulated: the sums to the end of each block; inside: the block of each target.
    """
    out = np.empty(targets.shape[0], np.int64)
    for f in range(targets.shape[0]):
        target = targets[f]
        b = inside[f]
        so_far = cumulated[b - 1] if b > 0 else 0.0
        row = b * DRAW_BLOCK
        end = min(row + DRAW_BLOCK, closest.shape[0])
        last = row
        while row < end:
            v = closest[row] * w[row] if w.shape[0] > 0 else closest[row]
            so_far += v
            if v > 0.0:
                last = row
                if so_far > target:
                    break
            row += 1
        out[f] = last
    return out


def block_sums_in_numpy(closest, w, changed, start, stop, sums):
    for b in range(start, stop):
        if changed[b]:
            rows = slice(b * DRAW_BLOCK, (b + 1) * DRAW_BLOCK)
            values = closest[rows] * w[rows] if len(w) else closest[rows]
            sums[b] = np.add.accumulate(values)[-1]


@jit(stand_in=block_sums_in_numpy, seconds=0.2)
def block_sums(closest, w, changed, start, stop, sums):
    n = closest.shape[0]
    for b in range(start, stop):
        if changed[b]:
            s = 0.0
            for i in range(b * DRAW_BLOCK, min(n, (b + 1) * DRAW_BLOCK)):
                s += closest[i] * w[i] if w.shape[0] > 0 else closest[i]
            sums[b] = s
