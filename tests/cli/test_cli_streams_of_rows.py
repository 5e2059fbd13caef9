"""`clusterx fit` and `predict` on files larger than free memory, which are read block by block."""

import io
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from rich.console import Console

from clusterx import Blocks, MiniBatchKMeans, load_model
from clusterx.cli import ExitCode, clustering, labels, progress
from clusterx.cli.progress import passes_shown
from clusterx.rows import blocks, mapped


def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3000, 3)) + 9 * (np.arange(3000) % 3)[:, None]


@pytest.fixture
def files(run):
    """A file of NumPy and a folder of Parquet with the same rows, and their labels."""
    X = rows()
    np.save("a.npy", X)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame.to_csv("a.csv", index=False)
    Path("parts").mkdir()
    for part in range(3):
        frame[part * 1000 : part * 1000 + 1000].to_parquet(f"parts/{part}.parquet", index=False)
    for name, options in (("l", []), ("s", ["-s"])):
        args = ["fit", "a.csv", "-k", 3, "-o", f"{name}.npy", "-m", f"{name}.clusterx", "-q"]
        assert run(*args, *options).exit_code == ExitCode.OK
    return X


@pytest.fixture
def no_memory(files, monkeypatch):
    monkeypatch.setattr(mapped, "SMALL", 0)
    monkeypatch.setattr(mapped, "available_memory", lambda: 0)
    with sklearn.config_context(working_memory=0.1):
        yield


@pytest.mark.parametrize("data", ["a.npy", "parts"])
@pytest.mark.parametrize("standardize", [False, True])
def test_larger_than_memory(run, no_memory, data, standardize):
    name = "s" if standardize else "l"
    options = ["-s"] if standardize else []
    result = run("fit", data, "-k", 3, "-o", "f.npy", "-m", "f.clusterx", "--json", *options)
    assert result.exit_code == ExitCode.OK, result.output
    assert f"{data}: 3,000 rows are more than free memory, and are read block" in result.stderr
    np.testing.assert_array_equal(np.load("f.npy"), np.load(f"{name}.npy"))
    assert json.loads(result.stdout)["rows"] == 3000
    found = run("predict", data, "-m", f"{name}.clusterx", "-o", "p.npy", "-q")
    assert found.exit_code == ExitCode.OK, found.output
    np.testing.assert_array_equal(np.load("p.npy"), np.load(f"{name}.npy"))
    found = run("predict", data, "-m", "f.clusterx", "-o", "p.csv", "-q")
    assert found.exit_code == ExitCode.OK, found.output
    assert pd.read_csv("p.csv")["cluster"].tolist() == np.load("f.npy").tolist()


def test_first_centers_are_chosen_among_drawn_rows(run, no_memory, monkeypatch):
    monkeypatch.setattr(clustering, "START_VALUES", 900)
    result = run("fit", "a.npy", "-k", 3, "-o", "f.npy", "-m", "f.clusterx")
    assert result.exit_code == ExitCode.OK, result.output
    assert "the first centres are chosen among 300 rows drawn at random" in result.stderr
    pairs = set(zip(np.load("f.npy").tolist(), np.load("l.npy").tolist(), strict=True))
    assert len(pairs) == 3
    assert load_model("f.clusterx").init == "k-means++"


def test_folders_of_parquet_in_memory(run, files):
    assert run("fit", "parts", "-k", 3, "-o", "f.npy", "-q").exit_code == ExitCode.OK
    np.testing.assert_array_equal(np.load("f.npy"), np.load("l.npy"))


def test_chosen_columns_and_models_without_centers(run, no_memory):
    for data, columns in (("a.npy", "2,0"), ("parts", "c,a")):
        args = ["-c", columns, "-o", f"{data}-labels.npy", "-q", "-a", "birch", "-k", 3]
        result = run("fit", data, *args, "-p", "threshold=2.0")
        assert result.exit_code == ExitCode.OK, result.output
    np.testing.assert_array_equal(np.load("a.npy-labels.npy"), np.load("parts-labels.npy"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--with-data", "-o", "f.csv"], "--with-data: parts is larger than free memory"),
        (["--weights", "a"], "--weights: parts is larger"),
        (["--plot", "p.png"], "--plot: parts is larger"),
        (["--drop-missing"], "--drop-missing: parts is larger"),
        (["-a", "dbscan"], "DBSCAN takes rows in memory"),
    ],
)
def test_what_needs_memory(run, no_memory, options, message):
    result = run("fit", "parts", *options)
    assert result.exit_code == ExitCode.USAGE
    assert message in result.stderr


@pytest.fixture
def pieces(monkeypatch):
    """Labels are written a few at a time."""
    monkeypatch.setattr(labels, "_PART", 700)


