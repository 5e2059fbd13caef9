"""Sweeps over the number of clusters: what they compute, what the criteria choose, scorers."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import sklearn.cluster
import sklearn.metrics
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import kneighbors_graph
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clusterx import AgglomerativeClustering, Blocks, KMeans, MiniBatchKMeans, metrics
from clusterx import GaussianMixture as OwnMixture
from clusterx.rows import InMemory
from clusterx.selection import (
    SweepResult,
    calinski_harabasz_scorer,
    davies_bouldin_scorer,
    silhouette_scorer,
    sweep,
)
from clusterx.selection.gap import principal_axes, reference_rows, within_squares

CENTERS = np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [9.0, 9.0, 9.0]])


@pytest.fixture(scope="module")
def blobs():
    X, _ = make_blobs(240, centers=CENTERS, random_state=3)
    return X


def made(scores, ks=None):
    """A result with given scores."""
    n = len(next(iter(scores.values())))
    ks = tuple(range(2, 2 + n)) if ks is None else ks
    arrays = {name: np.asarray(values, np.float64) for name, values in scores.items()}
    models = tuple(KMeans(k) for k in ks)
    return SweepResult(ks, arrays, models, np.zeros(n), 100, 100, tuple(np.zeros(1) for _ in ks))


# -- what is computed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "d"),
    [(200, 2), (5000, 3), (500, 20), (4500, 160)],
    ids=["plain", "tree", "few", "screen"],
)
@pytest.mark.parametrize(
    "model",
    [
        KMeans(random_state=0),
        KMeans(random_state=0, init="random", n_init=3),
        KMeans(random_state=np.random.RandomState(7), metric="cosine"),
        MiniBatchKMeans(random_state=0),
    ],
    ids=["one start", "three starts", "cosine", "mini-batch"],
)
def test_models_are_those_of_separate_fits(model, n, d):
    X, _ = make_blobs(n, d, centers=6, random_state=1)
    result = sweep(model, X, [1, 2, 5, 6, 9], metrics="inertia")
    for k, swept in zip(result.n_clusters, result.estimators, strict=True):
        alone = clone(model).set_params(n_clusters=k).fit(X)
        np.testing.assert_array_equal(swept.labels_, alone.labels_)
        np.testing.assert_array_equal(result.labels(k), alone.labels_)
        np.testing.assert_array_equal(swept.cluster_centers_, alone.cluster_centers_)
        assert swept.inertia_ == alone.inertia_
        assert swept.n_iter_ == alone.n_iter_
    assert not hasattr(model, "labels_")


def test_rows_are_prepared_once(blobs, monkeypatch):
    from clusterx.kernels.kmeans.cpu import plain as plain_step

    prepared = []
    plain = plain_step.PlainStep.__init__

    def counting(self, X, w, grid):
        prepared.append(X.shape)
        plain(self, X, w, grid)

    monkeypatch.setattr(plain_step.PlainStep, "__init__", counting)
    weights = np.linspace(1, 2, len(blobs))
    for w in (None, weights):
        prepared.clear()
        sweep(KMeans(random_state=0), blobs, range(2, 9), metrics="inertia", sample_weight=w)
        assert prepared == [blobs.shape]


def test_rows_are_prepared_anew_where_a_tree_pays():
    """Once for each kind of step, and never for a number of centres alone."""
    from clusterx.centroid.steps import lloyd_step
    from clusterx.kernels.kmeans.cpu.plain import TREE_WORK, PlainStep
    from clusterx.kernels.kmeans.cpu.tree import TreeStep

    rows = InMemory(np.random.default_rng(0).random((5000, 2)))
    few, many = TREE_WORK // 5000, TREE_WORK // 5000 + 1
    plain = lloyd_step(rows, None, 5000.0, 2)
    assert type(plain) is PlainStep
    assert lloyd_step(rows, None, 5000.0, few) is plain
    assert lloyd_step(rows, None, 5000.0) is plain
    tree = lloyd_step(rows, None, 5000.0, many)
    assert type(tree) is TreeStep
    assert lloyd_step(rows, None, 5000.0, 2) is tree


@pytest.mark.smoke
def test_on_every_backend(xp, blobs):
    X = xp.asarray(blobs)
    names = ("inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "gap")
    result = sweep(KMeans(random_state=0), X, range(1, 7), metrics=names, n_refs=3, random_state=0)
    for model in result.estimators:
        assert xp.owns(model.cluster_centers_)
        assert xp.owns(model.labels_)
    assert xp.owns(result.labels(3))
    host = sweep(
        KMeans(random_state=0), blobs, range(1, 7), metrics=names, n_refs=3, random_state=0
    )
    for name, values in result.scores.items():
        assert type(values) is np.ndarray
        assert values.dtype == np.float64
        np.testing.assert_allclose(values, host.scores[name], rtol=1e-6, atol=1e-9, err_msg=name)
    assert result.best("silhouette") == result.best("gap") == 4
    assert result.best("elbow") == host.best("elbow")


def test_scores_are_those_of_the_metrics(blobs):
    result = sweep(KMeans(random_state=0), blobs, [1, 2, 4, 7])
    assert list(result.scores) == ["inertia", "silhouette", "calinski_harabasz", "davies_bouldin"]
    for i, model in enumerate(result.estimators):
        assert result.scores["inertia"][i] == model.inertia_
        for name in ("silhouette", "calinski_harabasz", "davies_bouldin"):
            found = result.scores[name][i]
            if i == 0:
                assert np.isnan(found)
            else:
                expected = getattr(sklearn.metrics, f"{name}_score")(blobs, model.labels_)
                assert found == pytest.approx(expected, rel=1e-10)


def test_silhouette_follows_the_metric_of_the_model(blobs):
    X = blobs + 1.0
    result = sweep(KMeans(random_state=0, metric="cosine"), X, [3], metrics="silhouette")
    expected = sklearn.metrics.silhouette_score(X, result.labels(3), metric="cosine")
    assert result.scores["silhouette"][0] == pytest.approx(expected)
    # as many clusters as rows
    assert np.isnan(sweep(KMeans(), X[:4], [4], metrics="silhouette").scores["silhouette"][0])


def test_silhouette_of_a_sample(blobs):
    result = sweep(
        KMeans(random_state=0), blobs, [3, 4], silhouette_sample_size=100, random_state=5
    )
    rows = np.sort(np.random.RandomState(5).permutation(len(blobs))[:100])
    for i, k in enumerate((3, 4)):
        expected = sklearn.metrics.silhouette_score(blobs[rows], result.labels(k)[rows])
        assert result.scores["silhouette"][i] == pytest.approx(expected)
    assert (result.silhouette_samples, result.n_samples) == (100, 240)
    assert "silhouette over 100 sampled rows" in repr(result)
    whole = sweep(KMeans(random_state=0), blobs, [3], silhouette_sample_size=None)
    assert whole.silhouette_samples == 240
    assert "drawn" not in repr(whole)


def test_sample_weight_counts(blobs):
    counts = np.random.RandomState(0).randint(1, 4, len(blobs))
    init = blobs[:3]
    model = KMeans(init=init, tol=0)
    weighted = sweep(model, blobs, [3], metrics="inertia", sample_weight=counts)
    repeated = sweep(model, np.repeat(blobs, counts, axis=0), [3], metrics="inertia")
    assert weighted.scores["inertia"][0] == pytest.approx(repeated.scores["inertia"][0])


def test_frames_blocks_and_sparse(blobs):
    import pandas as pd
    import scipy.sparse

    expected = sweep(KMeans(random_state=0), blobs, [3, 4])
    frame = pd.DataFrame(blobs, columns=["a", "b", "c"])
    framed = sweep(KMeans(random_state=0), frame, [3, 4])
    assert list(framed.estimators[1].feature_names_in_) == ["a", "b", "c"]
    framed.estimators[1].predict(frame)  # no warning of missing names
    blocks = Blocks(blobs, block_rows=50)
    blocked = sweep(KMeans(random_state=0), blocks, [3, 4])
    assert list(blocked.scores) == list(expected.scores)
    sparse = sweep(KMeans(random_state=0), scipy.sparse.csr_array(blobs), [3, 4])
    for other in (framed, blocked, sparse):
        for name in other.scores:
            np.testing.assert_allclose(other.scores[name], expected.scores[name], rtol=1e-12)
        np.testing.assert_array_equal(other.labels(4), expected.labels(4))
    wide = np.pad(blobs, ((0, 0), (0, 9)))
    sparse = sweep(KMeans(random_state=0), scipy.sparse.csr_array(wide), [3, 4])
    assert list(sparse.scores) == list(expected.scores)
    for name in sparse.scores:
        np.testing.assert_allclose(sparse.scores[name], expected.scores[name], rtol=1e-10)
    drawn = {"silhouette_sample_size": 50, "random_state": 0, "metrics": "silhouette"}
    both = (
        sweep(KMeans(random_state=0), X, [3], **drawn) for X in (wide, scipy.sparse.csr_array(wide))
    )
    dense, found = (result.scores["silhouette"] for result in both)
    np.testing.assert_allclose(found, dense, rtol=1e-12)


def test_scikit_learns_estimators(blobs):
    by_links = sweep(sklearn.cluster.AgglomerativeClustering(), blobs, range(1, 7))
    assert by_links.best("silhouette") == 4
    for k, inertia in zip(by_links.n_clusters, by_links.scores["inertia"], strict=True):
        labels = by_links.labels(k)
        parts = [blobs[labels == i] for i in range(k)]
        assert inertia == pytest.approx(sum(((p - p.mean(0)) ** 2).sum() for p in parts))
    assert (
        sweep(sklearn.cluster.KMeans(n_init=1), blobs.tolist(), [2]).estimators[0].n_clusters == 2
    )


def test_mixtures(blobs):
    result = sweep(GaussianMixture(random_state=0), blobs, range(1, 7))
    assert list(result.scores)[-2:] == ["bic", "aic"]
    assert [model.n_components for model in result.estimators] == [1, 2, 3, 4, 5, 6]
    assert result.best("bic") == 4
    assert result.scores["bic"][2] == result.estimators[2].bic(blobs)
    np.testing.assert_array_equal(result.labels(4), result.best_estimator("bic").predict(blobs))


def test_precomputed_distances(blobs):
    D = sklearn.metrics.pairwise_distances(blobs)
    model = sklearn.cluster.AgglomerativeClustering(metric="precomputed", linkage="average")
    result = sweep(model, D, range(2, 6), silhouette_sample_size=50)
    assert list(result.scores) == ["silhouette"]
    assert result.best() == 4
    with pytest.raises(
        ValueError, match="'inertia', which needs columns, but X contains distances"
    ):
        sweep(model, D, [2], metrics="inertia")


def test_any_parameter_can_be_swept(blobs):
    class Odd(KMeans):
        def __init__(self, groups=2):
            super().__init__()
            self.groups = groups

        def fit(self, X):
            self.labels_ = KMeans(self.groups, random_state=0).fit(X).labels_
            return self

    result = sweep(Odd(), blobs, [2, 4], parameter="groups", metrics=["silhouette"])
    assert result.best() == 4
    with pytest.raises(ValueError, match="Odd has no parameter 'n_clusters' or 'n_components'"):
        sweep(Odd(), blobs)


def test_order_and_repeats_do_not_matter(blobs):
    result = sweep(KMeans(random_state=0), blobs, [5, np.int64(2), 5, 3], metrics="inertia")
    assert result.n_clusters == (2, 3, 5)
    assert [model.n_clusters for model in result.estimators] == [2, 3, 5]
    assert all(type(k) is int for k in result.n_clusters)


def test_elbow_of_four_corners():
    corners = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 9.0]])
    X, _ = make_blobs(100, centers=corners, random_state=0)
    result = sweep(KMeans(random_state=0), X, range(2, 9), metrics=["inertia"])
    assert list(result.scores) == ["inertia"]
    assert result.best("elbow") == 4


# -- the gap -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", ["pca", "box"])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_gap_finds_the_number_of_blobs(k, reference):
    centers = np.array([[0.0, 0.0], [12.0, 2.0], [3.0, 14.0], [20.0, 18.0]])[:k]
    X, _ = make_blobs(200, centers=centers, random_state=k)
    result = sweep(
        KMeans(random_state=0, n_init=3), X, range(1, 8), metrics="gap", n_refs=20,
        reference=reference, random_state=0,
    )  # fmt: skip
    assert result.best("gap") == k
    assert set(result.scores) == {"inertia", "gap", "gap_error"}


def test_gap_is_that_of_its_definition(blobs):
    model = KMeans(random_state=0)
    result = sweep(model, blobs, [2, 4], metrics="gap", n_refs=4, reference="box", random_state=9)
    rng = np.random.RandomState(9)
    low, high = blobs.min(0), blobs.max(0)
    logs = []
    for _ in range(4):
        drawn = low + rng.uniform(size=blobs.shape) * (high - low)
        logs.append([np.log(KMeans(k, random_state=0).fit(drawn).inertia_) for k in (2, 4)])
    gap = np.mean(logs, axis=0) - np.log(result.scores["inertia"])
    np.testing.assert_allclose(result.scores["gap"], gap, rtol=1e-9)
    error = np.std(logs, axis=0) * np.sqrt(1 + 1 / 4)
    np.testing.assert_allclose(result.scores["gap_error"], error, rtol=1e-7)


def test_references_follow_the_principal_axes(xp):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) * [10.0, 0.1]
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    rows = InMemory(xp.asarray(X @ turn + 100))
    axes = principal_axes(rows)
    np.testing.assert_allclose(np.abs(axes.T @ turn.T), [[0, 1], [1, 0]], atol=1e-2)
    assert (axes.max(axis=0) == np.abs(axes).max(axis=0)).all()
    for kind, wide in [("pca", False), ("box", True)]:
        (drawn,) = reference_rows(rows, 1, kind, np.random.RandomState(0))
        assert xp.owns(drawn)
        along, across = ((xp.to_host(drawn) - 100) @ turn.T).std(axis=0)
        assert along > 2
        assert (across > 1) == wide


def test_gap_of_no_dispersion():
    X = np.repeat([[0.0], [1.0], [5.0]], 10, axis=0)
    result = sweep(KMeans(random_state=0), X, [2, 3], metrics="gap", random_state=0)
    assert np.isfinite(result.scores["gap"][0])
    assert np.isnan(result.scores["gap"][1])


def test_within_squares(xp, blobs):
    labels = np.arange(len(blobs)) % 3
    w = np.linspace(0, 2, len(blobs))
    rows = InMemory(xp.asarray(blobs))
    codes = xp.asarray(labels, np.int32)
    expected = [0.0, 0.0]
    for i in range(3):
        part, weights = blobs[labels == i], w[labels == i]
        expected[0] += ((part - part.mean(0)) ** 2).sum()
        about = part - np.average(part, axis=0, weights=weights)
        expected[1] += (weights[:, None] * about**2).sum()
    assert within_squares(rows, codes, 3) == pytest.approx(expected[0])
    assert within_squares(rows, codes, 3, xp.asarray(w)) == pytest.approx(expected[1])


def test_within_squares_of_blocks_and_sparse_rows(blobs):
    import scipy.sparse

    labels = (np.arange(len(blobs)) % 3).astype(np.int32)
    expected = within_squares(InMemory(blobs), labels, 3)
    blocks = Blocks(blobs, block_rows=70)
    assert within_squares(blocks, labels, 3) == pytest.approx(expected)
    sparse = InMemory(scipy.sparse.csr_array(blobs))
    assert within_squares(sparse, labels, 3) == pytest.approx(expected)
    model = MiniBatchKMeans(random_state=0, compute_labels=False)
    result = sweep(model, blocks, [3], metrics="inertia")
    codes = result.estimators[0].predict(blobs)
    assert result.scores["inertia"][0] == pytest.approx(within_squares(InMemory(blobs), codes, 3))


# -- criteria ------------------------------------------------------------------------------------


def test_best_by_each_criterion():
    result = made(
        {
            "inertia": [100.0, 50.0, 20.0, 17.0, 15.0, 13.5],
            "silhouette": [np.nan, 0.3, 0.6, 0.6, 0.5, 0.1],
            "calinski_harabasz": [1.0, 2.0, 3.0, 9.0, 4.0, 2.0],
            "davies_bouldin": [2.0, np.nan, 0.8, 0.7, 0.3, 0.9],
            "gap": [0.1, 0.2, 0.5, 0.52, 0.6, 0.5],
            "gap_error": [0.01, 0.01, 0.01, 0.05, 0.01, 0.01],
            "bic": [5.0, 4.0, 3.0, 2.0, 1.0, 0.0],
            "aic": [5.0, -4.0, 3.0, 2.0, 1.0, 0.0],
        }
    )
    chosen = {"elbow": 4, "silhouette": 4, "calinski_harabasz": 5, "davies_bouldin": 6, "gap": 4}
    chosen |= {"bic": 7, "aic": 3}
    assert {criterion: result.best(criterion) for criterion in chosen} == chosen
    assert result.best() == 4
    assert result.best_estimator("bic").n_clusters == 7
    assert result.estimator(3).n_clusters == 3


@pytest.mark.parametrize("inertia", [[4.0, 3.0, 2.0, 1.0], [5.0, 5.0, 5.0], [9.0, 1.0], [3.0]])
def test_no_knee(inertia):
    with pytest.raises(ValueError, match=r"has no knee.*Sweep a wider range"):
        made({"inertia": inertia}).best("elbow")


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16"])
def test_gap_of_other_models_on_numbers_of_any_kind(dtype):
    X = np.random.default_rng(0).integers(1, 6, (60, 3)).astype(dtype)  # answers from 1 to 5
    found, expected = (
        sweep(
            sklearn.cluster.AgglomerativeClustering(),
            rows,
            [2, 3],
            metrics="gap",
            n_refs=2,
            random_state=0,
        )
        for rows in (X, X.astype(np.float64))
    )
    np.testing.assert_allclose(found.scores["gap"], expected.scores["gap"], rtol=1e-5)


def test_gap_without_a_value():
    with pytest.raises(ValueError, match=r"no value for some of k=2\.\.4, because the rows"):
        made({"gap": [0.1, np.nan, np.nan], "gap_error": [0.0, np.nan, np.nan]}).best("gap")


def test_gap_that_rises():
    with pytest.raises(ValueError, match=r"still rises at the end of k=2\.\.4"):
        made({"gap": [0.1, 0.2, 0.3], "gap_error": [0.0, 0.0, 0.0]}).best("gap")


def test_criteria_that_can_not_choose():
    with pytest.raises(ValueError, match=r"criterion must be one of 'elbow'.*got 'best'"):
        made({"inertia": [1.0]}).best("best")
    with pytest.raises(
        ValueError, match="needs the score 'gap', but this sweep computed 'inertia'"
    ):
        made({"inertia": [1.0]}).best("gap")
    with pytest.raises(ValueError, match="'silhouette' has no value for k=2"):
        made({"silhouette": [np.nan]}).best("silhouette")
    with pytest.raises(ValueError, match="k=9 was not swept: choose from 2, 3"):
        made({"bic": [1.0, 2.0]}).labels(9)


@pytest.mark.parametrize(
    ("package", "extra", "call"),
    [
        ("kneed", "plot", "result.best('elbow')"),
        ("pandas", "tables", "result.to_frame()"),
        ("rich", "image", "sweep(KMeans(), X, [2], progress=True)"),
    ],
)
def test_missing_packages_are_named(package, extra, call):
    script = f"""
