"""Statistics of rows under Gaussians meet their contract: against brute force, on each backend."""

from importlib import import_module

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from clusterx.arrays import to_host
from clusterx.kernels import kernels_for
from clusterx.kernels.mixture import Density, Spread, Statistics, features
from clusterx.kernels.mixture.cpu import PIECE_ROWS, loops
from tests.cuda_on_cpu.arrays import asarray
from tests.cuda_on_cpu.backend import WAYS, emulated, faulty

CPU = kernels_for(np).mixture


def components(form, d, k, seed=0):
    """A whitening density of k components in d columns, on the host."""
    rng = np.random.default_rng(seed)
    factors = np.triu(0.2 * rng.normal(size=(k, d, d))) + np.eye(d)
    if form == "diag":
        factors = rng.uniform(0.5, 2, (k, d))
    center, scale = rng.normal(size=d), np.exp2(rng.integers(-2, 3, d))
    return Density(form, center, scale, None, rng.normal(size=k), rng.normal(size=(k, d)), factors)


def by_products(density):
    """The same density by coefficients of the features."""
    k, d = density.means.shape
    F = density.factors
    F = F if F.ndim == 3 else F[:, :, None] * np.eye(d)
    P = F @ F.transpose(0, 2, 1)
    M = np.zeros((k, d + 1, d + 1))
    M[:, 0, 1:] = np.einsum("kab,kb->ka", P, density.means)
    M[:, 0, 0] = density.constants - (M[:, 0, 1:] * density.means).sum(axis=1) / 2
    M[:, 1:, 1:] = -P
    M[:, np.arange(1, d + 1), np.arange(1, d + 1)] /= 2
    first, second = features(density.form, d)
    return density._replace(theta=M[:, first, second])


def beside(density, xp):
    moved = (None if a is None else xp.asarray(a, np.float64) for a in density[1:])
    return Density(density.form, *moved)


def log_densities(X, density):
    z = (X.astype(np.float64) - density.center) / density.scale
    y = z[:, None, :] - density.means
    if density.form == "diag":
        y = y * density.factors
    else:
        y = np.einsum("nka,kab->nkb", y, density.factors)
    return z, y, density.constants - (y * y).sum(axis=2) / 2


def expected(X, w, density):
    """Log-likelihood, entropy and moments in plain NumPy."""
    z, y, logs = log_densities(X, density)
    w = np.ones(len(X)) if w is None else w
    total = logsumexp(logs, axis=1)
    R = np.exp(logs - total[:, None])
    entropy = (w[:, None] * np.where(R > 0, R * np.log(np.maximum(R, 1e-300)), 0)).sum()
    u = np.repeat(z[:, None, :], R.shape[1], axis=1) if density.theta is not None else y
    u = np.concatenate((np.ones((*u.shape[:2], 1)), u), axis=2)
    first, second = features(density.form, X.shape[1])
    moments = np.einsum("nk,nkq->kq", R * w[:, None], u[:, :, first] * u[:, :, second])
    return Statistics(moments, (w * total).sum(), entropy)


def same(found, wanted, rtol=1e-11):
    for a, b in zip(found, wanted, strict=True):
        assert_allclose(to_host(a), b, rtol=rtol, atol=rtol * np.abs(b).max())


@pytest.mark.smoke
@pytest.mark.parametrize("form", ["full", "diag"])
def test_statistics_are_those_of_brute_force(xp, form):
    kernels = kernels_for(xp.xp).mixture
    rng = np.random.default_rng(1)
    for n, d, k, dtype in ((1, 1, 1, "f8"), (300, 3, 4, "f4"), (1500, 9, 2, "f8")):
        X = rng.normal(size=(n, d)).astype(dtype)
        w = rng.integers(0, 3, n) + (n == 1) * 1.0
        density = components(form, d, k)
        for shown in (density, by_products(density)):
            for weights in (None, w):
                own = None if weights is None else xp.asarray(weights, dtype)
                found = kernels.statistics(xp.asarray(X), own, beside(shown, xp))
                same(found, expected(X, weights, shown))


