"""Scores by the data alone: agreement with scikit-learn and the definitions, on each backend."""

import sys
import tracemalloc

import numpy as np
import pytest
import sklearn.metrics as peer
from scipy.sparse import coo_matrix, csr_matrix
from scipy.spatial.distance import cdist
from sklearn.datasets import load_iris, make_blobs

from clusterx import Blocks, KMeans, arrays
from clusterx.metrics import (
    calinski_harabasz_score,
    centers,
    davies_bouldin_score,
    distance_sums,
    dunn_index,
    silhouette,
    silhouette_samples,
    silhouette_score,
    simplified_silhouette_samples,
    simplified_silhouette_score,
)
from clusterx.metrics import labels as labels_module

SCORES = [
    silhouette_score,
    davies_bouldin_score,
    calinski_harabasz_score,
    dunn_index,
    simplified_silhouette_score,
]
BY_CENTERS = [davies_bouldin_score, calinski_harabasz_score, simplified_silhouette_score]
NAMES = np.array(["ape", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibex"])


def data_set(seed):
    """Ragged sizes, singletons, duplicates, noise as a cluster, one huge cluster."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 70))
    d = int(rng.integers(1, 9))
    k = int(rng.integers(2, min(n, 9)))
    X = rng.standard_normal((n, d)) * rng.choice([1e-3, 1.0, 50.0])
    labels = np.r_[np.arange(k), rng.integers(0, k, n - k)]
    if seed % 4 == 0:
        labels[k:] = 0  # a huge cluster and singletons
    X += 3 * rng.standard_normal((k, d))[labels]
    if seed % 3 == 0:  # every other row is a row again, of the same or another cluster
        X[1::2] = X[: n - 1 : 2][: len(X[1::2])]
    labels = rng.permutation(labels) if seed % 5 else labels
    if seed % 2:
        return X, labels - 1
    return X, NAMES[labels] if seed % 6 == 0 else labels * 7


def exact_silhouettes(X, labels):
    """scikit-learn's on exact distances: its own come from a product, which loses small ones."""
    return peer.silhouette_samples(cdist(X, X), labels, metric="precomputed")


def exact_davies_bouldin(X, labels):
    """scikit-learn's, on exact distances too: to its product, a row is at 1e-8 from itself."""
    with pytest.MonkeyPatch.context() as patch:
        module = sys.modules[peer.davies_bouldin_score.__module__]
        patch.setattr(
            module, "pairwise_distances", lambda X, Y=None: cdist(X, X if Y is None else Y)
        )
        return peer.davies_bouldin_score(X, labels)


def dunn(D, labels):
    same = labels[:, None] == labels[None, :]
    least, most = D[~same].min(), D[same].max()
    return least / most if most else (np.inf if least else 0.0)


def simplified(X, labels, C, places):
    D = cdist(X, C)
    at = np.arange(len(X))
    a = D[at, places].copy()
    D[at, places] = np.inf
    b = D.min(axis=1)
    most = np.maximum(a, b)
    s = (b - a) / np.where(most > 0, most, 1)
    s[np.bincount(places)[places] == 1] = 0
    return s


@pytest.mark.parametrize("batch", range(4))
def test_two_hundred_data_sets(xp, batch):
    size = 50 if xp.name == "numpy" else 12
    for seed in range(50 * batch, 50 * batch + size):
        X, labels = data_set(seed)
        given = xp.asarray(X)
        own = labels if labels.dtype.kind == "U" else xp.asarray(labels)
        expected = exact_silhouettes(X, labels)
        found = silhouette_samples(given, own)
        assert xp.owns(found)
        np.testing.assert_allclose(xp.to_host(found), expected, rtol=0, atol=1e-10)
        score = silhouette_score(given, own)
        assert isinstance(score, float)
        assert score == pytest.approx(expected.mean(), rel=0, abs=1e-10)
        davies, calinski = davies_bouldin_score(given, own), calinski_harabasz_score(given, own)
        assert isinstance(davies, float)
        assert davies == pytest.approx(exact_davies_bouldin(X, labels), rel=1e-10)
        assert isinstance(calinski, float)
        assert calinski == pytest.approx(peer.calinski_harabasz_score(X, labels), rel=1e-10)
        index = dunn_index(given, own)
        assert isinstance(index, float)
        assert index == pytest.approx(dunn(cdist(X, X), labels), rel=1e-10)
        classes, places = np.unique(labels, return_inverse=True)
        C = np.array([X[places == c].mean(axis=0) for c in range(len(classes))])
        simple = simplified_silhouette_samples(given, own)
        assert xp.owns(simple)
        np.testing.assert_allclose(
            xp.to_host(simple), simplified(X, labels, C, places), rtol=0, atol=1e-9
        )


@pytest.mark.parametrize(
    ("dtype", "d"),
    [("float32", 2), ("float32", 30), ("float64", 30), ("int64", 2), ("uint8", 30), ("uint8", 2)],
)
def test_dtypes(xp, dtype, d):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 6, 400)
    X = (20 * rng.random((6, d))[labels] + 60 * rng.random((400, d))).astype(dtype)
    wide = X.astype(np.float64)
    given, own = xp.asarray(X), xp.asarray(labels)
    expected = peer.silhouette_samples(wide, labels)
    found = xp.to_host(silhouette_samples(given, own))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    for score in (davies_bouldin_score, calinski_harabasz_score):
        reference = getattr(peer, score.__name__)(wide, labels)
        assert score(given, own) == pytest.approx(reference, rel=1e-10)


def test_float32_products_are_near_float64():
    X, labels = make_blobs(3000, 40, centers=5, cluster_std=8.0, random_state=0)
    X = X.astype(np.float32)
    expected = exact_silhouettes(X.astype(np.float64), labels)
    np.testing.assert_allclose(silhouette_samples(X, labels), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("k", [2, 40, 399])
def test_tables_of_many_clusters_are_cut(xp, monkeypatch, k):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.r_[np.arange(k), rng.integers(0, k, 400 - k)])
    X = rng.standard_normal((400, 5))
    expected = exact_silhouettes(X, labels)
    monkeypatch.setattr(distance_sums, "TABLE", 2000)
    monkeypatch.setattr(silhouette, "TILE", 1000)
    monkeypatch.setattr(centers, "TILE", 100)
    given, own = xp.asarray(X), xp.asarray(labels)
    found = xp.to_host(silhouette_samples(given, own))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    davies = exact_davies_bouldin(X, labels)
    assert davies_bouldin_score(given, own) == pytest.approx(davies, rel=1e-10)


@pytest.mark.parametrize(
    "metric", ["euclidean", "l2", "manhattan", "l1", "cityblock", "chebyshev", "sqeuclidean",
               "cosine", "canberra", "correlation", "braycurtis", "seuclidean"],
)  # fmt: skip
def test_metrics(metric):
    X, labels = data_set(31)
    X = np.abs(X)
    X[3] = X[4]
    expected = peer.silhouette_samples(X, labels, metric=metric)
    np.testing.assert_allclose(
        silhouette_samples(X, labels, metric=metric), expected, rtol=0, atol=1e-7
    )
    D = peer.pairwise_distances(X, metric=metric)
    np.fill_diagonal(D, 0)
    assert dunn_index(X, labels, metric=metric) == pytest.approx(dunn(D, labels), abs=1e-7)


@pytest.mark.smoke
@pytest.mark.parametrize("metric", distance_sums.DEVICE_METRICS)
def test_metrics_on_every_library(xp, metric):
    for zero_rows in (0, 3):
        X, labels = make_blobs(90, 4, centers=3, random_state=1)
        X[:zero_rows] = 0
        X[5] = X[6] * (2 if metric == "cosine" else 1)
        if metric == "precomputed":
            given, expected = (
                cdist(X, X, "canberra"),
                peer.silhouette_samples(X, labels, metric="canberra"),
            )
        else:
            given, expected = X, peer.silhouette_samples(X, labels, metric=metric)
        found = silhouette_samples(xp.asarray(given), xp.asarray(labels), metric=metric)
        assert xp.owns(found)
        # scikit-learn's product loses digits of the distances of equal rows
        atol = 1e-7 if metric in ("euclidean", "l2", "cosine") else 1e-10
        np.testing.assert_allclose(xp.to_host(found), expected, rtol=0, atol=atol)


def test_cosine_of_close_directions():
    rng = np.random.default_rng(0)
    X = 1 + 1e-5 * rng.standard_normal((60, 5))
    labels = rng.integers(0, 3, 60)
    U = X / np.linalg.norm(X, axis=1)[:, None]
    expected = peer.silhouette_samples(cdist(U, U, "sqeuclidean") / 2, labels, metric="precomputed")
    found = silhouette_samples(X * rng.uniform(1e-9, 1e9, (60, 1)), labels, metric="cosine")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_options_go_to_the_distance():
    X, labels = data_set(7)
    for kwds in ({"metric": "minkowski", "p": 3}, {"metric": cdist_one, "power": 3}):
        mine = silhouette_samples(X, labels, **kwds)
        np.testing.assert_allclose(
            mine, peer.silhouette_samples(X, labels, **kwds), rtol=0, atol=1e-10
        )
    assert silhouette_score(X, labels, n_jobs=1) == silhouette_score(X, labels)


def cdist_one(a, b, power):
    return (np.abs(a - b) ** power).sum() ** (1 / power)


def test_chunks_of_other_metrics():
    from sklearn import config_context

    X, labels = make_blobs(300, 3, centers=4, random_state=0)
    expected = peer.silhouette_samples(X, labels, metric="canberra")
    index = dunn(cdist(X, X, "canberra"), labels)
    with config_context(working_memory=0.1):
        found = silhouette_samples(X, labels, metric="canberra")
        assert dunn_index(X, labels, metric="canberra") == pytest.approx(index, rel=1e-12)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("most", [distance_sums.DENSE, 0])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_sparse_rows(monkeypatch, most, metric):
    monkeypatch.setattr(distance_sums, "DENSE", most)
    X, labels = data_set(11)
    X[np.abs(X) < 1] = 0
    X = csr_matrix(X.astype(np.float32))
    if metric == "cosine":
        X = X[np.diff(X.indptr) > 0]
        labels = labels[: X.shape[0]]
    expected = peer.silhouette_samples(X.toarray().astype(np.float64), labels, metric=metric)
    found = silhouette_samples(coo_matrix(X), labels, metric=metric)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("score", [*SCORES, dunn_index])
def test_sparse_rows_with_an_offset(monkeypatch, score):
    """Unix seconds beside categories: squares of 1e18 less squares of 1e18."""
    monkeypatch.setattr(distance_sums, "DENSE", 0)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120)
    X = np.c_[1.7e9 + 30 * labels + rng.uniform(0, 15, 120), np.eye(9)[rng.integers(0, 9, 120)]]
    assert score(csr_matrix(X), labels) == pytest.approx(score(X, labels), rel=1e-10)


