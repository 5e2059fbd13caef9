"""BisectingKMeans: scikit-learn's trees, weights as repeats, blocks as the whole."""

import pickle

import numpy as np
import pytest
import sklearn.cluster
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import is_valid_linkage
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning

from clusterx import BisectingKMeans, Blocks
from clusterx.kernels.cpu.screening import image
from clusterx.plotting.tree import linkage_of
from clusterx.rows import blocks as block_rows
from tests.data import blobs, make


def data(n=200, d=3, seed=0, dtype="float64"):
    return blobs(np.random.default_rng(seed), n, d).astype(dtype)


CASES = [
    # n, d, k, dtype, offset, parameters
    (200, 3, 5, "float64", 0.0, {}),
    (150, 1, 4, "float64", 0.0, {"n_init": 3}),
    (90, 12, 6, "float32", 0.0, {"init": "k-means++"}),
    (120, 20, 7, "float64", 1e6, {"bisecting_strategy": "largest_cluster"}),
    (60, 2, 1, "float64", 0.0, {"algorithm": "elkan"}),
]


@pytest.mark.parametrize(("n", "d", "k", "dtype", "offset", "parameters"), CASES)
def test_trees_are_scikit_learns(n, d, k, dtype, offset, parameters):
    X = data(n, d, seed=n, dtype=dtype) + np.asarray(offset, dtype)
    parameters = {"n_clusters": k, "random_state": 3, **parameters}
    found = BisectingKMeans(**parameters).fit(X)
    expected = sklearn.cluster.BisectingKMeans(**parameters).fit(X)
    assert_array_equal(found.labels_, expected.labels_)
    assert found.labels_.dtype == np.int32
    rtol = 1e-9 if dtype == "float64" else 1e-5
    assert_allclose(found.cluster_centers_, expected.cluster_centers_, rtol=rtol, atol=rtol)
    assert_allclose(found.inertia_, expected.inertia_, rtol=1e-5)
    new = data(50, d, seed=1, dtype=dtype) + np.asarray(offset, dtype)
    assert_array_equal(found.predict(new), expected.predict(new))


@pytest.mark.smoke
def test_every_backend_finds_the_same_tree(xp):
    X = data()
    expected = BisectingKMeans(6, random_state=0).fit(X)
    found = BisectingKMeans(6, random_state=0).fit(xp.asarray(X))
    for name in ("labels_", "children_"):
        assert xp.owns(getattr(found, name))
        assert_array_equal(xp.to_host(getattr(found, name)), getattr(expected, name))
    for name in ("cluster_centers_", "distances_"):
        assert xp.owns(getattr(found, name))
        assert_allclose(xp.to_host(getattr(found, name)), getattr(expected, name), rtol=1e-9)
    assert_array_equal(xp.to_host(found.predict(xp.asarray(X))), expected.labels_)
    assert_array_equal(found.to_device("cpu").predict(X), expected.labels_)
    loaded = pickle.loads(pickle.dumps(found))
    assert_array_equal(loaded.predict(X), expected.labels_)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parts_share_the_projection_of_the_whole(dtype, monkeypatch):
    shared = []
    share = image.RowImage._share
    monkeypatch.setattr(
        image.RowImage, "_share", lambda self, of: shared.append(share(self, of)) or shared[-1]
    )
    X = make("low rank", 4200, 130, dtype) + 3
    found = BisectingKMeans(9, random_state=0).fit(X)
    assert shared == [True] * 7
    monkeypatch.setattr(image.RowImage, "_share", lambda self, of: False)
    alone = BisectingKMeans(9, random_state=0).fit(X)
    for name in ("labels_", "cluster_centers_", "children_", "distances_"):
        assert_array_equal(getattr(found, name), getattr(alone, name))


def test_inertia_is_that_of_the_labels():
    X, w = data(), np.random.default_rng(1).random(200)
    model = BisectingKMeans(7, random_state=0).fit(X, sample_weight=w)
    squared = ((X - model.cluster_centers_[model.labels_]) ** 2).sum(axis=1)
    assert_allclose(model.inertia_, w @ squared, rtol=1e-12)
    own = [model.labels_ == j for j in range(7)]
    means = [np.average(X[rows], axis=0, weights=w[rows]) for rows in own]
    assert_allclose(model.cluster_centers_, means, rtol=1e-6, atol=1e-6)


def ends(X, n_clusters, random_state):
    """Two rows that don't depend on weights; those far out are left alone."""
    first = np.where(X[:, 0] < 1e3, X[:, 0], np.nan)
    return X[[np.nanargmin(first), np.nanargmax(first)]]


