"""Tables that hold something else than numbers are refused, and the column is named."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.cluster import AgglomerativeClustering

from clusterx import Blocks, KMeans, MiniBatchKMeans, k_means, kmeans_plusplus, metrics, sweep
from clusterx.plotting import (
    ClusterBoundaryDisplay,
    ClusterScatterDisplay,
    SilhouetteDisplay,
)
from clusterx.selection import silhouette_scorer

DAYS = pd.to_datetime(["2024-01-01", "2024-01-02", None, "2024-06-01"])
FULL = DAYS.fillna(pd.Timestamp("2024-03-02"))
LABELS = [0, 0, 1, 1]


def beside(column):
    """A frame with a column of numbers before the other."""
    return pd.DataFrame({"height": [1.0, 2, 3, 5], "seen": column})


def beside_in_polars(column, dtype=None):
    seen = pl.Series("seen", column, dtype=dtype)
    return pl.DataFrame({"height": [1.0, 2, 3, 5]}).with_columns(seen)


DATES = {
    "datetime": beside(DAYS),
    "only dates": beside(DAYS)[["seen"]],
    "aware": beside(DAYS.tz_localize("Europe/Berlin")),
    "timedelta": beside(DAYS - DAYS[0]),
    "period": beside(FULL.to_period("M")),
    "arrow timestamp": beside(pd.Series(DAYS).astype("timestamp[ns][pyarrow]")),
    "arrow date": beside(pd.Series(FULL.date, dtype=pd.ArrowDtype(pa.date32()))),
    "arrow duration": beside(pd.Series(FULL - FULL[0]).astype("duration[ns][pyarrow]")),
    "categories": beside(pd.Categorical(FULL)),
    "objects of Python": beside(pd.Series(FULL.to_pydatetime(), dtype=object)),
    "objects of NumPy": beside(pd.Series([np.timedelta64(1, "s")] * 4, dtype=object)),
    "polars Date": beside_in_polars([*FULL.date[:3], None]),
    "polars Date only": beside_in_polars(FULL.date).select("seen"),
    "polars Datetime": beside_in_polars(FULL.to_pydatetime()),
    "polars Duration": beside_in_polars([dt.timedelta(i) for i in range(4)]),
    "polars Time": beside_in_polars([dt.time(i) for i in range(4)]),
    "pyarrow": pa.table({"height": [1.0, 2, 3, 5], "seen": list(FULL.date)}),
}


@pytest.mark.parametrize("X", DATES.values(), ids=DATES)
def test_dates_are_refused_by_the_name_of_their_column(X):
    with pytest.raises(TypeError, match=r"Input X of KMeans must hold real numbers.*'seen'"):
        KMeans(2).fit(X)


@pytest.mark.parametrize(
    "X",
    [
        [[day] for day in FULL.to_numpy()],
        [[day - FULL.to_numpy()[0], 1.0] for day in FULL.to_numpy()],
        FULL.to_numpy().reshape(-1, 1),
        np.array([[np.datetime64("2024-01-01"), 1.0]] * 4, dtype=object),
        pd.Series(DAYS),
        pl.Series(list(FULL.date)),
    ],
    ids=["list", "mixed list", "array", "objects", "pandas Series", "polars Series"],
)
def test_dates_without_a_name_are_refused(X):
    with pytest.raises(
        TypeError, match=r"Input X of KMeans must hold real numbers, got .*([Dd]ate|ti)"
    ):
        KMeans(2).fit(X)


fitted = KMeans(2, random_state=0).fit(beside([1.0, 2, 3, 5]))
ENTRIES = {
    "fit": lambda X: MiniBatchKMeans(2).fit(X),
    "partial_fit": lambda X: MiniBatchKMeans(2).partial_fit(X),
    "fit_predict": lambda X: KMeans(2).fit_predict(X),
    "predict": fitted.predict,
    "transform": fitted.transform,
    "score": fitted.score,
    "k_means": lambda X: k_means(X, 2),
    "kmeans_plusplus": lambda X: kmeans_plusplus(X, 2),
    "sweep": lambda X: sweep(KMeans(), X, [2]),
    "gap": lambda X: sweep(KMeans(), X, [2], metrics="gap"),
    "sweep of another library": lambda X: sweep(AgglomerativeClustering(), X, [2]),
    "scorer": lambda X: silhouette_scorer(fitted, X),
    "silhouette": lambda X: metrics.silhouette_score(X, LABELS),
    "silhouettes": lambda X: metrics.silhouette_samples(X, LABELS),
    "simplified": lambda X: metrics.simplified_silhouette_score(X, LABELS),
    "calinski_harabasz": lambda X: metrics.calinski_harabasz_score(X, LABELS),
    "davies_bouldin": lambda X: metrics.davies_bouldin_score(X, LABELS),
    "dunn": lambda X: metrics.dunn_index(X, LABELS),
    "blocks": lambda X: Blocks([X, X]),
    "callable": lambda X: Blocks(lambda: iter([X])),
    "weights": lambda X: KMeans(2).fit(np.eye(4), sample_weight=X),
    "init": lambda X: KMeans(4, init=X).fit(np.eye(4)),
    "scatter": lambda X: ClusterScatterDisplay.from_predictions(X, LABELS),
    "scatter of a model": lambda X: ClusterScatterDisplay.from_estimator(fitted, X),
    "boundary": lambda X: ClusterBoundaryDisplay.from_estimator(fitted, X),
    "silhouette display": lambda X: SilhouetteDisplay.from_predictions(X, LABELS),
    "centers": lambda X: ClusterScatterDisplay.from_predictions(np.eye(2), [0, 1], centers=X),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_way_in_names_the_column(entry):
    for X in (beside(DAYS), DATES["polars Duration"]):
        with pytest.raises(TypeError, match=r"must hold real numbers.* in column 'seen'"):
            entry(X)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_way_in_wants_lazy_frames_collected(entry):
    lazy = r"LazyFrame.*(its collect\(\) first|into arrays)|an array or a callable; got <LazyFrame"
    with pytest.raises((TypeError, ValueError), match=lazy):
        entry(DATES["polars Date"].lazy())


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (beside(list("1NA4")), r"'seen', of dtype (str|object), has 'N' in row 1"),
        (beside(pd.Categorical(["NATO", "EU"] * 2)), r"'seen', of dtype category, has 'NATO' in"),
        (beside(pd.Series([1, "x", 2, 3], dtype=object)), r"'seen', of dtype object, has 'x' in"),
        (beside(pd.Series([1, 2, pd.NA, 3], dtype=object)), r"'seen'.*has <NA> in row 2"),
        (beside(pd.interval_range(0, 4)), r"'seen', of dtype interval.*Interval\(0, 1"),
        (beside([1j, 2, 3, 4]), "Complex data not supported: column 'seen' has dtype complex128"),
        (beside_in_polars(list("abcd")), r"'seen', of dtype String, has 'a' in row 0"),
        (beside_in_polars([[1], [2], [3], [4]]), r"'seen', of dtype List\(Int64\)"),
        (pd.DataFrame(), r"has 0 feature\(s\)"),
        (np.zeros(4, dtype=[("a", float), ("b", int)]), "must hold real numbers: Cannot cast"),
    ],
    ids=str,
)
def test_other_columns_are_refused_by_name(X, message):
    with pytest.raises((TypeError, ValueError), match=message):
        KMeans(2).fit(X)
    with pytest.raises((TypeError, ValueError), match=message):
        metrics.silhouette_score(X, LABELS)


MISSING = {
    "Int64": beside(pd.array([1, 2, None, 3], dtype="Int64")),
    "Float64": beside(pd.array([1, 2, None, 3], dtype="Float64")),
    "boolean": beside(pd.array([True, False, None, True], dtype="boolean")),
    "arrow": beside(pd.Series([1, 2, None, 3], dtype="int64[pyarrow]")),
    "None": beside(pd.Series([1, 2, None, 3], dtype=object)),
    "polars": beside_in_polars([1, 2, None, 3]),
    "polars Boolean": beside_in_polars([True, False, None, True]),
}


@pytest.mark.parametrize("X", MISSING.values(), ids=MISSING)
def test_the_place_of_a_missing_value_is_named(X):
    place = r"Input X contains NaN[\s\S]*The first is in row 2, column 'seen'\."
    for entry in (KMeans(2).fit, ENTRIES["silhouette"], ENTRIES["sweep of another library"]):
        with pytest.raises(ValueError, match=place):
            entry(X)
    with pytest.raises(ValueError, match="The first is in row 0, column 1"):
        KMeans(2).fit([[1.0, np.inf], [2.0, 3.0]])


@pytest.mark.parametrize(
    "column",
    [
        [Decimal("1.5"), Decimal(2), Decimal(3), Decimal(4)],
        pd.array([1.5, 2, 3, 4], dtype="Float64"),
        pd.Categorical([1.5, 2.0, 3.0, 4.0]),
        pd.Series([1.5, 2, 3, 4], dtype="double[pyarrow]"),
        pd.Series([1.5, 2, 3, 4], dtype=object),
        ["1.5", "2", "3", "4"],
    ],
    ids=["Decimal", "Float64", "category", "arrow", "object", "text"],
)
def test_columns_of_numbers_are_taken(column):
    expected = KMeans(2, random_state=0).fit(beside([1.5, 2, 3, 4]))
    found = KMeans(2, random_state=0).fit(beside(column))
    np.testing.assert_array_equal(found.cluster_centers_, expected.cluster_centers_)
    blocks = Blocks([beside(column)[:2], beside(column)[2:]])
    found = KMeans(2, random_state=0).fit(blocks)
    np.testing.assert_allclose(found.cluster_centers_, expected.cluster_centers_)


def test_masked_rows_in_a_list_are_refused():
    X = [np.ma.masked_array([1.0, 2.0], mask=[False, True]), np.ma.masked_array([3.0, 4.0])]
    for entry in (KMeans(1).fit, ENTRIES["blocks"], lambda X: metrics.dunn_index(X, [0, 1])):
        with pytest.raises(ValueError, match="masked array with masked values"):
            entry(X)


def test_names_of_columns_that_are_words_for_time_are_taken():
    names = ["date", "time", "duration"]
    assert KMeans(2).fit(pd.DataFrame(np.eye(3), columns=names)).n_features_in_ == 3
    assert KMeans(2).fit(pl.DataFrame(np.eye(3), schema=names)).n_features_in_ == 3


def test_blocks_of_other_columns_are_refused():
    frame = beside([1.0, 2, 3, 5])
    for blocks in (
        [frame, frame[["seen", "height"]]],
        lambda: iter([frame, frame.add_suffix("2")]),
    ):
        with pytest.raises(ValueError, match=r"different columns: \['height', 'seen'\], and"):
            Blocks(blocks)
    assert Blocks([frame, frame.to_numpy()]).n == 8