def test_sparse_distances():
    X, labels = data_set(13)
    D = cdist(X, X)
    D[D > np.median(D)] = 0
    expected = peer.silhouette_samples(csr_matrix(D), labels, metric="precomputed")
    found = silhouette_samples(csr_matrix(D), labels, metric="precomputed")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    with pytest.raises(TypeError, match="toarray"):
        dunn_index(csr_matrix(D), labels, metric="precomputed")


def test_a_sample_is_the_one_scikit_learn_draws(xp):
    X, labels = load_iris(return_X_y=True)
    given, own = xp.asarray(X), xp.asarray(labels)
    for seed in range(4):
        options = {"sample_size": 60, "random_state": seed}
        expected = peer.silhouette_score(X, labels, **options)
        assert silhouette_score(given, own, **options) == pytest.approx(expected, abs=1e-8)
        D = cdist(X, X, "cityblock")
        expected = peer.silhouette_score(D, labels, metric="precomputed", **options)
        found = silhouette_score(xp.asarray(D), own, metric="precomputed", **options)
        assert found == pytest.approx(expected, abs=1e-12)
    words = NAMES[labels]
    assert silhouette_score(given, words, **options) == silhouette_score(given, own, **options)


def test_a_sample_of_blocks():
    X, labels = load_iris(return_X_y=True)
    options = {"sample_size": 60, "random_state": 0}
    whole = silhouette_score(X, labels, **options)
    assert silhouette_score(Blocks(X, block_rows=40), labels, **options) == whole
    with pytest.raises(TypeError, match="sample_size"):
        silhouette_samples(Blocks(X), labels)
    with pytest.raises(TypeError, match="simplified_silhouette_score"):
        dunn_index(Blocks(X), labels)


