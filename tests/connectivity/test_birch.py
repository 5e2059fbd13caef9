"""Birch: its tree against the definition and scikit-learn, far away, saved, in blocks."""

import pickle

import numpy as np
import pytest
import sklearn.cluster
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning

from clusterx import (
    AgglomerativeClustering,
    Birch,
    Blocks,
    KMeans,
    arrays,
    load_model,
    save_model,
)
from clusterx.kernels.feature_trees import cpu, generic, leaves
from tests.data import blobs


def data(n=300, d=3, seed=0, dtype="float64"):
    return blobs(np.random.default_rng(seed), n, d).astype(dtype)


def in_order(C):
    return C[np.lexsort(np.round(C, 9).T)]


@pytest.mark.parametrize(
    ("n", "d", "threshold", "branching"),
    [(400, 2, 0.5, 50), (300, 5, 1.0, 5), (120, 1, 0.1, 3), (250, 4, 0.01, 2), (1, 3, 0.5, 50)],
)
def test_subclusters_are_scikit_learns(n, d, threshold, branching):
    """In some order: which half of a split comes first is a matter of rounding there."""
    X = data(n, d, seed=n)
    options = {"threshold": threshold, "branching_factor": branching, "n_clusters": None}
    found, expected = (module.Birch(**options).fit(X) for module in (MINE, sklearn.cluster))
    C, E = found.subcluster_centers_, expected.subcluster_centers_
    assert_allclose(in_order(C), in_order(E), rtol=1e-9, atol=1e-9)
    assert_allclose(C[found.labels_], E[expected.labels_], rtol=1e-9, atol=1e-9)
    assert found.labels_.dtype == np.int32


class MINE:
    Birch = Birch


@pytest.mark.smoke
@pytest.mark.parametrize("branching", [2, 6])
def test_every_backend_grows_the_same_tree(xp, branching):
    X, w = data(90), np.random.default_rng(0).integers(0, 3, 90)
    options = {"threshold": 0.7, "branching_factor": branching, "n_clusters": 4}
    expected = Birch(**options).fit(X, sample_weight=w)
    found = Birch(**options).fit(xp.asarray(X), sample_weight=xp.asarray(w))
    for name in ("subcluster_centers_", "subcluster_labels_", "labels_"):
        assert xp.owns(getattr(found, name))
        assert_allclose(xp.to_host(getattr(found, name)), getattr(expected, name), rtol=1e-9)
    found.partial_fit(xp.asarray(X[:10]))
    expected.partial_fit(X[:10])
    assert_allclose(xp.to_host(found.subcluster_centers_), expected.subcluster_centers_, rtol=1e-9)
    assert_array_equal(found.to_device("cpu").predict(X), expected.predict(X))
    moved = xp.to_host(found.transform(xp.asarray(X)))
    assert_allclose(moved, expected.transform(X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["blobs", "equal rows", "whole numbers"])
def test_kernel_is_the_definition(name):
    rng = np.random.default_rng(0)
    X = {
        "blobs": data(200),
        "equal rows": np.repeat(data(4), 30, axis=0),
        "whole numbers": rng.integers(0, 4, (150, 2)).astype(np.float32),
    }[name]
    tree = expected = None
    for part in (X[:50], X[50:]):
        tree = cpu.insert(tree, part, None, 0.4, 3)
        expected = generic.insert(expected, part, None, 0.4, 3)
    for own, other in zip(tree, expected, strict=True):
        assert_allclose(own, other, rtol=1e-9, atol=1e-12)


def summaries(tree):
    """Weight, mean and scatter of each leaf's slots."""
    for leaf in leaves(tree):
        for slot in range(tree.used[leaf]):
            yield tree.weight[leaf, slot], tree.centers[leaf, slot], tree.scatter[leaf, slot]


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_summaries_lose_no_digits(offset):
    """One subcluster holds all rows: its scatter is known, wherever they are."""
    X = data(200, 2) + offset
    tree = cpu.insert(None, X, None, 1e6, 50)
    ((weight, center, scatter),) = summaries(tree)
    assert weight == 200
    assert_allclose(center, X.mean(axis=0), rtol=1e-15)
    assert_allclose(scatter, ((X - X.mean(axis=0)) ** 2).sum(), rtol=1e-6)
    parts = cpu.insert(None, X, None, 0.5, 5)
    near = cpu.insert(None, X - offset, None, 0.5, 5)
    assert_array_equal(parts.used, near.used)


def test_nodes_sum_up_what_is_below():
    model = Birch(threshold=0.2, branching_factor=4, n_clusters=None).fit(data(500))
    waiting = [model.root_]
    while waiting:
        node = waiting.pop()
        assert 1 <= len(node.subclusters_) <= 4
        for own in node.subclusters_:
            if own.child_ is None:
                assert node.is_leaf
                assert own.radius <= 0.2
                continue
            below = own.child_.subclusters_
            weights = [s.n_samples_ for s in below]
            assert own.n_samples_ == sum(weights)
            mean = np.average([s.centroid_ for s in below], axis=0, weights=weights)
            assert_allclose(own.centroid_, mean)
            spread = [s.radius**2 + ((s.centroid_ - mean) ** 2).sum() for s in below]
            assert_allclose(own.radius**2, np.average(spread, weights=weights))
            waiting.append(own.child_)
    walked = np.concatenate([leaf.centroids_ for leaf in model.dummy_leaf_])
    assert_array_equal(walked, model.subcluster_centers_)
    assert sum(s.n_samples_ for s in model.root_.subclusters_) == 500


@pytest.mark.parametrize("kind", ["blocks", "parts", "sparse"])
def test_rows_in_other_forms_grow_the_same_tree(kind):
    X, w = data(), np.random.default_rng(0).integers(0, 3, 300).astype(float)
    expected = Birch(n_clusters=4).fit(X, sample_weight=w)
    model = Birch(n_clusters=4)
    if kind == "parts":
        model.partial_fit(X[:100], sample_weight=w[:100]).partial_fit(
            X[100:], sample_weight=w[100:]
        )
        assert_array_equal(model.labels_, expected.labels_[100:])
    else:
        form = Blocks(X, block_rows=70) if kind == "blocks" else csr_matrix(X)
        assert_array_equal(model.fit(form, sample_weight=w).labels_, expected.labels_)
        assert_array_equal(model.predict(form), expected.labels_)
    assert_array_equal(model.subcluster_centers_, expected.subcluster_centers_)


def test_weights():
    """Of groups that stay together: weights are repeats, and zeros left out."""
    X = np.arange(40.0)[:, None] * 10
    w = np.random.default_rng(0).integers(0, 4, 40)
    weighted = Birch(n_clusters=None, branching_factor=5).fit(X, sample_weight=w)
    repeated = Birch(n_clusters=None, branching_factor=5).fit(np.repeat(X, w, axis=0))
    assert_array_equal(weighted.subcluster_centers_, repeated.subcluster_centers_)
    assert_array_equal(np.repeat(weighted.labels_, w), repeated.labels_)
    assert weighted.root_.subclusters_[0].n_samples_ == repeated.root_.subclusters_[0].n_samples_


def test_deep_trees_are_saved():
    model = Birch(threshold=1e-6, branching_factor=2, n_clusters=None).fit(
        np.arange(3000.0)[:, None]
    )
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.subcluster_centers_, model.subcluster_centers_)
    loaded.partial_fit([[-5.0]])
    assert len(loaded.subcluster_centers_) == 3001
    assert len(model.subcluster_centers_) == 3000