@pytest.mark.parametrize("strategy", ["biggest_inertia", "largest_cluster"])
def test_weights_are_repeats(strategy):
    """And rows of weight zero are left out, but for their labels."""
    X, w = data(120), np.random.default_rng(0).integers(1, 4, 120)
    model = BisectingKMeans(5, init=ends, bisecting_strategy=strategy)
    weighted = model.fit(np.append(X, X[:20] + 1e4, axis=0), sample_weight=np.append(w, [0] * 20))
    labels, inertia, heights = weighted.labels_, weighted.inertia_, weighted.distances_
    repeated = model.fit(np.repeat(X, w, axis=0))
    assert_array_equal(np.repeat(labels[:120], w), repeated.labels_)
    assert_allclose(inertia, repeated.inertia_, rtol=1e-9)
    assert_allclose(heights, repeated.distances_, rtol=1e-6)


def test_one_center_is_the_weighted_mean():
    X, w = data(50), np.arange(50.0)
    model = BisectingKMeans(1).fit(X, sample_weight=w)
    assert_allclose(model.cluster_centers_, [np.average(X, axis=0, weights=w)], rtol=1e-12)
    assert model.children_.shape == (0, 2)
    assert_array_equal(model.predict(X), np.zeros(50))


@pytest.mark.parametrize("budget", [1e9, 0.0])  # clusters are loaded, or stay in blocks
def test_blocks_are_the_whole(monkeypatch, budget):
    X, w = data(300), np.random.default_rng(0).random(300)
    whole = BisectingKMeans(6, init="k-means++", random_state=0).fit(X, sample_weight=w)
    monkeypatch.setattr(block_rows, "memory_budget", lambda: budget)
    parts = Blocks(X, block_rows=37)
    found = BisectingKMeans(6, init="k-means++", random_state=0).fit(parts, sample_weight=w)
    assert_array_equal(found.labels_, whole.labels_)
    assert_array_equal(found.cluster_centers_, whole.cluster_centers_)
    assert_array_equal(found.predict(parts), whole.labels_)


def test_sparse_rows_are_the_dense_ones():
    X = data(150, 30) * (np.random.default_rng(0).random((150, 30)) < 0.3)
    dense = BisectingKMeans(5, random_state=0).fit(X)
    sparse = BisectingKMeans(5, random_state=0).fit(csr_matrix(X))
    assert_array_equal(sparse.labels_, dense.labels_)
    assert_allclose(sparse.inertia_, dense.inertia_)
    assert_array_equal(sparse.predict(csr_matrix(X)), dense.labels_)


def test_the_tree_as_merges():
    model = BisectingKMeans(8, random_state=0).fit(data(400, seed=2))
    assert is_valid_linkage(linkage_of(model.children_, model.distances_))
    X = data(400, seed=2)
    total = ((X - X.mean(axis=0)) ** 2).sum()
    assert_allclose(model.distances_[-1], (2 * total) ** 0.5)
    assert np.all(np.diff(model.distances_) >= 0)
    last = model.children_[0]  # the split of the least inertia
    own = X[np.isin(model.labels_, last)]
    scatter = ((own - own.mean(axis=0)) ** 2).sum()
    assert_allclose(model.distances_[0], (2 * scatter) ** 0.5, rtol=1e-4)


def test_pairs_merge_at_their_distance():
    model = BisectingKMeans(4, random_state=0).fit([[0.0], [3.0], [100.0], [104.0]])
    assert_allclose(model.distances_[:2], [3.0, 4.0])


@pytest.mark.parametrize("strategy", ["biggest_inertia", "largest_cluster"])
def test_equal_rows_are_split_last(strategy):
    X = np.array([[1.0]] * 6 + [[2.0], [5.0], [7.0]])
    model = BisectingKMeans(4, random_state=0, bisecting_strategy=strategy).fit(X)
    assert len(np.unique(model.labels_)) == 4
    assert model.inertia_ == 0
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(4\).*\(6\)"):
        model.set_params(n_clusters=6).fit(X)
    assert model.cluster_centers_.shape == (6, 1)
    assert_array_equal(model.predict(X), model.labels_)


def test_as_many_clusters_as_rows():
    X = data(9)
    model = BisectingKMeans(9, random_state=0).fit(X)
    assert_array_equal(np.sort(model.labels_), np.arange(9))
    with pytest.raises(ValueError, match="n_samples=9 should be >= n_clusters=10"):
        model.set_params(n_clusters=10).fit(X)
    with pytest.raises(ValueError, match="Only 8 of 9 rows have a sample_weight above zero"):
        model.set_params(n_clusters=9).fit(X, sample_weight=np.arange(9))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"init": np.zeros((8, 3))}, "must be a name or a callable"),
        ({"n_init": "auto"}, "n_init"),
        ({"bisecting_strategy": "biggest"}, "bisecting_strategy"),
        ({"algorithm": "full"}, "algorithm"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        BisectingKMeans(**parameters).fit(data(20))


def test_a_callable_gets_the_rows_of_each_cluster():
    sizes = []

    def init(X, n_clusters, random_state):
        sizes.append(len(X))
        return X[:n_clusters]

    model = BisectingKMeans(3, init=init).fit(data(60))
    assert sizes[0] == 60
    assert 1 < sizes[1] < 60
    assert len(np.unique(model.labels_)) == 3