@pytest.mark.parametrize("score", BY_CENTERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_do_not_change_the_bits(monkeypatch, score, dtype):
    monkeypatch.setattr(centers, "SUMMARY_VALUES", 500)
    monkeypatch.setattr("clusterx.kernels.reductions.cpu.segments.SUMMARY_VALUES", 500)
    X, labels = make_blobs(1000, 6, centers=4, random_state=0)
    X = X.astype(dtype)
    whole = score(X, labels)
    for block_rows in (1000, 333, 7):
        assert score(Blocks(X, block_rows=block_rows), labels) == whole
    assert score(Blocks([X[:400], X[400:]]), labels.tolist()) == whole


@pytest.mark.parametrize("score", BY_CENTERS)
def test_files_are_read_in_blocks(monkeypatch, tmp_path, score):
    monkeypatch.setattr("clusterx.rows.mapped.SMALL", 1)
    monkeypatch.setattr("clusterx.rows.mapped.available_memory", lambda: 0)
    X, labels = make_blobs(500, 3, centers=4, random_state=0)
    file = np.memmap(tmp_path / "rows", X.dtype, "w+", shape=X.shape)
    file[:] = X
    assert score(file, labels) == score(X, labels)


@pytest.mark.parametrize("score", SCORES)
def test_threads_do_not_change_the_bits(monkeypatch, score):
    X, labels = make_blobs(2500, 12, centers=4, random_state=0)
    found = set()
    for threads in ("1", "2"):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        found.add((score(X, labels), score(X.astype(np.float32), labels)))
    assert len(found) == 1


@pytest.mark.smoke
@pytest.mark.parametrize("score", SCORES)
def test_labels_may_live_elsewhere(xp, score):
    X, labels = load_iris(return_X_y=True)
    expected = score(X, labels)
    assert score(xp.asarray(X), labels.tolist()) == pytest.approx(expected, rel=1e-10)
    assert score(xp.asarray(X), NAMES[labels]) == pytest.approx(expected, rel=1e-10)
    assert score(X, xp.asarray(labels)) == expected


def test_figures_of_a_book():
    """Blobs whose inertia and silhouette "Hands-on Machine Learning" prints, chapter 9."""
    middles = np.array([[0.2, 2.3], [-1.5, 2.3], [-2.8, 1.8], [-2.8, 2.8], [-2.8, 1.3]])
    X, _ = make_blobs(
        2000, centers=middles, cluster_std=np.array([0.4, 0.3, 0.1, 0.1, 0.1]), random_state=7
    )
    start = np.array([[-3, 3], [-3, 2], [-3, 1], [-1, 2], [0, 2]])
    best = KMeans(5, init=start, n_init=1, random_state=42).fit(X)
    assert best.inertia_ == pytest.approx(211.59853725816868, rel=1e-13)
    assert silhouette_score(X, best.labels_) == pytest.approx(0.655517642572828, rel=1e-13)
    for k, inertia in ((3, 653.2167190021551), (8, 127.1314188046183)):
        model = KMeans(k, random_state=42).fit(X)
        assert model.inertia_ == pytest.approx(inertia, rel=1e-13)


@pytest.mark.smoke
def test_by_hand(xp):
    X = xp.asarray(np.array([[0.0], [1.0], [5.0], [7.0], [7.0]]))
    labels = [0, 0, 1, 2, 2]
    found = xp.to_host(silhouette_samples(X, labels))
    np.testing.assert_allclose(found, [0.8, 0.75, 0, 1, 1], rtol=1e-14)
    assert dunn_index(X, labels) == pytest.approx(2)
    found = xp.to_host(simplified_silhouette_samples(X, labels))
    np.testing.assert_allclose(found, [0.9, 0.875, 0, 1, 1], rtol=1e-14)
    assert davies_bouldin_score(X, labels) == pytest.approx((1 / 9 + 1 / 9 + 1 / 13) / 3)


def test_rows_that_coincide(xp):
    same = xp.asarray(np.full((6, 2), 0.1))
    labels = [0, 0, 0, 1, 1, 1]
    assert (xp.to_host(silhouette_samples(same, labels)) == 0).all()
    assert davies_bouldin_score(same, labels) == 0
    assert dunn_index(same, labels) == 0
    pairs = xp.asarray(np.array([[0.0, 0], [0, 0], [1, 1], [1, 1]]))
    assert calinski_harabasz_score(pairs, [0, 0, 1, 1]) == 1
    assert davies_bouldin_score(pairs, [0, 0, 1, 1]) == 0
    assert dunn_index(pairs, [0, 0, 1, 1]) == np.inf
    crossed = xp.asarray(np.array([[-1.0, -1], [1, 1]] * 4))
    assert calinski_harabasz_score(crossed, [0, 0, 0, 0, 1, 1, 1, 1]) == 0
    assert davies_bouldin_score(crossed, [0, 0, 0, 0, 1, 1, 1, 1]) == 0


@pytest.mark.parametrize("factor", [1e-40, 1e60])
@pytest.mark.parametrize("score", SCORES)
def test_scale_does_not_matter(score, factor):
    X, labels = load_iris(return_X_y=True)
    assert score(X * factor, labels) == pytest.approx(score(X, labels), rel=1e-9)


def test_given_centers(xp):
    X, _ = make_blobs(200, 3, centers=4, random_state=0)
    model = KMeans(5, random_state=0, max_iter=2).fit(X)
    C = model.cluster_centers_
    expected = simplified(X, model.labels_, C, model.labels_)
    given = xp.asarray(X), xp.asarray(model.labels_)
    found = simplified_silhouette_samples(*given, centers=xp.asarray(C))
    np.testing.assert_allclose(xp.to_host(found), expected, rtol=0, atol=1e-12)
    score = simplified_silhouette_score(*given, centers=C.tolist())
    assert score == pytest.approx(expected.mean(), abs=1e-12)
    some = xp.asarray(X[model.labels_ != 1]), xp.asarray(model.labels_[model.labels_ != 1])
    found = simplified_silhouette_samples(*some, centers=C)  # nothing is left of cluster 1
    assert found.shape[0] == np.count_nonzero(model.labels_ != 1)


def test_wrong_centers():
    X, labels = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"centers must have shape \(k, 4\)"):
        simplified_silhouette_score(X, labels, centers=np.zeros((3, 3)))
    with pytest.raises(ValueError, match="whole numbers from 0 to 1"):
        simplified_silhouette_score(X, labels, centers=np.zeros((2, 4)))
    with pytest.raises(ValueError, match="noise"):
        simplified_silhouette_score(X, labels - 1, centers=np.zeros((3, 4)))
    with pytest.raises(ValueError, match="whole numbers"):
        simplified_silhouette_score(X, NAMES[labels], centers=np.zeros((3, 4)))
    with pytest.raises(ValueError, match="centers contains NaN"):
        simplified_silhouette_score(X, labels, centers=np.full((3, 4), np.nan))


