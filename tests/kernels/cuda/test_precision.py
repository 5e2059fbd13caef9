"""Products of matrices on the stand-in GPU: the arithmetic of each, and what it may not change."""

import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import clusterx
from clusterx import KMeans
from clusterx.kernels import kernels_for
from clusterx.kernels.cuda.products import Products
from tests.cuda_on_cpu import cublas
from tests.cuda_on_cpu.arrays import namespace as xp
from tests.cuda_on_cpu.backend import emulated, install, on_device
from tests.cuda_on_cpu.loader import EmulatedLoader

pytestmark = pytest.mark.usefixtures("gxx")

FLOAT32, FLOAT64, TF32 = (
    cublas.CUBLAS_COMPUTE_32F, cublas.CUBLAS_COMPUTE_64F, cublas.CUBLAS_COMPUTE_32F_FAST_TF32,
)  # fmt: skip


def up(values, dtype=None):
    return xp.asarray(np.asarray(values, dtype))


def arithmetic_of(gpu):
    return gpu.gpu.loader.cupy.cuda.cublas.arithmetic


def near_ties(spread, dtype="float32"):
    """Rows, and centres of which each has another at a small part of the spread."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 40)).astype(dtype)
    C = spread * rng.standard_normal((25, 40))
    C = np.concatenate([C, C + 1e-4 * spread * rng.standard_normal((25, 40))]).astype(dtype)
    X64, C64 = X.astype(float), C.astype(float)
    return X, C, ((X64[:, None] - C64) ** 2).sum(axis=2).argmin(axis=1)


# -- products ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (7, 1, 4), (33, 20, 17), (3, 40, 1)])
def test_products(shape, dtype):
    (n, k, d), rng = shape, np.random.default_rng(0)
    a, b = rng.standard_normal((n, d)).astype(dtype), rng.standard_normal((k, d)).astype(dtype)
    room = xp.full((n + 2, k), 7.0, dtype=getattr(xp, dtype))
    Products(EmulatedLoader())(up(a), up(b), room[1:-1, ...], tf32=False)
    found = room.get()
    exact, size = (x.astype(float) @ y.T.astype(float) for x, y in ((a, b), (abs(a), abs(b))))
    assert (np.abs(found[1:-1] - exact) <= d * np.finfo(dtype).eps * size).all()
    assert (found[[0, -1]] == 7.0).all()  # beside the result


def test_tf32_cuts_the_factors():
    a = np.full((2, 3), 1 + 2.0**-11, "float32")
    out = xp.empty((2, 2), dtype=xp.float32)
    multiply = Products(EmulatedLoader())
    multiply(up(a), up(a), out, tf32=False)
    assert (out.get() > 3).all()
    multiply(up(a), up(a), out, tf32=True)
    assert (out.get() == 3).all()


def test_what_is_not_in_order_is_refused():
    multiply, a = Products(EmulatedLoader()), up(np.zeros((4, 4), "float32"))
    with pytest.raises(AssertionError, match="in order"):
        multiply(a.T, a[:, :], xp.empty((4, 4), dtype=xp.float32), tf32=False)
    with pytest.raises(AssertionError):
        multiply(a, a, xp.empty((4, 5), dtype=xp.float32), tf32=False)


@pytest.mark.parametrize(
    "missing", ["gemmEx", "CUBLAS_COMPUTE_32F", "CUBLAS_COMPUTE_32F_FAST_TF32"]
)
def test_a_cupy_without_such_products_is_an_error(missing):
    gpu = emulated()
    blas = SimpleNamespace(**{name: getattr(cublas.Blas(), name) for name in dir(cublas.Blas())
                              if not name.startswith("_") and name != missing})  # fmt: skip
    gpu.gpu.loader.cupy.cuda.cublas = blas
    X, C, _ = near_ties(1.0)
    with (
        clusterx.precision("tf32"),
        pytest.raises(RuntimeError, match=rf"cuBLAS as CuPy 14(.|\n)*{missing}(.|\n)*pip install"),
    ):
        gpu.distances.nearest(up(X), up(C))


# -- who computes in TF32 ------------------------------------------------------------------------


def test_products_are_tf32_inside_the_context_alone():
    gpu = emulated()
    X, C, _ = near_ties(1.0)
    step = gpu.kmeans.lloyd_stats(
        up(X), None, gpu.kmeans.sum_scales(gpu.reductions.summary(up(X)), 600.0, 600)
    )
    for expected in (FLOAT32, TF32, FLOAT32):
        with clusterx.precision("tf32" if expected == TF32 else "float32"):
            step(up(C))  # a step made outside follows
            gpu.distances.nearest(up(X), up(C))
        assert set(arithmetic_of(gpu)) == {expected}
        arithmetic_of(gpu).clear()
    step(up(C))
    assert set(arithmetic_of(gpu)) == {FLOAT32}


def test_other_threads_keep_float32():
    gpu = emulated()
    X, C, _ = near_ties(1.0)
    with clusterx.precision("tf32"):
        thread = threading.Thread(target=lambda: gpu.distances.nearest(up(X), up(C)))
        thread.start()
        thread.join()
        assert set(arithmetic_of(gpu)) == {FLOAT32}
        gpu.distances.nearest(up(X), up(C))
    assert set(arithmetic_of(gpu)) == {FLOAT32, TF32}


def test_cupys_variable_changes_nothing(monkeypatch):
    monkeypatch.setenv("CUPY_TF32", "1")
    gpu = emulated()
    X, C, _ = near_ties(1.0)
    gpu.distances.nearest(up(X), up(C))
    assert set(arithmetic_of(gpu)) == {FLOAT32}


def test_float64_stays_float64():
    gpu = emulated()
    X, C, expected = near_ties(1.0, "float64")
    with clusterx.precision("tf32"):
        labels, _ = gpu.distances.nearest(up(X), up(C))
    assert set(arithmetic_of(gpu)) == {FLOAT64}
    np.testing.assert_array_equal(labels.get(), expected)


@pytest.mark.parametrize(("capability", "expected"), [("75", FLOAT32), ("80", TF32), ("120", TF32)])
def test_gpus_before_ampere_keep_float32(capability, expected):
    gpu = on_device(EmulatedLoader(capability=capability))
    X, C, labels = near_ties(1.0)
    with clusterx.precision("tf32"):
        np.testing.assert_array_equal(gpu.distances.nearest(up(X), up(C))[0].get(), labels)
    assert set(arithmetic_of(gpu)) == {expected}


# -- what it may not change ----------------------------------------------------------------------


@pytest.mark.parametrize("spread", [0.001, 0.01, 1.0])
def test_tf32_changes_no_label(spread):
    X, C, expected = near_ties(spread)
    gpu = emulated()
    with clusterx.precision("tf32"):
        np.testing.assert_array_equal(gpu.distances.nearest(up(X), up(C))[0].get(), expected)
    assert TF32 in arithmetic_of(gpu)


@pytest.mark.parametrize("spread", [0.001, 0.01, 1.0])
def test_a_bound_of_float32_for_products_in_tf32_is_caught(spread):
    X, C, expected = near_ties(spread)
    gpu = emulated(change=lambda name, text: text.replace("define TF32 1", "define TF32 0"))
    with clusterx.precision("tf32"):
        assert (gpu.distances.nearest(up(X), up(C))[0].get() != expected).any()


@pytest.mark.parametrize("seed", range(4))
def test_fits_in_tf32_are_the_same_bits(seed):
    install()
    blas = kernels_for(xp).gpu.loader.cupy.cuda.cublas
    X = np.random.default_rng(seed).standard_normal((400, 30)).astype("float32")
    found = {}
    for name in ("float32", "tf32"):
        blas.arithmetic.clear()
        with clusterx.precision(name), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = KMeans(12, n_init=2, init="random", random_state=seed).fit(up(X))
            labels = model.predict(up(X)).get()
        assert set(blas.arithmetic) == {TF32 if name == "tf32" else FLOAT32}
        results = model.cluster_centers_.get().tobytes(), model.labels_.get().tobytes()
        found[name] = (*results, model.inertia_, model.n_iter_, labels.tobytes())
    assert found["float32"] == found["tf32"]


def test_distances_asked_for_use_no_such_products():
    install()
    blas = kernels_for(xp).gpu.loader.cupy.cuda.cublas
    X = np.random.default_rng(0).standard_normal((200, 30)).astype("float32")
    model = KMeans(5, random_state=0).fit(up(X))
    blas.arithmetic.clear()
    with clusterx.precision("tf32"):
        found = model.transform(up(X)).get()
        score = clusterx.metrics.silhouette_score(up(X), model.labels_)
    assert blas.arithmetic == []
    C = model.cluster_centers_.get().astype(float)
    expected = np.sqrt(((X[:, None].astype(float) - C) ** 2).sum(axis=2))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert score == clusterx.metrics.silhouette_score(up(X), model.labels_)
