"""`clusterx fit`: files of clusters, models and pictures, and what is said of them."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

import clusterx
from clusterx import KMeans, load_model
from clusterx.cli import ExitCode, clustering, fit
from clusterx.metrics import adjusted_rand_score

NUMBERS = ["age", "annual_income", "spending_score"]
CHOSEN = ["customers.csv", "--columns", ",".join(NUMBERS), "-s", "-k", 3]


def facts(result):
    assert result.exit_code == ExitCode.OK, result.output
    return json.loads(result.stdout)


def test_labels_model_picture_and_table(run, customers, tmp_path):
    result = run("fit", *CHOSEN, "-o", "labels.csv", "--model", "m.clusterx", "--plot", "out.png")
    assert (result.exit_code, result.stderr) == (ExitCode.OK, "")
    labels = pd.read_csv("labels.csv")
    assert list(labels.columns) == ["row", "cluster"]
    assert labels["row"].tolist() == list(range(150))
    assert adjusted_rand_score(customers.attrs["kind"], labels["cluster"].to_numpy()) == 1
    scaled = StandardScaler().fit_transform(customers[NUMBERS])
    model = KMeans(3, random_state=0).fit(scaled)
    assert labels["cluster"].tolist() == model.labels_.tolist()
    pipeline = load_model("m.clusterx")
    assert pipeline.predict(customers[NUMBERS]).tolist() == model.labels_.tolist()
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    text = " ".join(result.stdout.split())
    for size, share in [(40, "26.7%"), (60, "40.0%"), (50, "33.3%")]:
        assert f"{size} {share}" in text
    for name in NUMBERS:
        assert name in text
    assert "customers.csv, 150 rows, 3 columns" in text
    assert f"{model.inertia_:.6g}, of the standardised columns" in text
    assert f"silhouette {silhouette_score(scaled, model.labels_):.4f}" in text
    assert "backend numpy on cpu" in text
    for stage in ("read", "fit", "silhouette", "write"):
        assert stage in text


def test_json(run, customers):
    found = facts(run("fit", *CHOSEN, "-o", "labels.csv", "--json"))
    labels = pd.read_csv("labels.csv")["cluster"].to_numpy()
    assert found["algorithm"] == "KMeans"
    assert found["parameters"]["n_clusters"] == 3
    assert found["columns"] == NUMBERS
    assert found["output"] == {"labels": "labels.csv", "model": None, "plot": None}
    for cluster in found["clusters"]:
        own = customers[NUMBERS][labels == cluster["cluster"]]
        assert cluster["rows"] == len(own)
        assert cluster["share"] == pytest.approx(len(own) / 150)
        assert cluster["center"] == pytest.approx(own.mean().to_dict())
    assert (found["rows"], found["silhouette_rows"]) == (150, 150)
    assert set(found["seconds"]) == {"read", "fit", "silhouette", "write"}


def test_defaults(run, tmp_path):
    """Without options: k-means of all columns, nothing written."""
    X = np.random.default_rng(0).normal(size=(50, 2))
    pd.DataFrame(X, columns=["a", "b"]).to_csv("x.csv", index=False)
    found = facts(run("fit", "x.csv", "--json"))
    model = KMeans(random_state=0).fit(X)
    assert found["inertia"] == model.inertia_  # numbers are read to the last bit
    assert len(found["clusters"]) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]
    assert "without -k, KMeans makes 8 clusters." in run("fit", "x.csv").stderr
    for options in (["-k", 3], ["-p", "n_clusters=3"], ["-a", "dbscan"], ["-q"]):
        assert run("fit", "x.csv", *options).stderr == ""


def test_quiet(run, customers):
    assert run("fit", *CHOSEN, "-q", "-o", "labels.csv").output == ""
    assert len(pd.read_csv("labels.csv")) == 150


def test_clusters_on_stdout(run, customers):
    result = run("fit", *CHOSEN, "-o", "-")
    lines = result.stdout.splitlines()
    assert lines[0] == "row,cluster"
    assert len(lines) == 151
    assert "silhouette" in result.stderr


def test_csv_from_stdin(run, customers, tmp_path):
    data = (tmp_path / "customers.csv").read_bytes()
    result = run("fit", "-", *CHOSEN[1:], "-o", "-", stdin=data)
    assert result.stdout == run("fit", *CHOSEN, "-o", "-").stdout
    assert "stdin, 150 rows" in result.stderr


def test_with_data(run, customers):
    assert run("fit", *CHOSEN, "-o", "all.csv", "--with-data", "-q").exit_code == ExitCode.OK
    found = pd.read_csv("all.csv", dtype=str, keep_default_na=False)
    assert list(found.columns) == ["row", "cluster", *customers.columns]
    # what only passes through is as it was written
    assert found["customer_id"].tolist() == customers["customer_id"].tolist()
    assert found["name"].tolist() == customers["name"].tolist()
    np.testing.assert_array_equal(found["age"].astype(int), customers["age"])
    np.testing.assert_array_equal(found["annual_income"].astype(float), customers["annual_income"])
    assert run("fit", *CHOSEN, "-o", "all.parquet", "--with-data").exit_code == ExitCode.OK
    assert list(pd.read_parquet("all.parquet").columns) == list(found.columns)


AS_WRITTEN = (
    "plz;preis;seit;notiz\n"
    '00501;1,10;2024-01-01;"a; b"\n'
    '10115;2,50;;"say ""hi"""\n'
    '80331;30,00;01.02.2024;"two\nlines"\n'
    '04109;2,90;;"1,5"\n'
)


