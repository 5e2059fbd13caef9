"""DivisiveClustering: against the textbook's procedure, step by step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.cluster.hierarchy import is_valid_linkage
from sklearn.metrics import pairwise_distances

from clusterx import DivisiveClustering
from tests.data import blobs


def halves(D, rows):
    """The rows that stay and those that leave."""
    rest, new = list(rows), []
    first = max(rest, key=lambda i: (round(np.mean([D[i, j] for j in rest if j != i]), 10), -i))
    rest.remove(first)
    new.append(first)
    while len(rest) > 1:
        gain = {
            i: np.mean([D[i, j] for j in rest if j != i]) - np.mean([D[i, j] for j in new])
            for i in rest
        }
        best = max(rest, key=lambda i: (round(gain[i], 10), -i))
        if gain[best] <= 1e-10:
            break
        rest.remove(best)
        new.append(best)
    return rest, new


def textbook(D, k):
    """Sets of rows: the widest cluster is split until there are k."""
    clusters = [list(range(len(D)))]
    while len(clusters) < k:
        widest = max(clusters, key=lambda rows: D[np.ix_(rows, rows)].max())
        clusters.remove(widest)
        clusters += halves(D, widest)
    return {frozenset(rows) for rows in clusters}


def as_sets(labels):
    return {frozenset(np.flatnonzero(labels == c).tolist()) for c in np.unique(labels)}


@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "precomputed"])
@pytest.mark.parametrize("n", [2, 25, 60])
def test_every_cut_is_the_textbooks(n, metric):
    X = blobs(np.random.default_rng(n), n, 3)
    D = pairwise_distances(X, metric="euclidean" if metric == "precomputed" else metric)
    model = DivisiveClustering(1, metric=metric).fit(D if metric == "precomputed" else X)
    for k in range(1, n + 1):
        labels = model.cut(k)
        assert as_sets(labels) == textbook(D, k)
        assert_array_equal(np.unique(labels), np.arange(k))
    assert is_valid_linkage(model.linkage_matrix_)
    assert_allclose(model.distances_[-1], D.max())
    assert_array_equal(model.counts_[-1], n)


def test_heights_are_diameters():
    X = blobs(np.random.default_rng(0), 40, 2)
    model = DivisiveClustering(None, distance_threshold=4.0).fit(X)
    D = pairwise_distances(X)
    own = [D[np.ix_(model.labels_ == c, model.labels_ == c)] for c in range(model.n_clusters_)]
    assert max(d.max() for d in own) < 4.0
    rows = [{i} for i in range(40)]
    for (a, b), height in zip(model.children_, model.distances_, strict=True):
        rows.append(rows[a] | rows[b])
        below = sorted(rows[-1])
        assert_allclose(height, D[np.ix_(below, below)].max(), rtol=1e-7)
    assert 0 < model.divisive_coefficient_ < 1


def test_weights_are_repeats():
    X = blobs(np.random.default_rng(3), 40, 3)
    w = np.random.default_rng(4).integers(0, 4, 40)
    rows = np.repeat(np.arange(40), w)
    for k in (2, 5, 12):
        model = DivisiveClustering(k).fit(X, sample_weight=w)
        repeated = DivisiveClustering(k).fit(X[rows])
        assert_array_equal(model.labels_ == -1, w == 0)
        assert as_sets(model.labels_[rows]) == as_sets(repeated.labels_)
    assert_allclose(model.distances_, repeated.distances_[-len(model.distances_) :], rtol=1e-6)
    assert_allclose(model.divisive_coefficient_, repeated.divisive_coefficient_)
    other = DivisiveClustering(12).fit(X[w > 0])
    assert as_sets(other.labels_) != as_sets(model.labels_[w > 0])
    with pytest.raises(ValueError, match=r"0 or at least 1, got 0\.5"):
        DivisiveClustering().fit(X, sample_weight=w / 2)


@pytest.mark.smoke
def test_every_backend_splits_alike(xp):
    X = blobs(np.random.default_rng(1), 50, 4)
    expected, found = DivisiveClustering(4).fit(X), DivisiveClustering(4).fit(xp.asarray(X))
    assert xp.owns(found.labels_)
    assert_array_equal(xp.to_host(found.labels_), expected.labels_)
    assert_array_equal(xp.to_host(found.children_), expected.children_)
    assert_allclose(xp.to_host(found.distances_), expected.distances_, rtol=1e-6)


@pytest.mark.parametrize("X", [np.zeros((7, 2)), np.arange(9.0)[:, None], np.ones((1, 3))])
def test_equal_rows_even_steps_and_one_row(X):
    model = DivisiveClustering(1).fit(X)
    assert len(model.children_) == len(X) - 1
    for k in range(1, len(X) + 1):
        assert len(np.unique(model.cut(k))) == k
    with pytest.raises(ValueError, match="more clusters than samples"):
        DivisiveClustering(len(X) + 1).fit(X)
