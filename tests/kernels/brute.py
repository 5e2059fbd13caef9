"""Brute force in float64, and the cases that kernels are compared with it on."""

import numpy as np

from clusterx.kernels import kernels_for

CPU = kernels_for(np)


def brute_squared(X, C):
    X, C = np.asarray(X, np.float64), np.asarray(C, np.float64)
    out = np.empty((len(X), len(C)))
    for j, c in enumerate(C):
        out[:, j] = ((X - c) ** 2).sum(axis=1)
    return out


def brute_labels(X, C):
    return brute_squared(X, C).argmin(axis=1)


def tolerance(X, C, dtype):
    """What float arithmetic of the dtype may lose of a squared distance by expanded squares."""
    C = np.asarray(C, np.float64)
    about = C.mean(axis=0)
    size = np.sqrt(((X.astype(float) - about) ** 2).sum(axis=1))
    reach = np.sqrt(((C - about) ** 2).sum(axis=1)).max()
    eps = np.finfo(dtype).eps
    shifted = 8 * len(C) * eps * np.abs(C).max()
    return 2 * (X.shape[1] + 8) * eps * (size + reach + shifted) ** 2


SHAPES = [(1, 1, 1), (2, 3, 1), (65, 1, 4), (257, 16, 5), (257, 200, 5), (1000, 3, 31)]


#: Data, (n, d, k) and dtype: each at least twice, and those that are hard together.
CASES = [
    ("blobs", (1, 1, 1), "float32"),
    ("offset 1e4", (1, 1, 1), "float64"),
    ("constant", (2, 3, 1), "float32"),
    ("scale 1e30", (2, 3, 1), "float64"),
    ("blobs", (65, 1, 4), "float64"),
    ("duplicates", (65, 1, 4), "float32"),
    ("offset 1e4", (257, 16, 5), "float32"),
    ("grid", (257, 16, 5), "float64"),
    ("offset 1e4", (257, 200, 5), "float32"),
    ("scale 1e-30", (257, 200, 5), "float64"),
    ("duplicates", (257, 200, 5), "float64"),
    ("scale 1e30", (257, 200, 5), "float32"),
    ("scale 1e-30", (1000, 3, 31), "float32"),
    ("grid", (1000, 3, 31), "float32"),
    ("constant", (1000, 3, 31), "float64"),
]


#: ... and data whose digits are lost where squares are expanded.
HARD_CASES = [
    *CASES,
    ("outlier 1e12", (2, 3, 1), "float32"),
    ("offset 1e8", (65, 1, 4), "float64"),
    ("outlier 1e12", (257, 16, 5), "float64"),
    ("offset 1e8", (257, 200, 5), "float64"),
    ("outlier 1e12", (257, 200, 5), "float32"),
    ("offset 1e8", (1000, 3, 31), "float32"),
]


def draws_for(rounds, trials=4):
    return np.random.default_rng(3).random((rounds, trials))