def test_the_global_step():
    X = data(seed=3)
    model = Birch(threshold=0.3, n_clusters=None).fit(X)
    assert_array_equal(model.subcluster_labels_, np.arange(len(model.subcluster_centers_)))
    model.set_params(n_clusters=KMeans(3, random_state=0)).partial_fit()
    assert_array_equal(
        model.subcluster_labels_, KMeans(3, random_state=0).fit(model.subcluster_centers_).labels_
    )
    assert not hasattr(model.n_clusters, "labels_")  # a copy was fitted
    with pytest.warns(ConvergenceWarning, match=r"found \(1\) by BIRCH is less than \(3\)"):
        Birch(threshold=1e3).fit(X)
    assert_array_equal(Birch(threshold=1e3, n_clusters=1).fit(X).labels_, np.zeros(300))
    assert not hasattr(Birch(compute_labels=False).fit(X), "labels_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"threshold": 0}, "'threshold' parameter of Birch must be above 0"),
        ({"branching_factor": 1}, "branching_factor"),
        ({"n_clusters": 0}, "n_clusters"),
        ({"n_clusters": "three"}, "a clusterer or None"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Birch(**parameters).fit(data(20))


def test_a_tree_keeps_its_branching_factor():
    model = Birch(branching_factor=4).fit(data())
    with pytest.raises(ValueError, match=r"branching_factor is 5.*built with 4.*Call fit"):
        model.set_params(branching_factor=5).partial_fit(data())
    with pytest.raises(ValueError, match="2 features"):
        model.set_params(branching_factor=4).partial_fit(data(d=2))


def test_a_device_is_not_left():
    """The centres stay where the rows are."""
    strict = pytest.importorskip("array_api_strict")
    X = strict.asarray(data(30), device=strict.Device("device1"))
    model = Birch(n_clusters=None).fit(X)
    assert str(arrays.device(model.subcluster_centers_)) == str(X.device)
    with pytest.raises(ValueError, match="must use the same namespace"):
        model.partial_fit(data(30))


@pytest.mark.parametrize("linkage", ["ward", "centroid"])  # of which one has heights that fall
def test_the_merges_of_subclusters_are_saved(tmp_path, linkage):
    model = Birch(threshold=0.3, n_clusters=AgglomerativeClustering(3, linkage=linkage))
    model.fit(data(seed=3))
    assert (np.diff(model.linkage_matrix_[:, 2]) < 0).any() == (linkage == "centroid")
    save_model(model, tmp_path / "birch.clusterx")
    loaded = load_model(tmp_path / "birch.clusterx")
    assert_array_equal(loaded.linkage_matrix_, model.linkage_matrix_)
