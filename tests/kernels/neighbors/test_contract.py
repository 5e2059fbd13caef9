"""The search for neighbours: every backend against brute force in float64."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from clusterx.kernels import kernels_for

METRICS = (
    ("euclidean", 2.0), ("sqeuclidean", 2.0), ("manhattan", 2.0), ("chebyshev", 2.0),
    ("minkowski", 3.0), ("cosine", 2.0),
)  # fmt: skip


def made(name, dtype="float64"):
    """Rows of one kind."""
    rng = np.random.RandomState(3)
    rows = {
        "normal": lambda: rng.randn(300, 2),
        "grid": lambda: rng.randint(0, 6, (260, 3)),
        "equal": lambda: np.ones((70, 2)),
        "line": lambda: np.stack([np.arange(90.0), np.zeros(90)], axis=1),
        "one row": lambda: np.ones((1, 3)),
        "one column": lambda: rng.randint(0, 50, (120, 1)),
        "many columns": lambda: rng.randn(150, 40),
        "far away": lambda: 1e6 + rng.randint(0, 9, (130, 5)),
    }[name]()
    return np.ascontiguousarray(rows, dtype=dtype)


def brute(Y, X, metric="euclidean", p=2.0):
    """All distances in float64."""
    Y, X = np.asarray(Y, np.float64), np.asarray(X, np.float64)
    names = {"manhattan": "cityblock"}
    options = {"p": p} if metric == "minkowski" else {}
    return cdist(Y, X, names.get(metric, metric), **options)


def searched(xp, X, metric="euclidean", p=2.0):
    return kernels_for(xp.xp).neighbors.search(xp.asarray(X), metric, p)


def components(adjacent, core):
    """Clusters of core rows in the order of their first, and the lowest next to other rows."""
    label = np.full(len(core), -1)
    count = 0
    for i in np.flatnonzero(core):
        if label[i] < 0:
            label[i], wait = count, [i]
            while wait:
                near = np.flatnonzero(adjacent[wait.pop()] & core & (label < 0))
                label[near] = count
                wait.extend(near)
            count += 1
    for i in np.flatnonzero(~core):
        around = label[adjacent[i] & core]
        label[i] = around.min() if around.size else -1
    return label


def least_other(W, component):
    W = np.where(component[:, None] == component[None, :], np.inf, W)
    other = W.argmin(axis=1)
    weight = W.min(axis=1)
    return weight, np.where(np.isfinite(weight), other, -1)


@pytest.mark.smoke
@pytest.mark.parametrize(("metric", "p"), METRICS)
def test_the_nearest_rows_and_those_within_a_radius_are_those_of_brute_force(xp, metric, p):
    X, Y = made("normal"), made("normal")[40:90] + 0.03
    D, own = brute(Y, X, metric, p), brute(X, X, metric, p)
    search = searched(xp, X, metric, p)

    distances, indices = search.knn(xp.asarray(Y), 7)
    np.testing.assert_array_equal(xp.to_host(indices), D.argsort(axis=1)[:, :7])
    np.testing.assert_allclose(xp.to_host(distances), np.sort(D, axis=1)[:, :7], atol=1e-13)
    np.testing.assert_allclose(
        xp.to_host(search.kth_distances(5)), np.sort(own, axis=1)[:, 4], rtol=1e-7, atol=1e-13
    )

    own_nearest = xp.to_host(search.knn(None, 5)[0])
    # PyTorch's powers depend in the last bit on where in an array they stand
    last_bit = 2**-51 if xp.name == "torch" else 0.0
    np.testing.assert_allclose(
        xp.to_host(search.kth_distances(5)), own_nearest[:, 4], rtol=last_bit, atol=0.0
    )

    radius = float(np.median(distances if xp.name == "numpy" else xp.to_host(distances)))
    near = D <= radius
    np.testing.assert_array_equal(
        xp.to_host(search.radius_counts(xp.asarray(Y), radius)), near.sum(axis=1)
    )
    starts, rows, apart = map(xp.to_host, search.radius_neighbors(xp.asarray(Y), radius))
    np.testing.assert_array_equal(np.diff(starts), near.sum(axis=1))
    np.testing.assert_array_equal(rows, np.nonzero(near)[1])
    np.testing.assert_allclose(apart, D[near], atol=1e-13)


@pytest.mark.parametrize(
    "name", ["grid", "equal", "line", "one row", "one column", "many columns", "far away"]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ties_go_to_the_lower_index_and_a_distance_of_the_radius_counts(xp, name, dtype):
    X = made(name, dtype)
    D = brute(X, X)
    search = searched(xp, X)
    k = min(6, len(X))
    distances, indices = search.knn(None, k)
    np.testing.assert_array_equal(xp.to_host(indices), np.argsort(D, axis=1, kind="stable")[:, :k])
    assert xp.owns(distances)
    radius = float(np.sort(D, axis=1)[len(X) // 2, k - 1])
    if name == "many columns":  # sums of many squares are rounded in their own order
        radius *= 1 + 1e-12
    near = D <= radius
    np.testing.assert_array_equal(xp.to_host(search.radius_counts(None, radius)), near.sum(axis=1))
    weights = np.arange(len(X)) % 3.0
    np.testing.assert_allclose(
        xp.to_host(search.radius_counts(None, radius, xp.asarray(weights))), near @ weights
    )
    core = near @ weights >= 3
    np.testing.assert_array_equal(
        xp.to_host(search.core_rows(radius, 3.0, xp.asarray(weights))), core
    )
    np.testing.assert_array_equal(
        xp.to_host(search.radius_links(radius, xp.asarray(core))), components(near, core)
    )
    _, rows, _ = search.radius_neighbors(None, radius)
    np.testing.assert_array_equal(xp.to_host(rows), np.nonzero(near)[1])


@pytest.mark.smoke
@pytest.mark.parametrize("name", ["normal", "grid", "equal", "one row", "many columns"])
def test_the_nearest_of_other_components_is_that_of_brute_force(xp, name):
    X = made(name)
    D = brute(X, X)
    search = searched(xp, X)
    core = xp.to_host(search.kth_distances(min(4, len(X))))
    some = np.random.RandomState(0).randint(0, 4, len(X)) * (len(X) > 1)
    for component in (np.arange(len(X)), some, np.zeros(len(X), int)):
        for own, alpha in ((None, 1.0), (core, 1.0), (core, 1.5)):
            W = D / alpha
            if own is not None:
                W = np.maximum(W, np.maximum(own[:, None], own[None, :]))
            weight, other = least_other(W, component)
            weights, others = search.nearest_other(
                xp.asarray(component), None if own is None else xp.asarray(own), alpha
            )
            np.testing.assert_allclose(xp.to_host(weights), weight, rtol=1e-14)
            if own is None or name not in ("normal", "many columns"):  # roots break its ties
                np.testing.assert_array_equal(xp.to_host(others), other)


@pytest.mark.parametrize("name", ["normal", "grid"])
def test_rows_that_are_asked_find_what_is_within_their_bound(xp, name):
    X = made(name)
    n = len(X)
    search = searched(xp, X)
    component = np.argsort(np.argsort(X[:, 0])) // (n // 3)  # slabs, whose inner rows are far
    core = search.kth_distances(3)
    weights, others = map(xp.to_host, search.nearest_other(xp.asarray(component), core))
    rows = np.random.RandomState(0).permutation(n)[: n - 20]
    for share in (0.2, 0.7, 1.0):
        bound = np.full(n, np.quantile(weights, share))[rows]
        asked = search.nearest_other(
            xp.asarray(component), core, rows=xp.asarray(rows), bound=xp.asarray(bound)
        )
        weight, other = map(xp.to_host, asked)
        found = other >= 0
        np.testing.assert_array_equal(weight[found], weights[rows][found])
        np.testing.assert_array_equal(other[found], others[rows][found])
        assert np.isinf(weight[~found]).all()
        for c in np.unique(component[rows]):
            own = component[rows] == c
            least = weights[rows][own].min()
            needed = own & (weights[rows] <= min(least, bound[0]))
            assert found[needed].all()


def test_the_weight_of_two_rows_is_the_same_from_both_sides(xp):
    X = np.random.RandomState(0).rand(200, 7).astype("float32")
    search = searched(xp, X)
    weights, others = map(xp.to_host, search.nearest_other(xp.asarray(np.arange(200))))
    mutual = np.flatnonzero(others[others] == np.arange(200))
    assert mutual.size > 50
    np.testing.assert_array_equal(weights[mutual], weights[others[mutual]])


def test_a_row_of_zeros_is_at_cosine_distance_one_of_all_others(xp):
    X = np.array([[0.0, 0.0], [1.0, 2.0], [-3.0, 0.5]])
    distances, indices = searched(xp, X, "cosine").knn(None, 3)
    np.testing.assert_array_equal(xp.to_host(indices)[0], [0, 1, 2])
    np.testing.assert_allclose(xp.to_host(distances)[0], [0, 1, 1], rtol=1e-15)


def test_threads_do_not_change_what_is_found(monkeypatch):
    X = np.random.RandomState(1).randint(0, 60, (5000, 2)).astype(float)
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        search = kernels_for(np).neighbors.search(X)
        core = search.core_rows(1.5, 9)
        found.append((*search.knn(None, 5), core, search.radius_links(1.5, core),
                      *search.nearest_other(np.arange(5000) // 2)))  # fmt: skip
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_cells_and_trees_find_the_same(monkeypatch):
    rng = np.random.RandomState(7)
    for trial in range(60):
        n, d = rng.randint(1, 150), rng.randint(1, 4)
        X = rng.randint(0, rng.randint(2, 15), (n, d)) if trial % 2 else 3 * rng.randn(n, d)
        radius, least = float(rng.choice([0.3, 1.0, 2**0.5, 2.0])), rng.randint(1, 8)
        weights = None if trial % 3 else rng.rand(n)
        search = kernels_for(np).neighbors.search(np.asarray(X, float))
        core = search.core_rows(radius, least, weights)
        links = search.radius_links(radius, core)
        assert search._in_cells(radius) is not None
        monkeypatch.setattr(search, "_in_cells", lambda radius: None)
        np.testing.assert_array_equal(search.core_rows(radius, least, weights), core)
        np.testing.assert_array_equal(search.radius_links(radius, core), links)


@pytest.mark.parametrize("radius", [1e-9, 1e9, np.inf])
def test_a_radius_far_from_the_extent_of_the_rows_is_searched(radius):
    X = np.random.RandomState(0).rand(40, 2)
    search = kernels_for(np).neighbors.search(X)
    core = search.core_rows(radius, 2)
    assert core.all() == (radius > 1)
    assert set(search.radius_links(radius, core)) == ({0} if radius > 1 else {-1})


def test_rows_at_the_corners_of_cells_are_linked():
    """Distances of exactly the radius across the farthest cells that are looked at."""
    for d in (1, 2, 3):
        X = np.array(np.meshgrid(*[np.arange(7.0)] * d)).reshape(d, -1).T.copy()
        for square in {1, d, 2}:
            search = kernels_for(np).neighbors.search(X)
            radius = square**0.5
            near = brute(X, X, "sqeuclidean") <= radius * radius
            least = int(near.sum(axis=1).max())
            core = search.core_rows(radius, least)
            np.testing.assert_array_equal(core, near.sum(axis=1) >= least)
            np.testing.assert_array_equal(search.radius_links(radius, core), components(near, core))
