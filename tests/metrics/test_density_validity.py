"""Density-based validity against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.datasets import make_blobs, make_circles, make_moons

from clusterx.metrics import density_validity_score


def by_definition(X, labels, metric="euclidean"):
    """Moulavi et al. 2014, equation by equation."""
    d = X.shape[1]
    D = cdist(X, X, metric.replace("manhattan", "cityblock"))
    core, inner, sparse = np.zeros(len(X)), {}, {}
    classes = np.unique(labels[labels >= 0])
    for c in classes:
        rows = np.flatnonzero(labels == c)
        if len(rows) == 1:
            inner[c], sparse[c] = rows, 0.0
            continue
        for i in rows:
            away = D[i, rows][D[i, rows] > 0]
            core[i] = (np.sum(away**-d) / (len(rows) - 1)) ** (-1 / d) if len(away) else 0.0
        W = np.maximum(D[np.ix_(rows, rows)], np.maximum(core[rows][:, None], core[rows]))
        np.fill_diagonal(W, 0)
        tree = minimum_spanning_tree(W).tocoo()
        degree = np.bincount(np.concatenate([tree.row, tree.col]), minlength=len(rows))
        both = (degree[tree.row] > 1) & (degree[tree.col] > 1)
        sparse[c] = (tree.data[both] if both.any() else tree.data).max()
        inner[c] = rows[degree > 1] if (degree > 1).any() else rows
    total, validity = 0.0, []
    for c in classes:
        apart = min(
            np.maximum(
                D[np.ix_(inner[c], inner[e])],
                np.maximum(core[inner[c]][:, None], core[inner[e]]),
            ).min()
            for e in classes
            if e != c
        )
        v = (apart - sparse[c]) / max(apart, sparse[c])
        v = 0.0 if (labels == c).sum() == 1 else v
        validity.append(v)
        total += v * (labels == c).sum() / len(X)
    return total, validity


CASES = {
    "moons": make_moons(100, noise=0.07, random_state=0),
    "circles": make_circles(100, factor=0.5, noise=0.04, random_state=0),
    "blobs": make_blobs(100, n_features=4, centers=4, random_state=0),
}


@pytest.mark.parametrize("metric", ["euclidean", "chebyshev", "manhattan"])
@pytest.mark.parametrize("case", CASES)
def test_validity_is_that_of_the_definition(case, metric):
    X, labels = CASES[case]
    labels = labels.copy()
    labels[::9] = -1
    labels[3] = 7
    score, validity = density_validity_score(X, labels, metric=metric, per_cluster=True)
    expected = by_definition(X, labels, metric)
    assert score == pytest.approx(expected[0])
    np.testing.assert_allclose(validity, expected[1], rtol=1e-9)


@pytest.mark.smoke
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backends_agree(xp, dtype):
    X, labels = CASES["moons"]
    found = density_validity_score(xp.asarray(X, dtype), xp.asarray(labels))
    assert isinstance(found, float)
    assert found == pytest.approx(by_definition(X, labels)[0], rel=1e-4)


def test_good_clusters_score_above_bad_ones():
    X, labels = CASES["moons"]
    bad = np.random.default_rng(0).permutation(labels)
    assert density_validity_score(X, bad) < 0 < density_validity_score(X, labels)


def test_powers_of_many_columns_do_not_overflow():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(30, 400)), 3 + rng.normal(size=(30, 400))]) * 1e-3
    score = density_validity_score(X, np.repeat([0, 1], 30))
    assert 0 < score < 1


def test_equal_rows_are_finite():
    X = np.repeat(np.array([[0.0], [1.0], [5.0]]), 4, axis=0)
    assert density_validity_score(X, np.repeat([0, 1, 2], 4)) == 1.0
    assert density_validity_score(np.ones((8, 1)), np.repeat([0, 1], 4)) == 0.0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 0, 0, -1], "at least 2 clusters besides noise, got 1"),
        ([-1] * 4, "at least 2 clusters besides noise, got 0"),
        (["a", "a", "b", "b"], "labels must be whole numbers"),
        ([0, 1], "inconsistent numbers of samples"),
    ],
)
def test_labels_without_two_clusters_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        density_validity_score(np.arange(8.0).reshape(4, 2), labels)
