"""Moments of columns and sums by label on every backend, against float64 sums."""

import math
from itertools import product

import numpy as np
import pytest

from clusterx.kernels import kernels_for
from tests.data import make
from tests.kernels.brute import CPU


@pytest.mark.parametrize(("n", "d"), [(1, 1), (5, 1), (21, 3), (22, 3), (200_000, 1), (70_000, 64)])
def test_moments_of_bytes_are_exact(n, d):
    check_bytes(np.full((n, d), 255, np.uint8))


def test_moments_of_bytes_in_steps_are_exact():
    check_bytes(np.full((200_000, 2), 255, np.uint8)[:, :1])


def check_bytes(X):
    n = len(X)  # sums of squares of 255 are as large as they get
    X[::7] = 3
    found = CPU.reductions.summary(X)
    wide = X.astype(np.int64)
    s, q = wide.sum(axis=0), (wide * wide).sum(axis=0)
    np.testing.assert_array_equal(found.max_abs, X.max(axis=0))
    np.testing.assert_allclose(found.mean, s / n, rtol=1e-15)
    np.testing.assert_allclose(found.variance, (n * q - s * s) / n**2, rtol=1e-15)
    assert found.finite


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("blobs", (1, 1), "float64"),
        ("offset 1e8", (1, 1), "float32"),
        ("duplicates", (2, 3), "float32"),
        ("scale 1e30", (2, 3), "float64"),
        ("outlier 1e12", (2, 3), "float32"),
        ("grid", (65, 9), "float64"),
        ("scale 1e-30", (65, 9), "float32"),
        ("zeros", (65, 9), "float32"),
        ("blobs", (257, 200), "float32"),
        ("offset 1e4", (257, 200), "float32"),
        ("offset 1e8", (257, 200), "float64"),
        ("scale 1e30", (257, 200), "float32"),
        ("zeros", (257, 200), "float64"),
        ("constant", (5000, 3), "float32"),
        ("duplicates", (5000, 3), "float64"),
        ("offset 1e4", (5000, 3), "float32"),
        ("offset 1e8", (5000, 3), "float64"),
        ("scale 1e-30", (5000, 3), "float64"),
        ("outlier 1e12", (5000, 3), "float64"),
    ],
    ids=str,
)
def test_summary(xp, name, shape, dtype):
    X = make(name, *shape, dtype)
    found = kernels_for(xp.xp).reductions.summary(xp.asarray(X))
    wide = X.astype(np.float64)
    assert bool(xp.to_host(found.finite))
    mean = np.array([math.fsum(column) / len(X) for column in wide.T])
    variance = np.array([math.fsum(column) / len(X) for column in ((wide - mean) ** 2).T])
    size = np.abs(wide).max(axis=0)
    np.testing.assert_allclose(xp.to_host(found.mean), mean, rtol=1e-11, atol=1e-13 * size.max())
    np.testing.assert_allclose(
        xp.to_host(found.variance), variance, rtol=1e-7, atol=1e-28 * size.max() ** 2
    )
    np.testing.assert_array_equal(xp.to_host(found.max_abs), size)


@pytest.mark.parametrize("d", [1, 3, 200])
def test_equal_rows_have_no_variance_but_rounding(xp, d):
    row = np.random.default_rng(d).normal(1e9, 1, (1, d))
    for n in (1, 2, 700):
        found = kernels_for(xp.xp).reductions.summary(xp.asarray(np.repeat(row, n, axis=0)))
        np.testing.assert_allclose(xp.to_host(found.mean), row[0], rtol=1e-13)
        np.testing.assert_allclose(xp.to_host(found.variance), 0, atol=(1e-13 * 1e9) ** 2)
        np.testing.assert_array_equal(xp.to_host(found.max_abs), np.abs(row[0]))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 1), "float32"),
        ((3, 2), "float64"),
        ((70, 9), "float32"),
        ((5000, 3), "float32"),
        ((5000, 3), "float64"),
        ((300, 130), "float64"),
    ],
    ids=str,
)
def test_summary_finds_what_is_not_finite(xp, shape, dtype):
    for place, bad in product({0, shape[0] // 2, shape[0] - 1}, (np.nan, np.inf, -np.inf)):
        X = make("blobs", *shape, dtype)
        X[place, shape[1] - 1] = bad
        assert not bool(xp.to_host(kernels_for(xp.xp).reductions.summary(xp.asarray(X)).finite))


def test_sums_by_label_over_many_tiles(xp, monkeypatch):
    monkeypatch.setattr("clusterx.blocks.TILE", 256)
    monkeypatch.setattr("clusterx.kernels.reductions.generic.TILE", 256)
    rng = np.random.default_rng(0)
    X, labels = rng.standard_normal((30, 101)), rng.integers(0, 4, 101).astype(np.int32)
    reductions = kernels_for(xp.xp).reductions
    belongs = np.eye(5)[labels]  # nobody is in the last cluster
    by_column = reductions.sum_columns_by_label(xp.asarray(X), xp.asarray(labels), 5)
    np.testing.assert_allclose(xp.to_host(by_column), X @ belongs, rtol=1e-12, atol=1e-12)
    rows = xp.asarray(np.ascontiguousarray(X.T))
    by_row = reductions.sum_rows_by_label(rows, xp.asarray(labels), 5)
    np.testing.assert_allclose(xp.to_host(by_row), belongs.T @ X.T, rtol=1e-12, atol=1e-12)
