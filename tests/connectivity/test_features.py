"""Pooled columns against scikit-learn's."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import FeatureAgglomeration as Peer
from sklearn.datasets import load_digits

from clusterx import FeatureAgglomeration, grid_to_graph
from clusterx.cli.clustering import algorithms

DIGITS = load_digits().data[:300]
GRID = grid_to_graph(8, 8)


@pytest.mark.parametrize("linkage", ["ward", "complete", "average", "single"])
@pytest.mark.parametrize("connectivity", [None, GRID])
def test_digits_are_pooled_as_by_scikit_learn(linkage, connectivity):
    parameters = {"n_clusters": 32, "linkage": linkage, "connectivity": connectivity}
    model = FeatureAgglomeration(**parameters).fit(DIGITS)
    peer = Peer(**parameters).fit(DIGITS)
    pooled, theirs = model.transform(DIGITS), peer.transform(DIGITS)
    restored = model.inverse_transform(pooled)
    if linkage != "single":  # whose equal distances leave the choice of clusters open
        np.testing.assert_array_equal(model.labels_, peer.labels_)
        np.testing.assert_array_equal(pooled, theirs)
        np.testing.assert_array_equal(restored, peer.inverse_transform(theirs))
    assert pooled.shape == (300, 32)
    assert restored.shape == DIGITS.shape
    np.testing.assert_allclose(model.transform(restored), pooled, rtol=1e-12)


@pytest.mark.smoke
def test_backends_pool_alike(xp):
    X = DIGITS[:40, :20]
    host = FeatureAgglomeration(5).fit(X)
    model = FeatureAgglomeration(5).fit(xp.asarray(X))
    pooled = model.transform(xp.asarray(X))
    assert xp.owns(pooled)
    assert xp.owns(model.labels_)
    np.testing.assert_array_equal(xp.to_host(model.labels_), host.labels_)
    np.testing.assert_allclose(xp.to_host(pooled), host.transform(X), rtol=1e-13)
    restored = model.inverse_transform(pooled)
    assert xp.owns(restored)
    assert tuple(restored.shape) == (40, 20)


def test_other_pooling_names_dtypes_and_pickles():
    frame = pd.DataFrame(DIGITS[:50, 20:26], columns=list("abcdef"))
    model = FeatureAgglomeration(3, pooling_func=np.median).set_output(transform="pandas")
    pooled = model.fit_transform(frame)
    assert list(pooled.columns) == [f"featureagglomeration{i}" for i in range(3)]
    for c in range(3):
        columns = frame.to_numpy()[:, model.labels_ == c]
        np.testing.assert_array_equal(pooled.to_numpy()[:, c], np.median(columns, axis=1))
    single = FeatureAgglomeration(3).fit(frame.astype(np.float32))
    assert single.transform(frame.astype(np.float32)).dtype == np.float32
    loaded = pickle.loads(pickle.dumps(single))
    np.testing.assert_array_equal(loaded.labels_, single.labels_)
    values = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(single.inverse_transform(values), values[single.labels_])


def test_a_weight_of_two_is_a_row_repeated():
    w = np.arange(50) % 3
    X = DIGITS[:50]
    for linkage in ("ward", "average"):
        weighted = FeatureAgglomeration(20, linkage=linkage).fit(X, sample_weight=w)
        repeated = FeatureAgglomeration(20, linkage=linkage).fit(np.repeat(X, w, axis=0))
        np.testing.assert_allclose(
            weighted.linkage_matrix_[:, 2], repeated.linkage_matrix_[:, 2], rtol=1e-11, atol=1e-12
        )
    with pytest.raises(ValueError, match="Repeat rows"):
        FeatureAgglomeration(metric="manhattan", linkage="average").fit(X, sample_weight=w)


def test_recut_thresholds_and_what_is_refused():
    model = FeatureAgglomeration(10).fit(DIGITS)
    other = model.recut(4)
    assert other.transform(DIGITS).shape == (300, 4)
    assert len(other.get_feature_names_out()) == 4
    height = float(model.linkage_matrix_[40, 2])
    at = FeatureAgglomeration(None, distance_threshold=height).fit(DIGITS)
    assert at.transform(DIGITS).shape[1] == at.n_clusters_
    np.testing.assert_array_equal(at.labels_, model.cut(distance_threshold=height))
    with pytest.raises(AttributeError):
        _ = model.fit_predict
    assert "feature-agglomeration" not in algorithms()
    with pytest.raises(ValueError, match="'pooling_func'"):
        FeatureAgglomeration(pooling_func="mean").fit(DIGITS)
    with pytest.raises(ValueError, match="must have 10 columns"):
        model.inverse_transform(np.ones((3, 9)))
    assert FeatureAgglomeration(1).fit([[1.0], [2.0]]).labels_.tolist() == [0]
