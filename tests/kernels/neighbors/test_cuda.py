"""The CUDA search: any order of threads, several batches of tiles, faults."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from clusterx.arrays import to_host
from clusterx.kernels.neighbors.cuda import tiled
from tests.cuda_on_cpu.arrays import asarray
from tests.cuda_on_cpu.backend import WAYS, emulated, faulty
from tests.kernels.neighbors.test_contract import brute, components, least_other

pytestmark = pytest.mark.usefixtures("gxx")


def everything(kernels, X, radius=1.5):
    """What the search says of rows of whole numbers, whose distances are full of ties."""
    search = kernels.neighbors.search(asarray(X))
    core = search.core_rows(radius, 4.0)
    other = asarray(np.arange(len(X)) // 3)
    apart = search.kth_distances(3)
    found = [
        *search.knn(None, 5), *search.knn(asarray(X[::4] + 0.5), 3), apart, core,
        search.radius_counts(asarray(X[::3]), radius), search.radius_links(radius, core),
        *search.radius_neighbors(None, radius), *search.nearest_other(other, apart),
    ]  # fmt: skip
    return [to_host(part) for part in found]


def points(n=200, d=3):
    return np.random.RandomState(0).randint(0, 6, (n, d)).astype(float)


@pytest.mark.parametrize("way", WAYS)
def test_any_order_of_threads_finds_the_same(way):
    X = points()
    for mine, theirs in zip(
        everything(emulated(**WAYS[way]), X), everything(emulated(), X), strict=True
    ):
        assert_array_equal(mine, theirs)


def test_several_batches_of_tiles():
    rng = np.random.RandomState(1)
    X, Y = rng.rand(17_000, 2).astype("float32"), rng.rand(70, 2).astype("float32")
    Y[0] = 3.0  # outside the box of the rows
    search = emulated().neighbors.search(asarray(X))
    D = brute(Y, X)
    distances, rows = search.knn(asarray(Y), 4)
    assert_array_equal(to_host(rows), D.argsort(axis=1, kind="stable")[:, :4])
    assert_allclose(to_host(distances), np.sort(D, axis=1)[:, :4], rtol=1e-14)
    assert_array_equal(to_host(search.radius_counts(asarray(Y), 0.05)), (D <= 0.05).sum(axis=1))


def test_more_neighbours_than_are_listed(monkeypatch):
    monkeypatch.setattr(tiled, "MOST_LISTED", 3)
    X = points(90)
    search = emulated().neighbors.search(asarray(X))
    order = np.argsort(brute(X, X), axis=1, kind="stable")
    assert_array_equal(to_host(search.knn(None, 5)[1]), order[:, :5])
    assert_array_equal(to_host(search.knn(None, 3)[1]), order[:, :3])


def test_lists_of_all_rows_are_made_in_parts(monkeypatch):
    monkeypatch.setattr(tiled, "TILE", 1)
    X = points(150)
    found = emulated().neighbors.search(asarray(X)).kth_distances(4)
    assert_array_equal(to_host(found), np.sort(brute(X, X), axis=1)[:, 3])


FAULTS = {
    "none": ("EACH", "EACH"),
    "a box too far": ("sum * (1 - 0x1p-40)", "sum * 4"),
    "ties to the higher row": ("(a == b && i < j)", "(a == b && i > j)"),
    "a radius without its edge": ("if (sum <= limit)\n                count", "if (sum < limit)\n                count"),  # noqa: E501
    "no unions": ("if (!(sum <= limit) || at <= first", "if (true || at <= first"),
    "a label of no row": ("least[i] = 0x7fffffff", "least[i] = 0"),
    "the core of one end": ("max(mine[i], core[at])", "mine[i]"),
    "a component of a part": ("if (alike &&", "if ("),
}  # fmt: skip


def is_right(kernels, X):
    D = brute(X, X)
    search = kernels.neighbors.search(asarray(X))
    core = (D <= 1.0).sum(axis=1) >= 15
    apart = np.sort(D, axis=1)[:, 7] + np.arange(len(X)) % 3
    # the first tile of one component, and one row of the second
    component = (np.argsort(np.argsort(X[:, 0], kind="stable")) > 64).astype(int)
    W = np.maximum(D, np.maximum(apart[:, None], apart[None, :]))
    found = (
        search.knn(None, 6)[1], search.radius_counts(None, 1.0),
        search.radius_links(1.0, asarray(core)),
        *search.nearest_other(asarray(component), asarray(apart)),
    )  # fmt: skip
    expected = (
        np.argsort(D, axis=1, kind="stable")[:, :6], (D <= 1.0).sum(axis=1),
        components(D <= 1.0, core), *least_other(W, component),
    )  # fmt: skip
    return all(np.array_equal(to_host(a), b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(fault):
    # a line with many rows at each place, so that clusters meet at rows of their borders
    line = np.stack([np.random.RandomState(2).randint(0, 60, 300), np.zeros(300)], axis=1)
    kernels = faulty("neighbors", *FAULTS[fault])
    assert all(is_right(kernels, X) for X in (line, points(300, 2) * [3, 1])) == (fault == "none")
