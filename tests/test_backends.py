"""Each backend at work. One that is missing skips here, in the place of all tests that it has."""

import numpy as np
import pytest

from clusterx import KMeans


@pytest.mark.smoke
@pytest.mark.backends(missing="skip")
def test_a_fit_on_each_backend(xp):
    X = np.random.default_rng(0).standard_normal((300, 3)) + 20 * np.repeat(np.eye(3), 100, axis=0)
    model = KMeans(3, random_state=0).fit(xp.asarray(X))
    assert xp.owns(model.labels_)
    labels = xp.to_host(model.labels_).reshape(3, 100)
    assert (labels == labels[:, :1]).all()
    assert len(set(labels[:, 0])) == 3
    centers = xp.to_host(model.cluster_centers_)[labels[:, 0]]
    np.testing.assert_allclose(centers, X.reshape(3, 100, 3).mean(axis=1), rtol=1e-10)
