"""HDBSCAN against scikit-learn's, against brute force, and what it adds."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array
from scipy.spatial.distance import cdist
from sklearn.cluster import HDBSCAN as PeerHDBSCAN
from sklearn.datasets import make_blobs, make_circles, make_moons

from clusterx import HDBSCAN


def data(kind, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "moons":
        return make_moons(150, noise=0.06, random_state=seed)[0]
    if kind == "circles":
        return make_circles(150, factor=0.4, noise=0.03, random_state=seed)[0]
    if kind == "blobs":
        std = [0.3, 0.6, 1.2]
        return make_blobs(150, n_features=3, centers=3, cluster_std=std, random_state=seed)[0]
    if kind == "far":
        return data("blobs", seed) + 1e6
    if kind == "line":
        return np.sort(rng.exponential(size=80))[:, None] * np.array([[1.0, -2.0]])
    if kind == "grid":
        return rng.integers(0, 7, (120, 2)).astype(float)
    if kind == "equal":
        return np.repeat(rng.normal(size=(6, 2)), 12, axis=0)
    return rng.uniform(size=(100, 2))  # all noise


def tree_heights(X, k, metric="euclidean", alpha=1.0):
    """Weights of the least spanning tree of mutual reachability, by Prim's steps on a matrix."""
    D = cdist(X, X, metric)
    core = np.sort(D, axis=1)[:, k - 1]
    W = np.maximum(D / alpha, np.maximum(core[:, None], core))
    best, heights = W[0].copy(), []
    best[0] = -1.0
    for _ in range(len(X) - 1):
        j = int(np.where(best >= 0, best, np.inf).argmin())
        heights.append(best[j])
        best = np.where(best >= 0, np.minimum(best, W[j]), best)
        best[j] = -1.0
    return np.sort(heights)


def heights_of(model):
    return model.single_linkage_tree_.to_numpy()[:, 2]


def same(a, b):
    """Equal fits."""
    np.testing.assert_array_equal(a.labels_, b.labels_)
    np.testing.assert_array_equal(a.probabilities_, b.probabilities_)
    np.testing.assert_array_equal(a.outlier_scores_, b.outlier_scores_)
    np.testing.assert_array_equal(a.cluster_persistence_, b.cluster_persistence_)


# -- the tree ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["moons", "circles", "blobs", "far", "line", "grid", "equal", "noise"]
)
def test_merge_heights_are_those_of_brute_force(kind):
    X = data(kind)
    model = HDBSCAN(min_samples=4).fit(X)
    # cdist rounds squares in another order
    np.testing.assert_allclose(heights_of(model), tree_heights(X, 4), rtol=1e-12, atol=1e-9)


@pytest.mark.smoke
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backends_agree_and_results_stay_with_the_rows(xp, dtype):
    host = data("blobs").astype(dtype)
    model = HDBSCAN(min_cluster_size=8, store_centers="both").fit(xp.asarray(host))
    expected = HDBSCAN(min_cluster_size=8, store_centers="both").fit(host.astype(np.float64))
    assert xp.owns(model.labels_)
    assert xp.owns(model.probabilities_)
    assert xp.owns(model.centroids_)
    assert str(model.labels_.dtype).endswith("int32")
    np.testing.assert_allclose(heights_of(model), heights_of(expected), rtol=1e-6)
    np.testing.assert_array_equal(xp.to_host(model.labels_), expected.labels_)
    np.testing.assert_allclose(xp.to_host(model.probabilities_), expected.probabilities_, rtol=1e-5)
    np.testing.assert_allclose(xp.to_host(model.centroids_), expected.centroids_, rtol=1e-5)
    np.testing.assert_allclose(xp.to_host(model.medoids_), expected.medoids_, rtol=1e-6)
    labels, strengths = model.approximate_predict(xp.asarray(host[::7]))
    np.testing.assert_array_equal(xp.to_host(labels), expected.labels_[::7])
    assert xp.owns(labels)
    assert xp.owns(strengths)
    memberships = model.membership_vector(xp.asarray(host[::7]))
    assert xp.owns(memberships)
    assert memberships.shape == (len(host[::7]), 3)