def test_each_row_gets_its_likelihood_component_and_responsibilities(xp):
    kernels = kernels_for(xp.xp).mixture
    X = np.random.default_rng(2).normal(size=(2100, 4))
    for form in ("full", "diag"):
        density = components(form, 4, 5)
        logs = log_densities(X, density)[2]
        likelihood, labels = kernels.assign(xp.asarray(X), beside(density, xp))
        R = kernels.responsibilities(xp.asarray(X), beside(density, xp))
        assert_allclose(xp.to_host(likelihood), logsumexp(logs, axis=1), rtol=1e-12)
        assert_array_equal(xp.to_host(labels), logs.argmax(axis=1))
        assert xp.to_host(labels).dtype == np.int32
        assert_allclose(xp.to_host(R), np.exp(logs - logsumexp(logs, axis=1)[:, None]), atol=1e-14)


def test_moments_about_means_under_given_responsibilities(xp):
    kernels = kernels_for(xp.xp).mixture
    rng = np.random.default_rng(3)
    X, R = rng.normal(size=(900, 3)) + 1e6, rng.uniform(size=(900, 2))
    R[:100] = 0.0
    for form in ("full", "diag", "linear"):
        density = Density(form, np.full(3, 1e6), np.full(3, 2.0), means=rng.normal(size=(2, 3)))
        y = (X - 1e6) / 2.0
        u = np.concatenate((np.ones((900, 2, 1)), y[:, None, :] - density.means), axis=2)
        first, second = features(form, 3)
        wanted = np.einsum("nk,nkq->kq", R, u[:, :, first] * u[:, :, second])
        found = kernels.moments(xp.asarray(X), xp.asarray(R), beside(density, xp))
        assert_allclose(xp.to_host(found.moments), wanted, rtol=1e-11, atol=1e-9)


def test_spread_leaves_rows_of_weight_zero_out(xp):
    kernels = kernels_for(xp.xp).mixture
    X = np.random.default_rng(4).normal(size=(50, 2))
    w = np.arange(50) % 3 * 1.0
    X[::3] = 1e9
    found = Spread(*map(to_host, kernels.spread(xp.asarray(X), xp.asarray(w), xp.asarray(X[1]))))
    away = X[w > 0] - X[1]
    assert_allclose(found.weight, w.sum())
    assert_allclose(found.sums, w[w > 0] @ away)
    assert_allclose(found.squares, w[w > 0] @ away**2)
    assert_allclose(found.largest, np.abs(away).max(axis=0))


def test_rows_that_no_component_reaches_belong_to_all_alike(xp):
    kernels = kernels_for(xp.xp).mixture
    X = np.array([[0.0], [1.0]])
    none = np.full(2, -np.inf)
    density = components("full", 1, 2)
    density = density._replace(constants=none, means=np.zeros((2, 1)))
    assert_allclose(xp.to_host(kernels.responsibilities(xp.asarray(X), beside(density, xp))), 0.5)
    likelihood, labels = kernels.assign(xp.asarray(X), beside(density, xp))
    assert_array_equal(xp.to_host(likelihood), -np.inf)
    assert_array_equal(xp.to_host(labels), 0)
    one = density._replace(constants=np.array([-np.inf, 0.0]))
    found = kernels.statistics(xp.asarray(X), xp.asarray([1.0, 0.0]), beside(by_products(one), xp))
    assert_array_equal(xp.to_host(found.moments)[:, 0], [0.0, 1.0])
    assert np.isfinite(float(to_host(found.log_likelihood)))


@pytest.mark.parametrize("form", ["full", "diag"])
def test_bits_do_not_depend_on_threads_or_blocks(monkeypatch, form):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(2 * PIECE_ROWS + 777, 3))
    w = rng.uniform(size=len(X))
    density = components(form, 3, 4)
    for shown in (density, by_products(density)):
        found = []
        for threads in ("1", "2"):
            monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
            found.append(CPU.statistics(X, w, shown))
        parts = [slice(a, a + PIECE_ROWS) for a in range(0, len(X), PIECE_ROWS)]
        total = None
        for part in parts:
            one = CPU.statistics(X[part], w[part], shown)
            total = one if total is None else total + one
        for other in (found[1], total):
            for a, b in zip(found[0], other, strict=True):
                assert_array_equal(a, b)