import sys
import numpy as np
from clusterx import KMeans
from clusterx.selection import sweep
X = np.arange(20.0).reshape(10, 2)
result = sweep(KMeans(random_state=0), X, [2, 3, 4])
for name in [{package!r}, *sys.modules]:
    if name.partition(".")[0] == {package!r}:
        sys.modules[name] = None
try:
    {call}
except ImportError as error:
    print(error)
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert child.stderr == ""
    assert f'pip install "clusterx[{extra}]"' in child.stdout


# -- the result ----------------------------------------------------------------------------------


def test_to_frame(blobs):
    result = sweep(KMeans(random_state=0), blobs, range(1, 5))
    frame = result.to_frame()
    assert frame.index.name == "n_clusters"
    assert frame.index.tolist() == [1, 2, 3, 4]
    assert list(frame.columns) == [*result.scores, "fit_seconds"]
    np.testing.assert_array_equal(frame["inertia"], result.scores["inertia"])
    assert (frame["fit_seconds"] > 0).all()


def test_repr(blobs):
    lines = repr(sweep(KMeans(random_state=0), blobs, [1, 10])).splitlines()
    assert lines[0] == "SweepResult of KMeans on 240 rows"
    assert lines[1].split() == [
        "k", "inertia", "silhouette", "calinski_harabasz", "davies_bouldin",
    ]  # fmt: skip
    assert lines[2].split()[0] == "1"
    assert lines[2].split()[2:] == ["nan"] * 3
    assert len({len(line) for line in lines[1:]}) == 1


