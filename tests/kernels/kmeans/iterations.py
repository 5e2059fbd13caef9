"""The CPU's prepared steps, called many times while centres move, each against brute force."""

import math

import numpy as np
from scipy.sparse import csr_matrix

from clusterx.kernels.cpu.screening import image
from clusterx.kernels.kmeans import Within
from clusterx.kernels.kmeans.cpu import sparse
from clusterx.kernels.kmeans.cpu.plain import PlainStep
from clusterx.kernels.kmeans.cpu.screened import ScreenedStep
from clusterx.kernels.kmeans.cpu.tree import TreeStep
from tests.data import some_rows
from tests.kernels.brute import CPU, brute_squared

RAGGED = (1, 2, 63, 64, 65, 257, 5000)


WIDTHS = (1, 2, 3, 8, 9, 16, 130, 200)


ITERATIONS = 15


def grid_for(X, w=None):
    total = float(len(X)) if w is None else float(w.sum())
    return CPU.kmeans.sum_scales(CPU.reductions.summary(X), total, len(X))


def fsums(X, w, labels, k):
    """Correctly rounded sums of each cluster, and of its weights."""
    w = np.ones(X.shape[0]) if w is None else w
    terms = w[:, None] * X.astype(np.float64)
    sums = [[math.fsum(column) for column in terms[labels == j].T.tolist()] for j in range(k)]
    return np.array(sums), np.array([math.fsum(w[labels == j]) for j in range(k)])


def assert_sums(stats, X, w, labels, k):
    sums, counts = fsums(X, w, labels, k)
    bound = len(X) * np.abs(X).max(axis=0).astype(float) * (1 if w is None else w.sum())
    least = 2.0**-115 * len(X) * bound  # the documented resolution, n S 2^-121, of n terms
    np.testing.assert_array_less(
        np.abs(stats.sums - sums), 2 * np.spacing(np.abs(sums)) + least + 5e-324
    )
    np.testing.assert_allclose(stats.counts, counts, rtol=5e-16, atol=0)


def step_for(kind, X, w, grid, k=None):
    """A step of the named class, whatever X would get by itself."""
    if kind == "plain":
        return PlainStep(X, w, grid)
    if kind == "tree":
        return TreeStep(X, w, grid)
    if kind == "sparse":
        return sparse.SparseStep(csr_matrix(X), w, grid)
    if kind == "within":
        return ScreenedStep(X, w, grid, single_use=False, k=k, within=every_second(X))
    return ScreenedStep(X, w, grid, single_use=kind == "screened", k=k)


def every_second(X):
    """The rows within a step of twice as many."""
    more = np.repeat(X, 2, axis=0)
    more[::2] = X[::-1]
    center = X.astype(np.float64).mean(axis=0).astype(X.dtype)
    squared = ((X.astype(np.float64) - center) ** 2).sum(axis=1)
    step = ScreenedStep(more, None, grid_for(more), single_use=False)
    return Within(step, 2 * np.arange(len(X)) + 1, center, squared)


def kinds_for(n, d):
    kinds = ["sparse"]
    if d <= 8:
        kinds += ["plain", "tree"]
    if d > 8:
        kinds += ["screened"]
    if n >= image.PROJECTION_ROWS and d >= 2 * image.PROJECTION:
        kinds += ["projected"]
    return kinds


def moving_centres(X, C, labels, iteration, rng):
    """Means, as in k-means, with sometimes a jump or a collision that upsets every bound."""
    new = C.copy()
    for j in range(len(C)):
        if (labels == j).any():
            new[j] = X[labels == j].astype(np.float64).mean(axis=0)
    if iteration % 5 == 3:
        new[rng.integers(len(C))] = X[rng.integers(len(X))]
    if iteration % 5 == 4:
        new[rng.integers(len(C))] = new[rng.integers(len(C))]
    return new


