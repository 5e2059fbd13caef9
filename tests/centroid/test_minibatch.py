"""MiniBatchKMeans: the step, what it draws, when it stops, and results that stay with the data."""

import math
import pickle
from importlib import import_module

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.cluster
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score

from clusterx import KMeans, MiniBatchKMeans, arrays
from clusterx.centroid import batches, minibatch, seeding

kernels = import_module("clusterx.kernels.kmeans.cpu.batches")
walking = import_module("clusterx.kernels.kmeans.cpu.batches_few_columns")


def blobs(n=2000, d=3, dtype="float64", seed=0, k=8, spread=5):
    rng = np.random.default_rng(seed)
    centers = spread * rng.standard_normal((k, d))
    return (centers[rng.integers(0, k, n)] + rng.standard_normal((n, d))).astype(dtype)


def brute_inertia(X, C, w=None):
    least = np.min([((X - c) ** 2).sum(axis=1) for c in C], axis=0)
    return least.sum() if w is None else (w * least).sum()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("k", [5, 40])  # whose rows are projected, too
def test_batches_read_in_place_give_the_same_bits(monkeypatch, k, dtype):
    X = blobs(4000, 150, dtype, k=60) * np.asarray(0.9 ** np.arange(150), dtype)
    model = MiniBatchKMeans(k, batch_size=300, random_state=0)
    monkeypatch.setattr(kernels, "SUMS", 0)
    copied = clone(model).fit(X)
    monkeypatch.setattr(kernels, "COPIED", 0)
    in_place = clone(model).fit(X)
    assert_array_equal(in_place.cluster_centers_, copied.cluster_centers_)
    assert_array_equal(in_place.labels_, copied.labels_)


class CountingState(np.random.RandomState):
    """Tells the sizes of all that is drawn."""

    def __init__(self, seed):
        super().__init__(seed)
        self.sizes = []

    def _note(self, size):
        self.sizes.append(1 if size is None else int(np.prod(size)))

    def random_sample(self, size=None):
        self._note(size)
        return super().random_sample(size)

    def uniform(self, low=0.0, high=1.0, size=None):
        self._note(size)
        return super().uniform(low, high, size)

    def randint(self, low, high=None, size=None, dtype=int):
        self._note(size)
        return super().randint(low, high, size, dtype)

    def permutation(self, x):
        self._note(x if np.isscalar(x) else len(x))
        return super().permutation(x)

    def choice(self, a, size=None, replace=True, p=None):
        self._note(a if np.isscalar(a) else len(a))
        return super().choice(a, size, replace, p)


# -- learning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 3, 20, 130])
def test_partial_fit_is_the_running_mean(xp, d):
    """Centres are the means of all rows they were ever given (Sculley, 2010)."""
    X = blobs(600, d)
    w = np.random.default_rng(1).random(600)
    w[::7] = 0.0
    model = MiniBatchKMeans(5, init=xp.asarray(X[:5]), reassignment_ratio=0)
    C, counts = X[:5].copy(), np.zeros(5)
    for a in range(0, 600, 100):
        batch, weights = X[a : a + 100], w[a : a + 100]
        model.partial_fit(xp.asarray(batch), sample_weight=xp.asarray(weights))
        labels = ((batch[:, None] - C) ** 2).sum(axis=2).argmin(axis=1)
        for j in np.unique(labels[weights > 0]):
            own, gained = labels == j, weights[labels == j].sum()
            C[j] = (C[j] * counts[j] + weights[own] @ batch[own]) / (counts[j] + gained)
            counts[j] += gained
        assert_allclose(xp.to_host(model.cluster_centers_), C, rtol=1e-9)
    assert model.n_steps_ == 6
    assert xp.owns(model.cluster_centers_)
    assert xp.owns(model.labels_)
    labels = ((batch[:, None] - C) ** 2).sum(axis=2).argmin(axis=1)
    assert_array_equal(xp.to_host(model.labels_), labels)
    assert_allclose(model.inertia_, brute_inertia(batch, C, weights), rtol=1e-9)


def test_partial_fit_equals_scikit_learns():
    X = blobs()
    found = MiniBatchKMeans(6, init=X[:6], reassignment_ratio=0)
    expected = sklearn.cluster.MiniBatchKMeans(6, init=X[:6], n_init=1, reassignment_ratio=0)
    for a in range(0, 2000, 250):
        found.partial_fit(X[a : a + 250])
        expected.partial_fit(X[a : a + 250])
        assert_allclose(found.cluster_centers_, expected.cluster_centers_, rtol=1e-9)
        assert_array_equal(found.labels_, expected.labels_)
    assert found.n_steps_ == expected.n_steps_


