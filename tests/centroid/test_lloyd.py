"""Lloyd's loop: iterations that are queued before the host looks end as those looked at singly."""

from collections import Counter

import numpy as np
import pytest

from clusterx import KMeans, MiniBatchKMeans
from clusterx.centroid import inertia
from clusterx.centroid import lloyd as loop
from clusterx.centroid.kmeans import unit_length
from clusterx.centroid.steps import lloyd_step
from clusterx.rows import InMemory

AHEAD = 4
#: Draws of mirrored rows in which a cluster becomes empty in iterations 1 to 4.
MIRRORED = [0, 328, 521, 620, 3316, 3676, 3885, 2540]
CASES = [*range(120), *(("mirrored", seed) for seed in MIRRORED)]


class Ahead:
    """A step that lets so many iterations be queued."""

    def __init__(self, step, count):
        self._step, self._count, self.calls = step, count, 0

    def __call__(self, centers):
        self.calls += 1
        return self._step(centers)

    def __getattr__(self, name):
        return getattr(self._step, name)

    def ahead(self, k):
        return self._count


def case(seed):
    """Rows, weights or none, and centres to start from."""
    if isinstance(seed, tuple):
        return *mirrored(seed[1]), None
    rng = np.random.default_rng(seed)
    n, d, k = int(rng.integers(12, 90)), int(rng.integers(1, 4)), int(rng.integers(2, 10))
    X = rng.standard_normal((n, d)) * 3
    if seed % 3 == 0:
        X = np.round(X)  # ties
    w = rng.integers(0, 3, n).astype(float) if seed % 4 == 1 else None
    start = 3 * rng.standard_normal((k, d)) if seed % 2 else X[rng.choice(n, k)].copy()
    if seed % 5 == 2:
        start[0] += 40.0  # where no row is
    return X, start, w


def mirrored(seed):
    """Rows and centres on both sides of a centre at 0, which may lose its last two rows at once."""
    rng = np.random.default_rng([78, seed])
    m, k = int(rng.integers(6, 40)), int(rng.integers(1, 6))
    half = np.abs(rng.standard_normal((m, 1))) ** (1 + seed % 4)
    side = np.sort(rng.choice(half[:, 0], k, replace=False)) * rng.uniform(0.5, 1)
    return np.concatenate([half, -half]), np.concatenate([side, -side, [0.0]])[:, None]


def run(seed, ahead, **options):
    """The bytes of a fit, and its step."""
    X, start, w = case(seed)
    options = {"max_iter": 100, "tol": 0.0, **options}
    if options.pop("cosine", False):
        X, options["project"] = X + 0.1, unit_length
    rows = InMemory(X)
    step = Ahead(lloyd_step(rows, w, float(len(X) if w is None else w.sum())), ahead)
    fit = loop.lloyd(rows, step, start, w, **options)
    end = fit.centers.tobytes(), fit.labels.tobytes(), fit.inertia, fit.n_iter, fit.distinct
    return end, step


@pytest.mark.parametrize(
    "options",
    [{}, {"tol": 0.05}, {"tol": 1.0}, {"cosine": True}, {"max_iter": 6}, {"max_iter": 3}],
    ids=str,
)
@pytest.mark.parametrize("ahead", [2, AHEAD, 7])
def test_queued_iterations_end_as_single_ones(ahead, options):
    for seed in CASES:
        assert run(seed, ahead, **options)[0] == run(seed, 1, **options)[0], seed


def test_every_kind_of_end_comes_up_at_every_place_of_a_queue(monkeypatch):
    """What the test above compares: without these it would show little."""
    places, find = Counter(), loop._first_to_look_at

    def noted(founds, before, tol):
        at = find(founds, before, tol)
        full = len(founds) == AHEAD
        if full and founds[at].least <= 0:
            places["empty", at] += 1
        elif full and loop._end(founds[at], before + at + 1, tol):
            strict = founds[at].moved == 0 and before + at > 0
            places["strict" if strict else "tol", at] += 1
        elif not full:
            places["cut short", len(founds)] += 1
        return at

    monkeypatch.setattr(loop, "_first_to_look_at", noted)
    for options in ({}, {"tol": 0.05}, {"tol": 1.0}, {"max_iter": 6}, {"max_iter": 3}):
        for seed in CASES:
            run(seed, AHEAD, **options)
    for kind in ("empty", "strict", "tol"):
        assert {at for found, at in places if found == kind} == set(range(AHEAD)), kind
    assert {count for found, count in places if found == "cut short"} >= {2, 3}


@pytest.mark.parametrize("fault", ["the last of all", "no empty cluster"])
def test_a_queue_that_is_looked_at_wrongly_is_caught(monkeypatch, fault):
    find = loop._first_to_look_at
    faults = {
        "the last of all": lambda founds, before, tol: len(founds) - 1,
        "no empty cluster": lambda founds, before, tol: find(
            [found._replace(least=1.0) for found in founds], before, tol
        ),
    }
    expected = [run(seed, 1, tol=0.05)[0] for seed in CASES]
    monkeypatch.setattr(loop, "_first_to_look_at", faults[fault])
    assert [run(seed, AHEAD, tol=0.05)[0] for seed in CASES] != expected


def test_labels_of_dropped_iterations_are_caught(monkeypatch):
    """The step has to go back to the centres of the iteration that left a cluster empty."""
    seeds = [("mirrored", seed) for seed in MIRRORED]
    expected, queue = [run(seed, 1)[0] for seed in seeds], loop._queue

    def forgetful(rows, step, centers, *rest):
        path, stats, founds = queue(rows, step, centers, *rest)
        empty = [i for i, found in enumerate(founds) if found.least <= 0]
        if empty:  # the right sums, with the labels of the last iteration
            stats = lloyd_step(InMemory(rows.X), None, float(rows.n))(path[empty[0]])
            founds = founds[: empty[0] + 1]
        return path, stats, founds

    monkeypatch.setattr(loop, "_queue", forgetful)
    assert [run(seed, AHEAD)[0] for seed in seeds] != expected


def test_the_host_looks_once_a_queue(monkeypatch):
    rng = np.random.default_rng(0)
    rows, looks, read = InMemory(rng.standard_normal((500, 3))), [], loop.host_floats
    for module in (loop, inertia):
        monkeypatch.setattr(module, "host_floats", lambda *a: looks.append(len(a)) or read(*a))
    for most in (1, 4, 5, 9):
        step = Ahead(lloyd_step(rows, None, 500.0), AHEAD)
        fit = loop.lloyd(rows, step, rows.X[:30], None, max_iter=most, tol=0.0)
        assert fit.n_iter == most
        full, rest = divmod(most, AHEAD)
        last = [3]  # the inertia's
        assert looks == [3 * AHEAD] * full + [3 * rest] * (rest > 0) + last
        assert step.calls == most + 1  # and the labels of the last centres
        looks.clear()


def test_verbose_fits_are_looked_at_singly(monkeypatch, capsys):
    run(1, 1, verbose=1)
    expected = capsys.readouterr().out
    run(1, AHEAD, verbose=1)
    assert capsys.readouterr().out == expected
    assert expected.count("Iteration") > 2
    assert expected.splitlines()[-1].startswith("Converged at iteration")


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
