"""KMedoids: swaps against the kmedoids package and the definition, metrics, weights, batches."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.metrics import pairwise_distances

from clusterx import KMedoids
from clusterx.kernels.medoids import cpu, generic
from tests.data import blobs, grid_points


def data(n=120, d=3, seed=0, make=blobs):
    return make(np.random.default_rng(seed), n, d)


def loss(D, medoids, w=1.0):
    return (w * D[medoids].min(axis=0)).sum()


@pytest.mark.parametrize(
    ("n", "k", "make"), [(90, 5, blobs), (60, 1, blobs), (80, 4, grid_points), (7, 7, blobs)]
)
def test_swaps_reach_the_loss_of_the_kmedoids_package(n, k, make):
    kmedoids = pytest.importorskip("kmedoids")
    D = pairwise_distances(data(n, make=make))
    start = np.random.default_rng(1).choice(n, k, replace=False)
    expected = kmedoids.fasterpam(D, start.astype(np.uint64), max_iter=100)
    found = cpu.eager_swaps(D, np.ones(n), start, np.arange(n), 100)
    assert_allclose(loss(D, found.medoids), expected.loss, rtol=1e-12)
    assert len(set(found.medoids)) == k


@pytest.mark.parametrize("k", [1, 2, 6])
def test_swaps_are_the_definitions(k):
    rng = np.random.default_rng(k)
    D, w = rng.random((50, 80)), rng.integers(0, 3, 80).astype(float)
    start, order = rng.choice(50, k, replace=False), rng.permutation(50)
    found = cpu.eager_swaps(D, w, start, order, 100)
    expected = generic.eager_swaps(D, w, start, order, 100)
    assert_array_equal(found.medoids, expected.medoids)
    assert found.n_iter == expected.n_iter
    for i in range(k):  # no swap is left
        for row in set(range(50)) - set(found.medoids):
            other = found.medoids.copy()
            other[i] = row
            assert loss(D, other, w) >= loss(D, found.medoids, w) * (1 - 1e-9)


@pytest.mark.smoke
@pytest.mark.parametrize("method", ["fasterpam", "alternate", "onebatch"])
def test_every_backend_finds_the_same_medoids(xp, method):
    X, w = data(90), np.random.default_rng(1).random(90)
    model = KMedoids(4, method=method, batch_size=40, random_state=0, init="build")
    expected = model.fit(X, sample_weight=w)
    medoids, labels, inertia = expected.medoid_indices_, expected.labels_, expected.inertia_
    found = model.fit(xp.asarray(X), sample_weight=xp.asarray(w))
    for name in ("medoid_indices_", "labels_", "cluster_centers_"):
        assert xp.owns(getattr(found, name))
    assert_array_equal(xp.to_host(found.medoid_indices_), medoids)
    assert_array_equal(xp.to_host(found.labels_), labels)
    assert_allclose(found.inertia_, inertia, rtol=1e-6)
    assert_array_equal(xp.to_host(found.predict(xp.asarray(X))), labels)


@pytest.mark.parametrize("metric", ["manhattan", "cosine", "seuclidean", "canberra", "callable"])
def test_metrics(metric):
    X = data(60)
    given = (lambda a, b: np.abs(a - b).max()) if metric == "callable" else metric
    D = pairwise_distances(X, metric=given)
    model = KMedoids(4, metric=given, random_state=0).fit(X)
    again = KMedoids(4, metric="precomputed", random_state=0).fit(D)
    assert_allclose(model.inertia_, again.inertia_)
    assert_array_equal(model.medoid_indices_, again.medoid_indices_)
    assert_array_equal(model.labels_, D[:, model.medoid_indices_].argmin(axis=1))
    assert_array_equal(model.predict(X[:9]), model.labels_[:9])
    assert_array_equal(again.predict(D[:9]), model.labels_[:9])
    assert_allclose(model.transform(X[:9]), D[:9][:, model.medoid_indices_], atol=1e-12)
    assert not hasattr(again, "cluster_centers_")


def test_weights_are_repeats():
    X, w = data(50), np.random.default_rng(0).integers(0, 4, 50)
    whole = np.repeat(np.arange(50), w)
    weighted = KMedoids(4, init="build", random_state=0).fit(X, sample_weight=w)
    repeated = KMedoids(4, init="build", random_state=0).fit(X[whole])
    assert_allclose(weighted.inertia_, repeated.inertia_)
    assert w[weighted.medoid_indices_].all()
    with pytest.raises(ValueError, match="1 rows have a weight above zero"):
        KMedoids(2).fit(X, sample_weight=np.eye(50)[0])


def test_one_batch_is_near_the_whole():
    X = data(1500, 4)
    whole = KMedoids(8, random_state=0).fit(X)
    batch = KMedoids(8, method="onebatch", random_state=0).fit(X)
    assert batch.inertia_ <= 1.02 * whole.inertia_


def test_the_loss_falls_from_start_to_end():
    X = data(100)
    D = pairwise_distances(X)
    start = np.arange(5)
    for method in ("alternate", "fasterpam"):
        model = KMedoids(5, method=method, init=start, random_state=0)
        losses = [model.set_params(max_iter=i).fit(X).inertia_ for i in range(4)]
        assert_allclose(losses[0], loss(D, start))
        assert np.all(np.diff(losses) <= 1e-9)
    first = KMedoids(1, init="build", max_iter=0).fit(X)
    assert first.medoid_indices_[0] == D.sum(axis=0).argmin()


def test_sparse_rows_and_equal_rows():
    X = data(80, 10) * (np.random.default_rng(0).random((80, 10)) < 0.3)
    dense, sparse = (
        KMedoids(3, random_state=0).fit(X),
        KMedoids(3, random_state=0).fit(csr_matrix(X)),
    )
    assert_array_equal(sparse.medoid_indices_, dense.medoid_indices_)
    assert_array_equal(sparse.predict(X), dense.labels_)
    equal = KMedoids(3, random_state=0).fit(np.ones((5, 2)))
    assert equal.inertia_ == 0
    assert len(set(equal.medoid_indices_)) == 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "pam"}, "method"),
        ({"init": [0, 0]}, "2 different rows"),
        ({"init": [0, 99]}, r"0\.\.19"),
        ({"metric": "nearest"}, "metric"),
        ({"n_clusters": 21}, "should be >= n_clusters=21"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        KMedoids(**{"n_clusters": 2, **parameters}).fit(data(20))
