"""Ellipses and likelihoods of mixtures."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from clusterx import GaussianMixture, KMeans
from clusterx.plotting import GaussianEllipseDisplay, LikelihoodContourDisplay
from clusterx.plotting.ellipses import matrices
from clusterx.plotting.likelihood import levels_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)) @ np.array([[2.0, 1, 0], [0, 1, 0], [0, 0, 3]])
X[:80] += [12, 0, 0]


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_ellipses_are_where_the_density_falls_by_their_deviations(xp, kind):
    model = GaussianMixture(2, covariance_type=kind, random_state=0).fit(xp.asarray(X))
    shown = GaussianEllipseDisplay.from_estimator(model, xp.asarray(X), features=(0, 1))
    whole = matrices(model)
    assert whole.shape == (2, 3, 3)
    assert len(shown.ellipses_) == 2
    for j, drawn in enumerate(shown.ellipses_):
        inverse = np.linalg.inv(whole[j][:2, :2])
        for deviation, ellipse in zip((1, 2, 3), drawn, strict=True):
            angles = np.linspace(0, 6, 20)
            circle = np.column_stack((np.cos(angles), np.sin(angles)))
            away = ellipse.get_patch_transform().transform(circle) - shown.means[j]
            squared = np.einsum("na,ab,nb->n", away, inverse, away)
            assert_allclose(squared, deviation**2, rtol=1e-6)
            assert_allclose(ellipse.center, xp.to_host(model.means_)[j, :2])


def test_components_of_little_weight_are_not_drawn():
    means, covariances = [[0, 0], [5, 5]], np.stack([np.eye(2)] * 2)
    shown = GaussianEllipseDisplay(means, covariances, weights=[0.999, 0.001]).plot()
    assert len(shown.ellipses_) == 1
    assert "1 component, ellipses of 1, 2 and 3" in shown.ax_.get_title().replace("\n", " ")
    with pytest.raises(ValueError, match="a 2 x 2 matrix for each of the 2 means"):
        GaussianEllipseDisplay(means, covariances[:1]).plot()


def test_contours_are_of_the_negative_log_likelihood():
    model = GaussianMixture(2, random_state=0).fit(X[:, :2])
    shown = LikelihoodContourDisplay.from_estimator(model, X[:, :2], grid_resolution=30)
    place = np.array([[shown.x[7], shown.y[11]]])
    assert shown.values[11, 7] == pytest.approx(-model.score_samples(place)[0])
    assert len(shown.boundaries_) == 2
    levels = shown.contours_.levels
    assert (np.diff(levels, 2) > 0).all()
    assert levels[-1] == pytest.approx(shown.values.max())


def test_levels_of_a_flat_plane_still_rise():
    assert (np.diff(levels_of(np.ones((3, 3)), 4)) > 0).all()
    assert (np.diff(levels_of(np.array([[1.0, np.inf], [2.0, 5.0]]), 4)) > 0).all()


def test_what_can_not_be_drawn():
    with pytest.raises(TypeError, match="KMeans has no covariances_"):
        GaussianEllipseDisplay.from_estimator(KMeans(2, random_state=0).fit(X), X)
    with pytest.raises(TypeError, match="KMeans has no score_samples"):
        LikelihoodContourDisplay.from_estimator(KMeans(2, random_state=0).fit(X), X)
    model = GaussianMixture(2, random_state=0).fit(X)
    with pytest.raises(ValueError, match="plane of 2 features, and X has 3"):
        LikelihoodContourDisplay.from_estimator(model, X)
    one = GaussianMixture(1).fit(X[:, :1])
    with pytest.raises(ValueError, match="Ellipses need two features"):
        GaussianEllipseDisplay.from_estimator(one, X[:, :1])
    with pytest.raises(ValueError, match="values must have a row for each"):
        LikelihoodContourDisplay([0, 1], [0, 1], np.ones((3, 2))).plot()
