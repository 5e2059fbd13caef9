"""Every k-means primitive meets its contract: against float64 brute force, on each backend.

The tuned CPU kernels promise more than the generic ones: exactly the nearest centre, the lowest
index among equal ones, and sums whose bits do not depend on how the rows are split.
"""

import math
import tracemalloc
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from clusterx.kernels import kernels_for
from clusterx.kernels.cpu import fixed_point
from clusterx.kernels.cpu.screening import image
from clusterx.kernels.distances import generic as generic_distances
from clusterx.kernels.kmeans import SCATTER_ROWS
from clusterx.kernels.kmeans import generic as generic_kmeans
from clusterx.kernels.kmeans.cpu import labelling, screened, sparse
from clusterx.kernels.kmeans.cpu.plain import PlainStep
from clusterx.kernels.kmeans.cpu.screened import ScreenedStep
from clusterx.kernels.kmeans.cpu.seeds import PlainSeeding, ScreenedSeeding, TreeSeeding
from clusterx.kernels.kmeans.cpu.tree import TreeStep

CPU = kernels_for(np)
minibatch = import_module("clusterx.kernels.kmeans.cpu.batches")
RAGGED = (1, 2, 63, 64, 65, 257, 5000)
WIDTHS = (1, 2, 3, 8, 9, 16, 130, 200)
ITERATIONS = 15


def normal(rng, n, d):
    return rng.standard_normal((n, d))


def blobs(rng, n, d):
    return rng.standard_normal((n, d)) + 6 * rng.standard_normal((12, d))[rng.integers(0, 12, n)]


def low_rank(rng, n, d):
    """Most of the variance in few directions, as a projection wants it."""
    return blobs(rng, n, 5) @ rng.standard_normal((5, d)) + 0.01 * rng.standard_normal((n, d))


def duplicates(rng, n, d):
    return rng.standard_normal((3, d))[rng.integers(0, 3, n)]


def grid_points(rng, n, d):
    """Small whole numbers: distances are exact, and many are equal."""
    return rng.integers(-2, 3, (n, d)).astype(float)


def constant(rng, n, d):
    return np.full((n, d), 3.25)


def zeros(rng, n, d):
    return np.zeros((n, d))


def far(offset):
    def points(rng, n, d):
        return blobs(rng, n, d) + offset

    return points


def scaled(make, factor):
    def points(rng, n, d):
        return make(rng, n, d) * factor

    return points


def with_outlier(size):
    def points(rng, n, d):
        X = blobs(rng, n, d)
        X[n // 2] = size
        return X

    return points


DATA = {
    "normal": normal,
    "blobs": blobs,
    "low rank": low_rank,
    "duplicates": duplicates,
    "grid": grid_points,
    "constant": constant,
    "zeros": zeros,
    "offset 1e4": far(1e4),
    "offset 1e6": far(1e6),
    "offset 1e8": far(1e8),
    "scale 1e-30": scaled(blobs, 1e-30),
    "scale 1e30": scaled(blobs, 1e30),
    "low rank 1e30": scaled(low_rank, 1e30),
    "low rank 1e-30": scaled(low_rank, 1e-30),
    "outlier 1e12": with_outlier(1e12),
    "outlier 1e20": with_outlier(1e20),
}
#: data that only float64 holds
WIDE_DATA = {"scale 1e140": scaled(blobs, 1e140), "scale 1e-140": scaled(low_rank, 1e-140)}


def make(name, n, d, dtype, seed=0):
    X = {**DATA, **WIDE_DATA}[name](np.random.default_rng([seed, n, d]), n, d)
    return np.ascontiguousarray(X, dtype)


def some_rows(X, k, seed=1):
    return X[np.random.default_rng(seed).integers(0, len(X), k)].astype(np.float64)


def brute_squared(X, C):
    X, C = np.asarray(X, np.float64), np.asarray(C, np.float64)
    out = np.empty((len(X), len(C)))
    for j, c in enumerate(C):
        out[:, j] = ((X - c) ** 2).sum(axis=1)
    return out


def brute_labels(X, C):
    return brute_squared(X, C).argmin(axis=1)


def grid_for(X, w=None):
    total = float(len(X)) if w is None else float(w.sum())
    return CPU.kmeans.grid(CPU.reductions.summary(X), total, len(X))


def fsums(X, w, labels, k):
    """Correctly rounded sums of each cluster, and of its weights."""
    w = np.ones(X.shape[0]) if w is None else w
    terms = w[:, None] * X.astype(np.float64)
    sums = [[math.fsum(column) for column in terms[labels == j].T.tolist()] for j in range(k)]
    return np.array(sums), np.array([math.fsum(w[labels == j]) for j in range(k)])


def assert_sums(stats, X, w, labels, k):
    sums, counts = fsums(X, w, labels, k)
    bound = len(X) * np.abs(X).max(axis=0).astype(float) * (1 if w is None else w.sum())
    least = 2.0**-115 * len(X) * bound  # the documented resolution, n S 2^-121, of n terms
    np.testing.assert_array_less(
        np.abs(stats.sums - sums), 2 * np.spacing(np.abs(sums)) + least + 5e-324
    )
    np.testing.assert_allclose(stats.counts, counts, rtol=5e-16, atol=0)


def step_for(kind, X, w, grid):
    """A step of the named class, whatever X would get by itself."""
    if kind == "plain":
        return PlainStep(X, w, grid)
    if kind == "tree":
        return TreeStep(X, w, grid)
    if kind == "sparse":
        return sparse.SparseStep(csr_matrix(X), w, grid)
    return ScreenedStep(X, w, grid, once=kind == "screened")


def kinds_for(n, d):
    kinds = ["sparse"]
    if d <= 8:
        kinds += ["plain", "tree"]
    if d > 8:
        kinds += ["screened"]
    if n >= image.PROJECTION_ROWS and d >= 2 * image.PROJECTION:
        kinds += ["projected"]
    return kinds


def moving_centres(X, C, labels, iteration, rng):
    """Means, as in k-means, with sometimes a jump or a collision that upsets every bound."""
    new = C.copy()
    for j in range(len(C)):
        if (labels == j).any():
            new[j] = X[labels == j].astype(np.float64).mean(axis=0)
    if iteration % 5 == 3:
        new[rng.integers(len(C))] = X[rng.integers(len(X))]
    if iteration % 5 == 4:
        new[rng.integers(len(C))] = new[rng.integers(len(C))]
    return new


# -- the CPU's prepared steps --------------------------------------------------------------------


def run_iterations(kind, X, w, k, seed=0):
    """Many calls of one step, each against brute force."""
    rng = np.random.default_rng(seed)
    step = step_for(kind, X, w, grid_for(X, w))
    C, previous = some_rows(X, k, seed), np.full(len(X), -1)
    for iteration in range(ITERATIONS):
        stats = step(C)
        squared = brute_squared(X, C)
        expected = squared.argmin(axis=1)
        wrong = np.flatnonzero(step.labels != expected)
        assert wrong.size == 0, (iteration, wrong[:5], step.labels[wrong[:5]], expected[wrong[:5]])
        assert step.labels.dtype == np.int32
        assert stats.moved == np.count_nonzero(previous != expected)
        np.testing.assert_allclose(step.distances(), squared.min(axis=1), rtol=1e-12)
        if iteration == ITERATIONS - 1:
            assert_sums(stats, X, w, expected, k)
        C, previous = moving_centres(X, C, expected, iteration, rng), expected
    return step


#: Every kind of data, number of columns and dtype, and those that are hard together.
FEW_COLUMNS = [
    ("normal", 1, "float32"),
    ("normal", 8, "float64"),
    ("blobs", 3, "float32"),
    ("low rank", 8, "float32"),
    ("low rank", 2, "float64"),
    ("duplicates", 3, "float64"),
    ("grid", 2, "float32"),
    ("grid", 8, "float64"),
    ("constant", 1, "float64"),
    ("zeros", 3, "float32"),
    ("offset 1e4", 8, "float32"),
    ("offset 1e6", 3, "float32"),
    ("offset 1e6", 1, "float64"),
    ("offset 1e8", 8, "float64"),
    ("scale 1e-30", 2, "float32"),
    ("scale 1e30", 8, "float32"),
    ("low rank 1e30", 3, "float64"),
    ("low rank 1e-30", 1, "float32"),
    ("outlier 1e12", 3, "float32"),
    ("outlier 1e12", 2, "float64"),
    ("outlier 1e20", 8, "float64"),
    ("outlier 1e20", 1, "float32"),
]
MANY_COLUMNS = [
    ("normal", 9, "float32"),
    ("normal", 130, "float64"),
    ("blobs", 16, "float32"),
    ("low rank", 130, "float32"),
    ("low rank", 9, "float64"),
    ("duplicates", 16, "float64"),
    ("grid", 130, "float32"),
    ("grid", 9, "float64"),
    ("constant", 16, "float64"),
    ("zeros", 9, "float32"),
    ("offset 1e4", 130, "float32"),
    ("offset 1e6", 16, "float32"),
    ("offset 1e6", 130, "float64"),
    ("offset 1e8", 130, "float64"),
    ("offset 1e8", 9, "float32"),
    ("scale 1e-30", 16, "float32"),
    ("scale 1e30", 130, "float32"),
    ("low rank 1e30", 9, "float64"),
    ("low rank 1e-30", 130, "float32"),
    ("outlier 1e12", 9, "float32"),
    ("outlier 1e12", 130, "float64"),
    ("outlier 1e20", 16, "float64"),
    ("outlier 1e20", 130, "float32"),
]
PROJECTED = [
    ("blobs", "float32"),
    ("low rank", "float32"),
    ("low rank", "float64"),
    ("duplicates", "float64"),
    ("grid", "float32"),
    ("constant", "float64"),
    ("zeros", "float32"),
    ("offset 1e4", "float32"),
    ("offset 1e6", "float32"),
    ("offset 1e8", "float64"),
    ("scale 1e-30", "float32"),
    ("scale 1e30", "float32"),
    ("low rank 1e30", "float32"),
    ("low rank 1e-30", "float64"),
    ("outlier 1e12", "float32"),
    ("outlier 1e20", "float64"),
]


@pytest.mark.parametrize(("name", "d", "dtype"), FEW_COLUMNS)
@pytest.mark.parametrize("kind", ["plain", "tree"])
def test_few_dimensions_equal_brute_force_while_centres_move(kind, name, d, dtype):
    run_iterations(kind, make(name, 5000, d, dtype), None, 17)


@pytest.mark.parametrize(("name", "d", "dtype"), MANY_COLUMNS)
def test_screen_equals_brute_force_while_centres_move(name, d, dtype):
    run_iterations("screened", make(name, 1500, d, dtype), None, 17)


@pytest.mark.parametrize(("name", "dtype"), PROJECTED)
def test_projected_screen_equals_brute_force_while_centres_move(name, dtype):
    run_iterations("projected", make(name, 4200, 130, dtype), None, 17)


@pytest.mark.parametrize(("name", "dtype"), PROJECTED)
def test_projection_aimed_anew_in_every_call_changes_nothing(monkeypatch, name, dtype):
    monkeypatch.setattr(image, "PATIENCE", -1)
    monkeypatch.setattr(image, "FEW", -1.0)
    aimed, towards = [], image.Screen._towards
    monkeypatch.setattr(
        image.Screen, "_towards", lambda self, C: aimed.append(len(C)) or towards(self, C)
    )
    step = run_iterations("projected", make(name, 2200, 130, dtype), None, 17)
    # data that a few directions do not hold lose their projection, at the start or on the way
    assert len(aimed) >= ITERATIONS - 1 or step.screen.Q is None


@pytest.fixture
def lists(monkeypatch):
    """Short lists of near centres for few rows and centres too."""
    monkeypatch.setattr(screened, "LARGE", 0)
    monkeypatch.setattr(screened, "FEW_CENTRES", 16)


@pytest.mark.parametrize(("name", "d", "dtype"), MANY_COLUMNS)
@pytest.mark.parametrize("k", [17, 40])
def test_lists_equal_brute_force_while_centres_move(lists, k, name, d, dtype):
    step = run_iterations("screened", make(name, 1500, d, dtype), None, k)
    assert step.lists is not None


@pytest.mark.parametrize(("name", "dtype"), PROJECTED)
def test_lists_of_projected_rows_equal_brute_force_while_centres_move(lists, name, dtype):
    step = run_iterations("projected", make(name, 4200, 130, dtype), None, 40)
    assert step.lists is not None


@pytest.mark.parametrize(("name", "dtype"), PROJECTED)
def test_lists_survive_projections_aimed_anew(lists, monkeypatch, name, dtype):
    monkeypatch.setattr(image, "PATIENCE", -1)
    monkeypatch.setattr(image, "FEW", -1.0)
    run_iterations("projected", make(name, 2200, 130, dtype), None, 17)


def test_lists_outlive_a_projection_that_is_dropped(lists):
    X = make("low rank", 4200, 130, "float32")
    step, C = ScreenedStep(X, None, grid_for(X), once=False), some_rows(X, 30)
    step(C)
    assert step.screen.Q is not None
    step.screen._take_all()
    step.lists.project_anew()
    rng = np.random.default_rng(0)
    for _ in range(4):
        C = C + 0.01 * rng.standard_normal(C.shape)
        step(C)
        np.testing.assert_array_equal(step.labels, brute_labels(X, C))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [12, 140])
