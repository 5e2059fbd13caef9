"""Steps of k-means++ on every backend, and the CPU's ways of them."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from clusterx.kernels import kernels_for
from clusterx.kernels.kmeans.cpu import sparse
from clusterx.kernels.kmeans.cpu.seeds import PlainSeeding, ScreenedSeeding, TreeSeeding
from tests.data import make
from tests.kernels.brute import CPU, brute_squared, draws_for
from tests.kernels.kmeans.iterations import grid_for, step_for, weights_of


def seeding_of(kind, X, w):
    grid = grid_for(X, w)
    if kind == "plain":
        return PlainSeeding(X, w)
    if kind == "sparse":
        return sparse.SparseSeeding(csr_matrix(X), w)
    step = step_for(kind, X, w, grid)
    found = CPU.kmeans.seeding(X, w, step)
    assert type(found) is (TreeSeeding if kind == "tree" else ScreenedSeeding)
    return found


def check_seeding(found, X, w, to_host, draws):
    """Each pick is a drawn row, the one that leaves the least sum; the distances stay right."""
    n = len(X)
    weights = np.ones(n) if w is None else w
    found.start(n // 2)
    closest = brute_squared(X, X[[n // 2]])[:, 0]
    for fractions in draws:
        before = np.cumsum(closest * weights)
        row = int(to_host(found.grow(fractions)))
        drawn = np.searchsorted(before, fractions * before[-1], side="right").clip(0, n - 1)
        left = [
            (np.minimum(closest, brute_squared(X, X[[r]])[:, 0]) * weights).sum() for r in drawn
        ]
        if before[-1] > 0:
            assert row in drawn
            own = left[list(drawn).index(row)]
            # candidates are compared by what they take off the sum, in float64
            assert own <= min(left) * (1 + 1e-10) + 1e-14 * before[-1]
        closest = np.minimum(closest, brute_squared(X, X[[row]])[:, 0])
        np.testing.assert_allclose(to_host(found.closest), closest, rtol=1e-11)
    found.add(0)
    closest = np.minimum(closest, brute_squared(X, X[[0]])[:, 0])
    np.testing.assert_allclose(to_host(found.closest), closest, rtol=1e-11)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("n", "weights"),
    [(2, "whole"), (65, "none"), (65, "fractions"), (1025, "whole"), (2100, "none"),
     (2100, "fractions")],
)  # fmt: skip
def test_seeding(xp, n, weights):
    X, w = make("blobs", n, 3, "float64"), weights_of(weights, n)
    if w is not None:
        w[n // 2] += 1  # not all zero
    found = kernels_for(xp.xp).kmeans.seeding(
        xp.asarray(X), None if w is None else xp.asarray(w), None
    )
    check_seeding(found, X, w, xp.to_host, draws_for(min(n - 1, 8)))


@pytest.mark.parametrize(
    ("name", "dtype", "weights"),
    [
        ("blobs", "float32", "none"),
        ("blobs", "float64", "whole"),
        ("duplicates", "float32", "fractions"),
        ("grid", "float64", "none"),
        ("grid", "float32", "whole"),
        ("offset 1e6", "float32", "fractions"),
        ("offset 1e6", "float64", "none"),
        ("scale 1e30", "float32", "whole"),
        ("scale 1e-30", "float32", "fractions"),
        ("outlier 1e12", "float32", "none"),
        ("outlier 1e12", "float64", "fractions"),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "tree", "screened", "projected"])
def test_cpu_seeding(kind, name, dtype, weights):
    d = {"plain": 2, "tree": 3, "screened": 20, "projected": 130}[kind]
    if kind == "projected":
        X = make("low rank", 4200, d, dtype) * (1e30 if name == "scale 1e30" else 1)
        if name == "outlier 1e12":
            X[9] = 1e12
    else:
        X = make(name, 4200, d, dtype)
    w = weights_of(weights, len(X))
    check_seeding(seeding_of(kind, X, w), X, w, np.asarray, draws_for(10))


@pytest.mark.parametrize("size", [1e17, 1e19, 1e20, 1e21, 1e22])
def test_screened_seeding_of_rows_that_an_outlier_scales_to_nothing(size):
    X = np.random.default_rng(0).standard_normal((4200, 20))
    X[2100], X[7], X[8] = 0.0, size, -size
    check_seeding(seeding_of("screened", X, None), X, None, np.asarray, draws_for(10, 3))


@pytest.mark.parametrize("d", [1, 9])
def test_sparse_seeding(d):
    X = make("grid", 900, d, "float64")
    check_seeding(seeding_of("sparse", X, None), X, None, np.asarray, draws_for(6))


@pytest.mark.parametrize("kind", ["plain", "tree", "screened", "sparse"])
def test_seeding_of_constant_rows(kind):
    X = np.full((70, 3), 2.5)
    found = seeding_of(kind, X, None)
    found.start(5)
    for fractions in draws_for(3):
        assert 0 <= found.grow(fractions) < 70
    np.testing.assert_array_equal(found.closest, np.zeros(70))


@pytest.mark.parametrize("trial", [0.0, 1 - 2**-53])
def test_seeding_never_draws_a_row_of_no_weight_or_distance(xp, trial):
    X = np.array([[0.0], [0.0], [1.0], [5.0], [0.0], [9.0], [0.0]])
    w = np.array([1.0, 0.0, 0.0, 2.0, 1.0, 0.0, 1.0])
    found = kernels_for(xp.xp).kmeans.seeding(xp.asarray(X), xp.asarray(w), None)
    found.start(0)
    assert int(xp.to_host(found.grow(np.array([trial])))) == 3


def test_a_draw_that_ends_a_row_takes_the_next(xp):
    squared, w = xp.asarray([1.0, 1.0, 2.0, 4.0]), xp.asarray([1.0, 1.0, 1.0, 0.0])
    draw = kernels_for(xp.xp).kmeans.sample_rows
    edges = np.array([0.0, 0.25, 0.5, 1 - 2**-53])
    assert xp.to_host(draw(squared, w, edges)).tolist() == [0, 1, 2, 2]
    edges = np.array([0.0, 0.125, 0.25, 0.5])
    assert xp.to_host(draw(squared, None, edges)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("weights", ["none", "fractions"])
@pytest.mark.parametrize("kind", ["plain", "tree", "screened", "projected", "sparse"])
def test_gains_are_what_candidates_take_off_the_sum(kind, weights):
    d = {"plain": 2, "tree": 3, "screened": 20, "projected": 130, "sparse": 9}[kind]
    X = make("low rank" if kind == "projected" else "blobs", 4200, d, "float64")
    w = weights_of(weights, len(X))
    found = seeding_of(kind, X, w)
    found.start(7)
    found.add(2000)
    closest = brute_squared(X, X[[7, 2000]]).min(axis=1)
    chosen = np.arange(3, 4200, 613)
    less = np.maximum(closest[:, None] - brute_squared(X, X[chosen]), 0.0)
    expected = less.sum(axis=0) if w is None else w @ less
    np.testing.assert_allclose(found.gains(chosen), expected, rtol=1e-9)
