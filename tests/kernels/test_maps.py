"""Online training of maps: each row against the formula."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from clusterx.kernels import kernels_for
from clusterx.kernels.maps.cpu import FEW, learn_rows


def learned(X, order, w, C, shares):
    C = C.copy()
    for i in order:
        there = ~np.isnan(X[i])
        unit = ((X[i] - C)[:, there] ** 2).sum(axis=1).argmin()
        share = 1 - (1 - shares[unit]) ** w[i]
        C[:, there] += share[:, None] * (X[i] - C)[:, there]
    return C


def case(n=60, d=5, k=7):
    rng = np.random.default_rng(0)
    X, C = rng.normal(size=(n, d)), rng.normal(size=(k, d))
    X[rng.random(X.shape) < 0.2] = np.nan
    C[4] = C[2]  # the first of equals is nearest
    shares = rng.random((k, k)) * 0.3
    shares[np.diag_indices(k)] = 0.5
    return X, rng.permutation(n), rng.integers(0, 3, n).astype(float), C, shares


@pytest.mark.smoke
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_are_learned_one_by_one(xp, weighted):
    X, order, w, C, shares = case()
    ones = np.ones(len(X))
    learn = kernels_for(xp.xp).maps.learn
    given = (xp.asarray(a) for a in (X, C, shares))
    rows, centers, own = given
    found = learn(rows, order, w if weighted else None, centers, own)
    assert xp.owns(found)
    assert_allclose(xp.to_host(found), learned(X, order, w if weighted else ones, C, shares))
    assert_allclose(xp.to_host(centers), C)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiled_rows_are_learned_alike(dtype):
    X, order, w, C, shares = case()
    X = X.astype(dtype)
    columns = np.ascontiguousarray(C.T)
    learn_rows(X, order, w, columns, shares)
    assert_allclose(columns.T, learned(X.astype(float), order, w, C, shares))
    many = np.resize(order, FEW // C.size + 1)
    found = kernels_for(np).maps.learn(X, many, None, C, shares)
    assert_allclose(found, learned(X.astype(float), many, np.ones(len(X)), C, shares), rtol=1e-6)
