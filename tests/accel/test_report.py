"""The report says what ran where; what it does not know it leaves out."""

import json
from time import perf_counter

import pytest

from clusterx.accel import loading, routing, running
from clusterx.accel.models import AcceleratedMeta
from clusterx.accel.records import RECORDS, Call
from clusterx.accel.reporting import report
from clusterx.accel.routing import Size

from .models import rows, user_class


@pytest.fixture(autouse=True)
def clear():
    RECORDS.clear()
    yield
    RECORDS.clear()


def call(name="KMeans.fit", where="clusterx", size=(10_000, 10, 8), why=""):
    return Call(name, name, Size(*size), where, why)


def test_nothing_ran():
    assert str(report()) == "clusterx.accel: no call that clusterx could take."
    assert report().saved == 0


def test_rows_add_up_calls_of_one_kind_and_the_longest_is_first(monkeypatch):
    monkeypatch.setattr(routing, "TABLE", {"KMeans.fit": ((20_000, 10, 8, 1, 0.4, 0.1),)})
    RECORDS.add(call(), 0.5, 0.3, 0.8)
    RECORDS.add(call(), 0.25, 0.0, 1.0)
    RECORDS.add(call("DBSCAN.fit", "scikit-learn", why="metric is a function"), 0.1)
    found = report()
    assert [row.call for row in found.rows] == ["KMeans.fit", "DBSCAN.fit"]
    assert found.rows[0].calls == 2
    assert found.rows[0].scikit_learn == pytest.approx(1.8)
    assert found.saved == pytest.approx(1.05)
    text = str(found)
    assert "by times at 20,000 x 10, 8 clusters" in text
    assert "metric is a function" in text
    assert "2 calls on clusterx: 0.75 s, of which 0.3 s loading it. 1 on scikit-learn: 0.1" in text
    assert "Time saved: at least about 1.05 s." in text
    assert "No estimate" not in text
    assert json.loads(json.dumps(found.to_dict()))["saved"] == pytest.approx(1.05)


def test_losses_are_said():
    RECORDS.add(call(), 0.5, 0.45, 0.1)
    assert "Time lost: about 0.4 s, because clusterx had to be loaded." in str(report())


def test_calls_without_a_measured_ratio_have_no_estimate():
    RECORDS.add(call(), 0.5, 0.0, None)
    RECORDS.add(call(), 0.5, 0.0, 3.0)  # of calls together only part is known
    RECORDS.add(call("Birch.fit"), 0.2, 0.0, 0.3)
    found = report()
    assert found.rows[0].scikit_learn is None
    assert found.saved == pytest.approx(0.1)
    assert "No estimate for 2 calls on clusterx" in str(found)


def test_many_kinds_of_calls_are_cut_off():
    for n in range(60):
        RECORDS.add(call(size=(1000 + n, 2, 1)), 1.0)
    assert "and 20 more kinds of calls, 20 s" in str(report())


def test_times_are_those_of_the_calls(installed, monkeypatch):
    X = rows()
    KMeans = user_class("KMeans")
    assert type(KMeans) is AcceleratedMeta
    model = KMeans(4, random_state=0, n_init=20)
    started = perf_counter()
    model.fit(X)
    inside = perf_counter() - started
    (row,) = report().rows
    assert row.calls == 1
    assert row.shape == "240 x 3"
    assert 0.5 * inside < row.seconds <= inside
    assert 0 <= row.loading <= row.seconds


def test_calls_within_calls_are_not_counted_again(installed, ran):
    user_class("GaussianMixture")(2, random_state=0).fit(rows())  # fits k-means first
    user_class("Birch")(n_clusters=user_class("AgglomerativeClustering")(2)).fit(rows())
    assert ran() == {"clusterx": ["GaussianMixture.fit", "Birch.fit"]}


def test_loading_before_the_work_counts(monkeypatch):
    clock = iter([10.0, 13.0, 17.0, 20.0, 20.5, 21.0, 22.0])
    monkeypatch.setattr(running, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(routing, "reason", lambda key, size: None)

    def load():  # while it is asked whether clusterx takes the call
        loading._current[-1].seconds += 2.0

    running.run("a", "a", Size(5, 2), load, lambda: None, lambda: None)
    assert [total.seconds for total in RECORDS.totals.values()] == [3.0]
    assert [total.loading for total in RECORDS.totals.values()] == [2.0]
    RECORDS.clear()
    # clusterx fails after three seconds, and scikit-learn takes half of one
    running.run("a", "a", Size(5, 2), lambda: None, lambda: 1 / 0, lambda: None)
    ((called, total),) = RECORDS.totals.items()
    assert called.where == "scikit-learn"
    assert (total.seconds, total.loading) == (3.5, 3.0)
