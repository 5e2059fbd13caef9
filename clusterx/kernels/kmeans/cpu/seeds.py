"""Greedy k-means++ steps in host memory; rows that can't come nearer are not measured."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...cpu import direct, ranges
from ...cpu.jit import INNER, jit
from ...cpu.screening import bounds
from ...cpu.threads import run_blocks, single_threaded_blas
from . import screened, tree
from .draws import DRAW_BLOCK, add_up, drawn

#: Most bytes of the distances to all candidates; beyond, the winner's distances are recomputed.
KEPT = 1 << 27


def seeding(X, w, step):
    """The seeding that fits the step that will follow on the same rows."""
    if isinstance(step, tree.TreeStep):
        return TreeSeeding(X, w, step)
    if isinstance(step, screened.ScreenedStep):
        return ScreenedSeeding(X, w, step.screen)
    return PlainSeeding(X, w)


class PlainSeeding:
    """Measures every row. The base of the others, which share its distances and its draws."""

    def __init__(self, X, w):
        self.X = X
        self.w = np.empty(0) if w is None else np.ascontiguousarray(w, np.float64)
        self.closest = np.full(X.shape[0], np.inf)
        self.sums = np.zeros(-(-X.shape[0] // DRAW_BLOCK))
        self.parts = ranges.blocks(
            X.shape[0], ranges.rows_per_task(X.shape[0], 4 * X.shape[1] + 64)
        )

    def start(self, index):
        self.accept(int(index))

    add = start

    def grow(self, fractions):
        chosen = drawn(self.closest, self.w, self.sums, fractions)
        if len(chosen) > 1:
            winner = int(np.argmax(self.gains(chosen)))
            self.take(winner, int(chosen[winner]))
            return int(chosen[winner])
        self.accept(int(chosen[0]))
        return int(chosen[0])

    def take(self, winner, row):
        """Accept the candidate that won the last `gains`."""
        self.accept(row)

    def gains(self, chosen):
        """By how much each candidate would reduce the sum."""
        out = np.zeros((len(self.parts), len(chosen)))

        def block(b):
            plain_gains(self.X, self.w, chosen, *self.parts[b], self.closest, out[b])

        run_blocks(block, len(self.parts))
        return out.sum(axis=0)

    def accept(self, row):
        def block(b):
            plain_accept(self.X, row, *self.parts[b], self.closest)

        run_blocks(block, len(self.parts))
        self.add_up()

    def add_up(self):
        changed = np.ones(len(self.sums), np.bool_)
        add_up(self.closest, self.w, changed, self.sums)


class ScreenedRows(NamedTuple):
    X: np.ndarray
    w: np.ndarray
    Z: np.ndarray  # the images
    size: np.ndarray  # their squared lengths
    norm: np.ndarray  # upper bounds of lengths


class Candidates(NamedTuple):
    rows: np.ndarray
    images: np.ndarray
    values: np.ndarray  # float64


class ScreenedSeeding(PlainSeeding):
    """Many columns: the float32 images of the rows show which of them need measuring."""

    def __init__(self, X, w, screened):
        super().__init__(X, w)
        self.screen = screened
        self.kept = np.empty((0, X.shape[0]))  # per candidate: `closest` if it were accepted

    def _pass(self, rows, kept):
        s = self.screen
        m = s.Z.shape[1]
        error = (2.0 * (m + 4) * 2.0**-24 + 2.0**-20 + 2.0 * s.kappa) * (1 + 1e-6)
        out = np.zeros((len(self.parts), len(rows)))
        seen = ScreenedRows(self.X, self.w, s.Z, s.size, s.norm)
        wanted = Candidates(rows, s.Z[rows], self.X[rows].astype(np.float64))

        def block(b):
            screened_pass(
                seen, wanted, s.factor**2, error, *self.parts[b], self.closest, kept, out[b]
            )

        with single_threaded_blas():
            run_blocks(block, len(self.parts))
        return out.sum(axis=0)

    def gains(self, chosen):
        n = len(self.closest)
        count = len(chosen) if 8 * n * len(chosen) <= KEPT else 0
        if len(self.kept) != count:
            self.kept = np.empty((count, n))
        return self._pass(chosen, self.kept)

    def take(self, winner, row):
        if len(self.kept) == 0:
            self.accept(row)
            return
        self.closest[:] = self.kept[winner]
        self.add_up()

    def accept(self, row):
        self._pass(np.array([row]), self.closest[None])
        self.add_up()


class TreeSeeding(PlainSeeding):
    """Few columns: skips whole boxes that are too far from a candidate to come nearer."""

    def __init__(self, X, w, step):
        super().__init__(X, w)
        self.step = step
        self.tree_closest = np.full(X.shape[0], np.inf)
        self.peak = np.full(len(step.tree.start), np.inf)

    def gains(self, chosen):
        s = self.step
        out = np.zeros(len(chosen))

        def block(b):
            out[b] = tree_gain(
                s.rows, s.tree, self.peak, self.X[chosen[b]].astype(np.float64), self.tree_closest
            )

        run_blocks(block, len(chosen))
        return out

    def accept(self, row):
        s = self.step
        changed = np.zeros(len(self.sums), np.bool_)
        order = np.empty(0, np.int32) if s.order is None else s.order
        tree_accept(
            s.XT, s.tree, self.peak, self.X[row].astype(np.float64),
            self.tree_closest, order, self.closest, changed,
        )  # fmt: skip
        add_up(self.closest, self.w, changed, self.sums)


def plain_gains_in_numpy(X, w, chosen, start, stop, closest, out):
    if X.shape[1] > direct.FEW:
        return NotImplemented
    for g, row in enumerate(chosen):
        s, own = direct.squares_to(X[start:stop], X[row]), closest[start:stop]
        gains = np.where(s < own, own - s, 0.0)
        if len(w):
            gains *= w[start:stop]
        out[g] += np.add.accumulate(gains)[-1]
    return None


@jit(stand_in=plain_gains_in_numpy, seconds=0.3)
def plain_gains(X, w, chosen, start, stop, closest, out):
    for i in range(start, stop):
        for g in range(chosen.shape[0]):
            s = direct.row_distance(X, i, X, chosen[g])
            if s < closest[i]:
                gain = closest[i] - s
                out[g] += gain * w[i] if w.shape[0] > 0 else gain


def plain_accept_in_numpy(X, row, start, stop, closest):
    if X.shape[1] > direct.FEW:
        return NotImplemented
    own = closest[start:stop]
    np.minimum(own, direct.squares_to(X[start:stop], X[row]), out=own)
    return None


@jit(stand_in=plain_accept_in_numpy, seconds=0.2)
def plain_accept(X, row, start, stop, closest):
    for i in range(start, stop):
        closest[i] = min(closest[i], direct.row_distance(X, i, X, row))


@jit
def screened_pass(seen, wanted, unit, error, start, stop, closest, kept, gains):
    """Add the gains of candidate rows over rows start..stop.

    kept (candidates, n), or empty: `closest` if each candidate were accepted; for a single
    candidate it may be a view of `closest`.
    """
    X, w, Z, size, norm = seen
    rows, images, candidates = wanted
    count, m = images.shape
    slop = bounds.underflow(m)
    tile = bounds.tile_rows(count, m)
    T = np.empty((count, tile), np.float32)
    above = np.empty(tile)
    for a in range(start, stop, tile):
        n = min(tile, stop - a)
        if n < tile:
            T = np.empty((count, n), np.float32)
        np.dot(images, Z[a : a + n].T, T)
        for g in range(count):
            row = rows[g]
            nearness(
                T[g], size[a : a + n], norm[a : a + n], closest[a : a + n],
                size[row], norm[row], unit, error, slop, above,
            )  # fmt: skip
            if kept.shape[0] > 0:
                for p in range(n):
                    kept[g, a + p] = closest[a + p]
            for p in range(n):
                if above[p] < 0.0:
                    i = a + p
                    s = direct.squared_distance(X[i], candidates[g])
                    if s < closest[i]:
                        less = closest[i] - s
                        gains[g] += less * w[i] if w.shape[0] > 0 else less
                        if kept.shape[0] > 0:
                            kept[g, i] = s


@jit(**INNER)
def nearness(t, size, norm, closest, row_size, row_norm, unit, error, slop, above):
    """Write to `above` the lower bound of each squared distance, given the products t, less
    `closest`.
    """
    for p in range(t.shape[0]):
        both = np.float64(norm[p]) + np.float64(row_norm)
        screened = np.float64(size[p]) + np.float64(row_size) - 2.0 * np.float64(t[p])
        above[p] = (screened - error * both * both - slop) - closest[p] * unit


@jit(**INNER)
def box_distance(low, high, c):
    s = 0.0
    for a in range(c.shape[0]):
        t = max(max(low[a] - c[a], c[a] - high[a]), 0.0)
        s += t * t
    return s


@jit(**INNER)
def point_distance(XT, p, c):
    s = 0.0
    for a in range(c.shape[0]):
        t = np.float64(XT[a, p]) - c[a]
        s += t * t
    return s


@jit
def tree_gain(rows, tree, peak, c, closest):
    XT, w = rows
    start, stop, skip, low, high = tree[:5]
    node = 0
    gain = 0.0
    while node < start.shape[0]:
        if box_distance(low[node], high[node], c) * (1 - 1e-13) >= peak[node]:
            node = skip[node]
            continue
        if skip[node] == node + 1:
            for p in range(start[node], stop[node]):
                less = closest[p] - point_distance(XT, p, c)
                if less > 0.0:
                    gain += less * w[p] if w.shape[0] > 0 else less
        node += 1
    return gain


@jit
def tree_accept(XT, tree, peak, c, closest, order, by_row, changed):
    start, stop, skip, low, high = tree[:5]
    node = 0
    while node < start.shape[0]:
        if box_distance(low[node], high[node], c) * (1 - 1e-13) >= peak[node]:
            node = skip[node]
            continue
        if skip[node] == node + 1:
            top = 0.0
            for p in range(start[node], stop[node]):
                s = point_distance(XT, p, c)
                if s < closest[p]:
                    closest[p] = s
                    row = order[p] if order.shape[0] > 0 else p
                    by_row[row] = s
                    changed[row // DRAW_BLOCK] = True
                top = max(top, closest[p])
            peak[node] = top
        node += 1
    for node in range(start.shape[0] - 1, -1, -1):
        if skip[node] > node + 1:
            peak[node] = max(peak[node + 1], peak[skip[node + 1]])
