"""Fits on the stand-in GPU: what they allocate, when the host looks, and whose the labels are."""

import warnings

import numpy as np
import pytest

from clusterx import KMeans, MiniBatchKMeans, kmeans_plusplus
from clusterx.kernels.kmeans.cuda.lloyd import LloydStep
from clusterx.rows import InMemory
from tests.cuda_on_cpu import arrays
from tests.cuda_on_cpu.arrays import namespace as xp
from tests.cuda_on_cpu.backend import emulated, install

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.fixture
def stand_in(gxx):
    install()


def up(values, dtype=None):
    return xp.asarray(np.asarray(values, dtype))


def rows(n, d, dtype="float64", seed=0):
    return np.random.default_rng([seed, n, d]).standard_normal((n, d)).astype(dtype)


def fitted(model, X, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, **options)


# -- memory --------------------------------------------------------------------------------------


def made_by_lloyd(n, d, most, weighted):
    """Arrays as long as the rows that a fit of so many iterations makes."""
    X, k = up(rows(n, d)), 24
    assert 2 * k * (d + 1) < n, "tables of the centres are not to be counted"
    w = up(np.random.default_rng(1).random(n)) if weighted else None
    model = KMeans(k, init=X[:k, ...], n_init=1, max_iter=most, tol=0)
    with arrays.creations() as found:
        fitted(model, X, sample_weight=w)
    assert model.n_iter_ == most
    return found.large(n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [3, 20])
def test_iterations_make_nothing_as_long_as_the_rows(d, weighted):
    few, many = (made_by_lloyd(1100, d, most, weighted) for most in (3, 9))
    assert few == many
    assert few > 0  # the labels, at least: something is counted


@pytest.mark.parametrize("d", [3, 20])
def test_an_iteration_that_makes_labels_is_caught(d, monkeypatch):
    call = LloydStep.__call__

    def wasteful(self, C):
        self.labels = xp.asarray(self.labels, copy=True)
        return call(self, C)

    monkeypatch.setattr(LloydStep, "__call__", wasteful)
    few, many = (made_by_lloyd(1100, d, most, False) for most in (3, 9))
    assert many >= few + 6


@pytest.mark.parametrize("d", [3, 20])
def test_a_tile_of_products_that_is_made_anew_is_caught(d, monkeypatch):
    gpu = emulated()
    X, C = up(rows(1100, 20)), up(rows(24, 20, seed=1))
    step = gpu.kmeans.lloyd_stats(
        X, None, gpu.kmeans.sum_scales(gpu.reductions.summary(X), 1100.0, 1100)
    )
    step(C), step(C)
    with arrays.creations() as found:
        step(C)
    assert found.large(1100) == 0
    product = gpu.gpu.products
    monkeypatch.setattr(
        gpu.gpu, "products",
        type("Wasteful", (), {
            "in_tf32": product.in_tf32,
            "__call__": lambda self, a, b, out, **o: product(a, b, xp.empty_like(out), **o),
        })(),
    )  # fmt: skip
    with arrays.creations() as found:
        step(C)
    assert found.large(1100) > 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [3, 20])
def test_seeding_makes_nothing_as_long_as_the_rows(d, weighted):
    X = up(rows(700, d))
    w = up(np.random.default_rng(1).random(700)) if weighted else None
    counts = []
    for k in (3, 12):
        with arrays.creations() as found:
            kmeans_plusplus(X, k, sample_weight=w, random_state=0)
        counts.append(found.large(700))
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("d", [3, 20])
def test_mini_batches_make_nothing_as_long_as_a_batch(d):
    """But for the draws, which come from the host."""
    X, size, counts = up(rows(2000, d)), 400, []
    for most in (1, 3):
        model = MiniBatchKMeans(
            4, init=X[:4, ...], n_init=1, batch_size=size, max_iter=most, max_no_improvement=None,
            reassignment_ratio=0,
        )  # fmt: skip
        with arrays.creations() as found:
            fitted(model, X)
        assert model.n_steps_ == 5 * most
        assert sum(length >= size for length in found.brought) == 5 * most
        counts.append(found.large(size))
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize("d", [3, 20])
def test_batches_in_kept_buffers_are_as_good_as_new(d):
    """Of other lengths, other weights and other numbers of centres than the last one."""
    X, rng, gpu = up(rows(500, d, "float32")), np.random.default_rng(0), emulated()
    kept = gpu.kmeans.minibatch(X, 5, 60)
    for size, k, weighted in [(60, 5, 0), (60, 5, 1), (60, 5, 0), (90, 5, 1), (60, 3, 0)]:
        batch = rng.integers(0, 500, size)
        w = rng.random(size) if weighted else None
        given = batch, w, up(rows(k, d, seed=2)), up(np.ones(k))
        expected = emulated().kmeans.minibatch(X, k, size)(*given)
        for found, wanted in zip(kept(*given), expected, strict=True):
            assert found.get().tobytes() == wanted.get().tobytes()


# -- reads ---------------------------------------------------------------------------------------


def reads_of(reads, most, d):
    X = rows(900, d)
    reads.clear()
    model = fitted(KMeans(30, init=up(X[:30]), n_init=1, max_iter=most, tol=0), up(X))
    assert model.n_iter_ == most
    assert max(np.prod(shape) for shape in reads) <= 900
    return len(reads)


@pytest.mark.parametrize("d", [3, 20])
def test_one_host_read_an_iteration(d, reads):
    assert reads_of(reads, 7, d) - reads_of(reads, 3, d) == 4


# -- whose the labels are ------------------------------------------------------------------------


@pytest.mark.parametrize("d", [3, 20])
def test_later_fits_leave_earlier_labels_alone(d):
    kept = InMemory(up(rows(300, d)))
    first = KMeans(6, random_state=0).fit(kept)
    labels = first.labels_.get()
    for seed in (1, 2, 3):
        KMeans(6, random_state=seed).fit(kept)
    assert (first.labels_.get() == labels).all()


@pytest.mark.parametrize("d", [3, 20])
def test_labels_of_the_best_start_survive_later_starts(d):
    X = up(rows(300, d))
    model = KMeans(6, init="random", n_init=5, random_state=0).fit(X)
    assert (model.labels_.get() == model.predict(X).get()).all()
    own = ((X.held - model.cluster_centers_.held[model.labels_.held]) ** 2).sum()
    assert model.inertia_ == pytest.approx(own)
