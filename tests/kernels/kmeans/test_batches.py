"""Steps of mini-batches on every backend, and the CPU's ways of them."""

import math
import tracemalloc
from importlib import import_module

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from clusterx.kernels import kernels_for
from clusterx.kernels.kmeans.cpu import labelling
from clusterx.kernels.kmeans.cpu.plain import PlainStep
from tests.data import make, some_rows
from tests.kernels.brute import CPU, brute_squared
from tests.kernels.kmeans.iterations import weights_of

minibatch = import_module("clusterx.kernels.kmeans.cpu.batches")


def brute_batch(X, rows, w, C, counts):
    batch = X[rows].astype(np.float64)
    squared = brute_squared(batch, C)
    labels = squared.argmin(axis=1)
    w = np.ones(len(rows)) if w is None else w
    gained = np.bincount(labels, w, minlength=len(C))
    new = C.copy()
    for j in np.flatnonzero(gained > 0):
        own = labels == j
        new[j] = (C[j] * counts[j] + (w[own, None] * batch[own]).sum(axis=0)) / (
            counts[j] + gained[j]
        )
    return new, counts + gained, (w * squared.min(axis=1)).sum()


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("size", "d", "weights"),
    [(1, 1, "fractions"), (1, 9, "none"), (65, 1, "whole"), (65, 3, "none"), (65, 130, "fractions"),
     (300, 1, "none"), (300, 3, "fractions"), (300, 9, "whole"), (300, 130, "none")],
)  # fmt: skip
def test_minibatch(xp, size, d, weights):
    X = make("blobs", 500, d, "float64")
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 500, size)
    w = weights_of(weights, size)
    C, counts = some_rows(X, 6), rng.integers(0, 9, 6).astype(float)
    step = kernels_for(xp.xp).kmeans.minibatch(xp.asarray(X), 6, size)
    for _ in range(4):
        expected = brute_batch(X, rows, w, C, counts)
        given = None if w is None else xp.asarray(w)
        found = step(rows, given, xp.asarray(C), xp.asarray(counts))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(xp.to_host(a), b, rtol=1e-10, atol=1e-12)
        C, counts, rows = expected[0], expected[1], rng.integers(0, 500, size)


@pytest.mark.parametrize(
    ("name", "dtype", "d"),
    [
        ("low rank", "float64", 3),
        ("low rank", "float32", 16),
        ("low rank", "float32", 130),
        ("offset 1e6", "float32", 3),
        ("offset 1e6", "float64", 16),
        ("offset 1e6", "float32", 130),
        ("offset 1e6", "float64", 130),
        ("scale 1e30", "float32", 3),
        ("scale 1e30", "float64", 16),
        ("scale 1e30", "float32", 130),
        ("outlier 1e12", "float64", 3),
        ("outlier 1e12", "float32", 16),
        ("outlier 1e12", "float64", 130),
    ],
)
def test_cpu_minibatch_of_many_centres(name, dtype, d):
    X = make(name, 4200, d, dtype)
    rng = np.random.default_rng(0)
    C, counts = some_rows(X, 40), np.zeros(40)
    step = CPU.kmeans.minibatch(X, 40, 512)
    for _ in range(5):
        rows = rng.integers(0, len(X), 512)
        expected = brute_batch(X, rows, None, C, counts)
        found = step(rows, None, C, counts)
        scale = np.abs(X[rows]).max()
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-11, atol=1e-13 * scale)
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_allclose(found[2], expected[2], rtol=1e-10)
        C, counts = expected[:2]


@pytest.mark.parametrize(
    ("name", "dtype", "weights"),
    [
        ("low rank", "float32", "none"),
        ("low rank", "float64", "fractions"),
        ("offset 1e6", "float32", "fractions"),
        ("offset 1e6", "float64", "none"),
        ("outlier 1e12", "float32", "none"),
        ("outlier 1e12", "float64", "fractions"),
        ("grid", "float32", "fractions"),
        ("grid", "float64", "none"),
    ],
)
def test_cpu_minibatch_by_tasks_and_by_clusters(monkeypatch, name, dtype, weights):
    X = make(name, 4200, 130, dtype)
    rng = np.random.default_rng(0)
    C, counts = some_rows(X, 40), np.arange(40.0)
    by_cluster = CPU.kmeans.minibatch(X, 40, 700)
    monkeypatch.setattr(minibatch, "SUMS", 0)
    by_task = CPU.kmeans.minibatch(X, 40, 700)
    for size in (700, 700, 129, 1, 5000):  # the last is of rows that are read in place
        rows, w = rng.integers(0, len(X), size), weights_of(weights, size)
        monkeypatch.setattr(minibatch, "SUMS", 0)
        expected = by_cluster(rows, w, C, counts)
        monkeypatch.setattr(minibatch, "SUMS", 40 * 130)
        found = by_task(rows, w, C, counts)
        scale = np.abs(X[rows]).max()
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-11, atol=1e-13 * scale)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-13)
        assert found[2] == expected[2]
        C, counts = expected[:2]


