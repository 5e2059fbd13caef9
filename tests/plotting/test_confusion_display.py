"""Classes against matched clusters."""

import itertools

import numpy as np
import pytest
import sklearn.cluster
from sklearn.datasets import load_iris
from sklearn.metrics.cluster import contingency_matrix

from clusterx import KMeans
from clusterx.plotting import ConfusionDisplay

X, Y = load_iris(return_X_y=True)


def drawn(display):
    return np.asarray(display.image_.get_array())


def test_cells_are_counts_in_matched_order(xp):
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, 300)
    pred = np.where(rng.random(300) < 0.7, (true * 3 + 1) % 4, rng.integers(0, 4, 300)) + 5
    display = ConfusionDisplay.from_predictions(xp.asarray(true), xp.asarray(pred))
    table = contingency_matrix(true, pred)
    best = max(itertools.permutations(range(4)), key=lambda p: table[range(4), p].sum())
    np.testing.assert_array_equal(display.order_, best)
    np.testing.assert_array_equal(drawn(display), table[:, best])
    assert display.accuracy_ == np.trace(table[:, best]) / 300
    labels = [t.get_text() for t in display.ax_.get_xticklabels()]
    assert labels == [str(i + 5) for i in best]
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == list("0123")
    texts = [[t.get_text() for t in row] for row in display.texts_]
    assert texts == [[str(c) for c in row] for row in table[:, best].tolist()]
    assert f"{display.accuracy_:.1%} of 300 points" in display.ax_.get_title()


@pytest.mark.smoke
def test_model_on_its_device(xp):
    rows = xp.asarray(X)
    model = KMeans(3, random_state=0).fit(rows)
    display = ConfusionDisplay.from_estimator(model, rows, xp.asarray(Y))
    assert drawn(display).sum() == 150
    assert display.accuracy_ == pytest.approx(0.887, abs=0.01)
    assert display.ax_.get_title().startswith("KMeans: ")
    names = ConfusionDisplay.from_estimator(model, rows, load_iris().target_names[Y])
    assert [t.get_text() for t in names.ax_.get_yticklabels()] == [
        "setosa",
        "versicolor",
        "virginica",
    ]


def test_text_has_contrast():
    display = ConfusionDisplay(np.array([[1000, 0], [1, 900]])).plot()
    colors = [[t.get_color() for t in row] for row in display.texts_]
    assert colors == [["white", "black"], ["black", "white"]]


def test_more_clusters_than_classes():
    matrix = np.array([[0, 5, 1, 30], [20, 3, 9, 0]])
    display = ConfusionDisplay(matrix).plot()
    np.testing.assert_array_equal(display.order_, [3, 0, 1, 2])  # the rest by its largest row
    np.testing.assert_array_equal(drawn(display), matrix[:, [3, 0, 1, 2]])
    assert [frame.get_xy() for frame in display.frames_] == [(-0.5, -0.5), (0.5, 0.5)]


def test_more_classes_than_clusters():
    matrix = np.array([[1, 2], [0, 30], [40, 3]])
    display = ConfusionDisplay(matrix).plot()
    np.testing.assert_array_equal(display.order_, [1, 0])
    assert [frame.get_xy() for frame in display.frames_] == [(-0.5, 0.5), (0.5, 1.5)]
    assert display.accuracy_ == 70 / 76


def test_noise_is_the_last_column_and_matched_to_nothing():
    true = np.repeat([0, 1, 2], 10)
    pred = np.r_[np.full(10, -1), np.zeros(10, int), np.ones(10, int)]
    display = ConfusionDisplay.from_predictions(true, pred)
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["0", "1", "noise"]
    np.testing.assert_array_equal(drawn(display), [[0, 0, 10], [10, 0, 0], [0, 10, 0]])
    assert display.accuracy_ == 20 / 30
    assert ConfusionDisplay.from_predictions(true, pred.astype(object)).accuracy_ == 20 / 30
    model = sklearn.cluster.DBSCAN(eps=0.4).fit(X)
    display = ConfusionDisplay.from_estimator(model, X, Y)
    assert drawn(display)[:, -1].sum() == (model.labels_ == -1).sum()


def test_nothing_but_noise():
    display = ConfusionDisplay.from_predictions([0, 1, 1], [-1, -1, -1])
    np.testing.assert_array_equal(drawn(display), [[1], [2]])
    assert display.accuracy_ == 0
    assert display.frames_ == []


def test_one_class_and_one_cluster():
    display = ConfusionDisplay.from_predictions([1, 1], [0, 0])
    assert display.accuracy_ == 1


@pytest.mark.parametrize("k", [25, 120])
def test_many_clusters(k):
    labels = np.arange(4000) % k
    display = ConfusionDisplay.from_predictions(labels, (labels * 7) % k)
    assert (display.texts_ is None) == (k == 120)  # numbers would not fit
    assert display.accuracy_ == 1
    np.testing.assert_array_equal(drawn(display), np.diag(np.bincount(labels)))


def test_numbers_can_be_left_out():
    assert ConfusionDisplay(np.eye(3, dtype=int)).plot(include_values=False).texts_ is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrix": [[1.5, 2.0]]}, "matrix must hold whole numbers"),
        ({"matrix": [1, 2]}, "matrix must hold whole numbers"),
        ({"matrix": [[0, 0]]}, "counts no points"),
        ({"matrix": [[1, 2]], "classes": ["a", "b"]}, r"classes must have shape \(1,\)"),
        ({"matrix": [[1, 2]], "clusters": ["a"]}, r"clusters must have shape \(2,\)"),
        ({"matrix": [[1, 2]], "noise": [1, 2]}, r"noise must have shape \(1,\)"),
    ],
)
def test_wrong_matrices(arguments, message):
    with pytest.raises(ValueError, match=message):
        ConfusionDisplay(**arguments).plot()


def test_wrong_labels():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ConfusionDisplay.from_predictions([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="empty"):
        ConfusionDisplay.from_predictions([], [])
