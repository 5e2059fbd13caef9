"""Points in a plane, and the regions of their clusters."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.cluster
import sklearn.mixture
from matplotlib.colors import to_rgba
from scipy.sparse import csr_matrix
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA

from clusterx import Blocks, KMeans
from clusterx.plotting import ClusterBoundaryDisplay, ClusterScatterDisplay, canvas
from clusterx.plotting.data import PlotTable, in_plane

X, Y = make_blobs(150, 2, centers=3, cluster_std=0.5, random_state=0)
WIDE = np.random.default_rng(0).normal(size=(90, 6)) * [1, 9, 2, 1, 5, 1] + 20


def offsets(collections):
    return [np.asarray(c.get_offsets()) for c in collections]


# -- scatter -------------------------------------------------------------------------------------


def test_points_of_each_cluster(xp):
    display = ClusterScatterDisplay.from_predictions(xp.asarray(X), xp.asarray(Y))
    assert len(display.points_) == 3
    for i, (found, color) in enumerate(
        zip(offsets(display.points_), canvas.cluster_colors(3), strict=True)
    ):
        np.testing.assert_allclose(found, X[Y == i])
        np.testing.assert_array_equal(display.points_[i].get_facecolor()[0], to_rgba(color))
    assert display.noise_ is display.centers_ is None
    # each number stands on a point of its cluster
    for i, text in enumerate(display.texts_):
        assert text.get_text() == str(i)
        assert np.abs(X[Y == i] - text.get_position()).sum(axis=1).min() < 1e-12
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Feature 0", "Feature 1")


@pytest.mark.smoke
def test_model_on_its_device(xp):
    rows = xp.asarray(X)
    model = KMeans(3, random_state=0).fit(rows)
    display = ClusterScatterDisplay.from_estimator(model, rows)
    centers = xp.to_host(model.cluster_centers_)
    np.testing.assert_array_equal(np.asarray(display.centers_.get_offsets()), centers)
    np.testing.assert_array_equal([t.get_position() for t in display.texts_], centers)
    labels = xp.to_host(model.labels_)
    assert [len(p) for p in offsets(display.points_)] == np.bincount(labels).tolist()
    assert display.ax_.get_title() == "KMeans: 3 clusters"


def test_principal_plane_is_that_of_pca(xp):
    centers = WIDE[:2]
    labels = np.arange(90) % 2
    display = ClusterScatterDisplay.from_predictions(
        xp.asarray(WIDE), xp.asarray(labels), centers=xp.asarray(centers)
    )
    pca = PCA(2, svd_solver="full").fit(WIDE)
    signs = np.sign(pca.components_[np.arange(2), np.abs(pca.components_).argmax(axis=1)])
    np.testing.assert_allclose(display.points, pca.transform(WIDE) * signs, atol=1e-9)
    np.testing.assert_allclose(display.centers, display.points[:2], atol=1e-9)
    share = pca.explained_variance_ratio_
    names = display.ax_.get_xlabel(), display.ax_.get_ylabel()
    assert names[0] == f"First principal component ({share[0]:.0%} of variance)"
    assert names[1] == f"Second principal component ({share[1]:.0%} of variance)"


@pytest.mark.parametrize("shape", [(5, 40), (2, 3), (1, 3)])
def test_principal_plane_of_few_rows(xp, shape):
    rows = np.random.default_rng(1).normal(size=shape)
    plane = in_plane(PlotTable(xp.asarray(rows)), None, None, "pca")
    wanted = np.zeros((shape[0], 2))
    centered = rows - rows.mean(axis=0)
    u, s, _ = np.linalg.svd(centered, full_matrices=False)
    count = min(2, len(s))
    wanted[:, :count] = u[:, :count] * s[:count]
    np.testing.assert_allclose(np.abs(plane.points), np.abs(wanted), atol=1e-7)


def test_principal_plane_of_many_columns(monkeypatch):
    from clusterx.plotting import data

    rows = np.random.default_rng(0).normal(size=(300, 60)) * np.r_[30, 10, np.ones(58)]
    whole = in_plane(PlotTable(rows), None, None, None).points
    monkeypatch.setattr(data, "_AXES_FROM", 20)
    some = in_plane(PlotTable(rows), None, None, None).points
    for i in range(2):
        assert abs(np.corrcoef(whole[:, i], some[:, i])[0, 1]) > 0.95


def test_principal_plane_of_a_large_sparse_matrix(monkeypatch):
    from clusterx.plotting import data

    rows = np.random.default_rng(0).poisson(0.3, size=(80, 40)) * np.r_[9, 5, np.ones(38)]
    centers = rows[:3] + 1.0
    whole = in_plane(PlotTable(csr_matrix(rows)), None, centers, None)
    np.testing.assert_allclose(whole.points, in_plane(PlotTable(rows), None, centers, None).points)
    monkeypatch.setattr(data, "_DENSE", 0)
    monkeypatch.setattr(csr_matrix, "toarray", None)  # which would need the memory
    sparse = in_plane(PlotTable(csr_matrix(rows)), None, centers, None)
    np.testing.assert_allclose(sparse.points, whole.points, atol=1e-8)
    np.testing.assert_allclose(sparse.centers, whole.centers, atol=1e-8)
    assert sparse.names == whole.names
    same = in_plane(PlotTable(csr_matrix(np.ones((4, 3)))), None, None, None)
    np.testing.assert_array_equal(same.points, np.zeros((4, 2)))


def test_constant_rows_have_a_plane():
    display = ClusterScatterDisplay.from_predictions(np.ones((4, 3)), [0, 0, 1, 1])
    np.testing.assert_array_equal(display.points, np.zeros((4, 2)))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_features_by_name_and_index(frame):
    names = [f"column {i}" for i in range(6)]
    table = frame(dict(zip(names, WIDE.T, strict=True)))
    model = KMeans(2, random_state=0).fit(table)
    display = ClusterScatterDisplay.from_estimator(model, table, features=["column 4", -1])
    np.testing.assert_array_equal(display.points, WIDE[:, [4, 5]])
    np.testing.assert_array_equal(display.centers, model.cluster_centers_[:, [4, 5]])
    assert display.feature_names == ("column 4", "column 5")


def test_features_of_a_device_array(xp):
    display = ClusterScatterDisplay.from_predictions(xp.asarray(WIDE), [0] * 90, features=(3, 1))
    np.testing.assert_array_equal(display.points, WIDE[:, [3, 1]])


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        ("tsne", ValueError, "features must be 'pca' or two columns"),
        ([1], ValueError, "features must be 'pca' or two columns"),
        ([1, 6], ValueError, "features names column 6, but X has 6 columns"),
        ([1, 1.5], TypeError, "indices or names of columns, got 1.5"),
        (["a", "b"], ValueError, "the columns of X have no names"),
    ],
)
def test_wrong_features(features, error, message):
    with pytest.raises(error, match=message):
        ClusterScatterDisplay.from_predictions(WIDE, [0] * 90, features=features)


def test_unknown_names():
    with pytest.raises(ValueError, match=r"the column 'z', which X does not have.* 'a', 'b'"):
        ClusterScatterDisplay.from_predictions(
            pd.DataFrame(X, columns=["a", "b"]), Y, features=["a", "z"]
        )


@pytest.mark.parametrize("kind", [csr_matrix, Blocks, np.ndarray.tolist])
def test_rows_of_other_kinds(kind):
    display = ClusterScatterDisplay.from_predictions(kind(X), Y, max_points=40)
    wanted = ClusterScatterDisplay.from_predictions(X, Y, max_points=40)
    np.testing.assert_allclose(display.points, wanted.points)


def test_sample_is_told(xp):
    rows = np.column_stack([np.arange(3000.0), np.arange(3000) % 7])
    labels = np.arange(3000) % 3
    display = ClusterScatterDisplay.from_predictions(
        xp.asarray(rows), xp.asarray(labels), max_points=500
    )
    assert len(display.points) == 500
    assert len(np.unique(display.points[:, 0])) == 500
    np.testing.assert_array_equal(display.labels, display.points[:, 0] % 3)
    assert "500 of 3,000 points drawn" in display.ax_.get_title()


def test_noise_is_grey_and_told():
    labels = np.where(np.arange(150) < 9, -1, Y)
    display = ClusterScatterDisplay.from_predictions(X, labels)
    np.testing.assert_array_equal(np.asarray(display.noise_.get_offsets()), X[:9])
    np.testing.assert_array_equal(display.noise_.get_edgecolor()[0], to_rgba(canvas.NOISE))
    assert len(display.points_) == 3
    assert "9 noise points in grey" in display.ax_.get_title()
    model = sklearn.cluster.DBSCAN(eps=0.5).fit(X)
    display = ClusterScatterDisplay.from_estimator(model, X)
    assert f"{(model.labels_ == -1).sum()} noise points" in display.ax_.get_title()


@pytest.mark.parametrize(
    "ids",
    [pd.Series([-1, 0, 1], dtype=object), [-1, 2**63, 2**63 + 1], [-1.0, 0.0, 1.0]],
    ids=["objects", "beyond 63 bits", "floats"],
)
def test_noise_however_its_number_is_stored(ids):
    display = ClusterScatterDisplay.from_predictions(X[:3], ids)
    assert display.ax_.get_title() == "2 clusters\n1 noise point in grey"
    assert [t.get_text() for t in display.texts_] == [str(int(i)) for i in list(ids)[1:]]


def test_nothing_but_noise():
    display = ClusterScatterDisplay.from_predictions(X, np.full(150, -1))
    assert display.points_ == display.texts_ == []
    assert "0 clusters" in display.ax_.get_title()


@pytest.mark.parametrize("k", [1, 12, 13, 60, 120])
def test_any_number_of_clusters(k):
    rows = np.random.default_rng(0).normal(size=(600, 2))
    display = ClusterScatterDisplay.from_predictions(rows, np.arange(600) % k)
    assert len(display.points_) == k
    assert len(display.texts_) == (k if k <= 100 else 0)
    looks = {
        (tuple(p.get_facecolor()[0]), p.get_paths()[0].vertices.tobytes()) for p in display.points_
    }
    assert len(looks) == k


def test_a_cluster_without_points_keeps_its_color():
    centers = np.array([[0.0, 0.0], [9.0, 9.0], [1.0, 1.0]])
    display = ClusterScatterDisplay(X, np.where(Y == 1, 2, Y), centers=centers).plot()
    assert [len(p) for p in offsets(display.points_)][1] == 0
    color = to_rgba(canvas.cluster_colors(3)[2])
    np.testing.assert_array_equal(display.points_[2].get_facecolor()[0], color)
    assert len(display.texts_) == 3


def test_one_feature_is_drawn_against_the_row(xp):
    model = KMeans(2, random_state=0).fit(xp.asarray(X[:, :1]))
    display = ClusterScatterDisplay.from_estimator(model, xp.asarray(X[:, :1]))
    np.testing.assert_array_equal(display.points, np.column_stack([X[:, 0], np.arange(150)]))
    assert display.ax_.get_ylabel() == "Row"


def test_columns_of_a_sparse_matrix():
    display = ClusterScatterDisplay.from_predictions(csr_matrix(WIDE), [0] * 90, features=(4, 0))
    np.testing.assert_array_equal(display.points, WIDE[:, [4, 0]])


def test_long_names_are_wrapped():
    names = ["a very long name of a feature " * 4, "another very long name of a feature " * 3]
    display = ClusterScatterDisplay.from_predictions(pd.DataFrame(X, columns=names), Y)
    assert display.ax_.get_xlabel().count("\n") >= 2
    assert display.ax_.get_xlabel().replace("\n", " ") == names[0].strip()


def test_many_points_are_rasterized():
    few = ClusterScatterDisplay(X, Y).plot()
    assert not few.points_[0].get_rasterized()
    many = ClusterScatterDisplay(np.tile(X, (40, 1)), np.tile(Y, 40)).plot()
    assert many.points_[0].get_rasterized()


def test_scatter_kwargs():
    display = ClusterScatterDisplay.from_predictions(X, Y, scatter_kwargs={"s": 77})
    assert display.points_[0].get_sizes().tolist() == [77]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"centers": [[0.0, 0.0], [1.0, 1.0]]}, r"labels from 0 to 2 don't fit 2 centers"),
        ({"centers": [[0.0], [1.0], [2.0]]}, "centers has 1 columns and X has 2 features"),
        ({"centers": [0.0, 1.0]}, "centers must be a 2-D array"),
        ({"centers": [[np.nan, 1.0]] * 3}, "centers contains NaN"),
        ({"max_points": 0}, "max_points must be at least 1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClusterScatterDisplay.from_predictions(X, Y, **arguments)
    assert not plt.get_fignums()


@pytest.mark.parametrize("columns", [2, 4])
def test_rows_must_be_finite(xp, columns):
    rows = np.ones((10, columns))
    rows[3, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN or infinity"):
        ClusterScatterDisplay.from_predictions(xp.asarray(rows), [0] * 10)


def test_rows_must_be_a_matrix(xp):
    with pytest.raises(ValueError, match="Expected 2D array"):
        ClusterScatterDisplay.from_predictions(xp.asarray(X[:, 0]), Y)


# -- regions -------------------------------------------------------------------------------------


def test_regions_are_the_predictions(xp):
    rows = xp.asarray(X)
    model = KMeans(3, random_state=0).fit(rows)
    display = ClusterBoundaryDisplay.from_estimator(model, rows, grid_resolution=60)
    centers = xp.to_host(model.cluster_centers_)
    grid = np.stack(np.meshgrid(display.x, display.y), axis=-1)
    nearest = np.linalg.norm(grid[:, :, None] - centers, axis=-1).argmin(axis=-1)
    np.testing.assert_array_equal(display.regions, nearest)
    colors = canvas.lightened(canvas.cluster_colors(3), 0.62)
    np.testing.assert_allclose(display.regions_.get_array(), colors[nearest])
    assert len(display.boundaries_) == 3
    assert [len(p) for p in offsets(display.points_)] == np.bincount(
        xp.to_host(model.labels_)
    ).tolist()
    np.testing.assert_array_equal(np.asarray(display.centers_.get_offsets()), centers)
    left, right, low, high = display.regions_.get_extent()
    assert left < X[:, 0].min() < X[:, 0].max() < right
    assert low < X[:, 1].min() < X[:, 1].max() < high


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_regions_of_other_dtypes(xp, dtype):
    rows = xp.asarray((X - X.min()).astype(dtype))
    model = KMeans(3, random_state=0).fit(rows)
    display = ClusterBoundaryDisplay.from_estimator(model, rows, grid_resolution=30)
    assert sorted(np.unique(display.regions)) == [0, 1, 2]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_regions_of_a_frame(frame):
    table = frame({"length": X[:, 0], "width": X[:, 1]})
    model = KMeans(3, random_state=0).fit(table)
    display = ClusterBoundaryDisplay.from_estimator(model, table, grid_resolution=30)
    assert display.ax_.get_xlabel() == "length"
    assert display.ax_.get_ylabel() == "width"


def test_regions_of_a_model_without_hard_centers():
    model = sklearn.mixture.GaussianMixture(3, random_state=0).fit(X)
    display = ClusterBoundaryDisplay.from_estimator(model, X, grid_resolution=30)
    np.testing.assert_array_equal(np.asarray(display.centers_.get_offsets()), model.means_)


def test_a_single_region_and_a_single_point():
    model = KMeans(1, random_state=0).fit(X)
    display = ClusterBoundaryDisplay.from_estimator(model, X, grid_resolution=20)
    assert display.boundaries_ == []
    assert "regions of 1 cluster" in display.ax_.get_title()
    model = KMeans(1, random_state=0).fit(X[:1])
    ClusterBoundaryDisplay.from_estimator(model, X[:1], grid_resolution=20)


def test_many_regions():
    model = KMeans(60, random_state=0).fit(X)
    display = ClusterBoundaryDisplay.from_estimator(model, X, max_points=100)
    assert len(display.boundaries_) == 60
    assert "100 of 150 points drawn" in display.ax_.get_title()


def test_regions_alone():
    display = ClusterBoundaryDisplay([0, 1, 2], [0, 1], [[0, 0, 1], [0, 1, 1]]).plot()
    assert display.points_ == display.texts_ == []
    assert display.centers_ is None
    assert display.regions_.get_extent() == [-0.5, 2.5, -0.5, 1.5]


def test_wrong_regions():
    with pytest.raises(ValueError, match="regions must have a row for each of the 2 values of y"):
        ClusterBoundaryDisplay([0, 1, 2], [0, 1], [[0, 1], [0, 1]]).plot()
    with pytest.raises(ValueError, match="points are given without labels"):
        ClusterBoundaryDisplay([0, 1], [0, 1], [[0, 1], [0, 1]], points=X).plot()
    with pytest.raises(ValueError, match="labels from 0 to 5 don't fit 2 centers"):
        ClusterBoundaryDisplay([0, 1], [0, 1], [[0, 1], [0, 5]], centers=X[:2]).plot()


def test_models_that_have_no_regions():
    with pytest.raises(ValueError, match="the plane of 2 features, and X has 6"):
        ClusterBoundaryDisplay.from_estimator(KMeans(2, random_state=0).fit(WIDE), WIDE)
    with pytest.raises(TypeError, match="DBSCAN has no predict"):
        ClusterBoundaryDisplay.from_estimator(sklearn.cluster.DBSCAN().fit(X), X)
