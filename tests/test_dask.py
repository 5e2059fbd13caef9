"""Rows in chunks of Dask, under its threads: the results are those of rows in memory."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.base import clone

import clusterx
from clusterx import (
    DBSCAN,
    HDBSCAN,
    BayesianGaussianMixture,
    Birch,
    BisectingKMeans,
    Blocks,
    FuzzyCMeans,
    GaussianMixture,
    KMeans,
    KMedians,
    KMedoids,
    MiniBatchKMeans,
    SelfOrganizingMap,
    kmeans_plusplus,
    metrics,
)

dask = pytest.importorskip("dask", reason="Dask is not installed: pip install clusterx[dask]")
da = pytest.importorskip("dask.array")

#: Uneven, one row, none.
CHUNKS = (700, 0, 1, 999, 300)


def blobs(d=4, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    n = sum(CHUNKS)
    return (rng.normal(size=(n, d)) + 8 * rng.normal(size=(5, d))[rng.integers(5, size=n)]).astype(
        dtype
    )


def chunked(X, held):
    found = da.from_array(X, chunks=(CHUNKS, X.shape[1]))
    return found.persist() if held else found


def here(values):
    return values.compute() if hasattr(values, "compute") else values


START = blobs()[:5]
ESTIMATORS = {
    "KMeans": (KMeans(5, init=START), "cluster_centers_ labels_ inertia_ n_iter_"),
    "KMeans||": (KMeans(5, init="k-means||", random_state=0), "cluster_centers_ labels_"),
    "KMeans-random": (KMeans(5, init="random", n_init=2, random_state=0), "cluster_centers_"),
    "KMeans-maximin": (KMeans(5, init="maximin"), "cluster_centers_"),
    "MiniBatchKMeans": (
        MiniBatchKMeans(5, batch_size=300, max_iter=2, random_state=0),
        "cluster_centers_ labels_ inertia_",
    ),
    "BisectingKMeans": (BisectingKMeans(4, random_state=0), "cluster_centers_ labels_ inertia_"),
    "FuzzyCMeans": (FuzzyCMeans(5, init=START, max_iter=3), "cluster_centers_ memberships_"),
    "KMedians": (KMedians(5, init=START, max_iter=2), "cluster_centers_ labels_ inertia_"),
    "SelfOrganizingMap": (SelfOrganizingMap((2, 3), max_iter=3), "cluster_centers_ labels_"),
    "Birch": (Birch(threshold=6.0, n_clusters=3), "subcluster_centers_ labels_"),
    "GaussianMixture": (
        GaussianMixture(5, random_state=0, tol=0.5, init_params="k-means++"),
        "means_ covariances_ weights_ lower_bound_",
    ),
    "GaussianMixture-random": (
        GaussianMixture(2, random_state=0, tol=5.0, init_params="random", covariance_type="diag"),
        "means_ lower_bound_",
    ),
    "BayesianGaussianMixture": (
        BayesianGaussianMixture(n_components=5, random_state=0, tol=1.0, init_params="k-means++"),
        "means_ weights_ lower_bound_",
    ),
}
METHODS = ("predict", "transform", "predict_proba", "score_samples")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_fits_are_those_of_rows_in_memory(name, weighted):
    model, attributes = ESTIMATORS[name]
    X = blobs()
    w = np.random.default_rng(1).random(len(X)) if weighted else None
    held = weighted == (len(name) % 2)  # each both ways, but not each with and without weights
    expected = clone(model).fit(X, sample_weight=w)
    D, own = chunked(X, held), w
    if weighted and held:
        own = da.from_array(w, chunks=123)
    found = clone(model).fit(D, sample_weight=own)
    for attribute in attributes.split():
        a, b = (here(getattr(m, attribute)) for m in (found, expected))
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12, err_msg=attribute)
    for method in METHODS:
        if hasattr(expected, method):
            lazy = getattr(found, method)(D)
            assert isinstance(lazy, da.Array)
            known = getattr(expected, method)(X)
            assert lazy.dtype == known.dtype
            assert lazy.shape == known.shape
            np.testing.assert_allclose(lazy.compute(), known, rtol=1e-9, atol=1e-9)
    if hasattr(expected, "score"):
        assert found.score(D) == pytest.approx(expected.score(X), rel=1e-10)


class Counting:
    """A function of chunks that counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, chunk):
        self.calls += 1
        return chunk