@pytest.mark.parametrize("shape", [(2000, 2), (3000, 20), (5000, 130)], ids=str)
def test_fit_finds_the_clusters(shape):
    X = blobs(*shape, spread=9, k=5, seed=3)
    full = KMeans(5, random_state=0, n_init=5).fit(X)
    found = MiniBatchKMeans(5, random_state=0, n_init=5, batch_size=256).fit(X)
    assert found.inertia_ < 1.02 * full.inertia_
    assert adjusted_rand_score(found.labels_, full.labels_) > 0.98


def test_fit_ends_near_scikit_learns_inertia():
    X = blobs(5000, 10, k=20)
    seeds = range(6)
    found = np.median([MiniBatchKMeans(20, random_state=s).fit(X).inertia_ for s in seeds])
    expected = np.median(
        [sklearn.cluster.MiniBatchKMeans(20, random_state=s).fit(X).inertia_ for s in seeds]
    )
    assert found < 1.1 * expected


def test_default_parameters_are_scikit_learns():
    expected = sklearn.cluster.MiniBatchKMeans().get_params()
    found = MiniBatchKMeans().get_params()
    assert {name: found[name] for name in expected} == expected


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("init", "weighted"),
    [
        ("k-means++", True),
        ("random", False),
        ("k-means||", True),
        ("maximin", False),
        ("array", True),
    ],
)
def test_backends_agree(xp, init, weighted):
    X = blobs(1000, 3)
    w = np.random.default_rng(1).random(1000) if weighted else None
    options = dict(random_state=0, batch_size=128, max_iter=4, n_init=2, max_no_improvement=None)
    if init == "array":
        options["n_init"] = 1

    def fit(convert):
        start = convert(X[:6]) if init == "array" else init
        weights = None if w is None else convert(w)
        return MiniBatchKMeans(6, init=start, **options).fit(convert(X), sample_weight=weights)

    expected, found = fit(np.asarray), fit(xp.asarray)
    assert xp.owns(found.cluster_centers_)
    assert_allclose(xp.to_host(found.cluster_centers_), expected.cluster_centers_, rtol=1e-9)
    assert_array_equal(xp.to_host(found.labels_), expected.labels_)
    assert_allclose(found.inertia_, expected.inertia_, rtol=1e-9)
    assert found.n_steps_ == expected.n_steps_


@pytest.mark.smoke
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_stay_with_the_data(xp, dtype):
    X = xp.asarray(blobs(500, 3, dtype))
    model = MiniBatchKMeans(4, random_state=0, batch_size=100, max_iter=3).fit(X)
    for labels in (model.labels_, model.predict(X)):
        assert xp.owns(labels)
        assert labels.dtype == xp.xp.int32
    for found in (model.cluster_centers_, model.transform(X)):
        assert xp.owns(found)
        assert found.dtype == X.dtype
    assert isinstance(model.inertia_, float)
    assert isinstance(model.score(X), float)


def random_rows(X, k, random_state):
    return X[random_state.permutation(len(X))[:k]]


WHOLE = dict(init="maximin"), dict(init="k-means||"), dict(init="random"), dict(init=random_rows)