def test_sums_that_are_large_wait_in_small_numbers(monkeypatch):
    module = import_module("clusterx.kernels.mixture.cpu")
    X = np.random.default_rng(6).normal(size=(PIECE_ROWS + 5, 2))
    shown = components("full", 2, 3)
    wanted = expected(X, None, shown)
    monkeypatch.setattr(module, "WAITING", 300)
    same(CPU.statistics(X, None, shown), wanted)


def test_exponentials_are_exact_to_two_units():
    x = -np.concatenate((np.linspace(0, 1, 1000), np.geomspace(1e-300, 699, 5000), [0.0]))
    found = exponentials(x)
    assert_allclose(found, np.exp(x), rtol=4.5e-16)
    assert_array_equal(exponentials(np.array([-701.0, -1e300, -np.inf])), 0.0)


def exponentials(x):
    """Through responsibilities: exp(x) and 1, of two components of one row each."""
    zeros = np.zeros((len(x), 1))
    density = Density(
        "diag", np.zeros(1), np.ones(1), None, np.zeros(2), np.zeros((2, 1)), np.zeros((2, 1))
    )
    found = np.empty(len(x))
    for i, value in enumerate(x):
        R = CPU.responsibilities(zeros[:1], density._replace(constants=np.array([value, 0.0])))
        found[i] = R[0, 0] / R[0, 1]
    return found


def test_likelihoods_are_not_moved_by_rows_that_are_left_out():
    """What such rows hold is not read: not even infinite products of it."""
    X = np.random.default_rng(7).normal(size=(100, 2))
    w = np.ones(100)
    w[50:] = 0.0
    spoiled = X.copy()
    spoiled[50:] = 1e200
    shown = by_products(components("full", 2, 3))
    for a, b in zip(CPU.statistics(X, w, shown), CPU.statistics(spoiled, w, shown), strict=True):
        assert_array_equal(a, b)


def test_negligible_responsibilities_change_no_moment():
    X = np.vstack((np.zeros((5, 2)), np.full((5, 2), 12.0)))
    density = Density(
        "full", np.zeros(2), np.ones(2), None, np.zeros(2), X[[0, 5]], np.stack([np.eye(2)] * 2)
    )
    found = CPU.statistics(X, None, density)
    assert loops.NEGLIGIBLE < 1e-16 / 1e10
    assert_allclose(found.moments[:, 0], 5.0, rtol=1e-15)


# -- on the GPU ------------------------------------------------------------------------------------


def on_gpu(kernels, form="full"):
    """Statistics by either form, and labels, of more components than a warp has threads."""
    X = np.random.default_rng(8).normal(size=(70, 3))
    w = np.arange(70) % 4 / 2.0
    X[w == 0] = 1e200
    shown = components(form, 3, 40)
    found = []
    for density in (by_products(shown), shown):
        up = Density(form, *(None if a is None else asarray(a) for a in density[1:]))
        found += kernels.mixture.statistics(asarray(X), asarray(w), up)
    X[w == 0] = 0.0
    return [to_host(a) for a in (*found, *kernels.mixture.assign(asarray(X), up))], X, w, shown


def gpu_is_right(kernels):
    with np.errstate(all="ignore"):  # of infinite products that a fault lets in
        found, X, w, shown = on_gpu(kernels)
    try:
        same(found[:3], expected(X, w, by_products(shown)))
        same(found[3:6], expected(X, w, shown))
        same(found[6:7], (logsumexp(log_densities(X, shown)[2], axis=1),))
    except AssertionError:
        return False
    return True


@pytest.mark.usefixtures("gxx")
@pytest.mark.parametrize("way", WAYS)
def test_any_order_of_threads_gives_the_same_bits(way):
    for a, b in zip(on_gpu(emulated(**WAYS[way]))[0], on_gpu(emulated())[0], strict=True):
        assert_array_equal(a, b)


@pytest.mark.usefixtures("gxx")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LANES", "LANES"),
        ("r > 0 ? r * log(r) : 0.0", "r * r"),
        ("own[j] = r * weight", "own[j] = r"),
        ("bool counts = !w || w[row] > 0", "bool counts = true"),
        ("gap = LANES / 2; gap > 0", "gap = LANES / 4; gap > 0"),
    ],
)
def test_faults_on_the_gpu_are_found(old, new):
    assert gpu_is_right(faulty("mixture", old, new)) == (old == new)