def test_result_pickles(xp, blobs):
    result = sweep(KMeans(random_state=0), xp.asarray(blobs), [2, 4], metrics="silhouette")
    loaded = pickle.loads(pickle.dumps(result))
    for labels in (loaded.labels(4), loaded.best_estimator().labels_):
        assert type(labels) is np.ndarray
        np.testing.assert_array_equal(labels, xp.to_host(result.labels(4)))
    assert repr(loaded) == repr(result)


def test_progress_is_told(blobs, capsys):
    told = []
    sweep(
        KMeans(random_state=0), blobs, [2, 3], metrics="gap", n_refs=2,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(i, 6) for i in range(1, 7)]
    sweep(KMeans(random_state=0), blobs, [2, 3])
    assert capsys.readouterr() == ("", "")


def test_progress_bar(blobs, monkeypatch):
    import rich.progress

    steps = []
    monkeypatch.setattr(
        rich.progress.Progress, "advance", lambda self, task, advance=1: steps.append(advance)
    )
    sweep(KMeans(random_state=0), blobs, [2, 3], progress=True)
    assert steps == [1, 1]


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_clusters": 4}, "must hold several numbers.*got 4"),
        ({"n_clusters": "4"}, "must hold several numbers"),
        ({"n_clusters": []}, "n_clusters is empty"),
        ({"n_clusters": [0, 2]}, "whole numbers of at least 1; got 0"),
        ({"n_clusters": [2.0]}, "whole numbers of at least 1; got 2.0"),
        ({"n_clusters": [True]}, "got True"),
        ({"n_clusters": [2, 241]}, "goes up to 241, but X has 240 rows"),
        ({"metrics": ["silhuette"]}, "metrics must be among 'inertia'.*got 'silhuette'"),
        ({"metrics": []}, "metrics is empty"),
        ({"metrics": "bic"}, r"KMeans has no method bic\(X\)"),
        ({"metrics": "gap", "n_refs": 0}, "n_refs must be a whole number of at least 1; got 0"),
        ({"reference": "ball"}, "reference must be 'pca' or 'box'; got 'ball'"),
        ({"silhouette_sample_size": 1}, "silhouette_sample_size must be .* at least 2 or None"),
        ({"silhouette_sample_size": 0.5}, "silhouette_sample_size"),
        ({"metrics": "gap", "sample_weight": np.arange(240.0)}, "references have no weights"),
        ({"parameter": "groups"}, "KMeans has no parameter 'groups', only algorithm"),
    ],
)
def test_wrong_arguments(blobs, arguments, message):
    with pytest.raises(ValueError, match=message):
        sweep(KMeans(), blobs, **arguments)