@pytest.mark.parametrize("far", [1e18, 1e19, 1e22, 1e30, 1e37, 1e100])
def test_lists_of_centres_too_far_for_float32(lists, far, d, dtype):
    X = make("normal", 600, d, dtype)
    step, near = ScreenedStep(X, None, grid_for(X), once=False), some_rows(X, 20)
    C = near.astype(np.float64)
    C[3:] = far * np.sign(C[3:])
    for centres in (C, np.roll(C, 1, axis=0), near, C, near):  # squares overflow, then do not
        step(centres)
        np.testing.assert_array_equal(step.labels, brute_labels(X, centres))


def close_calls():
    """Rows between centres that the projection can't tell apart, and those centres."""
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((5000, 200)) * 0.9 ** np.arange(200)
    return (wide + 0.02 * rng.standard_normal(wide.shape)).astype(np.float32), wide[:40]


def calls_of_lists(C):
    """What Shortlists.assign returns while centres hardly move."""
    X, start = close_calls()
    step, rng, found = ScreenedStep(X, None, grid_for(X), once=False), np.random.default_rng(1), []
    assert step.screen.Q is not None
    inner = []
    for _ in range(8):
        step(start)
        if not inner:
            inner.append(step.lists.assign)

            def counted(*arguments):
                found.append(inner[0](*arguments))
                return found[-1]

            step.lists.assign = counted
        np.testing.assert_array_equal(step.labels, brute_labels(X, start))
        start = start + C * rng.standard_normal(start.shape)
    return np.array(found)


def test_lists_spare_rows_that_no_centre_came_nearer_to(lists):
    assert calls_of_lists(1e-4)[:, 0].max() < 1500


def test_lists_take_the_first_of_equal_centres(lists):
    X = make("blobs", 3000, 16, "float32")
    C = np.repeat(some_rows(X, 10), 3, axis=0)[::-1].copy()
    step = ScreenedStep(X, None, grid_for(X), once=False)
    for shift in (0.0, 0.5, 0.001):
        step(C + shift)
        np.testing.assert_array_equal(step.labels, brute_labels(X, C + shift))
        assert (step.labels % 3 == 0).all()


def test_few_rows_or_centres_have_no_lists():
    for n, k, has in ((3000, 70, False), (70_000, 64, False), (70_000, 65, True)):
        X = make("blobs", n, 9, "float32")
        step = ScreenedStep(X, None, grid_for(X), once=False)
        step(some_rows(X, k))
        assert (step.lists is not None) == has


def test_projection_is_aimed_at_the_centres():
    rng = np.random.default_rng(0)
    centers = 3 * rng.standard_normal((300, 200)) * 0.97 ** np.arange(200)
    X = (centers[rng.integers(0, 300, 6000)] + rng.standard_normal((6000, 200))).astype("float32")
    screen = ScreenedStep(X, None, grid_for(X), once=False).screen
    if screen.Q is None:
        screen._project_onto(image._leading_directions(screen.sample, image.PROJECTION))
    left = screen.centres(centers)[1][2].mean()
    screen._project_onto(screen._towards(centers))
    assert screen.centres(centers)[1][2].mean() < 0.8 * left


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["low rank", "low rank 1e30", "low rank 1e-30"])
def test_low_rank_rows_are_projected(name, dtype):
    X = make(name, 5000, 200, dtype)
    step = ScreenedStep(X, None, grid_for(X), once=False)
    assert step.screen.Q is not None
    assert ScreenedStep(X, None, grid_for(X), once=True).screen.Q is None


def test_rows_without_structure_are_not_projected():
    X = make("normal", 5000, 200, "float32")
    assert ScreenedStep(X, None, grid_for(X), once=False).screen.Q is None


@pytest.mark.parametrize("name", WIDE_DATA)
@pytest.mark.parametrize("d", [2, 3, 9, 130])
def test_extreme_float64_equals_brute_force(name, d):
    X = make(name, 4200, d, "float64")
    for kind in kinds_for(*X.shape):
        run_iterations(kind, X, None, 9)


