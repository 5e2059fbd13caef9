"""Rows as near to several centres: split at the start, exchanged in the end."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from bench.ties import ratios
from clusterx import Blocks, KMeans
from clusterx.centroid import ties
from clusterx.kernels.distances import generic as generic_distances
from clusterx.rows import InMemory

HALF_WAY = np.arange(100.0)[:, None]
#: Row 50 lies half way between the means of 0..50 and 51..99.
STUCK = np.array([[25.0], [75.0]])


def binary(seed, n=300, d=6):
    return (np.random.default_rng(seed).random((n, d)) < 0.2) * 1.0


def brute_inertia(model, X, w=None):
    squared = generic_distances.squared_distances(np.asarray(X, np.float64), model.cluster_centers_)
    return np.average(squared.min(axis=1), weights=w) * (len(X) if w is None else w.sum())


@pytest.mark.parametrize("scale", [1.0, 0.5, 100.0])
def test_a_row_half_way_moves(xp, scale):
    X, start = xp.asarray(HALF_WAY * scale), xp.asarray(STUCK * scale)
    model = KMeans(2, init=start).fit(X)
    assert_allclose(xp.to_host(model.cluster_centers_), [[24.5 * scale], [74.5 * scale]])
    assert_array_equal(np.bincount(xp.to_host(model.labels_)), [50, 50])
    assert_allclose(model.inertia_, 20825 * scale**2)
    assert_array_equal(xp.to_host(model.predict(X)), xp.to_host(model.labels_))


def test_a_row_of_some_weight_half_way_moves(xp):
    w = np.where(np.arange(100) == 50, 1.0, 2.0)
    model = KMeans(2, init=xp.asarray(STUCK)).fit(xp.asarray(HALF_WAY), sample_weight=xp.asarray(w))
    labels = xp.to_host(model.labels_)
    again = KMeans(2, init=STUCK).fit(np.repeat(HALF_WAY, w.astype(int), axis=0))
    assert_allclose(xp.to_host(model.cluster_centers_), again.cluster_centers_)
    assert labels[50] == 1
    assert_allclose(model.inertia_, again.inertia_)


@pytest.mark.parametrize("weighted", [False, True])
def test_tied_rows_are_split(xp, weighted):
    """Rows 1 and 3 go to three centres each, row 2 to the two on it, which are no tie."""
    X, C = xp.asarray([[0.0], [1.0], [2.0], [3.0], [9.0]]), xp.asarray([[0.0], [2.0], [4.0], [2.0]])
    w = xp.asarray([1.0, 2.0, 4.0, 3.0, 1.0]) if weighted else None
    rows = InMemory(X)
    assert_allclose(ties.share(rows, C), 2 / 5)
    third, half, one = 1 / 3, 1 / 2, np.array([1, 2, 4, 3, 1.0]) if weighted else np.ones(5)
    parts = (
        np.array(
            [
                [1, third, 0, 0, 0],
                [0, third, half, third, 0],
                [0, 0, 0, third, 1],
                [0, third, half, third, 0],
            ]
        )
        * one
    )
    expected = parts @ [0, 1, 2, 3, 9] / parts.sum(axis=1)
    assert_allclose(xp.to_host(ties.split(rows, C, w))[:, 0], expected, rtol=1e-4)


@pytest.mark.smoke
@pytest.mark.parametrize("seed", range(2))
def test_backends_agree_on_ties(xp, seed):
    X, w = binary(seed), np.random.default_rng(seed).integers(1, 4, 300) * 1.0
    expected = KMeans(5, random_state=seed).fit(X, sample_weight=w)
    found = KMeans(5, random_state=seed).fit(xp.asarray(X), sample_weight=xp.asarray(w))
    assert_array_equal(xp.to_host(found.labels_), expected.labels_)
    assert_allclose(xp.to_host(found.cluster_centers_), expected.cluster_centers_, atol=1e-12)
    assert found.n_iter_ == expected.n_iter_


@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_and_sparse_rows_end_as_dense_ones(weighted):
    X = binary(3, 2000, 12)
    w = np.random.default_rng(3).integers(1, 4, len(X)) * 1.0 if weighted else None
    expected, sparse, blocks = (
        KMeans(6, random_state=0).fit(rows, sample_weight=w)
        for rows in (X, sp.csr_array(X), Blocks(X, block_rows=300))
    )
    assert_array_equal(blocks.cluster_centers_, expected.cluster_centers_)
    assert_array_equal(blocks.labels_, expected.labels_)
    assert_allclose(sparse.cluster_centers_, expected.cluster_centers_, atol=1e-12)
    assert_array_equal(sparse.labels_, expected.labels_)


def test_a_weight_of_two_is_a_row_repeated_with_ties():
    X = binary(4)
    w = np.random.default_rng(4).integers(1, 4, len(X))
    start = X[[0, 1, 5, 9]]
    weighted = KMeans(4, init=start).fit(X, sample_weight=w)
    repeated = KMeans(4, init=start).fit(np.repeat(X, w, axis=0))
    assert_allclose(weighted.inertia_, repeated.inertia_)
    assert_array_equal(np.repeat(weighted.labels_, w), repeated.labels_)


@pytest.mark.parametrize("tol", [0.0, 1e-4])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_inertia_never_rises_and_labels_belong_to_the_centres(dtype, tol):
    X, w = binary(5).astype(dtype), np.random.default_rng(5).random(300)
    before = np.inf
    for max_iter in (2, 3, 4, 6, 9, 300):
        model = KMeans(7, random_state=2, max_iter=max_iter, tol=tol).fit(X, sample_weight=w)
        assert model.n_iter_ <= max_iter
        assert model.inertia_ <= before * (1 + 1e-6)
        assert_allclose(model.inertia_, brute_inertia(model, X, w), rtol=1e-5)
        assert_array_equal(model.predict(X), model.labels_)
        before = model.inertia_


def test_one_iteration_is_lloyds():
    X = binary(7)
    start = np.unique(X, axis=0)[:5]
    model = KMeans(5, init=start, max_iter=1).fit(X)
    labels = generic_distances.squared_distances(X, start).argmin(axis=1)
    assert_allclose(model.cluster_centers_, [X[labels == j].mean(axis=0) for j in range(5)])


def test_no_move_of_a_row_lowers_the_inertia():
    X = np.random.default_rng(6).integers(0, 5, (200, 3)) * 1.0
    model = KMeans(6, random_state=0, tol=0).fit(X)
    labels = model.labels_

    def inertia(labels):
        return sum(((X[labels == j] - X[labels == j].mean(axis=0)) ** 2).sum() for j in range(6))

    least = inertia(labels)
    for row in range(0, 200, 7):
        for j in range(6):
            moved = np.where(np.arange(200) == row, j, labels)
            assert inertia(moved) > least - 1e-9


def test_moves_of_one_round_share_no_cluster():
    gain, old, new = np.array([1.0, 3, 0, 3, 2, 1]), [0, 0, 1, 2, 3, 5], [1, 2, 0, 0, 4, 4]
    assert_array_equal(ties._apart(gain, np.array(old), np.array(new), 6), [1, 4])


def test_as_many_clusters_as_distinct_rows():
    X = np.repeat(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), 5, axis=0)
    model = KMeans(4, init=X[[0, 1, 5, 10]]).fit(X)
    assert model.inertia_ == 0
    assert len(set(model.labels_)) == 4


def test_rows_off_the_grid_are_left_alone(monkeypatch):
    monkeypatch.setattr(ties, "split", None)
    monkeypatch.setattr(ties.Exchange, "__call__", None)
    for X in (HALF_WAY / 10, HALF_WAY / 99):  # the largest is 9.9, or 1 as of data scaled to that
        assert ties.share(InMemory(X), STUCK) is None
        assert KMeans(2, init=STUCK / 10).fit(X).n_iter_ > 0


def test_large_data_are_looked_at_in_part(monkeypatch):
    """What is measured does not grow with the number of rows."""
    rows, seen = InMemory(binary(0, 70_000)), []
    squared = rows.kernels.distances.squared_distances
    monkeypatch.setattr(
        rows.kernels.distances,
        "squared_distances",
        lambda few, C: seen.append(len(few)) or squared(few, C),
    )
    start = rows.take(np.arange(8))
    assert ties.share(rows, start) > ties.COMMON
    ties.split(rows, start, None)
    assert ties.Exchange(rows, None)(None, None, start) is None
    assert max(seen) * 8 * ties.SHORT <= ties.WORK


def test_verbose_fits_with_moves(capsys):
    KMeans(2, init=STUCK, verbose=1).fit(HALF_WAY)
    told = capsys.readouterr().out.splitlines()
    values = [float(line.split()[-1][:-1]) for line in told if line.startswith("Iteration")]
    assert values == sorted(values, reverse=True)
    assert told[-1].startswith("Converged at iteration")


@pytest.mark.parametrize("name", ["0/1, 500 x 6, 20%", "days", "0..9, weighted"])
def test_no_worse_than_scikit_learn(name):
    assert ratios(name, 12).mean() < 1
