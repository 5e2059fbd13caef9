"""KMedians: steps that are optimal, medians of weights, losses that never rise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from clusterx import Blocks, KMedians
from clusterx.kernels.medians import cpu, generic
from tests.data import blobs, grid_points


def data(n=200, d=3, seed=0, make=blobs):
    return make(np.random.default_rng(seed), n, d)


def loss(X, C, w=1.0):
    return (w * np.abs(X[:, None] - C).sum(axis=2).min(axis=1)).sum()


@pytest.mark.parametrize("make", [blobs, grid_points])
@pytest.mark.parametrize("weighted", [False, True])
def test_steps_are_optimal(make, weighted):
    """No value of a column is a better centre, and kernels are the definition."""
    rng = np.random.default_rng(0)
    X, C = data(60, 2, make=make), data(4, 2, seed=1, make=make)
    w = rng.integers(0, 4, 60).astype(float) if weighted else None
    labels, apart = cpu.nearest_manhattan(X, C)
    D = np.abs(X[:, None] - C).sum(axis=2)
    assert_array_equal(labels, D.argmin(axis=1))
    assert_allclose(apart, D.min(axis=1), rtol=1e-12)
    found = cpu.medians(X, w, labels, C)
    assert_array_equal(found, generic.medians(X, w, labels, C))
    for label in range(4):
        own = labels == label
        weights = np.ones(own.sum()) if w is None else w[own]
        if not weights.sum():
            assert_array_equal(found[label], C[label])
            continue
        for j in range(2):
            at = [weights @ np.abs(X[own, j] - v) for v in (found[label, j], *X[:, j])]
            assert at[0] <= min(at) + 1e-9
        repeated = np.repeat(X[own], weights.astype(int), axis=0)
        assert_allclose(found[label], np.median(repeated, axis=0), rtol=1e-12)


@pytest.mark.smoke
def test_every_backend_finds_the_same_centers(xp):
    X, w = data(), np.random.default_rng(0).random(200)
    expected = KMedians(5, random_state=0).fit(X, sample_weight=w)
    found = KMedians(5, random_state=0).fit(xp.asarray(X), sample_weight=xp.asarray(w))
    assert xp.owns(found.cluster_centers_)
    assert_allclose(xp.to_host(found.cluster_centers_), expected.cluster_centers_)
    assert_array_equal(xp.to_host(found.labels_), expected.labels_)
    assert_array_equal(xp.to_host(found.predict(xp.asarray(X))), expected.labels_)


def test_the_loss_never_rises():
    X, w = data(300, 4), np.random.default_rng(0).random(300)
    model = KMedians(6, init=X[:6], tol=0)
    found = [model.set_params(max_iter=i).fit(X, sample_weight=w) for i in (1, 2, 3, 300)]
    losses = [loss(X, X[:6], w)]
    for i in (1, 2, 3, 300):
        found = model.set_params(max_iter=i).fit(X, sample_weight=w)
        assert_allclose(found.inertia_, loss(X, found.cluster_centers_, w))
        losses.append(found.inertia_)
    assert np.all(np.diff(losses) <= 0)
    assert_allclose(model.score(X, sample_weight=w), -model.inertia_)
    D = np.abs(X[:, None] - model.cluster_centers_).sum(axis=2)
    assert_allclose(model.transform(X), D)
    assert_array_equal(model.predict(Blocks(X, block_rows=70)), model.labels_)


def test_weights_are_repeats():
    X, w = data(80), np.random.default_rng(0).integers(0, 4, 80)
    weighted = KMedians(4, init=X[:4]).fit(X, sample_weight=w)
    repeated = KMedians(4, init=X[:4]).fit(np.repeat(X, w, axis=0))
    assert_array_equal(weighted.cluster_centers_, repeated.cluster_centers_)
    assert_allclose(weighted.inertia_, repeated.inertia_)


def test_empty_clusters_move_to_the_farthest_row():
    X = np.array([[0.0], [1.0], [2.0], [50.0]])
    model = KMedians(3, init=[[1.0], [1.0], [1.0]]).fit(X)
    assert len(np.unique(model.labels_)) == 3
    assert_allclose(model.inertia_, 1.0)
