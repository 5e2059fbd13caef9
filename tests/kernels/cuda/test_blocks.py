"""Blocks that are worked on on a GPU: as the same rows in its memory, which they need not fit.

Each test runs on the stand-in, whose copies are done as late as they may be, and on a GPU where
there is one.
"""

import numpy as np
import pytest
import sklearn

from clusterx import Blocks, KMeans, MiniBatchKMeans, k_means, kmeans_plusplus, metrics, sweep

pytestmark = pytest.mark.backends("cuda_on_cpu", "cupy")
CLOSE = {"rtol": 1e-10, "atol": 0}


def blobs(n=600, d=3, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    centers = 6 * rng.standard_normal((8, d))
    X = centers[rng.integers(0, 8, n)] + rng.standard_normal((n, d))
    if dtype == "uint8":
        X = np.clip(8 * X + 100, 0, 255)
    return X.astype(dtype)


def weights(n=600):
    w = np.random.default_rng(1).random(n)
    w[:50] = 0.0
    return w


def same_fit(gpu, found, expected):
    centers = gpu.down(found.cluster_centers_)
    assert centers.dtype == expected.cluster_centers_.dtype
    assert centers.tobytes() == gpu.down(expected.cluster_centers_).tobytes()
    np.testing.assert_array_equal(gpu.down(found.labels_), gpu.down(expected.labels_))
    np.testing.assert_allclose(found.inertia_, expected.inertia_, **CLOSE)
    assert found.n_iter_ == expected.n_iter_


# -- as in memory --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("init", "d", "dtype", "weighted"),
    [
        ("k-means++", 3, "uint8", False),
        ("k-means++", 3, "float32", True),
        ("k-means++", 20, "float64", True),
        ("random", 3, "float64", True),
        ("random", 20, "uint8", False),
        ("k-means||", 3, "float32", True),
        ("k-means||", 20, "float64", False),
        ("k-means||", 20, "uint8", True),
        ("maximin", 3, "uint8", True),
        ("maximin", 20, "float32", False),
        ("array", 3, "float64", False),
        ("array", 20, "float32", True),
    ],
)
def test_fit(gpu, init, d, dtype, weighted):
    X, w = blobs(600, d, dtype), weights() if weighted else None
    start = X[100:106].astype("float64") if init == "array" else init
    model = KMeans(6, init=start, n_init=1, random_state=0)
    expected = sklearn.clone(model).fit(gpu.up(X), sample_weight=w)
    for rows in (600, 257, 40):
        same_fit(gpu, model.fit(gpu.blocks(X, rows), sample_weight=w), expected)


@pytest.mark.parametrize("n", [1, 2, 41])
def test_blocks_of_one_row(gpu, n):
    X, k = blobs(n, 3), min(n, 3)
    expected = KMeans(k, random_state=0).fit(gpu.up(X))
    same_fit(gpu, KMeans(k, random_state=0).fit(gpu.blocks(X, 1)), expected)


def test_several_starts_and_weights_on_the_device(gpu):
    X, w = blobs(), gpu.up(weights())
    options = dict(init="random", n_init=3, random_state=3)
    expected = KMeans(5, **options).fit(gpu.up(X), sample_weight=w)
    same_fit(gpu, KMeans(5, **options).fit(gpu.blocks(X, 111), sample_weight=w), expected)


@pytest.mark.parametrize("d", [3, 20])
def test_empty_clusters_are_filled_alike(gpu, d):
    X, start = blobs(600, d), np.full((6, d), 1e3)
    start[0] = 0.0
    expected = KMeans(6, init=start).fit(gpu.up(X))
    same_fit(gpu, KMeans(6, init=start).fit(gpu.blocks(X, 111)), expected)
    assert len(np.unique(gpu.down(expected.labels_))) == 6


@pytest.mark.parametrize("weighted", [False, True])
def test_moments_of_several_blocks(gpu, monkeypatch, weighted):
    """Rounded otherwise than in memory, where there are more rows than are summarised at once."""
    monkeypatch.setattr("clusterx.rows.blocks.SUMMARY_VALUES", 300)
    X, w = 100 + blobs(), weights() if weighted else None
    whole = KMeans(6, random_state=0).fit(gpu.up(X), sample_weight=w)
    for rows in (600, 99, 7):
        B = gpu.blocks(X, rows)
        found = KMeans(6, random_state=0).fit(B, sample_weight=w)
        same_fit(gpu, found, whole)
        np.testing.assert_allclose(gpu.down(B.summary.mean), X.mean(axis=0, dtype=float), **CLOSE)
        np.testing.assert_allclose(
            gpu.down(B.summary.variance), X.var(axis=0, dtype=float), rtol=1e-9
        )
        np.testing.assert_array_equal(gpu.down(B.summary.max_abs), np.abs(X).max(axis=0))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_mini_batches(gpu, dtype, weighted):
    X, w = blobs(dtype=dtype), weights() if weighted else None
    options = dict(batch_size=100, random_state=0, max_iter=4)
    whole = MiniBatchKMeans(6, **options).fit(gpu.up(X), sample_weight=w)
    for rows in (600, 77):
        found = MiniBatchKMeans(6, **options).fit(gpu.blocks(X, rows), sample_weight=w)
        np.testing.assert_allclose(
            gpu.down(found.cluster_centers_), gpu.down(whole.cluster_centers_), **CLOSE
        )
        np.testing.assert_array_equal(gpu.down(found.labels_), gpu.down(whole.labels_))
        np.testing.assert_allclose(found.inertia_, whole.inertia_, **CLOSE)
        assert found.n_steps_ == whole.n_steps_


