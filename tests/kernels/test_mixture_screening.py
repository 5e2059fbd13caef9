"""Statistics of rows that few components reach are those of brute force."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from clusterx.kernels import kernels_for
from clusterx.kernels.mixture import Density
from clusterx.kernels.mixture.cpu import PIECE_ROWS, loops, screening
from tests.kernels.test_mixture import by_products, expected, log_densities, same

CPU = kernels_for(np).mixture


def apart(d, k, seed=0, gap=4.0):
    """Components whose means are apart, in the form that whitens rows."""
    rng = np.random.default_rng(seed)
    factors = np.triu(0.1 * rng.normal(size=(k, d, d))) + np.eye(d)
    means = gap * rng.normal(size=(k, d))
    return Density("full", np.ones(d), np.full(d, 2.0), None, rng.normal(size=k), means, factors)


def rows_of(density, n, seed=1):
    """Rows that the components draw."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, len(density.means), n)
    y = rng.normal(size=(n, density.means.shape[1]))
    z = (
        density.means[own]
        + np.linalg.solve(density.factors[own].transpose(0, 2, 1), y[..., None])[..., 0]
    )
    return z * density.scale + density.center


def whitening(density):
    factors = np.ascontiguousarray(density.factors.transpose(0, 2, 1))
    return loops.Whitening(density.constants, density.means, factors)


def bounds(X, density, screen):
    z = (X - density.center) / density.scale
    y = np.einsum("kab,nb->nka", screen.factors, z @ screen.directions.T) - screen.means
    return density.constants - (1 - screening.ERROR) / 2 * (y * y).sum(axis=2)


@pytest.mark.parametrize(("d", "k"), [(36, 8), (45, 20)])
def test_statistics_of_separated_rows(d, k):
    density = apart(d, k, gap=1.5)
    density.means[1] = density.means[0] + 0.1
    assert screening.screen(whitening(density)) is not None
    X = rows_of(density, 2500)
    logs = log_densities(X, density)[2]
    assert 1 / k < (logs > logs.max(axis=1)[:, None] - screening.FAR).mean() < screening.MANY
    w = np.random.default_rng(2).integers(0, 3, len(X)) / 2
    X[w == 0] = 1e200
    for shown in (density, by_products(density)):
        for weights in (None, w):
            rows = X if weights is not None else rows_of(density, 700)
            same(CPU.statistics(rows, weights, shown), _expected(rows, weights, shown))


def _expected(X, w, shown):
    if w is None:
        return expected(X, w, shown)
    return expected(X[w > 0], w[w > 0], shown)


def test_components_that_share_rows_share_them_here():
    """Of pairs of components a row is half of each, or at the edge of what counts."""
    density = apart(40, 12, seed=3)
    means = density.means
    for j, gap in enumerate((0.5, 3.0, 8.0, 11.0)):
        means[2 * j + 1] = means[2 * j]
        means[2 * j + 1, j] += gap
    X = rows_of(density, 1500, seed=4)
    for shown in (density, by_products(density)):
        same(CPU.statistics(X, None, shown), expected(X, None, shown))


def test_blocks_near_all_components_are_among_others():
    density = apart(40, 6, seed=5)
    X = rows_of(density, 3 * 1024, seed=6)
    between = density.means.mean(axis=0) * density.scale + density.center
    wide = np.random.default_rng(7).normal(size=(3 * 1024, 40))
    for near in (slice(0, 1024), slice(1300, 1700), slice(3000, 3072)):
        X[near] = between + wide[near]
    density = density._replace(means=density.means * 0.4)
    for shown in (density, by_products(density)):
        same(CPU.statistics(X, None, shown), expected(X, None, shown))


def test_rows_too_far_for_the_bounds():
    density = apart(45, 5, seed=8)
    X = rows_of(density, 900, seed=9)
    X[[0, 400]] = 1e12  # the first of a task, and one within a block
    assert screening.screen(whitening(density)).limit < 1e11
    same(CPU.statistics(X, None, density), expected(X, None, density))
    density = apart(45, 5, seed=8, gap=0.25)
    density = density._replace(center=np.zeros(45), scale=np.ones(45), means=density.means + 1e15)
    density = density._replace(factors=32 * density.factors)
    density.means[1] = density.means[0]
    X = np.vstack((np.zeros((100, 45)), rows_of(density, 412, seed=9)))
    same(CPU.statistics(X, None, density), expected(X, None, density))


def test_bounds_are_none_too_low():
    tried = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        d, k = int(rng.integers(24, 48)), int(rng.integers(13, 20))
        density = apart(d, k, seed, gap=rng.choice([0.0, 1.0, 5.0]))
        spread = 10.0 ** rng.uniform(-1, 1, size=(k, 1, d))
        density = density._replace(factors=density.factors * spread)
        found = screening.screen(whitening(density))
        if found is not None:
            tried += 1
            X = np.vstack((rows_of(density, 200), 10 * rng.normal(size=(200, d))))
            assert (bounds(X, density, found) >= log_densities(X, density)[2]).all()
    assert tried > 10


def test_no_bounds_from_factors_that_are_nearly_singular():
    density = apart(45, 5)
    density.factors[2, :, 3] *= 1e7
    assert screening.screen(whitening(density)) is None
    assert screening.screen(whitening(apart(4, 3))) is None  # bounds would cost too much


def test_bits_do_not_depend_on_threads_or_blocks(monkeypatch):
    density = apart(45, 5)
    X = rows_of(density, PIECE_ROWS + 777)
    for shown in (density, by_products(density)):
        found = []
        for threads in ("1", "2"):
            monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
            found.append(CPU.statistics(X, None, shown))
        total = CPU.statistics(X[:PIECE_ROWS], None, shown)
        total = total + CPU.statistics(X[PIECE_ROWS:], None, shown)
        for other in (found[1], total):
            for a, b in zip(found[0], other, strict=True):
                assert_array_equal(a, b)
