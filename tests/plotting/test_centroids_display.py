"""Centres as pictures."""

import numpy as np
import pytest
import sklearn.cluster
import sklearn.mixture
from sklearn.datasets import load_digits

from clusterx import KMeans
from clusterx.plotting import CentroidImageDisplay

X, Y = load_digits(return_X_y=True)
X, Y = X[:400], Y[:400]


def test_pictures_are_the_centers(xp):
    model = KMeans(7, random_state=0).fit(xp.asarray(X))
    display = CentroidImageDisplay.from_estimator(model)
    centers = xp.to_host(model.cluster_centers_)
    assert len(display.images_) == 7
    for image, center in zip(display.images_, centers, strict=True):
        np.testing.assert_array_equal(image.get_array(), center.reshape(8, 8))
        assert image.get_clim() == (centers.min(), centers.max())
    assert [t.get_text() for t in display.texts_] == list("0123456")
    assert display.ax_.get_title() == "KMeans: centres of 7 clusters"


def test_pictures_do_not_overlap():
    display = CentroidImageDisplay.from_centers(X[:10], image_shape=(4, 16))
    boxes = [image.get_extent() for image in display.images_]
    for i, (left, right, bottom, top) in enumerate(boxes):
        assert top < bottom  # y points down
        for other in boxes[:i]:
            assert left >= other[1] or right <= other[0] or top >= other[2] or bottom <= other[3]


def test_titles_may_be_empty():
    display = CentroidImageDisplay.from_centers(X[:2], titles=["", ""])
    assert [t.get_text() for t in display.texts_] == ["", ""]


@pytest.mark.parametrize("with_rows", [False, True])
def test_titles_tell_the_majority(xp, with_rows):
    rows = xp.asarray(X)
    model = KMeans(10, random_state=0).fit(rows)
    names = np.array("zero one two three four five six seven eight nine".split())[Y]
    display = CentroidImageDisplay.from_estimator(model, rows if with_rows else None, names)
    labels = xp.to_host(model.labels_)
    for i, text in enumerate(display.texts_):
        found, counts = np.unique(names[labels == i], return_counts=True)
        share = counts.max() / counts.sum()
        assert text.get_text() == f"{i} → {found[counts.argmax()]} ({share:.0%})"


def test_classes_may_live_on_a_device(xp):
    rows = xp.asarray(X)
    model = KMeans(4, random_state=0).fit(rows)
    display = CentroidImageDisplay.from_estimator(model, rows, xp.asarray(Y))
    host = CentroidImageDisplay.from_estimator(model, rows, Y)
    assert [t.get_text() for t in display.texts_] == [t.get_text() for t in host.texts_]


def test_clusters_without_rows_are_told():
    model = KMeans(3, random_state=0).fit(X)
    alone = X[model.labels_ == 1]
    display = CentroidImageDisplay.from_estimator(model, alone, np.zeros(len(alone), int))
    texts = [t.get_text() for t in display.texts_]
    assert texts == ["0 (empty)", "1 → 0 (100%)", "2 (empty)"]


def test_means_of_a_mixture():
    model = sklearn.mixture.GaussianMixture(3, covariance_type="spherical", random_state=0).fit(X)
    display = CentroidImageDisplay.from_estimator(model, X, Y)
    np.testing.assert_array_equal(display.images_[2].get_array(), model.means_[2].reshape(8, 8))


@pytest.mark.parametrize("shape", [(4, 16), (2, 32), (64, 1), (8, 8)])
def test_shapes(shape):
    display = CentroidImageDisplay.from_centers(X[:5], image_shape=shape)
    assert display.images_[0].get_array().shape == shape


def test_colored_pictures():
    centers = np.random.default_rng(0).uniform(0, 255, (4, 5 * 6 * 3))
    display = CentroidImageDisplay.from_centers(centers, image_shape=(5, 6, 3))
    assert display.images_[0].get_array().shape == (5, 6, 3)
    np.testing.assert_allclose(
        display.images_[1].get_array(), centers[1].reshape(5, 6, 3) / 255, atol=1e-12
    )


@pytest.mark.parametrize(("k", "columns"), [(1, 1), (2, 2), (10, 5), (40, 8), (64, 11)])
def test_any_number_of_clusters(k, columns):
    display = CentroidImageDisplay.from_centers(np.tile(X, (2, 1))[:k])
    lefts = {round(image.get_extent()[0], 6) for image in display.images_}
    assert len(display.images_) == k
    assert len(lefts) == columns


def test_columns_can_be_chosen():
    display = CentroidImageDisplay(X[:6]).plot(n_columns=2)
    assert len({round(image.get_extent()[0], 6) for image in display.images_}) == 2


def test_constant_centers_can_be_drawn():
    low, high = CentroidImageDisplay.from_centers(np.ones((2, 4))).images_[0].get_clim()
    assert low < high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (28, 28)}, r"image_shape=\(28, 28\) has 784 values, but the centers have"),
        ({"image_shape": (64,)}, "image_shape must be"),
        ({"image_shape": (4, 4, 4)}, "image_shape must be"),
        ({"titles": ["a"]}, "titles has 1 entries, but there are 5 centers"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        CentroidImageDisplay.from_centers(X[:5], **arguments)


def test_no_square():
    with pytest.raises(ValueError, match=r"centers have 63 values.*image_shape=\(height, width\)"):
        CentroidImageDisplay.from_centers(X[:5, :63])
    with pytest.raises(ValueError, match="centers must be a 2-D array"):
        CentroidImageDisplay.from_centers(X[0])


def test_wrong_models():
    with pytest.raises(TypeError, match="DBSCAN has no centers"):
        CentroidImageDisplay.from_estimator(sklearn.cluster.DBSCAN().fit(X))
    model = KMeans(3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="X has 400 rows and y has 399"):
        CentroidImageDisplay.from_estimator(model, y=Y[:-1])
    with pytest.raises(ValueError, match="X is given without y"):
        CentroidImageDisplay.from_estimator(model, X)
    mixture = sklearn.mixture.GaussianMixture(2, covariance_type="spherical").fit(X)
    with pytest.raises(ValueError, match=r"has no labels_.* Pass X"):
        CentroidImageDisplay.from_estimator(mixture, y=Y)