def test_threads_do_not_change_a_bit(monkeypatch):
    X = np.random.default_rng(0).integers(0, 40, (3000, 2)).astype(float)
    fits = []
    for threads in ("1", "2"):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        fits.append(HDBSCAN(min_cluster_size=20).fit(X))
    same(*fits)
    trees = [fit.single_linkage_tree_.to_numpy() for fit in fits]
    np.testing.assert_array_equal(*trees)


# -- against scikit-learn ------------------------------------------------------------------------

CASES = {
    "default": {},
    "larger": {"min_cluster_size": 12},
    "leaf": {"cluster_selection_method": "leaf"},
    "single": {"allow_single_cluster": True},
    "limited": {"max_cluster_size": 45},
    "manhattan": {"metric": "manhattan"},
    "canberra": {"metric": "canberra"},
    "callable": {"metric": lambda a, b: float(np.abs(a - b).max())},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["moons", "blobs", "noise"])
def test_without_ties_the_clusters_are_scikit_learns(kind, case):
    # core distances make ties, which scikit-learn breaks by how it sorts: with min_samples=1 all
    # of them are zero
    X = data(kind)
    parameters = {**CASES[case], "min_samples": 1, "store_centers": "both"}
    model, peer = HDBSCAN(**parameters).fit(X), PeerHDBSCAN(copy=True, **parameters).fit(X)
    np.testing.assert_array_equal(model.labels_, peer.labels_)
    np.testing.assert_allclose(model.probabilities_, peer.probabilities_, rtol=1e-10)
    np.testing.assert_allclose(model.centroids_, peer.centroids_, rtol=1e-10)
    np.testing.assert_allclose(model.medoids_, peer.medoids_)


@pytest.mark.parametrize("kind", ["moons", "circles", "blobs"])
def test_with_ties_few_rows_differ_from_scikit_learn(kind):
    X = data(kind)
    model, peer = HDBSCAN().fit(X), PeerHDBSCAN(copy=True).fit(X)
    np.testing.assert_allclose(heights_of(model), peer._single_linkage_tree_["value"], rtol=1e-12)
    assert np.mean(model.labels_ != peer.labels_) <= 0.02
    assert np.mean(~np.isclose(model.probabilities_, peer.probabilities_)) <= 0.05


def test_rows_that_are_not_finite_get_labels_of_their_own(xp):
    X = data("blobs")
    X[3, 0], X[10, 1], X[20] = np.nan, np.inf, [np.inf, -np.inf, np.nan]
    X[21] = [np.inf, -np.inf, 0.0]
    model = HDBSCAN().fit(xp.asarray(X))
    labels = xp.to_host(model.labels_)
    assert labels[[3, 10, 20, 21]].tolist() == [-3, -2, -3, -2]
    strengths = xp.to_host(model.probabilities_)[[3, 10, 20, 21]]
    np.testing.assert_array_equal(strengths, [np.nan, 0.0, np.nan, 0.0])
    kept = np.isfinite(X).all(axis=1)
    clean = HDBSCAN().fit(X[kept])
    np.testing.assert_array_equal(labels[kept], clean.labels_)
    table, expected = model.condensed_tree_.to_numpy(), clean.condensed_tree_.to_numpy()
    rows = np.flatnonzero(kept)
    inner = expected["child"] < len(rows)
    np.testing.assert_array_equal(table["child"][inner], rows[expected["child"][inner]])
    Z = model.single_linkage_tree_.to_numpy()
    assert len(Z) == len(X) - 1
    assert np.isinf(Z[-4:, 2]).all()
    assert Z[-1, 3] == len(X)
    cut = xp.to_host(model.dbscan_clustering(0.5))
    assert cut[[3, 10, 20, 21]].tolist() == [-3, -2, -3, -2]


# -- selection -----------------------------------------------------------------------------------


