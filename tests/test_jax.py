"""JAX arrays: they run the generic kernels, eagerly, and can be neither changed nor traced."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from clusterx import KMeans, MiniBatchKMeans, metrics

pytestmark = pytest.mark.jax


@pytest.fixture
def jnp() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.numpy


def blobs(n: int = 300, d: int = 4, dtype: str = "float32") -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, d)) + 6.0 * rng.integers(0, 3, (n, 1))).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans])
def test_a_fit_equals_that_of_numpy(jnp: Any, kind: type, dtype: str) -> None:
    X = blobs(dtype=dtype)
    w = np.linspace(0.5, 2.0, len(X)).astype(dtype)
    host = kind(3, random_state=0).fit(X, sample_weight=w)
    model = kind(3, random_state=0).fit(jnp.asarray(X), sample_weight=jnp.asarray(w))
    for name in ("labels_", "cluster_centers_"):
        assert isinstance(getattr(model, name), jnp.ndarray)
    assert model.cluster_centers_.dtype == dtype
    np.testing.assert_array_equal(np.asarray(model.labels_), host.labels_)
    tolerance = 1e-5 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(
        np.asarray(model.cluster_centers_), host.cluster_centers_, rtol=tolerance
    )
    assert model.inertia_ == pytest.approx(host.inertia_, rel=1e-5)
    assert model.n_iter_ == host.n_iter_


def test_predict_and_transform(jnp: Any) -> None:
    X, new = blobs(), blobs(50)[::-1].copy()
    host, model = (KMeans(3, random_state=0).fit(A) for A in (X, jnp.asarray(X)))
    np.testing.assert_array_equal(np.asarray(model.predict(jnp.asarray(new))), host.predict(new))
    found = model.transform(jnp.asarray(new))
    assert isinstance(found, jnp.ndarray)
    np.testing.assert_allclose(np.asarray(found), host.transform(new), rtol=1e-4)


def test_a_model_moves_to_the_host(jnp: Any) -> None:
    X = blobs()
    model = KMeans(3, random_state=0).fit(jnp.asarray(X))
    moved = model.to_device("cpu")
    assert type(moved.cluster_centers_) is np.ndarray
    np.testing.assert_array_equal(moved.predict(X), np.asarray(model.labels_))


def test_scores(jnp: Any) -> None:
    X = blobs()
    labels = KMeans(3, random_state=0).fit_predict(X)
    other = labels.copy()
    other[:30] = 0
    J, a, b = (jnp.asarray(x) for x in (X, labels, other))
    for score in (metrics.silhouette_score, metrics.davies_bouldin_score):
        assert float(score(J, a)) == pytest.approx(float(score(X, labels)), rel=1e-6)
    for score in (metrics.adjusted_rand_score, metrics.v_measure_score):
        assert float(score(a, b)) == pytest.approx(float(score(labels, other)), rel=1e-12)


def test_what_is_traced_is_refused(jnp: Any) -> None:
    import jax

    X = jnp.asarray(blobs())
    model = KMeans(3, random_state=0).fit(X)
    labels = model.labels_
    for call, given, name in (
        (lambda x: KMeans(3).fit(x).labels_, X, "KMeans"),
        (model.predict, X, r"KMeans\.predict\(\)"),
        (lambda x: metrics.silhouette_score(x, labels), X, "silhouette_score"),
        (lambda x: metrics.rand_score(x, labels), labels, "labels_true"),
    ):
        with pytest.raises(TypeError, match=f"{name} got an array without values: jax is tracing"):
            jax.jit(call)(given)


def test_without_64_bit_integers_it_says_what_to_set() -> None:
    program = (
        "import jax.numpy as jnp\n"
        "from clusterx import KMeans, metrics\n"
        "calls = (lambda: KMeans(2).fit(jnp.eye(5)),\n"
        "         lambda: metrics.rand_score(jnp.arange(3), jnp.arange(3)))\n"
        "for call in calls:\n"
        "    try:\n"
        "        call()\n"
        "    except ValueError as error:\n"
        "        print(error)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "JAX_ENABLE_X64"}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    said = found.stdout.splitlines()
    assert [line.split()[0] for line in said] == ["KMeans", "labels_true"]
    assert all('jax.config.update("jax_enable_x64", True)' in line for line in said)