def test_numbers_of_labels(xp):
    X = xp.asarray(np.arange(12.0).reshape(6, 2))
    for score in (*SCORES, silhouette_samples, simplified_silhouette_samples):
        for labels, k in ((np.zeros(6, int), 1), (np.arange(6), 6)):
            message = (
                rf"Number of labels is {k}\. Valid values are 2 to n_samples - 1 \(inclusive\)"
            )
            with pytest.raises(ValueError, match=message):
                score(X, xp.asarray(labels))


@pytest.mark.smoke
@pytest.mark.parametrize("score", [*SCORES, silhouette_samples, simplified_silhouette_samples])
def test_wrong_input(xp, score):
    X = np.arange(12.0).reshape(6, 2)
    labels = [0, 0, 0, 1, 1, 1]
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[6, 5\]"):
        score(xp.asarray(X), labels[:5])
    with pytest.raises(ValueError, match="labels must be 1D"):
        score(xp.asarray(X), xp.asarray(np.zeros((6, 1), int)))
    with pytest.raises(ValueError, match="labels contains NaN"):
        score(xp.asarray(X), [0.0, 0, 0, 1, 1, np.nan])
    with pytest.raises(ValueError, match="Expected 2D array"):
        score(xp.asarray(X[:, 0]), labels)
    for wrong in (np.nan, np.inf, -np.inf):
        bad = X.copy()
        bad[3, 1] = wrong
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
            score(xp.asarray(bad), labels)
    with pytest.raises(ValueError, match="too large"):
        score(xp.asarray(X * 1e200), labels)
    with pytest.raises(ValueError, match="Complex data not supported"):
        score(xp.asarray(X + 1j), labels)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("score", "labels_there"), [*((score, True) for score in SCORES), (silhouette_score, False)]
)
def test_sizes_of_clusters_are_the_most_that_is_read(xp, monkeypatch, score, labels_there):
    X, labels = make_blobs(400, 3, centers=4, random_state=0)
    expected = score(X, labels)
    read = []

    def counted(values):
        if not arrays.on_host(values):
            read.append(int(np.prod(values.shape)))
        return to_host(values)

    to_host = arrays.to_host
    for module in (arrays, labels_module):
        monkeypatch.setattr(module, "to_host", counted)
    found = score(xp.asarray(X), xp.asarray(labels) if labels_there else labels)
    assert found == pytest.approx(expected, rel=1e-9)
    assert max(read, default=0) <= 4
    assert read or xp.name == "numpy"


