"""SelfOrganizingMap: epochs against their formula, grids, errors, pictures."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from clusterx import Blocks, KMeans, SelfOrganizingMap
from clusterx.neural.grid import adjacent, influence, squared_gaps
from clusterx.plotting import CodebookDisplay, UMatrixDisplay
from tests.data import blobs


def data(n=150, d=3, seed=0):
    return blobs(np.random.default_rng(seed), n, d)


def epoch(X, C, H, w):
    """One batch epoch, unit by unit."""
    labels = ((X[:, None] - C) ** 2).sum(axis=2).argmin(axis=1)
    own = H[:, labels] * w
    return own @ X / own.sum(axis=1)[:, None]


@pytest.mark.smoke
@pytest.mark.parametrize("topology", ["rectangular", "hexagonal"])
def test_batch_epochs_are_the_formula(xp, topology):
    X, w = data(), np.random.default_rng(1).random(150)
    model = SelfOrganizingMap((4, 3), topology=topology, init="random", max_iter=3, sigma_end=0.8)
    model.set_params(random_state=0).fit(xp.asarray(X), sample_weight=xp.asarray(w))
    C = X[np.random.RandomState(0).choice(np.arange(150), 12, replace=False)]
    for sigma in (2.0, (2.0 * 0.8) ** 0.5, 0.8):
        C = epoch(X, C, influence(squared_gaps((4, 3), topology, False), sigma, "gaussian"), w)
    assert xp.owns(model.cluster_centers_)
    assert_allclose(xp.to_host(model.cluster_centers_), C, rtol=1e-7)
    D = np.sqrt(((X[:, None] - C) ** 2).sum(axis=2))
    assert_array_equal(xp.to_host(model.labels_), D.argmin(axis=1))
    assert_allclose(model.quantization_error_, (w @ D.min(axis=1)) / w.sum(), rtol=1e-6)
    first, second = np.argsort(D, axis=1)[:, :2].T
    touch = adjacent(squared_gaps((4, 3), topology, False), topology)
    error = model.topographic_error(xp.asarray(X))
    assert_allclose(error, 1 - touch[first, second].mean(), atol=1e-9)
    assert_array_equal(xp.to_host(model.hit_map(xp.asarray(X))).sum(), 150)


def test_grids():
    hexagonal = adjacent(squared_gaps((6, 6), "hexagonal", True), "hexagonal")
    assert_array_equal(hexagonal.sum(axis=1), 6)
    rectangular = adjacent(squared_gaps((5, 4), "rectangular", True), "rectangular")
    assert_array_equal(rectangular.sum(axis=1), 8)
    flat = adjacent(squared_gaps((5, 4), "rectangular", False), "rectangular")
    assert flat[0].sum() == 3
    assert_allclose(influence(np.array([0.0, 4.0]), 1.0, "bubble"), [1, 0])
    assert influence(np.array([4.0]), 1.0, "mexican_hat")[0] < 0


@pytest.mark.parametrize("neighborhood", ["gaussian", "bubble", "mexican_hat"])
def test_online_training(neighborhood):
    X = data(300)
    model = SelfOrganizingMap((4, 4), training="online", neighborhood=neighborhood, sigma=1.5)
    model.set_params(random_state=0, decay="linear").fit(X)
    if neighborhood == "mexican_hat":  # which also pushes away
        assert np.isfinite(model.cluster_centers_).all()
        return
    assert model.quantization_error_ < 0.7 * np.linalg.norm(X - X.mean(axis=0), axis=1).mean()
    before = model.cluster_centers_
    assert not np.array_equal(model.partial_fit(X[:20]).cluster_centers_, before)


def test_blocks_are_the_whole():
    X = data()
    whole = SelfOrganizingMap((3, 4), init="random", random_state=0).fit(X)
    parts = Blocks(X, block_rows=40)
    found = SelfOrganizingMap((3, 4), init="random", random_state=0).fit(parts)
    assert_array_equal(found.cluster_centers_, whole.cluster_centers_)
    assert_array_equal(found.predict(parts), whole.labels_)
    with pytest.raises(ValueError, match="Take training='batch'"):
        SelfOrganizingMap(training="online").fit(parts)


def test_errors_on_digits_are_those_of_minisom_or_less():
    minisom = pytest.importorskip("minisom")
    X = load_digits().data
    other = minisom.MiniSom(8, 8, 64, sigma=4, learning_rate=0.5, random_seed=0)
    other.pca_weights_init(X)
    other.train(X, 5, use_epochs=True, random_order=True)
    model = SelfOrganizingMap((8, 8), max_iter=5).fit(X)
    assert model.quantization_error_ <= other.quantization_error(X)
    assert model.topographic_error(X) < 0.5


def test_weights_are_repeats_and_far_rows_keep_their_digits():
    X, w = data(80), np.random.default_rng(0).integers(0, 3, 80)
    weighted = SelfOrganizingMap((3, 3)).fit(X, sample_weight=w)
    repeated = SelfOrganizingMap((3, 3)).fit(np.repeat(X, w, axis=0))
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, rtol=1e-7)
    far = SelfOrganizingMap((3, 3)).fit(np.repeat(X, w, axis=0) + 1e7)
    assert_allclose(far.cluster_centers_ - 1e7, repeated.cluster_centers_, atol=1e-6)


def test_what_a_map_gives(pyplot):
    X = data(200, 4)
    model = SelfOrganizingMap((5, 6), topology="hexagonal").fit(X)
    assert model.codebook_.shape == (5, 6, 4)
    D = np.linalg.norm(model.cluster_centers_[:, None] - model.cluster_centers_, axis=2)
    touch = adjacent(squared_gaps((5, 6), "hexagonal", False), "hexagonal")
    assert_allclose(model.u_matrix_.ravel(), [D[i][touch[i]].mean() for i in range(30)], rtol=1e-6)
    assert_array_equal(
        model.inverse_transform(model.labels_), model.cluster_centers_[model.labels_]
    )
    assert_array_equal(
        model.inverse_transform(model.transform(X)), model.inverse_transform(model.labels_)
    )
    units = model.cluster_units(KMeans(3, random_state=0))
    assert len(np.unique(units)) == 3
    assert_array_equal(
        UMatrixDisplay.from_estimator(model).cells_.get_array(), model.u_matrix_.ravel()
    )
    assert UMatrixDisplay.from_estimator(model).hits_ is None
    planes = CodebookDisplay.from_estimator(model)
    assert_array_equal(planes.cells_[2].get_array(), model.cluster_centers_[:, 2])


@pytest.mark.parametrize("topology", ["rectangular", "hexagonal"])
def test_hits_are_drawn_by_area(pyplot, topology):
    X = data()
    model = SelfOrganizingMap((4, 3), topology=topology, random_state=0).fit(X)
    hits = model.hit_map(X)
    shown = UMatrixDisplay.from_estimator(model, X)
    assert f"at most {hits.max()}" in shown.ax_.get_xlabel()
    areas = []
    for path in shown.hits_.get_paths():
        x, y = path.vertices[:-1].T  # the last closes the path
        areas.append(0.5 * abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)))
    areas = np.array(areas)
    assert_allclose(areas / areas.max(), hits.ravel() / hits.max(), atol=1e-12)
    with pytest.raises(ValueError, match="one number per unit"):
        UMatrixDisplay(model.u_matrix_, hits=hits.T).plot()


@pytest.fixture
def pyplot():
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    yield plt
    plt.close("all")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shape": 5}, "two whole numbers"),
        ({"sigma_end": 0}, "above 0"),
        ({"neighborhood": "mexican_hat"}, "training='online'"),
        ({"shape": (3, 4), "toroidal": True, "topology": "hexagonal"}, "even number"),
    ],
)
def test_wrong_parameters_are_named(parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SelfOrganizingMap(**parameters).fit(data(20))
