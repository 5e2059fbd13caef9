"""Similarities sorted by cluster."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_blobs

from clusterx import AffinityPropagation, KMeans, SpectralClustering
from clusterx.plotting import AffinityDisplay

X = make_blobs(60, centers=3, cluster_std=0.5, random_state=0)[0]


def test_rows_come_by_cluster_noise_last(xp):
    labels = np.array([1, 0, -1, 0, 1, 0])
    W = np.random.RandomState(0).rand(6, 6)
    W = W + W.T
    display = AffinityDisplay.from_predictions(xp.asarray(W), xp.asarray(labels), name="some")
    drawn = display.image_.get_array()
    np.testing.assert_array_equal(display.labels[display.order_], [0, 0, 0, 1, 1, -1])
    np.testing.assert_allclose(
        drawn, np.asarray(display.affinity)[np.ix_(display.order_, display.order_)]
    )
    assert {line.get_xdata()[0] for line in display.lines_[1::2]} == {2.5, 4.5}
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["0", "1", "noise"]
    assert display.ax_.get_title() == "some: affinities in 2 clusters"
    own = [1, 3, 5]  # the rows of cluster 0
    inner = W[np.ix_(own, own)].sum(axis=1) - W.diagonal()[own]
    np.testing.assert_allclose(drawn[0, 1:3].sum(), inner.max())


def test_models_that_keep_affinities_are_drawn():
    for model in (
        SpectralClustering(3, gamma=0.5, random_state=0),
        AffinityPropagation(preference=-50, random_state=0),
    ):
        display = AffinityDisplay.from_estimator(model.fit(X), size=40, colorbar=False)
        assert display.image_.get_array().shape == (40, 40)
        assert "40 of 60 samples drawn" in display.ax_.get_title()
        assert display.colorbar_ is None
    graph = sparse.csr_matrix(SpectralClustering(3, random_state=0).fit(X).affinity_matrix_ > 0.5)
    AffinityDisplay.from_predictions(graph, KMeans(3, random_state=0).fit(X).labels_)
    AffinityDisplay.from_predictions(np.ones((1, 1)), [0])
    crowded = AffinityDisplay.from_predictions(np.eye(200), np.arange(200))
    assert crowded.lines_ == []


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="has no affinity_matrix_"):
        AffinityDisplay.from_estimator(KMeans(3, random_state=0).fit(X))
    with pytest.raises(ValueError, match="square matrix"):
        AffinityDisplay.from_predictions(np.ones((3, 2)), [0, 1, 2])
