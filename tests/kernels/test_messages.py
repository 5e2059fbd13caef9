"""Messages of affinity propagation: every backend against the equations, in float64."""

import numpy as np
import pytest

from clusterx.kernels import kernels_for
from clusterx.kernels.messages import Messages


def equations(S, A, R, damping):
    """A round as Frey and Dueck write it: responsibilities, then availabilities."""
    n = len(S)
    new_R = np.empty_like(R)
    for i in range(n):
        for k in range(n):
            new_R[i, k] = S[i, k] - max(A[i, j] + S[i, j] for j in range(n) if j != k)
    R = damping * R + (1 - damping) * new_R
    P = np.maximum(R, 0)
    np.fill_diagonal(P, 0)
    others = P.sum(axis=0)[None, :] - P
    new_A = np.minimum(0, np.diag(R)[None, :] + others)
    np.fill_diagonal(new_A, others.diagonal())
    return damping * A + (1 - damping) * new_A, R


@pytest.mark.smoke
@pytest.mark.parametrize("height", [7, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_messages_follow_the_equations(xp, height, dtype):
    rng = np.random.RandomState(0)
    n, damping = 7, 0.7
    host = -rng.randint(0, 4, (n, n)).astype(dtype)  # equal similarities, too
    S = xp.asarray(host)
    A = R = np.zeros((n, n))
    zeros = lambda b: xp.asarray(np.zeros((b, n)))  # noqa: E731
    starts = range(0, n, height)
    found = [Messages(zeros(min(n, a + height) - a), zeros(min(n, a + height) - a)) for a in starts]
    sums = xp.asarray(np.zeros(n))
    kernels = kernels_for(xp.xp).messages
    for _ in range(4):
        before = A
        A, R = equations(host.astype(float), A, R, damping)
        totals = xp.asarray(np.zeros(n))
        for i, a in enumerate(starts):
            block = S[a : min(n, a + height), :]
            found[i], totals = kernels.pass_messages(block, found[i], sums, totals, a, damping)
        sums = totals
        np.testing.assert_allclose(np.concatenate([xp.to_host(m[0]) for m in found]), before)
        np.testing.assert_allclose(np.concatenate([xp.to_host(m[1]) for m in found]), R)
    P = np.maximum(R, 0)
    np.fill_diagonal(P, R.diagonal())
    np.testing.assert_allclose(xp.to_host(sums), P.sum(axis=0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_messages_have_the_bits_of_the_definition(dtype, monkeypatch):
    from clusterx.kernels.messages import cpu, generic

    rng = np.random.RandomState(1)
    n = 300
    S = np.round(-9 * rng.rand(n, n), 1).astype(dtype)
    results = []
    for threads, height in (("1", n), ("3", 128)):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        A, R, sums = np.zeros((n, n)), np.zeros((n, n)), np.zeros(n)
        for _ in range(3):
            totals = np.zeros(n)
            for a in range(0, n, height):
                own = slice(a, min(n, a + height))
                _, totals = cpu.pass_messages(
                    S[own], Messages(A[own], R[own]), sums, totals, a, 0.5
                )
            sums = totals
        results.append((A, R, sums))
    messages, sums = Messages(np.zeros((n, n)), np.zeros((n, n))), np.zeros(n)
    for _ in range(3):
        messages, sums = generic.pass_messages(S, messages, sums, np.zeros(n), 0, 0.5)
    for A, R, total in results:
        np.testing.assert_array_equal(A, messages.availabilities)
        np.testing.assert_array_equal(R, messages.responsibilities)
        np.testing.assert_allclose(total, sums, rtol=1e-13)
    np.testing.assert_array_equal(results[0][2], results[1][2])
