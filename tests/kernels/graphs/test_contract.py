"""Spanning trees and hierarchies: compiled ones, the definition, and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import cdist, squareform

from clusterx import arrays
from clusterx.kernels import kernels_for
from clusterx.kernels.graphs import Edges, cpu, generic

CPU = kernels_for(arrays.namespace(np.empty(0))).graphs
KERNELS = pytest.mark.parametrize("kernels", [CPU, generic], ids=["cpu", "generic"])


def points(kind, n=60, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "grid":
        return rng.integers(0, 5, (n, 2)).astype(float)
    if kind == "line":
        return np.arange(n)[:, None] * np.array([[1.0, 2.0]])
    if kind == "equal":
        return np.ones((n, 2))
    return rng.normal(size=(n, 3))


def reachability(X, k=4):
    """Mutual reachability and core distances, by their definition."""
    D = cdist(X, X)
    core = np.sort(D, axis=1)[:, k - 1]
    return D, core, np.maximum(D, np.maximum(core[:, None], core))


def nearest_in(W):
    """`nearest` of a matrix of weights, for Boruvka's rounds."""

    def nearest(component, rows, bound):
        outside = np.where(component[rows, None] != component, W[rows], np.inf)
        others = outside.argmin(axis=1)
        weights = outside[np.arange(len(rows)), others]
        found = np.isfinite(weights) & (weights <= bound)
        return np.where(found, weights, np.inf), np.where(found, others, -1)

    return nearest


def triples(edges):
    return sorted(zip(*(part.tolist() for part in (edges[2], edges[0], edges[1])), strict=True))


def least_tree(W):
    """Kruskal over all pairs, in the order of weight, low, high."""
    n = len(W)
    owner = list(range(n))
    kept = []
    for w, i, j in sorted((W[a, b], a, b) for a in range(n) for b in range(a + 1, n)):
        if owner[i] != owner[j] and w < np.inf:
            kept.append((w, i, j))
            a, b = owner[i], owner[j]
            owner = [a if c == b else c for c in owner]
    return sorted(kept)


@KERNELS
@pytest.mark.parametrize("kind", ["normal", "grid", "line", "equal"])
def test_the_tree_is_that_of_the_order_by_weight_low_high(kernels, kind):
    X = points(kind)
    D, core, W = reachability(X)
    expected = least_tree(W)
    assert triples(kernels.spanning_tree(len(X), nearest_in(W))) == expected
    assert triples(kernels.dense_tree(D, core, 1.0)) == expected
    every = np.triu_indices(len(X), 1)
    shuffled = np.random.default_rng(1).permutation(len(every[0]))
    edges = Edges(*(part[shuffled] for part in every), W[every][shuffled])
    assert triples(kernels.least_forest(len(X), edges)) == expected


def linked(n, p, seed):
    """A symmetric CSR matrix with links at random, and its first row without any."""
    W = sparse.random_array(
        (n, n), density=p, random_state=np.random.default_rng(seed), format="csr"
    )
    W = sparse.lil_array(W + W.T)
    W[0, :] = W[:, 0] = 0.0
    return sparse.csr_array(W)


@KERNELS
@pytest.mark.parametrize("p", [0.0, 0.01, 0.05, 0.5])
def test_groups_are_neighbourhoods(kernels, p):
    W = linked(150, p, 2)
    linked_to = W.toarray() != 0
    groups = kernels.groups(W)
    assert groups.dtype == np.int64
    expected, founded = np.full(150, -1), np.full(150, -1)
    for i in range(150):
        if max(founded[i], founded[linked_to[i]].max(initial=-1)) < 0:
            founded[linked_to[i]] = founded[i] = founded.max() + 1
    for i in range(150):
        first = founded[linked_to[i]]
        expected[i] = founded[i] if founded[i] >= 0 else first[first >= 0][0]
    np.testing.assert_array_equal(groups, expected)


@KERNELS
@pytest.mark.parametrize("kind", ["normal", "grid", "line", "equal"])
@pytest.mark.parametrize("k", [1, 4, 60])
def test_near_rows_leave_the_tree_as_it_is(kernels, kind, k):
    """And the first round has no search, because each row has a near one."""
    W = cdist(points(kind), points(kind))
    near = np.argsort(W, axis=1, kind="stable")[:, :k]
    sizes = []

    def nearest(component, rows, bound):
        sizes.append(len(rows))
        return nearest_in(W)(component, rows, bound)

    tree = kernels.spanning_tree(len(W), nearest, (np.take_along_axis(W, near, 1), near))
    assert triples(tree) == least_tree(W)
    if k == 60:
        assert not sizes
    if k == 4 and kind in ("normal", "line"):
        assert max(sizes, default=0) < 60


@KERNELS
def test_alpha_scales_distances_and_not_core_distances(kernels):
    D, core, _ = reachability(points("normal"))
    W = np.maximum(D / 1.5, np.maximum(core[:, None], core))
    assert triples(kernels.dense_tree(D, core, 1.5)) == least_tree(W)