@pytest.mark.parametrize(
    ("name", "d"),
    [
        ("blobs", 3),
        ("duplicates", 9),
        ("grid", 3),
        ("grid", 130),
        ("constant", 9),
        ("zeros", 130),
        ("offset 1e4", 3),
        ("offset 1e6", 9),
        ("offset 1e8", 3),
        ("offset 1e8", 130),
        ("scale 1e-30", 3),
        ("scale 1e30", 130),
        ("low rank 1e30", 9),
        ("low rank 1e-30", 130),
        ("outlier 1e12", 3),
        ("outlier 1e12", 130),
        ("outlier 1e20", 9),
    ],
)
def test_sparse_equals_brute_force_while_centres_move(name, d):
    run_iterations("sparse", make(name, 700, d, "float64"), None, 7)


@pytest.mark.parametrize("d", WIDTHS)
def test_ragged_shapes(d):
    for n in RAGGED:
        X = make("blobs", n, d, "float32")
        for kind in kinds_for(n, d):
            for k in {1, min(n, 5)}:
                C = some_rows(X, k)
                step = step_for(kind, X, None, grid_for(X))
                stats = step(C)
                expected = brute_labels(X, C)
                np.testing.assert_array_equal(step.labels, expected)
                assert stats.moved == n
                assert step(C).moved == 0
                np.testing.assert_array_equal(stats.counts, np.bincount(expected, minlength=k))
                assert_sums(stats, X, None, expected, k)


@pytest.mark.parametrize("d", [3, 9, 130])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ties_go_to_the_lowest_index(d, dtype):
    """Every centre stands three times, and whole numbers are equally far from several."""
    X = make("grid", 4200, d, dtype)
    C = np.tile(some_rows(X, 11), (3, 1))
    for kind in kinds_for(*X.shape):
        step = step_for(kind, X, None, grid_for(X))
        for centres in (C, C[::-1].copy(), C):
            step(centres)
            assert step.labels.max() < 11
            np.testing.assert_array_equal(step.labels, brute_labels(X, centres))


@pytest.mark.parametrize("k", [31, 32, 33, 64, 300, 1000])
@pytest.mark.parametrize("d", [3, 16])
def test_many_centres(k, d):
    X = make("blobs", 4200, d, "float32")
    for kind in kinds_for(*X.shape):
        step = step_for(kind, X, None, grid_for(X))
        for seed in range(3):
            C = some_rows(X, k, seed) + 1e-3 * seed
            step(C)
            np.testing.assert_array_equal(step.labels, brute_labels(X, C))


@pytest.mark.parametrize("d", [3, 16])
def test_more_centres_than_rows(d):
    X = make("blobs", 20, d, "float32")
    C = some_rows(make("blobs", 500, d, "float32", seed=3), 90)
    np.testing.assert_array_equal(CPU.distances.nearest(X, C)[0], brute_labels(X, C))


@pytest.mark.parametrize("d", [3, 16, 130])
def test_number_of_centres_changes_between_calls(d):
    X = make("low rank", 4200, d, "float32")
    for kind in kinds_for(*X.shape):
        step = step_for(kind, X, None, grid_for(X))
        for k in (5, 12, 3, 3, 7):
            C = some_rows(X, k, k)
            stats = step(C)
            expected = brute_labels(X, C)
            np.testing.assert_array_equal(step.labels, expected)
            assert_sums(stats, X, None, expected, k)


@pytest.mark.parametrize("d", [3, 16])
def test_assign_again_and_again(d):
    X = make("blobs", 4200, d, "float32")
    first, second = some_rows(X, 6, 1), some_rows(X, 6, 2)
    for kind in set(kinds_for(*X.shape)) - {"tree"}:
        step = step_for(kind, X, None, grid_for(X))
        step.assign(first)
        np.testing.assert_array_equal(step.labels, brute_labels(X, first))
        step.assign(second)
        np.testing.assert_array_equal(step.labels, brute_labels(X, second))


def test_bounds_survive_centres_that_stand_still():
    """Bounds are used, hardly moving centres spare most rows, and nothing is lost by that."""
    X = make("blobs", 5000, 16, "float32")
    step = ScreenedStep(X, None, grid_for(X), once=False)
    rng, C, measured = np.random.default_rng(0), some_rows(X, 12), []
    inner = step.screen.assign

    def counted(*arguments):
        found = tuple(inner(*arguments))
        measured.append(found[0])
        return found

    step.screen.assign = counted
    for _ in range(ITERATIONS):
        step(C)
        np.testing.assert_array_equal(step.labels, brute_labels(X, C))
        C = C + 1e-4 * rng.standard_normal(C.shape)
    assert measured[0] == 5000
    assert max(measured[1:]) < 2500


@pytest.mark.parametrize("d", [9, 130])
@pytest.mark.parametrize("size", [1e15, 1e20, 1e21, 1e22, 1e37])
@pytest.mark.parametrize("listed", [False, True])
def test_screen_of_rows_that_an_outlier_scales_to_nothing(monkeypatch, listed, d, size):
    """Squares of the others underflow in float32, where a relative error bound no longer holds."""
    monkeypatch.setattr(screened, "LARGE", 0 if listed else 1 << 62)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4200, d)).astype(np.float32)
    X[7], X[8] = size, -size  # of no weight in the mean
    C = 1e-3 * rng.standard_normal((40, d))  # nearly equal distances
    for dtype in ("float32", "float64"):
        Y = X.astype(dtype)
        for kind in kinds_for(*Y.shape):
            step = step_for(kind, Y, None, grid_for(Y))
            for iteration in range(3):
                step(C * (1 + iteration))
                wrong = np.flatnonzero(step.labels != brute_labels(Y, C * (1 + iteration)))
                assert set(wrong) <= {7, 8}  # from where all centres are one point, in float64


