"""Distances of all rows, and sums by label, meet their contracts: against float64 brute force."""

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from clusterx.kernels import kernels_for
from clusterx.kernels.distances import generic as generic_distances
from clusterx.kernels.distances.cpu.sums import DIRECT_DIMENSIONS, FEW_ROWS, FLOAT32_ROWS, Side
from clusterx.kernels.reductions.cpu import segments

CPU = kernels_for(np)
SCIPY = {"euclidean": "euclidean", "manhattan": "cityblock", "chebyshev": "chebyshev"}


def normal(rng, n, d):
    return rng.standard_normal((n, d))


def blobs(rng, n, d):
    return rng.standard_normal((n, d)) + 30 * rng.standard_normal((9, d))[rng.integers(0, 9, n)]


def duplicates(rng, n, d):
    return rng.standard_normal((3, d))[rng.integers(0, 3, n)]


def near_duplicates(rng, n, d):
    return duplicates(rng, n, d) + 1e-5 * rng.standard_normal((n, d))


def far(rng, n, d):
    return blobs(rng, n, d) + 1e4


def outlier(rng, n, d):
    X = blobs(rng, n, d)
    X[n // 2] = 1e6
    return X


def constant(rng, n, d):
    return np.full((n, d), 0.1)


DATA = [normal, blobs, duplicates, near_duplicates, far, outlier, constant]
#: Data and (n, d, k): each size twice, few and many columns of each kind of data.
CASES = [
    (normal, (1, 1, 1)),
    (constant, (1, 1, 1)),
    (duplicates, (2, 3, 2)),
    (outlier, (2, 3, 2)),
    (far, (9, 9, 4)),
    (near_duplicates, (9, 9, 4)),
    (blobs, (130, 2, 1)),
    (outlier, (130, 2, 1)),
    (near_duplicates, (257, 8, 7)),
    (constant, (257, 8, 7)),
    (far, (257, 8, 7)),
    (duplicates, (600, 9, 3)),
    (normal, (600, 9, 3)),
    (near_duplicates, (600, 9, 3)),
    (far, (700, 40, 300)),
    (outlier, (700, 40, 300)),
    (blobs, (700, 40, 300)),
]


def labelled(make, n, d, k, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(k), rng.integers(0, k, max(0, n - k)) ** 2 // k][:n]
    return make(rng, n, d).astype(dtype), rng.permutation(labels).astype(np.int32)


def brute(Q, X, labels, k, metric="euclidean"):
    D = cdist(Q.astype(np.float64), X.astype(np.float64), SCIPY[metric])
    return D @ (labels[:, None] == np.arange(k))


def by_labels(D, labels):
    same = labels[:, None] == labels[None, :]
    return D[~same].min(initial=np.inf), D[same].max()


@pytest.mark.parametrize(("make", "shape"), CASES)
def test_float64_sums_are_exact(make, shape):
    n, d, k = shape
    X, labels = labelled(make, n, d, k)
    sums = CPU.distances.distance_sums(X, labels, k, "euclidean")
    np.testing.assert_allclose(sums(X), brute(X, X, labels, k), rtol=1e-11, atol=1e-300)
    few = X[: n // 2 + 1].copy()
    np.testing.assert_allclose(sums(few), brute(few, X, labels, k), rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize(
    ("metric", "dtype", "n", "d", "k"),
    [
        ("euclidean", "float32", 1, 1, 1),
        ("manhattan", "float64", 1, 1, 1),
        ("chebyshev", "float32", 2, 3, 2),
        ("euclidean", "float64", 2, 3, 2),
        ("manhattan", "float32", 9, 9, 4),
        ("euclidean", "float64", 9, 9, 4),
        ("chebyshev", "float64", 130, 2, 1),
        ("euclidean", "float32", 257, 8, 7),
        ("manhattan", "float64", 257, 8, 7),
        ("chebyshev", "float32", 600, 9, 3),
        ("euclidean", "float32", 600, 9, 3),
        ("euclidean", "float64", 700, 40, 300),
        ("manhattan", "float32", 700, 40, 300),
        ("chebyshev", "float64", 700, 40, 300),
    ],
)
def test_every_library(xp, metric, dtype, n, d, k):
    X, labels = labelled(blobs, n, d, k, dtype)
    given, codes = xp.asarray(X), xp.asarray(labels)
    kernel = kernels_for(xp.xp)
    sums = kernel.distances.distance_sums(given, codes, k, metric)
    found = sums(given)
    assert xp.owns(found)
    # what the product leaves of distance 0, of which there is one a row
    atol = 1e-7 * np.abs(X - X.mean(axis=0)).max() * d if xp.name != "numpy" and d > 8 else 1e-12
    np.testing.assert_allclose(
        xp.to_host(found), brute(X, X, labels, k, metric), rtol=1e-10, atol=atol
    )
    some = xp.to_host(sums(xp.asarray(X[:5])))
    np.testing.assert_allclose(some, brute(X[:5], X, labels, k, metric), rtol=1e-10, atol=atol)


@pytest.mark.parametrize("metric", SCIPY)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_few_rows(metric, dtype):
    X, labels = labelled(blobs, FEW_ROWS, DIRECT_DIMENSIONS, 5, dtype)
    sums = CPU.distances.distance_sums(X, labels, 6, metric)  # the last cluster is empty
    np.testing.assert_allclose(sums(X), brute(X, X, labels, 6, metric), rtol=1e-13)
    np.testing.assert_array_equal(sums(X[7:9]), sums(X)[7:9])
    many = np.tile(X, (9, 1))
    np.testing.assert_array_equal(sums(many), np.tile(sums(X), (9, 1)))
    assert sums(X[:0]).shape == (0, 6)


@pytest.mark.parametrize(("make", "k", "d"), [
    (normal, 2, 9), (normal, 60, 60), (blobs, 8, 9), (blobs, 60, 9), (duplicates, 2, 60),
    (duplicates, 8, 9), (near_duplicates, 8, 60), (near_duplicates, 60, 9), (far, 2, 9),
    (far, 8, 60), (far, 60, 60), (outlier, 8, 9), (outlier, 60, 60), (constant, 2, 60),
])  # fmt: skip
def test_float32_products_keep_six_digits(make, k, d):
    n = FLOAT32_ROWS + 300
    X, labels = labelled(make, n, d, k, "float32")
    sums = CPU.distances.distance_sums(X, labels, k, "euclidean")
    assert sums.dtype == np.float32 or make is constant  # whose clusters have no extent
    expected = brute(X, X, labels, k)
    np.testing.assert_allclose(sums(X), expected, rtol=2e-6, atol=1e-300)
    typical = np.abs(sums(X) - expected) / np.where(expected > 0, expected, 1)
    assert np.median(typical) < 1e-7
    few = X[::100].copy()
    np.testing.assert_allclose(sums(few), brute(few, X, labels, k), rtol=2e-6, atol=1e-300)


@pytest.mark.parametrize("factor", [1e-18, 1e18])
def test_float32_products_neither_overflow_nor_vanish(factor):
    X, labels = labelled(blobs, FLOAT32_ROWS + 10, 20, 4)
    X = (X * factor).astype(np.float32)
    found = CPU.distances.distance_sums(X, labels, 4, "euclidean")(X)
    np.testing.assert_allclose(found, brute(X, X, labels, 4), rtol=2e-6)


def test_tiles_of_lost_distances_are_done_in_float64(monkeypatch):
    X, labels = labelled(duplicates, FLOAT32_ROWS + 10, 30, 2, "float32")
    done = []
    centred = Side.centred
    monkeypatch.setattr(Side, "centred", lambda *a: done.append(a) or centred(*a))
    CPU.distances.distance_sums(X, labels, 2, "euclidean")(X)
    assert done


@pytest.mark.parametrize("d", [3, 30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_do_not_change_the_bits(monkeypatch, d, dtype):
    X, labels = labelled(blobs, 3000, d, 5, dtype)
    found = []
    for threads in ("1", "2", "2"):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        sums = CPU.distances.distance_sums(X, labels, 5, "euclidean")
        found.append((sums(X), sums(X[:700].copy())))
    for other in found[1:]:
        np.testing.assert_array_equal(other[0], found[0][0])
        np.testing.assert_array_equal(other[1], found[0][1])


def test_memory_does_not_grow_with_pairs():
    n = 6000
    X, labels = labelled(normal, n, 20, 3)
    for run in (
        lambda: CPU.distances.distance_sums(X, labels, 3, "euclidean")(X),
        lambda: generic_distances.distance_sums(X, labels, 3, "euclidean")(X[:500]),
        lambda: CPU.distances.min_between_max_within(X, labels, 3, "euclidean"),
    ):
        run()
        tracemalloc.start()
        run()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < n * n * 8 / 3


@pytest.mark.parametrize("metric", SCIPY)
@pytest.mark.parametrize(("make", "shape"), CASES)
def test_separation_is_exact(make, metric, shape):
    n, d, k = shape
    X, labels = labelled(make, n, d, k)
    expected = by_labels(cdist(X, X, SCIPY[metric]), labels)
    found = CPU.distances.min_between_max_within(X, labels, k, metric)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("d", [9, 50])
def test_separation_of_float32_rows_is_exact(make, d):
    n = FLOAT32_ROWS + 200
    X, labels = labelled(make, n, d, 6, "float32")
    wide = X.astype(np.float64)
    expected = by_labels(cdist(wide, wide), labels)
    found = CPU.distances.min_between_max_within(X, labels, 6, "euclidean")
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-300)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("metric", "n", "d", "k"),
    [
        ("euclidean", 1, 1, 1),
        ("manhattan", 2, 3, 2),
        ("chebyshev", 9, 9, 4),
        ("euclidean", 130, 2, 1),
        ("euclidean", 257, 8, 7),
        ("manhattan", 600, 9, 3),
        ("euclidean", 700, 40, 300),
        ("manhattan", 700, 40, 300),
        ("chebyshev", 700, 40, 300),
    ],
)
def test_separation_on_every_library(xp, metric, n, d, k):
    X, labels = labelled(blobs, n, d, k)
    found = kernels_for(xp.xp).distances.min_between_max_within(
        xp.asarray(X), xp.asarray(labels), k, metric
    )
    least, most = by_labels(cdist(X, X, SCIPY[metric]), labels)
    assert float(xp.to_host(found[0])) == pytest.approx(least, rel=1e-10)
    assert float(xp.to_host(found[1])) == pytest.approx(most, rel=1e-10)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("n", "d", "k", "dtype"),
    [
        (1, 1, 1, "float32"),
        (2, 3, 2, "float64"),
        (9, 9, 4, "float32"),
        (130, 2, 1, "float64"),
        (257, 8, 7, "float32"),
        (600, 9, 3, "float64"),
        (700, 40, 300, "float32"),
        (700, 40, 300, "float64"),
    ],
)
def test_sums_by_label(xp, n, d, k, dtype):
    X, labels = labelled(far, n, d, k, dtype)
    kernel = kernels_for(xp.xp)
    given, codes = xp.asarray(X), xp.asarray(labels)
    wide = X.astype(np.float64)
    belongs = (labels[:, None] == np.arange(k)).astype(np.float64)

    sums = kernel.reductions.sum_rows_by_label(given, codes, k)
    assert xp.owns(sums)
    np.testing.assert_allclose(xp.to_host(sums), belongs.T @ wide, rtol=1e-13)

    C = np.random.default_rng(1).normal(1e4, 1, (k, d))
    squares = kernel.distances.assigned_squared_distances(given, xp.asarray(C), codes)
    assert xp.owns(squares)
    np.testing.assert_allclose(
        xp.to_host(squares), ((wide - C[labels]) ** 2).sum(axis=1), rtol=1e-13
    )

    D = np.ascontiguousarray(X @ X.T)
    by_row = kernel.reductions.sum_columns_by_label(xp.asarray(D), codes, k)
    assert xp.owns(by_row)
    np.testing.assert_allclose(xp.to_host(by_row), D.astype(np.float64) @ belongs, rtol=1e-13)


@pytest.mark.parametrize("k", [1, 3, 50])
def test_segment_sums_add_fixed_blocks_in_order(monkeypatch, k):
    monkeypatch.setattr(segments, "SUMMARY_VALUES", 700)
    X, labels = labelled(far, 1000, 7, k)
    whole = CPU.reductions.sum_rows_by_label(X, labels, k)
    total = np.zeros((k, 7))
    for a in range(0, 1000, 100):
        total += CPU.reductions.sum_rows_by_label(X[a : a + 100], labels[a : a + 100], k)
    np.testing.assert_array_equal(whole, total)
    monkeypatch.setattr(segments, "PARTIAL_SUMS", 1)  # a block at a time
    np.testing.assert_array_equal(CPU.reductions.sum_rows_by_label(X, labels, k), total)
