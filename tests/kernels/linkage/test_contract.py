"""Merges by every kernel against SciPy's, and the compiled ones against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage as scipy_linkage
from scipy.spatial.distance import pdist, squareform

from clusterx import arrays
from clusterx.kernels import kernels_for
from clusterx.kernels.linkage import CHAINED, INVERTING, generic, rounds
from clusterx.kernels.linkage.cpu import COLUMNS, products
from clusterx.kernels.linkage.cpu.loops import STRIDE

CPU = kernels_for(arrays.namespace(np.empty(0))).linkage
SQUARED = ("ward", "centroid", "median")


def points(kind, n=60, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "grid":
        return rng.integers(0, 5, (n, 2)).astype(float)
    if kind == "line":
        return np.cumsum(1.01 ** np.arange(n))[:, None]
    if kind == "equal":
        return np.ones((n, 2))
    if kind == "wide":
        return rng.normal(size=(n, COLUMNS + 3))
    return rng.normal(size=(n, 3)) * np.array([1.0, 5.0, 0.2])


def made(kernels, X, method, sizes=None):
    """Heights in the order of the merges, and the edges."""
    sizes = np.ones(len(X)) if sizes is None else sizes
    D = squareform(pdist(X))
    D = D * D if method in SQUARED else D
    run = kernels.one_by_one if method in INVERTING else kernels.chained
    edges = run(D, sizes, method)
    heights = edges.weight if method in INVERTING else np.sort(edges.weight)
    return np.sqrt(np.maximum(heights, 0)) if method in SQUARED else heights, edges


@pytest.mark.parametrize("kind", ["normal", "line", "equal"])
@pytest.mark.parametrize("method", [*CHAINED, *INVERTING])
def test_heights_are_scipys(method, kind):
    X = points(kind)
    expected = scipy_linkage(X, method)[:, 2]
    for kernels in (CPU, generic):
        np.testing.assert_allclose(made(kernels, X, method)[0], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["normal", "grid", "line", "equal"])
@pytest.mark.parametrize("method", [*CHAINED, *INVERTING])
def test_compiled_chains_are_the_definition(method, kind):
    X, sizes = points(kind, 41), np.random.default_rng(1).integers(1, 4, 41).astype(float)
    for a, b in zip(
        made(CPU, X, method, sizes)[1], made(generic, X, method, sizes)[1], strict=True
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("method", CHAINED)
def test_rows_learn_of_all_merges_that_were_made_while_they_were_not_read(method):
    # groups far apart merge while the rows of others wait; several times the matrix is half empty
    X = points("normal", 300) + 100.0 * (np.arange(300) % 7)[:, None]
    sizes = np.random.default_rng(1).integers(1, 4, 300).astype(float)
    for a, b in zip(
        made(CPU, X, method, sizes)[1], made(generic, X, method, sizes)[1], strict=True
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ["normal", "grid"])
def test_complete_linkage_of_more_rows_than_are_compared_at_once(kind):
    X = points(kind, 2 * STRIDE + 300)
    expected = scipy_linkage(X, "complete")[:, 2]
    np.testing.assert_array_equal(made(CPU, X, "complete")[0], expected)


@pytest.mark.parametrize("kind", ["normal", "line", "equal", "wide"])
def test_rounds_of_ward_are_the_chain_and_scipys(kind, monkeypatch):
    X, sizes = points(kind, 300), np.ones(300)
    expected = scipy_linkage(X, "ward")[:, 2]
    chain = CPU.ward(X, sizes)
    monkeypatch.setattr(rounds, "FEW", 2)
    for kernels in (CPU, generic):
        edges = kernels.ward(X, sizes)
        np.testing.assert_allclose(np.sort(edges.weight), expected, rtol=1e-12)
        np.testing.assert_allclose(np.sort(edges.weight), np.sort(chain.weight), rtol=1e-13)


@pytest.mark.parametrize("kind", ["normal", "grid", "wide", "equal"])
def test_compiled_rounds_are_the_definition(kind, monkeypatch):
    monkeypatch.setattr(rounds, "FEW", 2)
    sizes = np.random.default_rng(1).integers(1, 4, 120).astype(float)
    X = points(kind, 120)
    for a, b in zip(CPU.ward(X, sizes), generic.ward(X, sizes), strict=True):
        np.testing.assert_array_equal(a, b)


def test_ward_does_not_write_to_rows_and_threads_change_nothing(monkeypatch):
    X = points("normal", 3000)
    X.setflags(write=False)
    found = CPU.ward(X, np.ones(3000))
    monkeypatch.setenv("CLUSTERX_NUM_THREADS", "1")
    for a, b in zip(found, CPU.ward(X, np.ones(3000)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.smoke
@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "manhattan", "cosine"])
def test_distances(xp, metric):
    X = points("normal", 40)
    D = xp.to_host(kernels_for(xp.xp).linkage.distances(xp.asarray(X), metric))
    name = {"manhattan": "cityblock"}.get(metric, metric)
    np.testing.assert_allclose(D, squareform(pdist(X, name)), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(D, D.T)
    same = generic.distances(X, metric)
    np.testing.assert_allclose(D, same, rtol=3e-16 * (xp.name == "torch"))


@pytest.mark.parametrize("kind", ["sizes", "ties", "apart", "tiny", "huge", "equal"])
def test_partners_by_products_are_those_of_brute_force(kind, monkeypatch):
    monkeypatch.setattr(products, "WIDE", 16)
    monkeypatch.setattr(products, "TALL", 8)
    rng = np.random.default_rng(0)
    C, sizes = rng.normal(size=(150, 12)), 10 ** rng.uniform(-3, 3, 150)
    if kind == "ties":
        C, sizes = rng.integers(0, 2, (150, 12)).astype(float), np.ones(150)
    if kind == "apart":  # by so much that float32 products don't tell near rows from each other
        C = 1e-3 * C + 1e3 * rng.integers(0, 2, (150, 1))
    C *= {"tiny": 1e-150, "huge": 1e150, "equal": 0.0}.get(kind, 1.0)
    total = 0.0
    for c in C.T:
        total = total + (c[:, None] - c[None, :]) ** 2
    a, b = sizes[:, None], sizes[None, :]
    costs = total * (a * b * 2.0 / (a + b))
    np.fill_diagonal(costs, np.inf)
    rows = np.sort(rng.choice(150, 70, replace=False))
    for chosen in (None, rows):
        found, others = products.partners_by_products(C, sizes, chosen)
        wanted = costs if chosen is None else costs[chosen]
        np.testing.assert_array_equal(others, wanted.argmin(axis=1))
        np.testing.assert_array_equal(found, wanted.min(axis=1))