def test_predict_computes_nothing_until_it_is_asked_to():
    X, seen = blobs(), Counting()
    D = da.from_array(X, chunks=(500, 4)).map_blocks(seen, meta=np.empty((0, 4)))
    model = KMeans(5, init=START).fit(X)
    labels, distances = model.predict(D), model.transform(D)
    assert seen.calls == 0
    assert labels.chunks == (D.chunks[0],)
    assert distances.chunks == (D.chunks[0], (5,))
    np.testing.assert_array_equal(labels, model.labels_)
    assert seen.calls == 4


@pytest.mark.parametrize(("value", "message"), [(np.nan, "NaN or inf"), (1e200, "too large")])
def test_predict_checks_values_when_it_reads_them(value, message):
    X = blobs()
    model = KMeans(5, init=START).fit(X)
    X[1200, 2] = value
    with pytest.raises(ValueError, match=message):
        model.predict(chunked(X, False)).compute()
    with pytest.raises(ValueError, match=message):
        KMeans(5).fit(chunked(X, False))


def test_k_means_plus_plus_stands_for_fewer_passes():
    X = blobs()
    parallel = KMeans(5, init="k-means||", random_state=0).fit(X)
    found = KMeans(5, random_state=0).fit(chunked(X, True))
    np.testing.assert_array_equal(found.cluster_centers_, parallel.cluster_centers_)
    rows = kmeans_plusplus(chunked(X, True), 5, random_state=0)[1]
    np.testing.assert_array_equal(rows, kmeans_plusplus(X, 5, random_state=0)[1])


def test_empty_clusters_take_the_farthest_rows():
    X = blobs()
    start = np.vstack((START[:2], 1e3 + START[2:]))
    expected = KMeans(5, init=start).fit(X)
    for held in (True, False):
        found = KMeans(5, init=start).fit(chunked(X, held))
        np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)


def test_whole_numbers_with_ties():
    X = np.random.default_rng(0).integers(0, 4, (2000, 2))
    expected = KMeans(4, random_state=0, init="maximin").fit(X)
    found = KMeans(4, random_state=0, init="maximin").fit(da.from_array(X, chunks=(600, 2)))
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    np.testing.assert_array_equal(found.labels_, expected.labels_)


def test_float32_stays():
    X = blobs(dtype="float32")
    model = KMeans(3, random_state=0).fit(chunked(X, True))
    assert model.cluster_centers_.dtype == np.float32
    assert model.labels_.dtype == np.int32
    assert model.transform(chunked(X, True)).dtype == np.float32


def test_data_frames():
    pd = pytest.importorskip("pandas")
    dd = pytest.importorskip("dask.dataframe")
    X = blobs()
    frame = pd.DataFrame(X, columns=list("abcd"))
    D = dd.from_pandas(frame, npartitions=3)
    D = D[D.a > -100]  # whose lengths are not known
    expected = KMeans(5, init=START).fit(frame, sample_weight=np.arange(len(X)))
    found = KMeans(5, init=START).fit(D, sample_weight=da.from_array(np.arange(len(X))))
    assert found.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    labels = found.predict(D)
    assert np.isnan(labels.shape[0])
    np.testing.assert_array_equal(labels.compute(), expected.labels_)
    with pytest.raises(ValueError, match="feature names"):
        found.predict(D[["b", "a", "c", "d"]])
    nullable = dd.from_pandas(frame.astype("Float64"), npartitions=2)
    np.testing.assert_array_equal(found.predict(nullable), expected.labels_)


