"""FuzzyCMeans: against its formulas, row by row."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from clusterx import Blocks, FuzzyCMeans, KMeans
from clusterx.centroid import fuzzy
from tests.data import blobs


def data(n=150, d=3, seed=0):
    return blobs(np.random.default_rng(seed), n, d)


def shares(X, C, m):
    U = np.empty((len(X), len(C)))
    for i, x in enumerate(X):
        D = np.linalg.norm(x - C, axis=1)
        for j in range(len(C)):
            U[i, j] = 1 / ((D[j] / D) ** (2 / (m - 1))).sum()
    return U


def direct(X, C, m, w, steps):
    """Bezdek's iterations, in float64."""
    for _ in range(steps):
        P = shares(X, C, m) ** m * w[:, None]
        C = (P.T @ X) / P.sum(axis=0)[:, None]
    U = shares(X, C, m)
    return C, U, (w[:, None] * U**m * ((X[:, None] - C) ** 2).sum(axis=2)).sum()


@pytest.mark.smoke
@pytest.mark.parametrize("m", [2.0, 1.3])
def test_iterations_are_the_formulas(xp, m):
    X, w = data(60), np.random.default_rng(1).random(60)
    start = X[:4] + 0.01
    C, U, loss = direct(X, start, m, w, 7)
    model = FuzzyCMeans(4, m=m, init=start, max_iter=7, tol=0)
    model.fit(xp.asarray(X), sample_weight=xp.asarray(w))
    assert xp.owns(model.memberships_)
    assert_allclose(xp.to_host(model.cluster_centers_), C, rtol=1e-9)
    assert_allclose(xp.to_host(model.memberships_), U, rtol=1e-7, atol=1e-12)
    assert_allclose(model.inertia_, loss, rtol=1e-9)
    assert_allclose(xp.to_host(model.transform(xp.asarray(X))), U, rtol=1e-7, atol=1e-12)
    assert_array_equal(xp.to_host(model.labels_), U.argmax(axis=1))
    assert_allclose(model.partition_coefficient_, (w @ (U**2).sum(axis=1)) / w.sum())


def test_the_loss_falls_and_the_end_is_a_fixed_point():
    X = data()
    model = FuzzyCMeans(5, random_state=0, tol=0)
    losses = [model.set_params(max_iter=i).fit(X).inertia_ for i in (1, 3, 9, 300)]
    assert np.all(np.diff(losses) <= 1e-9)
    C, _, _ = direct(X, model.cluster_centers_, 2.0, np.ones(len(X)), 1)
    assert_allclose(C, model.cluster_centers_, rtol=1e-4, atol=1e-4)
    assert_allclose(model.score(X), -model.inertia_, rtol=1e-9)


def test_blocks_are_the_whole(monkeypatch):
    monkeypatch.setattr(fuzzy, "TILE", 200)
    monkeypatch.setattr("clusterx.blocks.TILE", 200)
    X = data()
    whole = FuzzyCMeans(4, random_state=0).fit(X)
    parts = FuzzyCMeans(4, random_state=0).fit(Blocks(X, block_rows=41))
    assert_array_equal(parts.cluster_centers_, whole.cluster_centers_)
    assert_array_equal(parts.memberships_, whole.memberships_)


def test_weights_are_repeats():
    X, w = data(70), np.random.default_rng(0).integers(0, 4, 70)
    weighted = FuzzyCMeans(3, init=X[:3]).fit(X, sample_weight=w)
    repeated = FuzzyCMeans(3, init=X[:3]).fit(np.repeat(X, w, axis=0))
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_)
    assert_allclose(weighted.inertia_, repeated.inertia_)


def test_rows_at_centers_and_extremes_of_m():
    X = np.array([[0.0], [0.0], [4.0], [4.0], [9.0]])
    model = FuzzyCMeans(3, init=[[0.0], [4.0], [9.0]]).fit(X)
    assert_array_equal(model.memberships_, np.eye(3)[[0, 0, 1, 1, 2]])
    equal = FuzzyCMeans(2, init=[[1.0], [1.0]]).fit(np.ones((4, 1)))
    assert_array_equal(equal.memberships_, np.full((4, 2), 0.5))
    sharp = FuzzyCMeans(4, m=1.001, init=data()[:4]).fit(data())
    hard = KMeans(4, init=data()[:4]).fit(data())
    assert_allclose(sharp.inertia_, hard.inertia_, rtol=0.05)
    with pytest.raises(ValueError, match="finite and above 1; got 1"):
        FuzzyCMeans(m=1).fit(X)
