"""Knife diagrams, and the curves over the number of clusters."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import sklearn.cluster
from matplotlib.colors import to_rgba
from scipy.sparse import csr_matrix
from sklearn.datasets import make_blobs
from sklearn.metrics import silhouette_samples, silhouette_score

from clusterx import KMeans
from clusterx.plotting import ElbowDisplay, SilhouetteDisplay, SilhouetteSweepDisplay, canvas
from clusterx.selection import sweep

CORNERS = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]])
X, Y = make_blobs(120, 3, centers=CORNERS, random_state=0)


# -- knife diagrams ------------------------------------------------------------------------------


def test_bands_are_sorted_clusters(xp):
    display = SilhouetteDisplay.from_predictions(xp.asarray(X), xp.asarray(Y))
    wanted = silhouette_samples(X, Y)
    assert len(display.bars_) == 4
    bottom = 0
    for i, band in enumerate(display.bars_):
        points = band.get_paths()[0].vertices
        own = np.sort(wanted[Y == i])
        assert points[:, 1].min() >= bottom  # one above the other
        bottom = points[:, 1].max()
        assert np.ptp(points[:, 1]) == pytest.approx(len(own))
        # every bar's end is a vertex, in rising order
        ends = points[np.abs(points[:, 0]) > 0]
        right = ends[np.argsort(ends[:, 1], kind="stable")][:, 0]
        np.testing.assert_allclose(np.unique(right.round(9)), np.unique(own.round(9)), atol=1e-7)
    assert display.mean_ == pytest.approx(silhouette_score(X, Y), rel=1e-9)
    assert display.line_.get_xdata() == [display.mean_] * 2
    assert display.line_.get_linestyle() == "--"
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["0", "1", "2", "3"]


def test_colors_are_those_of_the_clusters():
    display = SilhouetteDisplay.from_predictions(X, Y)
    for band, color in zip(display.bars_, canvas.cluster_colors(4), strict=True):
        np.testing.assert_array_equal(band.get_facecolor()[0], to_rgba(color))


@pytest.mark.smoke
def test_model_on_its_device(xp):
    rows = xp.asarray(X)
    model = KMeans(4, random_state=0).fit(rows)
    display = SilhouetteDisplay.from_estimator(model, rows)
    wanted = silhouette_score(X, xp.to_host(model.labels_))
    assert display.mean_ == pytest.approx(wanted, rel=1e-9)
    assert display.ax_.get_title().startswith("KMeans: 4 clusters")
    np.testing.assert_array_equal(display.labels, xp.to_host(model.labels_))


@pytest.mark.parametrize("kind", [pd.DataFrame, csr_matrix, np.ndarray.tolist])
@pytest.mark.parametrize("labels", [Y, np.where(np.arange(len(X)) % 10 == 0, -1, Y)])
def test_rows_of_other_kinds(kind, labels):
    wanted = SilhouetteDisplay.from_predictions(X, labels).mean_
    assert SilhouetteDisplay.from_predictions(kind(X), labels).mean_ == pytest.approx(wanted)


def test_noise_is_left_out_and_told(xp):
    labels = np.where(np.arange(len(X)) % 10 == 0, -1, Y)
    display = SilhouetteDisplay.from_predictions(xp.asarray(X), xp.asarray(labels))
    kept = labels >= 0
    assert display.mean_ == pytest.approx(silhouette_score(X[kept], Y[kept]), rel=1e-9)
    assert len(display.bars_) == 4
    assert "12 noise points left out" in display.ax_.get_title()


def test_sample_is_told():
    display = SilhouetteDisplay.from_predictions(X, Y, sample_size=50, random_state=3)
    assert len(display.silhouette_values) == 50
    assert "50 of 120 points drawn" in display.ax_.get_title()
    again = SilhouetteDisplay.from_predictions(X, Y, sample_size=50, random_state=3)
    np.testing.assert_array_equal(again.silhouette_values, display.silhouette_values)
    whole = SilhouetteDisplay.from_predictions(X, Y, sample_size=500)
    assert "drawn" not in whole.ax_.get_title()


def test_metric_is_the_models_own():
    class Cosine(sklearn.cluster.KMeans):
        metric = "cosine"

    model = Cosine(3, random_state=0, n_init=1).fit(X)
    display = SilhouetteDisplay.from_estimator(model, X)
    assert display.mean_ == pytest.approx(silhouette_score(X, model.labels_, metric="cosine"))
    display = SilhouetteDisplay.from_estimator(model, X, metric="manhattan")
    assert display.mean_ == pytest.approx(silhouette_score(X, model.labels_, metric="manhattan"))


def test_precomputed_distances_of_what_is_left(xp):
    labels = np.where(np.arange(len(X)) % 10 == 0, -1, Y)
    distances = np.linalg.norm(X[:, None] - X[None], axis=-1)
    display = SilhouetteDisplay.from_predictions(
        xp.asarray(distances), labels, metric="precomputed"
    )
    kept = labels >= 0
    assert display.mean_ == pytest.approx(silhouette_score(X[kept], Y[kept]))


def test_many_clusters_have_as_many_numbers_as_fit():
    values = np.random.default_rng(0).uniform(-0.2, 1, 3000)
    display = SilhouetteDisplay(values, np.arange(3000) % 150).plot()
    assert len(display.bars_) == 150
    labels = [int(t.get_text()) for t in display.ax_.get_yticklabels()]
    assert labels == sorted(labels)
    assert 50 <= len(labels) < 150
    display.figure_.canvas.draw()
    boxes = [t.get_window_extent() for t in display.ax_.get_yticklabels()]
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))


def test_labels_may_be_names():
    names = np.array(["ant", "bee", "cat", "dog"])[Y]
    display = SilhouetteDisplay.from_predictions(X, names)
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["ant", "bee", "cat", "dog"]


@pytest.mark.parametrize("labels", [np.zeros(120, int), np.arange(120), np.full(120, -1)])
def test_too_few_clusters(labels):
    with pytest.raises(ValueError, match="needs at least 2, and more points than clusters"):
        SilhouetteDisplay.from_predictions(X, labels)


def test_wrong_labels(xp):
    with pytest.raises(ValueError, match="X has 120 rows and labels has 119"):
        SilhouetteDisplay.from_predictions(xp.asarray(X), xp.asarray(Y[:-1]))
    with pytest.raises(ValueError, match="labels must be a 1-D array"):
        SilhouetteDisplay.from_predictions(X, Y[:, None])
    with pytest.raises(ValueError, match="whole numbers or strings"):
        SilhouetteDisplay.from_predictions(X, Y + 0.5)
    with pytest.raises(TypeError, match="sample_size must be a whole number"):
        SilhouetteDisplay.from_predictions(X, Y, sample_size=0.5)


def test_models_that_cannot_label():
    model = sklearn.cluster.DBSCAN(eps=2).fit(X)
    SilhouetteDisplay.from_estimator(model, X)
    with pytest.raises(
        ValueError, match="DBSCAN has no predict, and its labels_ belong to 120 rows"
    ):
        SilhouetteDisplay.from_estimator(model, X[:100])
    from sklearn.preprocessing import StandardScaler

    with pytest.raises(TypeError, match="StandardScaler has neither predict nor labels_"):
        SilhouetteDisplay.from_estimator(StandardScaler().fit(X), X)


# -- elbow ---------------------------------------------------------------------------------------


def test_elbow_of_known_values(xp):
    values = xp.asarray(np.array([90.0, 40.0, 12.0, 10.0]))
    display = ElbowDisplay.from_predictions([1, 2, 4, 5], values, best=4)
    np.testing.assert_array_equal(display.line_.get_xdata(), [1, 2, 4, 5])
    np.testing.assert_array_equal(display.line_.get_ydata(), [90, 40, 12, 10])
    assert display.best_line_.get_xdata() == [4, 4]
    np.testing.assert_array_equal(display.best_point_.get_offsets(), [[4, 12]])
    assert display.text_.get_text() == "k = 4"
    assert display.ax_.get_ylim()[0] == 0
    ticks = display.ax_.get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_nothing_is_marked_without_a_choice():
    display = ElbowDisplay.from_predictions([3], [5.0])
    assert display.best_line_ is display.best_point_ is display.text_ is None


def test_elbow_of_a_sweep(xp):
    rows = xp.asarray(X)
    result = sweep(KMeans(random_state=0), rows, range(1, 8))
    display = ElbowDisplay.from_sweep(result)
    np.testing.assert_array_equal(display.line_.get_ydata(), result.scores["inertia"])
    assert display.best == result.best("elbow") == 4
    assert display.ax_.get_title().startswith("KMeans: inertia")
    same = ElbowDisplay.from_estimator(KMeans(random_state=0), rows, n_clusters=range(1, 8))
    np.testing.assert_array_equal(same.line_.get_ydata(), display.line_.get_ydata())
    assert same.best == 4


def test_a_sweep_without_an_elbow_is_drawn_unmarked():
    result = sweep(KMeans(random_state=0), X, [2, 3], metrics=("inertia",))
    with pytest.raises(ValueError, match="no knee"):
        result.best("elbow")
    display = ElbowDisplay.from_sweep(result)
    assert display.best_line_ is None
    assert len(display.line_.get_xdata()) == 2


@pytest.mark.parametrize("kind", [ElbowDisplay, SilhouetteSweepDisplay])
@pytest.mark.parametrize(
    ("counts", "values", "best", "message"),
    [
        ([1, 2], [1.0], None, "must have equal lengths"),
        ([], [], None, "must have equal lengths of at least 1"),
        ([2, 1], [1.0, 2.0], None, "whole numbers from 1, rising"),
        ([1.5, 2], [1.0, 2.0], None, "whole numbers from 1, rising"),
        ([0, 2], [1.0, 2.0], None, "whole numbers from 1, rising"),
        ([1, 2], [1.0, 2.0], 3, r"best is 3, which is not among n_clusters: \[1, 2\]"),
        ([1, 2], [np.nan, np.nan], None, "no finite number"),
    ],
)
def test_wrong_curves(kind, counts, values, best, message):
    with pytest.raises(ValueError, match=message):
        kind.from_predictions(counts, values, best=best)
    assert not plt.get_fignums()


@pytest.mark.parametrize("kind", [ElbowDisplay, SilhouetteSweepDisplay])
def test_wrong_sweeps(kind):
    with pytest.raises(TypeError, match=r"result must be a SweepResult, .* got dict"):
        kind.from_sweep({})
    result = sweep(KMeans(random_state=0), X, [2, 3], metrics=("davies_bouldin",))
    with pytest.raises(ValueError, match=r"The sweep has no '(inertia|silhouette)', only 'davies"):
        kind.from_sweep(result)


# -- silhouettes over k --------------------------------------------------------------------------


def test_silhouettes_of_known_values():
    display = SilhouetteSweepDisplay.from_predictions([1, 2, 3, 4], [np.nan, 0.4, 0.7, 0.5])
    assert display.best == 3
    np.testing.assert_array_equal(display.line_.get_xdata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(display.best_point_.get_offsets(), [[3, 0.7]])
    assert display.axes_ == []
    other = SilhouetteSweepDisplay.from_predictions([2, 3], [0.4, 0.7], best=2)
    assert other.text_.get_text() == "k = 2"


def test_silhouettes_of_a_sweep_with_diagrams(xp):
    rows = xp.asarray(X)
    result = sweep(KMeans(random_state=0), rows, range(1, 6))
    display = SilhouetteSweepDisplay.from_sweep(result, rows)
    np.testing.assert_array_equal(display.line_.get_ydata(), result.scores["silhouette"])
    assert display.best == result.best("silhouette") == 4
    assert len(display.axes_) == len(display.diagrams) == 4  # none of a single cluster
    assert len(display.figure_.axes) == 5
    for k, score, diagram, ax in zip(
        result.n_clusters[1:],
        result.scores["silhouette"][1:],
        display.diagrams,
        display.axes_,
        strict=True,
    ):
        assert diagram.ax_ is ax
        assert len(diagram.bars_) == k
        assert diagram.mean_ == pytest.approx(score, rel=1e-9)
    assert len({ax.get_xlim() for ax in display.axes_}) == 1


def test_silhouettes_of_an_estimator():
    model = KMeans(random_state=0)
    display = SilhouetteSweepDisplay.from_estimator(model, X, n_clusters=range(2, 6))
    assert display.best == 4
    assert display.axes_ == []
    display = SilhouetteSweepDisplay.from_estimator(
        model, X, n_clusters=range(2, 6), diagrams=True, sample_size=60
    )
    assert len(display.axes_) == 4
    assert "60 of 120 points drawn" in display.ax_.get_title()
    assert all("60 of 120 points drawn" in ax.get_title() for ax in display.axes_)


def test_diagrams_need_a_figure_of_their_own():
    _, ax = plt.subplots()
    result = sweep(KMeans(random_state=0), X, range(2, 4))
    with pytest.raises(ValueError, match="ax is given together with knife diagrams"):
        SilhouetteSweepDisplay.from_sweep(result, X, ax=ax)
    with pytest.raises(ValueError, match="ax is given together with knife diagrams"):
        SilhouetteSweepDisplay.from_estimator(KMeans(), X, diagrams=True, ax=ax)