def test_chunks_that_split_columns_are_joined():
    X = blobs()
    D = da.from_array(X, chunks=(700, 3))
    with pytest.warns(da.PerformanceWarning, match="along its columns"):
        found = KMeans(5, init=START).fit(D)
    expected = KMeans(5, init=START).fit(X)
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)


WRONG = {
    "3-d": (lambda: da.zeros((3, 3, 3)), ValueError, "Expected 2D array"),
    "no columns": (lambda: da.zeros((3, 0)), ValueError, "0 columns"),
    "no rows": (lambda: da.zeros((0, 3)), ValueError, "0 rows"),
    "complex": (lambda: da.zeros((3, 3), dtype=complex), ValueError, "Complex data"),
    "objects": (lambda: da.zeros((3, 3), dtype=object, chunks=3), TypeError, "real numbers"),
    "delayed": (lambda: dask.delayed(np.zeros)((3, 3)), TypeError, "arrays and data frames"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_rows_is_refused(kind):
    make, error, message = WRONG[kind]
    with pytest.raises(error, match=message):
        KMeans(2).fit(make())


def test_sparse_chunks_and_text_columns_are_refused():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    meta = scipy_sparse.csr_matrix((0, 4))
    D = chunked(blobs(), False).map_blocks(scipy_sparse.csr_matrix, meta=meta)
    with pytest.raises(TypeError, match=re.escape("sparse chunks (csr_matrix)")):
        KMeans(2).fit(D)


def test_weights_of_another_length_are_refused():
    with pytest.raises(ValueError, match=re.escape("[2000, 1999]")):
        KMeans(2).fit(chunked(blobs(), True), sample_weight=da.ones(1999, chunks=500))


ALL_PAIRS = (
    "AffinityPropagation", "AgglomerativeClustering", "DivisiveClustering", "FeatureAgglomeration",
    "HDBSCAN", "KMedoids", "LabelPropagation", "LabelSpreading", "MeanShift", "NearestNeighbors",
    "OPTICS", "SpectralClustering",
)  # fmt: skip


@pytest.mark.parametrize("name", ALL_PAIRS)
def test_estimators_of_all_pairs_say_what_to_do(name):
    X = blobs()
    for rows, words in ((chunked(X, True), "chunks of Dask"), (Blocks(X), "Blocks")):
        with pytest.raises(ValueError, match=f"{name} takes rows in memory, got {words}. Load"):
            getattr(clusterx, name)().fit(rows, np.arange(len(X)) % 2)


def test_dbscan_of_blocks_names_dask():
    with pytest.raises(ValueError, match="An array of Dask, whose chunks may come from"):
        DBSCAN().fit(Blocks(blobs()))


def test_distances_between_all_rows_are_wanted_in_memory():
    D = da.zeros((30, 30), chunks=10)
    for model in (HDBSCAN(metric="precomputed"), KMedoids(2, metric="precomputed")):
        with pytest.raises(ValueError, match="must be in memory, got chunks of Dask"):
            model.fit(D)


CLOUDS = {
    "clusters": lambda rng: (
        rng.normal(size=(2000, 2)) + 6 * rng.normal(size=(30, 2)).repeat(67, 0)[:2000]
    ),
    "grid": lambda rng: rng.integers(0, 60, (2000, 2)).astype(float),
    "uniform": lambda rng: rng.random((2000, 3)) * 9,
}


@pytest.mark.parametrize(
    ("cloud", "options", "weighted"),
    [
        ("clusters", {"eps": 0.5, "min_samples": 8}, False),
        ("clusters", {"eps": 0.4, "min_samples": 6, "metric": "manhattan"}, True),
        ("grid", {"eps": 1.0, "min_samples": 4}, True),
        ("uniform", {"eps": 0.64, "min_samples": 5, "metric": "sqeuclidean"}, False),
        ("uniform", {"eps": 0.01, "min_samples": 2}, False),
        ("uniform", {"eps": 50.0, "min_samples": 2}, False),
    ],
)
def test_dbscan_is_exact(cloud, options, weighted):
    rng = np.random.default_rng(5)
    X = CLOUDS[cloud](rng)
    w = rng.integers(0, 3, len(X)) if weighted else None
    expected = DBSCAN(**options).fit(X, sample_weight=w)
    for chunks in ((300, X.shape[1]), (CHUNKS, X.shape[1])):
        found = DBSCAN(**options).fit(da.from_array(X, chunks=chunks), sample_weight=w)
        for name in ("labels_", "core_sample_indices_", "components_"):
            a, b = (here(getattr(model, name)) for model in (found, expected))
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
    with pytest.raises(ValueError, match="to_device"):
        found.predict(X)
    np.testing.assert_array_equal(found.to_device("cpu").predict(X), expected.predict(X))


def test_dbscan_refuses_metrics_without_boxes():
    with pytest.raises(ValueError, match="takes rows in memory for metric='cosine'"):
        DBSCAN(metric="cosine").fit(chunked(blobs(), True))


CENTRE_SCORES = (
    metrics.calinski_harabasz_score,
    metrics.davies_bouldin_score,
    metrics.simplified_silhouette_score,
)


@pytest.mark.parametrize("score", CENTRE_SCORES, ids=lambda f: f.__name__)
def test_scores_by_centres(score):
    X = blobs()
    labels = KMeans(4, init=START[:4], max_iter=2).fit(X).labels_
    expected = score(X, labels)
    for held in (True, False):
        D = chunked(X, held)
        assert score(D, labels) == pytest.approx(expected, rel=1e-10)
        assert score(D, da.from_array(labels, chunks=321)) == pytest.approx(expected, rel=1e-10)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        score(chunked(X, False), labels)


def test_simplified_silhouettes_of_rows_stay_in_chunks():
    X = blobs()
    model = KMeans(4, init=START[:4], max_iter=2).fit(X)
    options = {"centers": model.cluster_centers_}
    found = metrics.simplified_silhouette_samples(chunked(X, True), model.labels_, **options)
    assert isinstance(found, da.Array)
    expected = metrics.simplified_silhouette_samples(X, model.labels_, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_silhouette_of_a_sample():
    X = blobs()
    labels = KMeans(4, init=START[:4], max_iter=2).fit(X).labels_
    options = {"sample_size": 300, "random_state": 3}
    expected = metrics.silhouette_score(X, labels, **options)
    for own in (labels, da.from_array(labels, chunks=321)):
        found = metrics.silhouette_score(chunked(X, True), own, **options)
        assert found == pytest.approx(expected, rel=1e-12)
    with pytest.raises(TypeError, match="sample_size"):
        metrics.silhouette_score(chunked(X, True), labels)


LABELS = {
    "numbers": (lambda rng: rng.integers(-1, 7, 2000), lambda rng: rng.integers(3, 9, 2000)),
    "strings": (
        lambda rng: np.array(["a", "bb", "c"])[rng.integers(0, 3, 2000)],
        lambda rng: rng.integers(0, 4, 2000).astype(float),
    ),
}
PAIR_SCORES = (
    "adjusted_mutual_info_score", "adjusted_rand_score", "cluster_accuracy",
    "completeness_score", "contingency_matrix", "fowlkes_mallows_score",
    "homogeneity_completeness_v_measure", "homogeneity_score", "majority_labels",
    "mutual_info_score", "normalized_mutual_info_score", "pair_confusion_matrix", "rand_score",
    "v_measure_score",
)  # fmt: skip


@pytest.mark.parametrize("kind", LABELS)
def test_scores_of_two_labelings(kind):
    rng = np.random.default_rng(0)
    true, pred = (make(rng) for make in LABELS[kind])
    first, second = da.from_array(true, chunks=(CHUNKS,)), da.from_array(pred, chunks=450)
    for name in PAIR_SCORES:
        score = getattr(metrics, name)
        expected = score(true, pred)
        for pair in ((first, second), (true, second), (first, pred)):
            np.testing.assert_array_equal(score(*pair), expected, err_msg=name)
    assert metrics.entropy(first) == metrics.entropy(true)
    assert isinstance(metrics.majority_labels(first, second), da.Array)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        metrics.rand_score(first, second[:-1])


@pytest.mark.parametrize(
    "model", [KMeans(5, init=START), MiniBatchKMeans(3, batch_size=300, random_state=0)]
)
def test_labels_go_to_a_file(model, tmp_path):
    X = blobs()
    found = clone(model).fit(chunked(X, True), labels_out=tmp_path / "labels.npy")
    expected = clone(model).fit(X)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), expected.labels_)
    assert found.inertia_ == pytest.approx(expected.inertia_, rel=1e-12)
    out = np.empty(len(X), np.int32)
    found.predict(chunked(X, False), labels_out=out)
    np.testing.assert_array_equal(out, expected.labels_)


@pytest.mark.backends("cuda_on_cpu")
@pytest.mark.parametrize("held", [False, True])
def test_chunks_on_a_device(xp, held):
    X = blobs()
    meta = xp.asarray(X[:0])
    D = da.from_array(X, chunks=(600, 4)).map_blocks(xp.asarray, meta=meta)
    expected = KMeans(5, init=START).fit(X)
    with dask.config.set(scheduler="synchronous"):  # the emulation takes one call at a time
        D = D.persist() if held else D
        found = KMeans(5, init=xp.asarray(START)).fit(D)
        assert isinstance(found.cluster_centers_, type(meta))
        centers = xp.to_host(found.cluster_centers_)
        np.testing.assert_allclose(centers, expected.cluster_centers_, rtol=1e-12)
        for i, labels in enumerate((found.labels_.blocks[0], found.predict(D).blocks[1])):
            known = expected.labels_[600 * i : 600 * (i + 1)]
            np.testing.assert_array_equal(xp.to_host(labels.compute()), known)


@pytest.mark.backends("cuda_on_cpu")
@pytest.mark.parametrize("name", ["GaussianMixture", "Birch"])
def test_other_models_of_chunks_on_a_device(xp, name):
    X, (model, names) = blobs(), ESTIMATORS[name]
    model = clone(model)
    if name == "GaussianMixture":
        model.set_params(init_params="random_from_data")  # rows are taken by their numbers
    meta = xp.asarray(X[:0])
    D = da.from_array(X, chunks=(600, 4)).map_blocks(xp.asarray, meta=meta)
    with dask.config.set(scheduler="synchronous"):
        found, expected = clone(model).fit(D.persist()), clone(model).fit(X)
        centers = names.split()[0]
        np.testing.assert_allclose(
            xp.to_host(getattr(found, centers)), getattr(expected, centers), rtol=1e-9
        )
        labels = found.predict(D).blocks[1].compute()
        np.testing.assert_array_equal(xp.to_host(labels), expected.predict(X[600:1200]))


@pytest.mark.parametrize("held", [False, True])
def test_maps_of_rows_with_missing_values(held):
    X = blobs()
    X[5, 1] = X[1500, 0] = np.nan
    A, model = chunked(X, held), SelfOrganizingMap((2, 3), max_iter=3).fit(X)
    fitted = SelfOrganizingMap((2, 3), max_iter=3).fit(A)
    np.testing.assert_allclose(fitted.cluster_centers_, model.cluster_centers_, rtol=1e-10)
    for rows in (A, Blocks([X[:900], X[900:]])):
        np.testing.assert_array_equal(here(model.predict(rows)), model.predict(X))
        np.testing.assert_allclose(here(model.transform(rows)), model.transform(X), rtol=1e-10)
        assert model.topographic_error(rows) == pytest.approx(model.topographic_error(X))
    X[7] = np.nan
    with pytest.raises(ValueError, match="NaN in all columns"):
        here(model.predict(chunked(X, held)))
    X[7] = np.inf
    with pytest.raises(ValueError, match="contains infinity"):
        here(model.predict(chunked(X, held)))
