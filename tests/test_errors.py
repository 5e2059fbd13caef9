"""What is wrong is refused, in words that name the argument and what came."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import coo_matrix, csr_matrix
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from clusterx import Blocks, KMeans, MiniBatchKMeans, k_means, kmeans_plusplus

BOTH = pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans])
METHODS = ["fit", "partial_fit", "predict", "transform", "score", "kmeans_plusplus"]


def rows(n=20, d=3):
    return np.random.default_rng(0).standard_normal((n, d))


def spoiled(value):
    X = rows()
    X[3, 1] = value
    return X


def use(method, X, like=None):
    """Give X to the method of a model that was fitted, where it must be, to rows like these."""
    if method == "kmeans_plusplus":
        return kmeans_plusplus(X, 3, random_state=0)
    if method == "fit":
        return KMeans(3, random_state=0).fit(X)
    if method == "partial_fit":
        return MiniBatchKMeans(3, random_state=0).partial_fit(X)
    return getattr(KMeans(3, random_state=0).fit(like), method)(X)


# -- X -------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("method", "value", "word", "dtype"),
    [
        ("fit", np.nan, "NaN", "float32"),
        ("fit", np.inf, "inf", "float64"),
        ("fit", -np.inf, "inf", "float32"),
        ("partial_fit", np.nan, "NaN", "float64"),
        ("predict", np.inf, "inf", "float32"),
        ("transform", -np.inf, "inf", "float64"),
        ("score", np.nan, "NaN", "float32"),
        ("kmeans_plusplus", np.inf, "inf", "float64"),
    ],
)
def test_not_finite(xp, method, value, word, dtype):
    X = xp.asarray(spoiled(value).astype(dtype))
    with pytest.raises(ValueError, match=f"Input X contains .*{word}"):
        use(method, X, xp.asarray(rows().astype(dtype)))


def test_not_finite_names_the_estimator():
    with pytest.raises(ValueError, match="MiniBatchKMeans does not accept missing values"):
        MiniBatchKMeans(2).fit(spoiled(np.nan))
    with pytest.raises(ValueError, match="kmeans_plusplus does not accept missing values"):
        kmeans_plusplus(spoiled(np.nan), 2)


@pytest.mark.parametrize("X", [csr_matrix(spoiled(np.nan)), pd.DataFrame(spoiled(np.nan))])
def test_not_finite_in_containers(X):
    with pytest.raises(ValueError, match="Input X contains NaN"):
        KMeans(2).fit(X)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 3), r"Found array with 0 sample\(s\) \(shape=\(0, 3\)\)"),
        ((5, 0), r"Found array with 0 feature\(s\) \(shape=\(5, 0\)\)"),
        ((5,), "Expected 2D array, got 1D array"),
        ((), "Expected 2D array, got (scalar|0D) array"),
        ((2, 5, 3), "(Found array with dim 3|Expected 2D array, got 3D array)"),
    ],
    ids=str,
)
def test_shapes(xp, shape, message):
    for method in METHODS:
        with pytest.raises(ValueError, match=message):
            use(method, xp.asarray(np.ones(shape)), xp.asarray(rows()))


def test_other_number_of_features(xp):
    for method in ("predict", "transform", "score"):
        with pytest.raises(ValueError, match="X has 2 features, but KMeans is expecting 3"):
            use(method, xp.asarray(rows(5, 2)), xp.asarray(rows()))


def test_other_number_of_features_in_a_later_batch(xp):
    model = MiniBatchKMeans(2).partial_fit(xp.asarray(rows()))
    with pytest.raises(ValueError, match="X has 2 features, but MiniBatchKMeans is expecting 3"):
        model.partial_fit(xp.asarray(rows(5, 2)))


@pytest.mark.smoke
def test_complex(xp):
    for method in METHODS:
        with pytest.raises(ValueError, match="Complex data not supported"):
            use(method, xp.asarray(rows() + 1j), xp.asarray(rows()))


@pytest.mark.parametrize(
    ("X", "word"),
    [
        (np.array([["a", "b"]] * 5), "'a'"),
        (np.array([["a", "b"]] * 5, dtype=object), "'a'"),
        ([["a", "b"]] * 5, "'a'"),
        (pd.DataFrame({"x": ["u", "v"]}), "'u'"),
        (pl.DataFrame({"x": ["u", "v"]}), "'u'"),
        (np.array([[{"a": 1}, 2]] * 5, dtype=object), "dict"),
        ([[1, 2], [3]], "inhomogeneous"),
        ({"a": [1, 2]}, "dict"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), "datetime64"),
        (np.array([[1]], dtype="m8[s]"), "timedelta64"),
    ],
)
@BOTH
def test_not_numbers(kind, X, word):
    with pytest.raises(
        (TypeError, ValueError), match=r"Input X of .*KMeans must hold real numbers"
    ) as e:
        kind(1).fit(X)
    assert word in str(e.value)
    assert kind.__name__ in str(e.value)


@pytest.mark.parametrize("X", [None, 5, 3.5])
def test_scalars(X):
    with pytest.raises(ValueError, match="Expected 2D array, got scalar array"):
        KMeans(1).fit(X)


def test_numbers_in_object_arrays_are_taken():
    X = rows()
    found = KMeans(3, random_state=0).fit(X.astype(object))
    np.testing.assert_array_equal(found.labels_, KMeans(3, random_state=0).fit(X).labels_)


def test_masked_values():
    X = np.ma.masked_array(rows(), mask=rows() > 1)
    with pytest.raises(ValueError, match="Input X of KMeans is a masked array with masked"):
        KMeans(2).fit(X)
    KMeans(2).fit(np.ma.masked_array(rows()))


@BOTH
def test_too_large_values(xp, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of libraries that NumPy computes for
        with pytest.raises(ValueError, match=r"Input X contains values too large .* up to 1e\+200"):
            kind(2).fit(xp.asarray(np.full((5, 2), 1e200)))


def test_too_large_values_to_predict():
    with pytest.raises(ValueError, match="Input X contains values too large"):
        KMeans(2, random_state=0).fit(rows()).predict(rows() * 1e200)


@pytest.mark.parametrize("value", [3e38, -3e38])
def test_the_largest_float32_are_taken(value):
    X = np.zeros((10, 2), np.float32)
    X[5:] = value
    model = KMeans(2, random_state=0).fit(X)
    assert np.isfinite(model.inertia_)
    assert sorted(np.bincount(model.labels_)) == [5, 5]


@pytest.mark.torch
def test_sparse_tensors():
    import torch

    for X in (torch.eye(5).to_sparse(), torch.eye(5)[:, :3].to_sparse()):
        with pytest.raises(TypeError, match="Input X is a sparse array on a device"):
            KMeans(2).fit(X)


@pytest.mark.torch
def test_tensors_with_gradients_are_taken():
    import torch

    X = torch.tensor(rows(), requires_grad=True)
    w = torch.ones(20, dtype=torch.float64, requires_grad=True)
    model = KMeans(3, init=X[:3]).fit(X, sample_weight=w)
    assert not model.cluster_centers_.requires_grad
    expected = KMeans(3, init=rows()[:3]).fit(rows())
    np.testing.assert_array_equal(model.labels_.numpy(), expected.labels_)


def test_other_sparse_formats_are_taken():
    expected = KMeans(3, random_state=0).fit(rows())
    found = KMeans(3, random_state=0).fit(coo_matrix(rows()))
    np.testing.assert_array_equal(found.labels_, expected.labels_)


# -- k -------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_more_clusters_than_rows(xp, kind, method):
    if not hasattr(kind, method):
        pytest.skip("KMeans has no partial_fit")
    with pytest.raises(ValueError, match="n_samples=20 should be >= n_clusters=21"):
        getattr(kind(21), method)(xp.asarray(rows()))


def test_more_clusters_than_rows_in_functions():
    with pytest.raises(ValueError, match="n_samples=20 should be >= n_clusters=21"):
        kmeans_plusplus(rows(), 21)
    with pytest.raises(ValueError, match="n_samples=20 should be >= n_clusters=21"):
        k_means(rows(), 21)


@pytest.mark.parametrize("k", [0, -3, 2.0, 2.5, "3", None, True])
def test_wrong_k(k):
    for call in (KMeans(k).fit, MiniBatchKMeans(k).fit, MiniBatchKMeans(k).partial_fit):
        with pytest.raises(
            (TypeError, ValueError), match=r"'n_clusters' parameter of .*KMeans"
        ) as e:
            call(rows())
        assert f"got {k!r}" in str(e.value)
    with pytest.raises(ValueError, match="n_clusters must be a whole number") as e:
        kmeans_plusplus(rows(), k)
    assert f"got {k!r}" in str(e.value)


def test_numpy_integers_are_taken():
    assert KMeans(np.int64(3), max_iter=np.int32(5), n_init=np.int8(1)).fit(rows()).n_iter_ <= 5


# -- other parameters ----------------------------------------------------------------------------

SHARED = [
    ("max_iter", [0, -1, 1.5, "9", None, True]),
    ("tol", [-1e-9, np.nan, "0", None, True]),
    ("n_init", [0, -1, 2.5, "all", None, True]),
    ("init", ["kmeans++", "", 3, None, {"a": 1}, csr_matrix(np.eye(3))]),
]
OWN = {
    KMeans: [
        ("algorithm", ["full", "auto", None, 3]),
        ("metric", ["l1", "Cosine", None, 2]),
    ],
    MiniBatchKMeans: [
        ("batch_size", [0, -1, 10.0, "auto", None, True]),
        ("init_size", [0, -1, 5.0, "auto"]),
        ("max_no_improvement", [-1, 1.5, "a"]),
        ("reassignment_ratio", [-0.1, np.nan, "a", None]),
    ],
}
WRONG = [
    pytest.param(kind, name, value, id=f"{kind.__name__}-{name}-{value!r}"[:60])
    for kind, own in OWN.items()
    for name, values in [*SHARED, *own]
    for value in values
]


@pytest.mark.parametrize(("kind", "name", "value"), WRONG)
def test_wrong_parameters(kind, name, value):
    model = kind(2, **{name: value})
    calls = [model.fit] if kind is KMeans else [model.fit, model.partial_fit]
    for call in calls:
        with pytest.raises((TypeError, ValueError)) as e:
            call(rows())
        start = f"The {name!r} parameter of {kind.__name__} must be "
        assert str(e.value).startswith(start)
        assert "; got " in str(e.value)
        assert len(str(e.value)) < 250
        if isinstance(value, str | float | int | None):
            assert repr(value) in str(e.value)
    assert model.get_params()[name] is value  # the constructor only stores


@pytest.mark.parametrize("value", ["a", -1, 1.5])
def test_wrong_random_state(value):
    with pytest.raises((TypeError, ValueError), match=r"[Ss]eed"):
        KMeans(2, random_state=value).fit(rows())


@pytest.mark.parametrize("trials", [0, -1, 1.5, "3"])
def test_wrong_number_of_trials(trials):
    with pytest.raises(ValueError, match="n_local_trials must be a whole number") as e:
        kmeans_plusplus(rows(), 3, n_local_trials=trials)
    assert repr(trials) in str(e.value)


@pytest.mark.parametrize("norms", [np.ones(3), [1, 2, 3]])
def test_wrong_length_of_norms(norms):
    with pytest.raises(ValueError, match=r"length of x_squared_norms 3 .* n_samples 20"):
        kmeans_plusplus(rows(), 3, x_squared_norms=norms)


# -- init ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 3), r"initial centers \(4, 3\) does not match the number of clusters 3"),
        ((2, 3), r"initial centers \(2, 3\) does not match the number of clusters 3"),
        ((3, 2), r"initial centers \(3, 2\) does not match the number of features of the data 3"),
        ((3,), r"initial centers \(3,\) does not match the number of clusters 3"),
        ((3, 3, 1), r"initial centers \(3, 3, 1\) does not match the number of clusters 3"),
        ((0, 3), r"initial centers \(0, 3\) does not match the number of clusters 3"),
    ],
    ids=str,
)
def test_shape_of_init(xp, shape, message):
    for kind in (KMeans, MiniBatchKMeans):
        for start in (xp.asarray(np.ones(shape)), np.ones(shape)):
            with pytest.raises(ValueError, match=message):
                kind(3, init=start).fit(xp.asarray(rows()))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "initial centers given as init contain NaN or infinity"),
        (np.inf, "initial centers given as init contain NaN or infinity"),
        (1e200, "initial centers given as init contain values too large"),
        (1j, "'init' parameter must be an array of real numbers, got dtype complex128"),
    ],
)
def test_values_of_init(xp, value, message):
    start = np.full((3, 3), value)
    for init in (xp.asarray(start), start, lambda X, k, random_state: start):
        with pytest.raises(ValueError, match=message):
            KMeans(3, init=init, n_init=1).fit(xp.asarray(rows()))


@pytest.mark.parametrize(
    "start",
    [
        [[1, 2, 3], [1, 2], [3]],
        [["a", "b", "c"]] * 3,
        np.array([["1", "2", "3"]] * 3),
        np.array([[{}, 1, 2]] * 3, dtype=object),
    ],
    ids=str,
)
def test_init_that_is_no_numbers(start):
    with pytest.raises((TypeError, ValueError), match="'init' parameter must be an array of real"):
        KMeans(3, init=start).fit(rows())


def test_callable_that_gives_nothing():
    with pytest.raises((TypeError, ValueError), match="init"):
        KMeans(3, init=lambda X, k, random_state: None, n_init=1).fit(rows())


@pytest.mark.parametrize("start", [pd.DataFrame(rows()[:3]), rows()[:3].tolist(), rows()[:3]])
def test_array_likes_are_taken_as_init(start):
    np.testing.assert_array_equal(
        KMeans(3, init=start).fit(rows()).labels_, KMeans(3, init=rows()[:3]).fit(rows()).labels_
    )


@BOTH
def test_several_starts_from_given_centres_warn(kind):
    with pytest.warns(
        RuntimeWarning, match=f"only one init in {kind.__name__} instead of n_init=4"
    ):
        kind(3, init=rows()[:3], n_init=4).fit(rows())


def test_elkan_with_one_cluster_warns():
    with pytest.warns(RuntimeWarning, match="algorithm='elkan' doesn't make sense"):
        KMeans(1, algorithm="elkan").fit(rows())


def test_small_init_size_warns():
    with pytest.warns(RuntimeWarning, match="init_size=2 should be larger than n_clusters=3"):
        MiniBatchKMeans(3, init_size=2).fit(rows())


def test_fewer_distinct_rows_warn(xp):
    with pytest.warns(ConvergenceWarning, match=r"clusters \(1\) .* n_clusters \(3\)"):
        KMeans(3).fit(xp.asarray(np.ones((20, 2))))


# -- sample_weight -------------------------------------------------------------------------------

WEIGHTS = [
    (-np.ones(20), r"Negative values in data passed to sample_weight \(least: -1"),
    (np.full(20, np.nan), "sample_weight contains NaN or infinity"),
    (np.full(20, np.inf), "sample_weight contains NaN or infinity"),
    (np.zeros(20), "all of sample_weight is zero"),
    (np.ones(19), r"sample_weight.shape == \(19,\), expected \(20,\)"),
    (np.ones(0), r"sample_weight.shape == \(0,\), expected \(20,\)"),
    (np.ones((20, 1)), "Sample weights must be 1D array or scalar, got 2D array"),
    (np.full(20, 1e308), "sum of sample_weight is too large"),
    (np.ones(20) + 1j, "sample_weight must be an array of real numbers, got dtype complex128"),
]


@pytest.mark.smoke
@pytest.mark.parametrize(("w", "message"), WEIGHTS)
def test_weights(xp, w, message):
    """Beside X and on the host."""
    X = xp.asarray(rows())
    model = KMeans(3, random_state=0).fit(X)
    for call in (
        KMeans(3).fit,
        MiniBatchKMeans(3).fit,
        MiniBatchKMeans(3).partial_fit,
        model.score,
        lambda X, sample_weight: kmeans_plusplus(X, 3, sample_weight=sample_weight),
    ):
        for given in (xp.asarray(w), w):
            with pytest.raises(ValueError, match=message):
                call(X, sample_weight=given)


@pytest.mark.parametrize(
    "w",
    ["balanced", ["a"] * 20, {"a": 1}, [[1], [1, 2]], np.array(["1"] * 20), 1j, object()],
)
def test_weights_that_are_no_numbers(w):
    with pytest.raises((TypeError, ValueError), match="sample_weight must be an array of real"):
        KMeans(3).fit(rows(), sample_weight=w)


@pytest.mark.smoke
def test_weights_that_are_taken(xp):
    expected = KMeans(3, random_state=0).fit(rows())
    for w in (
        np.ones(20, dtype=object),
        np.ones(20, dtype=bool),
        np.ones(20, dtype="uint8"),
        [1] * 20,
        pd.Series(np.ones(20)),
        pl.Series(np.ones(20)),
        1,
        np.float32(1),
    ):
        found = KMeans(3, random_state=0).fit(xp.asarray(rows()), sample_weight=w)
        np.testing.assert_array_equal(xp.to_host(found.labels_), expected.labels_)


@pytest.mark.parametrize("w", [-1, 0, np.nan, np.inf])
def test_one_wrong_number_as_weight(w):
    with pytest.raises(ValueError, match="sample_weight"):
        KMeans(3).fit(rows(), sample_weight=w)


@BOTH
def test_fewer_rows_of_weight_than_clusters(kind):
    w = np.zeros(20)
    w[:2] = 1
    with pytest.raises(ValueError, match="Only 2 of 20 rows have a sample_weight above zero"):
        kind(3, init="random").fit(rows(), sample_weight=w)


# -- libraries -----------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("method", ["predict", "transform", "score"])
def test_another_library_than_in_fit(xp, method):
    others = {"host": rows(), "list": rows().tolist(), "frame": pd.DataFrame(rows())}
    if xp.name == "numpy":
        strict = pytest.importorskip("array_api_strict")
        others = {"strict": strict.asarray(rows(), device=strict.Device("device1"))}
    else:
        others |= {"CSR": csr_matrix(rows()), "blocks": Blocks(rows())}
    model = KMeans(3, random_state=0).fit(xp.asarray(rows()))
    for other in others.values():
        with pytest.raises(ValueError, match=r"must use the same namespace") as e:
            getattr(model, method)(other)
        text = str(e.value)
        assert f"KMeans.{method}()" in text
        assert xp.xp.__name__ in text
        assert "to_device()" in text


def test_another_device_than_in_fit():
    strict = pytest.importorskip("array_api_strict")
    one, two = strict.Device("device1"), strict.Device("device2")
    model = KMeans(3, random_state=0).fit(strict.asarray(rows(), device=one))
    with pytest.raises(ValueError, match="same device") as e:
        model.predict(strict.asarray(rows(), device=two))
    assert "device1" in str(e.value)
    assert "device2" in str(e.value)


@pytest.mark.parametrize("like", ["cuda", "gpu", None, 3, [1.0]])
def test_wrong_device(like):
    with pytest.raises(TypeError, match=r"like must be an array .* or 'cpu'; got") as e:
        KMeans(3, random_state=0).fit(rows()).to_device(like)
    assert repr(like) in str(e.value)


# -- cosine --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fit", "predict", "transform", "score"])
def test_cosine_of_a_row_of_zeros(xp, method):
    X = rows()
    X[4] = 0
    model = KMeans(3, metric="cosine", random_state=0).fit(xp.asarray(rows()))
    with pytest.raises(ValueError, match=r"metric='cosine' .* X has a row of zeros"):
        getattr(model, method)(xp.asarray(X))


def test_cosine_of_an_empty_sparse_row():
    X = rows()
    X[4] = 0
    with pytest.raises(ValueError, match=r"metric='cosine' .* X has a row of zeros"):
        KMeans(3, metric="cosine").fit(csr_matrix(X))


# -- not fitted ----------------------------------------------------------------------------------


@BOTH
def test_not_fitted(xp, kind):
    for method in ("predict", "transform", "score", "get_feature_names_out"):
        arguments = () if method == "get_feature_names_out" else (xp.asarray(rows()),)
        with pytest.raises(NotFittedError, match=f"This {kind.__name__} instance is not fitted"):
            getattr(kind(3), method)(*arguments)


@BOTH
def test_not_fitted_can_not_move(kind):
    with pytest.raises(NotFittedError, match=f"This {kind.__name__} instance is not fitted yet"):
        kind(3).to_device("cpu")


def test_a_failed_fit_leaves_an_earlier_one_as_it_was():
    model = KMeans(3, random_state=0).fit(rows())
    before = model.cluster_centers_.copy()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(spoiled(np.nan))
    np.testing.assert_array_equal(model.cluster_centers_, before)
    model.predict(rows())