def test_with_data_leaves_columns_as_they_are_written(run, tmp_path):
    (tmp_path / "a.csv").write_text(AS_WRITTEN)
    options = ["a.csv", "-c", "preis", "-k", 2, "--with-data", "-o"]
    result = run("fit", *options, "b.csv")
    assert result.stderr == "clusterx: a.csv: read with --delimiter ';' --decimal ','.\n"
    read = {"dtype": str, "keep_default_na": False}
    expected = pd.read_csv("a.csv", sep=";", **read)
    found = pd.read_csv("b.csv", **read)
    pd.testing.assert_frame_equal(found[expected.columns], expected)
    assert "00501" in (tmp_path / "b.csv").read_text()
    assert run("fit", *options, "b.parquet", "-q").exit_code == ExitCode.OK
    typed = pd.read_parquet("b.parquet")
    assert typed["preis"].tolist() == [1.1, 2.5, 30, 2.9]
    assert typed["plz"].tolist() == expected["plz"].tolist()


def test_rows_with_missing_values_are_dropped(run, tmp_path):
    (tmp_path / "a.csv").write_text("a,b,c\n1,2,x\nNA,3,\n4,-,z\n5,6,\n7,#DIV/0!,v\n 8 ,9,w\n")
    result = run("fit", "a.csv", "-c", "a,b", "-k", 2)
    assert result.exit_code == ExitCode.UNREADABLE
    assert "'a' has 1 missing value, the first in row 1 (the top row is 0). Drop" in result.stderr
    assert "--drop-missing" in result.stderr
    options = ["a.csv", "-c", "a,b", "-k", 2, "--drop-missing"]
    result = run("fit", *options, "--with-data", "-o", "b.csv")
    assert "3 of 6 rows have missing values, and were dropped" in result.stderr
    found = pd.read_csv("b.csv", dtype=str, keep_default_na=False)
    assert found["row"].tolist() == ["0", "3", "5"]
    assert found["c"].tolist() == ["x", "", "w"]
    assert facts(run("fit", *options, "--json"))["rows"] == 3
    assert run("fit", *options, "-o", "b.npy").exit_code == ExitCode.USAGE
    X = np.array([[1.0, 2], [np.nan, 3], [4, 5], [9, 9]])
    np.save("x.npy", X)
    pd.DataFrame(X, columns=["a", "b"]).to_parquet("x.parquet")
    for name in ("x.npy", "x.parquet"):
        assert run("fit", name, "-k", 2, "--drop-missing", "-o", "c.csv", "-f").exit_code == 0
        assert pd.read_csv("c.csv")["row"].tolist() == [0, 2, 3]
        assert run("fit", name, "-k", 2).exit_code == ExitCode.UNREADABLE
    (tmp_path / "a.csv").write_text("a,b,c\n1,,2\n2,,\n4,,5\n")
    result = run("fit", "a.csv", "-k", 2, "--drop-missing")
    assert "column 'b' has 3 missing values" in result.stderr
    (tmp_path / "a.csv").write_text("a,b\n1,\n,2\n")
    assert "every row has a missing value" in run("fit", "a.csv", "--drop-missing").stderr


