"""The CPU's prepared steps find exactly the nearest centre, the lowest index among equal ones."""

import numpy as np
import pytest

from clusterx.kernels.cpu.screening import image
from clusterx.kernels.kmeans import Within
from clusterx.kernels.kmeans.cpu import screened
from clusterx.kernels.kmeans.cpu.screened import ScreenedStep
from tests.data import WIDE_DATA, make, some_rows
from tests.kernels.brute import CPU, brute_labels
from tests.kernels.kmeans.iterations import (
    FEW_COLUMNS,
    ITERATIONS,
    MANY_COLUMNS,
    PROJECTED,
    RAGGED,
    WIDTHS,
    assert_sums,
    grid_for,
    kinds_for,
    run_iterations,
    step_for,
    weights_of,
)


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


@pytest.mark.parametrize(
    ("name", "dtype", "k"),
    [*((*case, 17) for case in PROJECTED), ("blobs", "float32", 2), ("low rank", "float64", 2)],
)
def test_screen_by_the_images_of_other_rows_equals_brute_force(name, dtype, k):
    step = run_iterations("within", make(name, 4200, 130, dtype), None, k)
    if name == "low rank":
        # the projection of a step that was prepared for any number of centres
        assert step.screen.Q.shape == (130, image.PROJECTION)


def test_projections_that_hold_little_of_the_variance_of_some_rows_are_not_shared():
    rng = np.random.default_rng(0)
    X = make("low rank", 5000, 200, "float32") * 100
    X[::5] = rng.normal(size=(1000, 200))
    rows = np.arange(0, 5000, 5)
    whole = ScreenedStep(X, None, grid_for(X), single_use=False)
    assert whole.screen.Q is not None
    center = X[rows].mean(axis=0, dtype=np.float64)
    within = Within(whole, rows, center, ((X[rows] - center) ** 2).sum(axis=1))
    step = ScreenedStep(X[rows], None, grid_for(X[rows]), single_use=False, within=within)
    assert step.screen.Q is None


def test_projections_about_a_point_off_the_mean_are_not_shared():
    """All distances of the row far out are equal in float64."""
    X = make("outlier 1e20", 4200, 130, "float64")
    whole = ScreenedStep(X, None, grid_for(X), single_use=False)
    center = np.median(X, axis=0)
    within = Within(whole, np.arange(4200), center, ((X - center) ** 2).sum(axis=1))
    step = ScreenedStep(X, None, grid_for(X), single_use=False, within=within)
    C = some_rows(X, 17)
    step(C)
    np.testing.assert_array_equal(step.labels, brute_labels(X, C))


def test_two_centres_are_screened_by_fewer_columns():
    step = run_iterations("projected", make("low rank", 4200, 130, "float32"), None, 2)
    assert step.screen.Q.shape == (130, image.PROJECTION_FOR_TWO)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["low rank", "low rank 1e30", "low rank 1e-30"])
def test_low_rank_rows_are_projected(name, dtype):
    X = make(name, 5000, 200, dtype)
    step = ScreenedStep(X, None, grid_for(X), single_use=False)
    assert step.screen.Q is not None
    assert ScreenedStep(X, None, grid_for(X), single_use=True).screen.Q is None


def test_rows_without_structure_are_not_projected():
    X = make("normal", 5000, 200, "float32")
    assert ScreenedStep(X, None, grid_for(X), single_use=False).screen.Q is None


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
                assert stats.n_changed == n
                assert step(C).n_changed == 0
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
    step = ScreenedStep(X, None, grid_for(X), single_use=False)
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


@pytest.mark.parametrize("d", [3, 8, 9, 64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weights", ["none", "fractions"])
def test_steps_that_rest_give_the_bits_of_those_that_do_not(d, dtype, weights):
    n, k = (16_000, 70) if d == 64 else (5000, 60)  # lists, and no plain steps
    X = make("blobs", n, d, dtype)
    w, rng = weights_of(weights, n), np.random.default_rng(0)
    grid = grid_for(X, w)
    parts = [slice(0, n - 100), slice(n - 100, None)]  # the last one is too short to be kept
    steps = [
        CPU.kmeans.lloyd_stats(X[part], None if w is None else w[part], grid, k=k, rests=True)
        for part in parts
    ]
    whole = CPU.kmeans.lloyd_stats(X, w, grid, k=k)
    C = some_rows(X, k).astype(np.float64)
    for iteration in range(6):
        expected, total = whole(C), None
        for part, step in zip(parts, steps, strict=True):
            own = None if w is None else w[part]
            found = step(C)
            total = found if total is None else total + found
            np.testing.assert_array_equal(step.labels, whole.labels[part])
            np.testing.assert_array_equal(step.distances(), whole.distances()[part])
            if step.rest():
                assert step.X is None
                step.labels = step.labels.copy()
                step.resume(X[part].copy(), own)
        assert total.table.tobytes() == expected.table.tobytes()
        assert total.n_changed == expected.n_changed
        C = C + rng.normal(0, 0.3 / (1 + iteration), C.shape)
        C[0] = C[1] if iteration == 3 else C[0]  # a tie
    assert steps[0].rest()
