"""The searches that NumPy's arrays get: by products, and in NumPy while nothing is compiled."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from clusterx.kernels import kernels_for
from clusterx.kernels.cpu.columns import extremes
from clusterx.kernels.neighbors import Measure
from clusterx.kernels.neighbors.cpu import cells, choice, groups, kd, products, runs
from clusterx.kernels.neighbors.generic import RowSearch


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cosine"])
def test_products_and_sums_by_columns_find_the_same(metric, monkeypatch):
    rng = np.random.RandomState(2)
    far = 1e5 + rng.randn(1100, 20)
    equal = np.repeat(rng.randn(40, 14), 20, axis=0)
    for X in (far, equal, rng.randint(0, 3, (300, 30)).astype("float32")):
        direct = RowSearch(X, Measure(metric))
        for kept in (1 << 24, 10):
            monkeypatch.setattr(products, "KEPT", kept)
            search = kernels_for(np).neighbors.search(X, metric)
            assert isinstance(search, products.ProductSearch)
            distances, indices = search.knn(X[::9] * 1.01, 6)
            for found, wanted in zip(
                (distances, indices), direct.knn(X[::9] * 1.01, 6), strict=True
            ):
                np.testing.assert_array_equal(found, wanted)
            radius = float(np.median(distances)) * (1 + 1e-9) + 1e-12
            for found, wanted in zip(
                search.radius_neighbors(None, radius),
                direct.radius_neighbors(None, radius),
                strict=True,
            ):
                np.testing.assert_array_equal(found, wanted)
            core = search.core_rows(radius, 7)
            np.testing.assert_array_equal(core, direct.core_rows(radius, 7))
            np.testing.assert_array_equal(
                search.radius_links(radius, core), direct.radius_links(radius, core)
            )


@pytest.mark.parametrize("size", [1e-30, 1e25])
def test_many_columns_of_a_size_that_float32_has_no_squares_of_are_searched(size):
    X = size * np.random.RandomState(0).randn(60, 16)
    D = cdist(X, X)
    distances, indices = kernels_for(np).neighbors.search(X).knn(None, 5)
    np.testing.assert_array_equal(indices, D.argsort(axis=1)[:, :5])
    np.testing.assert_allclose(distances, np.sort(D, axis=1)[:, :5])


@pytest.mark.parametrize("columns", [2, 15])
def test_what_stands_in_for_compiled_code_finds_the_same_bits(columns, monkeypatch):
    monkeypatch.setenv("CLUSTERX_COMPILE", "")
    monkeypatch.setattr(choice, "has_code", lambda *kernels: False)
    rng = np.random.RandomState(4)
    for X in (rng.randn(150, columns), rng.randint(0, 3, (90, columns)).astype("float32")):
        for metric in ("euclidean", "manhattan", "cosine"):
            plain = kernels_for(np).neighbors.search(X, metric)
            assert isinstance(plain, choice.SmallSearch)
            for search in (plain, choice.SmallSearch(X, Measure(metric))):
                tuned = search.tuned
                for found, wanted in zip(search.knn(None, 4), tuned.knn(None, 4), strict=True):
                    np.testing.assert_array_equal(found, wanted)
                radius = float(np.median(tuned.kth_distances(4)))
                core = search.core_rows(radius, 4)
                np.testing.assert_array_equal(core, tuned.core_rows(radius, 4))
                np.testing.assert_array_equal(
                    search.radius_links(radius, core), tuned.radius_links(radius, core)
                )
                component = np.arange(len(X)) // 2
                for found, wanted in zip(
                    search.nearest_other(component), tuned.nearest_other(component), strict=True
                ):
                    np.testing.assert_array_equal(found, wanted)
                monkeypatch.setattr(choice, "PAIRS", 3)  # then they are not kept
            monkeypatch.setattr(choice, "PAIRS", 1 << 22)


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("rows_per_task", [4, 60, 1 << 13])
def test_cells_find_the_same_in_any_ranges(columns, rows_per_task, monkeypatch):
    monkeypatch.setattr(cells, "ROWS_PER_TASK", rows_per_task)
    rng, clusters = np.random.RandomState(3), []
    # a snake crosses all ranges, and its order of cells is not that of its rows
    snake = np.cumsum(rng.randn(900, columns), axis=0)[rng.permutation(900)]
    for X, radius in (
        (snake, 0.8 * columns**0.5),
        (rng.rand(900, columns).astype("float32"), 0.5 / 900 ** (1 / columns)),
        (rng.randint(0, round(1800 ** (1 / columns)), (700, columns)) + 1e3, 1.0),
    ):
        direct = RowSearch(X, Measure("euclidean"))
        search = kd.TreeSearch(X, Measure("euclidean"))
        for least, weights in ((2, None), (3, None), (2.0, rng.rand(len(X)))):
            core = search.core_rows(radius, least, weights)
            np.testing.assert_array_equal(core, direct.core_rows(radius, least, weights))
            labels = direct.radius_links(radius, core)
            np.testing.assert_array_equal(search.radius_links(radius, core), labels)
            clusters.append(labels.max() + 1)
    assert max(clusters) > 20


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_groups_of_rows_change_nothing_that_is_found(metric, monkeypatch):
    for module in (groups, products):
        monkeypatch.setattr(module, "FEW", 100)
    monkeypatch.setattr(groups, "SIZE", 25)
    monkeypatch.setattr(products, "SIDE", 32)
    monkeypatch.setattr(products, "TALL", 64)
    monkeypatch.setattr(products, "WIDE", 128)
    rng = np.random.RandomState(6)
    blobs = 9 * rng.randn(8, 14)[rng.randint(0, 8, 500)] + rng.randn(500, 14)
    ties = rng.randint(0, 2, (400, 12)).astype("float32")
    for X in (blobs, blobs + 1e9, ties + 1, np.repeat(blobs[:60], 5, axis=0), rng.randn(300, 40)):
        direct = RowSearch(X, Measure(metric))
        search = kernels_for(np).neighbors.search(X, metric)
        assert len(search.groups.pivots) > 4
        core = search.kth_distances(4)
        np.testing.assert_array_equal(core, direct.kth_distances(4))
        component = np.arange(len(X)) // 70
        rows = rng.permutation(len(X))[: len(X) // 2]
        bound = np.quantile(core, rng.rand(len(rows)))
        for found, wanted in (
            (search.knn(None, 5), direct.knn(None, 5)),
            (search.knn(X[::7] * 1.01, 5), direct.knn(X[::7] * 1.01, 5)),
            (search.nearest_other(component, core), direct.nearest_other(component, core)),
            (search.nearest_other(component, core, 1.5, rows, bound),
             direct.nearest_other(component, core, 1.5, rows, bound)),
        ):  # fmt: skip
            for mine, theirs in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(mine, theirs)
        radius = float(np.median(core)) * 1.0001
        inside = search.core_rows(radius, 4)
        np.testing.assert_array_equal(inside, direct.core_rows(radius, 4))
        np.testing.assert_array_equal(
            search.radius_links(radius, inside), direct.radius_links(radius, inside)
        )


def test_bounds_of_groups_are_below_all_distances():
    rng = np.random.RandomState(7)
    for X in (
        rng.randn(300, 12),
        1e9 + rng.randn(300, 12),
        np.ones((300, 12)),
        1e-9 * rng.rand(300, 12),
    ):
        made = groups.Groups(X, X.mean(axis=0), 32)
        bounds = made.bounds(X)
        D = cdist(X, X)[:, made.order]
        for t, (a, e) in enumerate(made.tiles):
            assert (bounds[:, t] <= D[:, a:e].min(axis=1)).all()
        parts = [(0, 1), (1, 40), (40, 300)]
        views = made.views(X, parts, X[made.order])
        for b, (r, s) in enumerate(parts):
            seen = made.bounds(X[r:s], views, b)
            assert (seen >= bounds[r:s]).all()
            for t, (a, e) in enumerate(made.tiles):
                assert (seen[:, t] <= D[r:s, a:e].min(axis=1)).all()


def test_tiles_are_seen_in_the_direction_in_which_they_are_apart(monkeypatch):
    """Two flat clouds are apart along the first column, and far wider than that in the others."""
    rng = np.random.RandomState(8)
    X = rng.randn(128, 12) * [0.1, *[1.0] * 11]
    X[64:, 0] += 3.0
    made = groups.Groups(X, X.mean(axis=0), 64)  # so few rows keep their order
    assert np.median(made.bounds(X[:64])[:, 1]) < 0.0
    views = made.views(X, made.tiles, X)
    assert made.bounds(X[:64], views, 0)[:, 1].min() > 1.5
    monkeypatch.setattr(groups, "VIEWS", 3)
    assert made.views(X, made.tiles, X) is None


def test_runs_of_tiles_are_those_that_are_near():
    tiles = [(256 * t, 256 * t + 256) for t in range(12)]
    near = np.array([True] * 6 + [False, True, False, False, True, True])
    found = [*products.runs(near, tiles)]
    assert found == [(0, 1024), (1024, 1536), (1792, 2048), (2560, 3072)]
    assert [*products.runs(~near, tiles)] == [(1536, 1792), (2048, 2560)]
    assert [*products.runs(np.zeros(12, bool), tiles)] == []


@pytest.mark.parametrize(
    "measure",
    [Measure("euclidean"), Measure("manhattan"), Measure("minkowski", 0.5), Measure("cosine")],
    ids=lambda measure: measure.metric,
)
def test_rows_of_a_leaf_that_share_their_walk_find_the_same(measure, monkeypatch):
    monkeypatch.setattr(kd, "MANY", 0)
    rng = np.random.RandomState(8)
    blobs = 3 * rng.randn(9, 2)[rng.randint(0, 9, 900)] + rng.randn(900, 2)
    grid = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2)
    rounding = 1e-14 if measure.kind == 3 else 0.0  # compiled powers differ in their last bits
    for X in (blobs + 1e7, grid + 1, np.repeat(blobs[:50], 12, axis=0), rng.randn(500, 3) ** 3):
        direct, search = RowSearch(X, measure), kd.TreeSearch(X, measure)
        own = np.arange(len(X))
        for k in (1, 40):
            core = search.kth_distances(k)
            np.testing.assert_allclose(core, direct.kth_distances(k), rtol=rounding, atol=0.0)
            monkeypatch.setattr(kd, "AT_CORE", 0)
            apart = search.nearest_other(own, core, 1.3)
            monkeypatch.setattr(kd, "AT_CORE", 1 << 40)
            for mine, theirs in zip(search.nearest_other(own, core, 1.3), apart, strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_edges_at_core_distances_keep_to_their_bounds(monkeypatch):
    monkeypatch.setattr(kd, "MANY", 0)
    X = np.random.RandomState(9).randn(300, 2)
    search = kd.TreeSearch(X, Measure("euclidean"))
    core = search.kth_distances(5)
    own, rows = np.arange(300), np.arange(300)
    weights, others = search.nearest_other(own, core, 1.0, rows, core * 0.999)
    assert (others == -1).all()
    assert np.isinf(weights).all()
    core[:150] = np.inf
    weights, others = search.nearest_other(own, core)
    assert (others[:150] == -1).all()
    np.testing.assert_array_equal(others, RowSearch(X, search.measure).nearest_other(own, core)[1])


def test_the_kth_of_values_is_selected_among_ties_and_at_any_rank(monkeypatch):
    # compiled, it can only be called by compiled code
    monkeypatch.setattr(runs, "select", runs.select.py_func)
    rng = np.random.RandomState(10)
    for values in (
        rng.rand(200),
        rng.randint(0, 4, 150) / 1.0,
        np.zeros(40),
        10.0 ** -np.arange(99),
    ):
        for k in (1, 2, len(values) // 3, len(values) - 1, len(values)):
            wanted = np.sort(values)[k - 1]
            found = selected(runs.select, values, k)
            assert found[0] == wanted
            np.testing.assert_array_equal(np.sort(found[1][:k]), np.sort(values)[:k])
            assert selected(runs.select_within, values, k, values.max())[0] == wanted
            assert selected(runs.select_within, values, k, 3.0 * values.max() + 1)[0] == wanted


def selected(function, values, k, *limits):
    kept = values.copy()
    function = getattr(function, "py_func", function)
    return function(kept, len(kept), k, *limits), kept


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (513, 2), (2000, 3), (40, 600)])
def test_extremes_of_columns_are_those_of_all_rows(shape):
    X = np.random.RandomState(1).randn(*shape).astype("float32")
    X[-1] = np.where(np.arange(shape[1]) % 2, 9, -9)
    low, high = extremes(X)
    np.testing.assert_array_equal(low, X.min(axis=0))
    np.testing.assert_array_equal(high, X.max(axis=0))
    assert low.dtype == high.dtype == np.float64