def test_formats_of_output(run, customers):
    for name in ("a.csv", "a.tsv", "a.parquet", "A.NPY", "new/folder/a.csv"):
        assert run("fit", *CHOSEN, "-o", name, "-q").exit_code == ExitCode.OK
    labels = np.load("A.NPY")
    assert labels.dtype == np.int32
    assert pd.read_csv("a.csv")["cluster"].tolist() == labels.tolist()
    assert pd.read_csv("a.tsv", sep="\t")["cluster"].tolist() == labels.tolist()
    assert pd.read_parquet("a.parquet")["cluster"].tolist() == labels.tolist()


def test_model_without_standardising(run, customers):
    columns = ["age", "spending_score"]
    run("fit", "customers.csv", "-c", ",".join(columns), "-k", 3, "-m", "m.clusterx", "-q")
    model = load_model("m.clusterx")
    assert isinstance(model, KMeans)
    assert list(model.feature_names_in_) == columns
    assert model.predict(customers[columns]).tolist() == model.labels_.tolist()


def test_parameters(run, customers):
    options = ["-p", "n_init=3", "-p", "init=random", "-p", "tol = 1e-3", "--param", "max_iter=50"]
    found = facts(run("fit", *CHOSEN, *options, "--seed", 5, "--json"))["parameters"]
    assert (found["n_init"], found["init"], found["tol"]) == (3, "random", 1e-3)
    assert (found["max_iter"], found["random_state"]) == (50, 5)
    found = facts(run("fit", *CHOSEN, "-p", "random_state=7", "--json"))["parameters"]
    assert found["random_state"] == 7


def test_algorithms_are_the_public_ones(run, customers, monkeypatch):
    names = clustering.algorithms()
    assert {"kmeans", "mini-batch-kmeans"} <= set(names)
    assert set(names.values()) <= {getattr(clusterx, name) for name in clusterx.__all__}
    for name in ("minibatch-kmeans", "MiniBatchKMeans", "mini-batch-kmeans"):
        assert facts(run("fit", *CHOSEN, "-a", name, "--json"))["algorithm"] == "MiniBatchKMeans"


def test_algorithms_of_other_kinds(run, customers, monkeypatch):
    """One without centres, that has noise and no number of clusters; one that predicts only."""
    from sklearn.cluster import DBSCAN, AgglomerativeClustering
    from sklearn.mixture import GaussianMixture

    kinds = [DBSCAN, AgglomerativeClustering, GaussianMixture]
    for kind in kinds:
        monkeypatch.setattr(clusterx, kind.__name__, kind, raising=False)
    monkeypatch.setattr(clusterx, "__all__", [*clusterx.__all__, *(k.__name__ for k in kinds)])
    monkeypatch.setattr(clustering, "algorithms", lambda: {k.__name__: k for k in kinds})
    options = ["customers.csv", "-c", ",".join(NUMBERS), "-s"]
    result = run("fit", *options, "-a", "dbscan", "-p", "eps=0.35", "--plot", "d.png")
    assert result.exit_code == ExitCode.OK
    assert "noise" in result.stdout
    found = facts(run("fit", *options, "-a", "dbscan", "-p", "eps=0.35", "-o", "l.npy", "--json"))
    labels = np.load("l.npy")
    noise = found["clusters"][0]
    assert (noise["cluster"], noise["rows"]) == (-1, int((labels == -1).sum()))
    assert noise["center"]["age"] == pytest.approx(customers["age"][labels == -1].mean())
    assert found["inertia"] is None
    result = run("fit", *options, "-a", "dbscan", "-k", 3)
    assert (result.exit_code, "by itself" in result.stderr) == (ExitCode.USAGE, True)
    found = facts(run("fit", *options, "-a", "agglomerative", "-k", 3, "--json"))
    assert sorted(c["rows"] for c in found["clusters"]) == [40, 50, 60]
    found = facts(run("fit", *options, "-a", "gaussianmixture", "-k", 3, "--json"))
    assert found["parameters"]["n_components"] == 3
    assert sorted(c["rows"] for c in found["clusters"]) == [40, 50, 60]


