"""Made data, once: what is easy, what is hard, and what only float64 holds."""

import numpy as np


def normal(rng, n, d):
    return rng.standard_normal((n, d))


def blobs(rng, n, d):
    return rng.standard_normal((n, d)) + 6 * rng.standard_normal((12, d))[rng.integers(0, 12, n)]


def low_rank(rng, n, d):
    """Most of the variance in few directions, as a projection wants it."""
    return blobs(rng, n, 5) @ rng.standard_normal((5, d)) + 0.01 * rng.standard_normal((n, d))


def duplicates(rng, n, d):
    return rng.standard_normal((3, d))[rng.integers(0, 3, n)]


def grid_points(rng, n, d):
    """Small whole numbers: distances are exact, and many are equal."""
    return rng.integers(-2, 3, (n, d)).astype(float)


def constant(rng, n, d):
    return np.full((n, d), 3.25)


def zeros(rng, n, d):
    return np.zeros((n, d))


def far(offset):
    def points(rng, n, d):
        return blobs(rng, n, d) + offset

    return points


def scaled(make, factor):
    def points(rng, n, d):
        return make(rng, n, d) * factor

    return points


def with_outlier(size):
    def points(rng, n, d):
        X = blobs(rng, n, d)
        X[n // 2] = size
        return X

    return points


DATA = {
    "normal": normal,
    "blobs": blobs,
    "low rank": low_rank,
    "duplicates": duplicates,
    "grid": grid_points,
    "constant": constant,
    "zeros": zeros,
    "offset 1e4": far(1e4),
    "offset 1e6": far(1e6),
    "offset 1e8": far(1e8),
    "scale 1e-30": scaled(blobs, 1e-30),
    "scale 1e30": scaled(blobs, 1e30),
    "low rank 1e30": scaled(low_rank, 1e30),
    "low rank 1e-30": scaled(low_rank, 1e-30),
    "outlier 1e12": with_outlier(1e12),
    "outlier 1e20": with_outlier(1e20),
}


#: data that only float64 holds
WIDE_DATA = {"scale 1e140": scaled(blobs, 1e140), "scale 1e-140": scaled(low_rank, 1e-140)}


def make(name, n, d, dtype, seed=0):
    X = {**DATA, **WIDE_DATA}[name](np.random.default_rng([seed, n, d]), n, d)
    return np.ascontiguousarray(X, dtype)


def some_rows(X, k, seed=1):
    return X[np.random.default_rng(seed).integers(0, len(X), k)].astype(np.float64)