@pytest.mark.parametrize("size", [1e36, 1e40, 1e42, 1e43, 1e44])
def test_bounds_of_rows_that_an_outlier_scales_to_nothing(size):
    """Bounds are float32 too, and round coarsely where numbers are that small."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4200, 9))
    X[7], X[8] = size, -size
    step = step_for("screened", X, None, grid_for(X))
    C = rng.standard_normal((12, 9))
    for _ in range(ITERATIONS):
        step(C)
        assert set(np.flatnonzero(step.labels != brute_labels(X, C))) <= {7, 8}
        C = C + 0.01 * rng.standard_normal(C.shape)


@pytest.mark.parametrize("d", [2, 3, 16])
def test_distances_that_overflow_are_no_crash(d):
    X = make("blobs", 300, d, "float64") * 1e200
    for kind in kinds_for(*X.shape):
        with np.errstate(over="ignore", invalid="ignore"):
            step = step_for(kind, X, None, grid_for(X))
            step.assign(some_rows(X, 4)) if kind != "tree" else step(some_rows(X, 4))
        assert step.labels.min() >= 0
        assert step.labels.max() < 4


# -- exact sums ----------------------------------------------------------------------------------


def weights_of(name, n):
    rng = np.random.default_rng(9)
    if name == "none":
        return None
    if name == "whole":
        return rng.integers(0, 4, n).astype(float)
    if name == "fractions":
        return rng.random(n)
    return np.exp(rng.uniform(-40, 40, n)) * (rng.random(n) > 0.2)


@pytest.mark.parametrize(
    ("name", "d", "weights"),
    [
        ("blobs", 2, "none"),
        ("blobs", 3, "wild"),
        ("blobs", 130, "fractions"),
        ("low rank", 3, "whole"),
        ("low rank", 9, "fractions"),
        ("low rank", 130, "none"),
        ("offset 1e8", 2, "wild"),
        ("offset 1e8", 3, "fractions"),
        ("offset 1e8", 9, "none"),
        ("offset 1e8", 130, "whole"),
        ("outlier 1e12", 2, "fractions"),
        ("outlier 1e12", 3, "none"),
        ("outlier 1e12", 9, "wild"),
        ("outlier 1e12", 130, "wild"),
        ("grid", 2, "whole"),
        ("grid", 3, "fractions"),
        ("grid", 9, "whole"),
        ("grid", 130, "none"),
    ],
)
def test_sums_of_any_split_have_the_same_bits(name, d, weights):
    X = make(name, 4500, d, "float64")
    w = weights_of(weights, len(X))
    grid, C = grid_for(X, w), some_rows(X, 7)
    whole = CPU.kmeans.lloyd_stats(X, w, grid)(C)
    assert isinstance(whole, fixed_point.ExactStats)
    assert_sums(whole, X, w, brute_labels(X, C), 7)
    for cuts in ([], [1], [64, 65], [1000, 1001, 3000], list(range(250, 4500, 250))):
        for once in (False, True):
            total = None
            for a, b in zip([0, *cuts], [*cuts, len(X)], strict=True):
                part = CPU.kmeans.lloyd_stats(
                    X[a:b], None if w is None else w[a:b], grid, once=once
                )(C)
                total = part if total is None else total + part
            assert total.sums.tobytes() == whole.sums.tobytes()
            assert total.counts.tobytes() == whole.counts.tobytes()
            np.testing.assert_array_equal(total.table, whole.table)


@pytest.mark.parametrize("d", [2, 3, 8])
def test_plain_tree_screened_and_sparse_sums_are_the_same_bits(d):
    X = make("grid", 4500, d, "float64") / 8
    w = weights_of("fractions", len(X))
    grid, C = grid_for(X, w), some_rows(X, 6)
    found = [step_for(kind, X, w, grid)(C) for kind in ("plain", "tree", "screened", "sparse")]
    for stats in found[1:]:
        assert stats.sums.tobytes() == found[0].sums.tobytes()
        assert stats.counts.tobytes() == found[0].counts.tobytes()


@pytest.mark.parametrize("d", [3, 16, 130])
@pytest.mark.parametrize("weights", ["none", "wild"])
def test_sums_do_not_remember_earlier_centres(d, weights):
    """Rows that join and leave for many iterations leave nothing behind."""
    X = make("low rank", 4500, d, "float32")
    w = weights_of(weights, len(X))
    grid, rng = grid_for(X, w), np.random.default_rng(0)
    for kind in kinds_for(*X.shape):
        step = step_for(kind, X, w, grid)
        for _ in range(10):
            step(X[rng.integers(0, len(X), 8)].astype(float))
        C = some_rows(X, 8)
        late, early = step(C), step_for(kind, X, w, grid)(C)
        assert late.sums.tobytes() == early.sums.tobytes()
        assert late.counts.tobytes() == early.counts.tobytes()


def test_sums_of_cancelling_terms_are_exact():
    X = np.array([[1e16, 1.0], [1.0, 1e-16], [-1e16, -1.0]])
    stats = CPU.kmeans.lloyd_stats(X, None, grid_for(X))(np.zeros((1, 2)))
    np.testing.assert_array_equal(stats.sums, [[1.0, 1e-16]])


def test_rows_of_no_weight_count_for_nothing():
    X = make("blobs", 4500, 3, "float32")
    w = weights_of("whole", len(X))
    C = some_rows(X, 5)
    with_zeros = CPU.kmeans.lloyd_stats(X, w, grid_for(X, w))(C)
    kept = X[w > 0]
    without = CPU.kmeans.lloyd_stats(kept, w[w > 0], grid_for(X, w))(C)
    assert with_zeros.sums.tobytes() == without.sums.tobytes()
    assert with_zeros.counts.tobytes() == without.counts.tobytes()


@pytest.mark.parametrize("scale", [1e-290, 1e-30, 1e30, 1e140])
def test_sums_of_scaled_weights(scale):
    X = make("blobs", 500, 3, "float64")
    w = weights_of("fractions", len(X)) * scale
    C = some_rows(X, 4)
    stats = CPU.kmeans.lloyd_stats(X, w, grid_for(X, w))(C)
    assert_sums(stats, X, w, brute_labels(X, C), 4)


@pytest.mark.parametrize("kind", ["bytes", "floats"])
@pytest.mark.parametrize(
    ("d", "step_of_weights"),
    [(1, None), (1, 2.0**-48), (2, 1.0), (2, 1 / 3), (3, None), (3, 2.0**-30), (3, 2.0**-48),
     (3, 1 / 3), (5, 1.0), (5, 2.0**-30)],
)  # fmt: skip
def test_tree_sums_of_long_and_short_terms(kind, d, step_of_weights):
    """Sums of whole leaves and of single rows, of terms that fit a float64, 61 bits, or neither."""
    rng = np.random.default_rng([d, 7])
    X = rng.normal(128, 40, (9000, d)).clip(0, 255).astype(np.uint8)
    w = None if step_of_weights is None else rng.integers(1, 50, len(X)) * step_of_weights
    if step_of_weights is not None:
        w[0] = 1.0  # the total stays near, and the digits of the terms are many
    C = some_rows(X, 9) + rng.random((9, d))
    X = X if kind == "bytes" else X.astype(np.float32)
    grid = grid_for(X, w)
    tree, plain = TreeStep(X, w, grid), PlainStep(X, w, grid)
    assert bool(tree.short) == (step_of_weights in (None, 1.0, 2.0**-30))
    assert tree.whole_only == (step_of_weights != 1 / 3)
    steps = [C + 3 * i for i in range(4)] + [C[::-1] + 12, C + 12, C + 12.5, np.roll(C, 2, axis=0)]
    for centers in steps:
        mine, theirs = tree(centers), plain(centers)
        np.testing.assert_array_equal(tree.labels, plain.labels)
        assert mine.moved == theirs.moved
        np.testing.assert_array_equal(mine.table, theirs.table)


@pytest.mark.parametrize("d", [1, 3, 4, 8])
@pytest.mark.parametrize("ordered", [False, True])
def test_bytes_and_floats_make_the_same_tree(d, ordered):
    rng = np.random.default_rng(d)
    X = rng.integers(0, 256, (9000, d)).astype(np.uint8)
    if ordered:
        codes = [sum((int(v) >> b & 1) << (b * d + d - 1 - j) for j, v in enumerate(row)
                     for b in range(8)) for row in X]  # fmt: skip
        X = X[np.array(codes, np.uint64).argsort(kind="stable")]
    grid = grid_for(X)
    found = [TreeStep(Y, None, grid) for Y in (X, X.astype(np.float32))]
    assert [step.order is None for step in found] == [ordered] * 2
    for name in ("start", "stop", "skip", "low", "high", "node_hi", "node_lo", "roots"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))


@pytest.mark.parametrize(("n", "d"), [(1, 1), (5, 1), (21, 3), (22, 3), (200_000, 1), (70_000, 64)])
def test_moments_of_bytes_are_exact(n, d):
    X = np.full((n, d), 255, np.uint8)  # sums of squares as large as they get
    X[::7] = 3
    found = CPU.reductions.summary(X)
    wide = X.astype(np.int64)
    s, q = wide.sum(axis=0), (wide * wide).sum(axis=0)
    np.testing.assert_array_equal(found.largest, X.max(axis=0))
    np.testing.assert_allclose(found.mean, s / n, rtol=1e-15)
    np.testing.assert_allclose(found.variance, (n * q - s * s) / n**2, rtol=1e-15)
    assert found.finite


# -- every primitive on every backend ------------------------------------------------------------


def tolerance(X, C, dtype):
    """What float arithmetic of the dtype may lose of a squared distance by expanded squares."""
    C = np.asarray(C, np.float64)
    about = C.mean(axis=0)
    size = np.sqrt(((X.astype(float) - about) ** 2).sum(axis=1))
    reach = np.sqrt(((C - about) ** 2).sum(axis=1)).max()
    eps = np.finfo(dtype).eps
    shifted = 8 * len(C) * eps * np.abs(C).max()
    return 2 * (X.shape[1] + 8) * eps * (size + reach + shifted) ** 2


SHAPES = [(1, 1, 1), (2, 3, 1), (65, 1, 4), (257, 16, 5), (257, 200, 5), (1000, 3, 31)]
#: Data, (n, d, k) and dtype: each at least twice, and those that are hard together.
CASES = [
    ("blobs", (1, 1, 1), "float32"),
    ("offset 1e4", (1, 1, 1), "float64"),
    ("constant", (2, 3, 1), "float32"),
    ("scale 1e30", (2, 3, 1), "float64"),
    ("blobs", (65, 1, 4), "float64"),
    ("duplicates", (65, 1, 4), "float32"),
    ("offset 1e4", (257, 16, 5), "float32"),
    ("grid", (257, 16, 5), "float64"),
    ("offset 1e4", (257, 200, 5), "float32"),
    ("scale 1e-30", (257, 200, 5), "float64"),
    ("duplicates", (257, 200, 5), "float64"),
    ("scale 1e30", (257, 200, 5), "float32"),
    ("scale 1e-30", (1000, 3, 31), "float32"),
    ("grid", (1000, 3, 31), "float32"),
    ("constant", (1000, 3, 31), "float64"),
]
#: ... and data whose digits are lost where squares are expanded.
HARD_CASES = [
    *CASES,
    ("outlier 1e12", (2, 3, 1), "float32"),
    ("offset 1e8", (65, 1, 4), "float64"),
    ("outlier 1e12", (257, 16, 5), "float64"),
    ("offset 1e8", (257, 200, 5), "float64"),
    ("outlier 1e12", (257, 200, 5), "float32"),
    ("offset 1e8", (1000, 3, 31), "float32"),
]


@pytest.mark.smoke
@pytest.mark.parametrize(("name", "shape", "dtype"), CASES, ids=str)
def test_nearest(xp, name, shape, dtype):
    n, d, k = shape
    X = make(name, n, d, dtype)
    C = some_rows(X, k).astype(dtype)
    labels, squared = kernels_for(xp.xp).distances.nearest(xp.asarray(X), xp.asarray(C))
    assert xp.owns(labels)
    assert xp.owns(squared)
    assert str(labels.dtype).endswith("int32")
    assert str(squared.dtype).endswith("float64")
    labels, squared = xp.to_host(labels), xp.to_host(squared)
    true = brute_squared(X, C)
    own = true[np.arange(n), labels]
    np.testing.assert_allclose(squared, own, rtol=1e-12)
    if xp.name == "numpy":
        np.testing.assert_array_equal(labels, true.argmin(axis=1))
    assert (own - true.min(axis=1) <= tolerance(X, C, dtype)).all()


@pytest.mark.parametrize(
    ("size", "offset"), [(1e3, 0.0), (1e6, 1e3), (1e12, 0.0), (1e12, 1e3), (1e18, 1e3)]
)
def test_one_centre_far_away_leaves_the_others_their_digits(xp, size, offset):
    X = (make("blobs", 800, 3, "float64") + offset).astype("float32")
    C = some_rows(X, 7).astype("float32")
    C[2] = size
    labels, _ = kernels_for(xp.xp).distances.nearest(xp.asarray(X), xp.asarray(C))
    true = brute_squared(X, C)
    own = true[np.arange(800), xp.to_host(labels)]
    assert (own - true.min(axis=1)).max() < 1e-3


@pytest.mark.smoke
def test_nearest_takes_the_lowest_of_equal_centres(xp):
    X = make("grid", 500, 4, "float64")
    C = np.tile(np.array([[1, 1, 0, 0], [-1, -1, 0, 0], [1, -1, 0, 0], [-1, 1, 0, 0]]), (2, 1))
    labels, _ = kernels_for(xp.xp).distances.nearest(xp.asarray(X), xp.asarray(C, dtype=X.dtype))
    np.testing.assert_array_equal(xp.to_host(labels), brute_labels(X, C))


@pytest.mark.parametrize(("name", "shape", "dtype"), HARD_CASES, ids=str)
def test_squared_distances(xp, name, shape, dtype):
    """To several points, and to one that is no row of the dtype."""
    n, d, k = shape
    X = make(name, n, d, dtype)
    C, c = some_rows(X, k).astype(dtype), X[-1].astype(np.float64) + 0.1
    kernels, Y = kernels_for(xp.xp).distances, xp.asarray(X)
    to_all, to_one = (
        kernels.squared_distances(Y, xp.asarray(C)),
        kernels.distances_to(Y, xp.asarray(c)),
    )
    assert xp.owns(to_all)
    assert xp.owns(to_one)
    np.testing.assert_allclose(xp.to_host(to_all), brute_squared(X, C), rtol=1e-12)
    np.testing.assert_allclose(xp.to_host(to_one), brute_squared(X, c[None])[:, 0], rtol=1e-12)


@pytest.mark.parametrize("shape", [*SHAPES, (70_000, 3, 2)], ids=str)
def test_scatter(xp, shape):
    n, d = shape[:2]
    X = make("blobs", n, d, "float32")
    w, c = np.random.default_rng(n).random(n), X[-1].astype(np.float64) + 0.1
    kernels = kernels_for(xp.xp)
    found = kernels.kmeans.scatter(xp.asarray(X), xp.asarray(w), xp.asarray(c))
    assert xp.owns(found)
    expected = w * brute_squared(X, c[None])[:, 0]
    np.testing.assert_allclose(xp.to_host(found).sum(), expected.sum(), rtol=1e-12)
    cut = SCATTER_ROWS
    parts = [
        xp.to_host(kernels.kmeans.scatter(xp.asarray(X[a : a + cut]), xp.asarray(w[a : a + cut]),
                                   xp.asarray(c))) for a in range(0, n, cut)
    ]  # fmt: skip
    np.testing.assert_array_equal(np.concatenate(parts), xp.to_host(found))


@pytest.mark.parametrize(("name", "shape", "dtype"), HARD_CASES, ids=str)
def test_distances(xp, name, shape, dtype):
    n, d, k = shape
    X = make(name, n, d, dtype)
    C = some_rows(X, k).astype(dtype)
    found = kernels_for(xp.xp).distances.distances(xp.asarray(X), xp.asarray(C))
    assert xp.owns(found)
    found, true = xp.to_host(found), brute_squared(X, C)
    if xp.name == "numpy":
        np.testing.assert_allclose(found, np.sqrt(true), rtol=1e-9)
    if found.dtype == np.float32:  # of float32 rows and centres, by differences
        assert dtype == "float32"
        np.testing.assert_allclose(found, np.sqrt(true), rtol=(21 + d / 16) * 2.0**-25)
    else:
        assert (np.abs(found**2 - true).max(axis=1) <= tolerance(X, C, "float64")).all()


@pytest.mark.parametrize(
    ("name", "d", "k", "dtype"),
    [
        ("duplicates", 1, 3, "float32"),
        ("duplicates", 130, 40, "float64"),
        ("grid", 1, 40, "float64"),
        ("grid", 9, 3, "float32"),
        ("constant", 9, 40, "float32"),
        ("constant", 130, 3, "float64"),
        ("offset 1e6", 1, 3, "float64"),
        ("offset 1e6", 9, 40, "float64"),
        ("offset 1e6", 130, 40, "float32"),
        ("offset 1e6", 130, 3, "float64"),
    ],
)
def test_rows_that_equal_a_centre_are_at_distance_zero(xp, d, k, name, dtype):
    X = make(name, 150, d, dtype)
    C = some_rows(X, k).astype(dtype)
    found = xp.to_host(kernels_for(xp.xp).distances.distances(xp.asarray(X), xp.asarray(C)))
    np.testing.assert_array_equal(found == 0, (X[:, None, :] == C[None, :, :]).all(axis=2))


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("blobs", (1, 1), "float64"),
        ("offset 1e8", (1, 1), "float32"),
        ("duplicates", (2, 3), "float32"),
        ("scale 1e30", (2, 3), "float64"),
        ("outlier 1e12", (2, 3), "float32"),
        ("grid", (65, 9), "float64"),
        ("scale 1e-30", (65, 9), "float32"),
        ("zeros", (65, 9), "float32"),
        ("blobs", (257, 200), "float32"),
        ("offset 1e4", (257, 200), "float32"),
        ("offset 1e8", (257, 200), "float64"),
        ("scale 1e30", (257, 200), "float32"),
        ("zeros", (257, 200), "float64"),
        ("constant", (5000, 3), "float32"),
        ("duplicates", (5000, 3), "float64"),
        ("offset 1e4", (5000, 3), "float32"),
        ("offset 1e8", (5000, 3), "float64"),
        ("scale 1e-30", (5000, 3), "float64"),
        ("outlier 1e12", (5000, 3), "float64"),
    ],
    ids=str,
)
def test_summary(xp, name, shape, dtype):
    X = make(name, *shape, dtype)
    found = kernels_for(xp.xp).reductions.summary(xp.asarray(X))
    wide = X.astype(np.float64)
    assert bool(xp.to_host(found.finite))
    mean = np.array([math.fsum(column) / len(X) for column in wide.T])
    variance = np.array([math.fsum(column) / len(X) for column in ((wide - mean) ** 2).T])
    size = np.abs(wide).max(axis=0)
    np.testing.assert_allclose(xp.to_host(found.mean), mean, rtol=1e-11, atol=1e-13 * size.max())
    np.testing.assert_allclose(
        xp.to_host(found.variance), variance, rtol=1e-7, atol=1e-28 * size.max() ** 2
    )
    np.testing.assert_array_equal(xp.to_host(found.largest), size)


@pytest.mark.parametrize("d", [1, 3, 200])
def test_equal_rows_have_no_variance_but_rounding(xp, d):
    row = np.random.default_rng(d).normal(1e9, 1, (1, d))
    for n in (1, 2, 700):
        found = kernels_for(xp.xp).reductions.summary(xp.asarray(np.repeat(row, n, axis=0)))
        np.testing.assert_allclose(xp.to_host(found.mean), row[0], rtol=1e-13)
        np.testing.assert_allclose(xp.to_host(found.variance), 0, atol=(1e-13 * 1e9) ** 2)
        np.testing.assert_array_equal(xp.to_host(found.largest), np.abs(row[0]))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 1), "float32"),
        ((3, 2), "float64"),
        ((70, 9), "float32"),
        ((5000, 3), "float32"),
        ((5000, 3), "float64"),
        ((300, 130), "float64"),
    ],
    ids=str,
)
def test_summary_finds_what_is_not_finite(xp, shape, dtype):
    for place, bad in product({0, shape[0] // 2, shape[0] - 1}, (np.nan, np.inf, -np.inf)):
        X = make("blobs", *shape, dtype)
        X[place, shape[1] - 1] = bad
        assert not bool(xp.to_host(kernels_for(xp.xp).reductions.summary(xp.asarray(X)).finite))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("shape", "once", "weights"),
    [
        ((1, 1, 1), False, "none"),
        ((1, 1, 1), True, "none"),
        ((65, 3, 4), False, "fractions"),
        ((65, 3, 4), True, "none"),
        ((257, 16, 5), False, "whole"),
        ((257, 16, 5), True, "fractions"),
        ((4500, 3, 9), False, "none"),
        ((4500, 3, 9), True, "whole"),
        ((4500, 3, 9), False, "fractions"),
    ],
    ids=str,
)
def test_lloyd_stats(xp, shape, once, weights):
    n, d, k = shape
    X, own = make("blobs", n, d, "float64"), kernels_for(xp.xp)
    w = None if n == 1 else weights_of(weights, n)
    total = n if w is None else w.sum()
    Y = xp.asarray(X)
    grid = own.kmeans.grid(own.reductions.summary(Y), total, n)
    step = own.kmeans.lloyd_stats(Y, None if w is None else xp.asarray(w), grid, once=once)
    previous = np.full(n, -1)
    for seed in (1, 2, 2):
        C = some_rows(X, k, seed)
        stats = step(xp.asarray(C))
        labels = brute_labels(X, C)
        sums, counts = fsums(X, w, labels, k)
        assert xp.owns(step.labels)
        np.testing.assert_array_equal(xp.to_host(step.labels), labels)
        np.testing.assert_allclose(xp.to_host(stats.sums), sums, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(xp.to_host(stats.counts), counts, rtol=1e-13)
        assert int(xp.to_host(stats.moved)) == np.count_nonzero(previous != labels)
        np.testing.assert_allclose(
            xp.to_host(step.distances()), brute_squared(X, C).min(axis=1), rtol=1e-12
        )
        previous = labels


def test_stats_of_two_blocks_add_up(xp):
    X, own = make("blobs", 257, 3, "float64"), kernels_for(xp.xp)
    Y, C = xp.asarray(X), xp.asarray(some_rows(X, 4))
    grid = own.kmeans.grid(own.reductions.summary(Y), 257.0, 257)
    whole = own.kmeans.lloyd_stats(Y, None, grid)(C)
    both = own.kmeans.lloyd_stats(Y[:100, :], None, grid)(C) + own.kmeans.lloyd_stats(
        Y[100:, :], None, grid
    )(C)
    for field in ("sums", "counts"):
        a, b = xp.to_host(getattr(both, field)), xp.to_host(getattr(whole, field))
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert int(xp.to_host(both.moved)) == 257


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 1), "float32"),
        ((4, 3), "float64"),
        ((9, 130), "float32"),
        ((9, 130), "float64"),
        ((300, 2), "float32"),
    ],
    ids=str,
)
def test_update(xp, shape, dtype):
    """Means of the clusters; an empty one stays, and is what the lightest one weighs."""
    k, d = shape
    X, own = make("blobs", 500, d, "float64"), kernels_for(xp.xp)
    w = weights_of("fractions", 500)
    C = some_rows(X, k).astype(dtype)
    C[k // 2 :] = C[0]  # of equal centres, the first gets all rows
    Y, v, start = xp.asarray(X.astype(dtype)), xp.asarray(w), xp.asarray(C)
    stats = own.kmeans.lloyd_stats(Y, v, own.kmeans.grid(own.reductions.summary(Y), w.sum(), 500))(
        start
    )
    new, shift, least = own.kmeans.update(stats, start)
    sums, counts = (np.array(xp.to_host(a), np.float64) for a in (stats.sums, stats.counts))
    wanted = C.astype(np.float64)
    wanted[counts > 0] = sums[counts > 0] / counts[counts > 0, None]
    assert xp.owns(new)
    assert new.dtype == start.dtype
    np.testing.assert_array_equal(xp.to_host(start), C)
    np.testing.assert_allclose(xp.to_host(new), wanted.astype(dtype), rtol=1e-15)
    moved = xp.to_host(new).astype(np.float64) - C
    np.testing.assert_allclose(float(xp.to_host(shift)), (moved**2).sum(), rtol=1e-13)
    assert float(xp.to_host(least)) == counts.min()
    assert (counts == 0).any() == (k > 1)


@pytest.mark.smoke
def test_kernels_do_not_change_their_input(xp):
    X = make("blobs", 300, 9, "float32")
    w, C = weights_of("fractions", 300), some_rows(X, 5).astype(np.float32)
    own, Y, v, E = kernels_for(xp.xp), xp.asarray(X), xp.asarray(w), xp.asarray(C)
    counts = xp.asarray(np.zeros(5))
    grid = own.kmeans.grid(own.reductions.summary(Y), float(w.sum()), 300)
    own.distances.nearest(Y, E)
    own.distances.distances(Y, E)
    own.distances.squared_distances(Y, E)
    own.kmeans.lloyd_stats(Y, v, grid)(E)
    seeds = own.kmeans.seeding(Y, v, None)
    seeds.start(3)
    seeds.grow(np.array([0.1, 0.9]))
    wide = xp.asarray(C.astype(float))
    own.kmeans.minibatch(Y, 5, 40)(np.arange(40), None, wide, counts)
    for array, before in ((Y, X), (v, w), (E, C), (wide, C.astype(float)), (counts, np.zeros(5))):
        np.testing.assert_array_equal(xp.to_host(array), before)


# -- seeding -------------------------------------------------------------------------------------


def seeding_of(kind, X, w):
    grid = grid_for(X, w)
    if kind == "plain":
        return PlainSeeding(X, w)
    if kind == "sparse":
        return sparse.SparseSeeding(csr_matrix(X), w)
    step = step_for(kind, X, w, grid)
    found = CPU.kmeans.seeding(X, w, step)
    assert type(found) is (TreeSeeding if kind == "tree" else ScreenedSeeding)
    return found


def check_seeding(found, X, w, to_host, draws):
    """Each pick is a drawn row, the one that leaves the least sum; the distances stay right."""
    n = len(X)
    weights = np.ones(n) if w is None else w
    found.start(n // 2)
    closest = brute_squared(X, X[[n // 2]])[:, 0]
    for fractions in draws:
        before = np.cumsum(closest * weights)
        row = int(to_host(found.grow(fractions)))
        drawn = np.searchsorted(before, fractions * before[-1], side="right").clip(0, n - 1)
        left = [
            (np.minimum(closest, brute_squared(X, X[[r]])[:, 0]) * weights).sum() for r in drawn
        ]
        if before[-1] > 0:
            assert row in drawn
            own = left[list(drawn).index(row)]
            # candidates are compared by what they take off the sum, in float64
            assert own <= min(left) * (1 + 1e-10) + 1e-14 * before[-1]
        closest = np.minimum(closest, brute_squared(X, X[[row]])[:, 0])
        np.testing.assert_allclose(to_host(found.closest), closest, rtol=1e-11)
    found.add(0)
    closest = np.minimum(closest, brute_squared(X, X[[0]])[:, 0])
    np.testing.assert_allclose(to_host(found.closest), closest, rtol=1e-11)


def draws_for(rounds, trials=4):
    return np.random.default_rng(3).random((rounds, trials))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("n", "weights"),
    [(2, "whole"), (65, "none"), (65, "fractions"), (1025, "whole"), (2100, "none"),
     (2100, "fractions")],
)  # fmt: skip
def test_seeding(xp, n, weights):
    X, w = make("blobs", n, 3, "float64"), weights_of(weights, n)
    if w is not None:
        w[n // 2] += 1  # not all zero
    found = kernels_for(xp.xp).kmeans.seeding(
        xp.asarray(X), None if w is None else xp.asarray(w), None
    )
    check_seeding(found, X, w, xp.to_host, draws_for(min(n - 1, 8)))


@pytest.mark.parametrize(
    ("name", "dtype", "weights"),
    [
        ("blobs", "float32", "none"),
        ("blobs", "float64", "whole"),
        ("duplicates", "float32", "fractions"),
        ("grid", "float64", "none"),
        ("grid", "float32", "whole"),
        ("offset 1e6", "float32", "fractions"),
        ("offset 1e6", "float64", "none"),
        ("scale 1e30", "float32", "whole"),
        ("scale 1e-30", "float32", "fractions"),
        ("outlier 1e12", "float32", "none"),
        ("outlier 1e12", "float64", "fractions"),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "tree", "screened", "projected"])
def test_cpu_seeding(kind, name, dtype, weights):
    d = {"plain": 2, "tree": 3, "screened": 20, "projected": 130}[kind]
    if kind == "projected":
        X = make("low rank", 4200, d, dtype) * (1e30 if name == "scale 1e30" else 1)
        if name == "outlier 1e12":
            X[9] = 1e12
    else:
        X = make(name, 4200, d, dtype)
    w = weights_of(weights, len(X))
    check_seeding(seeding_of(kind, X, w), X, w, np.asarray, draws_for(10))


@pytest.mark.parametrize("size", [1e17, 1e19, 1e20, 1e21, 1e22])
def test_screened_seeding_of_rows_that_an_outlier_scales_to_nothing(size):
    X = np.random.default_rng(0).standard_normal((4200, 20))
    X[2100], X[7], X[8] = 0.0, size, -size
    check_seeding(seeding_of("screened", X, None), X, None, np.asarray, draws_for(10, 3))


@pytest.mark.parametrize("d", [1, 9])
def test_sparse_seeding(d):
    X = make("grid", 900, d, "float64")
    check_seeding(seeding_of("sparse", X, None), X, None, np.asarray, draws_for(6))


@pytest.mark.parametrize("kind", ["plain", "tree", "screened", "sparse"])
def test_seeding_of_constant_rows(kind):
    X = np.full((70, 3), 2.5)
    found = seeding_of(kind, X, None)
    found.start(5)
    for fractions in draws_for(3):
        assert 0 <= found.grow(fractions) < 70
    np.testing.assert_array_equal(found.closest, np.zeros(70))


@pytest.mark.parametrize("trial", [0.0, 1 - 2**-53])
def test_seeding_never_draws_a_row_of_no_weight_or_distance(xp, trial):
    X = np.array([[0.0], [0.0], [1.0], [5.0], [0.0], [9.0], [0.0]])
    w = np.array([1.0, 0.0, 0.0, 2.0, 1.0, 0.0, 1.0])
    found = kernels_for(xp.xp).kmeans.seeding(xp.asarray(X), xp.asarray(w), None)
    found.start(0)
    assert int(xp.to_host(found.grow(np.array([trial])))) == 3


# -- mini-batches --------------------------------------------------------------------------------


def brute_batch(X, rows, w, C, counts):
    batch = X[rows].astype(np.float64)
    squared = brute_squared(batch, C)
    labels = squared.argmin(axis=1)
    w = np.ones(len(rows)) if w is None else w
    gained = np.bincount(labels, w, minlength=len(C))
    new = C.copy()
    for j in np.flatnonzero(gained > 0):
        own = labels == j
        new[j] = (C[j] * counts[j] + (w[own, None] * batch[own]).sum(axis=0)) / (
            counts[j] + gained[j]
        )
    return new, counts + gained, (w * squared.min(axis=1)).sum()


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("size", "d", "weights"),
    [(1, 1, "fractions"), (1, 9, "none"), (65, 1, "whole"), (65, 3, "none"), (65, 130, "fractions"),
     (300, 1, "none"), (300, 3, "fractions"), (300, 9, "whole"), (300, 130, "none")],
)  # fmt: skip
def test_minibatch(xp, size, d, weights):
    X = make("blobs", 500, d, "float64")
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 500, size)
    w = weights_of(weights, size)
    C, counts = some_rows(X, 6), rng.integers(0, 9, 6).astype(float)
    step = kernels_for(xp.xp).kmeans.minibatch(xp.asarray(X), 6, size)
    for _ in range(4):
        expected = brute_batch(X, rows, w, C, counts)
        given = None if w is None else xp.asarray(w)
        found = step(rows, given, xp.asarray(C), xp.asarray(counts))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(xp.to_host(a), b, rtol=1e-10, atol=1e-12)
        C, counts, rows = expected[0], expected[1], rng.integers(0, 500, size)


@pytest.mark.parametrize(
    ("name", "dtype", "d"),
    [
        ("low rank", "float64", 3),
        ("low rank", "float32", 16),
        ("low rank", "float32", 130),
        ("offset 1e6", "float32", 3),
        ("offset 1e6", "float64", 16),
        ("offset 1e6", "float32", 130),
        ("offset 1e6", "float64", 130),
        ("scale 1e30", "float32", 3),
        ("scale 1e30", "float64", 16),
        ("scale 1e30", "float32", 130),
        ("outlier 1e12", "float64", 3),
        ("outlier 1e12", "float32", 16),
        ("outlier 1e12", "float64", 130),
    ],
)
def test_cpu_minibatch_of_many_centres(name, dtype, d):
    X = make(name, 4200, d, dtype)
    rng = np.random.default_rng(0)
    C, counts = some_rows(X, 40), np.zeros(40)
    step = CPU.kmeans.minibatch(X, 40, 512)
    for _ in range(5):
        rows = rng.integers(0, len(X), 512)
        expected = brute_batch(X, rows, None, C, counts)
        found = step(rows, None, C, counts)
        scale = np.abs(X[rows]).max()
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-11, atol=1e-13 * scale)
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_allclose(found[2], expected[2], rtol=1e-10)
        C, counts = expected[:2]


@pytest.mark.parametrize(
    ("name", "dtype", "weights"),
    [
        ("low rank", "float32", "none"),
        ("low rank", "float64", "fractions"),
        ("offset 1e6", "float32", "fractions"),
        ("offset 1e6", "float64", "none"),
        ("outlier 1e12", "float32", "none"),
        ("outlier 1e12", "float64", "fractions"),
        ("grid", "float32", "fractions"),
        ("grid", "float64", "none"),
    ],
)
def test_cpu_minibatch_by_tasks_and_by_clusters(monkeypatch, name, dtype, weights):
    X = make(name, 4200, 130, dtype)
    rng = np.random.default_rng(0)
    C, counts = some_rows(X, 40), np.arange(40.0)
    by_cluster = CPU.kmeans.minibatch(X, 40, 700)
    monkeypatch.setattr(minibatch, "SUMS", 0)
    by_task = CPU.kmeans.minibatch(X, 40, 700)
    for size in (700, 700, 129, 1, 5000):  # the last is of rows that are read in place
        rows, w = rng.integers(0, len(X), size), weights_of(weights, size)
        monkeypatch.setattr(minibatch, "SUMS", 0)
        expected = by_cluster(rows, w, C, counts)
        monkeypatch.setattr(minibatch, "SUMS", 40 * 130)
        found = by_task(rows, w, C, counts)
        scale = np.abs(X[rows]).max()
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-11, atol=1e-13 * scale)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-13)
        assert found[2] == expected[2]
        C, counts = expected[:2]


@pytest.mark.parametrize("name", ["low rank", "offset 1e6", "scale 1e30"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_intervals_of_projected_centres_hold_the_truth(name, dtype):
    X = make(name, 4200, 200, dtype)
    step = CPU.kmeans.minibatch(X, 40, 512)
    s = step.screen
    assert s.Q is not None
    C = some_rows(X, 40) * 0.5 + 0.5 * X.mean(axis=0, dtype=np.float64)
    E, terms = step.centres(C)
    rows = np.arange(0, 4200, 7)
    centred = (X[rows].astype(np.float64) - s.mean) * s.factor
    truth = brute_squared(X[rows].astype(np.float64) * s.factor, C * s.factor)
    truth -= (centred**2).sum(axis=1)[:, None]
    found = terms[0] - 2 * (s.Z[rows].astype(np.float64) @ E.T.astype(np.float64))
    reach = terms[1] + np.outer(s.rest[rows], terms[2]) + np.outer(s.norm[rows], terms[3])
    assert (np.abs(found - truth) <= reach).all()
    # of what the images stand for alone, the rest left aside
    own = centred @ s.Q.astype(np.float64) @ (((C - s.mean) * s.factor) @ s.Q).T
    product = s.Z[rows].astype(np.float64) @ E.T.astype(np.float64)
    assert (2 * np.abs(own - product) <= np.outer(s.norm[rows], terms[3])).all()


def test_projected_centres_whose_norms_underflow():
    """Their squared norms are zero in float32, and what a projection leaves decides."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((200, 200)))[0]
    kept, left = basis[:, 0], basis[:, 100]
    half = np.empty((2048, 200))
    half[::2] = rng.standard_normal((1024, 8)) @ basis[:, :8].T
    half[1::2] = 1e-9 * (left - 0.5 * kept)
    # in every fourth row, which the mean is found from, each has its opposite next to it
    pairs = half.reshape(512, 1, 4, 200) * np.array([1.0, -1.0])[:, None, None]
    X = pairs.reshape(4096, 200).astype(np.float32)
    C = X[::8][:40].astype(np.float64)
    C[3], C[5] = -1e-23 * (left + kept), 1e-23 * (left + kept)
    step = CPU.kmeans.minibatch(X, 40, 512)
    assert step.screen.Q is not None
    assert not step.screen.mean.any()
    rows = np.arange(1, 4096, 8)
    assert (brute_squared(X[rows].astype(np.float64), C).argmin(axis=1) == 5).all()
    assert step(rows, None, C, np.zeros(40))[1][5] == len(rows)


