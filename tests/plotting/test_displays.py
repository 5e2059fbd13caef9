"""What all displays have in common."""

import inspect
import json
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.exceptions import NotFittedError

from clusterx import HDBSCAN, OPTICS, GaussianMixture, KMeans, plotting
from clusterx.image import ColorQuantizer
from clusterx.plotting import canvas

X = np.random.default_rng(0).normal(size=(30, 2)) + np.arange(30)[:, None] // 10 * 5
Y = np.arange(30) // 10
MODEL = KMeans(3, random_state=0).fit(X)
MIXTURE = GaussianMixture(3, random_state=0).fit(X)
IMAGE = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)

DRAWN = {
    "AffinityDisplay": lambda ax: plotting.AffinityDisplay.from_predictions(X @ X.T, Y, ax=ax),
    "CentroidImageDisplay": lambda ax: plotting.CentroidImageDisplay.from_estimator(
        MODEL, image_shape=(1, 2), ax=ax
    ),
    "ClusterBoundaryDisplay": lambda ax: plotting.ClusterBoundaryDisplay.from_estimator(
        MODEL, X, ax=ax
    ),
    "ClusterScatterDisplay": lambda ax: plotting.ClusterScatterDisplay.from_estimator(
        MODEL, X, ax=ax
    ),
    "ColorSpaceDisplay": lambda ax: plotting.ColorSpaceDisplay.from_image(IMAGE, ax=ax, views="rg"),
    "CondensedTreeDisplay": lambda ax: plotting.CondensedTreeDisplay.from_estimator(
        HDBSCAN().fit(X), ax=ax
    ),
    "ConfusionDisplay": lambda ax: plotting.ConfusionDisplay.from_estimator(MODEL, X, Y, ax=ax),
    "DendrogramDisplay": lambda ax: plotting.DendrogramDisplay.from_estimator(
        AgglomerativeClustering(3, compute_distances=True).fit(X), ax=ax
    ),
    "ElbowDisplay": lambda ax: plotting.ElbowDisplay.from_predictions([1, 2], [3.0, 1.0], ax=ax),
    "GaussianEllipseDisplay": lambda ax: plotting.GaussianEllipseDisplay.from_estimator(
        MIXTURE, X, ax=ax
    ),
    "KDistanceDisplay": lambda ax: plotting.KDistanceDisplay.from_data(X, ax=ax),
    "LikelihoodContourDisplay": lambda ax: plotting.LikelihoodContourDisplay.from_estimator(
        MIXTURE, X, ax=ax, grid_resolution=40
    ),
    "PaletteDisplay": lambda ax: plotting.PaletteDisplay.from_palette(IMAGE[0], ax=ax),
    "ReachabilityDisplay": lambda ax: plotting.ReachabilityDisplay.from_estimator(
        OPTICS().fit(X), ax=ax
    ),
    "SilhouetteDisplay": lambda ax: plotting.SilhouetteDisplay.from_estimator(MODEL, X, ax=ax),
    "SilhouetteSweepDisplay": lambda ax: plotting.SilhouetteSweepDisplay.from_predictions(
        [2, 3], [0.3, 0.5], ax=ax
    ),
    "CodebookDisplay": lambda ax: plotting.CodebookDisplay(np.ones((3, 4, 2))).plot(ax),
    "UMatrixDisplay": lambda ax: plotting.UMatrixDisplay(np.ones((3, 4))).plot(ax),
}


def test_every_display_is_tested():
    assert sorted(DRAWN) == sorted(plotting.__all__)
    assert set(plotting.__all__) <= set(dir(plotting))
    with pytest.raises(AttributeError, match="has no attribute 'NoDisplay'"):
        plotting.NoDisplay  # noqa: B018


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_given_axes_are_used(name):
    figure, axes = plt.subplots(1, 2, figsize=(12, 5))
    display = DRAWN[name](axes[1])
    assert isinstance(display, getattr(plotting, name))
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not axes[0].has_data()
    assert display.ax_.get_title()


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_a_new_figure_by_default(name):
    display = DRAWN[name](None)
    assert plt.get_fignums() == [display.figure_.number]
    again = display.plot(**({"views": "rg"} if name == "ColorSpaceDisplay" else {}))
    assert again is display
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_axes_of_another_kind_are_refused(name):
    with pytest.raises(TypeError, match="ax must be matplotlib Axes or None, got Figure"):
        DRAWN[name](plt.figure())


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_parameters_become_attributes(name):
    kind = getattr(plotting, name)
    parameters = [p for p in inspect.signature(kind).parameters]
    values = {p: object() for p in parameters}
    display = kind(**values)
    assert all(getattr(display, p) is values[p] for p in parameters)


