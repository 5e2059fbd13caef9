"""The k-distance curve and its knee."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.neighbors import NearestNeighbors as Reference

from clusterx.neighbors.knee import knee_of
from clusterx.plotting import KDistanceDisplay

X = np.concatenate([make_blobs(300, random_state=0)[0], [[30.0, 30.0], [-25.0, 9.0]]])


def test_the_curve_is_that_of_sorted_distances(xp):
    wanted = np.sort(Reference(n_neighbors=4).fit(X).kneighbors(X)[0][:, -1])
    display = KDistanceDisplay.from_data(xp.asarray(X), k=4, name="blobs")
    np.testing.assert_allclose(display.line_.get_ydata(), wanted, rtol=1e-12)
    assert wanted[150] < display.eps_ < wanted[-1]
    assert display.text_.get_text() == f"eps = {display.eps_:.3g}"
    assert "302 samples" in display.ax_.get_title()


def test_the_knee_is_where_a_curve_bends():
    bent = np.concatenate([np.linspace(0, 1, 80), np.linspace(1, 30, 20)])
    assert knee_of(bent) in (79, 80)
    assert knee_of(np.ones(5)) == 4
    assert knee_of(np.array([2.0])) == 0


def test_long_curves_are_thinned_and_keep_their_knee():
    distances = np.concatenate([np.linspace(0, 1, 9000), np.linspace(1, 30, 1000)])
    display = KDistanceDisplay.from_predictions(distances, 5)
    assert len(display.line_.get_xdata()) <= 4001
    assert display.eps_ in display.line_.get_ydata()


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="k is 500"):
        KDistanceDisplay.from_data(X, k=500)
    with pytest.raises(ValueError, match="finite"):
        KDistanceDisplay.from_predictions([1.0, np.inf], 3)
