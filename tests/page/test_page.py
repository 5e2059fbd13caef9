"""The page says what the data say, in one file without a network."""

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from clusterx import KMeans, metrics
from clusterx.kernels.compiling import announce
from clusterx.page import analyse, page, svg
from clusterx.page import analysis as analysis_module
from clusterx.page.columns import number_column, text_column


def rows():
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0, 5], [8, 0, 5], [0, 8, 5.0]])
    return centers[np.arange(150) % 3] + rng.normal(size=(150, 3)) * [1, 1, 0.2]


X = rows()
NAMES = ("age", "income <net>", "flat")


def analysed(X=X, values=None, ks=(2, 3, 4), **known):
    values = X if values is None else values
    facts = {
        "name": "a & b.csv", "rows": len(X), "drawn": len(X), "names": NAMES[: X.shape[1]],
        "standardized": False, "notes": ("Read with care.",), "backend": "numpy on cpu",
        "columns": tuple(
            number_column(name, column, used=True)
            for name, column in zip(NAMES, values.T, strict=False)
        ),
    }  # fmt: skip
    return analyse(X, values, ks=list(ks), seed=0, **(facts | known))


@pytest.fixture(scope="module")
def found():
    return analysed()


class Tags(HTMLParser):
    """Checks that elements are closed in their order."""

    EMPTY = frozenset({"meta", "line", "circle", "rect", "polyline"})

    def __init__(self):
        super().__init__()
        self.open, self.all, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(text):
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    return tags


def test_the_number_of_clusters_is_that_of_the_silhouette(found):
    assert found.k == 3
    assert found.choices["silhouette"] == 3
    own = KMeans(3, random_state=0, n_init=3).fit(X)
    np.testing.assert_array_equal(found.labels, own.labels_)
    assert found.silhouette == pytest.approx(metrics.silhouette_score(X, own.labels_))
    assert sum(cluster.rows for cluster in found.clusters) == 150


def test_profiles_are_differences_in_standard_deviations(found):
    for cluster in found.clusters:
        own = X[found.labels == cluster.label]
        np.testing.assert_allclose(cluster.means, own.mean(axis=0))
        np.testing.assert_allclose(
            cluster.differences, (own.mean(axis=0) - X.mean(axis=0)) / X.std(axis=0)
        )
        width = found.silhouettes[found.silhouette_labels == cluster.label].mean()
        assert cluster.silhouette == pytest.approx(width)


def test_components_are_the_principal_ones(found):
    centred = X - X.mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred / len(X))[::-1]
    np.testing.assert_allclose(found.components.var(axis=0), values[:2])
    np.testing.assert_allclose(found.shares, values[:2] / values.sum())


def test_models_are_scored_alike(found):
    by_name = {model.name.split(",")[0]: model for model in found.models}
    assert set(by_name) == {"KMeans", "GaussianMixture", "AgglomerativeClustering", "HDBSCAN"}
    assert by_name["KMeans"].agreement == 1
    for model in found.models:
        assert model.clusters == 3
        assert model.silhouette == pytest.approx(found.silhouette, abs=0.1)
    assert by_name["KMeans"].davies_bouldin == pytest.approx(
        metrics.davies_bouldin_score(X, found.labels)
    )


def test_times_are_without_compiling(monkeypatch):
    clock = iter([0.0, 1.0, 5.0, 7.0])  # fit, compiling begins, ends, fitted
    monkeypatch.setattr(analysis_module, "perf_counter", lambda: next(clock))

    class Compiled:
        def fit_predict(self, X):
            with announce():
                return np.zeros(len(X))

    assert analysis_module._timed_fit(Compiled(), X)[1] == 3.0


def test_marks_are_named_where_the_curve_is_not():
    ks, falling = [2, 3, 4], np.array([9.0, 2.0, 1.0])
    heights = [
        float(re.search(r'class="note" x="[\d.]+" y="([\d.]+)"', svg.curve(ks, y, "", 3, ""))[1])
        for y in (falling, -falling)
    ]
    assert heights[0] < 100 < 200 < heights[1]


