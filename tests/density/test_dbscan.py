"""DBSCAN against scikit-learn's and brute force."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn import cluster
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import radius_neighbors_graph

from clusterx import DBSCAN, Blocks, dbscan

RNG = np.random.RandomState(0)
#: name: rows, eps, min_samples
DATA = {
    "moons": (make_moons(300, noise=0.05, random_state=0)[0], 0.2, 5),
    "circles": (make_circles(300, noise=0.04, factor=0.4, random_state=0)[0], 0.15, 4),
    "unequal blobs": (
        make_blobs([150, 60, 40], cluster_std=[0.3, 1.0, 2.0], random_state=3)[0], 0.6, 5,
    ),
    "equal rows": (RNG.randint(0, 5, (200, 2)), 0.5, 9),
    "a line": (np.stack([np.arange(120.0) ** 1.2, np.zeros(120)], axis=1), 2.6, 3),
    "whole numbers": (RNG.randint(0, 25, (260, 2)), 1.0, 4),
    "whole numbers in space": (RNG.randint(0, 9, (260, 3)), np.sqrt(2), 5),
    "one row": (np.ones((1, 2)), 0.5, 1),
    "all noise": (10.0 * np.arange(40.0)[:, None], 0.5, 2),
    "all one cluster": (RNG.rand(150, 2), 5.0, 3),
    "far away": (1e6 + make_moons(200, noise=0.05, random_state=1)[0], 0.2, 5),
    "one column": (RNG.randn(200, 1), 0.02, 3),
    "eight columns": (RNG.randn(200, 8), 2.0, 4),
    "sixteen columns": (RNG.randn(180, 16), 4.0, 4),
    "many columns": (
        make_blobs(160, 128, centers=4, cluster_std=1.0, random_state=0)[0], 15.5, 5,
    ),
}  # fmt: skip


def assert_same(model, reference, xp):
    for name in ("labels_", "core_sample_indices_", "components_"):
        np.testing.assert_array_equal(
            xp.to_host(getattr(model, name)), getattr(reference, name), err_msg=name
        )
        assert xp.owns(getattr(model, name))


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_are_those_of_scikit_learn(xp, name, dtype):
    X, eps, min_samples = DATA[name]
    X = np.asarray(X, dtype)
    weights = np.random.RandomState(1).randint(0, 4, len(X)) + (len(X) == 1)
    for sample_weight in (None, weights):
        reference = cluster.DBSCAN(eps=eps, min_samples=min_samples).fit(
            X, sample_weight=sample_weight
        )
        model = DBSCAN(eps=eps, min_samples=min_samples).fit(
            xp.asarray(X), sample_weight=None if sample_weight is None else xp.asarray(weights)
        )
        assert_same(model, reference, xp)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("metric", "p", "eps"),
    [("manhattan", None, 1.0), ("chebyshev", None, 1.0), ("minkowski", 3, 1.2),
     ("sqeuclidean", None, 2.0), ("cosine", None, 2e-5), ("l1", None, 2.0)],
)  # fmt: skip
def test_metrics_are_those_of_scikit_learn(xp, metric, p, eps):
    X = np.random.RandomState(2).randint(1, 22, (250, 2)).astype(float)
    reference = cluster.DBSCAN(eps=eps, metric=metric, p=p).fit(X)
    assert 0 < (reference.labels_ < 0).mean() < 1
    assert_same(DBSCAN(eps=eps, metric=metric, p=p).fit(xp.asarray(X)), reference, xp)


@pytest.mark.parametrize(
    ("metric", "options", "eps"),
    [("haversine", None, 0.08), ("canberra", None, 0.05), ("mahalanobis", "inverse", 0.4),
     ("seuclidean", "variance", 0.4), (lambda a, b: abs(a - b).sum(), None, 0.05),
     ("minkowski", "weights", 0.05)],
)  # fmt: skip
def test_metrics_of_the_host_are_those_of_scikit_learn(metric, options, eps):
    X = np.random.RandomState(2).rand(120, 2)
    given = {
        None: None,
        "inverse": {"VI": np.linalg.inv(np.cov(X.T)).T},
        "variance": {"V": X.var(axis=0, ddof=1)},
        "weights": {"p": 2, "w": np.array([1.0, 2.0])},
    }[options]
    reference = cluster.DBSCAN(eps=eps, metric=metric, metric_params=given, min_samples=3).fit(X)
    model = DBSCAN(eps=eps, metric=metric, metric_params=given, min_samples=3).fit(X)
    assert len(set(reference.labels_)) > 1
    np.testing.assert_array_equal(model.labels_, reference.labels_)


def test_random_grids_full_of_ties_are_labelled_as_by_scikit_learn():
    rng = np.random.RandomState(5)
    for _ in range(40):
        n, d = rng.randint(1, 90), rng.randint(1, 6)
        X = rng.randint(0, rng.randint(2, 9), (n, d)).astype(float)
        how = {"eps": float(rng.choice([0.5, 1.0, 2**0.5, 2.0])), "min_samples": rng.randint(1, 7)}
        w = rng.randint(-1, 4, n) if rng.rand() < 0.5 else None
        w = None if w is None or not w.any() else w
        reference = cluster.DBSCAN(**how).fit(X, sample_weight=w)
        model = DBSCAN(**how).fit(X, sample_weight=w)
        np.testing.assert_array_equal(model.labels_, reference.labels_, err_msg=f"{X}, {how}, {w}")


def test_a_border_row_belongs_to_the_lowest_numbered_cluster_next_to_it():
    left, right = -0.95 - 0.1 * np.arange(5), 0.9 + 0.1 * np.arange(5)
    X = np.concatenate([[0.0], left, right])[:, None]  # the row at 0 is nearer to the right
    model = DBSCAN(eps=0.95, min_samples=5).fit(X)
    assert model.labels_.tolist() == [0] * 6 + [1] * 5
    assert 0 not in model.core_sample_indices_
    assert model.predict([[0.0]]).tolist() == [1]


def test_a_weight_is_as_many_rows():
    X, eps, min_samples = DATA["moons"]
    weights = np.random.RandomState(0).randint(1, 3, len(X))
    model = DBSCAN(eps=eps, min_samples=min_samples).fit(X, sample_weight=weights)
    kept = np.repeat(np.arange(len(X)), weights)
    repeated = DBSCAN(eps=eps, min_samples=min_samples).fit(X[kept])
    np.testing.assert_array_equal(model.labels_[kept], repeated.labels_)


@pytest.mark.parametrize("precomputed", [False, True])
def test_csr_matrices_are_labelled_as_dense_ones(precomputed):
    X, eps, min_samples = DATA["unequal blobs"]
    dense = DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    metric = "precomputed" if precomputed else "euclidean"
    matrix = (
        radius_neighbors_graph(X, 2 * eps, mode="distance")
        if precomputed
        else sparse.csr_array(np.pad(X, ((0, 0), (0, 10))))  # of few columns it becomes dense
    )
    before = matrix.toarray()
    model = DBSCAN(eps=eps, min_samples=min_samples, metric=metric).fit(matrix)
    np.testing.assert_array_equal(model.labels_, dense.labels_)
    np.testing.assert_array_equal(matrix.toarray(), before)
    assert model.components_.shape[0] == model.core_sample_indices_.size


def test_a_stored_zero_is_a_neighbour_and_an_absent_entry_none():
    graph = sparse.csr_array(
        (np.array([0.0, 0.0, 0.1, 0.1]), ([0, 1, 1, 2], [1, 0, 2, 1])), shape=(4, 4)
    )
    model = DBSCAN(eps=0.2, min_samples=2, metric="precomputed").fit(graph)
    assert model.labels_.tolist() == [0, 0, 0, -1]
    assert model.core_sample_indices_.tolist() == [0, 1, 2]
    assert graph.nnz == 4


def test_precomputed_distances_are_labelled_as_their_rows(xp):
    X, eps, min_samples = DATA["circles"]
    D = pairwise_distances(X)
    model = DBSCAN(eps=eps, min_samples=min_samples, metric="precomputed").fit(xp.asarray(D))
    own = DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    np.testing.assert_array_equal(xp.to_host(model.labels_), own.labels_)
    np.testing.assert_array_equal(
        xp.to_host(model.predict(xp.asarray(D[:50] + 0.01))),
        np.where(
            (D[:50] + 0.01)[:, own.core_sample_indices_].min(axis=1) <= eps,
            own.labels_[own.core_sample_indices_[D[:50, own.core_sample_indices_].argmin(axis=1)]],
            -1,
        ),
    )


def test_predict_takes_the_nearest_core_row_within_eps(xp):
    X, eps, min_samples = DATA["unequal blobs"]
    model = DBSCAN(eps=eps, min_samples=min_samples).fit(xp.asarray(X))
    Y = np.concatenate([X + 0.1, [[99.0, 99.0]]])
    core = xp.to_host(model.core_sample_indices_)
    D = pairwise_distances(Y, X[core])
    label = xp.to_host(model.labels_)[core[D.argmin(axis=1)]]
    predicted = model.predict(xp.asarray(Y))
    np.testing.assert_array_equal(xp.to_host(predicted), np.where(D.min(axis=1) <= eps, label, -1))
    assert xp.owns(predicted)
    noise = DBSCAN(eps=1e-9).fit(xp.asarray(X))
    assert (xp.to_host(noise.predict(xp.asarray(Y))) == -1).all()


@pytest.mark.parametrize("name", ["moons", "whole numbers in space", "sixteen columns"])
def test_threads_do_not_change_labels(name, monkeypatch):
    X, eps, min_samples = DATA[name]
    X = np.tile(np.asarray(X, float), (30, 1))
    labels = []
    for threads in ("1", "2"):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        labels.append(DBSCAN(eps=eps, min_samples=min_samples * 30).fit(X).labels_)
    np.testing.assert_array_equal(*labels)
    assert labels[0].max() >= 0


def test_the_function_form_gives_core_rows_and_labels():
    X, eps, min_samples = DATA["moons"]
    core, labels = dbscan(X, eps, min_samples=min_samples)
    model = DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    np.testing.assert_array_equal(core, model.core_sample_indices_)
    np.testing.assert_array_equal(labels, model.labels_)


def test_a_model_that_was_saved_predicts_the_same():
    X, eps, min_samples = DATA["moons"]
    model = DBSCAN(eps=eps, min_samples=min_samples).fit(X)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({"eps": 0}, None, "eps.*above 0"),
        ({"eps": -1.0}, None, "eps.*at least 0"),
        ({"min_samples": 0}, None, "min_samples.*at least 1"),
        ({"metric": "nonsense"}, None, "metric.*one of"),
        ({"algorithm": "fast"}, None, "algorithm.*one of"),
        ({"metric": "precomputed"}, np.ones((3, 2)), "must be square"),
        ({"metric": "precomputed"}, -np.ones((2, 2)), "Negative values"),
        ({"metric": "minkowski", "p": 0}, None, "'p'.*above 0"),
        ({}, np.array([[0.0, np.nan]]), "NaN"),
        ({}, Blocks(np.ones((4, 2))), "in memory"),
        ({"metric": "chebyshev"}, sparse.csr_array(np.eye(12)), "CSR"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        DBSCAN(**parameters).fit(np.eye(5) if X is None else X)


def test_weights_that_are_wrong_are_refused():
    X = np.eye(3)
    for weights, message in (
        ([1.0, 2.0], "one weight per row"),
        ([1.0, np.inf, 1.0], "infinity"),
        (np.zeros(3), "non-zero"),
    ):
        with pytest.raises(ValueError, match=message):
            DBSCAN().fit(X, sample_weight=weights)


@pytest.mark.backends("array_api_strict")
def test_a_metric_of_the_host_is_refused_on_a_device(xp):
    with pytest.raises(ValueError, match="measured on the host"):
        DBSCAN(metric="haversine").fit(xp.asarray(np.ones((4, 2))))