@pytest.mark.parametrize("name", ["low rank", "offset 1e6", "scale 1e30"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_intervals_of_projected_centres_hold_the_truth(name, dtype):
    X = make(name, 4200, 200, dtype)
    step = CPU.kmeans.minibatch(X, 40, 512)
    s = step.screen
    assert s.Q is not None
    C = some_rows(X, 40) * 0.5 + 0.5 * X.mean(axis=0, dtype=np.float64)
    E, terms = step.centres(C)
    rows = np.arange(0, 4200, 7)
    centred = (X[rows].astype(np.float64) - s.mean) * s.factor
    truth = brute_squared(X[rows].astype(np.float64) * s.factor, C * s.factor)
    truth -= (centred**2).sum(axis=1)[:, None]
    found = terms[0] - 2 * (s.Z[rows].astype(np.float64) @ E.T.astype(np.float64))
    reach = terms[1] + np.outer(s.rest[rows], terms[2]) + np.outer(s.norm[rows], terms[3])
    assert (np.abs(found - truth) <= reach).all()
    # of what the images stand for alone, the rest left aside
    own = centred @ s.Q.astype(np.float64) @ (((C - s.mean) * s.factor) @ s.Q).T
    product = s.Z[rows].astype(np.float64) @ E.T.astype(np.float64)
    assert (2 * np.abs(own - product) <= np.outer(s.norm[rows], terms[3])).all()


def test_projected_centres_whose_norms_underflow():
    """Their squared norms are zero in float32, and what a projection leaves decides."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((200, 200)))[0]
    kept, left = basis[:, 0], basis[:, 100]
    half = np.empty((2048, 200))
    half[::2] = rng.standard_normal((1024, 8)) @ basis[:, :8].T
    half[1::2] = 1e-9 * (left - 0.5 * kept)
    # in every fourth row, which the mean is found from, each has its opposite next to it
    pairs = half.reshape(512, 1, 4, 200) * np.array([1.0, -1.0])[:, None, None]
    X = pairs.reshape(4096, 200).astype(np.float32)
    C = X[::8][:40].astype(np.float64)
    C[3], C[5] = -1e-23 * (left + kept), 1e-23 * (left + kept)
    step = CPU.kmeans.minibatch(X, 40, 512)
    assert step.screen.Q is not None
    assert not step.screen.mean.any()
    rows = np.arange(1, 4096, 8)
    assert (brute_squared(X[rows].astype(np.float64), C).argmin(axis=1) == 5).all()
    assert step(rows, None, C, np.zeros(40))[1][5] == len(rows)


@pytest.mark.parametrize(
    ("d", "weights"),
    [(1, "fractions"), (3, "none"), (3, "fractions"), (9, "none"), (130, "fractions")],
)
def test_minibatch_labels(xp, d, weights):
    X, w = make("blobs", 9000, d, "float64"), weights_of(weights, 9000)
    C = some_rows(X, 6)
    step = kernels_for(xp.xp).kmeans.minibatch(xp.asarray(X), 6, 100)
    labels, inertia = step.label(xp.asarray(C), None if w is None else xp.asarray(w))
    assert labels.dtype == xp.xp.int32
    squared = brute_squared(X, C)
    np.testing.assert_array_equal(xp.to_host(labels), squared.argmin(axis=1))
    least = squared.min(axis=1) if w is None else w * squared.min(axis=1)
    np.testing.assert_allclose(float(xp.to_host(inertia)), least.sum(), rtol=1e-12)


def colors(name, n):
    rng = np.random.default_rng(0)
    if name == "all white":
        return np.full((n, 3), 255, np.uint8)
    if name == "few":
        return rng.integers(0, 256, (50, 3)).astype(np.uint8)[rng.integers(0, 50, n)]
    return rng.integers(0, 256, (n, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "k", "where"),
    [
        ("all white", 1, "fractions"),
        ("all white", 256, "near"),
        ("few", 5, "whole"),
        ("few", 256, "far"),
        ("many", 5, "outside"),
        ("many", 40, "fractions"),
        ("many", 256, "whole"),
    ],
)
def test_labels_of_many_colors(name, k, where):
    X = colors(name, 2 * labelling.BLOCK + 5)
    rng = np.random.default_rng(1)
    C = {
        "whole": rng.integers(0, 4, (k, 3)) * 64.0,  # many are equally near
        "fractions": 256 * rng.random((k, 3)),
        "outside": rng.normal(128, 300, (k, 3)),
        "far": np.concatenate([[[99.5, 5.25, 0.0]], np.full((k - 1, 3), 1e30)]),
        "near": X[rng.integers(0, len(X), k)] + 2.0**-20,
    }[where]
    found, inertia = CPU.kmeans.minibatch(X, k, 100).label(C, None)
    labels, squared = PlainStep(X, None, None), brute_squared(X[:3000].astype(np.float64), C)
    labels.assign(C)
    np.testing.assert_array_equal(found, labels.labels)
    np.testing.assert_array_equal(found[:3000], squared.argmin(axis=1))
    np.testing.assert_allclose(inertia, math.fsum(labels.squared.tolist()), rtol=1e-12)


@pytest.mark.parametrize(
    ("d", "dtype", "size"),
    [
        (1, "uint8", 130),
        (1, "float64", 1),
        (2, "float32", 2500),
        (2, "uint8", 1),
        (3, "uint8", 2500),
        (3, "float32", 130),
        (3, "float64", 2500),
        (5, "float32", 1),
        (5, "float64", 130),
        (5, "uint8", 2500),
        (8, "uint8", 130),
        (8, "float32", 2500),
        (8, "float64", 1),
    ],
)  # 2500 rows are more than lie in a cache together
def test_cpu_walk_is_steps(d, dtype, size):
    X = np.clip(30 * make("blobs", 5000, d, "float64") + 120, 0, 255).astype(dtype)
    rng = np.random.default_rng(0)
    groups = [rng.integers(0, 5000, (m, size)) for m in (1, 3, 2, 0, 0)]
    C, counts = some_rows(X, 7).astype(np.float64), np.zeros(7)
    step, left = CPU.kmeans.minibatch(X, 7, size), iter(groups)
    run_steps = step.run_steps(lambda most: next(left)[:most])
    for group in groups[:3]:
        walked = run_steps(C, counts)
        assert len(walked.inertia) == len(group)
        for found in zip(*walked, strict=True):
            C, counts, inertia = step(group[0], None, C, counts)
            group = group[1:]
            assert found[0].tobytes() == C.tobytes()
            assert found[1].tobytes() == counts.tobytes()
            assert found[2] == inertia


def test_cpu_minibatch_keeps_little_of_large_batches():
    X = np.zeros((200_000, 3), np.uint8)
    rows, C = np.arange(len(X)), np.zeros((2, 3))
    step = CPU.kmeans.minibatch(X, 2, len(X))
    step(rows[:5], None, C, np.zeros(2))
    tracemalloc.start()
    try:
        step(rows, None, C, np.zeros(2))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert X.nbytes <= peak < X.nbytes + 200_000


def test_a_draw_that_fails_ends_the_walk():
    X = make("blobs", 500, 3, "float64")
    groups = iter([np.zeros((2, 30), np.int64)] * 2)

    def draw(most):
        found = next(groups, None)
        if found is None:
            raise ValueError("nothing is left")
        return found

    run_steps = CPU.kmeans.minibatch(X, 4, 30).run_steps(draw)
    with pytest.raises(ValueError, match="nothing is left"):
        run_steps(some_rows(X, 4), np.zeros(4))


@pytest.mark.parametrize("k", [6, 2000])
def test_sparse_minibatch_equals_dense(k):
    X = make("offset 1e8", 500, 9, "float64")
    rows = np.random.default_rng(0).integers(0, 500, 300)
    C, counts = some_rows(X, k), np.arange(float(k))
    w = np.random.default_rng(1).random(300)
    dense = CPU.kmeans.minibatch(X, k, 300)(rows, w, C, counts)
    found = CPU.kmeans.minibatch(csr_matrix(X), k, 300)(rows, w, C, counts)
    for a, b in zip(found[:2], dense[:2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert found[2] == pytest.approx(dense[2], rel=1e-10)
