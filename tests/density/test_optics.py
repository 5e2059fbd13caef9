"""OPTICS against scikit-learn's, and its walk against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn import cluster as peers
from sklearn.datasets import make_blobs, make_moons
from sklearn.neighbors import kneighbors_graph

import clusterx
from clusterx import OPTICS
from clusterx.density import walks


def data(kind, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "moons":
        return make_moons(120, noise=0.06, random_state=seed)[0]
    if kind == "blobs":
        std = [0.3, 0.6, 1.2]
        return make_blobs(120, n_features=3, centers=3, cluster_std=std, random_state=seed)[0]
    if kind == "grid":
        return rng.integers(0, 6, (100, 2)).astype(float)
    if kind == "far":
        return data("blobs", seed) + 1e5
    if kind == "line":
        return np.sort(rng.exponential(size=60))[:, None]
    return rng.normal(size=(100, 16))


def check_same(model, peer):
    np.testing.assert_array_equal(model.ordering_, peer.ordering_)
    np.testing.assert_array_equal(model.predecessor_, peer.predecessor_)
    np.testing.assert_allclose(model.reachability_, peer.reachability_, rtol=1e-14)
    np.testing.assert_allclose(model.core_distances_, peer.core_distances_, rtol=1e-14)
    np.testing.assert_array_equal(model.labels_, peer.labels_)
    if model.cluster_method == "xi":
        expected = peer.cluster_hierarchy_.reshape(-1, 2)
        np.testing.assert_array_equal(model.cluster_hierarchy_, expected)


#: scikit-learn 1.7 and 1.8 advise their users to sort matrices
UNSORTED = "ignore:Precomputed sparse input was not sorted:sklearn.exceptions.EfficiencyWarning"

CASES = {
    "default": {},
    "share": {"min_samples": 0.1, "min_cluster_size": 0.05, "xi": 0.2},
    "uncorrected": {"predecessor_correction": False, "xi": 0.15},
    "bounded": {"max_eps": 1.0, "min_samples": 4},
    "cut": {"cluster_method": "dbscan", "eps": 0.8},
    "manhattan": {"metric": "manhattan"},
    "chebyshev": {"metric": "chebyshev", "max_eps": 2.0},
    "power": {"p": 3},
    "canberra": {"metric": "canberra"},
}


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning:sklearn")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["moons", "blobs", "grid"])
def test_walks_and_clusters_are_scikit_learns(kind, case):
    X = data(kind)
    check_same(OPTICS(**CASES[case]).fit(X), peers.OPTICS(**CASES[case]).fit(X))


@pytest.mark.parametrize("kind", ["far", "line"])
@pytest.mark.parametrize("max_eps", [np.inf, 0.7])
def test_hard_rows(kind, max_eps):
    X = data(kind)
    check_same(OPTICS(max_eps=max_eps).fit(X), peers.OPTICS(max_eps=max_eps).fit(X))


def test_many_columns():
    # scikit-learn adds squares in two orders, so that its ties are broken by rounding
    X = data("wide")
    model, peer = OPTICS().fit(X), peers.OPTICS().fit(X)
    np.testing.assert_allclose(model.core_distances_, peer.core_distances_, rtol=1e-13)
    np.testing.assert_allclose(
        model.reachability_[model.ordering_], peer.reachability_[peer.ordering_], rtol=1e-13
    )


@pytest.mark.smoke
@pytest.mark.parametrize("parameters", [{}, {"max_eps": 1.0}, {"cluster_method": "dbscan"}])
def test_backends_agree_and_results_stay_with_the_rows(xp, parameters):
    X = data("grid")[:50]
    model, expected = OPTICS(**parameters).fit(xp.asarray(X)), OPTICS(**parameters).fit(X)
    for name in ("ordering_", "predecessor_", "reachability_", "core_distances_", "labels_"):
        assert xp.owns(getattr(model, name)), name
        np.testing.assert_array_equal(xp.to_host(getattr(model, name)), getattr(expected, name))


def test_float32_rows_are_walked_in_float64():
    X = data("blobs").astype(np.float32)
    check_same(OPTICS().fit(X), peers.OPTICS().fit(X.astype(float)))


@pytest.mark.filterwarnings(UNSORTED)
@pytest.mark.parametrize("make", [lambda D: D.toarray(), csr_array])
def test_matrices_that_are_not_symmetric_are_read_by_rows(make):
    nearest = kneighbors_graph(data("blobs"), n_neighbors=10, mode="distance")
    D = make(nearest)
    model = OPTICS(metric="precomputed").fit(D.copy())
    check_same(model, peers.OPTICS(metric="precomputed").fit(D))


@pytest.mark.filterwarnings(UNSORTED)
@pytest.mark.parametrize("max_eps", [np.inf, 1.0])
@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_matrices_of_distances(make, max_eps):
    X = data("moons")
    D = make(cdist(X, X))
    before = D.copy()
    model = OPTICS(metric="precomputed", max_eps=max_eps).fit(D)
    check_same(model, peers.OPTICS(metric="precomputed", max_eps=max_eps).fit(before))
    assert abs(D - before).max() == 0


def test_ways_through_the_neighbours_agree(monkeypatch):
    X = data("blobs")
    model = OPTICS(max_eps=1.0).fit(X)
    monkeypatch.setattr(walks, "LINKS", 10)  # neighbours are found on the way
    monkeypatch.setattr(walks, "MANY", 1.0)
    check_same(OPTICS(max_eps=1.0).fit(X), model)
    monkeypatch.setattr(walks, "MANY", 0.0)  # all pairs are measured
    check_same(OPTICS(max_eps=1.0).fit(X), model)


def test_functions_are_scikit_learns():
    X = data("moons")
    how = {"min_samples": 5, "max_eps": np.inf, "metric": "minkowski", "p": 2}
    how |= {"metric_params": None, "algorithm": "auto", "leaf_size": 30, "n_jobs": None}
    walked = clusterx.compute_optics_graph(X, **how)
    for found, expected in zip(walked, peers.compute_optics_graph(X, **how), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    ordering, core, reach, before = walked
    labels, clusters = clusterx.cluster_optics_xi(
        reachability=reach, predecessor=before, ordering=ordering, min_samples=5
    )
    expected = peers.cluster_optics_xi(
        reachability=reach, predecessor=before, ordering=ordering, min_samples=5
    )
    np.testing.assert_array_equal(labels, expected[0])
    np.testing.assert_array_equal(clusters, expected[1])
    cut = {"reachability": reach, "core_distances": core, "ordering": ordering, "eps": 0.2}
    np.testing.assert_array_equal(
        clusterx.cluster_optics_dbscan(**cut), peers.cluster_optics_dbscan(**cut)
    )


def test_no_row_within_reach_is_told():
    with pytest.warns(UserWarning, match="All reachability values are inf"):
        model = OPTICS(max_eps=1e-6).fit(data("blobs"))
    assert set(model.labels_.tolist()) == {-1}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"min_samples": 1.5}, "'min_samples' parameter of OPTICS must be"),
        ({"min_samples": 1}, "'min_samples' parameter of OPTICS must be"),
        ({"min_samples": 1000}, "min_samples must be no greater than the number of samples"),
        ({"min_cluster_size": 1000}, "min_cluster_size must be no greater than"),
        ({"xi": 2.0}, "'xi' parameter of OPTICS"),
        ({"max_eps": -1.0}, "'max_eps' parameter of OPTICS"),
        ({"cluster_method": "best"}, "'cluster_method' parameter of OPTICS"),
        ({"cluster_method": "dbscan", "max_eps": 1.0, "eps": 2.0}, "Specify an epsilon smaller"),
        ({"algorithm": "kd_tree", "metric": "cosine"}, "cosine is not a valid metric"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        OPTICS(**parameters).fit(data("blobs"))


def test_one_row_is_too_few_for_a_fraction():
    with pytest.raises(ValueError, match=r"at least 2 samples, and X has n_samples = 1"):
        OPTICS(min_samples=0.5).fit([[1.0, 2.0]])
