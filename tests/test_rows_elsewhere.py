"""Algorithms run unchanged on rows that they have never heard of."""

from __future__ import annotations

import numpy as np
import pytest

from clusterx import Blocks, KMeans, MiniBatchKMeans, kmeans_plusplus, metrics, sweep
from tests.rows_elsewhere import RowsElsewhere


def blobs(n=3000, d=5, k=6, dtype="float32"):
    rng = np.random.default_rng(1)
    return (rng.normal(size=(n, d)) + 6 * rng.normal(size=(k, d))[rng.integers(k, size=n)]).astype(
        dtype
    )


@pytest.mark.parametrize("init", ["k-means++", "k-means||", "maximin", "random"])
@pytest.mark.parametrize(("d", "weighted"), [(3, True), (20, False)])
def test_k_means(init, d, weighted):
    X = blobs(d=d)
    w = np.random.default_rng(0).random(len(X)) if weighted else None
    options = dict(n_clusters=6, init=init, random_state=0)
    rows = RowsElsewhere(X, 701)
    found = KMeans(**options).fit(rows, sample_weight=w)
    expected = KMeans(**options).fit(Blocks([X[:701], X[701:]]), sample_weight=w)
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    assert found.inertia_ == pytest.approx(expected.inertia_, rel=1e-12)
    assert found.n_iter_ == expected.n_iter_
    assert "step" in rows.used


def test_other_seeds_and_heights_give_the_same_bits():
    X = blobs(d=4)
    found = [
        KMeans(5, random_state=2).fit(RowsElsewhere(X, height, seed)).cluster_centers_
        for height, seed in ((100, 0), (100, 5), (2999, 1), (3000, 0))
    ]
    for centers in found[1:]:
        np.testing.assert_array_equal(centers, found[0])


def test_methods_of_a_model():
    X = blobs()
    model = KMeans(4, random_state=0).fit(X)
    rows = RowsElsewhere(X, 450)
    np.testing.assert_array_equal(model.predict(rows), model.labels_)
    np.testing.assert_array_equal(model.transform(rows), model.transform(X))
    assert model.score(rows) == pytest.approx(model.score(X), rel=1e-12)


def test_mini_batches():
    X = blobs(d=12)
    options = dict(n_clusters=6, batch_size=200, random_state=0)
    found = MiniBatchKMeans(**options).fit(RowsElsewhere(X, 512))
    expected = MiniBatchKMeans(**options).fit(Blocks([X]))
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    np.testing.assert_array_equal(found.labels_, expected.labels_)


def test_seeding():
    X = blobs(d=12)
    found = kmeans_plusplus(RowsElsewhere(X, 512), 5, random_state=3)[1]
    np.testing.assert_array_equal(found, kmeans_plusplus(Blocks([X]), 5, random_state=3)[1])


SCORES = (
    metrics.calinski_harabasz_score,
    metrics.davies_bouldin_score,
    metrics.simplified_silhouette_score,
)


@pytest.mark.parametrize("score", SCORES, ids=lambda f: f.__name__)
def test_scores(score):
    X = blobs()
    labels = KMeans(4, random_state=0).fit(X).labels_
    assert score(RowsElsewhere(X, 333), labels) == score(X, labels)


def test_scores_of_all_pairs_say_that_they_need_an_array():
    X = blobs(300)
    with pytest.raises(TypeError, match="with rows out of"):
        metrics.silhouette_score(RowsElsewhere(X, 100), np.arange(300) % 3)
    with pytest.raises(ValueError, match="metric='cosine' takes rows in memory"):
        KMeans(2, metric="cosine").fit(RowsElsewhere(X, 100))


def test_sweep():
    X = blobs(900)
    wanted = ("inertia", "silhouette", "calinski_harabasz", "davies_bouldin")
    found = sweep(KMeans(random_state=0), RowsElsewhere(X, 250), [2, 4, 6], metrics=wanted)
    expected = sweep(KMeans(random_state=0), X, [2, 4, 6], metrics=wanted)
    for name in wanted:
        np.testing.assert_allclose(found.scores[name], expected.scores[name], rtol=1e-10)
