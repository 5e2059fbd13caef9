"""The condensed tree and the reachability plot."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import make_blobs

from clusterx import HDBSCAN, OPTICS, KMeans
from clusterx.plotting import CondensedTreeDisplay, ReachabilityDisplay

X = make_blobs(200, centers=4, cluster_std=[0.3, 0.6, 1.0, 0.5], random_state=3)[0]


def test_condensed_tree_of_a_model(xp):
    model = HDBSCAN(min_cluster_size=15).fit(xp.asarray(X))
    display = CondensedTreeDisplay.from_estimator(model)
    table = model.condensed_tree_.to_numpy()
    assert len(display.patches_) == len(np.unique(table["parent"]))
    assert [text.get_text() for text in display.texts_] == ["0", "1", "2", "3"]
    assert "4 selected clusters" in display.ax_.get_title()
    low, high = display.ax_.get_ylim()
    assert low > table["lambda_val"].max() > high == 0


def test_clusters_are_as_wide_as_they_have_rows_and_stand_inside_their_parents():
    model = HDBSCAN(min_cluster_size=15).fit(X)
    display = model.condensed_tree_.plot()
    table = model.condensed_tree_.to_numpy()
    boxes = [patch.get_paths()[0].get_extents() for patch in display.patches_]
    for record in table[table["child"] >= 200]:
        box, around = boxes[record["child"] - 200], boxes[record["parent"] - 200]
        assert box.width == pytest.approx(record["child_size"])
        assert box.y0 == pytest.approx(record["lambda_val"])
        assert around.x0 - 1e-9 <= box.x0
        assert box.x1 <= around.x1 + 1e-9
    selected = boxes[model.condensed_tree_.selected_[0] - 200]
    for other in model.condensed_tree_.selected_[1:]:
        assert boxes[other - 200].x0 >= selected.x1 - 1e-9 or boxes[other - 200].x1 <= selected.x0


def test_condensed_tree_without_clusters_and_with_equal_rows():
    none = HDBSCAN(min_cluster_size=190, min_samples=5).fit(X)
    assert len(CondensedTreeDisplay.from_estimator(none).patches_) == 1
    equal = HDBSCAN().fit(np.repeat(X[:5], 8, axis=0))
    bottom = CondensedTreeDisplay.from_estimator(equal).ax_.get_ylim()[0]
    assert np.isfinite(bottom)
    with pytest.raises(TypeError, match="has no condensed_tree_"):
        CondensedTreeDisplay.from_estimator(KMeans(2).fit(X))


def test_single_linkage_tree_is_a_dendrogram():
    display = HDBSCAN().fit(X[:40]).single_linkage_tree_.plot()
    assert len(display.leaves_) == 40


def test_reachability_of_a_model(xp):
    model = OPTICS(min_samples=10).fit(xp.asarray(X))
    display = ReachabilityDisplay.from_estimator(model)
    labels = xp.to_host(model.labels_)
    assert len(display.bars_) == len(np.unique(labels))
    assert len(display.levels_.get_segments()) == len(xp.to_host(model.cluster_hierarchy_))
    assert display.ax_.get_xlim() == (0, 200)
    assert display.eps_line_ is None
    cut = OPTICS(min_samples=10, cluster_method="dbscan", eps=0.9).fit(xp.asarray(X))
    line = ReachabilityDisplay.from_estimator(cut).eps_line_
    assert line.get_ydata()[0] == 0.9


def test_many_rows_are_joined_into_bars_that_show_the_highest():
    reach = np.full(20_000, 1.0)
    reach[[0, 7777]] = np.inf, 5.0
    display = ReachabilityDisplay.from_predictions(reach, np.arange(20_000))
    heights = display.bars_[0].get_paths()[0].vertices[:, 1]
    assert len(heights) < 20_000
    assert 5.0 in heights
    ax = plt.figure().subplots()
    assert ReachabilityDisplay(reach[:10], np.arange(10)).plot(ax).ax_ is ax


def test_an_ordering_has_every_row_once():
    with pytest.raises(ValueError, match="numbers of the 3 rows"):
        ReachabilityDisplay.from_predictions([1.0, 2.0, 3.0], [0, 1, 1])
    with pytest.raises(TypeError, match="has no reachability_"):
        ReachabilityDisplay.from_estimator(KMeans(2).fit(X))