@pytest.mark.parametrize(
    "options", [{}, *WHOLE], ids=["default", "maximin", "k-means||", "random", "callable"]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_bytes_of_few_columns_are_taken_as_they_are(options, weighted):
    X = np.clip(np.round(20 * blobs(3000, 3) + 100), 0, 255).astype(np.uint8)
    w = np.random.default_rng(0).random(3000) if weighted else None
    model = MiniBatchKMeans(5, random_state=0, batch_size=100, max_iter=3, **options)
    assert model._rows(X, reset=True).X is X
    assert model._rows(X[:, [0, 1, 2] * 3], reset=True).X.dtype == "float32"
    found = clone(model).fit(X, sample_weight=w)
    expected = clone(model).fit(X.astype(np.float32), sample_weight=w)
    for name in ("cluster_centers_", "labels_"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()
    assert_allclose(found.inertia_, expected.inertia_, rtol=1e-12)
    assert_array_equal(found.predict(X), expected.predict(X.astype(np.float32)))
    assert_array_equal(found.transform(X), expected.transform(X.astype(np.float32)))
    assert found.partial_fit(X).cluster_centers_.dtype == "float32"


def test_sparse_bytes_are_converted():
    X = np.random.default_rng(0).integers(0, 9, (500, 3)).astype(np.uint8)
    found = MiniBatchKMeans(4, random_state=0).fit(csr_matrix(X))
    assert found.cluster_centers_.dtype == "float32"
    assert_array_equal(found.labels_, MiniBatchKMeans(4, random_state=0).fit(X).labels_)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2"])
def test_bytes_in_another_order_are_converted(dtype):
    X = np.round(100 * blobs(500, 3)).astype(dtype)
    native = X.astype(X.dtype.newbyteorder("="))
    found = MiniBatchKMeans(4, random_state=0).fit(X)
    expected = MiniBatchKMeans(4, random_state=0).fit(native)
    assert found.cluster_centers_.dtype == expected.cluster_centers_.dtype
    assert found.cluster_centers_.tobytes() == expected.cluster_centers_.tobytes()
    assert_array_equal(found.predict(X), expected.labels_)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "float16", "int64", "float32"])
def test_dtypes(dtype):
    X = np.clip(np.round(5 * blobs(500, 3) + 60), 0, 120).astype(dtype)
    working = "float64" if dtype == "int64" else "float32"
    options = dict(random_state=0, max_iter=3)
    found = MiniBatchKMeans(4, **options).fit(X)
    expected = MiniBatchKMeans(4, **options).fit(X.astype(working))
    assert found.cluster_centers_.dtype == working
    assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    assert MiniBatchKMeans(4, **options).partial_fit(X).cluster_centers_.dtype == working


@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_equals_dense(weighted):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((800, 30)) < 0.2, rng.integers(1, 9, (800, 30)), 0).astype(float)
    X[:, 3] += 1.7e9 + 30 * rng.random(800)
    w = rng.random(800) if weighted else None
    options = dict(random_state=0, batch_size=100, max_iter=5)
    dense = MiniBatchKMeans(5, **options).fit(X, sample_weight=w)
    found = MiniBatchKMeans(5, **options).fit(csr_matrix(X), sample_weight=w)
    assert_array_equal(found.cluster_centers_, dense.cluster_centers_)
    assert_array_equal(found.labels_, dense.labels_)
    assert_allclose(found.inertia_, dense.inertia_, rtol=1e-9)
    parts = [MiniBatchKMeans(5, init=X[:5]), MiniBatchKMeans(5, init=X[:5])]
    for a in range(0, 800, 200):
        parts[0].partial_fit(X[a : a + 200])
        parts[1].partial_fit(csr_matrix(X[a : a + 200]))
    assert_array_equal(parts[1].cluster_centers_, parts[0].cluster_centers_)


# -- drawing -------------------------------------------------------------------------------------


@pytest.fixture
def counted(monkeypatch):
    """A model's generators tell the sizes of all that is drawn: that it is given, and its own."""
    made = []

    def generator(seed):
        made.append(CountingState(seed))
        return made[-1]

    monkeypatch.setattr(minibatch, "check_random_state", generator)
    return made


@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_draws_its_batch_and_no_more(weighted, counted):
    n = 200_000
    X = blobs(n, 2, "float32")
    w = np.random.default_rng(0).random(n) if weighted else None
    model = MiniBatchKMeans(
        5, random_state=0, batch_size=64, max_iter=1, max_no_improvement=5, init_size=200
    ).fit(X, sample_weight=w)
    assert model.n_steps_ > 5
    starts, batches = counted
    assert max(starts.sizes) <= 200
    assert 64 not in starts.sizes  # a generator that others may draw from is left alone
    assert max(batches.sizes) <= 64 * walking.BATCHES < n
    assert sum(batches.sizes) >= 64 * model.n_steps_


def test_drawing_a_batch_touches_only_the_batch(monkeypatch):
    taken = []

    class Watched(np.ndarray):
        def __getitem__(self, rows):
            taken.append(np.size(rows))
            return super().__getitem__(rows)

    rng = np.random.RandomState(0)
    cumulated = np.linspace(0, 1, 100_001)[1:].view(Watched)
    drawn = seeding.draw_rows(rng, 100_000, 32, cumulated)
    assert len(drawn) == 32
    assert len(seeding.draw_rows(rng, 10**15, 32, None)) == 32
    assert not taken


