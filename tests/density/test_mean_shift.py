"""Mean shift against scikit-learn's and the definition."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn import cluster
from sklearn.datasets import make_blobs, make_moons

from clusterx import MeanShift, estimate_bandwidth, get_bin_seeds, mean_shift
from clusterx.kernels import kernels_for

RNG = np.random.RandomState(0)
#: name: rows, bandwidth
DATA = {
    "blobs": (make_blobs(150, random_state=2)[0], 2.5),
    "moons": (make_moons(120, noise=0.05, random_state=0)[0], 0.4),
    "five columns": (make_blobs(120, 5, cluster_std=0.8, random_state=1)[0], 3.0),
    "one column": (RNG.randn(90, 1), 0.3),
    "one row": (np.ones((1, 2)), 1.0),
    "equal rows": (np.full((30, 2), 0.1), 0.5),
    "few values": (RNG.randint(0, 4, (80, 2)) * 0.1, 0.05),
    "far away": (1e6 + make_blobs(100, random_state=5)[0], 2.0),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", DATA)
def test_centers_and_labels_are_those_of_scikit_learn(xp, name):
    X, bandwidth = DATA[name]
    for dtype in ("float64", "float32") if name == "blobs" else ("float64",):
        Y = X.astype(dtype)
        reference = cluster.MeanShift(bandwidth=bandwidth).fit(Y)
        model = MeanShift(bandwidth=bandwidth).fit(xp.asarray(Y))
        assert xp.owns(model.labels_)
        assert xp.owns(model.cluster_centers_)
        labels, centers = xp.to_host(model.labels_), xp.to_host(model.cluster_centers_)
        np.testing.assert_array_equal(labels, reference.labels_)
        assert labels.dtype == np.int32
        assert centers.dtype == Y.dtype
        size = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(centers, reference.cluster_centers_, rtol=size, atol=size)
        assert dtype == "float32" or model.n_iter_ == reference.n_iter_
        np.testing.assert_array_equal(xp.to_host(model.predict(xp.asarray(Y))), labels)


@pytest.mark.parametrize(
    "how",
    [
        {"bin_seeding": True},
        {"cluster_all": False},
        {"max_iter": 2},
        {"bin_seeding": True, "min_bin_freq": 4},
        {"seeds": 5},
    ],
)
def test_options_are_those_of_scikit_learn(xp, how):
    X = make_blobs(700 if xp.name == "numpy" else 150, centers=4, random_state=7)[0]
    if "seeds" in how:  # one of them without neighbours
        how = {"seeds": [*X[:5].tolist(), [99.0, 99.0]]}
    reference = cluster.MeanShift(bandwidth=1.7, **how).fit(X)
    model = MeanShift(bandwidth=1.7, **how).fit(xp.asarray(X))
    np.testing.assert_array_equal(xp.to_host(model.labels_), reference.labels_)
    np.testing.assert_allclose(xp.to_host(model.cluster_centers_), reference.cluster_centers_)
    assert model.n_iter_ == reference.n_iter_


@pytest.mark.parametrize("shape", [(900, 2), (700, 1), (600, 7)])
@pytest.mark.parametrize("radius", [0.0, 0.5, 2.0, 90.0])
def test_means_in_strips_are_those_of_the_definition(shape, radius):
    """A row just at the radius, equal rows, queries far from all rows."""
    rng = np.random.RandomState(shape[1])
    for X in (rng.randint(0, 9, shape) * 0.5, 1e6 + rng.standard_normal(shape)):
        Q = np.concatenate([X[:200], X[:50] + 0.1, np.full((1, shape[1]), 1e9)])
        means, counts = kernels_for(np).neighbors.means_within(X, radius)(Q)
        near = ((Q[:, None, :] - X) ** 2).sum(axis=2) <= radius**2
        np.testing.assert_array_equal(counts, near.sum(axis=1))
        shift = [
            (X[own] - q).mean(axis=0) if own.any() else 0 * q
            for q, own in zip(Q, near, strict=True)
        ]
        np.testing.assert_allclose(means - Q, shift, atol=1e-9)
        assert radius > 0 or (means == Q).all()
        empty, none = kernels_for(np).neighbors.means_within(X, radius)(Q[:0])
        assert empty.shape == (0, shape[1])
        assert none.shape == (0,)


def test_equal_clusters_come_by_falling_coordinates(xp):
    X = np.array([[1.0, 1.0], [2.0, 1.0], [1.0, 0.0], [4.0, 7.0], [3.0, 5.0], [3.0, 6.0]])
    for order in (np.arange(6), np.arange(6)[::-1]):
        labels = xp.to_host(MeanShift(bandwidth=2).fit(xp.asarray(X[order])).labels_)
        np.testing.assert_array_equal(labels, (order < 3).astype(int))


def test_equal_neighbours_give_equal_bits(xp):
    X = np.random.RandomState(3).standard_normal((600 if xp.name == "numpy" else 90, 3))
    Q = np.concatenate([X[:1], X[:1] + 1e-9])
    means, _ = kernels_for(xp.xp).neighbors.means_within(xp.asarray(X), 0.8)(xp.asarray(Q))
    first, second = xp.to_host(means)
    np.testing.assert_array_equal(first, second)


def test_threads_do_not_change_a_bit(monkeypatch):
    X = make_blobs(800, centers=5, random_state=0)[0]
    models = []
    for threads in ("1", "3"):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        models.append(MeanShift(bandwidth=1.0).fit(X))
    np.testing.assert_array_equal(models[0].cluster_centers_, models[1].cluster_centers_)


@pytest.mark.parametrize("quantile", [0.0, 0.1, 0.3, 1.0])
def test_bandwidths_are_those_of_scikit_learn(xp, quantile):
    X = make_blobs(80, random_state=1)[0]
    for how in ({}, {"n_samples": 40, "random_state": 3}):
        expected = cluster.estimate_bandwidth(X, quantile=quantile, **how)
        found = estimate_bandwidth(xp.asarray(X), quantile=quantile, **how)
        assert isinstance(found, float)
        assert found == pytest.approx(expected)


def test_bins_are_those_of_scikit_learn(xp):
    X = 3.0 * np.random.RandomState(4).standard_normal((200, 2))
    for least in (1, 3):
        expected = cluster.get_bin_seeds(X, 1.5, least)
        found = xp.to_host(get_bin_seeds(xp.asarray(X), 1.5, least))
        np.testing.assert_allclose(found, expected)
    with pytest.warns(UserWarning, match="Binning data failed with provided bin_size=0.0001"):
        np.testing.assert_array_equal(xp.to_host(get_bin_seeds(xp.asarray(X), 1e-4)), X)
    assert get_bin_seeds(X, 0) is X


def test_the_bandwidth_of_equal_rows_is_zero_and_serves():
    X = np.repeat([[0.1], [0.7], [0.3]], [5, 4, 3], axis=0)
    model = MeanShift().fit(X)
    assert sorted(model.cluster_centers_[:, 0].tolist()) == [0.1, 0.3, 0.7]
    np.testing.assert_array_equal(model.cluster_centers_[model.labels_], X)


def test_the_function_and_a_pickle_give_what_the_model_gives():
    X = make_blobs(90, random_state=0)[0]
    model = MeanShift(bandwidth=2.0).fit(X)
    centers, labels = mean_shift(X, bandwidth=2.0)
    np.testing.assert_array_equal(centers, model.cluster_centers_)
    np.testing.assert_array_equal(labels, model.labels_)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X.flags.writeable = False
        MeanShift(bandwidth=2.0).fit(X[::2])


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [({"bandwidth": 0}, ValueError, "above 0 or None"), ({"bandwidth": -1}, ValueError, "at least"),
     ({"min_bin_freq": 0}, ValueError, "min_bin_f"), ({"max_iter": 1.5}, ValueError, "max_iter"),
     ({"bin_seeding": "yes"}, TypeError, "True or False"),
     ({"seeds": [[1.0]]}, ValueError, "one column per feature"),
     ({"seeds": [[np.nan, 1.0]]}, ValueError, "NaN or infinity"),
     ({"bandwidth": 0.1, "seeds": [[99.0, 99.0]]}, ValueError, "No point was within")],
)  # fmt: skip
def test_errors_name_what_is_wrong(how, error, words):
    with pytest.raises(error, match=words):
        MeanShift(**how).fit(np.random.RandomState(0).rand(20, 2))


def test_errors_of_the_functions():
    X = np.random.RandomState(0).rand(20, 2)
    with pytest.raises(ValueError, match="quantile must be"):
        estimate_bandwidth(X, quantile=1.5)
    with pytest.raises(ValueError, match="n_samples must be"):
        estimate_bandwidth(X, n_samples=0)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3, column 1"):
        estimate_bandwidth(X)