@pytest.mark.parametrize(
    ("d", "weights"),
    [(1, "fractions"), (3, "none"), (3, "fractions"), (9, "none"), (130, "fractions")],
)
def test_minibatch_labels(xp, d, weights):
    X, w = make("blobs", 9000, d, "float64"), weights_of(weights, 9000)
    C = some_rows(X, 6)
    step = kernels_for(xp.xp).kmeans.minibatch(xp.asarray(X), 6, 100)
    labels, inertia = step.label(xp.asarray(C), None if w is None else xp.asarray(w))
    assert labels.dtype == xp.xp.int32
    squared = brute_squared(X, C)
    np.testing.assert_array_equal(xp.to_host(labels), squared.argmin(axis=1))
    least = squared.min(axis=1) if w is None else w * squared.min(axis=1)
    np.testing.assert_allclose(float(xp.to_host(inertia)), least.sum(), rtol=1e-12)


def colors(name, n):
    rng = np.random.default_rng(0)
    if name == "all white":
        return np.full((n, 3), 255, np.uint8)
    if name == "few":
        return rng.integers(0, 256, (50, 3)).astype(np.uint8)[rng.integers(0, 50, n)]
    return rng.integers(0, 256, (n, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "k", "where"),
    [
        ("all white", 1, "fractions"),
        ("all white", 40, "whole"),
        ("all white", 256, "near"),
        ("few", 1, "outside"),
        ("few", 5, "whole"),
        ("few", 40, "near"),
        ("few", 256, "far"),
        ("many", 1, "whole"),
        ("many", 5, "far"),
        ("many", 5, "outside"),
        ("many", 40, "fractions"),
        ("many", 40, "outside"),
        ("many", 256, "whole"),
        ("many", 256, "near"),
        ("many", 256, "fractions"),
    ],
)
def test_labels_of_many_colors(monkeypatch, name, k, where):
    """By a table of all colours; blocks are as full of the largest sums as can be."""
    X = colors(name, 2 * labelling.COLORS + labelling.BLOCK + 5)
    rng = np.random.default_rng(1)
    C = {
        "whole": rng.integers(0, 4, (k, 3)) * 64.0,  # many are equally near
        "fractions": 256 * rng.random((k, 3)),
        "outside": rng.normal(128, 300, (k, 3)),
        "far": np.concatenate([[[99.5, 5.25, 0.0]], np.full((k - 1, 3), 1e30)]),
        "near": X[rng.integers(0, len(X), k)] + 2.0**-20,
    }[where]
    monkeypatch.setattr(labelling, "MANY", 0)
    table = CPU.kmeans.minibatch(X, k, 100).label(C, None)
    monkeypatch.setattr(labelling, "MANY", math.inf)
    rows = CPU.kmeans.minibatch(X, k, 100).label(C, None)
    labels, squared = PlainStep(X, None, None), brute_squared(X[:3000].astype(np.float64), C)
    labels.assign(C)
    for found, _ in (table, rows):
        np.testing.assert_array_equal(found, labels.labels)
        np.testing.assert_array_equal(found[:3000], squared.argmin(axis=1))
    exact_sum = math.fsum(labels.squared.tolist())
    np.testing.assert_allclose([table[1], rows[1]], exact_sum, rtol=1e-12)


