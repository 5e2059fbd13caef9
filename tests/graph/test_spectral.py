"""Spectral clustering and embeddings against scikit-learn's, and dense eigenvectors."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn import cluster, manifold
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import kneighbors_graph

from clusterx import KMeans, SpectralClustering, spectral_clustering, spectral_embedding
from clusterx.graph import affinities, coarse, embedding
from clusterx.graph.assignment import cluster_qr, discretize

MOONS, HALVES = make_moons(200, noise=0.05, random_state=0)
ASSIGNMENTS = ("kmeans", "discretize", "cluster_qr")


@pytest.mark.smoke
@pytest.mark.parametrize("assign_labels", ASSIGNMENTS)
def test_moons_are_separated_where_k_means_cannot(xp, assign_labels):
    model = SpectralClustering(
        2, affinity="nearest_neighbors", assign_labels=assign_labels, random_state=0
    )
    with pytest.warns(UserWarning, match="not fully connected"):
        labels = model.fit_predict(xp.asarray(MOONS))
    assert xp.owns(labels)
    assert adjusted_rand_score(xp.to_host(labels), HALVES) == 1.0
    assert adjusted_rand_score(KMeans(2, random_state=0).fit(MOONS).labels_, HALVES) < 0.5


@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
@pytest.mark.parametrize("affinity", ["rbf", "nearest_neighbors", "laplacian"])
@pytest.mark.parametrize("assign_labels", ASSIGNMENTS)
def test_labels_are_those_of_scikit_learn(affinity, assign_labels):
    X = make_blobs(150, centers=4, cluster_std=1.5, random_state=1)[0] / 4
    X = X - X.min(axis=0)
    how = {"affinity": affinity, "assign_labels": assign_labels, "random_state": 0}
    reference = cluster.SpectralClustering(4, **how).fit(X)
    model = SpectralClustering(4, **how).fit(X)
    assert adjusted_rand_score(model.labels_, reference.labels_) == 1.0
    assert model.labels_.dtype == np.int32
    gap = abs(model.affinity_matrix_ - reference.affinity_matrix_).max()
    assert gap <= 1e-12 * abs(reference.affinity_matrix_).max()


@pytest.mark.parametrize("n", [120, 700])
@pytest.mark.parametrize("normed", [True, False])
def test_embeddings_are_those_of_scikit_learn(xp, n, normed):
    """Few rows from the whole matrix, many by filters."""
    X = np.sort(np.random.RandomState(0).rand(n, 1) ** 2, axis=0) * [3.0, 0.0]
    W = rbf_kernel(X, gamma=8.0)
    how = {"n_components": 4, "random_state": 0, "norm_laplacian": normed}
    expected = manifold.spectral_embedding(W, **how)
    found = spectral_embedding(xp.asarray(W), eigen_tol=1e-8, **how)
    assert xp.owns(found)
    np.testing.assert_allclose(xp.to_host(found), expected, atol=1e-5 * abs(expected).max())
    whole = xp.to_host(spectral_embedding(xp.asarray(W), eigen_tol=1e-8, drop_first=False, **how))
    np.testing.assert_allclose(whole[:, 1:], expected[:, :3], atol=1e-5 * abs(expected).max())
    np.testing.assert_allclose(whole[:, 0], whole[0, 0])


def test_sparse_graphs_are_embedded_as_dense_ones():
    X = make_circles(600, noise=0.03, factor=0.5, random_state=0)[0]
    W = kneighbors_graph(X, 15)
    W = ((W + W.T) / 2 + sparse.eye_array(600)).tocsr()
    W = W + sparse.csr_array(np.full((600, 600), 1e-4))
    how = {"n_components": 3, "random_state": 0, "eigen_tol": 1e-9}
    one = spectral_embedding(W, **how)
    np.testing.assert_allclose(one, spectral_embedding(W.toarray(), **how), atol=1e-6)


def test_linked_rows_that_are_put_together_have_the_same_embedding(monkeypatch):
    X = make_circles(600, noise=0.03, factor=0.5, random_state=0)[0]
    W = kneighbors_graph(X, 15)
    W = (W + W.T) / 2 + sparse.csr_array(np.full((600, 600), 1e-4))
    how = {"n_components": 3, "random_state": 0, "eigen_tol": 1e-9}
    expected = spectral_embedding(W, **how)
    monkeypatch.setattr(affinities, "MANY", 100)
    np.testing.assert_allclose(spectral_embedding(W, **how), expected, atol=1e-6)


def test_vectors_of_coarser_graphs_lead_to_the_same_embedding(monkeypatch):
    """With several components and a row without links."""
    X = np.random.default_rng(0).random((1500, 2)) * [3.0, 1.0]
    X[:300, 0] += 10.0
    W = kneighbors_graph(X, 8)
    W = ((W + W.T) / 2).tolil()
    W[7, :] = 0.0
    W[:, 7] = 0.0
    W = W.tocsr()
    how = {"n_components": 6, "random_state": 0, "eigen_tol": 1e-9, "drop_first": False}
    starts, real = [], embedding.coarse_start

    def watched(*args):
        starts.append(real(*args))
        return starts[-1]

    monkeypatch.setattr(embedding, "coarse_start", watched)
    found = {}
    for many in (10**9, 100):
        monkeypatch.setattr(coarse, "MANY", many)
        with pytest.warns(UserWarning, match="not fully connected"):
            found[many] = spectral_embedding(W, **how)
    assert starts[0] is None
    np.testing.assert_allclose(found[100], found[10**9], atol=1e-6)
    # the start is near: a random one of 16 vectors among 1,500 has 0.1 of such a vector
    root = np.sqrt(np.maximum(np.asarray(W.sum(axis=0)).reshape(-1, 1), 1e-9))
    basis = np.linalg.qr(starts[1])[0]
    wanted = found[100][:, 3:] * root
    wanted /= np.linalg.norm(wanted, axis=0)
    assert np.linalg.norm(basis.T @ wanted, axis=0).min() > 0.95


def test_graphs_with_hubs_have_no_coarser_start():
    W = np.zeros((1200, 1200))
    W[np.arange(1199), np.arange(1, 1200)] = 1.0
    W[::100] = 1.0
    W = sparse.csr_array(np.maximum(W, W.T))
    root = np.sqrt(W.sum(axis=0))
    known = (root / np.linalg.norm(root))[:, None]
    assert coarse.coarse_start(W, root, known, 8, np.random.RandomState(0)) is None


def test_each_component_has_a_vector_of_its_own(xp):
    sizes = [40, 300, 5, 1, 60]
    W = np.zeros((sum(sizes), sum(sizes)))
    labels = np.repeat(np.arange(5), sizes)
    W[labels[:, None] == labels] = 0.5
    order = np.random.RandomState(0).permutation(len(W))
    W, labels = W[order][:, order], labels[order]
    given = xp.asarray(W)
    for form in (given, sparse.csr_matrix(W)) if xp.name == "numpy" else (given,):
        for assign in ASSIGNMENTS:
            with pytest.warns(UserWarning, match="not fully connected.*5 components"):
                found = spectral_clustering(
                    form, n_clusters=5, assign_labels=assign, random_state=3
                )
            assert adjusted_rand_score(xp.to_host(found), labels) == 1.0


def test_vectors_of_the_largest_components_come_first():
    W = np.zeros((60, 60))
    labels = np.repeat([0, 1, 2], [5, 35, 20])
    W[labels[:, None] == labels] = 1.0
    with pytest.warns(UserWarning, match="not fully connected"):
        vectors = spectral_embedding(W, n_components=2, drop_first=False)
    np.testing.assert_array_equal(vectors > 0, labels[:, None] == [1, 2])


def test_graphs_without_links_have_the_same_labels_in_each_call():
    results = set()
    for _ in range(3):
        with pytest.warns(UserWarning, match="not fully connected"):
            labels = spectral_clustering(np.eye(20), n_clusters=3, random_state=0)
        results.add(tuple(labels.tolist()))
    assert len(results) == 1
    assert len(set(*results)) == 3


def test_affinities_beyond_working_memory_are_not_kept(xp):
    X = make_blobs(400, centers=3, random_state=2)[0] / 2
    kept = SpectralClustering(3, random_state=0).fit(xp.asarray(X))
    with sklearn.config_context(working_memory=1):
        streamed = SpectralClustering(3, random_state=0).fit(xp.asarray(X))
    assert hasattr(kept, "affinity_matrix_")
    assert not hasattr(streamed, "affinity_matrix_")
    np.testing.assert_array_equal(xp.to_host(kept.labels_), xp.to_host(streamed.labels_))


def test_graphs_of_distances():
    X = MOONS[:90]
    D = np.sqrt(((X[:, None] - X) ** 2).sum(axis=2))
    how = {"n_neighbors": 8, "random_state": 0}
    reference = SpectralClustering(2, affinity="nearest_neighbors", **how).fit(X)
    near = kneighbors_graph(X, 20, mode="distance", include_self=True)
    for given in (D, near):
        model = SpectralClustering(2, affinity="precomputed_nearest_neighbors", **how).fit(given)
        np.testing.assert_array_equal(model.labels_, reference.labels_)
    assert abs(model.affinity_matrix_ - reference.affinity_matrix_).max() == 0


@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
def test_forms_of_input_and_of_results():
    X = MOONS.astype(np.float32)
    X.flags.writeable = False
    how = {"affinity": "nearest_neighbors", "random_state": 0}
    model = SpectralClustering(2, **how).fit(X)
    again = SpectralClustering(2, **how).fit(X)
    np.testing.assert_array_equal(model.labels_, again.labels_)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).labels_, model.labels_)
    W = model.affinity_matrix_.copy()
    np.testing.assert_array_equal(
        spectral_clustering(W.tocoo(), n_clusters=2, random_state=0),
        spectral_clustering(W, n_clusters=2, random_state=0),
    )
    with pytest.warns(UserWarning, match="not symmetric"):
        spectral_clustering(sparse.triu(W).tocsr(), n_clusters=2, random_state=0)
    with pytest.warns(UserWarning, match="X is square"):
        SpectralClustering(2).fit(np.random.RandomState(0).rand(6, 6))


def test_assignments_follow_permuted_rows(xp):
    vectors = np.random.RandomState(1).randn(80, 4)
    order = np.random.RandomState(2).permutation(80)
    found = xp.to_host(cluster_qr(xp.asarray(vectors)))
    np.testing.assert_array_equal(found, cluster_qr(vectors))
    np.testing.assert_array_equal(xp.to_host(cluster_qr(xp.asarray(vectors[order]))), found[order])
    truth = np.random.RandomState(3).randint(0, 4, 80)
    noisy = np.eye(4)[truth] + 0.1 * vectors
    labels = xp.to_host(discretize(xp.asarray(noisy), random_state=0))
    assert adjusted_rand_score(labels, truth) > 0.95
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        discretize(np.zeros((5, 2)), random_state=0)


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [({"n_clusters": 30}, ValueError, "Ask for fewer"), ({"n_init": 0}, ValueError, "n_init"),
     ({"affinity": "cosinus"}, ValueError, "must be one of"),
     ({"eigen_solver": "lanczos"}, ValueError, "must be one of"),
     ({"eigen_tol": -1.0}, ValueError, "eigen_tol"), ({"kernel_params": 3}, TypeError, "a dict"),
     ({"affinity": "nearest_neighbors", "n_neighbors": 21}, ValueError, "Ask for fewer"),
     ({"affinity": "precomputed"}, ValueError, "square matrix"),
     ({"affinity": "linear"}, ValueError, "have no root")],
)  # fmt: skip
def test_errors_name_what_is_wrong(how, error, words):
    X = np.random.RandomState(0).randn(20, 2)
    with pytest.raises(error, match=words):
        SpectralClustering(**{"n_clusters": 2, **how}).fit(X)


def test_kernels_of_the_host_are_not_computed_for_a_device(xp):
    if xp.name == "numpy":
        pytest.skip("the host has them")
    with pytest.raises(ValueError, match="never copied there"):
        SpectralClustering(2, affinity="laplacian").fit(xp.asarray(MOONS))
