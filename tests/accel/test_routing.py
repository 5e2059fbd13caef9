"""The table decides, and what loading costs; losses end."""

import json
import math

import pytest

from bench.accel import PACKAGED, RESULTS, packaged
from bench.accel_cases import CASES
from clusterx.accel import compiled, loading, measured, routing
from clusterx.accel.routing import Size

#: rows, columns, clusters, iterations, seconds of scikit-learn and of clusterx
TABLE = {
    "fast": (
        *((100, 2, 1, 1, 0.001, 0.002), (10_000, 2, 1, 1, 0.1, 0.02)),
        *((100, 50, 1, 1, 0.004, 0.001), (10_000, 50, 1, 1, 0.4, 0.1)),
    ),
    "steps": ((1000, 10, 8, 4, 0.010, 0.020), (1000, 10, 8, 24, 0.030, 0.025)),
}


@pytest.fixture(autouse=True)
def table(monkeypatch, tmp_path):
    monkeypatch.setattr(routing, "TABLE", TABLE)
    monkeypatch.setattr(routing, "LOAD", {"fast": 0.2, "steps": 0.2})
    monkeypatch.setattr(routing, "COMPILE", {"fast": 5.0})
    monkeypatch.setattr(routing, "IMPORT", 0.3)
    monkeypatch.setattr(routing, "is_compiled", lambda key: True)
    monkeypatch.setattr(routing, "note_compiled", lambda key: None)
    monkeypatch.setattr(compiled, "_folder", lambda: tmp_path)
    monkeypatch.setattr(routing, "_used", set())
    monkeypatch.setattr(loading, "is_loaded", lambda: False)
    routing.forget()
    yield
    routing.forget()


def test_measured_times_are_found_again_and_others_lie_between():
    for rows, columns, clusters, _, theirs, ours in TABLE["fast"]:
        times = routing.expected("fast", Size(rows, columns, clusters))
        assert times[:2] == pytest.approx((theirs, ours))
        assert times[2:] == (rows, columns, clusters, True)
    times = routing.expected("fast", Size(1000, 2))
    assert times.scikit_learn == pytest.approx(0.01)
    assert times.clusterx == pytest.approx(math.sqrt(0.002 * 0.02))
    assert not times.near  # ten times as many rows were measured, and a tenth
    assert routing.expected("fast", Size(1000, 30)).columns == 50


def test_times_beyond_the_table_grow_at_least_as_the_rows():
    assert routing.expected("fast", Size(100_000, 2)).scikit_learn == pytest.approx(1.0)
    assert routing.expected("fast", Size(100_000, 2)).clusterx == pytest.approx(0.2)
    assert routing.expected("fast", Size(1, 2)).scikit_learn == pytest.approx(1e-5)


def test_times_of_iterations_lie_on_a_line():
    few, many = (routing.expected("steps", Size(1000, 10, 8), i) for i in (4, 44))
    assert few[:2] == pytest.approx((0.010, 0.020))
    assert many[:2] == pytest.approx((0.050, 0.030))
    assert routing.expected("steps", Size(1000, 10, 8, repeats=3), 4).clusterx == pytest.approx(
        0.06
    )


def test_what_was_not_measured_or_is_no_faster_stays():
    assert "was not measured" in routing.reason("unknown", Size(1000, 2))
    assert routing.reason("fast", Size(100, 2)) == "scikit-learn is about as fast at 100 x 2"
    assert routing.reason("fast", Size(0, 2)) == "the data are empty"


def test_a_call_that_saves_less_than_loading_costs_stays_until_many_have():
    size = Size(10_000, 2)  # saves 0.08 s, and loading takes 0.5
    assert "than loading clusterx costs" in routing.reason("fast", size)
    assert routing.pending("fast") == pytest.approx(0.5)
    for _ in range(5):
        assert routing.reason("fast", size)
        routing.left("fast", size, 0.1)
    assert routing.reason("fast", Size(100_000, 2)) is None  # saves 0.8 s
    routing.left("fast", size, 0.1)
    assert routing.reason("fast", size) is None
    routing.taken("fast", size, 0.02, None)
    routing.forget()
    assert routing.reason("fast", size) is None  # it is loaded


def test_a_first_run_has_to_be_worth_compiling(monkeypatch):
    monkeypatch.setattr(routing, "is_compiled", lambda key: False)
    assert routing.pending("fast") == pytest.approx(5.3)
    assert routing.reason("fast", Size(100_000, 2))


def test_scripts_that_run_again_and_again_get_compiled_kernels(monkeypatch, tmp_path):
    monkeypatch.setattr(routing, "is_compiled", lambda key: False)
    monkeypatch.setattr(routing, "COMPILE", {"fast": 5.05})
    size = Size(100_000, 2)  # saves 0.8 s of which loading takes 0.5
    for run in range(16):
        assert "compiling" in routing.reason("fast", size), run
        routing.left("fast", size, 1.0)
        routing.keep_unsaved()
    assert compiled.unsaved("fast") == pytest.approx(16 * 0.3)
    assert routing.pending("fast") == pytest.approx(0.55)
    assert routing.reason("fast", size) is None
    assert routing.reason("fast", Size(10_000, 2))  # does not even save what loading takes


def test_predicting_loads_what_fitting_does(monkeypatch):
    monkeypatch.setattr(routing, "LOAD", {"A.fit full": 0.4, "A.fit": 0.2, "A.predict": 0.01})
    assert routing.pending("A.predict") == pytest.approx(0.7)
    routing._used.add("A.fit")
    assert routing.pending("A.predict") == pytest.approx(0.31)


def test_losses_end():
    size = Size(1000, 10, 8)
    big = Size(1000, 10, 8, repeats=100)
    # at the iterations that are expected clusterx is faster, at four it takes twice as long
    table = {"steps": ((1000, 10, 8, 4, 0.01, 0.02), (1000, 10, 8, 24, 0.09, 0.025))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing, "TABLE", table)
        assert routing.reason("steps", big) is None
        assert routing.taken("steps", size, 0.08, 4) == pytest.approx(0.01)
        assert routing.reason("steps", big) is None
        routing.taken("steps", size, 0.08, 4)
        assert routing.reason("steps", big) == "calls like it were slower than expected"


def test_estimates_are_the_lesser_of_ratio_and_measured_time():
    assert routing.taken("fast", Size(20_000, 2), 0.01, None) == pytest.approx(0.05)
    assert routing.taken("fast", Size(20_000, 2), 0.50, None) == pytest.approx(0.2)
    assert routing.taken("fast", Size(1_000_000, 2), 0.05, None) is None  # nothing near
    assert routing.taken("unknown", Size(20_000, 2), 0.05, None) is None


def test_the_package_has_what_was_measured():
    results = json.loads(RESULTS.read_text())
    assert PACKAGED.read_text() == packaged(results)
    assert set(measured.LOAD) == set(measured.TABLE) == {case.key for case in CASES}