def test_wrong_estimators_and_rows(blobs):
    import scipy.sparse

    with pytest.raises(TypeError, match=r"got a class: pass KMeans\(\)"):
        sweep(KMeans, blobs)
    with pytest.raises(ValueError, match="DBSCAN has no parameter 'n_clusters'"):
        sweep(sklearn.cluster.DBSCAN(), blobs)
    with pytest.raises(ValueError, match="Sweep the last step of a pipeline"):
        sweep(make_pipeline(StandardScaler(), KMeans()), blobs)
    with pytest.raises(ValueError, match="'gap', which needs rows in memory, but X is Blocks"):
        sweep(KMeans(), Blocks(blobs), metrics="gap")
    wide = np.pad(blobs, ((0, 0), (0, 9)))
    with pytest.raises(ValueError, match="'gap', which needs dense rows"):
        sweep(KMeans(), scipy.sparse.csr_array(wide), metrics=["gap"])
    with pytest.raises(ValueError, match="NaN"):
        sweep(KMeans(), np.where(blobs > 8, np.nan, blobs))


# -- scorers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scorer", "score", "sign"),
    [
        (silhouette_scorer, sklearn.metrics.silhouette_score, 1),
        (calinski_harabasz_scorer, sklearn.metrics.calinski_harabasz_score, 1),
        (davies_bouldin_scorer, sklearn.metrics.davies_bouldin_score, -1),
    ],
)
def test_scorers(blobs, scorer, score, sign):
    model = KMeans(3, random_state=0).fit(blobs[:200])
    rest = blobs[150:]
    found = scorer(model, rest)
    assert type(found) is float
    assert found == pytest.approx(sign * score(rest, model.predict(rest)))
    assert pickle.loads(pickle.dumps(scorer)) is scorer
    grid = {"n_clusters": [2, 3, 4, 5, 6]}
    search = GridSearchCV(KMeans(random_state=0), grid, scoring=scorer, cv=3).fit(blobs)
    assert search.best_params_ == {"n_clusters": 4}


