"""What holds for kernels of all families: they change no input, and equal the generic ones."""

import numpy as np
import pytest

from clusterx.kernels import kernels_for
from clusterx.kernels.distances import generic as generic_distances
from clusterx.kernels.kmeans import generic as generic_kmeans
from tests.data import make, some_rows
from tests.kernels.brute import CPU, draws_for
from tests.kernels.kmeans.iterations import grid_for, weights_of


@pytest.mark.smoke
def test_kernels_do_not_change_their_input(xp):
    X = make("blobs", 300, 9, "float32")
    w, C = weights_of("fractions", 300), some_rows(X, 5).astype(np.float32)
    own, Y, v, E = kernels_for(xp.xp), xp.asarray(X), xp.asarray(w), xp.asarray(C)
    counts = xp.asarray(np.zeros(5))
    grid = own.kmeans.sum_scales(own.reductions.summary(Y), float(w.sum()), 300)
    own.distances.nearest(Y, E)
    own.distances.distances(Y, E)
    own.distances.squared_distances(Y, E)
    own.kmeans.lloyd_stats(Y, v, grid)(E)
    seeds = own.kmeans.seeding(Y, v, None)
    seeds.start(3)
    seeds.grow(np.array([0.1, 0.9]))
    wide = xp.asarray(C.astype(float))
    own.kmeans.minibatch(Y, 5, 40)(np.arange(40), None, wide, counts)
    for array, before in ((Y, X), (v, w), (E, C), (wide, C.astype(float)), (counts, np.zeros(5))):
        np.testing.assert_array_equal(xp.to_host(array), before)


@pytest.mark.parametrize("d", [3, 20])
def test_cpu_kernels_equal_the_generic_ones(d):
    X = make("blobs", 4500, d, "float64")
    C = some_rows(X, 8)
    labels, squared = generic_distances.nearest(X, C)
    found, found_squared = CPU.distances.nearest(X, C)
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_allclose(found_squared, squared, rtol=1e-12)
    np.testing.assert_allclose(
        CPU.distances.distances(X, C), generic_distances.distances(X, C), rtol=1e-9, atol=1e-6
    )
    a, b = CPU.kmeans.lloyd_stats(X, None, grid_for(X))(C), generic_kmeans.lloyd_stats(X, None)(C)
    np.testing.assert_allclose(a.sums, b.sums, rtol=1e-11, atol=1e-10)
    np.testing.assert_array_equal(a.counts, b.counts)
    draws = draws_for(12)
    tuned = CPU.kmeans.seeding(X, None, CPU.kmeans.lloyd_stats(X, None, grid_for(X)))
    plain = generic_kmeans.seeding(X, None)
    tuned.start(0)
    plain.start(0)
    assert [tuned.grow(f) for f in draws] == [int(plain.grow(f)) for f in draws]


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("n", [300, 9000])  # below and above what makes a tree
def test_whole_numbers_are_read_as_floats_are(n, d, weights):
    rng = np.random.default_rng([n, d])
    stored = rng.integers(0, 256, (n, d)).astype(np.uint8)
    w = rng.integers(0, 9, n).astype(np.float64) if weights else None
    total = float(n) if w is None else float(w.sum())
    found = []
    for X in (stored, stored.astype(np.float32)):
        summary = CPU.reductions.summary(X)
        step = CPU.kmeans.lloyd_stats(X, w, CPU.kmeans.sum_scales(summary, total, n))
        seeding = CPU.kmeans.seeding(X, w, step)
        seeding.start(7)
        picked = [seeding.grow(np.array([0.1, 0.5, 0.9])) for _ in range(4)]
        C = stored[picked].astype(np.float64) + 0.25
        first, second = step(C), step(C + 3.5)
        one = (
            CPU.distances.distances_to(X, C[0]),
            CPU.distances.squared_distances(X, C),
            step.distances(),
        )
        stats = first.sums, first.counts, second.sums, second.n_changed, step.labels
        found.append(
            [summary.finite, summary.max_abs, picked, *stats, *one, *CPU.distances.nearest(X, C)]
        )
        np.testing.assert_allclose(summary.mean, stored.mean(axis=0, dtype=float), rtol=1e-15)
        np.testing.assert_allclose(summary.variance, stored.var(axis=0, dtype=float), rtol=1e-13)
    for stored_value, float_value in zip(*found, strict=True):
        np.testing.assert_array_equal(stored_value, float_value)
