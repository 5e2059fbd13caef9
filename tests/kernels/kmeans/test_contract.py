"""Steps of Lloyd's iteration on every backend, against float64 brute force."""

import numpy as np
import pytest

from clusterx.kernels import kernels_for
from clusterx.kernels.kmeans import DEVIATION_ROWS
from tests.data import make, some_rows
from tests.kernels.brute import HARD_CASES, SHAPES, brute_labels, brute_squared
from tests.kernels.kmeans.iterations import fsums, weights_of


@pytest.mark.parametrize(("name", "shape", "dtype"), HARD_CASES, ids=str)
def test_squared_distances(xp, name, shape, dtype):
    """To several points, and to one that is no row of the dtype."""
    n, d, k = shape
    X = make(name, n, d, dtype)
    C, c = some_rows(X, k).astype(dtype), X[-1].astype(np.float64) + 0.1
    kernels, Y = kernels_for(xp.xp).distances, xp.asarray(X)
    to_all, to_one = (
        kernels.squared_distances(Y, xp.asarray(C)),
        kernels.distances_to(Y, xp.asarray(c)),
    )
    assert xp.owns(to_all)
    assert xp.owns(to_one)
    np.testing.assert_allclose(xp.to_host(to_all), brute_squared(X, C), rtol=1e-12)
    np.testing.assert_allclose(xp.to_host(to_one), brute_squared(X, c[None])[:, 0], rtol=1e-12)


@pytest.mark.parametrize("shape", [*SHAPES, (70_000, 3, 2)], ids=str)
def test_scatter(xp, shape):
    n, d = shape[:2]
    X = make("blobs", n, d, "float32")
    w, c = np.random.default_rng(n).random(n), X[-1].astype(np.float64) + 0.1
    kernels = kernels_for(xp.xp)
    found = kernels.kmeans.weighted_deviations(xp.asarray(X), xp.asarray(w), xp.asarray(c))
    assert xp.owns(found)
    expected = w * brute_squared(X, c[None])[:, 0]
    np.testing.assert_allclose(xp.to_host(found).sum(), expected.sum(), rtol=1e-12)
    cut = DEVIATION_ROWS
    parts = [
        xp.to_host(
            kernels.kmeans.weighted_deviations(
                xp.asarray(X[a : a + cut]), xp.asarray(w[a : a + cut]), xp.asarray(c)
            )
        )
        for a in range(0, n, cut)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), xp.to_host(found))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("shape", "single_use", "weights"),
    [
        ((1, 1, 1), False, "none"),
        ((1, 1, 1), True, "none"),
        ((65, 3, 4), False, "fractions"),
        ((65, 3, 4), True, "none"),
        ((257, 16, 5), False, "whole"),
        ((257, 16, 5), True, "fractions"),
        ((4500, 3, 9), False, "none"),
        ((4500, 3, 9), True, "whole"),
        ((4500, 3, 9), False, "fractions"),
    ],
    ids=str,
)
def test_lloyd_stats(xp, shape, single_use, weights):
    n, d, k = shape
    X, own = make("blobs", n, d, "float64"), kernels_for(xp.xp)
    w = None if n == 1 else weights_of(weights, n)
    total = n if w is None else w.sum()
    Y = xp.asarray(X)
    grid = own.kmeans.sum_scales(own.reductions.summary(Y), total, n)
    step = own.kmeans.lloyd_stats(
        Y, None if w is None else xp.asarray(w), grid, single_use=single_use
    )
    previous = np.full(n, -1)
    for seed in (1, 2, 2):
        C = some_rows(X, k, seed)
        stats = step(xp.asarray(C))
        labels = brute_labels(X, C)
        sums, counts = fsums(X, w, labels, k)
        assert xp.owns(step.labels)
        np.testing.assert_array_equal(xp.to_host(step.labels), labels)
        np.testing.assert_allclose(xp.to_host(stats.sums), sums, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(xp.to_host(stats.counts), counts, rtol=1e-13)
        assert int(xp.to_host(stats.n_changed)) == np.count_nonzero(previous != labels)
        np.testing.assert_allclose(
            xp.to_host(step.distances()), brute_squared(X, C).min(axis=1), rtol=1e-12
        )
        previous = labels


def test_stats_of_two_blocks_add_up(xp):
    X, own = make("blobs", 257, 3, "float64"), kernels_for(xp.xp)
    Y, C = xp.asarray(X), xp.asarray(some_rows(X, 4))
    grid = own.kmeans.sum_scales(own.reductions.summary(Y), 257.0, 257)
    whole = own.kmeans.lloyd_stats(Y, None, grid)(C)
    both = own.kmeans.lloyd_stats(Y[:100, :], None, grid)(C) + own.kmeans.lloyd_stats(
        Y[100:, :], None, grid
    )(C)
    for field in ("sums", "counts"):
        a, b = xp.to_host(getattr(both, field)), xp.to_host(getattr(whole, field))
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert int(xp.to_host(both.n_changed)) == 257


@pytest.mark.parametrize("d", [3, 20])
@pytest.mark.parametrize("n", [255, 256, 1025])
def test_sums_that_are_as_large_as_they_get(xp, n, d):
    """All rows equal the largest magnitudes, and are in one cluster."""
    X, own = np.full((n, d), -3.0, np.float32), kernels_for(xp.xp)
    Y, w = xp.asarray(X), np.full(n, 0.75)
    scales = own.kmeans.sum_scales(own.reductions.summary(Y), w.sum(), n)
    stats = own.kmeans.lloyd_stats(Y, xp.asarray(w), scales)(xp.asarray(X[:1].astype(float)))
    np.testing.assert_allclose(xp.to_host(stats.sums), [[-2.25 * n] * d], rtol=1e-14)
    np.testing.assert_allclose(xp.to_host(stats.counts), [0.75 * n], rtol=1e-14)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 1), "float32"),
        ((4, 3), "float64"),
        ((9, 130), "float32"),
        ((9, 130), "float64"),
        ((300, 2), "float32"),
    ],
    ids=str,
)
def test_update(xp, shape, dtype):
    """Means of the clusters; an empty one stays, and is what the lightest one weighs."""
    k, d = shape
    X, own = make("blobs", 500, d, "float64"), kernels_for(xp.xp)
    w = weights_of("fractions", 500)
    C = some_rows(X, k).astype(dtype)
    C[k // 2 :] = C[0]  # of equal centres, the first gets all rows
    Y, v, start = xp.asarray(X.astype(dtype)), xp.asarray(w), xp.asarray(C)
    stats = own.kmeans.lloyd_stats(
        Y, v, own.kmeans.sum_scales(own.reductions.summary(Y), w.sum(), 500)
    )(start)
    new, shift, least = own.kmeans.update_centers(stats, start)
    sums, counts = (np.array(xp.to_host(a), np.float64) for a in (stats.sums, stats.counts))
    wanted = C.astype(np.float64)
    wanted[counts > 0] = sums[counts > 0] / counts[counts > 0, None]
    assert xp.owns(new)
    assert new.dtype == start.dtype
    np.testing.assert_array_equal(xp.to_host(start), C)
    np.testing.assert_allclose(xp.to_host(new), wanted.astype(dtype), rtol=1e-15)
    moved = xp.to_host(new).astype(np.float64) - C
    np.testing.assert_allclose(float(xp.to_host(shift)), (moved**2).sum(), rtol=1e-13)
    assert float(xp.to_host(least)) == counts.min()
    assert (counts == 0).any() == (k > 1)