def test_large_tables_are_abridged(run):
    X = np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32)
    np.save("x.npy", X)
    result = run("fit", "x.npy", "-k", 60)
    text = " ".join(result.stdout.split())
    assert "and 10 clusters more and 34 columns more" in text
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_silhouette_over_a_sample(run, monkeypatch, customers):
    monkeypatch.setattr(fit, "SILHOUETTE_ROWS", 60)
    assert "over 60 rows drawn out of 150" in run("fit", *CHOSEN).stdout
    assert facts(run("fit", *CHOSEN, "--json"))["silhouette_rows"] == 60


def test_one_cluster_has_no_silhouette(run, customers):
    assert facts(run("fit", *CHOSEN[:-1], 1, "--json"))["silhouette"] is None
    assert "silhouette none: it needs two" in " ".join(run("fit", *CHOSEN[:-1], 1).stdout.split())


def test_advice(run, customers):
    customers.assign(customer_id=range(1000, 1150)).to_csv("c.csv", index=False)
    result = run("fit", "c.csv", "-c", "customer_id,age,annual_income", "-k", 2)
    assert result.exit_code == ExitCode.OK
    first, second = result.stderr.splitlines()
    assert "'customer_id' numbers the rows" in first
    assert "'annual_income' spreads" in second
    assert "times as wide as 'age'" in second
    options = ["fit", "c.csv", "-c", "age,annual_income", "-k", 2]
    assert run(*options, "--standardize").stderr == ""
    assert run(*options, "--quiet").stderr == ""


# -- pictures ------------------------------------------------------------------------------------


def drawn(run, monkeypatch, *options):
    """Axes of the picture that `fit` writes."""
    figures = []

    def keep(figure, plot):
        figures.append(figure)
        return clustering.picture(figure, plot)

    monkeypatch.setattr(fit, "picture", keep)
    result = run("fit", *options, "--plot", "out.svg", "-q")
    assert result.exit_code == ExitCode.OK, result.output
    with open("out.svg", encoding="utf-8") as file:
        assert "<svg" in file.read()
    return figures[0].axes[0]


def test_picture_of_principal_components(run, customers, monkeypatch):
    ax = drawn(run, monkeypatch, *CHOSEN)
    assert "principal component" in ax.get_xlabel()


def test_picture_of_two_columns_is_in_their_units(run, customers, monkeypatch):
    wanted = ["annual_income", "spending_score"]
    for options in (
        [*CHOSEN, "--plot-columns", ",".join(wanted)],
        ["customers.csv", "-c", ",".join(wanted), "-s", "-k", 3, "--force"],
    ):
        ax = drawn(run, monkeypatch, *options)
        assert [ax.get_xlabel(), ax.get_ylabel()] == wanted
        points = np.vstack([part.get_offsets() for part in ax.collections])
        for point in customers[wanted].to_numpy():
            assert (np.abs(points - point).sum(axis=1) < 1e-6).any()
        assert np.abs(points).max() > 10_000


