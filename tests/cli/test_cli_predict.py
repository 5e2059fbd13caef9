"""`clusterx predict`: rows of a file assigned to the clusters of a saved model."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest

from clusterx import KMeans, load_model
from clusterx.cli import ExitCode

NUMBERS = ["age", "annual_income", "spending_score"]
FIT = ["fit", "customers.csv", "-k", 3, "-q", "--columns", ",".join(NUMBERS)]


def done(result):
    assert result.exit_code == ExitCode.OK, result.output
    return result


def test_predictions_are_the_labels_of_fit(run, customers):
    done(run(*FIT, "-s", "-o", "labels.csv", "-m", "m.clusterx"))
    found = done(run("predict", "customers.csv", "-m", "m.clusterx", "-o", "found.csv"))
    assert found.stderr == ""
    assert "m.clusterx, KMeans" in found.stdout
    pd.testing.assert_frame_equal(pd.read_csv("found.csv"), pd.read_csv("labels.csv"))
    # columns are found by their names, others don't matter
    pd.read_csv("customers.csv")[[*NUMBERS[::-1], "name"]].to_parquet("other.parquet")
    told = done(run("predict", "other.parquet", "-m", "m.clusterx", "-o", "found.npy", "--json"))
    np.testing.assert_array_equal(np.load("found.npy"), pd.read_csv("labels.csv")["cluster"])
    facts = json.loads(told.stdout)
    assert (facts["rows"], facts["algorithm"], facts["output"]) == (150, "KMeans", "found.npy")
    assert sum(c["rows"] for c in facts["clusters"]) == 150
    out = done(run("predict", "customers.csv", "-m", "m.clusterx", "-o", "-", "--with-data", "-q"))
    assert out.stdout.splitlines()[0] == "row,cluster,customer_id,name,age,annual_income," + (
        "spending_score"
    )


def test_probabilities(run, customers):
    done(run(*FIT, "-a", "gaussian-mixture", "-o", "l.csv", "--probabilities", "-m", "m.clusterx"))
    done(run("predict", "customers.csv", "-m", "m.clusterx", "-o", "p.csv", "--probabilities"))
    pd.testing.assert_frame_equal(pd.read_csv("p.csv"), pd.read_csv("l.csv"))


def test_arrays_without_names(run):
    X = np.random.default_rng(0).normal(size=(50, 3))
    np.save("a.npy", X)
    done(run("fit", "a.npy", "-k", 2, "-m", "m.clusterx", "-o", "l.npy", "-q"))
    done(run("predict", "a.npy", "-m", "m.clusterx", "-o", "f.npy", "-q"))
    np.testing.assert_array_equal(np.load("f.npy"), np.load("l.npy"))
    np.save("b.npy", X[:, :2])
    found = run("predict", "b.npy", "-m", "m.clusterx", "-o", "g.npy")
    assert found.exit_code == ExitCode.USAGE
    assert "has 2 columns, and the model was fitted with 3" in found.stderr


def test_columns_that_do_not_fit(run, customers):
    done(run(*FIT, "-m", "m.clusterx"))
    for option, message in (
        (["-c", "annual_income,age,spending_score"], "was fitted with age, annual_income, spend"),
        (["-c", "age"], "columns are found by their names"),
    ):
        found = run("predict", "customers.csv", "-m", "m.clusterx", "-o", "f.csv", *option)
        assert found.exit_code == ExitCode.USAGE
        assert message in found.stderr
    customers[["age", "name"]].to_csv("few.csv", index=False)
    found = run("predict", "few.csv", "-m", "m.clusterx", "-o", "f.csv")
    assert found.exit_code == ExitCode.USAGE
    assert "few.csv has no column 'annual_income'" in found.stderr
    assert "--model: was fitted with age, annual_income, spending_score" in found.stderr


def test_pickles_are_read_if_they_are_trusted(run, customers, tmp_path):
    model = KMeans(3, random_state=0).fit(customers[NUMBERS])
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    found = run("predict", "customers.csv", "-m", "m.pkl", "-o", "f.npy")
    assert found.exit_code == ExitCode.UNREADABLE
    assert "add --trust-pickle: reading it runs any code" in found.stderr
    done(run("predict", "customers.csv", "-m", "m.pkl", "-o", "f.npy", "--trust-pickle", "-q"))
    np.testing.assert_array_equal(np.load("f.npy"), model.labels_)
    (tmp_path / "m.pkl").write_bytes(b"\x80")
    found = run("predict", "customers.csv", "-m", "m.pkl", "-o", "g.npy", "--trust-pickle")
    assert found.exit_code == ExitCode.UNREADABLE
    assert "cannot be unpickled" in found.stderr


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["-m", "none.clusterx", "-o", "f.csv"], ExitCode.MISSING, "there is no such file"),
        (["-m", "m.clusterx", "-o", "f.txt"], ExitCode.USAGE, "clusters are written as"),
        (["-m", "m.clusterx", "-o", "customers.csv"], ExitCode.USAGE, "is the input too"),
        (["-m", "m.clusterx", "-o", "f.csv", "--probabilities"], ExitCode.USAGE, "KMeans has none"),
        (["-m", "tree.clusterx", "-o", "f.csv"], ExitCode.USAGE, "can't assign new rows"),
        (["-m", "cut.clusterx", "-o", "f.csv"], ExitCode.UNREADABLE, "is no model that clusterx"),
        (["-m", "m.clusterx", "-o", "-", "--json"], ExitCode.USAGE, "would both write to stdout"),
    ],
)
def test_what_is_refused(run, customers, tmp_path, options, status, message):
    done(run(*FIT, "-m", "m.clusterx"))
    done(run(*FIT, "-a", "agglomerative", "-m", "tree.clusterx"))
    (tmp_path / "cut.clusterx").write_bytes((tmp_path / "m.clusterx").read_bytes()[:900])
    found = run("predict", "customers.csv", *options)
    assert found.exit_code == status, found.output
    assert message in found.stderr


def test_fit_writes_no_pickles(run, customers, tmp_path):
    found = run(*FIT, "-m", "m.pkl")
    assert found.exit_code == ExitCode.USAGE
    assert "Let the name end in .clusterx" in found.stderr
    done(run(*FIT, "-m", "m.clusterx"))
    assert isinstance(load_model("m.clusterx"), KMeans)
