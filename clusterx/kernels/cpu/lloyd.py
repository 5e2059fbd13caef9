"""Which k-means step suits an array in host memory, the plainest of them, and distances."""

from __future__ import annotations

import numpy as np

from .. import SCATTER_ROWS, Update
from . import boxes, filtering, screen
from .jit import jit
from .screened import Screen, ScreenedStep
from .steps import ROWS_PER_TASK, RowStep, blocks
from .threads import run_blocks, single_threaded_blas
from .treed import TreeStep

#: With more columns boxes hold too little, and the screen is faster.
TREE_DIMENSIONS = 8
TREE_ROWS = 4096
#: Rows times centres up to which a tree is not paid back, nor the seconds in which it is compiled.
TREE_WORK = 1 << 18


def lloyd_stats(X, w, grid, once=False, k=None):
    """The step that suits the shape of X."""
    n, d = X.shape
    if d > TREE_DIMENSIONS:
        return ScreenedStep(X, w, grid, once)
    if once or _few(n, k):
        return PlainStep(X, w, grid)
    return TreeStep(X, w, grid)


def _few(n: int, k: int | None) -> bool:
    """Whether a tree of n rows is not paid back."""
    return n < TREE_ROWS or (k is not None and n * k <= TREE_WORK)


def nearest(
    X: np.ndarray, C: np.ndarray, prepared: Screen | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest centres and squared distances, in one pass over blocks that fit a core's cache.

    prepared: a filled screen of the same rows, if there is one.
    """
    if X.shape[1] <= TREE_DIMENSIONS:
        step = PlainStep(X, None, None)
        step.assign(C)
        return step.labels, step.squared
    n = X.shape[0]
    C = np.ascontiguousarray(C, np.float64)
    labels, squared = np.full(n, -1, np.int32), np.empty(n)
    upper, lower = np.empty((2, n), np.float32)
    moved = np.empty(n, np.uint8)
    drift = np.zeros(len(C) + 2, np.float32)
    parts = blocks(n, max(screen.CHUNK, (1 << 18) // X.shape[1]))
    with single_threaded_blas():
        s = prepared or Screen(X, project=False, fill=False)
        E, terms = s.centres(C)

        def block(b):
            if prepared is None:
                s.fill(*parts[b])
            screen.screen_rows(
                X, s.Z, s.norm, s.rest, s.centred, C, E, terms, drift, s.factor, True,
                *parts[b], labels, upper, lower, moved,
            )  # fmt: skip
            screen.own_distances(X, C, labels, *parts[b], squared)

        run_blocks(block, len(parts))
    return labels, squared


class PlainStep(RowStep):
    """Every row against the centres that its neighbours in memory leave over."""

    def suits(self, k: int) -> bool:
        return _few(self.X.shape[0], k)

    def assign(self, C):
        self.begin(C)
        self.squared = np.empty(self.X.shape[0])
        variant = boxes.variant(self.X.shape[1])

        def block(b):
            boxes.nearest_blocks(self.X, self.C, *parts[b], self.labels, self.squared, *variant)

        parts = blocks(self.X.shape[0], ROWS_PER_TASK)
        run_blocks(block, len(parts))

    def __call__(self, C):
        known = self.follows(C.shape[0])
        previous = self.labels.copy() if known else np.full(len(self.labels), -1, np.int32)
        self.assign(C)
        moved = filtering.change_all(
            self.X.T, self.w, self.labels, previous, self.grid.units, self.grid.lo_scale,
            *self.table,
        )  # fmt: skip
        return self.stats(moved)


def update(stats, C):
    new = np.empty_like(C)
    shift, least = move_means(stats.sums, stats.counts, C, new)
    return Update(new, shift, least)


@jit
def move_means(sums, counts, C, new):
    """Means of the clusters; how far they moved from C, squared, and the least count."""
    shift, least = 0.0, np.inf
    for j in range(counts.shape[0]):
        least = min(least, counts[j])
        for a in range(C.shape[1]):
            new[j, a] = sums[j, a] / counts[j] if counts[j] > 0.0 else C[j, a]
            moved = np.float64(new[j, a]) - np.float64(C[j, a])
            shift += moved * moved
    return shift, least


def distances_to(X: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Squared distances (n,) to one point."""
    out = np.empty(X.shape[0])
    parts = blocks(X.shape[0], ROWS_PER_TASK)
    c = np.asarray(c, np.float64)

    def block(b):
        screen.distances_to(X, c, *parts[b], out)

    run_blocks(block, len(parts))
    return out


def scatter(X: np.ndarray, w: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Weighted sums of squared distances to one point, of SCATTER_ROWS rows each."""
    parts = blocks(X.shape[0], SCATTER_ROWS)
    out = np.empty(len(parts))
    c = np.asarray(c, np.float64)

    def block(b):
        out[b] = screen.scatter(X, w, c, *parts[b])

    run_blocks(block, len(parts))
    return out


def squared_distances(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """All squared distances (n, k), without cancellation."""
    out = np.empty((X.shape[0], C.shape[0]))
    C = np.ascontiguousarray(C, np.float64)
    parts = blocks(X.shape[0], ROWS_PER_TASK)

    def block(b):
        screen.all_distances(X, C, *parts[b], out)

    run_blocks(block, len(parts))
    return out


def distances(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """All Euclidean distances (n, k), by a product of matrices where that keeps the digits."""
    C = np.ascontiguousarray(C, np.float64)
    shift = C.mean(axis=0)
    E = C - shift
    others = np.einsum("kd,kd->k", E, E)
    out = np.empty((X.shape[0], C.shape[0]))
    parts = blocks(X.shape[0], 1024)

    def block(b):
        a, e = parts[b]
        Y = X[a:e] - shift
        own = np.einsum("nd,nd->n", Y, Y)
        np.matmul(Y, E.T, out=out[a:e])
        out[a:e] *= -2.0
        out[a:e] += own[:, None] + others
        screen.mend_distances(X[a:e], C, own, others, 0, e - a, out[a:e])

    with single_threaded_blas():
        run_blocks(block, len(parts))
    return out