def test_what_is_too_large_is_left_out_and_said(monkeypatch):
    monkeypatch.setattr(analysis_module, "TREE_ROWS", 100)
    monkeypatch.setattr(analysis_module, "SILHOUETTE_ROWS", 90)
    found = analysed(rows=1000)
    assert len(found.silhouettes) == 90
    text = page(found)
    assert "left out: more than 100 rows" in text
    assert "90 rows, drawn at random" in text
    assert "The file has 1,000 rows. This page is about 150 of them" in text


def test_the_page_is_whole_and_needs_no_network(found):
    text = page(found)
    tags = read(text)
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)|@import|url\(|https?://", text)
    assert "script" not in {tag for tag, _ in tags.all}
    shown = " ".join(tags.text)
    assert "Clusters in a & b.csv" in shown
    assert "income <net>" in shown
    assert "Read with care." in shown
    ids = {attributes.get("id") for tag, attributes in tags.all if tag == "section"}
    links = {a["href"][1:] for tag, a in tags.all if tag == "a"}
    assert links == ids == {
        "columns", "number", "models", "clusters", "profiles", "map", "silhouettes",
    }  # fmt: skip
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_every_colour_of_the_style_has_a_dark_and_a_printed_one(found):
    style = page(found).partition("<style>")[2].partition("</style>")[0]
    blocks = [set(re.findall(r"(--[a-z0-9]+):", block)) for block in style.split(":root {")[1:4]]
    used = set(re.findall(r"var\((--[a-z0-9]+)\)", style))
    assert blocks[0] == blocks[1] == blocks[2] == used
    assert {f"--c{i}" for i in range(svg.COLOURS)} | {"--noise"} <= used


def test_the_same_seed_gives_the_same_pictures(found):
    pictures = [re.findall(r"<svg.*?</svg>", page(one)) for one in (found, analysed())]
    assert len(pictures[0]) > 8
    assert pictures[0] == pictures[1]


def test_nothing_sticks_out_of_the_pictures(found):
    for picture in re.findall(r"<svg.*?</svg>", page(found)):
        width, height = map(float, re.search(r'viewBox="0 0 (\d+) (\d+)"', picture).groups())
        for x, y in re.findall(r'cx="([-\d.]+)" cy="([-\d.]+)"', picture):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height
        for points in re.findall(r'points="([^"]+)"', picture):
            for pair in points.split():
                x, y = map(float, pair.split(","))
                assert 0 <= x <= width
                assert 0 <= y <= height
        for x in re.findall(r'<text x="([-\d.]+)"', picture):
            assert 0 <= float(x) <= width


def test_one_number_of_clusters_has_nothing_to_choose():
    found = analysed(ks=(4,))
    assert (found.k, found.why) == (4, "as asked")
    assert "4 were asked for" in page(found)


def test_degenerate_rows_have_a_page():
    equal = np.ones((20, 3))
    found = analysed(equal, ks=(1,))
    assert math.isnan(found.silhouette)
    tags = read(page(found))
    assert "A silhouette needs at least two clusters" in " ".join(tags.text)
    one = analysed(X[:, :1], ks=(2, 3))
    assert one.shares[1] == 0
    read(page(one))


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (-3, 2, [-3, -2, -1, 0, 1, 2]), (5, 5, [5])],
)
def test_ticks_are_round(low, high, wanted):
    assert svg.ticks(low, high) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567, "1.23457M"), (20_000, "20k"), (1234, "1,234"), (0.5, "0.5"), (-1e6, "-1M")],
)
def test_numbers_beside_axes_are_short(value, text):
    assert svg.tick(value) == text


def test_columns_are_described():
    column = number_column("age", np.array([1, 2, 2, 9]), used=True, missing=3)
    assert (column.kind, column.distinct, column.missing) == ("whole numbers", 3, 3)
    assert (column.least, column.mean, column.most) == (1, 3.5, 9)
    assert sum(column.bins) == 4
    text = text_column("who", ["b", "a", "b", "c", "b", "c"], 1)
    assert (text.kind, text.distinct, text.examples) == ("text", 3, ("b", "c", "a"))
