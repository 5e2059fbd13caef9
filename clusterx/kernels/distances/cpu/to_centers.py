"""Distances of rows to centres: the nearest, all of them, or each row's own."""

from __future__ import annotations

import numpy as np

from ...cpu import direct, ranges
from ...cpu.boxes import candidates
from ...cpu.boxes.candidates import TREE_DIMENSIONS
from ...cpu.direct import squared_distance
from ...cpu.jit import jit
from ...cpu.ranges import ROWS_PER_TASK, blocks
from ...cpu.screening import bounds
from ...cpu.screening.image import RowImage
from ...cpu.threads import run_blocks, single_threaded_blas
from ...reductions.cpu.segments import LANES
from ...statistics import SUMMARY_VALUES


def assigned_squared_distances(X: np.ndarray, C: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Squared distances (n,) to the centre of each row's label."""
    out = np.empty(X.shape[0])
    C = np.ascontiguousarray(C, np.float64)
    parts = blocks(X.shape[0], max(LANES, SUMMARY_VALUES // 4 // X.shape[1]))
    measure = few_columns if X.shape[1] <= direct.FEW else direct.own_distances

    run_blocks(lambda b: measure(X, C, labels, *parts[b], out), len(parts))
    return out


def few_columns_in_numpy(X, C, labels, start, stop, out):
    own = out[start:stop]
    own[:] = 0.0
    for j in range(X.shape[1]):
        t = X[start:stop, j] - C[labels[start:stop], j]
        t *= t
        own += t


@jit(stand_in=few_columns_in_numpy, seconds=0.2)
def few_columns(X, C, labels, start, stop, out):
    for i in range(start, stop):
        s = 0.0
        for j in range(X.shape[1]):
            t = X[i, j] - C[labels[i], j]
            s += t * t
        out[i] = s


@jit
def mend_distances(X, C, own, others, start, stop, out):
    """Turn expanded squares into distances; recompute those that lost their digits."""
    for i in range(start, stop):
        for j in range(C.shape[0]):
            s = out[i, j]
            if s < 1e-4 * (own[i] + others[j]):
                s = squared_distance(X[i], C[j])
            out[i, j] = np.sqrt(s)


def nearest(
    X: np.ndarray, C: np.ndarray, prepared: RowImage | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest centres and squared distances, in one pass over blocks that fit a core's cache.

    prepared: a filled image of the same rows, if there is one.
    """
    if X.shape[1] <= TREE_DIMENSIONS:
        return _nearest_of_few_columns(X, np.ascontiguousarray(C, np.float64))
    n = X.shape[0]
    C = np.ascontiguousarray(C, np.float64)
    labels, squared = np.full(n, -1, np.int32), np.empty(n)
    upper, lower = np.empty((2, n), np.float32)
    assignment = bounds.Assignment(labels, upper, lower, np.empty(n, np.uint8))
    drift = np.zeros(len(C) + 2, np.float32)
    parts = blocks(n, max(ranges.CHUNK, (1 << 18) // X.shape[1]))
    with single_threaded_blas():
        s = prepared or RowImage(X, project=False, fill=False)
        rows, centers = s.rows(), bounds.ImageCenters(C, *s.centres(C))

        def block(b):
            if prepared is None:
                s.fill(*parts[b])
            bounds.screen_rows(X, s.factor, rows, None, centers, drift, True, *parts[b], assignment)
            direct.own_distances(X, C, labels, *parts[b], squared)

        run_blocks(block, len(parts))
    return labels, squared


def _nearest_of_few_columns(X: np.ndarray, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels, squared = np.full(X.shape[0], -1, np.int32), np.empty(X.shape[0])
    variant = candidates.variant(X.shape[1])
    parts = blocks(X.shape[0], ROWS_PER_TASK)
    run_blocks(
        lambda b: candidates.nearest_blocks(X, C, *parts[b], labels, squared, *variant), len(parts)
    )
    return labels, squared


def distances_to(X: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Squared distances (n,) to one point."""
    out = np.empty(X.shape[0])
    parts = blocks(X.shape[0], ROWS_PER_TASK)
    c = np.asarray(c, np.float64)

    def block(b):
        direct.distances_to(X, c, *parts[b], out)

    run_blocks(block, len(parts))
    return out


def squared_distances(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """All squared distances (n, k), without cancellation."""
    out = np.empty((X.shape[0], C.shape[0]))
    C = np.ascontiguousarray(C, np.float64)
    parts = blocks(X.shape[0], ROWS_PER_TASK)

    def block(b):
        direct.all_distances(X, C, *parts[b], out)

    run_blocks(block, len(parts))
    return out


def distances(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """All Euclidean distances (n, k), by a matrix product where that keeps the digits."""
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
        mend_distances(X[a:e], C, own, others, 0, e - a, out[a:e])

    with single_threaded_blas():
        run_blocks(block, len(parts))
    return out