@pytest.mark.parametrize("score", BY_CENTERS)
def test_wrong_blocks(score):
    X = np.arange(12.0).reshape(6, 2)
    labels = [0, 0, 0, 1, 1, 1]
    for wrong, message in ((np.nan, "contains NaN or infinity"), (1e200, "too large")):
        bad = X.copy()
        bad[3, 1] = wrong
        with pytest.raises(ValueError, match=message):
            score(Blocks(bad, block_rows=2), labels)


def test_wrong_distances(xp):
    D = cdist(*[np.arange(12.0).reshape(6, 2)] * 2)
    labels = [0, 0, 0, 1, 1, 1]

    def refuses(values, message):
        for score in (silhouette_score, dunn_index):
            with pytest.raises(ValueError, match=message):
                score(xp.asarray(values), labels, metric="precomputed")

    refuses(D + 1e-6 * np.eye(6), "contains non-zero elements on the diagonal")
    refuses(np.eye(6, dtype=int), r"non-zero elements on the diagonal.*fill_diagonal")
    refuses(D[:, :4], r"Precomputed metric requires shape.*got \(6, 4\)")
    refuses(-D, "Negative values in data")
    D[2, 4] = np.nan
    refuses(D, "contains NaN or infinity")


def test_wrong_parameters(xp):
    X, labels = xp.asarray(np.arange(12.0).reshape(6, 2)), [0, 0, 0, 1, 1, 1]
    for size in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="'sample_size' parameter of silhouette_score"):
            silhouette_score(X, labels, sample_size=size)
    for score in (silhouette_samples, silhouette_score, dunn_index):
        with pytest.raises(TypeError, match=r"'metric' parameter of .* a name or a callable"):
            score(X, labels, metric=3)
        with pytest.raises(ValueError, match="'metric' parameter"):
            score(X, labels, metric="euclidian")
    if xp.name == "numpy":
        return
    for kwds in ({"metric": "canberra"}, {"metric": cdist_one}, {"squared": True}):
        with pytest.raises(ValueError, match="for X on a device, without options"):
            silhouette_score(X, labels, **kwds)
    with pytest.raises(ValueError, match="move X to the host"):
        dunn_index(X, labels, metric="cosine")