@pytest.mark.parametrize(
    ("d", "dtype", "size"),
    [
        (1, "uint8", 130),
        (1, "float64", 1),
        (2, "float32", 2500),
        (2, "uint8", 1),
        (3, "uint8", 2500),
        (3, "float32", 130),
        (3, "float64", 2500),
        (5, "float32", 1),
        (5, "float64", 130),
        (5, "uint8", 2500),
        (8, "uint8", 130),
        (8, "float32", 2500),
        (8, "float64", 1),
    ],
)  # 2500 rows are more than lie in a cache together
def test_cpu_walk_is_steps(d, dtype, size):
    X = np.clip(30 * make("blobs", 5000, d, "float64") + 120, 0, 255).astype(dtype)
    rng = np.random.default_rng(0)
    groups = [rng.integers(0, 5000, (m, size)) for m in (1, 3, 2, 0, 0)]
    C, counts = some_rows(X, 7).astype(np.float64), np.zeros(7)
    step, left = CPU.kmeans.minibatch(X, 7, size), iter(groups)
    walk = step.walk(lambda most: next(left)[:most])
    for group in groups[:3]:
        walked = walk(C, counts)
        assert len(walked.inertia) == len(group)
        for found in zip(*walked, strict=True):
            C, counts, inertia = step(group[0], None, C, counts)
            group = group[1:]
            assert found[0].tobytes() == C.tobytes()
            assert found[1].tobytes() == counts.tobytes()
            assert found[2] == inertia


