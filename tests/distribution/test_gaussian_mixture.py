"""GaussianMixture: against scikit-learn from equal starts, invariants, extremes and bad input."""

import io
import pickle
from contextlib import redirect_stdout

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn import mixture as peer
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from clusterx import Blocks, GaussianMixture
from clusterx.distribution import em
from clusterx.metrics import adjusted_rand_score

TYPES = ("full", "tied", "diag", "spherical")
ATTRIBUTES = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def blobs(n=600, d=3, k=3, seed=0, apart=4.0):
    """Rows of k Gaussians of different shapes, shuffled; their components."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, k, n))
    shapes = np.eye(d) + 0.4 * rng.normal(size=(k, d, d))
    X = np.einsum("nd,nde->ne", rng.normal(size=(n, d)), shapes[labels])
    X += apart * rng.normal(size=(k, d))[labels]
    order = rng.permutation(n)
    return X[order], labels[order]


def start(X, k, kind, seed=0):
    """Equal weights, some rows as means, and precisions of the columns."""
    precision = 1.0 / X.var(axis=0)
    precisions = {
        "full": np.stack([np.diag(precision)] * k),
        "tied": np.diag(precision),
        "diag": np.stack([precision] * k),
        "spherical": np.full(k, precision.mean()),
    }[kind]
    means = X[np.random.default_rng(seed).choice(len(X), k, replace=False)]
    weights = np.full(k, 1 / k)
    return {"weights_init": weights, "means_init": means, "precisions_init": precisions}


def fit(kind, X, k, of=GaussianMixture, **more):
    """Ten iterations from the start, in silence."""
    options = {"covariance_type": kind, "max_iter": 10, "tol": 0.0, **more}
    model = of(k, **options)
    with pytest.warns(ConvergenceWarning):
        return model.fit(X)


def assert_equal_models(found, wanted, rtol, atol=0.0):
    for name in ATTRIBUTES:
        a, b = np.asarray(getattr(found, name)), np.asarray(getattr(wanted, name))
        assert_allclose(a, b, rtol=rtol, atol=atol + rtol * np.abs(b).max(), err_msg=name)


@pytest.mark.parametrize("kind", TYPES)
def test_scikit_learn_comes_to_the_same_from_the_same_start(kind):
    for d, k, scale in ((1, 2, 1e3), (2, 3, [1e-4, 1e4]), (16, 4, 1.0), (50, 2, 0.1)):
        X = blobs(40 * d + 300, d, k, seed=d)[0] * scale
        begin = {**start(X, k, kind), "reg_covar": 1e-12}
        found, wanted = fit(kind, X, k, **begin), fit(kind, X, k, of=peer.GaussianMixture, **begin)
        assert_equal_models(found, wanted, 1e-8)
        if hasattr(wanted, "lower_bounds_"):  # since scikit-learn 1.7
            assert_allclose(found.lower_bounds_, wanted.lower_bounds_, rtol=1e-10)
        assert found.n_iter_ == wanted.n_iter_ == 10
        assert_allclose(found.score_samples(X), wanted.score_samples(X), rtol=1e-8)
        assert_allclose(found.predict_proba(X), wanted.predict_proba(X), atol=1e-8)
        assert_array_equal(found.predict(X), wanted.predict(X))
        for method in ("score", "bic", "aic"):
            assert_allclose(getattr(found, method)(X), getattr(wanted, method)(X), rtol=1e-10)


@pytest.mark.smoke
@pytest.mark.parametrize("kind", TYPES)
def test_every_backend_comes_to_the_same(xp, kind):
    X = blobs()[0]
    begin = start(X, 3, kind)
    wanted = fit(kind, X, 3, **begin)
    found = fit(kind, xp.asarray(X), 3, **begin)
    for name in ATTRIBUTES:
        assert xp.owns(getattr(found, name))
        assert_allclose(xp.to_host(getattr(found, name)), getattr(wanted, name), rtol=1e-9)
    assert_allclose(found.lower_bounds_, wanted.lower_bounds_, rtol=1e-12)
    values = xp.asarray(X)
    assert_allclose(xp.to_host(found.score_samples(values)), wanted.score_samples(X), rtol=1e-9)
    assert_array_equal(xp.to_host(found.predict(values)), wanted.predict(X))
    assert_allclose(xp.to_host(found.predict_proba(values)), wanted.predict_proba(X), atol=1e-9)
    assert found.bic(values) == pytest.approx(wanted.bic(X))
    drawn, labels = found.sample(5)
    assert xp.owns(drawn)
    assert xp.owns(labels)


@pytest.mark.parametrize("init", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_finds_components_that_lie_apart(xp, init):
    X, labels = blobs(400, apart=12.0, seed=3)
    model = GaussianMixture(3, init_params=init, n_init=3, max_iter=200, random_state=0)
    found = model.fit_predict(xp.asarray(X))
    assert adjusted_rand_score(labels, xp.to_host(found)) > 0.99
    assert_array_equal(xp.to_host(found), xp.to_host(model.predict(xp.asarray(X))))


def test_the_start_has_the_moments_of_the_clusters():
    """With max_iter=0, what is there is the start: weights sum to one, as they always do."""
    X, _ = blobs(apart=12.0)
    for kind in TYPES:
        found = GaussianMixture(3, covariance_type=kind, max_iter=0, random_state=0).fit(X)
        wanted = peer.GaussianMixture(3, covariance_type=kind, max_iter=0, random_state=0).fit(X)
        a, b = np.argsort(found.means_[:, 0]), np.argsort(wanted.means_[:, 0])
        assert_allclose(found.weights_[a], wanted.weights_[b], rtol=1e-12)
        assert_allclose(found.means_[a], wanted.means_[b], rtol=1e-10)
        covariances = found.covariances_ if kind == "tied" else found.covariances_[a]
        wanted = wanted.covariances_ if kind == "tied" else wanted.covariances_[b]
        assert_allclose(covariances, wanted, rtol=1e-8, atol=1e-10)
    for init in ("k-means++", "random", "random_from_data"):
        found = GaussianMixture(3, init_params=init, max_iter=0, random_state=0).fit(X)
        assert found.weights_.sum() == pytest.approx(1.0, rel=1e-14)
        assert (found.n_iter_, found.converged_, found.lower_bounds_) == (0, False, [])


@pytest.mark.parametrize("kind", TYPES)
def test_products_and_whitening_are_two_ways_to_one_result(monkeypatch, kind):
    X, _ = blobs(500, 6)
    w = np.random.default_rng(0).integers(0, 3, 500).astype(float)
    found = []
    for tolerance in (1e9, 0.0):
        monkeypatch.setattr(em, "TOLERANCE", tolerance)
        model = GaussianMixture(3, covariance_type=kind, max_iter=10, tol=0, **start(X, 3, kind))
        with pytest.warns(ConvergenceWarning):
            found.append(model.fit(X, sample_weight=w))
    assert_equal_models(found[0], found[1], 1e-9)
    assert_allclose(found[0].lower_bounds_, found[1].lower_bounds_, rtol=1e-12)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("dtype", "offset", "rtol"), [("f4", 1e4, 1e-2), ("f8", 1e9, 1e-5)])
def test_far_from_the_origin_nothing_cancels(xp, kind, dtype, offset, rtol):
    """The rows are those near the origin, but for the rounding of what is stored."""
    X = (np.round(blobs()[0] * 8) / 8).astype(dtype)
    far = X + np.asarray(offset, dtype)
    near = (far - np.asarray(offset, dtype)).astype("f8")
    k = 3
    near_start, far_start = start(near, k, kind), start(near, k, kind)
    far_start["means_init"] = near_start["means_init"] + offset
    wanted = fit(kind, near, k, **near_start)
    found = fit(kind, xp.asarray(far), k, **far_start)
    assert_allclose(xp.to_host(found.covariances_), wanted.covariances_, rtol=1e-5, atol=1e-5)
    assert_allclose(found.lower_bounds_, wanted.lower_bounds_, rtol=1e-7)
    # the means are kept in the dtype of X
    likelihoods = xp.to_host(found.score_samples(xp.asarray(far)))
    assert_allclose(likelihoods, wanted.score_samples(near), rtol=rtol, atol=rtol)


def test_float32_rows_are_summed_in_float64():
    X = blobs(3000, 8)[0].astype(np.float32)
    for kind in TYPES:
        begin = start(X.astype(float), 3, kind)
        found, wanted = fit(kind, X, 3, **begin), fit(kind, X.astype(float), 3, **begin)
        assert all(getattr(found, name).dtype == np.float32 for name in ATTRIBUTES)
        assert found.score_samples(X).dtype == np.float32
        assert_equal_models(found, wanted, 1e-5)
        assert_allclose(found.lower_bounds_, wanted.lower_bounds_, rtol=1e-12)


@pytest.mark.parametrize("kind", TYPES)
def test_a_constant_column_has_the_variance_that_is_added(xp, kind):
    X, _ = blobs(300, 3)
    X[:, 1] = 1e5 + 0.1
    model = fit(kind, xp.asarray(X), 2, reg_covar=1e-3, **start(X + np.eye(300, 3), 2, kind))
    found = xp.to_host(model.covariances_)
    if kind in ("full", "tied"):
        assert_allclose(found[..., 1, 1], 1e-3, rtol=1e-9)
    elif kind == "diag":
        assert_allclose(found[:, 1], 1e-3, rtol=1e-9)
    assert np.isfinite(xp.to_host(model.score_samples(xp.asarray(X)))).all()


@pytest.mark.parametrize("kind", TYPES)
def test_a_weight_of_two_is_a_row_repeated_and_zero_one_left_out(xp, kind):
    X, _ = blobs(300)
    w = np.random.default_rng(1).integers(0, 4, 300)
    X[w == 0] *= 1e13  # which would spoil the frame
    repeated = np.repeat(X, w, axis=0)
    begin = start(X[w > 0], 3, kind)
    model = GaussianMixture(3, covariance_type=kind, max_iter=10, tol=0.0, **begin)
    with pytest.warns(ConvergenceWarning):
        found = clone(model).fit(xp.asarray(X), sample_weight=xp.asarray(w * 1.0))
    wanted = fit(kind, repeated, 3, **begin)
    for name in ATTRIBUTES:
        assert_allclose(xp.to_host(getattr(found, name)), getattr(wanted, name), rtol=1e-8)
    assert_allclose(found.lower_bounds_, wanted.lower_bounds_, rtol=1e-11)
    for method in ("score", "bic", "aic"):
        value = getattr(found, method)(xp.asarray(X), sample_weight=xp.asarray(w * 1.0))
        assert value == pytest.approx(getattr(wanted, method)(repeated), rel=1e-11)


def test_weighted_starts_are_those_of_rows_repeated():
    X, _ = blobs(300, apart=12.0)
    w = np.random.default_rng(1).integers(0, 3, 300)
    for kind in TYPES:
        found = GaussianMixture(3, covariance_type=kind, random_state=0).fit(X, sample_weight=w)
        wanted = GaussianMixture(3, covariance_type=kind, random_state=0).fit(np.repeat(X, w, 0))
        assert found.lower_bound_ == pytest.approx(wanted.lower_bound_, rel=1e-9)


@pytest.mark.parametrize("kind", TYPES)
def test_the_likelihood_never_falls(kind):
    for seed in range(5):
        X, _ = blobs(200, 4, 4, seed=seed, apart=1.0)
        model = fit(kind, X, 4, **{**start(X, 4, kind, seed), "max_iter": 40, "reg_covar": 0.0})
        bounds = np.asarray(model.lower_bounds_)
        assert (np.diff(bounds) > -1e-12 * np.abs(bounds[1:])).all()


def test_the_order_of_rows_and_of_components_changes_nothing():
    X, _ = blobs()
    begin = start(X, 3, "full")
    wanted = fit("full", X, 3, **begin)
    order, turned = np.random.default_rng(0).permutation(len(X)), [2, 0, 1]
    begin["means_init"] = begin["means_init"][turned]
    found = fit("full", X[order], 3, **begin)
    assert_allclose(found.means_, wanted.means_[turned], rtol=1e-9)
    assert_allclose(found.covariances_, wanted.covariances_[turned], rtol=1e-9, atol=1e-12)
    assert_allclose(found.predict_proba(X), wanted.predict_proba(X)[:, turned], atol=1e-9)


@pytest.mark.parametrize("kind", TYPES)
def test_rows_in_blocks_give_the_bits_of_rows_in_memory(tmp_path, monkeypatch, kind):
    X, _ = blobs(40_000, 3)
    w = np.random.default_rng(0).uniform(size=len(X))
    np.save(tmp_path / "X.npy", X)
    mapped = Blocks(np.load(tmp_path / "X.npy", mmap_mode="r"), block_rows=7000)
    models = []
    for rows, threads in ((X, "1"), (X, "2"), (mapped, "2")):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        model = GaussianMixture(3, covariance_type=kind, tol=0.1, random_state=0)
        models.append(model.fit(rows, sample_weight=w))
    for model in models[1:]:
        for name in ATTRIBUTES:
            assert_array_equal(getattr(model, name), getattr(models[0], name))
        assert model.lower_bounds_ == models[0].lower_bounds_
    assert_array_equal(models[2].predict_proba(mapped), models[0].predict_proba(X))
    assert_array_equal(models[2].score_samples(mapped), models[0].score_samples(X))
    random = GaussianMixture(2, init_params="random", max_iter=0, random_state=0)
    assert_array_equal(clone(random).fit(mapped).means_, random.fit(X).means_)


@pytest.mark.parametrize("kind", TYPES)
def test_components_that_are_thin_far_from_the_centre(kind):
    """Their log-densities cancel in products; high precision tells what they are."""
    rng = np.random.default_rng(0)
    X = np.vstack((rng.normal(size=(50, 2)), 1e4 + 1e-3 * rng.normal(size=(50, 2))))
    X[50:, 1] += 1e-2 * rng.normal(size=50) if kind in ("full", "tied") else 0.0
    model = GaussianMixture(
        2, covariance_type=kind, reg_covar=1e-12, means_init=X[[0, 50]], random_state=0
    ).fit(X)
    covariances = model.covariances_
    if kind == "diag":
        covariances = [np.diag(c) for c in covariances]
    elif kind == "spherical":
        covariances = [np.eye(2) * c for c in covariances]
    elif kind == "tied":
        covariances = [covariances] * 2
    for j, part in enumerate((X[:50], X[50:])):
        wanted = multivariate_normal(model.means_[j], covariances[j]).logpdf(part) + np.log(0.5)
        assert_allclose(model.score_samples(part), wanted, rtol=1e-8, atol=1e-8)
        if kind == "full":
            wanted = np.cov(part.T, bias=True) + 1e-12 * np.eye(2)
            assert_allclose(covariances[j], wanted, rtol=1e-7, atol=1e-10)


def test_iris_is_separated_as_k_means_cannot():
    X, y = load_iris(return_X_y=True)
    labels = GaussianMixture(3, random_state=0).fit_predict(X)
    right = sum(np.bincount(y[labels == j]).max() for j in range(3))
    assert right / len(y) > 0.96


def test_warm_start_goes_on_where_the_last_fit_ended():
    X, _ = blobs(apart=1.5)
    begin = start(X, 3, "full")
    whole = fit("full", X, 3, **{**begin, "max_iter": 8})
    model = GaussianMixture(3, max_iter=4, tol=0.0, warm_start=True, **begin)
    for _ in range(2):
        with pytest.warns(ConvergenceWarning):
            model.fit(X)
    assert_equal_models(model, whole, 1e-9)
    assert model.lower_bounds_[-1] == pytest.approx(whole.lower_bounds_[-1], rel=1e-12)
    once = GaussianMixture(3, warm_start=True, **begin).fit(X)
    assert once.fit(X).n_iter_ == 1


def test_the_best_of_several_starts_is_kept():
    X, _ = blobs(300, 2, 5, apart=3.0)
    one = [GaussianMixture(5, init_params="random", random_state=s).fit(X) for s in range(3)]
    model = GaussianMixture(5, init_params="random", n_init=10, random_state=0).fit(X)
    assert model.lower_bound_ >= one[0].lower_bound_
    assert model.lower_bound_ == model.lower_bounds_[-1]
    assert len(model.lower_bounds_) == model.n_iter_


def test_samples_are_those_of_scikit_learn():
    X, _ = blobs()
    for kind in TYPES:
        begin = start(X, 3, kind)
        found = fit(kind, X, 3, random_state=5, **begin)
        wanted = fit(kind, X, 3, of=peer.GaussianMixture, random_state=5, **begin)
        for a, b in zip(found.sample(50), wanted.sample(50), strict=True):
            assert_allclose(a, b, rtol=1e-7, atol=1e-7)
    with pytest.raises(ValueError, match="Invalid value for 'n_samples'"):
        found.sample(0)


def test_fitted_models_are_saved_and_moved(xp):
    X, _ = blobs()
    model = GaussianMixture(3, random_state=0).fit(xp.asarray(X))
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict(X), xp.to_host(model.predict(xp.asarray(X))))
    moved = loaded.to_device(xp.asarray(X[:1]))
    assert xp.owns(moved.precisions_cholesky_)
    assert xp.owns(moved.predict(xp.asarray(X)))


def test_attributes_set_by_hand_are_what_counts():
    model = GaussianMixture(2)
    model.weights_ = np.array([0.25, 0.75])
    model.means_ = np.array([[0.0], [10.0]])
    model.covariances_ = np.ones((2, 1, 1))
    model.precisions_cholesky_ = np.ones((2, 1, 1))
    model.n_features_in_ = 1
    assert_array_equal(model.predict([[1.0], [9.0]]), [0, 1])
    wanted = np.log(0.25) - 0.5 * np.log(2 * np.pi)
    assert model.score_samples([[0.0]])[0] == pytest.approx(wanted, rel=1e-14)


def test_a_component_that_collapses_is_named(xp):
    X = np.vstack((np.random.default_rng(0).normal(size=(20, 2)), [[50.0, 50.0]] * 3))
    for kind in ("full", "diag", "spherical"):
        begin = {**start(X, 2, kind), "means_init": [[0.0, 0.0], [50.0, 50.0]]}
        model = GaussianMixture(2, covariance_type=kind, reg_covar=0.0, **begin)
        with pytest.raises(
            ValueError, match=r"component 1, of weight 0\.13, is singular with reg_covar=0"
        ):
            model.fit(xp.asarray(X))
    with pytest.raises(
        ValueError,
        match=r"ill-defined empirical covariance.*increase reg_covar.*all components share",
    ):
        GaussianMixture(1, covariance_type="tied", reg_covar=0.0).fit(np.ones((4, 2)))


def test_it_says_how_far_it_is():
    X, _ = blobs(100)
    for verbose, words in ((1, "Iteration 1"), (2, "ll change")):
        with redirect_stdout(io.StringIO()) as out:
            GaussianMixture(2, verbose=verbose, verbose_interval=1, random_state=0).fit(X)
        for expected in ("Initialization 0", "converged", words):
            assert expected in out.getvalue()


def test_a_fit_that_does_not_converge_warns():
    X, _ = blobs(apart=1.0)
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        GaussianMixture(3, max_iter=1, random_state=0).fit(X)


WRONG = {
    "n_components": (0, "'n_components' parameter"),
    "covariance_type": ("round", "'covariance_type' parameter"),
    "tol": (-1.0, "'tol' parameter"),
    "reg_covar": (-1.0, "'reg_covar' parameter"),
    "max_iter": (-1, "'max_iter' parameter"),
    "n_init": (0, "'n_init' parameter"),
    "init_params": ("best", "'init_params' parameter"),
    "verbose_interval": (0, "'verbose_interval' parameter"),
    "weights_init": ([0.5, 0.6], "should be normalized"),
    "means_init": (np.ones((2, 2)), r"'means' should have the shape of \(2, 3\)"),
    "precisions_init": (np.zeros((2, 3, 3)), "symmetric, positive-definite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_parameters_are_named(name):
    value, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**{"n_components": 2, name: value}).fit(blobs(50)[0])


def test_other_bad_input():
    X, _ = blobs(50)
    with pytest.raises(ValueError, match="should be in the range"):
        GaussianMixture(2, weights_init=[1.5, -0.5]).fit(X)
    with pytest.raises(ValueError, match="means_init' contains NaN"):
        GaussianMixture(1, means_init=[[np.nan] * 3]).fit(X)
    with pytest.raises(ValueError, match="diag precision' should be positive"):
        GaussianMixture(1, covariance_type="diag", precisions_init=[[0.0, 1, 1]]).fit(X)
    with pytest.raises(ValueError, match="n_components = 51, n_samples = 50"):
        GaussianMixture(51).fit(X)
    with pytest.raises(ValueError, match="n_samples = 2 of positive weight"):
        GaussianMixture(3).fit(X, sample_weight=np.eye(50)[0] + np.eye(50)[1])
    with pytest.raises(ValueError, match="a minimum of 2 is required"):
        GaussianMixture(1).fit(X[:1])
    with pytest.raises(ValueError, match="NaN"):
        GaussianMixture(1).fit(np.full((5, 2), np.nan))
    with pytest.raises(NotFittedError):
        GaussianMixture(1).predict(X)
    with pytest.raises(ValueError, match="X has 2 features, but GaussianMixture is expecting 3"):
        GaussianMixture(1).fit(X).score_samples(X[:, :2])