def test_memory_does_not_grow_with_pairs():
    n = 5000
    X, labels = make_blobs(n, 20, centers=4, random_state=0)
    D = cdist(X[:2500], X[:2500])
    for run, most in (
        (lambda: silhouette_score(X, labels), n * n * 8 / 3),
        (lambda: dunn_index(X, labels), n * n * 8 / 3),
        (lambda: silhouette_score(D, labels[:2500], metric="precomputed"), D.nbytes / 8),
    ):
        run()
        tracemalloc.start()
        run()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most


@pytest.mark.parametrize("d", [3, 20])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_that_all_coincide(xp, dtype, d):
    rng = np.random.default_rng(d)
    labels = np.array([0] * 7 + [1] * 11 + [2] * 5 + [3])
    for row in (rng.random(d), 1e8 + rng.random(d), 1e-30 * rng.random(d)):
        X = xp.asarray(np.tile(row.astype(dtype), (len(labels), 1)))
        for metric in ("euclidean", "sqeuclidean", "cosine", "manhattan"):
            found = xp.to_host(silhouette_samples(X, labels, metric=metric))
            assert (found == 0).all(), metric
        assert (xp.to_host(simplified_silhouette_samples(X, labels)) == 0).all()
        assert calinski_harabasz_score(X, labels) == 1.0
        assert davies_bouldin_score(X, labels) == 0.0
        assert dunn_index(X, labels) == 0.0


@pytest.mark.parametrize("offset", [0.1, 1e8])
def test_clusters_without_extent(xp, offset):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), (7, 11, 5, 3))
    host = (rng.random((4, 6)) + offset)[labels]
    X = xp.asarray(host)
    assert calinski_harabasz_score(X, labels) == 1.0
    assert (xp.to_host(simplified_silhouette_samples(X, labels)) == 1).all()
    for metric in ("euclidean", "sqeuclidean"):
        assert (xp.to_host(silhouette_samples(X, labels, metric=metric)) == 1).all()
    assert calinski_harabasz_score(Blocks([host[:9], host[9:]]), labels) == 1.0


@pytest.mark.parametrize("score", SCORES)
def test_masked_rows_and_dates_are_refused(score):
    X, labels = np.arange(12.0).reshape(6, 2), [0, 0, 0, 1, 1, 1]
    with pytest.raises(ValueError, match=f"X of {score.__name__} is a masked array"):
        score(np.ma.masked_greater(X, 8), labels)
    assert np.isfinite(score(np.ma.masked_greater(X, 99), labels))
    with pytest.raises(TypeError, match=f"{score.__name__} must hold real numbers"):
        score(X.astype("datetime64[s]"), labels)
