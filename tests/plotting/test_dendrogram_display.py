"""Trees of merges."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from scipy.cluster.hierarchy import cut_tree, linkage
from sklearn.cluster import AgglomerativeClustering

from clusterx.plotting import DendrogramDisplay, canvas

X = np.random.default_rng(0).normal(size=(24, 3)) + np.arange(24)[:, None] // 8 * 6
Z = linkage(X, "ward")


def test_every_merge_is_a_line_at_its_distance():
    display = DendrogramDisplay.from_linkage(Z)
    heights = [path.vertices[:, 1].max() for path in display.lines_.get_paths()]
    np.testing.assert_allclose(np.sort(heights), np.sort(Z[:, 2]))
    assert sorted(display.leaves_) == list(range(24))
    labels = [t.get_text() for t in display.ax_.get_xticklabels()]
    assert labels == [str(i) for i in display.leaves_]


@pytest.mark.smoke
def test_merges_of_a_device(xp):
    model = AgglomerativeClustering(3, compute_distances=True).fit(X)
    display = DendrogramDisplay.from_merges(
        xp.asarray(model.children_), xp.asarray(model.distances_), n_clusters=3
    )
    np.testing.assert_allclose(display.linkage[:, 2:], Z[:, 2:])
    same = DendrogramDisplay.from_linkage(xp.asarray(Z), n_clusters=3)
    assert same.n_clusters_ == display.n_clusters_ == 3


@pytest.mark.parametrize("k", [1, 2, 3, 5, 23])
def test_as_many_clusters_are_colored_as_the_model_has(k):
    model = AgglomerativeClustering(k, compute_distances=True).fit(X)
    display = DendrogramDisplay.from_estimator(model)
    assert display.n_clusters_ == k
    assert f"{k} cluster" in display.ax_.get_title()
    height = display.color_threshold_
    line = display.threshold_line_.get_ydata()
    assert list(line) == [height, height]
    # merges below the line are colored, those above are not
    dark = to_rgba("0.25")
    for path, color in zip(display.lines_.get_paths(), display.lines_.get_colors(), strict=True):
        assert (path.vertices[:, 1].max() > height) == (tuple(color) == dark)


def test_subtrees_have_the_colors_of_their_clusters():
    display = DendrogramDisplay.from_linkage(Z, n_clusters=3)
    labels = cut_tree(Z, 3).ravel()[display.leaves_]
    order = list(dict.fromkeys(labels))  # clusters from the left
    colors = [to_rgba(color) for color in canvas.cluster_colors(3)]
    for path, color in zip(display.lines_.get_paths(), display.lines_.get_colors(), strict=True):
        if path.vertices[:, 1].max() < display.color_threshold_:
            leaf = int(path.vertices[:, 0].min() // 10)
            assert tuple(color) == colors[order.index(labels[leaf])]


def test_threshold_by_default_and_by_choice():
    display = DendrogramDisplay.from_linkage(Z)
    assert display.color_threshold_ == pytest.approx(0.7 * Z[:, 2].max())
    display = DendrogramDisplay.from_linkage(Z, color_threshold=0.0)
    assert display.n_clusters_ == 24


def test_every_leaf_a_cluster_means_no_choice():
    model = AgglomerativeClustering(None, distance_threshold=0).fit(X)
    display = DendrogramDisplay.from_estimator(model)
    assert display.color_threshold_ == pytest.approx(0.7 * Z[:, 2].max())


@pytest.mark.parametrize("orientation", ["top", "bottom", "left", "right"])
def test_orientations(orientation):
    names = [f"leaf number {i}" for i in range(24)]
    display = DendrogramDisplay.from_linkage(Z, labels=names, orientation=orientation)
    across = orientation in ("left", "right")
    axis = display.ax_.yaxis if across else display.ax_.xaxis
    assert [t.get_text() for t in axis.get_ticklabels()] == [names[i] for i in display.leaves_]
    low, high = display.ax_.get_xlim() if across else display.ax_.get_ylim()
    assert (low > high) == (orientation in ("bottom", "left"))
    label = display.ax_.get_xlabel() if across else display.ax_.get_ylabel()
    assert label == "Distance"


def test_the_last_merges():
    display = DendrogramDisplay.from_linkage(Z, truncate_mode="lastp", p=5, n_clusters=3)
    assert len(display.leaves_) == 5
    sizes = [int(Z[i - 24, 3]) if i >= 24 else 1 for i in display.leaves_]
    assert sum(sizes) == 24
    labels = [t.get_text() for t in display.ax_.get_xticklabels()]
    wanted = [
        f"({size})" if size > 1 else str(i) for size, i in zip(sizes, display.leaves_, strict=True)
    ]
    assert labels == wanted
    assert display.ax_.get_xlabel() == "5 subtrees of 24 leaves (number of leaves)"


def test_clusters_inside_of_merged_subtrees():
    display = DendrogramDisplay.from_linkage(Z, truncate_mode="lastp", p=2, n_clusters=9)
    assert display.n_clusters_ == 9
    assert len(display.lines_.get_paths()) == 1


def test_levels():
    display = DendrogramDisplay.from_linkage(Z, truncate_mode="level", p=1)
    assert len(display.leaves_) == 4


def test_large_trees_are_truncated_and_it_is_told():
    rows = np.random.default_rng(0).normal(size=(400, 2))
    tree = linkage(rows, "ward")
    display = DendrogramDisplay.from_linkage(tree)
    assert len(display.leaves_) == 30
    assert display.ax_.get_xlabel() == "30 subtrees of 400 leaves (number of leaves)"
    assert "tree of 400 leaves" in display.ax_.get_title()
    whole = DendrogramDisplay.from_linkage(tree, truncate_mode=None)
    assert len(whole.leaves_) == 400
    assert whole.ax_.get_xlabel() == "Leaves, too many to name"


def test_trees_that_are_too_deep():
    chain = linkage(np.cumsum(np.arange(3000.0))[:, None], "single")
    assert len(DendrogramDisplay.from_linkage(chain).leaves_) == 30
    with pytest.raises(ValueError, match=r"too deep to be drawn completely.*truncate_mode='lastp'"):
        DendrogramDisplay.from_linkage(chain, truncate_mode=None)


def test_two_leaves_and_equal_rows():
    display = DendrogramDisplay.from_merges([[0, 1]], [2.0], n_clusters=1)
    assert display.n_clusters_ == 1
    DendrogramDisplay.from_linkage(linkage(np.zeros((4, 1))))


@pytest.mark.parametrize(
    ("children", "distances", "message"),
    [
        ([[0, 1], [0, 2]], [1.0, 2.0], "children is not a complete tree"),  # 0 is merged twice
        ([[0, 4], [1, 2]], [1.0, 2.0], "children is not a complete tree"),  # before it is there
        ([[0, -1], [1, 2]], [1.0, 2.0], "children is not a complete tree"),
        ([[0, 1]], [1.0, 2.0], "distances must hold one number for each of the 1 merges"),
        ([0, 1], [1.0], r"children must have shape \(n_leaves - 1, 2\), got \(2,\)"),
    ],
)
def test_wrong_merges(children, distances, message):
    with pytest.raises(ValueError, match=message):
        DendrogramDisplay.from_merges(children, distances)


def test_merges_must_be_whole_numbers():
    with pytest.raises(TypeError, match="children must hold whole numbers"):
        DendrogramDisplay.from_merges([[0.0, 1.0]], [1.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"orientation": "up"}, "orientation must be one of 'top'"),
        ({"truncate_mode": "some"}, "truncate_mode must be one of"),
        ({"p": 0}, "p must be at least 1"),
        ({"labels": ["a"]}, "labels has 1 entries, but the tree has 24 leaves"),
        ({"n_clusters": 25}, "n_clusters is 25, but the tree has only 24 leaves"),
        ({"n_clusters": 0}, "n_clusters must be at least 1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DendrogramDisplay.from_linkage(Z, **arguments)


def test_wrong_linkages():
    with pytest.raises(ValueError, match="Z is not a linkage matrix"):
        DendrogramDisplay.from_linkage(X)
    with pytest.raises(ValueError, match="Z contains NaN"):
        DendrogramDisplay.from_linkage(np.where(Z == Z[3, 2], np.nan, Z))


def test_subclusters_of_birch():
    from clusterx import AgglomerativeClustering, Birch

    for given in (3, AgglomerativeClustering(3)):
        model = Birch(threshold=1.0, n_clusters=given).fit(X)
        Z = linkage(model.subcluster_centers_, "ward")
        np.testing.assert_allclose(model.linkage_matrix_[:, 2:], Z[:, 2:])
        display = DendrogramDisplay.from_estimator(model)
        assert display.n_clusters_ == model.n_clusters_ == 3


def test_models_without_a_tree():
    from clusterx import Birch, KMeans

    with pytest.raises(TypeError, match=r"This KMeans has no linkage_matrix_ and no children_"):
        DendrogramDisplay.from_estimator(KMeans(2, random_state=0).fit(X))
    for of_subclusters in (None, KMeans(2, random_state=0)):
        model = Birch(threshold=1.0, n_clusters=3).fit(X).set_params(n_clusters=of_subclusters)
        with pytest.raises(TypeError, match=r"This Birch has .* a whole number as n_clusters"):
            DendrogramDisplay.from_estimator(model.partial_fit())
    with pytest.raises(ValueError, match=r"has no distances_.* compute_distances=True"):
        DendrogramDisplay.from_estimator(AgglomerativeClustering(3).fit(X))