@pytest.mark.parametrize(
    "draw",
    [
        lambda m: plotting.SilhouetteDisplay.from_estimator(m, X),
        lambda m: plotting.ClusterScatterDisplay.from_estimator(m, X),
        lambda m: plotting.ClusterBoundaryDisplay.from_estimator(m, X),
        lambda m: plotting.GaussianEllipseDisplay.from_estimator(m, X),
        lambda m: plotting.LikelihoodContourDisplay.from_estimator(m, X),
        lambda m: plotting.CentroidImageDisplay.from_estimator(m),
        lambda m: plotting.ConfusionDisplay.from_estimator(m, X, Y),
        lambda m: plotting.DendrogramDisplay.from_estimator(m),
    ],
)
def test_models_must_be_fitted(draw):
    with pytest.raises(NotFittedError):
        draw(KMeans(3))
    assert not plt.get_fignums()


def test_quantizers_must_be_fitted():
    with pytest.raises(NotFittedError):
        plotting.PaletteDisplay.from_estimator(ColorQuantizer(3))
    with pytest.raises(NotFittedError):
        plotting.ColorSpaceDisplay.from_estimator(ColorQuantizer(3), IMAGE)


def test_import_is_light():
    code = (
        "import json, sys, clusterx.plotting as p; [getattr(p, n) for n in p.__all__]; "
        "print(json.dumps('matplotlib' in sys.modules))"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(child.stdout) is False


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_missing_matplotlib_is_told(name, monkeypatch):
    for module in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'{name}.* pip install "clusterx\[plot\]"'):
        DRAWN[name](None)
    monkeypatch.undo()


# -- colours -------------------------------------------------------------------------------------

