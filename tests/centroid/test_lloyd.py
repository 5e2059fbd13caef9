"""Lloyd's loop: one read of the device per iteration, and when it ends."""

import numpy as np
import pytest

from clusterx import KMeans, MiniBatchKMeans
from clusterx.centroid import inertia
from clusterx.centroid import lloyd as loop
from clusterx.centroid.steps import lloyd_step
from clusterx.rows import InMemory


@pytest.mark.parametrize("most", [1, 4, 9])
def test_the_host_looks_once_an_iteration(monkeypatch, most):
    rng = np.random.default_rng(0)
    rows, looks, read = InMemory(rng.standard_normal((500, 3))), [], loop.host_floats
    for module in (loop, inertia):
        monkeypatch.setattr(module, "host_floats", lambda *a: looks.append(len(a)) or read(*a))
    step = lloyd_step(rows, None, 500.0)
    fit = loop.lloyd(rows, step, rows.X[:30], None, max_iter=most, tol=0.0)
    assert fit.n_iter == most
    assert looks == [3] * most + [3]  # the last is the inertia's


def test_verbose_fits_tell_each_iteration(capsys):
    X = np.random.default_rng(1).standard_normal((80, 2))
    rows = InMemory(X)
    fit = loop.lloyd(
        rows, lloyd_step(rows, None, 80.0), X[:5], None, max_iter=100, tol=0.0, verbose=1
    )
    *told, end = capsys.readouterr().out.splitlines()
    assert len(told) == fit.n_iter > 2
    assert all(line.startswith(f"Iteration {i}, inertia ") for i, line in enumerate(told))
    assert end == f"Converged at iteration {fit.n_iter - 1}: strict convergence."


@pytest.mark.parametrize("d", [2, 12])
def test_tolerance_is_of_weighted_rows(xp, d):
    X = np.random.default_rng(0).normal(size=(400, d)) + 3
    w = np.random.default_rng(1).integers(1, 4, 400).astype(float)
    start = X[:5]
    for kind, options in ((KMeans, {"tol": 1e-3}), (MiniBatchKMeans, {"tol": 0.05})):
        model = kind(5, init=start, n_init=1, random_state=0, **options)
        n_iter = model.fit(xp.asarray(X), sample_weight=xp.asarray(w)).n_iter_
        assert n_iter > 1
        far = np.vstack([X, np.full((1, d), 1e5)])  # counts as left out, and would end the fit
        found = model.fit(xp.asarray(far), sample_weight=xp.asarray(np.append(w, 0.0))).n_iter_
        assert found > 1
        if kind is KMeans:
            assert found == n_iter
            assert model.fit(xp.asarray(np.repeat(X, w.astype(int), axis=0))).n_iter_ == n_iter
