"""The search for starting colours, and the cells that it goes through."""

import numpy as np
import pytest

from clusterx.image.boxes import wu
from clusterx.image.cells import CELLS, Cells, cells_of
from clusterx.image.search import beside_fixed, search


def clumps(k=12, n=600, seed=0):
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 256, (k, 3))
    points = places[rng.integers(0, k, n)] + rng.normal(0, 2, (n, 3))
    return places, Cells(points, rng.integers(1, 9, n).astype(np.float64))


def error(cells, centers):
    squared = ((cells.points[:, None] - centers[None]) ** 2).sum(axis=2)
    return float(cells.weights @ squared.min(axis=1))


@pytest.mark.parametrize("k", [1, 2, 12, 40, 140])
def test_as_many_centers_as_asked_for_and_no_worse_than_the_start(k):
    _, cells = clumps()
    found = search(cells, k, np.random.RandomState(0))
    assert found.shape == (k, 3)
    assert error(cells, found) <= error(cells, wu(cells, k))


def test_all_clumps_are_found():
    places, cells = clumps()
    for seed in range(5):
        found = search(cells, 12, np.random.RandomState(seed))
        assert np.abs(found[:, None] - places[None]).max(axis=2).min(axis=0).max() < 3


@pytest.mark.parametrize("m", [1, 5, 12])
def test_fixed_centers_stay_and_come_first(m):
    places, cells = clumps()
    fixed = places[:m] + 0.5
    found = search(cells, 12, np.random.RandomState(0), fixed)
    np.testing.assert_array_equal(found[:m], fixed)
    assert found.shape == (12, 3)
    assert np.abs(found[:, None] - places[None]).max(axis=2).min(axis=0).max() < 3
    np.testing.assert_array_equal(beside_fixed(cells, places + 1.0, 12, fixed)[:m], fixed)


def test_far_from_zero():
    places, cells = clumps()
    far = Cells(cells.points + 1e6, cells.weights)
    found = search(far, 12, np.random.RandomState(0)) - 1e6
    assert np.abs(found[:, None] - places[None]).max(axis=2).min(axis=0).max() < 3


@pytest.mark.smoke
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("span", [1.0, 0.2])
def test_cells_hold_all_weight_at_the_mean(xp, dtype, span):
    rng = np.random.default_rng(0)
    values = rng.random((40_000, 3)) * span * np.iinfo(dtype).max
    colors = np.unique(values.astype(dtype), axis=0)
    weights = rng.integers(0, 3, len(colors)).astype(np.float64)
    found = cells_of(xp.asarray(colors), xp.asarray(colors.astype(np.float32)), xp.asarray(weights))
    assert CELLS // 16 < len(found.weights) <= CELLS
    assert (found.weights > 0).all()
    assert found.weights.sum() == weights.sum()
    np.testing.assert_allclose(found.weights @ found.points, weights @ colors, rtol=1e-9)


def test_few_colors_are_cells_of_their_own():
    colors = np.arange(30, dtype=np.uint8).reshape(10, 3)
    weights = np.arange(10.0)
    found = cells_of(colors, colors.astype(np.float32), weights)
    np.testing.assert_array_equal(found.points, colors[1:])
    np.testing.assert_array_equal(found.weights, weights[1:])