def test_scorers_judge_the_rows_as_given(blobs):
    pipeline = make_pipeline(StandardScaler(), KMeans(4, random_state=0)).fit(blobs)
    expected = sklearn.metrics.silhouette_score(blobs, pipeline.predict(blobs))
    assert silhouette_scorer(pipeline, blobs) == pytest.approx(expected)


def test_scorers_need_predict(blobs):
    model = sklearn.cluster.AgglomerativeClustering(2).fit(blobs)
    with pytest.raises(TypeError, match=r"has no predict method.*clusterx\.sweep"):
        silhouette_scorer(model, blobs)


@pytest.mark.parametrize(
    "name",
    [
        "adjusted_rand_score", "adjusted_mutual_info_score", "normalized_mutual_info_score",
        "v_measure_score", "homogeneity_score", "completeness_score", "fowlkes_mallows_score",
        "rand_score",
    ],
)  # fmt: skip
def test_supervised_scores_in_a_grid_search(name):
    X, y = make_blobs(120, centers=CENTERS, random_state=0)
    scorer = sklearn.metrics.make_scorer(getattr(metrics, name))
    grid = {"n_clusters": [2, 4]}
    search = GridSearchCV(KMeans(random_state=0), grid, scoring=scorer, cv=3).fit(X, y)
    assert search.cv_results_["mean_test_score"][1] == pytest.approx(1.0)


