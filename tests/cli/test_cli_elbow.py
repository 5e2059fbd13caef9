"""`clusterx elbow`: scores of several numbers of clusters."""

import json

import numpy as np
import pytest

from clusterx import KMeans
from clusterx.cli import ExitCode, clustering, elbow
from clusterx.selection import sweep

CHOSEN = ["customers.csv", "--columns", "age,annual_income,spending_score", "-s"]


def facts(result):
    assert result.exit_code == ExitCode.OK, result.output
    return json.loads(result.stdout)


def test_table(run, customers):
    result = run("elbow", *CHOSEN, "--k", "1:8")
    assert (result.exit_code, result.stderr) == (ExitCode.OK, "")
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ["k", "inertia", "silhouette"]
    rows = {int(line.split()[0]): line for line in lines[1:9]}
    assert list(rows) == list(range(1, 9))
    assert rows[3].count("*") == 4  # what all criteria choose
    assert sum(line.count("*") for line in rows.values()) == 4
    text = " ".join(result.stdout.split())
    assert "k = 3 * by elbow, silhouette, calinski harabasz, davies bouldin" in text
    assert "customers.csv, 150 rows" in text


def test_json_is_the_sweep(run, customers):
    from sklearn.preprocessing import StandardScaler

    found = facts(run("elbow", *CHOSEN, "--k", "2:6:2", "--metrics", "all", "--json"))
    X = StandardScaler().fit_transform(customers[CHOSEN[2].split(",")])
    names = ("inertia", "silhouette", "calinski_harabasz", "davies_bouldin", "gap")
    result = sweep(KMeans(random_state=0), X, [2, 4, 6], metrics=names, random_state=0)
    assert found["k"] == [2, 4, 6]
    assert set(found["scores"]) == set(result.scores)
    for name, values in result.scores.items():
        assert found["scores"][name] == values.tolist()
    assert found["best"]["silhouette"] == result.best("silhouette")
    assert len(found["fit_seconds"]) == 3
    assert set(found["seconds"]) == {"read", "sweep"}


@pytest.mark.parametrize(
    ("span", "ks"),
    [("2:4", [2, 3, 4]), ("1:9:3", [1, 4, 7]), ("5,2,5", [2, 5]), ("3", [3]), ("3:3", [3])],
)
def test_spans(run, customers, span, ks):
    assert facts(run("elbow", *CHOSEN, "--k", span, "--json"))["k"] == ks


def test_metrics_and_algorithms(run, customers):
    options = ["--metrics", "davies-bouldin,silhouette", "-a", "minibatch-kmeans", "--seed", 3]
    found = facts(run("elbow", *CHOSEN, *options, "-p", "batch_size=64", "--json"))
    assert found["algorithm"] == "MiniBatchKMeans"
    assert list(found["scores"]) == ["davies_bouldin", "silhouette"]
    assert found["best"] == {"silhouette": 3, "davies_bouldin": 3}


def test_what_no_criterion_chooses_is_said(run, customers):
    result = run("elbow", *CHOSEN, "--k", "1,2", "--metrics", "inertia,silhouette")
    assert result.exit_code == ExitCode.OK
    text = " ".join(result.stdout.split())
    assert "The inertia of k=1..2 has no knee" in text
    assert "k = 2 * by silhouette" in text
    found = facts(run("elbow", *CHOSEN, "--k", "1,2", "--metrics", "inertia", "--json"))
    assert found["best"] == {"elbow": None}


def test_quiet(run, customers):
    assert run("elbow", *CHOSEN, "-q").output == ""


def test_progress_only_on_a_terminal(run, customers, monkeypatch):
    asked = []

    def noting(*args, progress, **kwargs):
        asked.append(progress)
        return sweep(*args, **kwargs)

    monkeypatch.setattr(elbow, "sweep", noting)
    run("elbow", *CHOSEN)
    assert asked == [False]


def test_sampled_silhouettes_are_said(run):
    X = np.random.default_rng(0).normal(size=(10_001, 2)).astype(np.float32)
    np.save("x.npy", X)
    result = run("elbow", "x.npy", "--k", "2", "--metrics", "silhouette")
    assert "over 10,000 rows drawn out of 10,001" in result.stdout


