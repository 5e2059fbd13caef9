"""Trees along graphs of neighbours, function forms, and the dendrogram of any model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.sparse import coo_array, csr_array
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.base import clone
from sklearn.cluster import AgglomerativeClustering as Peer
from sklearn.neighbors import kneighbors_graph

from clusterx import AgglomerativeClustering, arrays, grid_to_graph, linkage_tree, ward_tree
from clusterx.connectivity.dense import LINKAGES, SQUARED
from clusterx.kernels import kernels_for
from clusterx.kernels.linkage import ALONG, generic
from clusterx.metrics import adjusted_rand_score

CPU = kernels_for(arrays.namespace(np.empty(0))).linkage
X = np.random.default_rng(0).normal(size=(160, 3))
NEAR = kneighbors_graph(X, 5)


def heights(model):
    return model.linkage_matrix_[:, 2]


@pytest.mark.parametrize("linkage", ["ward", "complete", "average", "single"])
@pytest.mark.parametrize(("k", "full"), [(3, "auto"), (120, "auto"), (120, True)])
def test_trees_along_a_graph_are_scikit_learns(linkage, k, full):
    parameters = {"linkage": linkage, "connectivity": NEAR, "compute_distances": True}
    model = AgglomerativeClustering(k, compute_full_tree=full, **parameters).fit(X)
    peer = Peer(k, compute_full_tree=full, **parameters).fit(X)
    made = 159 if full is True or k < 100 else 160 - k
    assert len(model.children_) == made
    np.testing.assert_allclose(model.distances_, peer.distances_[:made], rtol=1e-12)
    assert adjusted_rand_score(model.labels_, peer.labels_) == 1.0
    if linkage != "single":
        np.testing.assert_array_equal(model.children_, peer.children_[:made])
        np.testing.assert_array_equal(model.labels_, peer.labels_)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_a_complete_graph_changes_nothing(linkage):
    model = AgglomerativeClustering(linkage=linkage, connectivity=np.ones((160, 160))).fit(X)
    expected = scipy_linkage(X, linkage)[:, 2]
    np.testing.assert_allclose(np.sort(heights(model)), np.sort(expected), rtol=1e-12)


@pytest.mark.parametrize("method", ALONG)
def test_the_compiled_loop_is_the_definition(method):
    rng = np.random.default_rng(1)
    Y = rng.integers(0, 4, (90, 40)).astype(float)  # equal distances, and a part of the lanes
    low, high = np.triu_indices(90, 1)
    some = rng.random(len(low)) < 0.1
    some |= high == low + 1
    low, high = low[some].astype(np.int64), high[some].astype(np.int64)
    C = Y if method in SQUARED else None
    weight = np.linalg.norm(Y[low] - Y[high], axis=1) if C is None else None
    sizes = rng.integers(1, 4, 90).astype(float)
    found = CPU.along_graph(low, high, weight, sizes, method, C, 89)
    expected = generic.along_graph(low, high, weight, sizes, method, C, 89)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["normal", "far", "tiny", "huge", "equal", "grid"])
@pytest.mark.parametrize("method", ["ward", "centroid", "median"])
def test_pairs_that_wait_with_a_bound_merge_as_if_all_were_measured(method, kind):
    rng = np.random.default_rng(3)
    Y = rng.normal(size=(300, 7))
    if kind == "far":  # where rounding of centres changes most digits of distances
        Y = 1e-3 * Y + 1e9
    if kind == "grid":
        Y = rng.integers(0, 3, (300, 2)).astype(float)
    Y *= {"tiny": 1e-160, "huge": 1e150, "equal": 0.0}.get(kind, 1.0)
    near = kneighbors_graph(Y + 1e-9 * rng.random(Y.shape), 4)
    graph = coo_array(near + near.T + np.diag(np.ones(299), 1)).tocoo()
    some = graph.row < graph.col
    low, high = graph.row[some].astype(np.int64), graph.col[some].astype(np.int64)
    sizes = rng.integers(1, 50, 300).astype(float)
    found = CPU.along_graph(low, high, None, sizes, method, Y, 299)
    expected = generic.along_graph(low, high, None, sizes, method, Y, 299)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_columns_are_copied_as_rows_are():
    Y = np.random.default_rng(0).normal(size=(300, 40)).astype(np.float32)
    low, sizes = np.arange(39), np.ones(40)
    found = CPU.along_graph(low, low + 1, None, sizes, "ward", Y.T, 39)
    expected = CPU.along_graph(low, low + 1, None, sizes, "ward", Y.T.copy(), 39)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_along_a_graph_repeat_rows():
    w = np.random.default_rng(2).integers(0, 3, 160)
    where = np.repeat(np.arange(160), w)
    near = NEAR[where][:, where].toarray() + (where[:, None] == where[None, :])
    for linkage in ("ward", "average"):
        weighted = AgglomerativeClustering(5, linkage=linkage, connectivity=NEAR)
        weighted.fit(X, sample_weight=w)
        repeated = AgglomerativeClustering(5, linkage=linkage, connectivity=near).fit(X[where])
        assert adjusted_rand_score(weighted.labels_[where], repeated.labels_) == 1.0
        above = heights(repeated)[heights(repeated) > 0]
        np.testing.assert_allclose(heights(weighted), above, rtol=1e-11)
        np.testing.assert_array_equal(weighted.labels_[w == 0], -1)


@pytest.mark.parametrize("linkage", ["ward", "complete", "single"])
def test_a_graph_in_pieces_is_completed(linkage):
    near = np.kron(np.eye(4), np.ones((10, 10)))
    Y = X[:40]
    with pytest.warns(UserWarning, match="is 4 > 1. Completing it"):
        model = AgglomerativeClustering(3, linkage=linkage, connectivity=near).fit(Y)
    with pytest.warns(UserWarning, match="is 4 > 1. Completing it"):
        peer = Peer(3, linkage=linkage, connectivity=near, compute_distances=True).fit(Y)
    assert model.n_connected_components_ == peer.n_connected_components_ == 4
    np.testing.assert_allclose(heights(model), peer.distances_, rtol=1e-12)
    assert adjusted_rand_score(model.labels_, peer.labels_) == 1.0
    if linkage == "complete":
        with pytest.warns(UserWarning, match="Completing it"):
            given = AgglomerativeClustering(
                3, linkage=linkage, metric="precomputed", connectivity=csr_array(near)
            ).fit(squareform(pdist(Y)))
        np.testing.assert_array_equal(given.labels_, model.labels_)


def test_callables_diagonals_and_directions_of_a_graph():
    model = AgglomerativeClustering(4, connectivity=NEAR).fit(X)
    for near in (
        lambda rows: kneighbors_graph(rows, 5),
        coo_array(NEAR),
        NEAR.toarray() + NEAR.toarray().T + np.eye(160) * 7,
    ):
        other = AgglomerativeClustering(4, connectivity=near).fit(X)
        np.testing.assert_array_equal(other.labels_, model.labels_)


@pytest.mark.parametrize("metric", ["manhattan", "cosine"])
def test_metrics_along_a_graph(metric):
    parameters = {"linkage": "average", "metric": metric, "connectivity": NEAR}
    model = AgglomerativeClustering(4, compute_distances=True, **parameters).fit(X)
    peer = Peer(4, compute_distances=True, **parameters).fit(X)
    np.testing.assert_allclose(model.distances_, peer.distances_, rtol=1e-12)


def test_partial_trees_are_cut_and_refused():
    model = AgglomerativeClustering(110, connectivity=NEAR).fit(X)
    for k in (110, 130, 160):
        fitted = AgglomerativeClustering(k, connectivity=NEAR).fit(X)
        np.testing.assert_array_equal(model.cut(k), fitted.labels_)
        np.testing.assert_array_equal(model.recut(k).children_, fitted.children_)
    with pytest.raises(ValueError, match=r"must be in 110\.\.160"):
        model.cut(109)
    with pytest.raises(ValueError, match="not built to its root"):
        model.cut(distance_threshold=1.0)
    with pytest.raises(ValueError, match="not whole"):
        _ = model.linkage_matrix_


def test_wrong_graphs():
    with pytest.raises(ValueError, match=r"Wrong shape for connectivity matrix: \(3, 3\)"):
        AgglomerativeClustering(connectivity=np.eye(3)).fit(X)
    model = AgglomerativeClustering(metric="precomputed", connectivity=np.ones((3, 3)))
    with pytest.raises(ValueError, match="centres of clusters"):
        model.fit(np.ones((3, 3)))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("linkage", "metric"),
    [("single", "euclidean"), ("average", "manhattan"), ("complete", "precomputed")],
)
def test_rows_stay_where_they_are(xp, linkage, metric):
    """A graph in three pieces is followed on the host."""
    rows = X[:90]
    graph = NEAR[:90][:, :90].toarray() * (np.arange(90)[:, None] // 30 == np.arange(90) // 30)
    given = cdist(rows, rows) if metric == "precomputed" else rows
    model = AgglomerativeClustering(4, linkage=linkage, metric=metric, compute_distances=True)
    expected, found = model.set_params(connectivity=graph), clone(model)
    found.set_params(connectivity=xp.asarray(graph))
    with pytest.warns(UserWarning, match="connected components"):
        expected.fit(given)
    with pytest.warns(UserWarning, match="connected components"):
        found.fit(xp.asarray(given))
    assert xp.owns(found.labels_)
    np.testing.assert_array_equal(xp.to_host(found.labels_), expected.labels_)
    np.testing.assert_array_equal(xp.to_host(found.children_), expected.children_)
    np.testing.assert_allclose(xp.to_host(found.distances_), expected.distances_, rtol=1e-6)


def test_what_would_take_rows_from_a_device_is_refused(xp):
    if xp.name == "numpy":
        return
    with pytest.raises(ValueError, match="centres of clusters on the host"):
        AgglomerativeClustering(connectivity=NEAR).fit(xp.asarray(X))
    model = AgglomerativeClustering(linkage="average", metric="cosine", connectivity=NEAR)
    with pytest.raises(ValueError, match="'cosine' with connectivity is measured on the host"):
        model.fit(xp.asarray(X))


def test_function_forms():
    children, parts, leaves, parents, distances = ward_tree(X, return_distance=True)
    Z = scipy_linkage(X, "ward")
    np.testing.assert_array_equal(children, Z[:, :2])
    np.testing.assert_allclose(distances, Z[:, 2], rtol=1e-12)
    assert (parts, leaves, parents) == (1, 160, None)
    children, _, _, parents = linkage_tree(X, NEAR, 20, "average")
    assert children.shape == (140, 2)
    assert parents.shape == (300,)
    assert np.sum(parents == np.arange(300)) == 20
    np.testing.assert_array_equal(parents[children[7]], 167)
    with pytest.warns(UserWarning, match="Partial build"):
        ward_tree(X, n_clusters=3)
    with pytest.raises(ValueError, match="zero vectors"):
        linkage_tree(np.zeros((3, 2)), affinity="cosine")


def test_large_grids_take_no_recursion():
    rng = np.random.default_rng(0)
    truth = np.add.outer((np.arange(60) > 29) * 2, (np.arange(50) > 19) * 3)
    image = 10 * truth + rng.normal(size=(60, 50))
    model = AgglomerativeClustering(4, connectivity=grid_to_graph(60, 50)).fit(image.reshape(-1, 1))
    assert adjusted_rand_score(model.labels_, truth.ravel()) == 1.0
