"""Agglomerative clustering against SciPy's and scikit-learn's, and what it adds."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, is_valid_linkage
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import AgglomerativeClustering as Peer

from clusterx import AgglomerativeClustering
from clusterx.connectivity import dense
from clusterx.connectivity.dense import LINKAGES, SQUARED
from clusterx.kernels.linkage import rounds
from clusterx.metrics import adjusted_rand_score

SHARED = ("ward", "complete", "average", "single")


def data(kind, n=70, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "far":
        return rng.normal(size=(n, 2)) + 1e8
    if kind == "far groups":
        return rng.normal(size=(n, 2)) + 1e7 * rng.integers(0, 2, n)[:, None]
    if kind == "line":
        return np.cumsum(1.01 ** np.arange(n))[:, None]
    if kind == "float32":
        return rng.normal(size=(n, 3)).astype(np.float32)
    if kind == "pairs":
        return np.repeat(rng.normal(size=(n // 2, 2)), 2, axis=0)
    return rng.normal(size=(n, 4))


def same_sets(a, b):
    return adjusted_rand_score(a, b) == 1.0


def heights(model):
    return model.linkage_matrix_[:, 2]


def no_ties(values):
    return (np.diff(np.sort(values)) > 1e-9 * values.max()).all()


@pytest.mark.parametrize("kind", ["normal", "far", "far groups", "line", "float32", "pairs"])
@pytest.mark.parametrize("linkage", LINKAGES)
def test_trees_are_scipys(linkage, kind):
    X = data(kind)
    Z = scipy_linkage(X.astype(np.float64), linkage)
    model = AgglomerativeClustering(linkage=linkage).fit(X)
    np.testing.assert_allclose(heights(model), Z[:, 2], rtol=1e-12)
    assert is_valid_linkage(model.linkage_matrix_)
    np.testing.assert_array_equal(np.sort(model.counts_), np.sort(Z[:, 3]))
    if no_ties(Z[:, 2]):
        np.testing.assert_array_equal(np.sort(model.children_, axis=1), Z[:, :2])


@pytest.mark.parametrize("linkage", SHARED)
def test_labels_are_scikit_learns(linkage):
    X = data("normal")
    for k in (1, 2, 9, 70):
        model = AgglomerativeClustering(k, linkage=linkage).fit(X)
        peer = Peer(k, linkage=linkage, compute_distances=True).fit(X)
        np.testing.assert_array_equal(model.labels_, peer.labels_)
        np.testing.assert_array_equal(model.children_, peer.children_)
        np.testing.assert_allclose(heights(model), peer.distances_, rtol=1e-12)
        assert model.labels_.dtype == np.int32


def test_rounds_of_ward_are_as_exact(monkeypatch):
    monkeypatch.setattr(rounds, "FEW", 4)
    for kind in ("far", "far groups", "line", "pairs"):
        X = data(kind)
        expected = scipy_linkage(X, "ward")[:, 2]
        np.testing.assert_allclose(heights(AgglomerativeClustering().fit(X)), expected, rtol=1e-12)


@pytest.mark.parametrize("few", [2, 1024])
@pytest.mark.parametrize("linkage", ["ward", "centroid", "median"])
def test_of_equal_distances_every_merge_is_of_a_nearest_pair(linkage, few, monkeypatch):
    monkeypatch.setattr(rounds, "FEW", few)
    X = np.random.default_rng(0).integers(0, 5, (60, 2)).astype(float)
    model = AgglomerativeClustering(linkage=linkage).fit(X)
    center, size = dict(enumerate(X)), dict.fromkeys(range(60), 1.0)
    for node, ((a, b), height) in enumerate(zip(model.children_, heights(model), strict=True), 60):
        P, s = np.array(list(center.values())), np.array(list(size.values()))
        squares = ((P[:, None] - P) ** 2).sum(axis=-1)
        if linkage == "ward":
            squares *= 2 * s[:, None] * s / (s[:, None] + s)
        np.fill_diagonal(squares, np.inf)
        np.testing.assert_allclose(height, np.sqrt(squares.min()), rtol=1e-12, atol=1e-15)
        na, nb = (1.0, 1.0) if linkage == "median" else (size[a], size[b])
        size[node] = size.pop(a) + size.pop(b)
        center[node] = (center.pop(a) * na + center.pop(b) * nb) / (na + nb)


@pytest.mark.parametrize("linkage", ["complete", "average"])
def test_equal_distances_go_as_in_scipy(linkage):
    X = np.random.default_rng(0).integers(0, 5, (150, 3)).astype(float)
    for k in (2, 7, 149):
        labels = AgglomerativeClustering(k, linkage=linkage).fit(X).labels_
        np.testing.assert_array_equal(labels, Peer(k, linkage=linkage).fit(X).labels_)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_every_cut_has_its_clusters(linkage):
    model = AgglomerativeClustering(linkage=linkage).fit(data("normal"))
    for k in (1, 2, 13, 69, 70):
        labels = model.cut(k)
        assert len(np.unique(labels)) == k
        whole = AgglomerativeClustering(k, linkage=linkage).fit(data("normal"))
        np.testing.assert_array_equal(labels, whole.labels_)
    height = float(heights(model)[30])
    at = AgglomerativeClustering(None, linkage=linkage, distance_threshold=height)
    at.fit(data("normal"))
    np.testing.assert_array_equal(model.cut(distance_threshold=height), at.labels_)
    assert at.n_clusters_ == np.sum(heights(model) >= height) + 1
    if linkage not in ("centroid", "median"):
        expected = fcluster(model.linkage_matrix_, np.nextafter(height, 0), "distance")
        assert same_sets(at.labels_, expected)


def test_cuts_leave_the_model_as_it_is():
    model = AgglomerativeClustering(3).fit(data("normal"))
    before = model.labels_.copy()
    other = model.recut(distance_threshold=2.0)
    np.testing.assert_array_equal(model.labels_, before)
    assert model.n_clusters_ == 3 == model.n_clusters
    assert other.n_clusters is None
    with pytest.raises(ValueError, match="Exactly one of"):
        model.cut()
    with pytest.raises(ValueError, match=r"1\.\.70"):
        model.cut(71)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_a_weight_of_two_is_a_row_repeated(linkage):
    rng = np.random.default_rng(3)
    X, w = rng.normal(size=(50, 3)), rng.integers(0, 4, 50)
    weighted = AgglomerativeClustering(4, linkage=linkage).fit(X, sample_weight=w)
    repeated = AgglomerativeClustering(4, linkage=linkage).fit(np.repeat(X, w, axis=0))
    kept = w > 0
    assert same_sets(np.repeat(weighted.labels_, w), repeated.labels_)
    np.testing.assert_array_equal(weighted.labels_[~kept], -1)
    above = heights(repeated)[heights(repeated) > 0]
    np.testing.assert_allclose(heights(weighted), above, rtol=1e-11)
    assert weighted.n_leaves_ == kept.sum()


@pytest.mark.parametrize("linkage", LINKAGES)
def test_precomputed_distances(linkage):
    X = data("normal")
    D = squareform(pdist(X))
    D[np.tril_indices(70)] = -7.0  # which is not read
    D.setflags(write=False)
    model = AgglomerativeClustering(5, linkage=linkage, metric="precomputed").fit(D)
    rows = AgglomerativeClustering(5, linkage=linkage).fit(X)
    np.testing.assert_allclose(heights(model), heights(rows), rtol=1e-11)
    assert same_sets(model.labels_, rows.labels_)
    w = np.arange(70) % 3
    model.fit(D, sample_weight=w)
    assert same_sets(model.labels_, rows.fit(X, sample_weight=w).labels_)


@pytest.mark.parametrize("metric", ["manhattan", "cosine", "chebyshev", "canberra"])
@pytest.mark.parametrize("linkage", ["complete", "single", "weighted"])
def test_metrics(linkage, metric):
    X = data("normal")
    name = {"manhattan": "cityblock"}.get(metric, metric)
    model = AgglomerativeClustering(linkage=linkage, metric=metric).fit(X)
    expected = scipy_linkage(X, linkage, metric=name)[:, 2]
    np.testing.assert_allclose(heights(model), expected, rtol=1e-12)


def test_a_callable_metric_gets_all_rows():
    def measure(X):
        return squareform(pdist(X, "cityblock"))

    X = data("normal")
    for linkage in ("average", "single"):
        model = AgglomerativeClustering(linkage=linkage, metric=measure).fit(X)
        expected = scipy_linkage(X, linkage, metric="cityblock")[:, 2]
        np.testing.assert_allclose(heights(model), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"shape \(70, 70\); got shape \(70,\)"):
        AgglomerativeClustering(linkage="average", metric=lambda X: X[:, 0]).fit(X)


@pytest.mark.smoke
@pytest.mark.parametrize("linkage", LINKAGES)
def test_backends_give_the_same_tree(xp, linkage):
    X = data("normal", 30)
    model = AgglomerativeClustering(3, linkage=linkage).fit(xp.asarray(X))
    host = AgglomerativeClustering(3, linkage=linkage).fit(X)
    for name in ("labels_", "children_", "_heights", "counts_"):
        assert xp.owns(getattr(model, name))
        found = xp.to_host(getattr(model, name))
        # the last bit of PyTorch's roots may differ
        np.testing.assert_allclose(found, getattr(host, name), rtol=3e-16 * (xp.name == "torch"))


def test_one_row_and_two():
    model = AgglomerativeClustering(1).fit([[2.0, 3.0]])
    assert model.labels_.tolist() == [0]
    assert model.children_.shape == (0, 2)
    assert model.linkage_matrix_.shape == (0, 4)
    for linkage in LINKAGES:
        model = AgglomerativeClustering(1, linkage=linkage).fit([[0.0], [3.0]])
        assert heights(model).tolist() == [3.0]
        assert model.cut(2).tolist() == [1, 0]


def test_deep_trees_are_pickled_and_cut():
    X = np.cumsum(np.arange(1.0, 20_001.0))[:, None]
    model = AgglomerativeClustering(linkage="single").fit(X)
    assert model.children_[-1].max() == 2 * 20_000 - 3  # one row joins at a time
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.cut(3), model.cut(3))
    assert np.bincount(model.labels_).tolist() == [19_999, 1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 0}, "'n_clusters' parameter"),
        ({"n_clusters": 71}, "71 clusters were given for a tree with 70 leaves"),
        ({"linkage": "wards"}, "'linkage' parameter"),
        ({"metric": "euclid"}, "'metric' parameter"),
        ({"metric": "manhattan"}, "manhattan was provided as metric. Ward can only"),
        ({"metric": "cosine", "linkage": "median"}, "Median can only"),
        ({"distance_threshold": 1.0}, "Exactly one of"),
        ({"n_clusters": None}, "Exactly one of"),
        ({"n_clusters": None, "distance_threshold": -1}, "'distance_threshold' parameter"),
        ({"compute_full_tree": "yes"}, "'compute_full_tree' parameter"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        AgglomerativeClustering(**parameters).fit(data("normal"))


def test_wrong_matrices():
    model = AgglomerativeClustering(metric="precomputed", linkage="complete")
    with pytest.raises(ValueError, match=r"should be square, got matrix of shape \(5, 3\)"):
        model.fit(np.ones((5, 3)))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((3, 3), np.nan))
    for linkage in SQUARED:
        with pytest.raises(ValueError, match="the least is -1"):
            model.set_params(linkage=linkage).fit(-np.ones((3, 3)))


def test_a_matrix_that_does_not_fit_memory_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(dense, "available_memory", lambda: 8 * 70 * 70 - 1)
    with pytest.raises(MemoryError, match=r"between all 70 rows.*Use 'ward'"):
        AgglomerativeClustering(linkage="complete").fit(data("normal"))
    for linkage in ("ward", "single"):
        AgglomerativeClustering(linkage=linkage).fit(data("normal"))
    AgglomerativeClustering(linkage="complete").fit(data("normal", 69))


def test_memory_keeps_trees(tmp_path):
    X = data("normal")
    first = AgglomerativeClustering(3, memory=str(tmp_path)).fit(X)
    assert any(tmp_path.iterdir())
    again = AgglomerativeClustering(4, memory=str(tmp_path)).fit(X)
    np.testing.assert_array_equal(first.children_, again.children_)
    np.testing.assert_array_equal(again.labels_, first.cut(4))