@pytest.mark.parametrize(
    ("metrics", "labels"),
    [
        (None, ["Inertia", "silhouette"]),
        ("inertia", ["Inertia"]),
        ("silhouette,gap", ["Inertia", "silhouette"]),  # the gap computes inertia
    ],
)
def test_picture(run, customers, monkeypatch, metrics, labels):
    figures = []

    def keep(figure, plot):
        figures.append(figure)
        return clustering.picture(figure, plot)

    monkeypatch.setattr(elbow, "picture", keep)
    chosen = [] if metrics is None else ["--metrics", metrics]
    result = run("elbow", *CHOSEN, *chosen, "--plot", "out.png")
    assert result.exit_code == ExitCode.OK, result.output
    with open("out.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"
    axes = figures[0].axes
    assert len(axes) == len(labels)
    for ax, label in zip(axes, labels, strict=True):
        assert label in ax.get_ylabel()
        assert "k = 3" in [text.get_text() for text in ax.texts]


def test_picture_without_a_knee(run, customers):
    assert run("elbow", *CHOSEN, "--k", "2,3", "--plot", "out.png").exit_code == ExitCode.OK


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--k", "5:2"], "--k 5:2: is not of the form"),
        (["--k", "0:3"], "from 1 on"),
        (["--k", "2:9:0"], "is not of the form"),
        (["--k", "two"], "is not of the form"),
        (["--k", "0,1"], "from 1 on"),
        (["--k", "2:151"], "--k goes up to 151, and customers.csv has 150 rows"),
        (["--metrics", "silhuette"], "--metrics: there is no 'silhuette'"),
        (["--metrics", ","], "--metrics: is empty"),
        (["--metrics", "bic"], "KMeans has no method bic(X)"),
        (["--metrics", "davies_bouldin", "--plot", "a.png"], "add one of them to --metrics"),
        (["-p", "n_clusters=3"], "what --k goes through"),
        (["-p", "init=7"], "The 'init' parameter"),
        (["--plot", "a.bmp"], "Let the name end so"),
        (["--plot", "customers.csv.png", "-c", "x"], "no column 'x'"),
    ],
)
def test_usage(run, customers, tmp_path, options, message):
    result = run("elbow", *CHOSEN, *options)
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.startswith("clusterx: ")
    assert message in result.stderr
    assert result.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]


def test_algorithms_without_a_number_of_clusters(run, customers, monkeypatch):
    from sklearn.cluster import DBSCAN

    monkeypatch.setattr(clustering, "algorithms", lambda: {"dbscan": DBSCAN})
    result = run("elbow", *CHOSEN, "-a", "dbscan")
    assert result.exit_code == ExitCode.USAGE
    assert "Use clusterx fit" in result.stderr


def test_nothing_is_overwritten_unasked(run, customers, tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    assert run("elbow", *CHOSEN, "--plot", "a.png").exit_code == ExitCode.EXISTS
    assert run("elbow", *CHOSEN, "--plot", "a.png", "-f").exit_code == ExitCode.OK


@pytest.mark.filterwarnings("default")
def test_rows_that_all_coincide(run, tmp_path):
    (tmp_path / "same.csv").write_text("a,b\n" + "1,2\n" * 4)
    result = run("elbow", "same.csv", "--k", "1:3", "--plot", "p.png")  # there is no silhouette
    assert result.exit_code == 0
    assert (tmp_path / "p.png").stat().st_size > 0
    assert "clusterx: Number of distinct clusters (1)" in result.stderr
    assert ".py" not in result.stderr
    assert run("elbow", "same.csv", "--k", "1:3", "-q").stderr == ""
    result = run("elbow", "same.csv", "--metrics", "silhouette", "--k", 1, "--plot", "q.png")
    assert result.exit_code == ExitCode.USAGE
    assert "--plot draws inertia and silhouette" in result.stderr


@pytest.mark.parametrize(
    ("span", "message"),
    [("2:" + "9" * 18, "and customers.csv has"), ("2:" + "9" * 5000, "is not of the form")],
)
def test_endless_spans(run, customers, span, message):
    result = run("elbow", "customers.csv", "--columns", "age,annual_income", "--k", span)
    assert result.exit_code == ExitCode.USAGE
    assert message in result.stderr


def test_options_of_reading(run, tmp_path):
    rows = [f"{i % 3 * 50 + i / 8:.3f}".replace(".", ",") for i in range(30)]
    (tmp_path / "a.csv").write_bytes("\n".join(["größe", *rows, "n/a"]).encode("cp1252"))
    options = ["--encoding", "cp1252", "--decimal", ",", "--delimiter", ";", "--drop-missing"]
    result = run("elbow", "a.csv", *options, "-k", "2:5", "--json")
    assert result.exit_code == ExitCode.OK, result.output
    assert "1 of 31 rows have missing values" in result.stderr
    assert json.loads(result.stdout)["rows"] == 30