@pytest.mark.parametrize("output", ["f.csv", "f.tsv", "f.parquet", "f.npy", "-"])
def test_labels_are_written_in_parts(run, no_memory, pieces, output):
    result = run("fit", "parts", "-k", 3, "-o", output, "-q")
    assert result.exit_code == ExitCode.OK, result.output
    expected = np.load("l.npy").tolist()
    if output == "f.npy":
        assert np.load(output).tolist() == expected
        return
    frame = (
        pd.read_parquet(output)
        if output == "f.parquet"
        else pd.read_csv(
            io.StringIO(result.stdout) if output == "-" else output,
            sep="\t" if output == "f.tsv" else ",",
        )
    )
    assert frame["row"].tolist() == list(range(3000))
    assert frame["cluster"].tolist() == expected


def test_probabilities_in_parts(run, no_memory, pieces):
    args = ["-a", "gaussian-mixture", "-k", 3, "-p", "init_params=random_from_data"]
    for name, data in (("memory", "a.csv"), ("parts", "parts")):
        out = ["-o", f"{name}.parquet", "-m", f"{name}.clusterx", "-q", "--probabilities"]
        result = run("fit", data, *args, *out)
        assert result.exit_code == ExitCode.OK, result.output
    expected = pd.read_parquet("memory.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet("parts.parquet"), expected)
    out = ["-o", "p.parquet", "-q", "--probabilities"]
    assert run("predict", "parts", "-m", "parts.clusterx", *out).exit_code == ExitCode.OK
    pd.testing.assert_frame_equal(pd.read_parquet("p.parquet"), expected)


@pytest.mark.parametrize("command", ["fit", "predict"])
def test_an_interrupted_command_leaves_no_file(run, no_memory, pieces, monkeypatch, command):
    part_of, count, done = labels.part_of, labels.count, []

    def interrupted(function):
        def call(*given):
            done.append(1)
            if len(done) == 3:
                raise KeyboardInterrupt
            return function(*given)

        return call

    monkeypatch.setattr(labels, "part_of", interrupted(part_of))
    monkeypatch.setattr("clusterx.cli.predict.count", interrupted(count))
    there = sorted(os.listdir())
    options = ["-k", 3] if command == "fit" else ["-m", "l.clusterx"]
    result = run(command, "a.npy", *options, "-o", "f.csv", "-q")
    assert result.exit_code == ExitCode.INTERRUPTED
    assert sorted(os.listdir()) == there


def traced(run, *args):
    """The most memory that Python and NumPy held during the command, in bytes."""
    tracemalloc.start()
    result = run(*args)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.exit_code == ExitCode.OK, result.output
    return peak


@pytest.mark.parametrize("output", ["f.npy", "f.parquet"])
def test_memory_does_not_grow_with_the_rows(run, no_memory, monkeypatch, output):
    monkeypatch.setattr(clustering, "START_VALUES", 1 << 10)
    monkeypatch.setattr(labels, "_PART", 1 << 13)
    # what takes a fixed amount, which would hide what grows
    monkeypatch.setattr(blocks, "SUMMARY_VALUES", 1 << 12)
    monkeypatch.setattr("clusterx.cli.fit.silhouette_of", lambda *_: 0.0)
    monkeypatch.setattr("clusterx.cli.fit.SILHOUETTE_ROWS", 300)
    X = np.tile(rows()[:, :2].astype(np.float32), (100, 1))
    for name, n in (("small", 100_000), ("large", 300_000)):
        np.save(f"{name}.npy", X[:n])
    del X
    for args in (["fit", "-k", 3, "-p", "max_iter=2"], ["predict"]):
        files = ["-m", "f.clusterx", "-o", output, "-q", "-f"]
        traced(run, *args, "small.npy", *files)  # loads what there is to load
        small, large = (traced(run, *args, f"{name}.npy", *files) for name in ("small", "large"))
        assert large - small < 0.5 * 200_000  # a label has four bytes
    found = np.load(output) if output == "f.npy" else pd.read_parquet(output)["cluster"]
    assert np.bincount(found).tolist() == [100_000] * 3
    assert not hasattr(load_model("f.clusterx"), "labels_")


def test_bar_of_batches(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, legacy_windows=False)
    with passes_shown(console, "MiniBatchKMeans", quiet=False):
        model = MiniBatchKMeans(3, max_iter=3, max_no_improvement=None, random_state=0)
        model.fit(rows())
    assert model.n_iter_ == 3
    assert "MiniBatchKMeans, pass 3" in file.getvalue()
    assert "rows/s" in file.getvalue()


def test_bar_of_passes():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, legacy_windows=False)
    data = Blocks([rows()[:1000], rows()[1000:]])
    with passes_shown(console, "KMeans", quiet=False):
        list(data)
        list(data)
    assert "KMeans, pass 2" in file.getvalue()
    assert "rows/s" in file.getvalue()
    written = len(file.getvalue())
    with passes_shown(console, "KMeans", quiet=True):
        list(data)
    list(data)
    assert len(file.getvalue()) == written
