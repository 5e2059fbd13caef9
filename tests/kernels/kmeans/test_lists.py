"""Lists of near centres, which spare rows that no centre came nearer to."""

import numpy as np
import pytest

from clusterx.kernels.kmeans.cpu import screened
from clusterx.kernels.kmeans.cpu.screened import ScreenedStep
from tests.data import make, some_rows
from tests.kernels.brute import brute_labels
from tests.kernels.kmeans.iterations import MANY_COLUMNS, PROJECTED, grid_for, run_iterations


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


def test_lists_outlive_a_projection_that_is_dropped(lists):
    X = make("low rank", 4200, 130, "float32")
    step, C = ScreenedStep(X, None, grid_for(X), single_use=False), some_rows(X, 30)
    step(C)
    assert step.screen.Q is not None
    step.screen._take_all()
    step.lists.forget_images()
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
    step, near = ScreenedStep(X, None, grid_for(X), single_use=False), some_rows(X, 20)
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
    step, rng, found = (
        ScreenedStep(X, None, grid_for(X), single_use=False),
        np.random.default_rng(1),
        [],
    )
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
    step = ScreenedStep(X, None, grid_for(X), single_use=False)
    for shift in (0.0, 0.5, 0.001):
        step(C + shift)
        np.testing.assert_array_equal(step.labels, brute_labels(X, C + shift))
        assert (step.labels % 3 == 0).all()


def test_few_rows_or_centres_have_no_lists():
    for n, k, has in ((3000, 70, False), (70_000, 64, False), (70_000, 65, True)):
        X = make("blobs", n, 9, "float32")
        step = ScreenedStep(X, None, grid_for(X), single_use=False)
        step(some_rows(X, k))
        assert (step.lists is not None) == has