def test_cpu_minibatch_keeps_little_of_large_batches():
    X = np.zeros((200_000, 3), np.uint8)
    rows, C = np.arange(len(X)), np.zeros((2, 3))
    step = CPU.kmeans.minibatch(X, 2, len(X))
    step(rows[:5], None, C, np.zeros(2))
    tracemalloc.start()
    try:
        step(rows, None, C, np.zeros(2))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert X.nbytes <= peak < X.nbytes + 200_000


def test_a_draw_that_fails_ends_the_walk():
    X = make("blobs", 500, 3, "float64")
    groups = iter([np.zeros((2, 30), np.int64)] * 2)

    def draw(most):
        found = next(groups, None)
        if found is None:
            raise ValueError("nothing is left")
        return found

    walk = CPU.kmeans.minibatch(X, 4, 30).walk(draw)
    with pytest.raises(ValueError, match="nothing is left"):
        walk(some_rows(X, 4), np.zeros(4))


@pytest.mark.parametrize("k", [6, 2000])
def test_sparse_minibatch_equals_dense(k):
    X = make("offset 1e8", 500, 9, "float64")
    rows = np.random.default_rng(0).integers(0, 500, 300)
    C, counts = some_rows(X, k), np.arange(float(k))
    w = np.random.default_rng(1).random(300)
    dense = CPU.kmeans.minibatch(X, k, 300)(rows, w, C, counts)
    found = CPU.kmeans.minibatch(csr_matrix(X), k, 300)(rows, w, C, counts)
    for a, b in zip(found[:2], dense[:2], strict=True):
        np.testing.assert_array_equal(a, b)
    assert found[2] == pytest.approx(dense[2], rel=1e-10)


