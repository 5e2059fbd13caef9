"""Distances to centres on every backend, against float64 brute force."""

import numpy as np
import pytest

from clusterx.kernels import kernels_for
from tests.data import make, some_rows
from tests.kernels.brute import CASES, HARD_CASES, brute_labels, brute_squared, tolerance


@pytest.mark.smoke
@pytest.mark.parametrize(("name", "shape", "dtype"), CASES, ids=str)
def test_nearest(xp, name, shape, dtype):
    n, d, k = shape
    X = make(name, n, d, dtype)
    C = some_rows(X, k).astype(dtype)
    labels, squared = kernels_for(xp.xp).distances.nearest(xp.asarray(X), xp.asarray(C))
    assert xp.owns(labels)
    assert xp.owns(squared)
    assert str(labels.dtype).endswith("int32")
    assert str(squared.dtype).endswith("float64")
    labels, squared = xp.to_host(labels), xp.to_host(squared)
    true = brute_squared(X, C)
    own = true[np.arange(n), labels]
    np.testing.assert_allclose(squared, own, rtol=1e-12)
    if xp.name == "numpy":
        np.testing.assert_array_equal(labels, true.argmin(axis=1))
    assert (own - true.min(axis=1) <= tolerance(X, C, dtype)).all()


@pytest.mark.parametrize(
    ("size", "offset"), [(1e3, 0.0), (1e6, 1e3), (1e12, 0.0), (1e12, 1e3), (1e18, 1e3)]
)
def test_one_centre_far_away_leaves_the_others_their_digits(xp, size, offset):
    X = (make("blobs", 800, 3, "float64") + offset).astype("float32")
    C = some_rows(X, 7).astype("float32")
    C[2] = size
    labels, _ = kernels_for(xp.xp).distances.nearest(xp.asarray(X), xp.asarray(C))
    true = brute_squared(X, C)
    own = true[np.arange(800), xp.to_host(labels)]
    assert (own - true.min(axis=1)).max() < 1e-3


@pytest.mark.smoke
def test_nearest_takes_the_lowest_of_equal_centres(xp):
    X = make("grid", 500, 4, "float64")
    C = np.tile(np.array([[1, 1, 0, 0], [-1, -1, 0, 0], [1, -1, 0, 0], [-1, 1, 0, 0]]), (2, 1))
    labels, _ = kernels_for(xp.xp).distances.nearest(xp.asarray(X), xp.asarray(C, dtype=X.dtype))
    np.testing.assert_array_equal(xp.to_host(labels), brute_labels(X, C))


@pytest.mark.parametrize(("name", "shape", "dtype"), HARD_CASES, ids=str)
def test_distances(xp, name, shape, dtype):
    n, d, k = shape
    X = make(name, n, d, dtype)
    C = some_rows(X, k).astype(dtype)
    found = kernels_for(xp.xp).distances.distances(xp.asarray(X), xp.asarray(C))
    assert xp.owns(found)
    found, true = xp.to_host(found), brute_squared(X, C)
    if xp.name == "numpy":
        np.testing.assert_allclose(found, np.sqrt(true), rtol=1e-9)
    if found.dtype == np.float32:  # of float32 rows and centres, by differences
        assert dtype == "float32"
        np.testing.assert_allclose(found, np.sqrt(true), rtol=(21 + d / 16) * 2.0**-25)
    else:
        assert (np.abs(found**2 - true).max(axis=1) <= tolerance(X, C, "float64")).all()


@pytest.mark.parametrize(
    ("name", "d", "k", "dtype"),
    [
        ("duplicates", 1, 3, "float32"),
        ("duplicates", 130, 40, "float64"),
        ("grid", 1, 40, "float64"),
        ("grid", 9, 3, "float32"),
        ("constant", 9, 40, "float32"),
        ("constant", 130, 3, "float64"),
        ("offset 1e6", 1, 3, "float64"),
        ("offset 1e6", 9, 40, "float64"),
        ("offset 1e6", 130, 40, "float32"),
        ("offset 1e6", 130, 3, "float64"),
    ],
)
def test_rows_that_equal_a_centre_are_at_distance_zero(xp, d, k, name, dtype):
    X = make(name, 150, d, dtype)
    C = some_rows(X, k).astype(dtype)
    found = xp.to_host(kernels_for(xp.xp).distances.distances(xp.asarray(X), xp.asarray(C)))
    np.testing.assert_array_equal(found == 0, (X[:, None, :] == C[None, :, :]).all(axis=2))
