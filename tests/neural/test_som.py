"""SelfOrganizingMap: epochs against their formula, grids, errors, pictures."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import nan_euclidean_distances

from clusterx import Blocks, KMeans, SelfOrganizingMap
from clusterx.neural.grid import adjacent, influence, squared_gaps
from clusterx.plotting import CodebookDisplay, UMatrixDisplay
from clusterx.rows import InMemory
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


# -- missing values ------------------------------------------------------------------------------


def holes(n=150, d=3, offset=0.0):
    X = data(n, d) + offset
    X[np.random.default_rng(2).random(X.shape) < 0.2] = np.nan
    X[np.isnan(X).all(axis=1), 0] = offset
    return X


@pytest.mark.smoke
@pytest.mark.parametrize("init", ["random", "pca"])
def test_missing_values_are_ignored(xp, init):
    X, w = holes(), np.random.default_rng(1).integers(0, 3, 150).astype(np.float64)
    model = SelfOrganizingMap(
        (3, 2), init=init, max_iter=2, sigma=1.0, sigma_end=0.5, random_state=0
    )
    model.fit(xp.asarray(X), sample_weight=xp.asarray(w))
    there = ~np.isnan(X)
    mean = (np.nan_to_num(X) * w[:, None]).sum(axis=0) / (there * w[:, None]).sum(axis=0)
    filled = np.where(there, X, mean)
    first = SelfOrganizingMap((3, 2), init=init, sigma=1e-3, sigma_end=1e-3, max_iter=1)
    if init == "random":
        C = filled[np.random.RandomState(0).choice(np.flatnonzero(w), 6, replace=False)]
    else:
        C = first._first_centers(InMemory(filled), w, filled.mean(axis=0), None)
    for sigma in (1.0, 0.5):
        H = influence(squared_gaps((3, 2), "rectangular", False), sigma, "gaussian")
        own = H[:, nan_euclidean_distances(X, C).argmin(axis=1)] * w
        C = own @ np.nan_to_num(X) / (own @ there)
    assert xp.owns(model.cluster_centers_)
    assert_allclose(xp.to_host(model.cluster_centers_), C, rtol=1e-7)
    D = nan_euclidean_distances(X, C)
    assert_array_equal(xp.to_host(model.labels_), D.argmin(axis=1))
    assert_array_equal(xp.to_host(model.predict(xp.asarray(X))), D.argmin(axis=1))
    assert_allclose(xp.to_host(model.transform(xp.asarray(X))), D, rtol=1e-6)
    assert_allclose(model.quantization_error_, w @ D.min(axis=1) / w.sum(), rtol=1e-6)
    second = np.argsort(D, axis=1)[:, 1]
    touch = adjacent(squared_gaps((3, 2), "rectangular", False), "rectangular")
    error = model.topographic_error(xp.asarray(X))
    assert_allclose(error, 1 - touch[D.argmin(axis=1), second].mean(), atol=1e-9)


def test_missing_values_in_blocks_weights_and_far_rows():
    X, w = holes(), np.random.default_rng(0).integers(0, 3, 150)
    X[:3, 0] = X[:3, 1] = 0.5
    whole = SelfOrganizingMap((3, 4)).fit(X, sample_weight=w)
    parts = SelfOrganizingMap((3, 4)).fit(Blocks(X, block_rows=40), sample_weight=w)
    assert_array_equal(parts.cluster_centers_, whole.cluster_centers_)
    assert_array_equal(parts.predict(Blocks(X, block_rows=7)), whole.labels_)
    repeated = SelfOrganizingMap((3, 4)).fit(np.repeat(X, w, axis=0))
    assert_allclose(repeated.cluster_centers_, whole.cluster_centers_, rtol=1e-7)
    far = SelfOrganizingMap((3, 4)).fit(X + 1e7, sample_weight=w)
    assert_allclose(far.cluster_centers_ - 1e7, whole.cluster_centers_, atol=1e-6)
    small = SelfOrganizingMap((3, 4)).fit(X.astype(np.float32), sample_weight=w)
    assert small.cluster_centers_.dtype == np.float32
    assert_allclose(small.cluster_centers_, whole.cluster_centers_, rtol=1e-4, atol=1e-5)


def test_partial_fit_keeps_the_sums_of_values_that_are_there():
    X, Y = holes(), data(60, seed=3)
    Y[:, 1] = np.nan  # a column may lack in later calls
    model = SelfOrganizingMap((3, 2), sigma_end=0.7).partial_fit(X)
    C = model.cluster_centers_
    sums, counts = np.zeros((6, 3)), np.zeros((6, 3))
    first = SelfOrganizingMap((3, 2), sigma_end=0.7).fit(X).cluster_centers_
    H = influence(squared_gaps((3, 2), "rectangular", False), 0.7, "gaussian")
    for part, at in ((X, first), (Y, C)):
        own = np.eye(6)[nan_euclidean_distances(part, at).argmin(axis=1)].T
        sums, counts = sums + own @ np.nan_to_num(part), counts + own @ ~np.isnan(part)
        expected = H @ sums / (H @ counts)
        if part is X:
            assert_allclose(C, expected, rtol=1e-7)
    assert_allclose(model.partial_fit(Y).cluster_centers_, expected, rtol=1e-7)


def test_online_training_passes_over_missing_values():
    X = holes(400, 4)
    model = SelfOrganizingMap((3, 3), training="online", sigma=1.0, random_state=0).fit(X)
    D = nan_euclidean_distances(X, np.nanmean(X, axis=0)[None])
    assert model.quantization_error_ < 0.7 * D.mean()


@pytest.mark.parametrize("where", ["host", "strict", "blocks"])
def test_what_is_missing_everywhere_is_named(where):
    strict = pytest.importorskip("array_api_strict")
    give = {"host": np.asarray, "strict": strict.asarray, "blocks": Blocks}[where]
    model = SelfOrganizingMap((2, 2))
    X = holes(30)
    row, column, infinite = X.copy(), X.copy(), X.copy()
    row[7], column[:, 0], column[:, 1], infinite[5, 2] = np.nan, 0.5, np.nan, np.inf
    with pytest.raises(ValueError, match="Row 7 of input X is NaN in all columns"):
        model.fit(give(row))
    with pytest.raises(ValueError, match="Column 1 of input X is NaN in all rows"):
        model.fit(give(column))
    with pytest.raises(ValueError, match="infinity"):
        model.fit(give(infinite))
    few = np.zeros(30)
    few[np.isnan(X[:, 2])] = 1.0
    with pytest.raises(ValueError, match="Column 2"):
        model.fit(give(X), sample_weight=few)
    model.fit(give(X))
    assert model.predict(give(column)).shape == (30,)
    with pytest.raises(ValueError, match="Row 7"):
        model.predict(give(row))


def test_the_infinite_value_is_found_among_missing_ones():
    X = holes(30)
    X[5, 2] = np.inf
    with pytest.raises(ValueError, match="in row 5, column 2"):
        SelfOrganizingMap((2, 2)).fit(X)