def run_iterations(kind, X, w, k, seed=0):
    """Many calls of one step, each against brute force."""
    rng = np.random.default_rng(seed)
    step = step_for(kind, X, w, grid_for(X, w), k)
    C, previous = some_rows(X, k, seed), np.full(len(X), -1)
    for iteration in range(ITERATIONS):
        stats = step(C)
        squared = brute_squared(X, C)
        expected = squared.argmin(axis=1)
        wrong = np.flatnonzero(step.labels != expected)
        assert wrong.size == 0, (iteration, wrong[:5], step.labels[wrong[:5]], expected[wrong[:5]])
        assert step.labels.dtype == np.int32
        assert stats.n_changed == np.count_nonzero(previous != expected)
        np.testing.assert_allclose(step.distances(), squared.min(axis=1), rtol=1e-12)
        if iteration == ITERATIONS - 1:
            assert_sums(stats, X, w, expected, k)
        C, previous = moving_centres(X, C, expected, iteration, rng), expected
    return step


#: Every kind of data, number of columns and dtype, and those that are hard together.
FEW_COLUMNS = [
    ("normal", 1, "float32"),
    ("normal", 8, "float64"),
    ("blobs", 3, "float32"),
    ("low rank", 8, "float32"),
    ("low rank", 2, "float64"),
    ("duplicates", 3, "float64"),
    ("grid", 2, "float32"),
    ("grid", 8, "float64"),
    ("constant", 1, "float64"),
    ("zeros", 3, "float32"),
    ("offset 1e4", 8, "float32"),
    ("offset 1e6", 3, "float32"),
    ("offset 1e6", 1, "float64"),
    ("offset 1e8", 8, "float64"),
    ("scale 1e-30", 2, "float32"),
    ("scale 1e30", 8, "float32"),
    ("low rank 1e30", 3, "float64"),
    ("low rank 1e-30", 1, "float32"),
    ("outlier 1e12", 3, "float32"),
    ("outlier 1e12", 2, "float64"),
    ("outlier 1e20", 8, "float64"),
    ("outlier 1e20", 1, "float32"),
]


MANY_COLUMNS = [
    ("normal", 9, "float32"),
    ("normal", 130, "float64"),
    ("blobs", 16, "float32"),
    ("low rank", 130, "float32"),
    ("low rank", 9, "float64"),
    ("duplicates", 16, "float64"),
    ("grid", 130, "float32"),
    ("grid", 9, "float64"),
    ("constant", 16, "float64"),
    ("zeros", 9, "float32"),
    ("offset 1e4", 130, "float32"),
    ("offset 1e6", 16, "float32"),
    ("offset 1e6", 130, "float64"),
    ("offset 1e8", 130, "float64"),
    ("offset 1e8", 9, "float32"),
    ("scale 1e-30", 16, "float32"),
    ("scale 1e30", 130, "float32"),
    ("low rank 1e30", 9, "float64"),
    ("low rank 1e-30", 130, "float32"),
    ("outlier 1e12", 9, "float32"),
    ("outlier 1e12", 130, "float64"),
    ("outlier 1e20", 16, "float64"),
    ("outlier 1e20", 130, "float32"),
]


PROJECTED = [
    ("blobs", "float32"),
    ("low rank", "float32"),
    ("low rank", "float64"),
    ("duplicates", "float64"),
    ("grid", "float32"),
    ("constant", "float64"),
    ("zeros", "float32"),
    ("offset 1e4", "float32"),
    ("offset 1e6", "float32"),
    ("offset 1e8", "float64"),
    ("scale 1e-30", "float32"),
    ("scale 1e30", "float32"),
    ("low rank 1e30", "float32"),
    ("low rank 1e-30", "float64"),
    ("outlier 1e12", "float32"),
    ("outlier 1e20", "float64"),
]


def weights_of(name, n):
    rng = np.random.default_rng(9)
    if name == "none":
        return None
    if name == "whole":
        return rng.integers(0, 4, n).astype(float)
    if name == "fractions":
        return rng.random(n)
    return np.exp(rng.uniform(-40, 40, n)) * (rng.random(n) > 0.2)