#: Machado, Oliveira and Fernandes, 2009, at full severity
_BLIND = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def _oklab(rgb, seen):
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.transpose(seen), 0, 1)
    lms = linear @ np.transpose(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    return np.cbrt(lms) @ np.transpose(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )


@pytest.mark.parametrize("kind", sorted(_BLIND))
def test_colors_differ_for_everyone(kind):
    from matplotlib.colors import to_rgb

    colors = np.vstack([canvas.cluster_colors(12), to_rgb(canvas.NOISE), np.ones(3)])
    lab = _oklab(colors, _BLIND[kind])
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + np.eye(len(lab))
    assert apart[:12].min() > 0.07  # Okabe and Ito's own seven: 0.076


@pytest.mark.parametrize("k", [*range(9), 12, 13, 14, 16, 31, 40, 100, 257, 1000])
def test_colors_of_any_number(k):
    colors = canvas.cluster_colors(k)
    assert colors.shape == (k, 3)
    if k > 1:
        assert len(np.unique(colors.round(9), axis=0)) == min(k, 256) or k > 200
        steps = np.abs(np.diff(colors, axis=0)).sum(axis=1)
        assert steps.min() > 0.2  # consecutive clusters are far apart


def test_markers_change_once_colors_run_out():
    assert {canvas.cluster_marker(i, 12) for i in range(12)} == {"o"}
    assert len({canvas.cluster_marker(i, 13) for i in range(13)}) == 7


@pytest.mark.parametrize(
    ("background", "color"),
    [
        ((0, 0, 0), "white"),
        ((1, 1, 1), "black"),
        ((1, 1, 0), "black"),
        ((0, 0, 1), "white"),
        ((0.4, 0.4, 0.4), "white"),
        ((0.6, 0.6, 0.6), "black"),
    ],
)
def test_text_is_black_or_white(background, color):
    assert canvas.text_color(background) == color


def test_places_keep_their_distance():
    np.testing.assert_array_equal(canvas.spaced(np.array([0, 1, 2.5, 3, 9]), 2), [0, 2, 4])
    assert len(canvas.spaced(np.array([]), 1)) == 0


@pytest.mark.parametrize("name", sorted(DRAWN))
@pytest.mark.parametrize("size", [14, 20])
def test_large_letters_stay_on_the_figure(name, size):
    with plt.rc_context({"font.size": size}):
        if name == "ColorSpaceDisplay":
            display = plotting.ColorSpaceDisplay.from_image(IMAGE, views="rg")
        elif name == "CentroidImageDisplay":
            display = plotting.CentroidImageDisplay.from_centers(np.arange(90.0).reshape(10, 9))
        else:
            display = DRAWN[name](None)
        figure = display.figure_
        figure.canvas.draw()
        assert figure.get_tightbbox().extents.min() > -0.05
        assert (figure.get_tightbbox().extents[2:] < figure.get_size_inches() + 0.05).all()


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_styles_do_not_turn_pictures(name):
    if name == "ColorSpaceDisplay":
        return
    figure, axes = plt.subplots()
    expected = DRAWN[name](axes)
    with plt.rc_context({"image.origin": "lower", "axes.grid": True}):
        figure, axes = plt.subplots()
        found = DRAWN[name](axes)
        figure.canvas.draw()
    assert found.ax_.get_ylim() == expected.ax_.get_ylim()
    for image, other in zip(found.ax_.images, expected.ax_.images, strict=True):
        assert image.origin == other.origin
        assert image.get_extent() == other.get_extent()


def test_dollars_are_no_formulas():
    from scipy.cluster.hierarchy import linkage

    names = ["$a_{$", "$5-$10", "a \\$ b", "$"]
    frame = pd.DataFrame(np.tile(X, 2), columns=names)
    labels = np.array(names)[np.arange(30) % 4]
    for display in (
        plotting.ClusterScatterDisplay.from_predictions(frame, labels, features=names[:2]),
        plotting.ClusterBoundaryDisplay.from_estimator(
            KMeans(3, random_state=0).fit(frame[names[:2]]), frame[names[:2]]
        ),
        plotting.SilhouetteDisplay.from_predictions(X, labels),
        plotting.ConfusionDisplay.from_predictions(labels, labels[::-1]),
        plotting.DendrogramDisplay.from_linkage(linkage(X[:4]), labels=names),
        plotting.CentroidImageDisplay.from_estimator(MODEL, X, labels, image_shape=(1, 2)),
    ):
        ax = display.ax_
        display.figure_.canvas.draw()
        written = [ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels()]
        for text in [*written, *ax.texts]:
            assert not text.get_parse_math() or "$" not in text.get_text()


def test_elbow_on_a_scale_of_logarithms():
    _, ax = plt.subplots()
    ax.set_yscale("log")
    display = plotting.ElbowDisplay.from_predictions([1, 2, 3], [3e4, 1e2, 1.0], best=2, ax=ax)
    assert 0 < display.ax_.get_ylim()[0] < 1


def test_tree_is_seen_on_black():
    with plt.style.context("dark_background"):
        display = DRAWN["DendrogramDisplay"](None)
    assert display.lines_.get_colors()[-1][:3].min() > 0.7


def test_matplotlib_s_other_names_of_options():
    draw = plotting.ClusterScatterDisplay.from_predictions
    display = draw(X, Y, scatter_kwargs={"ec": "black", "lw": 2.0, "c": "red"})
    assert display.points_[1].get_linewidths() == [2.0]
    assert display.points_[1].get_edgecolors().tolist() == [[0, 0, 0, 1]]
    assert display.points_[1].get_facecolors().tolist() == [[1, 0, 0, 1]]
    draw(X, Y, scatter_kwargs={"marker": "x", "edgecolors": None})
    draw(X, Y, scatter_kwargs={"marker": "x"})
    line = plotting.ElbowDisplay([1, 2], [2.0, 1.0]).plot(line_kwargs={"c": "red", "ms": 9}).line_
    assert (line.get_color(), line.get_markersize()) == ("red", 9)
    draw = plotting.SilhouetteDisplay.from_predictions
    bars = draw(X, Y, bar_kwargs={"fc": "red", "lw": 2.0}).bars_
    assert (bars[0].get_linewidths(), bars[0].get_facecolors().tolist()) == ([2.0], [[1, 0, 0, 1]])
    draw = plotting.ColorSpaceDisplay.from_image
    points = draw(IMAGE, scatter_kwargs={"color": "red", "lw": 2.0}).points_[0]
    assert points.get_facecolors().tolist() == [[1, 0, 0, 1]]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_labels_that_are_missing(missing):
    labels = np.array(["a", "b", missing], dtype=object)[Y]
    for draw in (
        plotting.ClusterScatterDisplay.from_predictions,
        plotting.SilhouetteDisplay.from_predictions,
    ):
        with pytest.raises(ValueError, match="labels has no label for some rows"):
            draw(X, labels)
        for value in (np.nan, np.inf):
            with pytest.raises(ValueError, match="labels contains NaN or infinity"):
                draw(X, np.where(Y == 0, value, Y))


def test_long_names_leave_room_for_the_picture():
    from scipy.cluster.hierarchy import linkage

    labels = np.array(["a very long name of a class indeed, " * 4, "b", "c"])[Y]
    for display in (
        plotting.ConfusionDisplay.from_predictions(labels, Y),
        plotting.ConfusionDisplay.from_predictions(Y, labels),
        plotting.SilhouetteDisplay.from_predictions(X, labels),
        plotting.DendrogramDisplay.from_linkage(linkage(X), labels=labels),
    ):
        display.figure_.canvas.draw()
        size = display.ax_.get_window_extent()
        assert min(size.width, size.height) > 150