# -- the generic kernels define the others -------------------------------------------------------


@pytest.mark.parametrize("d", [3, 20])
def test_cpu_kernels_equal_the_generic_ones(d):
    X = make("blobs", 4500, d, "float64")
    C = some_rows(X, 8)
    labels, squared = generic_distances.nearest(X, C)
    found, found_squared = CPU.distances.nearest(X, C)
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_allclose(found_squared, squared, rtol=1e-12)
    np.testing.assert_allclose(
        CPU.distances.distances(X, C), generic_distances.distances(X, C), rtol=1e-9, atol=1e-6
    )
    a, b = CPU.kmeans.lloyd_stats(X, None, grid_for(X))(C), generic_kmeans.lloyd_stats(X, None)(C)
    np.testing.assert_allclose(a.sums, b.sums, rtol=1e-11, atol=1e-10)
    np.testing.assert_array_equal(a.counts, b.counts)
    draws = draws_for(12)
    tuned = CPU.kmeans.seeding(X, None, CPU.kmeans.lloyd_stats(X, None, grid_for(X)))
    plain = generic_kmeans.seeding(X, None)
    tuned.start(0)
    plain.start(0)
    assert [tuned.grow(f) for f in draws] == [int(plain.grow(f)) for f in draws]


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("n", [300, 9000])  # below and above what makes a tree
def test_whole_numbers_are_read_as_floats_are(n, d, weights):
    rng = np.random.default_rng([n, d])
    stored = rng.integers(0, 256, (n, d)).astype(np.uint8)
    w = rng.integers(0, 9, n).astype(np.float64) if weights else None
    total = float(n) if w is None else float(w.sum())
    found = []
    for X in (stored, stored.astype(np.float32)):
        summary = CPU.reductions.summary(X)
        step = CPU.kmeans.lloyd_stats(X, w, CPU.kmeans.grid(summary, total, n))
        seeding = CPU.kmeans.seeding(X, w, step)
        seeding.start(7)
        picked = [seeding.grow(np.array([0.1, 0.5, 0.9])) for _ in range(4)]
        C = stored[picked].astype(np.float64) + 0.25
        first, second = step(C), step(C + 3.5)
        one = (
            CPU.distances.distances_to(X, C[0]),
            CPU.distances.squared_distances(X, C),
            step.distances(),
        )
        stats = first.sums, first.counts, second.sums, second.moved, step.labels
        found.append(
            [summary.finite, summary.largest, picked, *stats, *one, *CPU.distances.nearest(X, C)]
        )
        np.testing.assert_allclose(summary.mean, stored.mean(axis=0, dtype=float), rtol=1e-15)
        np.testing.assert_allclose(summary.variance, stored.var(axis=0, dtype=float), rtol=1e-13)
    for stored_value, float_value in zip(*found, strict=True):
        np.testing.assert_array_equal(stored_value, float_value)