def test_our_mixtures_are_swept_by_weighted_criteria_and_in_blocks(xp):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 2)) + np.repeat([[0, 0], [9, 0], [0, 9]], 80, axis=0)
    w = rng.integers(1, 3, 240) * 1.0
    model = OwnMixture(covariance_type="spherical", random_state=0)
    found = sweep(
        model, xp.asarray(X), range(1, 6), sample_weight=xp.asarray(w), metrics=("bic", "aic")
    )
    repeated = sweep(
        model, np.repeat(X, w.astype(int), axis=0), range(1, 4), metrics=("bic", "aic")
    )
    assert found.best("bic") == 3
    for name in ("bic", "aic"):
        np.testing.assert_allclose(found.scores[name][:3], repeated.scores[name], rtol=1e-6)
    blocks = sweep(model, Blocks(X, block_rows=50), [3], metrics="bic")
    np.testing.assert_allclose(
        blocks.scores["bic"], sweep(model, X, [3], metrics="bic").scores["bic"]
    )


def test_one_tree_serves_all_cuts_of_a_hierarchy(blobs, monkeypatch):
    trees = []
    fit = AgglomerativeClustering._fit_tree
    monkeypatch.setattr(
        AgglomerativeClustering,
        "_fit_tree",
        lambda self, *args: trees.append(self) or fit(self, *args),
    )
    near = kneighbors_graph(blobs, 8) + kneighbors_graph(blobs, 200)
    for connectivity in (None, near):
        estimator = AgglomerativeClustering(linkage="average", connectivity=connectivity)
        found = sweep(estimator, blobs, (2, 5, 110))
        assert len(trees) == 1  # that of two clusters
        trees.clear()
        for k, model in zip(found.n_clusters, found.estimators, strict=True):
            alone = clone(estimator).set_params(n_clusters=k).fit(blobs)
            np.testing.assert_array_equal(model.labels_, alone.labels_)
            np.testing.assert_array_equal(model.children_, alone.children_)
            assert model.n_clusters == k
        trees.clear()
    by_distances = sweep(
        AgglomerativeClustering(metric="precomputed", linkage="average"),
        sklearn.metrics.pairwise_distances(blobs),
        (2, 5),
    )
    assert by_distances.best("silhouette") in (2, 5)
