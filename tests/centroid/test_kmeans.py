"""KMeans: scikit-learn's results, the invariants of k-means, results that stay with the data."""

import os
import pickle
import subprocess
import sys
from contextlib import contextmanager
from copy import copy, deepcopy

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.cluster
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone

from clusterx import Blocks, KMeans, arrays, k_means


def blobs(n=1000, d=3, dtype="float64", seed=0, k=8):
    rng = np.random.default_rng(seed)
    centers = 5 * rng.standard_normal((k, d))
    return (centers[rng.integers(0, k, n)] + rng.standard_normal((n, d))).astype(dtype)


def brute_inertia(X, C, w=None):
    X, C = np.asarray(X, np.float64), np.asarray(C, np.float64)
    least = np.min([((X - c) ** 2).sum(axis=1) for c in C], axis=0)
    return least.sum() if w is None else (w * least).sum()


SHAPES = [(200, 1), (1000, 2), (5000, 3), (1000, 12), (4200, 130)]

# -- scikit-learn --------------------------------------------------------------------------------


@pytest.mark.parametrize("tol", [0.0, 1e-4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equal_starts_end_as_in_scikit_learn(shape, weighted, tol):
    X = blobs(*shape)
    w = np.random.default_rng(1).random(len(X)) if weighted else None
    options = dict(init=X[:7], tol=tol)
    found = KMeans(7, **options).fit(X, sample_weight=w)
    expected = sklearn.cluster.KMeans(7, **options).fit(X, sample_weight=w)
    assert found.n_iter_ == expected.n_iter_
    assert_array_equal(found.labels_, expected.labels_)
    assert_allclose(found.cluster_centers_, expected.cluster_centers_, rtol=1e-9, atol=1e-9)
    assert_allclose(found.inertia_, expected.inertia_, rtol=1e-10)


@pytest.mark.parametrize("init", ["k-means++", "random"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equal_seeds_end_as_in_scikit_learn(shape, init):
    for seed in range(4):
        X = blobs(*shape, seed=seed)
        options = dict(n_clusters=6, init=init, n_init=2, random_state=seed)
        found, expected = KMeans(**options).fit(X), sklearn.cluster.KMeans(**options).fit(X)
        assert_array_equal(found.labels_, expected.labels_)
        assert_allclose(found.inertia_, expected.inertia_, rtol=1e-10)
        assert found.n_iter_ == expected.n_iter_


def test_default_parameters_are_scikit_learns():
    expected = sklearn.cluster.KMeans().get_params()
    found = KMeans().get_params()
    assert {name: found[name] for name in expected} == expected


def test_elkan_is_lloyd():
    X = blobs()
    fits = [KMeans(5, algorithm=a, random_state=0).fit(X) for a in ("lloyd", "elkan")]
    assert fits[0].cluster_centers_.tobytes() == fits[1].cluster_centers_.tobytes()


def test_callable_init():
    X = blobs()

    def first(X, n_clusters, random_state):
        return X[random_state.permutation(len(X))[:n_clusters]]

    options = dict(init=first, n_init=1, random_state=5)
    found, expected = KMeans(4, **options).fit(X), sklearn.cluster.KMeans(4, **options).fit(X)
    assert_array_equal(found.labels_, expected.labels_)


def test_methods_equal_scikit_learns():
    X, Y = blobs(), blobs(200, seed=1)
    w = np.random.default_rng(0).random(200)
    found = KMeans(5, random_state=0).fit(X)
    expected = sklearn.cluster.KMeans(5, random_state=0).fit(X)
    assert_array_equal(found.predict(Y), expected.predict(Y))
    assert_allclose(found.transform(Y), expected.transform(Y), rtol=1e-9)
    assert_allclose(found.score(Y), expected.score(Y), rtol=1e-10)
    assert_allclose(found.score(Y, sample_weight=w), expected.score(Y, sample_weight=w), rtol=1e-10)
    assert_array_equal(KMeans(5, random_state=0).fit_predict(X), found.labels_)
    assert_array_equal(KMeans(5, random_state=0).fit_transform(X), found.transform(X))
    assert_array_equal(found.get_feature_names_out(), expected.get_feature_names_out())


def test_k_means_is_the_estimator():
    X = blobs()
    model = KMeans(5, random_state=0).fit(X)
    centers, labels, inertia, n_iter = k_means(X, 5, random_state=0, return_n_iter=True)
    assert_array_equal(centers, model.cluster_centers_)
    assert_array_equal(labels, model.labels_)
    assert (inertia, n_iter) == (model.inertia_, model.n_iter_)
    assert len(k_means(X, 5, random_state=0)) == 3


def test_empty_clusters_take_the_farthest_rows_as_in_scikit_learn():
    X = np.array([[-11.0], [-10], [-9], [-1], [0], [1], [9.3], [10.4], [11.5]])
    for start in ([[-10.0], [0], [300], [400]], [[0.0], [500], [600], [700]]):
        options = dict(init=np.array(start), max_iter=1, n_init=1)
        found = KMeans(4, **options).fit(X)
        expected = sklearn.cluster.KMeans(4, **options).fit(X)
        assert_allclose(found.cluster_centers_, expected.cluster_centers_)
        assert_array_equal(found.labels_, expected.labels_)


@pytest.mark.parametrize("d", [2, 12])
def test_many_empty_clusters(xp, d):
    X = blobs(3000, d)
    start = np.full((30, d), 1e3) + np.arange(30)[:, None]
    start[0] = 0
    model = KMeans(30, init=xp.asarray(start), tol=0).fit(xp.asarray(X))
    assert len(np.unique(xp.to_host(model.labels_))) == 30
    expected = KMeans(30, init=start, tol=0).fit(X)
    assert_allclose(model.inertia_, expected.inertia_, rtol=1e-9)


def test_no_row_of_no_weight_fills_an_empty_cluster():
    X = np.concatenate([blobs(300, 2), np.full((5, 2), 1e4)])
    w = np.repeat([1.0, 0.0], [300, 5])
    model = KMeans(3, init=np.array([[0.0, 0], [1e6, 0], [0, 1e6]])).fit(X, sample_weight=w)
    assert np.abs(model.cluster_centers_).max() < 100


# -- invariants ----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(1000, 2), (5000, 3), (1000, 12)], ids=str)
def test_inertia_never_rises(shape, weighted):
    X = blobs(*shape)
    w = np.random.default_rng(1).random(len(X)) if weighted else None
    fits = [KMeans(7, init=X[:7], tol=0, max_iter=m).fit(X, sample_weight=w) for m in range(1, 12)]
    inertia = np.array([fit.inertia_ for fit in fits])
    assert (np.diff(inertia) <= 1e-12 * inertia[0]).all()
    assert inertia[-1] < 0.99 * inertia[0]
    for fit in fits:
        assert_allclose(fit.inertia_, brute_inertia(X, fit.cluster_centers_, w), rtol=1e-10)


@pytest.mark.parametrize(
    "X",
    [
        blobs(5000, 3) * 1e-3 + 1e4,
        blobs(5000, 3) + 1e8,
        blobs(5000, 12, "float32") + 1e4,
        np.repeat(blobs(8, 3), 600, axis=0) + 1e-6 * blobs(4800, 3),
        np.concatenate([blobs(5000, 3), [[1e12, 0, 0]]]),
        blobs(5000, 3) * 1e100,
        blobs(5000, 12) * 1e-100,
    ],
    ids=["far", "farther", "far float32", "tight", "outlier", "large", "small"],
)
def test_inertia_keeps_its_digits(X):
    model = KMeans(8, random_state=0).fit(X)
    assert_allclose(model.inertia_, brute_inertia(X, model.cluster_centers_), rtol=1e-9)


@pytest.mark.parametrize("weight", [1e-200, 1e-290])
def test_inertia_keeps_its_digits_with_tiny_weights(weight):
    X = blobs(5000, 3) + 1e12
    w = np.random.default_rng(1).random(len(X)) * weight
    model = KMeans(8, random_state=0).fit(X, sample_weight=w)
    assert_allclose(model.inertia_, brute_inertia(X, model.cluster_centers_, w), rtol=1e-9)


def test_verbose_tells_each_iteration(capsys):
    X = blobs()
    model = KMeans(5, init=X[:5], verbose=1, tol=0).fit(X)
    lines = capsys.readouterr().out.splitlines()
    told = [float(line.split()[-1].rstrip(".")) for line in lines if line.startswith("Iteration")]
    assert len(told) == model.n_iter_
    assert_allclose(told[0], brute_inertia(X, X[:5]))
    assert (np.diff(told) <= 0).all()
    assert lines[0] == "Initialization complete"
    assert "strict convergence" in lines[-1]


@pytest.mark.parametrize("d", [2, 3, 12])
def test_a_weight_of_two_is_a_row_repeated(xp, d):
    X = blobs(1000, d)
    w = np.random.default_rng(2).integers(0, 4, 1000)
    repeated = np.repeat(X, w, axis=0)
    start = xp.asarray(X[:6])
    a = KMeans(6, init=start).fit(xp.asarray(X), sample_weight=xp.asarray(w.astype(float)))
    b = KMeans(6, init=start).fit(xp.asarray(repeated))
    assert_allclose(xp.to_host(a.cluster_centers_), xp.to_host(b.cluster_centers_), rtol=1e-9)
    assert_array_equal(np.repeat(xp.to_host(a.labels_), w), xp.to_host(b.labels_))
    assert_allclose(a.inertia_, b.inertia_, rtol=1e-9)


@pytest.mark.parametrize("d", [3, 12])
def test_weights_and_repeats_have_the_same_bits_on_the_cpu(d):
    X = blobs(2000, d, "float32")
    w = np.random.default_rng(2).integers(1, 4, 2000)
    a = KMeans(6, init=X[:6], tol=0).fit(X, sample_weight=w)
    b = KMeans(6, init=X[:6], tol=0).fit(np.repeat(X, w, axis=0))
    assert a.cluster_centers_.tobytes() == b.cluster_centers_.tobytes()


@pytest.mark.parametrize("scale", [1e-290, 1e-30, 0.5, 3.0, 1e30, 1e140])
def test_scaled_weights_change_nothing(scale):
    X, w = blobs(), np.random.default_rng(1).random(1000)
    a = KMeans(6, init=X[:6]).fit(X, sample_weight=w)
    b = KMeans(6, init=X[:6]).fit(X, sample_weight=w * scale)
    assert_array_equal(a.labels_, b.labels_)
    assert_allclose(b.cluster_centers_, a.cluster_centers_, rtol=1e-12)
    assert_allclose(b.inertia_, a.inertia_ * scale, rtol=1e-12)


@pytest.mark.parametrize("scalar", [1, 2.5])
def test_one_number_as_weight(scalar):
    X = blobs()
    model = KMeans(4, init=X[:4]).fit(X, sample_weight=scalar)
    assert_allclose(model.inertia_, scalar * KMeans(4, init=X[:4]).fit(X).inertia_, rtol=1e-12)


@pytest.mark.parametrize("shape", [(1000, 2), (5000, 3), (1000, 12), (4200, 130)], ids=str)
def test_order_of_rows_changes_no_bit_of_the_centres(shape):
    X = blobs(*shape, dtype="float32")
    order = np.random.default_rng(3).permutation(len(X))
    a, b = (KMeans(6, init=X[:6], tol=0).fit(Y) for Y in (X, X[order]))
    assert a.cluster_centers_.tobytes() == b.cluster_centers_.tobytes()
    assert_array_equal(a.labels_[order], b.labels_)
    assert_allclose(a.inertia_, b.inertia_, rtol=1e-13)


def test_order_of_rows_permutes_labels(xp):
    X = blobs(500, 3)
    order = np.random.default_rng(3).permutation(500)
    start = xp.asarray(X[:6])
    a, b = (KMeans(6, init=start).fit(xp.asarray(Y)) for Y in (X, X[order]))
    assert_array_equal(xp.to_host(a.labels_)[order], xp.to_host(b.labels_))


BITS = """
import hashlib, numpy as np
from clusterx import KMeans, MiniBatchKMeans
h = hashlib.sha256()
for n, d in ((3000, 2), (40_000, 3), (9000, 20), (9000, 140)):
    X = np.random.default_rng(d).standard_normal((n, d)).astype(np.float32)
    for w in (None, np.random.default_rng(0).random(n)):
        for init in ("k-means++", "k-means||"):
            m = KMeans(20, random_state=0, init=init, max_iter=20).fit(X, sample_weight=w)
            h.update(m.cluster_centers_.tobytes() + m.labels_.tobytes())
            h.update(np.float64([m.inertia_, m.n_iter_, m.score(X)]).tobytes())
            h.update(m.transform(X[:500]).tobytes())
        m = MiniBatchKMeans(20, random_state=0, max_iter=3).fit(X, sample_weight=w)
        h.update(m.cluster_centers_.tobytes() + np.float64(m.inertia_).tobytes())
print(h.hexdigest())
"""


def test_threads_change_no_bit():
    digests = set()
    for threads in (1, 5):
        # more threads than cores, too: their number is what a computer with more would take
        code = f"import os; os.sched_getaffinity = lambda pid: range({threads})\n"
        code += f"import joblib; joblib.cpu_count = lambda *a, **k: {threads}\n" + BITS
        env = {**os.environ, "CLUSTERX_NUM_THREADS": str(threads)}
        env.pop("OMP_NUM_THREADS", None)
        env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        child = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
        )
        digests.add(child.stdout)
    assert len(digests) == 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_working_memory_and_runs_change_no_bit(shape):
    X = blobs(*shape, dtype="float32")
    fits = []
    for mebibytes in (1, 64, 1024, 1024):
        with sklearn.config_context(working_memory=mebibytes):
            fits.append(KMeans(6, random_state=0).fit(X))
    for fit in fits[1:]:
        assert fit.cluster_centers_.tobytes() == fits[0].cluster_centers_.tobytes()
        assert_array_equal(fit.labels_, fits[0].labels_)
        assert fit.inertia_ == fits[0].inertia_


def test_labels_are_those_of_the_best_start():
    X = blobs(1000, 2)
    model = KMeans(8, init="random", n_init=8, random_state=0).fit(X)
    assert_array_equal(model.labels_, model.predict(X))
    assert_allclose(-model.score(X), model.inertia_, rtol=1e-10)
    single = [KMeans(8, init="random", n_init=1, random_state=s).fit(X).inertia_ for s in range(3)]
    assert model.inertia_ <= max(single)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_labels_belong_to_the_centres(shape):
    X = blobs(*shape, dtype="float32")
    for max_iter in (1, 2, 300):
        model = KMeans(6, random_state=0, max_iter=max_iter).fit(X)
        squared = [((X - c.astype(np.float64)) ** 2).sum(axis=1) for c in model.cluster_centers_]
        assert_array_equal(model.labels_, np.argmin(squared, axis=0))


def test_one_cluster_is_the_mean():
    X = blobs(777, 5)
    model = KMeans(1).fit(X)
    assert_allclose(model.cluster_centers_[0], X.mean(axis=0), rtol=1e-12)
    assert_allclose(model.inertia_, X.var(axis=0).sum() * 777, rtol=1e-12)


def test_as_many_clusters_as_rows(xp):
    X = blobs(20, 2)
    model = KMeans(20, random_state=0).fit(xp.asarray(X))
    assert sorted(xp.to_host(model.labels_)) == list(range(20))
    assert model.inertia_ == 0


def test_one_row():
    model = KMeans(1).fit(np.array([[3.0, 4.0]]))
    assert_array_equal(model.cluster_centers_, [[3.0, 4.0]])
    assert model.inertia_ == 0


@pytest.mark.smoke
def test_the_data_are_not_changed(xp):
    X, w = blobs(500, 3), np.random.default_rng(0).random(500)
    given, weights, start = xp.asarray(X), xp.asarray(w), xp.asarray(X[:4])
    for copy_x in (True, False):
        KMeans(4, init=start, copy_x=copy_x).fit(given, sample_weight=weights).transform(given)
        KMeans(4, init=start, metric="cosine").fit(given)
    for array, before in ((given, X), (weights, w), (start, X[:4])):
        assert_array_equal(xp.to_host(array), before)


@pytest.mark.parametrize("size", [(300, 2), (5000, 12)], ids=str)
def test_tiny_values(size):
    """Squares of these vanish: there is one cluster, and no warning beside the one that says so."""
    X = blobs(*size) * 1e-200
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        model = KMeans(3, random_state=0).fit(X)
    assert model.inertia_ == 0


# -- backends ------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("shape", "init", "weighted"),
    [
        ((300, 1), "k-means++", True),
        ((300, 1), "array", False),
        ((300, 1), "maximin", False),
        ((2000, 3), "random", False),
        ((2000, 3), "maximin", True),
        ((2000, 3), "k-means++", False),
        ((2000, 3), "k-means||", True),
        ((500, 20), "k-means||", False),
        ((500, 20), "random", True),
        ((500, 20), "array", True),
        ((500, 20), "k-means++", True),
    ],
    ids=str,
)
def test_backends_agree(xp, shape, init, weighted):
    X = blobs(*shape)
    w = np.random.default_rng(1).random(len(X)) if weighted else None
    options = dict(init=X[:6] if init == "array" else init, n_init=1, random_state=0)
    expected = KMeans(6, **options).fit(X, sample_weight=w)
    if init == "array":
        options["init"] = xp.asarray(X[:6])
    found = KMeans(6, **options).fit(
        xp.asarray(X), sample_weight=None if w is None else xp.asarray(w)
    )
    assert_allclose(
        xp.to_host(found.cluster_centers_), expected.cluster_centers_, rtol=1e-9, atol=1e-12
    )
    assert_array_equal(xp.to_host(found.labels_), expected.labels_)
    assert_allclose(found.inertia_, expected.inertia_, rtol=1e-9)
    assert found.n_iter_ == expected.n_iter_


@pytest.mark.smoke
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_results_stay_with_the_data(xp, dtype, metric):
    X = xp.asarray(blobs(300, 3, dtype))
    model = KMeans(4, random_state=0, metric=metric).fit(X)
    assert xp.owns(model.cluster_centers_)
    assert model.cluster_centers_.dtype == X.dtype
    assert isinstance(model.inertia_, float)
    assert isinstance(model.n_iter_, int)
    for labels in (model.labels_, model.predict(X), model.fit_predict(X)):
        assert xp.owns(labels)
        assert labels.dtype == xp.xp.int32
    for found in (model.transform(X), model.fit_transform(X)):
        assert xp.owns(found)
        assert found.dtype == X.dtype
        assert tuple(found.shape) == (300, 4)
    assert isinstance(model.score(X), float)


@pytest.mark.smoke
def test_weights_and_start_from_the_host(xp):
    X = blobs(300, 3)
    w = np.random.default_rng(0).random(300)
    expected = KMeans(4, init=X[:4]).fit(X, sample_weight=w)
    for weights in (w, w.tolist(), xp.asarray(w)):
        for start in (X[:4], X[:4].tolist(), xp.asarray(X[:4])):
            model = KMeans(4, init=start).fit(xp.asarray(X), sample_weight=weights)
            assert xp.owns(model.cluster_centers_)
            assert_allclose(model.inertia_, expected.inertia_, rtol=1e-9)


@contextmanager
def counted_reads():
    """Counts what brings values of array_api_strict to the host."""
    import array_api_strict

    kind, reads, depth = type(array_api_strict.asarray(0.0)), [], []
    names = ["__bool__", "__float__", "__int__", "__index__", "__complex__", "__array__"]
    names += ["__dlpack__", "__buffer__", "__iter__", "to_device"]
    originals = {name: getattr(kind, name) for name in names if hasattr(kind, name)}

    def counting(name):
        def count(self, *arguments, **options):
            if not depth:
                reads.append(name)
            depth.append(name)
            try:
                return originals[name](self, *arguments, **options)
            finally:
                depth.pop()

        return count

    to_host = arrays.to_host

    def counted_to_host(x):
        if arrays.on_host(x):
            return to_host(x)
        reads.append("to_host")
        depth.append("to_host")
        try:
            return to_host(x)
        finally:
            depth.pop()

    patched = users_of_to_host()
    try:
        for name in originals:
            setattr(kind, name, counting(name))
        for module in patched:
            module.to_host = counted_to_host
        yield reads
    finally:
        for name, original in originals.items():
            setattr(kind, name, original)
        for module in patched:
            module.to_host = to_host


def users_of_to_host():
    """Every module of the package that has the function under its name."""
    loaded = [m for name, m in sys.modules.items() if name.partition(".")[0] == "clusterx"]
    return [m for m in loaded if hasattr(m, "to_host")]


def strict(values):
    xp = pytest.importorskip("array_api_strict")
    return xp.asarray(values, device=xp.Device("device1"))


def test_reads_are_counted():
    x = strict(np.array([1.0]))
    with counted_reads() as reads:
        float(x[0])
        bool(x[0] > 0)
        arrays.to_host(x)
        arrays.host_floats(x[0])
        x + x
    assert reads == ["__float__", "__bool__", "to_host", "to_host"]


def reads_of(X, **options):
    with counted_reads() as reads:
        model = KMeans(5, init=strict(blobs(300, 3)[:5]), tol=0, **options).fit(X)
    assert model.n_iter_ == options["max_iter"]
    return reads


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_device_is_read_once_an_iteration(weighted, metric):
    X = strict(blobs(300, 3))
    w = strict(np.random.default_rng(0).random(300)) if weighted else None
    counts = []
    for max_iter in (1, 2, 6):
        with counted_reads() as reads:
            model = KMeans(
                5, init=strict(blobs(300, 3)[:5]), tol=0, max_iter=max_iter, metric=metric
            ).fit(X, sample_weight=w)
        assert model.n_iter_ == max_iter
        assert set(reads) == {"to_host"}
        counts.append(len(reads))
    assert counts[1] - counts[0] == 1
    assert counts[2] - counts[0] == 5


def test_seeding_on_the_device_is_not_read_for_each_centre():
    X, counts = strict(blobs(300, 3)), []
    for k in (3, 9):
        with counted_reads() as reads:
            KMeans(k, random_state=0, max_iter=1).fit(X)
        counts.append(len(reads))
    assert counts[0] == counts[1]


def test_what_is_read_is_small(monkeypatch):
    """Never the data, and of what has an entry a row the labels alone, where an option asks."""
    X, sizes = strict(blobs(3000, 3)), []
    to_host = arrays.to_host

    def measured(x):
        if not arrays.on_host(x):
            sizes.append(int(np.prod(x.shape)))
        return to_host(x)

    for module in users_of_to_host():
        monkeypatch.setattr(module, "to_host", measured)
    model = KMeans(5, random_state=0).fit(X)
    model.predict(X)
    model.score(X)
    assert max(sizes) < 20


# -- dtypes and containers -----------------------------------------------------------------------

DTYPES = {
    "bool": "float32",
    "int8": "float32",
    "uint8": "float32",
    "int16": "float32",
    "uint16": "float32",
    "float16": "float32",
    "float32": "float32",
    "int32": "float64",
    "uint32": "float64",
    "int64": "float64",
    "uint64": "float64",
    "float64": "float64",
}


@pytest.mark.smoke
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(xp, dtype):
    if xp.name == "array_api_strict" and dtype == "float16":
        pytest.skip("the standard has no float16")
    if xp.name == "torch" and dtype in ("uint16", "uint32", "uint64"):
        pytest.skip("torch does little with wide unsigned integers")
    values = np.clip(np.round(5 * blobs(300, 3) + 60), 0, 120)
    values = (values > 60) if dtype == "bool" else values
    X = xp.asarray(values.astype(dtype))
    model = KMeans(3, random_state=0).fit(X)
    assert model.cluster_centers_.dtype == getattr(xp.xp, DTYPES[dtype])
    expected = KMeans(3, random_state=0).fit(values.astype(DTYPES[dtype]))
    assert_array_equal(xp.to_host(model.labels_), expected.labels_)
    assert_array_equal(xp.to_host(model.predict(X)), expected.labels_)


@pytest.mark.smoke
@pytest.mark.parametrize("X", [blobs(300, 3)[:, ::-1], np.asfortranarray(blobs(300, 3))])
def test_memory_layouts(xp, X):
    expected = KMeans(4, random_state=0).fit(np.ascontiguousarray(X))
    found = KMeans(4, random_state=0).fit(X)
    assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    device = xp.asarray(np.ascontiguousarray(X.T)).T
    assert_array_equal(xp.to_host(KMeans(4, random_state=0).fit(device).labels_), expected.labels_)


def test_readonly_rows():
    X = blobs(300, 3)
    X.flags.writeable = False
    KMeans(4, random_state=0).fit(X).predict(X)


def test_lists():
    X = [[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]]
    model = KMeans(2, random_state=0).fit(X)
    assert_array_equal(model.cluster_centers_, [[10.0, 2.0], [1.0, 2.0]])
    assert_array_equal(model.predict([[0, 0], [12, 3]]), [1, 0])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames(frame):
    X = blobs(300, 3)
    data = frame({name: X[:, i] for i, name in enumerate("abc")})
    model = KMeans(4, random_state=0).fit(data)
    assert_array_equal(model.labels_, KMeans(4, random_state=0).fit(X).labels_)
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    assert_array_equal(model.predict(data), model.labels_)
    assert model.labels_.dtype == np.int32
    with pytest.raises(ValueError, match="feature names"):
        model.predict(data[["c", "b", "a"]])


@pytest.mark.parametrize(("kind", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_set_output(kind, frame):
    X = blobs(300, 3)
    model = KMeans(4, random_state=0).set_output(transform=kind)
    found = model.fit_transform(X)
    assert isinstance(found, frame)
    assert list(found.columns) == ["kmeans0", "kmeans1", "kmeans2", "kmeans3"]
    assert_array_equal(found.to_numpy(), KMeans(4, random_state=0).fit_transform(X))


@pytest.mark.parametrize(
    ("matrix", "dtype", "weighted"),
    [
        (csr_matrix, "float32", False),
        (csr_array, "float32", True),
        (csr_array, "float64", False),
        (csr_matrix, "float64", True),
        (csr_matrix, "int64", False),
        (lambda X: csr_matrix(X).tocsc(), "int64", True),
    ],
)
def test_sparse_equals_dense(matrix, dtype, weighted):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((800, 30)) < 0.2, rng.integers(1, 9, (800, 30)), 0).astype(dtype)
    w = rng.random(800) if weighted else None
    S = matrix(X)
    for options in (dict(init=X[:5].astype(float)), dict(random_state=0), dict(init="maximin")):
        dense = KMeans(5, **options).fit(X, sample_weight=w)
        found = KMeans(5, **options).fit(S, sample_weight=w)
        assert_array_equal(found.labels_, dense.labels_)
        assert_allclose(found.cluster_centers_, dense.cluster_centers_, rtol=1e-6)
        assert_allclose(found.inertia_, dense.inertia_, rtol=1e-10)
        assert found.n_iter_ == dense.n_iter_
        assert found.cluster_centers_.dtype == dense.cluster_centers_.dtype
        assert_array_equal(found.predict(S), dense.labels_)
        assert_allclose(found.transform(S), dense.transform(X), rtol=1e-5)
        assert_allclose(found.score(S), dense.score(X), rtol=1e-6)


def test_sparse_with_repeated_and_stored_zero_entries():
    X = np.where(np.random.default_rng(0).random((300, 8)) < 0.4, blobs(300, 8), 0.0)
    S = csr_matrix(X)
    data = np.repeat(S.data / 2, 2)  # each entry in two halves
    twice = csr_matrix((data, np.repeat(S.indices, 2), 2 * S.indptr), shape=S.shape)
    zeros = S.copy()
    zeros.data[::3] = 0
    for given, dense in ((twice, X), (zeros, zeros.toarray())):
        before = given.data.copy()
        found = KMeans(4, init=X[:4]).fit(given)
        assert_allclose(found.inertia_, KMeans(4, init=X[:4]).fit(dense).inertia_, rtol=1e-9)
        assert_array_equal(given.data, before)


def test_sparse_of_zeros():
    S = csr_matrix((50, 4))
    model = KMeans(1).fit(S)
    assert_array_equal(model.cluster_centers_, np.zeros((1, 4)))


# -- cosine --------------------------------------------------------------------------------------


def spherical(X, w, C, iterations):
    """Dhillon and Modha's k-means, plainly."""
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    C = C / np.linalg.norm(C, axis=1, keepdims=True)
    w = np.ones(len(X)) if w is None else w
    for _ in range(iterations):
        labels = (X @ C.T).argmax(axis=1)
        sums = np.array(
            [(w[labels == j, None] * X[labels == j]).sum(axis=0) for j in range(len(C))]
        )
        C = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    cosine = X @ C.T
    return C, cosine.argmax(axis=1), (w * (1 - cosine.max(axis=1))).sum()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [2, 3, 20])
def test_cosine(xp, d, weighted):
    X = blobs(600, d)
    w = np.random.default_rng(1).random(600) if weighted else None
    start = X[:5]
    for iterations in (1, 4):
        model = KMeans(5, init=xp.asarray(start), metric="cosine", tol=0, max_iter=iterations)
        model.fit(xp.asarray(X), sample_weight=None if w is None else xp.asarray(w))
        C, labels, inertia = spherical(X, w, start, iterations)
        assert_allclose(xp.to_host(model.cluster_centers_), C, rtol=1e-9, atol=1e-12)
        assert_array_equal(xp.to_host(model.labels_), labels)
        assert_allclose(model.inertia_, inertia, rtol=1e-9)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    assert_allclose(xp.to_host(model.transform(xp.asarray(X))), 1 - unit @ C.T, atol=1e-9)
    assert_array_equal(xp.to_host(model.predict(xp.asarray(X))), labels)
    assert_allclose(model.score(xp.asarray(X)), -(1 - (unit @ C.T).max(axis=1)).sum(), rtol=1e-9)


@pytest.mark.parametrize(
    ("scale", "dtype"),
    [(1e-30, "float32"), (1e-10, "float64"), (1e10, "float32"), (1e30, "float32")],
)
def test_cosine_knows_no_length(xp, scale, dtype):
    X = blobs(600, 3, dtype)
    lengths = np.random.default_rng(0).uniform(1, 100, (600, 1)) * scale
    expected = KMeans(5, init=X[:5], metric="cosine").fit(X)
    Y = xp.asarray((X * lengths).astype(dtype))
    found = KMeans(5, init=xp.asarray(X[:5]), metric="cosine").fit(Y)
    assert_array_equal(xp.to_host(found.labels_), expected.labels_)
    assert_allclose(found.inertia_, expected.inertia_, rtol=1e-5)
    if xp.name == "numpy":
        found = KMeans(5, init=X[:5], metric="cosine").fit(csr_matrix(Y))
        assert_array_equal(found.labels_, expected.labels_)


def test_cosine_of_sparse_rows():
    X = np.abs(np.where(np.random.default_rng(0).random((300, 12)) < 0.5, blobs(300, 12), 0.0))
    X[:, 0] += 0.1
    dense = KMeans(4, init=X[:4], metric="cosine").fit(X)
    found = KMeans(4, init=X[:4], metric="cosine").fit(csr_matrix(X))
    assert_array_equal(found.labels_, dense.labels_)
    assert_allclose(found.inertia_, dense.inertia_, rtol=1e-9)
    assert_allclose(found.transform(csr_matrix(X)), dense.transform(X), atol=1e-9)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_arrays_that_can_not_be_written_to(monkeypatch, metric):
    strict = pytest.importorskip("array_api_strict")  # as if it were JAX
    X = strict.asarray(blobs(300, 3) + 1, device=strict.Device("device1"))
    expected = KMeans(4, metric=metric, random_state=0).fit(X)
    monkeypatch.delattr(type(X), "__setitem__")
    monkeypatch.delattr(type(X), "__itruediv__")
    found = KMeans(4, metric=metric, random_state=0).fit(X)
    assert found.inertia_ == expected.inertia_


def test_what_a_library_says_of_arrays_it_does_not_export():
    torch = pytest.importorskip("torch")
    with pytest.raises((BufferError, RuntimeError), match="require gradient"):
        arrays.to_host(torch.ones(3, requires_grad=True))


# -- models --------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_pickle_holds_numpy_only_and_loads(xp):
    X = xp.asarray(blobs(300, 3))
    model = KMeans(4, random_state=0).fit(X)
    state = model.__getstate__()
    assert {type(v) for v in state.values() if arrays.is_array(v)} == {np.ndarray}
    assert xp.owns(model.cluster_centers_)  # the model itself stays
    loaded = pickle.loads(pickle.dumps(model))
    host = blobs(300, 3)
    assert_array_equal(loaded.predict(host), xp.to_host(model.labels_))
    assert loaded.inertia_ == model.inertia_


def test_pickle_of_a_model_with_a_start_on_the_device(xp):
    X = blobs(300, 3)
    model = KMeans(4, init=xp.asarray(X[:4])).fit(xp.asarray(X))
    loaded = pickle.loads(pickle.dumps(model))
    assert isinstance(loaded.init, np.ndarray)
    assert_array_equal(loaded.fit(X).labels_, xp.to_host(model.labels_))


@pytest.mark.smoke
@pytest.mark.parametrize("copied", [copy, deepcopy])
def test_copies_stay_on_their_device(xp, copied):
    X = xp.asarray(blobs(300, 3))
    model = KMeans(4, init=X[:4, :], random_state=np.random.RandomState(0)).fit(X)
    found = copied(model)
    for array in (found.cluster_centers_, found.labels_, found.init):
        assert xp.owns(array)
    assert (found.cluster_centers_ is model.cluster_centers_) == (copied is copy)
    assert (found.random_state is model.random_state) == (copied is copy)
    assert_array_equal(xp.to_host(found.predict(X)), xp.to_host(model.labels_))


@pytest.mark.smoke
def test_to_device_there_and_back(xp):
    X = blobs(300, 3)
    model = KMeans(4, random_state=0).fit(X)
    moved = model.to_device(xp.asarray(X[:1]))
    assert xp.owns(moved.cluster_centers_)
    assert xp.owns(moved.labels_)
    assert_array_equal(xp.to_host(moved.predict(xp.asarray(X))), model.labels_)
    assert isinstance(model.cluster_centers_, np.ndarray)
    back = moved.to_device("cpu")
    assert isinstance(back.cluster_centers_, np.ndarray)
    assert_array_equal(back.cluster_centers_, model.cluster_centers_)
    assert_array_equal(back.predict(X), model.labels_)


@pytest.mark.smoke
def test_a_model_of_named_features_moves(xp):
    data = pd.DataFrame(blobs(300, 3), columns=list("abc"))
    model = KMeans(4, random_state=0).fit(data)
    moved = model.to_device(xp.asarray(np.zeros(1)))
    assert list(moved.feature_names_in_) == ["a", "b", "c"]
    assert list(pickle.loads(pickle.dumps(moved)).feature_names_in_) == ["a", "b", "c"]


def test_clone():
    model = KMeans(4, metric="cosine", init="maximin", random_state=1).fit(blobs(100, 3))
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "cluster_centers_")


def test_fitting_anew_forgets(xp):
    model = KMeans(4, random_state=0).fit(xp.asarray(blobs(300, 3)))
    model.set_params(n_clusters=3).fit(blobs(100, 5))
    assert model.cluster_centers_.shape == (3, 5)
    assert isinstance(model.labels_, np.ndarray)
    assert model.n_features_in_ == 5


def test_earlier_results_stay_as_they_were():
    X = blobs(5000, 12)
    model = KMeans(4, random_state=0).fit(X)
    labels, centers = model.labels_, model.cluster_centers_
    before = labels.copy(), centers.copy()
    model.set_params(random_state=1, n_clusters=7).fit(X)
    assert_array_equal(labels, before[0])
    assert_array_equal(centers, before[1])


def test_pipeline():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = blobs(300, 3)
    steps = make_pipeline(StandardScaler(), KMeans(4, random_state=0))
    assert_array_equal(steps.fit_predict(X), steps.predict(X))


def test_fits_in_several_threads_at_once():
    from concurrent.futures import ThreadPoolExecutor

    X = blobs(5000, 12)
    expected = KMeans(6, random_state=0).fit(X).labels_
    with ThreadPoolExecutor(4) as pool:
        fits = list(pool.map(lambda _: KMeans(6, random_state=0).fit(X).labels_, range(8)))
    for labels in fits:
        assert_array_equal(labels, expected)


def test_finite_weights_whose_sum_overflows_are_too_large():
    X = np.arange(6.0)[:, None]
    with pytest.raises(ValueError, match="sum of sample_weight is too large"):
        KMeans(2, random_state=0).fit(X, sample_weight=np.full(6, 1e308))
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="NaN or infinity"):
            KMeans(2, random_state=0).fit(X, sample_weight=[1, 1, bad, 1, 1, 1])


def test_weighted_inertia_of_blocks_has_the_bits_of_the_whole():
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(150_000, 2)), rng.random(150_000)
    start = X[:3].copy()
    whole = KMeans(3, init=start, max_iter=2, tol=0).fit(X, sample_weight=w)
    for rows in (1000, 70_001):
        found = KMeans(3, init=start, max_iter=2, tol=0).fit(
            Blocks(X, block_rows=rows), sample_weight=w
        )
        assert found.inertia_ == whole.inertia_
