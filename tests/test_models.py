"""Fitted models that were restored, changed by hand, saved, or meet rows of another precision."""

import copy
import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError

import clusterx
from clusterx import Blocks, ColorQuantizer, KMeans, MiniBatchKMeans
from clusterx.arrays import namespace
from clusterx.fitted import OtherVersionWarning


def rows(n=300, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 8 * rng.integers(0, 3, (n, 1))


def one_nan(C):
    C = C.copy()
    C[1, 0] = np.nan
    return C


#: a change of centres: the error, and what it says
CHANGES = {
    "columns": (lambda C: C[:, :2], ValueError, "has 2 columns, and X has 3 features"),
    "more columns": (lambda C: np.hstack([C, C]), ValueError, "has 6 columns"),
    "nan": (one_nan, ValueError, "contains NaN or infinity"),
    "inf": (lambda C: C / 0.0, ValueError, "contains NaN or infinity"),
    "vast": (lambda C: C * 1e200, ValueError, "too large for squared distances"),
    "whole": (lambda C: C.astype(int), TypeError, "got dtype int64"),
    "object": (lambda C: C.astype(object), TypeError, "got dtype object"),
    "half": (lambda C: C.astype(np.float16), TypeError, "got dtype float16"),
    "complex": (lambda C: C.astype(complex), TypeError, "got dtype complex128"),
    "list": (lambda C: C.tolist(), TypeError, "got list"),
    "sparse": (csr_matrix, TypeError, "got csr_matrix"),
    "none": (lambda C: None, TypeError, "got NoneType"),
    "vector": (lambda C: C[0], ValueError, r"got shape \(3,\)"),
    "cube": (lambda C: C[None], ValueError, r"got shape \(1, 4, 3\)"),
    "empty": (lambda C: C[:0], ValueError, r"got shape \(0, 3\)"),
    "masked": (lambda C: np.ma.masked_less(C, C.max()), ValueError, "masked values"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_centers_that_rows_cannot_be_compared_with(change):
    X = rows()
    set_to, error, message = CHANGES[change]
    for model in (KMeans(4, random_state=0), MiniBatchKMeans(4, random_state=0)):
        with np.errstate(all="ignore"):
            centers = set_to(model.fit(X).cluster_centers_)
        model.cluster_centers_ = centers
        for given in (X, csr_matrix(X), Blocks(X, block_rows=70), X[:1], X.astype(np.float32)):
            for method in (model.predict, model.transform, model.score):
                with pytest.raises(error, match=f"cluster_centers_ of .*{message}"):
                    method(given)
        if hasattr(model, "partial_fit"):
            with pytest.raises(error, match=f"cluster_centers_ of .*{message}"):
                model.partial_fit(X)


@pytest.mark.smoke
@pytest.mark.parametrize("change", ["columns", "nan", "vector", "whole"])
def test_centers_are_checked_where_the_rows_are(xp, change):
    X = xp.asarray(rows())
    set_to, error, message = CHANGES[change]
    model = MiniBatchKMeans(4, random_state=0).fit(X)
    model.cluster_centers_ = xp.asarray(set_to(xp.to_host(model.cluster_centers_)))
    for method in (model.predict, model.transform, model.score, model.partial_fit):
        with pytest.raises(error, match=f"cluster_centers_ of .*{message}"):
            method(X)


def test_centers_elsewhere_than_the_rows():
    strict = pytest.importorskip("array_api_strict")
    X = strict.asarray(rows(), device=strict.Device("device1"))
    model = KMeans(4, random_state=0).fit(X)
    model.cluster_centers_ = strict.asarray(np.zeros((4, 3)))  # on the other device
    with pytest.raises(ValueError, match="must use the same namespace and the same device"):
        model.predict(X)


def test_other_attributes_do_not_matter():
    X = rows()
    model = KMeans(4, random_state=0).fit(X)
    expected = model.predict(X)
    model.n_clusters, model.labels_, model.inertia_ = 99, None, "unknown"
    assert_array_equal(model.predict(X), expected)
    model.n_features_in_ = 5
    with pytest.raises(ValueError, match="has 3 columns, and X has 5 features"):
        model.predict(rows(d=5))
    del model.cluster_centers_
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_centers_of_any_layout_are_read():
    X = rows()
    model = KMeans(4, random_state=0).fit(X)
    expected, C = model.transform(X), model.cluster_centers_
    for same in (np.asfortranarray(C), np.repeat(C, 2, axis=0)[::2], C.astype(">f8")):
        model.cluster_centers_ = same
        assert_array_equal(model.transform(X), expected)


def test_a_model_made_of_centers_alone():
    X = rows()
    fitted = KMeans(4, random_state=0, tol=0).fit(X)
    centers = fitted.cluster_centers_
    model = MiniBatchKMeans(4)
    model.cluster_centers_ = centers.copy()
    assert_array_equal(model.predict(X), fitted.labels_)
    model.partial_fit(X)  # each becomes the mean of what it is nearest to: a Lloyd iteration
    assert_allclose(model.cluster_centers_, centers, rtol=1e-12)
    assert model.n_steps_ == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batches_go_on_from_centers_that_were_set(xp, dtype):
    X = rows().astype(dtype)
    model = MiniBatchKMeans(2, random_state=0, reassignment_ratio=0.0).partial_fit(xp.asarray(X))
    before = copy.deepcopy(model)
    assert_array_equal(
        xp.to_host(before.partial_fit(xp.asarray(X[:9])).cluster_centers_),
        xp.to_host(
            pickle.loads(pickle.dumps(model)).partial_fit(xp.asarray(X[:9])).cluster_centers_
        ),
    )
    seen = np.bincount(xp.to_host(model.predict(xp.asarray(X))), minlength=2)
    model.cluster_centers_ = xp.asarray(np.array([[100.0] * 3, [-100.0] * 3], dtype))
    model.partial_fit(xp.asarray(np.full((1, 3), 90.0, dtype)))
    moved = (100.0 * seen[0] + 90.0) / (seen[0] + 1)
    assert_allclose(xp.to_host(model.cluster_centers_), [[moved] * 3, [-100.0] * 3], rtol=1e-6)


def test_batches_with_another_number_of_clusters():
    model = MiniBatchKMeans(4, random_state=0).partial_fit(rows())
    model.set_params(n_clusters=6)
    with pytest.raises(ValueError, match=r"goes on from the 4 rows .* n_clusters is 6"):
        model.partial_fit(rows())
    assert clone(model).partial_fit(rows()).cluster_centers_.shape == (6, 3)
    model.set_params(n_clusters=4).partial_fit(rows())
    model.set_params(n_clusters=6).fit(rows()).partial_fit(rows())
    assert model.cluster_centers_.shape == (6, 3)


def test_counters_of_other_centers_begin_at_zero():
    X = rows()
    model = MiniBatchKMeans(4, random_state=0).partial_fit(X)
    for counts in (np.zeros(2), np.zeros(0), np.zeros((4, 2))):
        model._state.counts = counts
        assert model.partial_fit(X)._state.counts.sum() == len(X)
    model._state.centers = np.zeros((4, 1))
    assert model.partial_fit(X)._state.counts.sum() == len(X)
    del model.n_steps_
    assert model.partial_fit(X).n_steps_ == 1


PALETTES = {
    "channels": (lambda P: P[:, :1], ValueError, "channel"),
    "more channels": (lambda P: np.hstack([P, P[:, :1]]), ValueError, "channel"),
    "floats": (lambda P: P.astype(np.float32), TypeError, "got dtype float32"),
    "wide": (lambda P: P.astype(np.int64), TypeError, "got dtype int64"),
    "list": (lambda P: P.tolist(), TypeError, "got list"),
    "flat": (lambda P: P.ravel(), ValueError, "got shape"),
    "empty": (lambda P: P[:0], ValueError, "got shape"),
}


@pytest.mark.parametrize("change", PALETTES)
def test_palettes_that_pixels_cannot_be_compared_with(change):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    set_to, error, message = PALETTES[change]
    model = ColorQuantizer(5, random_state=0).fit(image)
    model.palette_ = set_to(model.palette_)
    if change == "more channels":
        model.n_features_in_ = 4
    for method in (model.predict, model.transform):
        with pytest.raises(error, match=message):
            method(image)


def test_displays_of_models_with_other_centers():
    pytest.importorskip("matplotlib")
    from clusterx.plotting import ClusterBoundaryDisplay, ClusterScatterDisplay

    X = rows(d=2)
    model = KMeans(4, random_state=0).fit(X)
    model.cluster_centers_ = model.cluster_centers_[:, :1]
    for display in (ClusterBoundaryDisplay, ClusterScatterDisplay):
        with pytest.raises(ValueError, match="1 columns"):
            display.from_estimator(model, X)


# -- other precisions ----------------------------------------------------------------------------


def far(d, dtype="float32"):
    """Rows whose means have digits that float32 would lose."""
    rng = np.random.default_rng(d)
    X = rng.normal(size=(3000, d)) + 2 * rng.integers(0, 4, (3000, 1)) + 3e6
    return X.astype(np.float32).astype(dtype)


@pytest.mark.parametrize("d", [2, 11, 40])
def test_float32_rows_of_a_model_fitted_in_float64(xp, d):
    X = far(d)
    model = KMeans(5, random_state=1, max_iter=4).fit(xp.asarray(X.astype(np.float64)))
    given = xp.asarray(X)
    assert_array_equal(xp.to_host(model.predict(given)), xp.to_host(model.labels_))
    assert_allclose(model.score(given), -model.inertia_, rtol=1e-12)
    found = model.transform(given)
    assert "float64" in str(found.dtype)
    assert_array_equal(
        xp.to_host(found), xp.to_host(model.transform(xp.asarray(X.astype(np.float64))))
    )


@pytest.mark.smoke
@pytest.mark.parametrize("d", [2, 40])
def test_float64_rows_of_a_model_fitted_in_float32(xp, d):
    X = far(d, "float64") + np.random.default_rng(0).random((3000, d)) / 7
    model = KMeans(5, random_state=1, max_iter=4).fit(xp.asarray(X.astype(np.float32)))
    found = model.transform(xp.asarray(X))
    assert "float64" in str(found.dtype)
    C = xp.to_host(model.cluster_centers_).astype(np.float64)
    expected = np.sqrt(((X[:, None] - C) ** 2).sum(axis=2))
    assert_allclose(xp.to_host(found), expected, rtol=1e-9)
    assert_array_equal(xp.to_host(model.predict(xp.asarray(X))), expected.argmin(axis=1))
    assert "float32" in str(model.transform(xp.asarray(X.astype(np.float32))).dtype)


@pytest.mark.parametrize("kind", ["blocks", "sparse", "uint8", "float16", "cosine"])
def test_other_rows_of_a_model_fitted_in_float64(kind):
    X = np.random.default_rng(0).integers(0, 200, (2000, 3)).astype(np.uint8)
    options = {"metric": "cosine"} if kind == "cosine" else {}
    if kind == "cosine":
        X = X.astype(np.float32) + np.float32(0.1)
    model = KMeans(6, random_state=0, max_iter=3, **options).fit(X.astype(np.float64))
    # centres between two rows: what they are rounded to decides which is nearer
    give = {
        "blocks": lambda X: Blocks(X.astype(np.float32), block_rows=300),
        "sparse": lambda X: csr_matrix(X.astype(np.float32)),
        "float16": lambda X: X.astype(np.float16),
    }
    given = give.get(kind, lambda X: X)(X)
    assert_array_equal(model.predict(given), model.labels_)
    assert_allclose(model.score(given), -model.inertia_, rtol=1e-12)
    assert_allclose(model.transform(given), model.transform(X.astype(np.float64)), rtol=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_rows_are_converted_by_blocks(monkeypatch, metric):
    monkeypatch.setattr("clusterx.blocks.TILE", 1 << 16)
    X = np.random.default_rng(0).random((200_000, 20), np.float32)
    model = KMeans(3, random_state=0, max_iter=1, metric=metric)
    model.fit(X[:3000].astype(np.float64))
    model.predict(X[:3000])
    tracemalloc.start()
    model.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * X.nbytes  # in float64 the rows alone would take as much


def test_generic_kernels_convert_by_blocks(xp):
    if xp.name not in ("array_api_strict", "cuda_on_cpu"):
        pytest.skip("rows are converted on the host's kernels as they are read")
    X = np.random.default_rng(0).random((5000, 40), np.float32)
    model = KMeans(3, random_state=0, max_iter=1).fit(xp.asarray(X[:300].astype(np.float64)))
    converted = []
    space = namespace(model.cluster_centers_)
    original = space.astype

    def watched(x, dtype, **options):
        if "float64" in str(dtype) and "float32" in str(x.dtype):
            converted.append(x.shape)
        return original(x, dtype, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space, "astype", watched)
        patch.setattr("clusterx.blocks.TILE", 1 << 14)
        if xp.name == "cuda_on_cpu":
            patch.setattr(clusterx.kernels.kernels_for(space).gpu, "tile", 1 << 14)
        model.predict(xp.asarray(X))
    assert converted
    assert max(np.prod(shape) for shape in converted) <= 1 << 14


# -- saving --------------------------------------------------------------------------------------


def saved_models():
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    return [
        KMeans(3, random_state=0).fit(rows()),
        MiniBatchKMeans(3, random_state=0).partial_fit(rows()),
        ColorQuantizer(3, random_state=0).fit(image),
    ]


def test_models_tell_which_version_saved_them(monkeypatch):
    for model in saved_models():
        saved = pickle.dumps(model)
        name = type(model).__name__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert "_clusterx_version" not in vars(pickle.loads(saved))
            copy.deepcopy(model)
            clone(model)
        with monkeypatch.context() as patch:
            patch.setattr(clusterx, "__version__", "7.8.9")
            message = f"{name} was saved by clusterx 0.* and is loaded by clusterx 7.8.9"
            with pytest.warns(OtherVersionWarning, match=message) as found:
                loaded = pickle.loads(saved)
        assert issubclass(found[0].category, InconsistentVersionWarning)
        assert vars(loaded).keys() == vars(model).keys()


def test_models_that_tell_no_version():
    model = KMeans(3, random_state=0).fit(rows())
    state = model.__getstate__()
    del state["_clusterx_version"]
    with pytest.warns(OtherVersionWarning, match="of unknown version"):
        KMeans().__setstate__(state)