def test_rows_are_drawn_in_proportion_to_weights():
    w = np.array([1.0, 0.0, 3.0, 6.0, 0.0])
    drawn = seeding.draw_rows(np.random.RandomState(0), 5, 100_000, seeding.cumulated_shares(w))
    shares = np.bincount(drawn, minlength=5) / 100_000
    assert_allclose(shares, w / w.sum(), atol=0.01)
    assert shares[1] == shares[4] == 0
    even = np.bincount(seeding.draw_rows(np.random.RandomState(0), 5, 100_000, None)) / 100_000
    assert_allclose(even, 0.2, atol=0.01)


def test_rows_of_no_weight_teach_nothing():
    X = np.concatenate([blobs(500, 2), 1e4 + blobs(500, 2)])
    w = np.repeat([1.0, 0.0], 500)
    model = MiniBatchKMeans(5, random_state=0, max_iter=20).fit(X, sample_weight=w)
    assert np.abs(model.cluster_centers_).max() < 1e3


def test_same_seed_same_bits():
    X = blobs(3000, 20, "float32")
    a, b = (MiniBatchKMeans(6, random_state=5).fit(X) for _ in range(2))
    assert a.cluster_centers_.tobytes() == b.cluster_centers_.tobytes()
    assert a.inertia_ == b.inertia_


# -- many steps at once --------------------------------------------------------------------------


def fitted(X, w, **options):
    """A model, and what its generator draws next."""
    rng = np.random.RandomState(3)
    model = MiniBatchKMeans(random_state=rng, **options).fit(X, sample_weight=w)
    return model, rng.random_sample()


def count_walks(monkeypatch):
    """A list that takes the number of steps of each walk from now on."""
    steps, run_steps = [], walking.StepRunner.__call__

    def counted(self, *state):
        found = run_steps(self, *state)
        steps.append(len(found.inertia))
        return found

    monkeypatch.setattr(walking.StepRunner, "__call__", counted)
    return steps


STOPS = (
    dict(n_clusters=5, batch_size=90, max_iter=4, max_no_improvement=None),
    dict(n_clusters=5, batch_size=90, max_iter=50, max_no_improvement=30),
    dict(n_clusters=5, batch_size=90, max_iter=50, max_no_improvement=None, tol=3e-6),
    dict(n_clusters=60, batch_size=700, max_iter=60, max_no_improvement=40, reassignment_ratio=0.3),
    dict(n_clusters=60, batch_size=200, max_iter=60, max_no_improvement=40, reassignment_ratio=0.3),
)


