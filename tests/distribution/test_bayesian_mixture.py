"""BayesianGaussianMixture: against scikit-learn from equal starts, its priors, and bad input."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import mixture as peer
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from clusterx import BayesianGaussianMixture, Blocks
from clusterx.distribution import em, starts

#: from the tied covariances of older versions of scikit-learn
SCALARS = "ignore:Conversion of an array with ndim > 0 to a scalar:DeprecationWarning"
TYPES = ("full", "tied", "diag", "spherical")
ATTRIBUTES = (
    "weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_",
    "weight_concentration_", "mean_precision_", "degrees_of_freedom_", "mean_prior_",
    "covariance_prior_",
)  # fmt: skip


def blobs(n=400, d=3, apart=3.0, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(n, d)) @ (np.eye(d) + 0.3)
        + apart * rng.normal(size=(3, d))[rng.integers(0, 3, n)]
    )


@pytest.fixture
def one_start(monkeypatch):
    """k-means of both libraries finds these labels, so that the fits start alike."""

    class Labels:
        def __init__(self, n_clusters, **_):
            self.k = n_clusters

        def fit(self, X, sample_weight=None):
            n = X.shape[0]
            self.labels_ = np.random.default_rng(9).integers(0, self.k, n).astype(np.int32)
            self.cluster_centers_ = np.zeros((self.k, X.shape[1]))
            return self

    class Beside(Labels):
        def fit(self, rows, sample_weight=None):
            super().fit(rows)
            xp = rows.xp
            for name in ("labels_", "cluster_centers_"):
                value = getattr(self, name)
                kind = getattr(xp, value.dtype.name)
                setattr(self, name, xp.asarray(value, dtype=kind, device=rows.device))
            return self

    monkeypatch.setattr("sklearn.mixture._base.cluster.KMeans", Labels)
    monkeypatch.setattr(starts, "KMeans", Beside)


def values(x, xp=None):
    parts = x if isinstance(x, tuple) else (x,)
    return np.stack([np.asarray(p if xp is None else xp.to_host(p)) for p in parts])


def fitted(model, X, **more):
    with pytest.warns(ConvergenceWarning):
        return model.fit(X, **more)


@pytest.mark.filterwarnings(SCALARS)
@pytest.mark.parametrize("weights", ["dirichlet_process", "dirichlet_distribution"])
@pytest.mark.parametrize("kind", TYPES)
def test_scikit_learn_comes_to_the_same_from_the_same_start(xp, one_start, kind, weights):
    X = blobs() * [1.0, 1e3, 1e-2]
    options = {
        "n_components": 4,
        "covariance_type": kind,
        "weight_concentration_prior_type": weights,
        "max_iter": 8,
        "tol": 0.0,
    }
    wanted = fitted(peer.BayesianGaussianMixture(**options), X)
    found = fitted(BayesianGaussianMixture(**options), xp.asarray(X))
    for name in ATTRIBUTES:
        own = getattr(found, name)
        a = values(own, None if isinstance(own, float) else xp)
        b = values(getattr(wanted, name))
        assert_allclose(a, b, rtol=1e-8, atol=1e-10 * np.abs(b).max(), err_msg=name)
    assert isinstance(found.lower_bound_, float)
    if hasattr(wanted, "lower_bounds_"):  # since scikit-learn 1.7
        assert_allclose(found.lower_bounds_, np.ravel(wanted.lower_bounds_), rtol=1e-10)
    given = xp.asarray(X)
    assert_allclose(xp.to_host(found.score_samples(given)), wanted.score_samples(X), rtol=1e-8)
    assert_array_equal(xp.to_host(found.predict(given)), wanted.predict(X))


@pytest.mark.filterwarnings(SCALARS)
@pytest.mark.parametrize("kind", TYPES)
def test_given_priors_are_those_of_scikit_learn(one_start, kind):
    X = blobs()
    covariance = {
        "full": np.diag([1.0, 2, 3]), "tied": np.diag([1.0, 2, 3]),
        "diag": np.array([1.0, 2, 3]), "spherical": 2.5,
    }[kind]  # fmt: skip
    options = {
        "n_components": 3, "covariance_type": kind, "max_iter": 5, "tol": 0.0,
        "weight_concentration_prior": 0.3, "mean_precision_prior": 2.0,
        "mean_prior": [1.0, -1.0, 0.5], "degrees_of_freedom_prior": 5.5,
        "covariance_prior": covariance,
    }  # fmt: skip
    wanted = fitted(peer.BayesianGaussianMixture(**options), X)
    found = fitted(BayesianGaussianMixture(**options), X)
    for name in ATTRIBUTES:
        a, b = values(getattr(found, name)), values(getattr(wanted, name))
        assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", TYPES)
def test_the_lower_bound_never_falls(kind):
    model = BayesianGaussianMixture(
        n_components=5, covariance_type=kind, max_iter=60, tol=0.0, reg_covar=0.0, random_state=0
    )
    for seed in range(3):
        bounds = np.asarray(fitted(clone(model), blobs(apart=1.0, seed=seed)).lower_bounds_)
        assert (np.diff(bounds) > -1e-10 * np.abs(bounds[1:])).all()


@pytest.mark.parametrize("kind", TYPES)
def test_a_weight_of_two_is_a_row_repeated(one_start, monkeypatch, kind):
    """From a start that does not depend on the rows."""
    X = blobs(200)
    w = np.random.default_rng(1).integers(1, 3, 200)
    # equal shares of all components leave them alike, so their sizes tell them apart by the prior
    options = {"n_components": 2, "covariance_type": kind, "max_iter": 4, "tol": 0.0}

    def split(problem, k, rng):
        means = np.zeros((k, problem.rows.d))
        labels = problem.rows.xp.astype(problem.rows.stored[:, 0] <= 0, problem.rows.xp.int32)
        return starts._given(problem, means, k, labels)

    monkeypatch.setattr(starts, "_clusters", split)
    found = fitted(BayesianGaussianMixture(**options), X, sample_weight=w)
    wanted = fitted(BayesianGaussianMixture(**options), np.repeat(X, w, axis=0))
    for name in ATTRIBUTES:
        a, b = values(getattr(found, name)), values(getattr(wanted, name))
        assert_allclose(a, b, rtol=1e-8, atol=1e-12, err_msg=name)
    assert_allclose(found.lower_bounds_, wanted.lower_bounds_, rtol=1e-10)


def test_whitening_blocks_and_threads_change_no_result(monkeypatch):
    X = blobs(20_000)
    model = BayesianGaussianMixture(n_components=3, max_iter=5, tol=0.0, random_state=0)
    wanted = fitted(clone(model), X)
    monkeypatch.setenv("CLUSTERX_NUM_THREADS", "1")
    same = fitted(clone(model), Blocks(X, block_rows=999))
    assert same.lower_bounds_ == wanted.lower_bounds_
    assert_array_equal(same.covariances_, wanted.covariances_)
    monkeypatch.setattr(em, "TOLERANCE", 0.0)
    found = fitted(clone(model), X)
    assert_allclose(found.means_, wanted.means_, rtol=1e-8, atol=1e-8)
    assert_allclose(found.lower_bounds_, wanted.lower_bounds_, rtol=1e-10)


def test_components_that_are_not_needed_lose_their_weight():
    X = np.concatenate((blobs(300, apart=0.0), blobs(300, apart=0.0, seed=1) + 20))
    for kind in TYPES:
        model = BayesianGaussianMixture(
            n_components=6, covariance_type=kind, weight_concentration_prior=1e-3, max_iter=500,
            random_state=0, mean_precision_prior=0.1,
        )  # fmt: skip
        weights = model.fit(X).weights_
        assert weights.sum() == pytest.approx(1.0, rel=1e-12)
        assert (weights > 0.05).sum() < 6


def test_far_from_the_origin_nothing_cancels():
    X = np.round(blobs(apart=8.0) * 8) / 8
    for kind in TYPES:
        model = BayesianGaussianMixture(
            n_components=2, covariance_type=kind, random_state=0, init_params="random", max_iter=20,
            tol=0.0,
        )  # fmt: skip
        found, wanted = fitted(clone(model), X + 1e9), fitted(clone(model), X)
        assert_allclose(found.covariances_, wanted.covariances_, rtol=1e-5, atol=1e-6)
        assert_allclose(found.lower_bounds_, wanted.lower_bounds_, rtol=1e-6)


def test_warm_start_and_saved_models_keep_what_is_believed():
    X = blobs(apart=1.0)
    for kind in TYPES:
        options = {"n_components": 3, "covariance_type": kind, "tol": 0.0, "random_state": 0}
        whole = fitted(BayesianGaussianMixture(max_iter=8, **options), X)
        model = BayesianGaussianMixture(max_iter=4, warm_start=True, **options)
        fitted(model, X)
        model = fitted(pickle.loads(pickle.dumps(model)), X)
        for name in ATTRIBUTES:
            a, b = values(getattr(model, name)), values(getattr(whole, name))
            assert_allclose(a, b, rtol=1e-8, atol=1e-9, err_msg=name)
        assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


WRONG = {
    "weight_concentration_prior_type": ("even", "'weight_concentration_prior_type' parameter"),
    "weight_concentration_prior": (0.0, "'weight_concentration_prior' parameter"),
    "mean_precision_prior": (-1.0, "'mean_precision_prior' parameter"),
    "degrees_of_freedom_prior": (1.5, "should be greater than 2, but got 1.500"),
    "mean_prior": ([1.0, 2.0], r"'means' should have the shape of \(3,\)"),
    "covariance_prior": (-np.eye(3), "symmetric, positive-definite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_priors_are_named(name):
    value, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        BayesianGaussianMixture(n_components=2, **{name: value}).fit(blobs())
    if name == "covariance_prior":
        with pytest.raises(ValueError, match="'covariance_prior' parameter"):
            BayesianGaussianMixture(covariance_prior=-1.0).fit(blobs())
        with pytest.raises(ValueError, match=r"shape of \(\), but got \(3,\)"):
            BayesianGaussianMixture(covariance_type="spherical", covariance_prior=[1.0, 2, 3]).fit(
                blobs()
            )