def test_partial_fit(gpu):
    X = blobs()
    whole, found = (MiniBatchKMeans(4, random_state=0) for _ in range(2))
    for part in (X[:300], X[300:]):
        whole.partial_fit(gpu.up(part))
        found.partial_fit(gpu.blocks(part, 77))
    np.testing.assert_allclose(
        gpu.down(found.cluster_centers_), gpu.down(whole.cluster_centers_), **CLOSE
    )


@pytest.mark.parametrize("d", [3, 20])
@pytest.mark.parametrize("rows", [600, 77])
def test_other_methods_and_functions(gpu, rows, d):
    X, w = blobs(d=d), weights()
    B, U = gpu.blocks(X, rows), gpu.up(X)
    model = KMeans(6, random_state=0).fit(U)
    np.testing.assert_array_equal(gpu.down(model.predict(B)), gpu.down(model.labels_))
    np.testing.assert_allclose(
        gpu.down(model.transform(B)), gpu.down(model.transform(U)), rtol=1e-6
    )
    np.testing.assert_allclose(model.score(B), model.score(U), **CLOSE)
    np.testing.assert_allclose(
        model.score(B, sample_weight=w), model.score(U, sample_weight=w), **CLOSE
    )
    again = KMeans(6, random_state=0)
    np.testing.assert_array_equal(gpu.down(again.fit_predict(B)), gpu.down(model.labels_))
    assert gpu.down(again.fit_transform(B)).shape == (600, 6)
    for found, expected in zip(
        kmeans_plusplus(B, 5, random_state=1), kmeans_plusplus(U, 5, random_state=1), strict=True
    ):
        np.testing.assert_array_equal(gpu.down(found), gpu.down(expected))
    found, expected = (k_means(rows, 4, random_state=0) for rows in (B, U))
    np.testing.assert_array_equal(gpu.down(found[0]), gpu.down(expected[0]))


def test_transform_in_float64(gpu):
    X = blobs(dtype="float64")
    model = KMeans(6, random_state=0).fit(gpu.up(X))
    np.testing.assert_allclose(
        gpu.down(model.transform(gpu.blocks(X, 77))), gpu.down(model.transform(gpu.up(X))), **CLOSE
    )


SCORES = (
    metrics.calinski_harabasz_score,
    metrics.davies_bouldin_score,
    metrics.simplified_silhouette_score,
)


@pytest.mark.parametrize(
    ("dtype", "pieces"), [("float32", 300), ("float64", 1 << 21), ("uint8", 300)]
)
@pytest.mark.parametrize("score", SCORES)
def test_scores(gpu, monkeypatch, score, dtype, pieces):
    monkeypatch.setattr("clusterx.metrics.centers.SUMMARY_VALUES", pieces)
    X, labels = blobs(dtype=dtype), np.random.default_rng(2).integers(0, 5, 600)
    expected = score(gpu.up(X), labels)
    for rows in (600, 77, 7):
        np.testing.assert_allclose(score(gpu.blocks(X, rows), labels), expected, **CLOSE)
        np.testing.assert_allclose(score(gpu.blocks(X, rows), gpu.up(labels)), expected, **CLOSE)


def test_scores_of_rows(gpu):
    X, labels = blobs(), np.random.default_rng(2).integers(0, 5, 600)
    of_rows = metrics.simplified_silhouette_samples
    for centers in (None, X[:5]):
        np.testing.assert_allclose(
            gpu.down(of_rows(gpu.blocks(X, 77), labels, centers=centers)),
            gpu.down(of_rows(gpu.up(X), labels, centers=centers)),
            rtol=1e-9,
        )


def test_scores_of_rows_that_coincide(gpu):
    X = np.full((60, 3), 0.1)
    X[30:] = 0.7
    labels = np.repeat([0, 1], 30)
    assert metrics.calinski_harabasz_score(gpu.blocks(X, 7), labels) == 1.0
    assert metrics.davies_bouldin_score(gpu.blocks(X, 7), labels) == 0.0


def test_silhouette_of_a_sample(gpu):
    X, labels = blobs(), np.random.default_rng(2).integers(0, 5, 600)
    options = {"sample_size": 60, "random_state": 0}
    expected = metrics.silhouette_score(gpu.up(X), labels, **options)
    found = metrics.silhouette_score(gpu.blocks(X, 77), labels, **options)
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_sweep(gpu):
    X = blobs()
    found, expected = (
        sweep(KMeans(random_state=0), rows, [2, 3], silhouette_sample_size=100, random_state=0)
        for rows in (gpu.blocks(X, 77), gpu.up(X))
    )
    for name, values in expected.scores.items():
        np.testing.assert_allclose(found.scores[name], values, **CLOSE)


