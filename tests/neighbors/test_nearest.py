"""NearestNeighbors against scikit-learn's."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn import neighbors
from sklearn.metrics import pairwise_distances

from clusterx import NearestNeighbors

X = np.random.RandomState(0).randn(150, 3)
Y = np.random.RandomState(1).randn(40, 3)


@pytest.mark.smoke
@pytest.mark.parametrize("queries", [None, Y])
@pytest.mark.parametrize("metric", ["minkowski", "manhattan", "cosine"])
def test_neighbours_are_those_of_scikit_learn(xp, queries, metric):
    reference = neighbors.NearestNeighbors(metric=metric, radius=0.4, algorithm="brute").fit(X)
    model = NearestNeighbors(metric=metric, radius=0.4).fit(xp.asarray(X))
    given = None if queries is None else xp.asarray(queries)

    wanted = reference.kneighbors(queries)
    found = model.kneighbors(given)
    assert xp.owns(found[0])
    np.testing.assert_allclose(xp.to_host(found[0]), wanted[0], atol=1e-7)
    np.testing.assert_array_equal(xp.to_host(found[1]), wanted[1])
    np.testing.assert_array_equal(
        xp.to_host(model.kneighbors(given, 2, return_distance=False)), wanted[1][:, :2]
    )

    wanted = reference.radius_neighbors(queries, sort_results=True)
    found = model.radius_neighbors(given, sort_results=True)
    for mine, its in zip(found[1], wanted[1], strict=True):
        np.testing.assert_array_equal(xp.to_host(mine), its)
    for mine, its in zip(found[0], wanted[0], strict=True):
        np.testing.assert_allclose(xp.to_host(mine), its, atol=1e-7)
    rows = model.radius_neighbors(given, 0.3, return_distance=False)
    for mine, its in zip(
        rows, reference.radius_neighbors(queries, 0.3, return_distance=False), strict=True
    ):
        np.testing.assert_array_equal(xp.to_host(mine), np.sort(its))


@pytest.mark.parametrize("mode", ["connectivity", "distance"])
@pytest.mark.parametrize("queries", [None, Y])
def test_graphs_are_those_of_scikit_learn(xp, mode, queries):
    reference = neighbors.NearestNeighbors(radius=0.7).fit(X)
    model = NearestNeighbors(radius=0.7).fit(xp.asarray(X))
    given = None if queries is None else xp.asarray(queries)
    for name in ("kneighbors_graph", "radius_neighbors_graph"):
        mine = getattr(model, name)(given, mode=mode)
        its = getattr(reference, name)(queries, mode=mode)
        assert mine.nnz == its.nnz
        np.testing.assert_allclose(mine.toarray(), its.toarray(), rtol=1e-12)


def test_a_row_is_left_out_of_its_own_neighbours_even_among_equal_ones(xp):
    model = NearestNeighbors(n_neighbors=2, radius=0.0).fit(xp.asarray(np.zeros((5, 2))))
    assert xp.to_host(model.kneighbors()[1]).tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]
    rows = [xp.to_host(r).tolist() for r in model.radius_neighbors()[1]]
    assert rows == [[j for j in range(5) if j != i] for i in range(5)]


def test_csr_rows_are_searched_as_dense_ones():
    wide = np.random.RandomState(3).randn(60, 12) * (np.random.RandomState(4).rand(60, 12) < 0.4)
    wide[7] = wide[9]
    wide[:, 0] += 0.1  # no row of zeros, all of whose cosines are one
    for metric in ("euclidean", "cosine", "manhattan"):
        dense = NearestNeighbors(metric=metric).fit(wide)
        csr = NearestNeighbors(metric=metric).fit(sparse.csr_array(wide))
        for queries in (wide[:20], None):
            given = None if queries is None else sparse.csr_array(queries)
            for mine, its in zip(csr.kneighbors(given), dense.kneighbors(queries), strict=True):
                np.testing.assert_allclose(mine, its, atol=1e-12)
        np.testing.assert_allclose(csr.kneighbors(wide[:5])[0], dense.kneighbors(wide[:5])[0],
                                   atol=1e-12)  # fmt: skip


@pytest.mark.parametrize("columns", [2, 20])
def test_cosine_puts_rows_of_zeros_together_and_at_one_from_others(xp, columns):
    X = np.zeros((7, columns))
    X[1, 0], X[3, 1], X[4, 0], X[6, 0] = 2.0, -1.0, -3.0, 5.0
    X[6, 1] = 5.0
    wanted = np.where((X != 0).any(axis=1), 1.0, 0.0)
    given = [xp.asarray(X)]
    if xp.name == "numpy":
        given.append(sparse.csr_array(X))
    for rows in given:
        model = NearestNeighbors(n_neighbors=7, metric="cosine").fit(rows)
        distances, indices = (xp.to_host(found) for found in model.kneighbors(rows))
        for i in (0, 2, 5):
            found = distances[i][np.argsort(indices[i])]
            np.testing.assert_allclose(found, wanted, rtol=1e-15, atol=0)
        np.testing.assert_array_equal(distances[1][np.argsort(indices[1])][[0, 2, 5]], 1.0)


def test_neighbours_far_from_the_origin_keep_their_digits():
    rows = np.random.RandomState(0).rand(80, 200)
    near = NearestNeighbors().fit(rows).kneighbors()[0]
    far = NearestNeighbors().fit(rows + 2.0**20).kneighbors()[0]
    np.testing.assert_allclose(far, near, rtol=1e-8)


def test_graphs_of_distances_are_searched():
    D = pairwise_distances(X)
    graph = neighbors.radius_neighbors_graph(X, 2.0, mode="distance")
    wanted = NearestNeighbors(n_neighbors=3, metric="precomputed").fit(D).kneighbors()
    found = NearestNeighbors(n_neighbors=3, metric="precomputed").fit(graph)
    kept = np.diff(graph.indptr).min() >= 3
    if kept:
        for mine, its in zip(found.kneighbors(), wanted, strict=True):
            np.testing.assert_allclose(mine, its)
    with pytest.raises(ValueError, match="neighbors are required"):
        found.kneighbors(n_neighbors=149)
    queries = NearestNeighbors(metric="precomputed", radius=0.5).fit(D).radius_neighbors(D[:3])
    for i, (rows, apart) in enumerate(zip(queries[1], queries[0], strict=True)):
        np.testing.assert_array_equal(rows, np.flatnonzero(D[i] <= 0.5))
        np.testing.assert_array_equal(apart, D[i][D[i] <= 0.5])


def test_a_model_that_was_saved_or_moved_finds_the_same(xp):
    model = NearestNeighbors().fit(xp.asarray(X))
    wanted = xp.to_host(model.kneighbors()[1])
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.kneighbors()[1], wanted)
    np.testing.assert_array_equal(model.to_device("cpu").kneighbors()[1], wanted)


def test_what_is_wrong_is_named():
    model = NearestNeighbors().fit(X)
    with pytest.raises(ValueError, match="n_neighbors <= n_samples_fit"):
        model.kneighbors(Y, 151)
    with pytest.raises(ValueError, match="n_neighbors < n_samples_fit"):
        model.kneighbors(n_neighbors=150)
    with pytest.raises(ValueError, match="'mode'"):
        model.kneighbors_graph(mode="other")
    with pytest.raises(ValueError, match="return_distance must be True"):
        model.radius_neighbors(sort_results=True, return_distance=False)
    with pytest.raises(ValueError, match="radius"):
        NearestNeighbors(radius=-1).fit(X)
    with pytest.raises(ValueError, match="features"):
        model.kneighbors(Y[:, :2])
