"""Kernels for NumPy arrays and CSR matrices: numba functions over fixed blocks, on our threads."""

import numpy as np

from .. import SUMMARY_VALUES, Summary
from . import distance_sums as _pairs
from . import lloyd, scan, sparse, sparse_pairs, steps
from . import seeding as _seeding
from .color import color_counts, remap
from .contingency import contingency, encode, expected_information
from .exact import Grid
from .minibatch import minibatch
from .segments import label_sums, own_squares, segment_sum
from .threads import run_blocks, single_threaded_blas

__all__ = [
    "color_counts",
    "contingency",
    "distance_sums",
    "draw",
    "dtypes",
    "encode",
    "expected_information",
    "grid",
    "label_sums",
    "lloyd_stats",
    "minibatch",
    "nearest",
    "own_squares",
    "remap",
    "scatter",
    "seeding",
    "segment_sum",
    "separation",
    "session",
    "squared_distances",
    "summary",
    "update",
]

dtypes = frozenset({"uint8", "float32", "float64"})
grid = Grid.of
draw = _seeding.draw
session = single_threaded_blas
update = lloyd.update


def summary(X):
    if not isinstance(X, np.ndarray):
        return sparse.summary(X)
    blocks = steps.blocks(X.shape[0], max(1, SUMMARY_VALUES // X.shape[1]))
    parts: list[tuple[int, Summary]] = [None] * len(blocks)  # type: ignore[list-item]

    def block(i):
        a, b = blocks[i]
        parts[i] = b - a, scan.summary(X[a:b])

    run_blocks(block, len(blocks))
    return Summary.joined(parts)


def distances(X, C):
    return lloyd.distances(X, C) if isinstance(X, np.ndarray) else sparse.distances(X, C)


def distances_to(X, c):
    if isinstance(X, np.ndarray):
        return lloyd.distances_to(X, c)
    return sparse.squared_distances(X, c[None, :])[:, 0]


def scatter(X, w, c):
    return lloyd.scatter(X, w, c) if isinstance(X, np.ndarray) else w * distances_to(X, c)


def squared_distances(X, C):
    if isinstance(X, np.ndarray):
        return lloyd.squared_distances(X, C)
    return sparse.squared_distances(X, C)


def nearest(X, C):
    return lloyd.nearest(X, C) if isinstance(X, np.ndarray) else sparse.nearest(X, C)


def lloyd_stats(X, w, grid, once=False, k=None):
    if isinstance(X, np.ndarray):
        return lloyd.lloyd_stats(X, w, grid, once, k)
    return sparse.SparseStep(X, w, grid)


def seeding(X, w, step):
    if isinstance(X, np.ndarray):
        return _seeding.seeding(X, w, step)
    return sparse.seeding(X, w, step)


def distance_sums(X, labels, k, metric):
    pairs = _pairs if isinstance(X, np.ndarray) else sparse_pairs
    return pairs.distance_sums(X, labels, k, metric)


def separation(X, labels, k, metric):
    pairs = _pairs if isinstance(X, np.ndarray) else sparse_pairs
    return pairs.separation(X, labels, k, metric)