@KERNELS
def test_components_without_a_way_between_them_give_a_forest(kernels):
    W = np.full((4, 4), np.inf)
    W[0, 1] = W[1, 0] = 1.0
    W[2, 3] = W[3, 2] = 2.0
    expected = [(1.0, 0, 1), (2.0, 2, 3)]
    assert triples(kernels.spanning_tree(4, nearest_in(W))) == expected
    assert triples(kernels.dense_tree(W, np.zeros(4), 1.0)) == expected


@KERNELS
def test_single_row_has_no_edges_and_one_leaf(kernels):
    edges = kernels.spanning_tree(1, nearest_in(np.zeros((1, 1))))
    assert [len(part) for part in edges] == [0, 0, 0]
    merges = kernels.single_linkage(edges, np.ones(1))
    assert len(merges.left) == 0
    tree = kernels.condense(merges, np.ones(1), np.zeros(1), 2.0)
    assert [part.tolist() for part in tree] == [[1], [0], [np.inf], [1.0]]


@KERNELS
def test_merges_have_the_cophenetic_distances_of_scipys_single_linkage(kernels):
    X = points("normal", 80)
    _, _, W = reachability(X)
    np.fill_diagonal(W, 0.0)
    merges = kernels.single_linkage(kernels.spanning_tree(80, nearest_in(W)), np.ones(80))
    Z = np.column_stack([merges.left, merges.right, merges.height, merges.size]).astype(float)
    W = squareform(W, checks=False)
    np.testing.assert_array_equal(cophenet(Z), cophenet(linkage(W, "single")))


@pytest.mark.parametrize("kind", ["normal", "grid", "line", "equal"])
def test_compiled_hierarchies_are_those_of_the_definition(kind):
    rng = np.random.default_rng(2)
    X = points(kind)
    _, core, W = reachability(X)
    edges = CPU.spanning_tree(len(X), nearest_in(W))
    for weights in (np.ones(len(X)), rng.integers(1, 7, len(X)).astype(float)):
        merges = CPU.single_linkage(edges, weights)
        expected = generic.single_linkage(edges, weights)
        for got, want in zip(merges, expected, strict=True):
            np.testing.assert_array_equal(got, want)
        for least in (2.0, 5.0, 1000.0):
            tree = CPU.condense(merges, weights, core, least)
            for got, want in zip(tree, generic.condense(merges, weights, core, least), strict=True):
                np.testing.assert_array_equal(got, want)


@KERNELS
def test_condensed_tree_keeps_every_row_and_its_weight_once(kernels):
    weights = np.random.default_rng(3).integers(1, 4, 60).astype(float)
    _, core, W = reachability(points("normal"))
    merges = kernels.single_linkage(kernels.spanning_tree(60, nearest_in(W)), weights)
    tree = kernels.condense(merges, weights, core, 6.0)
    rows = tree.child < 60
    assert sorted(tree.child[rows].tolist()) == list(range(60))
    # what leaves a cluster weighs as much as the cluster
    for cluster, size in zip(tree.child[~rows], tree.size[~rows], strict=True):
        assert tree.size[tree.parent == cluster].sum() == size >= 6.0
    assert tree.size[tree.parent == 60].sum() == weights.sum()


@KERNELS
def test_cut_joins_what_merges_below_the_height(kernels):
    _, _, W = reachability(points("normal"))
    merges = kernels.single_linkage(kernels.spanning_tree(60, nearest_in(W)), np.ones(60))
    for height in (0.0, merges.height[30], merges.height[-1], np.inf):
        component = kernels.cut(merges, 60, height)
        expected = list(range(60))
        for i in range(60):
            for j in range(60):
                if i != j and W[i, j] < height and expected[i] != expected[j]:
                    a, b = sorted((expected[i], expected[j]))
                    expected = [a if c == b else c for c in expected]
        assert component.tolist() == np.unique(expected, return_inverse=True)[1].tolist()


def test_a_chain_of_thousands_needs_no_recursion():
    # every merge adds one row, found at the far end of the path of all the others
    n = 200_000
    i = np.arange(n - 1)
    edges = Edges(i, i + 1, (n - i).astype(float))
    merges = CPU.single_linkage(edges, np.ones(n))
    assert merges.size[-1] == n
    tree = CPU.condense(merges, np.ones(n), np.zeros(n), 2.0)
    assert len(tree.child) == n


@pytest.mark.parametrize("p", [1, 5, 13])
def test_linked_sums_are_products(p, monkeypatch):
    monkeypatch.setattr(cpu, "FEW", 0)
    rng = np.random.default_rng(0)
    W = sparse.random_array((300, 300), density=0.03, random_state=rng, format="csr")
    W = W + W.T
    V, before = rng.normal(size=(2, 300, p))
    expected = 0.7 * (W.toarray() @ V) - 0.2 * V + 0.4 * before
    for kernels in (CPU, generic):
        found = kernels.linked_sums(W, V.copy("F"), before.copy(), 0.7, -0.2, 0.4)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