def test_picture_of_an_array(run, monkeypatch):
    np.save("x.npy", np.random.default_rng(0).normal(size=(30, 4)))
    ax = drawn(run, monkeypatch, "x.npy", "-k", 2, "--plot-columns", "3,1")
    assert "3" in ax.get_xlabel()
    assert "1" in ax.get_ylabel()


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-a", "kmeanz"], "--algorithm: there is no 'kmeanz'. Choose from dbscan, "),
        (["-p", "n_cluster=3"], "no parameter 'n_cluster'. Did you mean 'n_clusters'? It has algo"),
        (["-p", "tol"], "--param tol: is not of the form key=value"),
        (["-p", "n_clusters=4"], "given by another option too"),
        (["-p", "tol=-1"], "KMeans: The 'tol' parameter of KMeans must be"),
        (["-p", "init=[1"], "The 'init' parameter"),
        (["-k", 151], "n_samples=150 should be >= n_clusters=151"),
        (["-o", "labels.xls"], "Let the name end so"),
        (["--plot", "out.gif"], ".png, .svg"),
        (["-o", "customers.csv"], "-o customers.csv: is the input too"),
        (["-o", "a.csv", "--model", "./a.csv"], "--model ./a.csv: is -o too"),
        (["-o", "-", "--json"], "both write to stdout"),
        (["--with-data"], "add -o OUT"),
        (["-o", "a.npy", "--with-data"], "holds one array"),
        (["--plot-columns", "age,annual_income"], "add --plot FILE"),
        (["--plot", "a.png", "--plot-columns", "age"], "two columns are wanted"),
        (["--plot", "a.png", "--plot-columns", "age,name"], "'name' is none of the columns"),
        (["-c", "age,age"], "names 'age' twice"),
        (["-c", ","], "--columns: is empty"),
        (["-c", "agee"], "no column 'agee'. Did you mean 'age'?"),
    ],
)
def test_usage(run, customers, tmp_path, options, message):
    result = run("fit", *CHOSEN, *options)
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.startswith("clusterx: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


def test_usage_of_numbers(run, customers):
    assert run("fit", *CHOSEN, "-k", 0).exit_code == ExitCode.USAGE
    assert run("fit", *CHOSEN, "--seed", -1).exit_code == ExitCode.USAGE
    assert run("fit").exit_code == ExitCode.USAGE


def test_columns_of_the_names_that_are_added(run, customers):
    customers.assign(cluster="x").to_csv("c.csv", index=False)
    result = run("fit", "c.csv", *CHOSEN[1:], "-o", "l.csv", "--with-data")
    assert result.exit_code == ExitCode.USAGE
    assert "a column 'cluster' of its own" in result.stderr


@pytest.mark.parametrize("option", ["-o", "--model", "--plot"])
def test_nothing_is_overwritten_unasked(run, customers, tmp_path, option):
    path = tmp_path / ("old.csv" if option == "-o" else "old.png")
    path.write_bytes(b"old")
    result = run("fit", *CHOSEN, option, path.name)
    assert result.exit_code == ExitCode.EXISTS
    assert "--force" in result.stderr
    assert path.read_bytes() == b"old"
    assert run("fit", *CHOSEN, option, path.name, "--force").exit_code == ExitCode.OK
    assert path.read_bytes() != b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["customers.csv", path.name]


def test_unwritable(run, customers, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    result = run("fit", *CHOSEN, "-o", "file/labels.csv")
    assert result.exit_code == ExitCode.UNWRITABLE
    assert "folder cannot be made" in result.stderr


def test_no_device(run, customers, monkeypatch):
    from clusterx.image import device

    def missing():
        raise device.DeviceError("device='cuda': no NVIDIA GPU was found. Use device='cpu'.")

    monkeypatch.setattr(device, "gpu_library", missing)
    assert run("fit", *CHOSEN, "--device", "cuda").exit_code == ExitCode.NO_DEVICE
    assert run("fit", *CHOSEN, "--device", "cpu").exit_code == ExitCode.OK


def test_on_a_device(run, customers, monkeypatch):
    """A device whose arrays NumPy can't see: nothing but labels and centres comes back."""
    strict = pytest.importorskip("array_api_strict")
    from clusterx.image import device

    class Library:
        @staticmethod
        def asarray(values):
            return strict.asarray(values, device=strict.Device("device1"))

    monkeypatch.setattr(device, "gpu_library", Library)
    found = facts(
        run("fit", *CHOSEN, "--device", "cuda", "-m", "m.clusterx", "-o", "l.npy", "--json")
    )
    assert found["device"] == "array_api_strict on array_api_strict.Device('device1')"
    assert sorted(c["rows"] for c in found["clusters"]) == [40, 50, 60]
    predicted = load_model("m.clusterx").predict(customers[NUMBERS])
    np.testing.assert_array_equal(predicted, np.load("l.npy"))
    assert run("fit", *CHOSEN, "--device", "cuda", "--plot", "p.png").exit_code == ExitCode.OK


def test_constant_columns_can_not_be_standardised(run, customers):
    customers.assign(shop=7).to_csv("c.csv", index=False)
    options = ["fit", "c.csv", "-c", "age,shop", "-k", 2]
    result = run(*options, "--standardize")
    assert result.exit_code == ExitCode.USAGE
    assert "column 'shop' is constant (7 in every row)" in result.stderr
    assert run(*options).exit_code == ExitCode.OK


def test_tables_that_can_not_be_read(run, customers, tmp_path):
    result = run("fit", "customers.csv")
    assert result.exit_code == ExitCode.UNREADABLE
    assert "column 'name' holds text" in result.stderr
    assert "--columns age,annual_income,spending_score" in result.stderr
    assert run("fit", "no.csv").exit_code == ExitCode.MISSING
    assert run("fit", "-", stdin="").exit_code == ExitCode.UNREADABLE


def test_options_of_reading(run, customers):
    X = customers[NUMBERS]
    expected = facts(run("fit", *CHOSEN, "--json"))["inertia"]
    X.to_csv("x.csv", sep=";", header=False, index=False)
    options = ["fit", "x.csv", "-s", "-k", 3, "--json", "--delimiter", ";"]
    assert facts(run(*options, "--no-header"))["inertia"] == expected
    assert facts(run(*options))["inertia"] == expected
    assert facts(run(*options, "--header"))["rows"] == 149
    np.savez("x.npz", X=X.to_numpy(), y=customers.attrs["kind"])
    found = facts(run("fit", "x.npz", "--array", "X", "-s", "-k", 3, "--json"))
    assert found["inertia"] == expected
    assert found["columns"] == ["0", "1", "2"]


def test_links_that_go_round(run, customers, tmp_path):
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert run("fit", "loop.csv").exit_code == ExitCode.UNREADABLE
    result = run("fit", *CHOSEN, "-o", "loop.csv")
    assert result.exit_code in (ExitCode.OK, ExitCode.UNWRITABLE)
    assert run("fit", *CHOSEN, "-o", "x" * 300 + ".csv").exit_code == ExitCode.UNWRITABLE


def test_values_that_are_too_large_to_scale(run, tmp_path):
    (tmp_path / "large.csv").write_text("a,b\n1,1e200\n2,3e200\n5,6\n")
    result = run("fit", "large.csv", "-s", "-k", 2)
    assert result.exit_code == ExitCode.USAGE
    assert "too large for squared distances" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_mixture_writes_probabilities_of_weighted_rows(run, customers):
    customers["count"] = np.arange(150) % 3
    customers.to_csv("customers.csv", index=False)
    chosen = ["customers.csv", "--columns", ",".join(NUMBERS), "-s", "-k", 3]
    chosen += ["-a", "gaussian-mixture", "--weights", "count"]
    result = run("fit", *chosen, "-o", "out.csv", "--probabilities", "-m", "m.clusterx", "-q")
    assert (result.exit_code, result.stderr) == (ExitCode.OK, "")
    table = pd.read_csv("out.csv")
    assert list(table.columns) == ["row", "cluster", *(f"probability_{j}" for j in range(3))]
    values = table.iloc[:, 2:].to_numpy()
    np.testing.assert_allclose(values.sum(axis=1), 1.0)
    assert values.argmax(axis=1).tolist() == table["cluster"].tolist()
    w = customers["count"].to_numpy(np.float64)
    scaler = StandardScaler().fit(customers[NUMBERS], sample_weight=w)
    X = scaler.transform(customers[NUMBERS])
    model = clusterx.GaussianMixture(3, random_state=0).fit(X, sample_weight=w)
    np.testing.assert_allclose(values, model.predict_proba(X), atol=1e-9)


def test_weights_and_probabilities_that_can_not_be(run, customers):
    for words, message in (
        (["--probabilities", "-o", "a.csv"], "KMeans has none"),
        (["--probabilities", "-a", "gaussian-mixture"], "add -o OUT.csv"),
        (["--weights", "height"], "'height'"),
        (["--weights", "age", "-a", "optics"], "OPTICS takes none"),
    ):
        result = run("fit", "customers.csv", "--columns", ",".join(NUMBERS), *words)
        assert result.exit_code == ExitCode.USAGE
        assert message in " ".join(result.stderr.split())


def test_a_radius_that_is_chosen_is_the_knee_and_said(run, customers):
    chosen = ["fit", "customers.csv", "--columns", ",".join(NUMBERS), "-s", "-a", "dbscan"]
    result = run(*chosen, "-p", "eps=auto", "-p", "min_samples=4", "--json")
    X = StandardScaler().fit_transform(customers[NUMBERS])
    rising = np.sort(np.sort(np.linalg.norm(X[:, None] - X[None], axis=2), axis=1)[:, 3])
    below = np.linspace(0, 1, 150) - (rising - rising[0]) / (rising[-1] - rising[0])
    eps = facts(result)["parameters"]["eps"]
    assert eps == pytest.approx(rising[below.argmax()])
    assert f"eps={eps:.6g}" in " ".join(result.stderr.split())
    sizes = {c["cluster"]: c["rows"] for c in facts(result)["clusters"]}
    labels = clusterx.DBSCAN(eps=eps, min_samples=4).fit_predict(X)
    assert sizes == dict(Counter(labels.tolist()))
    table = run(*chosen, "-p", "eps=auto")
    assert "noise" in table.stdout
    assert run(*chosen, "-p", "eps=auto", "-q").stderr == ""


def test_a_radius_that_can_not_be_chosen(run, tmp_path):
    (tmp_path / "same.csv").write_text("a,b\n" + "1,2\n" * 30 + "5,6\n")
    for words, message in (
        (["-p", "eps=auto"], "a radius of 0"),
        (["-p", "eps=auto", "-p", "min_samples=40"], "min_samples=40 rows, and there are 31"),
        (["-p", "eps=auto", "-p", "min_samples=1"], "at least 2"),
    ):
        result = run("fit", "same.csv", "-a", "dbscan", *words)
        assert result.exit_code == ExitCode.USAGE
        assert message in " ".join(result.stderr.split())


@pytest.mark.parametrize("name", ["agglomerative", "bisecting-kmeans", "divisive"])
def test_dendrograms_of_hierarchies(run, customers, tmp_path, name):
    how = ["-a", name, "--plot", "tree.png", "--plot-kind", "dendrogram"]
    result = run("fit", *CHOSEN, *how)
    assert result.exit_code == ExitCode.OK, result.output
    assert (tmp_path / "tree.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plot-kind", "dendrogram"], "add --plot FILE"),
        (["--plot", "a.png", "--plot-kind", "dendrogram"], "KMeans builds no tree"),
        (
            ["--plot", "a.png", "--plot-kind", "dendrogram", "--plot-columns", "age,annual_income"],
            "has no such axes",
        ),
    ],
)
def test_dendrograms_that_cannot_be_drawn(run, customers, options, message):
    result = run("fit", *CHOSEN, *options)
    assert result.exit_code == ExitCode.USAGE
    assert message in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("spectral", ["-k", 3]),
        ("affinity-propagation", ["-p", "preference=-50", "-p", "damping=0.9"]),
        ("mean-shift", ["-p", "bandwidth=1.5"]),
        ("k-medoids", ["-k", 3]),
        ("kmedians", ["-k", 3]),
        ("fuzzy-c-means", ["-k", 3]),
        ("self-organizing-map", ["-p", "shape=(3, 1)"]),
    ],
)
def test_graph_neural_and_prototype_models(run, customers, name, options):
    found = facts(run("fit", *CHOSEN[:4], "-a", name, *options, "--seed", 0, "--json"))
    assert sum(c["rows"] for c in found["clusters"]) == len(customers["age"])
    if name != "self-organizing-map":
        assert sorted(c["rows"] for c in found["clusters"]) == [40, 50, 60]
