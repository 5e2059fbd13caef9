"""First centres: scikit-learn's choices from the same draws, on every backend."""

import sys
import warnings

import numpy as np
import pytest
import sklearn.cluster
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning

from clusterx import Blocks, KMeans, MiniBatchKMeans, kmeans_plusplus
from clusterx.centroid import seeding
from clusterx.rows import InMemory


def blobs(n, d, seed=0, k=8, dtype="float64"):
    rng = np.random.default_rng(seed)
    centers = 6 * rng.standard_normal((k, d))
    return (centers[rng.integers(0, k, n)] + rng.standard_normal((n, d))).astype(dtype)


def weights(n, seed=0):
    w = np.random.default_rng(seed).random(n)
    w[::5] = 0.0
    return w


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(40, 1), (300, 2), (5000, 3), (900, 12), (4200, 130)], ids=str)
def test_choices_are_scikit_learns(shape, weighted):
    for seed in range(12):
        X = blobs(*shape, seed=seed)
        w = weights(len(X), seed) if weighted else None
        expected = sklearn.cluster.kmeans_plusplus(X, 9, random_state=seed, sample_weight=w)
        found = kmeans_plusplus(X, 9, random_state=seed, sample_weight=w)
        assert_array_equal(found[1], expected[1])
        assert_array_equal(found[0], expected[0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("d", [3, 20])
def test_choices_in_float32_are_scikit_learns(d, seed):
    X = blobs(5000, d, seed=seed, dtype="float32")
    expected = sklearn.cluster.kmeans_plusplus(X, 12, random_state=seed)[1]
    assert_array_equal(kmeans_plusplus(X, 12, random_state=seed)[1], expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_distances_kept_for_candidates_change_nothing(monkeypatch, weighted):
    X = blobs(3000, 20, dtype="float32")
    w = weights(len(X)) if weighted else None
    kept = kmeans_plusplus(X, 30, random_state=0, sample_weight=w)[1]
    monkeypatch.setattr(sys.modules["clusterx.kernels.kmeans.cpu.seeds"], "KEPT", 0)
    assert_array_equal(kmeans_plusplus(X, 30, random_state=0, sample_weight=w)[1], kept)


@pytest.mark.parametrize("trials", [1, 2, 7])
def test_number_of_trials(trials):
    X = blobs(500, 2)
    options = dict(random_state=3, n_local_trials=trials)
    expected = sklearn.cluster.kmeans_plusplus(X, 6, **options)[1]
    assert_array_equal(kmeans_plusplus(X, 6, **options)[1], expected)


@pytest.mark.parametrize("seed", range(4))
def test_sparse_choices_are_the_dense_ones(seed):
    X = np.where(np.random.default_rng(seed).random((600, 20)) < 0.2, blobs(600, 20, seed), 0.0)
    centers, rows = kmeans_plusplus(csr_matrix(X), 7, random_state=seed)
    assert_array_equal(rows, kmeans_plusplus(X, 7, random_state=seed)[1])
    assert_array_equal(centers, X[rows])


@pytest.mark.smoke
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(300, 2), (5000, 3), (900, 12)], ids=str)
def test_every_backend_chooses_the_same_rows(xp, shape, weighted):
    X = blobs(*shape)
    w = weights(len(X)) if weighted else None
    expected = kmeans_plusplus(X, 9, random_state=1, sample_weight=w)
    given = None if w is None else xp.asarray(w)
    centers, rows = kmeans_plusplus(xp.asarray(X), 9, random_state=1, sample_weight=given)
    assert xp.owns(centers)
    assert_array_equal(xp.to_host(rows), expected[1])
    assert_array_equal(xp.to_host(centers), expected[0])


@pytest.mark.parametrize(
    ("init", "weighted"),
    [
        ("k-means++", True),
        ("random", True),
        ("random", False),
        ("k-means||", False),
        ("maximin", True),
    ],
)
def test_every_init_on_every_backend(xp, init, weighted):
    """One iteration shows where it began."""
    X = blobs(2000, 3)
    w = weights(len(X)) if weighted else None
    options = dict(init=init, n_init=1, max_iter=1, random_state=4)
    expected = KMeans(6, **options).fit(X, sample_weight=w)
    found = KMeans(6, **options).fit(
        xp.asarray(X), sample_weight=None if w is None else xp.asarray(w)
    )
    assert xp.owns(found.cluster_centers_)
    assert_allclose(xp.to_host(found.cluster_centers_), expected.cluster_centers_, rtol=1e-9)
    assert_array_equal(xp.to_host(found.labels_), expected.labels_)


@pytest.mark.parametrize("init", ["k-means++", "random", "k-means||", "maximin"])
def test_rows_of_no_weight_are_never_chosen(init):
    X = np.concatenate([blobs(500, 2), 1e3 + blobs(500, 2, seed=1)])
    w = np.repeat([1.0, 0.0], 500)
    for seed in range(5):
        rows, rng = InMemory(X), np.random.RandomState(seed)
        model = KMeans(6, init=init)
        with_weights = model._init_centers(rows, w, rng)
        assert np.abs(with_weights).max() < 500


def test_random_draws_scikit_learns_rows():
    X = blobs(500, 2)
    options = dict(init="random", n_init=1, max_iter=1, random_state=3)
    found, expected = KMeans(6, **options).fit(X), sklearn.cluster.KMeans(6, **options).fit(X)
    assert_allclose(found.cluster_centers_, expected.cluster_centers_, rtol=1e-12)


@pytest.mark.parametrize("d", [2, 12])
def test_maximin_takes_the_farthest_row_each_time(d):
    X = blobs(700, d)
    chosen = np.asarray(seeding.maximin(InMemory(X), 6, None))
    squared = ((X[:, None] - X[None, chosen]) ** 2).sum(axis=2)
    assert chosen[0] == ((X - X.mean(axis=0)) ** 2).sum(axis=1).argmin()
    for i in range(1, 6):
        assert chosen[i] == squared[:, :i].min(axis=1).argmax()


def test_maximin_draws_nothing():
    rng = np.random.RandomState(0)
    before = rng.get_state()[2]
    KMeans(4, init="maximin", random_state=rng).fit(blobs(200, 2))
    assert rng.get_state()[2] == before


def test_scalable_start_is_as_good_as_plus_plus():
    X = blobs(5000, 4, k=12)
    inertia = {
        init: np.median(
            [KMeans(12, init=init, max_iter=1, random_state=s).fit(X).inertia_ for s in range(9)]
        )
        for init in ("k-means||", "k-means++", "random")
    }
    assert inertia["k-means||"] < 1.5 * inertia["k-means++"]


@pytest.mark.parametrize("init", ["k-means++", "random", "k-means||", "maximin"])
def test_fewer_distinct_rows_than_clusters(xp, init):
    X = np.repeat(np.array([[0.0, 1.0], [5.0, 5.0], [9.0, 0.0]]), 20, axis=0)
    with pytest.warns(sklearn.exceptions.ConvergenceWarning, match=r"distinct clusters \(3\)"):
        model = KMeans(5, init=init, random_state=0, n_init=3).fit(xp.asarray(X))
    assert model.inertia_ == 0
    assert len(np.unique(xp.to_host(model.labels_))) == 3


def test_all_rows_as_centres():
    X = blobs(30, 2)
    assert sorted(kmeans_plusplus(X, 30, random_state=0)[1]) == list(range(30))


def test_one_row():
    centers, rows = kmeans_plusplus(np.array([[1.0, 2.0]]), 1, random_state=0)
    assert_array_equal(centers, [[1.0, 2.0]])
    assert_array_equal(rows, [0])


def test_draws_do_not_depend_on_the_data():
    states = []
    for X in (blobs(500, 2), np.zeros((500, 2)), 1e6 * blobs(500, 2, seed=2)):
        rng = np.random.RandomState(7)
        kmeans_plusplus(X, 5, random_state=rng)
        states.append(rng.random_sample())
    assert len(set(states)) == 1


# -- rows of no weight ---------------------------------------------------------------------------

ALL_INITS = ("k-means++", "k-means||", "maximin", "random")


def weighted_pairs():
    """Two places that have weight, three rows each, among rows that have none."""
    X = np.random.default_rng(0).normal(size=(60, 2)) + 50
    w = np.zeros(60)
    X[10:16], w[10:16] = [[0.0, 1.0], [4.0, 1.0]] * 3, 0.5
    return X, w


@pytest.mark.parametrize("init", ALL_INITS)
def test_no_center_is_at_a_row_of_no_weight(xp, init):
    X, w = weighted_pairs()
    for given in (xp.asarray(X), *([Blocks(X, block_rows=7)] if xp.name == "numpy" else [])):
        for kind in (KMeans, MiniBatchKMeans):
            model = kind(5, init=init, n_init=1, random_state=0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(given, sample_weight=xp.asarray(w))
            assert xp.to_host(model.cluster_centers_).max() < 5


def test_fewer_weighted_places_than_clusters_warn():
    X, w = weighted_pairs()
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(2\)"):
        KMeans(5, random_state=0).fit(X, sample_weight=w)
    _, chosen = kmeans_plusplus(X, 6, sample_weight=w, random_state=1)
    assert (w[chosen] > 0).all()


@pytest.mark.parametrize("init", [*ALL_INITS, np.eye(7, 2)], ids=str)
def test_fewer_weighted_rows_than_clusters(xp, init):
    X, w = weighted_pairs()
    given = xp.asarray(X), None, xp.asarray(w)
    message = "Only 6 of 60 rows have a sample_weight above zero, and n_clusters=7"
    for model in (KMeans(7, init=init, n_init=1), MiniBatchKMeans(7, init=init, n_init=1)):
        with pytest.raises(ValueError, match=message):
            model.fit(*given)
    with pytest.raises(ValueError, match=message):
        MiniBatchKMeans(7, init=init, n_init=1).partial_fit(*given)
    with pytest.raises(ValueError, match=message):
        kmeans_plusplus(given[0], 7, sample_weight=given[2])


@pytest.mark.parametrize("k", [3, 40])
@pytest.mark.parametrize("n_init", [1, 3])
def test_samples_for_first_centers_are_of_weighted_rows(k, n_init):
    X = np.random.default_rng(0).normal(size=(6000, 3)) + 50
    w = np.zeros(6000)
    X[::100], w[::100] = np.random.default_rng(1).random((60, 3)), 1e6  # more than a sample holds
    model = MiniBatchKMeans(k, batch_size=50, init_size=120, n_init=n_init, random_state=0)
    assert model.fit(X, sample_weight=w).cluster_centers_.max() < 1
    model = MiniBatchKMeans(k, batch_size=50, init_size=120, random_state=0)
    assert model.partial_fit(X, sample_weight=w).cluster_centers_.max() < 1


def test_large_weights_give_the_first_centers_of_small_ones():
    X, w = blobs(900, 3), np.random.default_rng(0).random(900)
    found = []
    for scale in (1.0, 2.0**60):  # whose sums are far above the number of rows
        model = MiniBatchKMeans(40, init="k-means||", batch_size=900, max_iter=1, random_state=0)
        model.set_params(reassignment_ratio=0.0)
        found.append(model.fit(X, sample_weight=scale * w).cluster_centers_)
    assert_array_equal(*found)


def test_centers_are_reassigned_to_weighted_rows(xp):
    X = np.random.default_rng(0).normal(size=(200, 2)) + 50
    X[:8] = np.arange(16).reshape(8, 2) / 10
    w = np.zeros(200)
    w[:8] = 1.0
    start = np.array([[1.0, 0.0], [0.0, 1.0], [1e3, 1e3], [2e3, 2e3]])
    model = MiniBatchKMeans(4, init=start, n_init=1)
    model.set_params(random_state=0, reassignment_ratio=0.9)
    model.partial_fit(xp.asarray(X), sample_weight=xp.asarray(w))
    assert xp.to_host(model.cluster_centers_).max() < 5
