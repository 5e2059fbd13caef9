"""`clusterx fit` and `predict` on files larger than free memory, which are read block by block."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from rich.console import Console

from clusterx import Blocks
from clusterx.cli import ExitCode
from clusterx.cli.progress import passes_shown
from clusterx.rows import mapped


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


def test_bar_of_passes():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, legacy_windows=False)
    blocks = Blocks([rows()[:1000], rows()[1000:]])
    with passes_shown(console, "KMeans", quiet=False):
        list(blocks)
        list(blocks)
    assert "KMeans, pass 2" in file.getvalue()
    assert "rows/s" in file.getvalue()
    written = len(file.getvalue())
    with passes_shown(console, "KMeans", quiet=True):
        list(blocks)
    list(blocks)
    assert len(file.getvalue()) == written