@pytest.mark.parametrize("options", STOPS, ids=["all", "stale", "small", "moved", "not due"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("d", "dtype"), [(2, "float64"), (3, "float32"), (3, "uint8")])
def test_many_steps_at_once_are_those_made_one_by_one(
    monkeypatch, capsys, d, dtype, weighted, options
):
    X = np.clip(20 * blobs(4000, d) + 100, 0, 255).astype(dtype)
    w = np.random.default_rng(1).random(4000) if weighted else None
    walked = count_walks(monkeypatch)
    found, drawn = fitted(X, w, verbose=1, **options)
    told = capsys.readouterr().out
    assert sum(walked) > 20
    if "reassignment_ratio" in options:
        assert told.count("Reassigning") > told.partition("step 9/")[0].count("Reassigning")
    walked.clear()
    monkeypatch.setattr(minibatch, "CALM", math.inf)
    expected, next_drawn = fitted(X, w, verbose=1, **options)
    assert not walked
    assert capsys.readouterr().out == told
    assert drawn == next_drawn
    assert found.n_steps_ == expected.n_steps_
    assert found.inertia_ == expected.inertia_
    for a, b in (
        (found.cluster_centers_, expected.cluster_centers_),
        (found.labels_, expected.labels_),
        (found._state.centers, expected._state.centers),
        (found._state.counts, expected._state.counts),
    ):
        assert a.tobytes() == b.tobytes()
    assert found._state.since_reassignment == expected._state.since_reassignment
    assert found._state.some_empty == expected._state.some_empty
    quiet, drawn = fitted(X, w, **options)  # compares no starts
    assert quiet.cluster_centers_.tobytes() == found.cluster_centers_.tobytes()
    assert drawn == next_drawn


@pytest.mark.parametrize("d", [3, 150])
@pytest.mark.parametrize("k", [6, 120])  # each task adds up its rows, or cluster by cluster
def test_threads_change_no_bit(monkeypatch, d, k):
    X = blobs(6000, d, "float32", k=30)
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        walked = count_walks(monkeypatch)
        found.append(MiniBatchKMeans(k, random_state=0, batch_size=500).fit(X))
        assert bool(walked) == (d == 3)
    assert found[0].cluster_centers_.tobytes() == found[1].cluster_centers_.tobytes()
    assert found[0].labels_.tobytes() == found[1].labels_.tobytes()
    assert found[0].inertia_ == found[1].inertia_


@pytest.mark.parametrize("weighted", [False, True])
def test_draws_that_are_taken_back_were_never_made(weighted):
    w = np.random.default_rng(0).random(1000) if weighted else None
    one_by_one = batches.Draws(np.random.RandomState(5), 1000, 7, w, 100)
    expected = [one_by_one.next() for _ in range(60)]
    draws = batches.Draws(np.random.RandomState(5), 1000, 7, w, 55)
    assert_array_equal(draws.next(), expected[0])
    groups = [draws.ahead(20) for _ in range(5)]
    assert [len(group) for group in groups] == [8, 16, 20, 10, 0]  # few at first, 55 in all
    assert_array_equal(np.concatenate(groups), expected[1:55])
    assert_array_equal(draws.back(30), expected[29])
    assert_array_equal(draws.next(), expected[30])
    assert [len(draws.ahead(20)) for _ in range(2)] == [8, 16]  # as it was in the beginning
    assert_array_equal(draws.back(39), expected[38])
    assert_array_equal(draws.rng.random_sample(3), one_by_one_state(39, w).random_sample(3))


def test_draws_of_any_generator_are_taken_back(monkeypatch):
    found = []
    for calm in (minibatch.CALM, math.inf):
        monkeypatch.setattr(minibatch, "CALM", calm)
        rng = np.random.RandomState(np.random.PCG64(5))
        model = MiniBatchKMeans(5, batch_size=50, random_state=rng).fit(blobs(2000, 3))
        found.append((model.n_steps_, model.inertia_, rng.random_sample()))
    assert found[0] == found[1]


def one_by_one_state(count, w):
    draws = batches.Draws(np.random.RandomState(5), 1000, 7, w, count)
    for _ in range(count):
        draws.next()
    return draws.rng


def test_few_batches_are_drawn_ahead(monkeypatch, counted):
    """What is drawn at a time depends on the size of a batch alone."""
    walked = count_walks(monkeypatch)
    sizes = []
    for n in (20_000, 100_000):
        options = dict(batch_size=16, max_iter=1, max_no_improvement=None, init_size=50)
        model = MiniBatchKMeans(3, random_state=0, **options).fit(blobs(n, 2))
        assert model.n_steps_ == n // 16
        rng = counted[-1]
        sizes.append(max(rng.sizes))
        assert sum(rng.sizes) < 16 * model.n_steps_ + 300
    assert sizes[0] == sizes[1] == 16 * walking.BATCHES
    assert max(walked) == walking.BATCHES


# -- stopping ------------------------------------------------------------------------------------


def test_number_of_steps():
    X = blobs(1000, 2)
    model = MiniBatchKMeans(
        4, batch_size=300, max_iter=5, max_no_improvement=None, random_state=0
    ).fit(X)
    assert model.n_steps_ == 5 * 1000 // 300
    assert model.n_iter_ == 5


def test_lack_of_improvement_stops(capsys):
    X = blobs(1000, 2)
    options = dict(batch_size=100, max_iter=1000, random_state=0, verbose=1)
    model = MiniBatchKMeans(4, max_no_improvement=3, **options).fit(X)
    out = capsys.readouterr().out
    assert 3 < model.n_steps_ < 1000
    assert f"lack of improvement in inertia) at step {model.n_steps_}/10000" in out
    longer = MiniBatchKMeans(4, max_no_improvement=30, **options).fit(X)
    assert longer.n_steps_ > model.n_steps_


def test_small_movement_stops(capsys):
    X = blobs(1000, 2)
    model = MiniBatchKMeans(
        4,
        tol=1e-2,
        max_no_improvement=None,
        max_iter=1000,
        batch_size=500,
        random_state=0,
        verbose=1,
    ).fit(X)
    assert model.n_steps_ < 2000
    assert "small centers change" in capsys.readouterr().out


def test_the_rule_of_stopping(capsys):
    """The smoothed inertia of a batch without a new low for so many steps, told by `verbose`."""
    X = blobs(1000, 2)
    options = dict(batch_size=100, max_iter=50, random_state=0, verbose=1)
    for patience in (1, 4, 9):
        model = MiniBatchKMeans(4, max_no_improvement=patience, **options).fit(X)
        lines = [s for s in capsys.readouterr().out.splitlines() if s.startswith("Minibatch step")]
        assert len(lines) == model.n_steps_
        means = [float(line.split("inertia: ")[1].split(",")[0]) for line in lines]
        smooth, least, stale = None, np.inf, 0
        for step, (line, mean) in enumerate(zip(lines, means, strict=True)):
            if step == 0:
                assert "ewa" not in line
                continue
            share = 2.0 * 100 / 1001
            smooth = mean if smooth is None else (1 - share) * smooth + share * mean
            assert_allclose(float(line.split("ewa inertia: ")[1]), smooth, rtol=1e-12)
            least, stale = (smooth, 0) if smooth < least else (least, stale + 1)
            assert (stale == patience) == (step == model.n_steps_ - 1)


# -- reassignment --------------------------------------------------------------------------------


def test_centres_that_see_nothing_are_moved(xp):
    X = blobs(2000, 2)
    start = np.concatenate([X[:2], np.full((6, 2), 1e6)])
    options = dict(init=xp.asarray(start), batch_size=200, random_state=0, max_iter=30)
    moved = MiniBatchKMeans(8, reassignment_ratio=0.01, **options).fit(xp.asarray(X))
    assert len(np.unique(xp.to_host(moved.labels_))) == 8
    left = MiniBatchKMeans(8, reassignment_ratio=0, **options).fit(xp.asarray(X))
    assert len(np.unique(xp.to_host(left.labels_))) == 2
    assert_array_equal(xp.to_host(left.cluster_centers_)[2:], start[2:])


def test_at_most_half_a_batch_is_used_for_reassignment():
    X = blobs(2000, 2)
    start = np.concatenate([X[:1], np.full((39, 2), 1e6)])
    model = MiniBatchKMeans(40, init=start, reassignment_ratio=0.5, random_state=0)
    model.partial_fit(X[:50])
    moved = (np.abs(model.cluster_centers_) < 1e5).all(axis=1)
    assert 1 < moved.sum() <= 1 + 25


# -- results -------------------------------------------------------------------------------------


def test_labels_and_inertia_belong_to_the_centres():
    X, w = blobs(), np.random.default_rng(0).random(2000)
    model = MiniBatchKMeans(6, random_state=0).fit(X, sample_weight=w)
    assert_array_equal(model.labels_, model.predict(X))
    assert_allclose(model.inertia_, brute_inertia(X, model.cluster_centers_, w), rtol=1e-10)
    assert_allclose(model.inertia_, -model.score(X, sample_weight=w), rtol=1e-12)


def test_without_labels():
    X = blobs()
    model = MiniBatchKMeans(6, random_state=0, compute_labels=False).fit(X)
    assert not hasattr(model, "labels_")
    assert not hasattr(model, "inertia_")
    full = MiniBatchKMeans(6, random_state=0).fit(X)
    assert_array_equal(model.cluster_centers_, full.cluster_centers_)
    assert_array_equal(model.predict(X), full.labels_)
    part = MiniBatchKMeans(6, random_state=0, compute_labels=False).partial_fit(X)
    assert not hasattr(part, "labels_")


def test_fitting_without_labels_forgets_earlier_ones():
    model = MiniBatchKMeans(6, random_state=0).fit(blobs())
    model.set_params(compute_labels=False).fit(blobs(seed=1))
    assert not hasattr(model, "labels_")


def test_fit_after_partial_fit_begins_anew():
    X = blobs()
    model = MiniBatchKMeans(5, random_state=0).partial_fit(1e3 + X[:100])
    model.fit(X)
    assert_array_equal(
        model.cluster_centers_, MiniBatchKMeans(5, random_state=0).fit(X).cluster_centers_
    )


def test_partial_fit_after_fit_goes_on():
    X = blobs()
    model = MiniBatchKMeans(5, random_state=0).fit(X)
    before, steps = model.cluster_centers_.copy(), model.n_steps_
    model.partial_fit(X[:200])
    assert model.n_steps_ == steps + 1
    shift = np.abs(model.cluster_centers_ - before).max()
    assert 0 < shift < 0.5  # counts are remembered: a batch moves little


def test_batches_of_one_row():
    X = blobs(300, 2)
    model = MiniBatchKMeans(3, init=X[:3], reassignment_ratio=0)
    model.partial_fit(X[:3])
    for row in X[3:]:
        model.partial_fit(row[None])
    assert model.n_steps_ == 298
    C, counts = X[:3].copy(), np.ones(3)
    for row in X[3:]:
        j = ((C - row) ** 2).sum(axis=1).argmin()
        counts[j] += 1
        C[j] += (row - C[j]) / counts[j]
    assert_allclose(model.cluster_centers_, C, rtol=1e-9)


def test_small_data():
    X = blobs(5, 2)
    model = MiniBatchKMeans(5, random_state=0, reassignment_ratio=0).fit(X)
    assert model.inertia_ < 1e-25
    one = MiniBatchKMeans(1, random_state=0, batch_size=1).fit(X[:1])
    assert_allclose(one.cluster_centers_, X[:1], rtol=1e-14)


def test_constant_data(xp):
    model = MiniBatchKMeans(3, random_state=0).fit(xp.asarray(np.full((200, 2), 2.5)))
    assert model.inertia_ == 0
    assert_array_equal(xp.to_host(model.cluster_centers_), np.full((3, 2), 2.5))


def test_the_data_are_not_changed():
    X, w = blobs(), np.random.default_rng(0).random(2000)
    before, weights = X.copy(), w.copy()
    MiniBatchKMeans(5, init=X[:5]).fit(X, sample_weight=w).partial_fit(X, sample_weight=w)
    assert_array_equal(X, before)
    assert_array_equal(w, weights)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(frame):
    X = blobs(300, 3)
    data = frame({name: X[:, i] for i, name in enumerate("abc")})
    model = MiniBatchKMeans(4, random_state=0).fit(data)
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert_array_equal(model.labels_, MiniBatchKMeans(4, random_state=0).fit(X).labels_)
    part = MiniBatchKMeans(4, random_state=0).partial_fit(data)
    assert list(part.feature_names_in_) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        part.partial_fit(data[["c", "b", "a"]])


def test_set_output():
    model = MiniBatchKMeans(3, random_state=0).set_output(transform="pandas")
    found = model.fit_transform(blobs(300, 3))
    assert list(found.columns) == [f"minibatchkmeans{i}" for i in range(3)]


def holds_only_numpy(state):
    for value in state.values():
        if arrays.is_array(value):
            assert isinstance(value, np.ndarray)
        elif hasattr(value, "__getstate__") and hasattr(value, "__dict__"):
            holds_only_numpy(value.__getstate__() or {})


@pytest.mark.smoke
def test_pickle_goes_on_where_it_was(xp):
    X = blobs(600, 3)
    model = MiniBatchKMeans(4, random_state=0).partial_fit(xp.asarray(X[:300]))
    holds_only_numpy(model.__getstate__())
    loaded = pickle.loads(pickle.dumps(model))
    loaded.partial_fit(X[300:])
    model.partial_fit(xp.asarray(X[300:]))
    assert_allclose(loaded.cluster_centers_, xp.to_host(model.cluster_centers_), rtol=1e-9)
    assert loaded.n_steps_ == 2


@pytest.mark.smoke
def test_to_device_goes_on_where_it_was(xp):
    X = blobs(600, 3)
    model = MiniBatchKMeans(4, random_state=0).partial_fit(X[:300])
    moved = model.to_device(xp.asarray(X[:1])).partial_fit(xp.asarray(X[300:]))
    assert xp.owns(moved.cluster_centers_)
    assert model.n_steps_ == 1  # the one that was copied stays as it was
    model.partial_fit(X[300:])
    assert_allclose(xp.to_host(moved.cluster_centers_), model.cluster_centers_, rtol=1e-9)


def test_clone():
    model = MiniBatchKMeans(4, init="maximin", batch_size=77).fit(blobs(300, 3))
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "cluster_centers_")