def test_clusters_that_part_below_epsilon_stay_one():
    # two pairs of blobs: pairs are 30 apart, and blobs of a pair 3
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [3.0, 0.0], [30.0, 0.0], [33.0, 0.0]])
    X = np.concatenate([c + rng.normal(scale=0.2, size=(30, 2)) for c in centers])
    owner = np.repeat([0, 1, 2, 3], 30)
    for method in ("eom", "leaf"):
        model = HDBSCAN(min_cluster_size=10, cluster_selection_method=method)
        fine = model.fit(X).labels_
        pairs = model.set_params(cluster_selection_epsilon=5.0).fit(X).labels_
        assert {len(set(pairs[owner // 2 == i])) for i in (0, 1)} == {1}
        assert len({*pairs.tolist()}) == 2
        assert len({*fine.tolist()} - {-1}) >= 4
        # the root is the only cluster born above 50
        model.set_params(cluster_selection_epsilon=50.0)
        assert len({*model.fit(X).labels_.tolist()}) == 2
        model.set_params(allow_single_cluster=True)
        assert set(model.fit(X).labels_.tolist()) == {0}


def test_no_cluster_is_larger_than_allowed():
    X = data("blobs")
    model = HDBSCAN(max_cluster_size=20, allow_single_cluster=True).fit(X)
    counts = np.bincount(model.labels_[model.labels_ >= 0])
    assert 0 < counts.max() <= 20


def test_too_large_a_cluster_size_leaves_noise_alone():
    model = HDBSCAN(min_cluster_size=76, min_samples=5, store_centers="both").fit(data("blobs"))
    assert set(model.labels_.tolist()) == {-1}
    assert model.centroids_.shape == model.medoids_.shape == (0, 3)
    assert model.all_points_membership_vectors().shape == (150, 0)
    assert len(model.cluster_persistence_) == 0


@pytest.mark.parametrize(
    "parameters",
    [
        {"min_cluster_size": 12},
        {"min_cluster_size": 3, "cluster_selection_method": "leaf"},
        {"min_cluster_size": 40, "allow_single_cluster": True},
        {"cluster_selection_epsilon": 0.7},
    ],
)
def test_recut_equals_a_fit(parameters):
    X = data("blobs")
    model = HDBSCAN(min_cluster_size=7, min_samples=4, store_centers="centroid").fit(X)
    before = model.labels_.copy()
    made = model.recut(**parameters)
    fitted = HDBSCAN(**{"min_cluster_size": 7, "min_samples": 4, **parameters}).fit(X)
    same(made, fitted)
    np.testing.assert_array_equal(model.labels_, before)
    assert made.get_params()["min_cluster_size"] == fitted.min_cluster_size
    with pytest.raises(TypeError, match="can't change min_samples"):
        model.recut(5, min_samples=3)


# -- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["euclidean", "precomputed", "csr"])
def test_weights_are_repeats(metric):
    rng = np.random.default_rng(1)
    X = data("moons")
    weights = rng.integers(1, 4, len(X))
    repeated = np.repeat(X, weights, axis=0)
    first = np.concatenate([[0], np.cumsum(weights)[:-1]])
    model = HDBSCAN(min_cluster_size=20, min_samples=6)
    expected = HDBSCAN(min_cluster_size=20, min_samples=6).fit(repeated)
    if metric != "euclidean":
        model.set_params(metric="precomputed")
        X = cdist(X, X) if metric == "precomputed" else csr_array(cdist(X, X))
    model.fit(X, sample_weight=weights)
    # equal rows of the repeated data merge at their core distance
    heights = np.unique(heights_of(model))
    assert np.isclose(heights[:, None], heights_of(expected)).any(axis=1).all()
    assert len(set(model.labels_)) == len(set(expected.labels_))
    assert np.mean(model.labels_ != expected.labels_[first]) <= 0.02
    np.testing.assert_allclose(model.cluster_persistence_, expected.cluster_persistence_, rtol=0.05)


def test_rows_of_weight_zero_are_noise_that_nothing_depends_on():
    X = data("blobs")
    weights = np.ones(len(X))
    weights[::5] = 0.0
    kept = weights > 0
    model = HDBSCAN().fit(X, sample_weight=weights)
    clean = HDBSCAN().fit(X[kept])
    np.testing.assert_array_equal(model.labels_[kept], clean.labels_)
    assert set(model.labels_[~kept].tolist()) == {-1}
    D = cdist(X, X)
    for matrix in (D, csr_array(D)):
        found = HDBSCAN(metric="precomputed").fit(matrix, sample_weight=weights)
        np.testing.assert_array_equal(found.labels_, model.labels_)


def test_fractions_of_weights_reach_further():
    X = data("blobs")
    model = HDBSCAN(min_cluster_size=5, min_samples=2).fit(X, sample_weight=np.full(150, 0.4))
    # five rows weigh two
    np.testing.assert_allclose(heights_of(model), tree_heights(X, 5), rtol=1e-12)


def test_a_row_may_weigh_as_much_as_a_cluster():
    X = np.array([[0.0], [1.0], [10.0], [10.5], [11.0]])
    model = HDBSCAN(min_cluster_size=3, min_samples=2).fit(X, sample_weight=[4, 4, 1, 1, 1])
    assert len({*model.labels_[:2].tolist()} - {-1}) >= 1
    assert len(set(model.labels_[2:].tolist())) == 1


# -- matrices of distances -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dense", "csr", "csc"])
def test_matrices_of_distances_give_the_tree_of_the_rows(kind):
    X = data("moons")
    D = cdist(X, X)
    before = D.copy()
    make = {"dense": np.asarray, "csr": csr_array, "csc": csc_array}[kind]
    matrix = make(D)
    model = HDBSCAN(metric="precomputed", alpha=1.2).fit(matrix)
    rows = HDBSCAN(alpha=1.2).fit(X)
    np.testing.assert_allclose(heights_of(model), heights_of(rows), rtol=1e-12)
    np.testing.assert_array_equal(model.labels_, rows.labels_)
    left = matrix if kind == "dense" else matrix.toarray()
    np.testing.assert_array_equal(left, before)


@pytest.mark.backends("array_api_strict", "cuda_on_cpu")
def test_matrices_of_distances_on_a_device(xp):
    X = data("moons")
    model = HDBSCAN(metric="precomputed").fit(xp.asarray(cdist(X, X)))
    np.testing.assert_array_equal(xp.to_host(model.labels_), HDBSCAN().fit(X).labels_)


def test_stored_zeros_absent_entries_and_an_absent_diagonal_are_three_things():
    X = np.array([[0.0], [0.0], [0.0], [5.0], [5.0], [6.0]])
    D = cdist(X, X)
    full = csr_array((D.ravel(), (np.repeat(range(6), 6), np.tile(range(6), 6))), (6, 6))
    assert full.nnz == 36  # zeros are stored
    parameters = {"metric": "precomputed", "min_cluster_size": 3, "min_samples": 2}
    expected = HDBSCAN(**parameters).fit(D)
    stored = HDBSCAN(**parameters).fit(full)
    np.testing.assert_array_equal(heights_of(stored), heights_of(expected))
    off = ~np.eye(6, dtype=bool)
    i, j = np.nonzero(off)
    bare = csr_array((D[off], (i, j)), (6, 6))
    assert bare.nnz == 30
    np.testing.assert_array_equal(heights_of(HDBSCAN(**parameters).fit(bare)), heights_of(expected))
    # without its zeros, row 0 does not know that rows 1 and 2 are near
    known = bare.copy()
    known.eliminate_zeros()
    missing = HDBSCAN(**parameters).fit(known)
    assert heights_of(missing)[0] == 1.0


def test_unknown_distances_are_refused_or_given():
    D = np.zeros((8, 8))
    D[:4, :4] = D[4:, 4:] = 1.0
    matrix = csr_array(D)
    model = HDBSCAN(metric="precomputed", min_cluster_size=3)
    with pytest.raises(ValueError, match="HDBSCAN cannot be performed on a disconnected graph"):
        model.fit(matrix)
    with pytest.raises(ValueError, match="There exists points with fewer than 5 neighbors"):
        model.set_params(min_samples=5).fit(matrix)
    model.set_params(min_samples=None, metric_params={"max_distance": 9.0}).fit(matrix)
    assert heights_of(model)[-1] == 9.0
    assert model.labels_.tolist() == [0] * 4 + [1] * 4
    D[D == 0] = np.inf
    with pytest.warns(UserWarning, match="weights with value infinity"):
        apart = HDBSCAN(metric="precomputed", min_cluster_size=3).fit(D)
    assert apart.labels_.tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize(
    ("D", "message"),
    [
        (np.ones((3, 2)), "expected to be symmetric, however it has shape"),
        (np.triu(np.ones((6, 6))), "values appear to be asymmetric"),
        (csr_array(np.triu(np.ones((6, 6)))), "values appear to be asymmetric"),
        (np.full((6, 6), np.nan), "np.nan values found"),
        (-np.ones((6, 6)), "Negative values"),
        (csr_array(-np.ones((6, 6))), "Negative values"),
    ],
)
def test_what_is_no_matrix_of_distances_is_refused(D, message):
    with pytest.raises(ValueError, match=message):
        HDBSCAN(metric="precomputed").fit(D)


# -- new rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["moons", "blobs", "far", "noise"])
def test_fitted_rows_are_predicted_as_they_are(kind):
    X = data(kind)
    for parameters in ({}, {"allow_single_cluster": True}, {"alpha": 1.5, "min_samples": 3}):
        model = HDBSCAN(**parameters).fit(X)
        labels, strengths = model.approximate_predict(X)
        np.testing.assert_array_equal(labels, model.labels_)
        np.testing.assert_allclose(strengths, model.probabilities_)


def test_new_rows_join_the_cluster_around_them():
    X, owner = make_blobs(300, centers=[[0, 0], [10, 0], [0, 10]], random_state=0)
    model = HDBSCAN(min_cluster_size=15).fit(X)
    new = np.array([[0.0, 0.1], [10.1, 0.0], [0.0, 10.2], [100.0, 100.0]])
    labels, strengths = model.approximate_predict(new)
    expected = [np.bincount(model.labels_[owner == i] + 1).argmax() - 1 for i in range(3)]
    assert labels.tolist() == [*expected, -1]
    assert (strengths[:3] > 0.5).all()
    assert strengths[3] == 0
    memberships = model.membership_vector(new)
    assert memberships[:3].argmax(axis=1).tolist() == expected
    assert memberships[3].sum() < 0.05 < 0.5 < memberships[:3].sum(axis=1).min()


def test_new_rows_join_at_the_least_mutual_reachability_distance():
    X = data("blobs")
    new = X[::3] + np.random.default_rng(4).normal(scale=6.0, size=(50, 3))
    model = HDBSCAN(min_cluster_size=10, min_samples=4, alpha=1.3).fit(X)
    core = np.sort(cdist(X, X), axis=1)[:, 3]
    D = cdist(new, X)
    own = np.sort(D, axis=1)[:, 3]
    reach = np.maximum(np.maximum(D / 1.3, core), own[:, None])
    row = np.array([np.lexsort((D[i], reach[i]))[0] for i in range(50)])
    table = model.condensed_tree_.to_numpy()
    leaves = {int(r["child"]): (int(r["parent"]), float(r["lambda_val"])) for r in table}
    clusters = model.condensed_tree_.selected_.tolist()
    death = {c: table["lambda_val"][table["parent"] == c].max() for c in clusters}
    labels, strengths = model.approximate_predict(new)
    for i in range(50):
        cluster, density = leaves[int(row[i])]
        density = min(density, 1 / reach[i, row[i]])
        while cluster != 150 and leaves[cluster][1] >= density:
            cluster = leaves[cluster][0]
        while cluster != 150 and cluster not in clusters:
            cluster = leaves[cluster][0]
        label = clusters.index(cluster) if cluster in clusters else -1
        assert labels[i] == label
        expected = min(density, death[cluster]) / death[cluster] if label >= 0 else 0.0
        assert strengths[i] == pytest.approx(expected)
    assert 0 < (labels >= 0).sum() < 50


def test_scores_compare_rows_with_the_densest_place_of_their_cluster():
    # the leaf clusters of blobs lie inside others, which rows leave before
    model = HDBSCAN(min_cluster_size=4).fit(data("blobs"))
    table = model.condensed_tree_.to_numpy()
    densest = {}
    for record in table[np.argsort(table["parent"], kind="stable")[::-1]]:
        below = densest.get(int(record["child"]), 0.0)
        c = int(record["parent"])
        densest[c] = max(densest.get(c, 0.0), float(record["lambda_val"]), below)
    rows = table[table["child"] < 150]
    expected = np.empty(150)
    expected[rows["child"]] = [1 - r["lambda_val"] / densest[int(r["parent"])] for r in rows]
    assert len(densest) > 4
    np.testing.assert_allclose(model.outlier_scores_, expected, atol=1e-14)


def test_memberships_of_fitted_rows():
    X = data("blobs")
    X[7] = np.nan
    model = HDBSCAN(min_cluster_size=10).fit(X)
    memberships = model.all_points_membership_vectors()
    assert memberships.shape == (150, len(model.cluster_persistence_))
    assert np.isnan(memberships[7]).all()
    kept = np.isfinite(X).all(axis=1)
    total = memberships[kept].sum(axis=1)
    assert (total > 0).all()
    assert (total <= 1 + 1e-12).all()
    np.testing.assert_allclose(model.membership_vector(X[kept]), memberships[kept])
    firm = model.probabilities_ == 1.0
    np.testing.assert_array_equal(memberships[firm].argmax(axis=1), model.labels_[firm])


def test_scores_of_outliers_grow_with_their_distance():
    X = np.concatenate([data("blobs"), [[40.0, 40.0, 40.0], [400.0, 400.0, 400.0]]])
    scores = HDBSCAN(min_cluster_size=10).fit(X).outlier_scores_
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert (scores <= 1).all()
    assert scores.argmax() == 151
    assert scores[150] > np.quantile(scores, 0.95)


def test_equal_rows_have_finite_results():
    X = data("equal")
    model = HDBSCAN(store_centers="both").fit(X)
    assert len(set(model.labels_.tolist())) == 6
    assert (model.probabilities_ == 1).all()
    assert (model.outlier_scores_ == 0).all()
    assert np.isfinite(model.all_points_membership_vectors()).all()
    assert np.isfinite(model.cluster_persistence_).all()
    np.testing.assert_array_equal(model.centroids_[model.labels_], X)


# -- the model -----------------------------------------------------------------------------------


def test_trees_as_tables():
    pandas = pytest.importorskip("pandas")
    model = HDBSCAN(min_cluster_size=10).fit(data("blobs"))
    table = model.condensed_tree_.to_pandas()
    assert list(table.columns) == ["parent", "child", "lambda_val", "child_size"]
    assert pandas.api.types.is_integer_dtype(table["child_size"])
    assert sorted(table["child"][table["child_size"] == 1]) == list(range(150))
    assert set(model.condensed_tree_.selected_) <= set(table["child"])
    merges = model.single_linkage_tree_.to_pandas()
    assert list(merges.columns) == ["left_child", "right_child", "distance", "size"]
    assert merges["distance"].is_monotonic_increasing
    assert merges["size"].iloc[-1] == 150


def test_saved_models_predict_as_before():
    X = data("blobs")
    model = HDBSCAN().fit(X)
    loaded = pickle.loads(pickle.dumps(model))
    same(loaded, model)
    np.testing.assert_array_equal(loaded.approximate_predict(X)[0], model.labels_)
    same(loaded.recut(9), model.recut(9))


def test_moved_models_predict_where_they_are(xp):
    X = data("blobs")
    model = HDBSCAN().fit(X)
    moved = model.to_device(xp.asarray(X))
    assert xp.owns(moved.labels_)
    labels, _ = moved.approximate_predict(xp.asarray(X))
    np.testing.assert_array_equal(xp.to_host(labels), model.labels_)
    assert xp.owns(moved.recut(9).labels_)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"min_cluster_size": 1}, "'min_cluster_size' parameter of HDBSCAN must be"),
        ({"min_samples": 0}, "'min_samples' parameter of HDBSCAN must be"),
        ({"min_samples": 151}, r"min_samples \(151\) must be at most"),
        ({"alpha": 0.0}, "'alpha' parameter of HDBSCAN must be finite and above zero"),
        ({"cluster_selection_epsilon": -1}, "'cluster_selection_epsilon' parameter"),
        ({"metric": "nearly"}, "'metric' parameter of HDBSCAN"),
        ({"algorithm": "kd_tree", "metric": "cosine"}, "cosine is not a valid metric for a KDTree"),
        ({"metric": "precomputed", "store_centers": "medoid"}, "Cannot store centers"),
        ({"cluster_selection_method": "best"}, "'cluster_selection_method' parameter"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        HDBSCAN(**parameters).fit(data("blobs"))


def test_too_few_rows_are_refused():
    for X in ([[1.0, 2.0]], [[1.0, 2.0], [np.nan, 1.0]], np.full((3, 2), np.inf)):
        with pytest.raises(ValueError, match="requires more than one sample"):
            HDBSCAN(min_samples=1).fit(np.array(X))


def test_sparse_rows_are_clustered_as_dense_ones():
    X = np.random.default_rng(0).poisson(0.4, (120, 12)).astype(float)
    dense = HDBSCAN(min_samples=3, min_cluster_size=4).fit(X)
    same(HDBSCAN(min_samples=3, min_cluster_size=4).fit(csr_array(X)), dense)
    with pytest.raises(ValueError, match="only support algorithm `brute`"):
        HDBSCAN(algorithm="kd_tree").fit(csr_array(X))