def test_displays(gpu):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    from clusterx import plotting

    X = blobs(d=2)
    model = KMeans(3, random_state=0).fit(gpu.up(X))
    for display in (plotting.ClusterBoundaryDisplay, plotting.ClusterScatterDisplay):
        found, expected = (
            display.from_estimator(model, rows) for rows in (gpu.blocks(X, 77), gpu.up(X))
        )
        np.testing.assert_array_equal(found.labels, expected.labels)
    plt.close("all")


def test_a_model_moves_to_the_host(gpu):
    X = blobs()
    model = KMeans(4, random_state=0).fit(gpu.blocks(X, 77))
    moved = model.to_device("cpu")
    np.testing.assert_array_equal(moved.predict(X), gpu.down(model.labels_))
    np.testing.assert_array_equal(moved.predict(Blocks(X, block_rows=77)), moved.labels_)


# -- sources and blocks --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uneven", "callable", "memmap"])
def test_sources(gpu, tmp_path, kind):
    X = blobs()
    np.save(tmp_path / "rows.npy", X)
    source = {
        "uneven": np.split(X, [1, 2, 50, 50, 400]),
        "callable": lambda: (X[a : a + 90] for a in range(0, 600, 90)),
        "memmap": np.load(tmp_path / "rows.npy", mmap_mode="r"),
    }[kind]
    expected = KMeans(6, random_state=0).fit(gpu.up(X))
    same_fit(gpu, KMeans(6, random_state=0).fit(Blocks(source, device="cuda")), expected)


def test_blocks_that_are_kept_stay_as_they_are(gpu):
    X = blobs()
    kept = [gpu.down(block) for block in list(gpu.blocks(X, 77))]
    np.testing.assert_array_equal(np.concatenate(kept), X)


@pytest.mark.parametrize("rows", [1, 50, 77, 200, 600, 601])
def test_blocks_of_other_sizes(gpu, rows):
    X, found = blobs(), []
    for block in gpu.blocks(X, 77).of_rows(rows):
        found.append(gpu.down(block))
        assert block.shape[0] == min(rows, 600 - sum(map(len, found[:-1])))
    np.testing.assert_array_equal(np.concatenate(found), X)


def test_attributes(gpu):
    B = gpu.blocks(blobs(dtype="uint8"), 77)
    assert B.shape == (600, 3)
    assert B.dtype == np.float32
    assert str(B.device) == str(gpu.backend.device)
    assert gpu.backend.owns(B.take([5, 1]))
    assert gpu.backend.owns(B.zeros((3,)))


def test_two_passes_at_once(gpu):
    X = blobs()
    B = gpu.blocks(X, 77)
    for (block, places), other in zip(B.pieces(along=(np.arange(len(X)),)), B.walk(), strict=True):
        np.testing.assert_array_equal(gpu.down(block), X[places])
        np.testing.assert_array_equal(gpu.down(other), X[places])


def test_the_same_bits_in_two_runs(gpu):
    X = blobs(d=20)
    runs = [KMeans(6, random_state=0).fit(gpu.blocks(X, 77)) for _ in range(2)]
    assert runs[0].inertia_ == runs[1].inertia_
    for name in ("cluster_centers_", "labels_"):
        one, other = (gpu.down(getattr(model, name)).tobytes() for model in runs)
        assert one == other


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(gpu, bad):
    X = blobs()
    X[500, 1] = bad
    with pytest.raises(ValueError, match="X contains NaN or infinity"):
        KMeans(3).fit(gpu.blocks(X, 77))
    with pytest.raises(ValueError, match="X contains NaN or infinity"):
        metrics.davies_bouldin_score(gpu.blocks(X, 77), np.arange(600) % 3)


def test_a_source_that_changes(gpu):
    X, passes = blobs(), []

    def source():
        passes.append(1)
        return iter([X[:300], X[300:] if len(passes) < 4 else X[310:]])

    with pytest.raises(ValueError, match="gave 590 rows in this pass and 600 in the first"):
        KMeans(3, init=X[:3], tol=0).fit(Blocks(source, device="cuda"))


def test_an_error_in_the_middle(gpu):
    X, passes = blobs(), []

    def source():
        passes.append(1)
        yield X[:300]
        if len(passes) > 2:
            raise OSError("the disk is gone")
        yield X[300:]

    with pytest.raises(OSError, match="the disk is gone"):
        KMeans(3, init=X[:3]).fit(Blocks(source, device="cuda"))


def test_rows_elsewhere_than_the_model(gpu):
    X = blobs()
    here = KMeans(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match=r"must use the same namespace.*move the model"):
        here.predict(gpu.blocks(X, 77))
    there = KMeans(3, random_state=0).fit(gpu.up(X))
    with pytest.raises(ValueError, match=r"must use the same namespace.*move the model"):
        there.predict(Blocks(X, block_rows=77))
