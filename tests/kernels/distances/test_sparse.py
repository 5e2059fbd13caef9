"""CSR rows against the kernels of dense rows: the same labels, the same distances."""

import numpy as np
import pytest
from numba import njit
from scipy.sparse import csr_array, csr_matrix

from clusterx.kernels import kernels_for
from clusterx.kernels.distances.cpu import sparse, sparse_loops, to_centers

CPU = kernels_for(np)
LARGEST = (0.0, 1e3, 1e9)  # offsets, against a spread of one


def rows_with_offsets(n, d, size, seed=0):
    """One value in ten; a column that is far from zero in all rows, one in a third of them."""
    rng = np.random.default_rng([seed, d])
    X = np.where(rng.random((n, d)) < 0.1, rng.standard_normal((n, d)), 0.0)
    X[:, d // 2] = size + rng.standard_normal(n)
    X[::3, d // 3] += size
    return X


def unit_rows(n, d, seed=0):
    """Rows of length one, most of which share no column: all are equally far, but for rounding."""
    rng = np.random.default_rng([seed, d])
    X = np.where(rng.random((n, d)) < 3 / d, rng.random((n, d)), 0.0)
    return X / np.maximum(np.linalg.norm(X, axis=1), 1e-9)[:, None]


def exact_squares(X, C):
    wide = X.astype(np.longdouble)[:, None] - C.astype(np.longdouble)[None]
    return (wide * wide).sum(axis=2).astype(np.float64)


@pytest.mark.parametrize("size", LARGEST)
@pytest.mark.parametrize("d", [9, 31, 33, 130, 700])
def test_labels_and_distances_with_offsets(d, size):
    for dtype in ("float32", "float64"):
        X = rows_with_offsets(300, d, size).astype(dtype)
        S = csr_matrix(X)
        for C in (
            X[:7].astype(np.float64),
            X[:60].reshape(6, 10, d).mean(axis=1, dtype=np.float64),
        ):
            labels, squared = CPU.distances.nearest(S, C)
            expected, dense = CPU.distances.nearest(X, C)
            np.testing.assert_array_equal(labels, expected)
            np.testing.assert_allclose(squared, dense, rtol=2e-10)
            np.testing.assert_allclose(
                CPU.distances.squared_distances(S, C), exact_squares(X, C), rtol=2e-10
            )
            np.testing.assert_array_equal(
                sparse.SparseRows(S).assigned_squared_distances(C, labels), dense
            )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [12, 64, 95, 400, 3000])
def test_ties_fall_as_those_of_dense_rows(d, dtype):
    X = unit_rows(400, d).astype(dtype)
    C = X[[5, 3, 3, 8, 11, 2, 5]].astype(np.float64)
    labels, squared = CPU.distances.nearest(csr_matrix(X), C)
    expected, dense = CPU.distances.nearest(X, C)
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_allclose(squared, dense, rtol=1e-10)


def test_rows_and_centres_of_zeros_and_squares_that_vanish():
    X = np.zeros((4, 70))
    X[1:3, 40] = 1e-170, 1e-160  # squares below the least number, and with few digits
    C = np.array([X[2], X[0], X[0], X[1]])
    labels, squared = CPU.distances.nearest(csr_matrix(X), C)
    np.testing.assert_array_equal(labels, to_centers.nearest(X, C)[0])
    np.testing.assert_array_equal(squared, to_centers.nearest(X, C)[1])


def test_few_columns_are_heavy():
    """Those that drown the others, and none of a table of words."""
    X = rows_with_offsets(500, 40, 1e9)
    assert set(sparse.heavy_columns(csr_matrix(X))) == {13, 20}
    assert len(sparse.heavy_columns(csr_matrix(rows_with_offsets(500, 40, 0.0)))) == 0
    assert len(sparse.heavy_columns(csr_matrix(unit_rows(500, 300)))) == 0
    assert len(sparse.heavy_columns(csr_matrix((5, 9)))) == 0


def test_most_rows_are_not_measured(monkeypatch):
    """The bound leaves little open: not with heavy columns, and not with few stored values."""
    for X in (rows_with_offsets(300, 200, 1e9)[:, 100:], unit_rows(300, 200)):
        C = X[:60].reshape(6, 10, -1).mean(axis=1)
        rows = sparse.SparseRows(csr_matrix(X))
        centres = rows.centres(C)
        own, acc = np.empty(300), np.empty((300, 6))
        labels = np.empty(300, np.int32)
        assert count_open(rows.rows, centres, own, acc, labels) < 10


@njit(cache=True)
def count_open(rows, centres, own, acc, labels):
    sparse_loops.expand_rows(rows, centres, 0, own, acc)
    other = sparse_loops.EPS * (centres.rows.shape[1] + 16)
    return sparse_loops.pick(rows.indptr, centres.squares, other, True, 0, own, acc, labels)


@pytest.mark.parametrize("size", LARGEST)
def test_seeding_draws_and_accepts_as_dense_rows_do(size):
    X = rows_with_offsets(600, 40, size)
    X[::5, :4] += size  # groups that gain the same, but for rounding
    dense, found = CPU.kmeans.seeding(X, None, None), CPU.kmeans.seeding(csr_matrix(X), None, None)
    rng = np.random.default_rng(0)
    for step in (dense, found):
        step.start(3)
    np.testing.assert_array_equal(found.closest, dense.closest)
    for _ in range(8):
        fractions = rng.uniform(size=4)
        assert found.grow(fractions) == dense.grow(fractions)
        np.testing.assert_allclose(found.closest, dense.closest, rtol=1e-10)


@pytest.mark.parametrize("size", LARGEST)
def test_distances_of_rows_with_each_other(size):
    X = rows_with_offsets(150, 70, size)
    X[7] = X[9]
    S, labels = csr_array(X), np.arange(150, dtype=np.int32) % 4
    D = np.sqrt(exact_squares(X, X))
    expected = np.stack([D[:, labels == j].sum(axis=1) for j in range(4)], axis=1)
    sums = CPU.distances.distance_sums(S, labels, 4, "euclidean")
    np.testing.assert_allclose(sums(S), expected, rtol=1e-10)
    np.testing.assert_allclose(sums(S[20:33]), expected[20:33], rtol=1e-10)
    same = labels[:, None] == labels[None, :]
    least, most = CPU.distances.min_between_max_within(S, labels, 4, "euclidean")
    assert least == pytest.approx(D[~same].min(), rel=1e-10)
    assert most == pytest.approx(D[same].max(), rel=1e-10)


def test_indices_of_64_bits():
    X = rows_with_offsets(90, 30, 1e9)
    S = csr_matrix(X)
    wide = csr_matrix(X)
    wide.indices, wide.indptr = S.indices.astype(np.int64), S.indptr.astype(np.int64)
    np.testing.assert_array_equal(
        CPU.distances.nearest(wide, X[:5])[0], CPU.distances.nearest(X, X[:5])[0]
    )
