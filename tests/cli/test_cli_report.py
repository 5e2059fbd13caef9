"""`clusterx report` writes a page about a table."""

import json

import numpy as np
import pytest

USED = "age,annual_income,spending_score"


def test_a_page_about_customers(run, customers, tmp_path):
    result = run(
        "report", "customers.csv", "--columns", USED, "--standardize", "-o", "page.html",
        "--k", "2:5", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["k"], facts["rows"], facts["drawn"]) == (3, 150, 150)
    assert facts["columns"] == USED.split(",")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Clusters in customers.csv" in text
    for name in ("customer_id", "name", "Gül", "annual_income"):
        assert name in text
    missing = sum(customers["name"] == "NA")
    assert f"<td>not used</td><td class=n>{missing}</td>" in text


def test_missing_values_of_rows_that_are_dropped_count(run, tmp_path):
    lines = ["a,b,c", *(f"{i % 7},{i % 3},x" for i in range(30)), ",1,x", "2,,", ",,y"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    result = run("report", "a.csv", "-c", "a,b", "--drop-missing", "-o", "page.html", "-k", "2,3")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "3 of 33 rows have missing values" in text
    for name, kind, use, count in (
        ("a", "whole numbers", "clustered", 2),
        ("b", "whole numbers", "clustered", 2),
        ("c", "text", "not used", 1),
    ):
        assert f"<td>{name}</td><td>{kind}</td><td>{use}</td><td class=n>{count}</td>" in text


def test_the_clusters_are_those_of_fit(run, tmp_path):
    assert run("report", "sample:iris", "-o", "page.html", "-k", "3").exit_code == 0
    fitted = run("fit", "sample:iris", "-k", "3", "-p", "n_init=3", "--json")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    for cluster in json.loads(fitted.stdout)["clusters"]:
        assert f"<td class=n>{cluster['rows']}</td>" in text


def test_of_many_rows_some_are_drawn(run, tmp_path):
    X = np.random.default_rng(0).normal(size=(300, 2)) + 8 * (np.arange(300) % 2)[:, None]
    np.save(tmp_path / "rows.npy", X)
    result = run("report", "rows.npy", "-o", "a.html", "--rows", "100", "--k", "2:3", "--json")
    facts = json.loads(result.stdout)
    assert (facts["k"], facts["rows"], facts["drawn"]) == (2, 300, 100)
    assert "The file has 300 rows. This page is about 100 of them" in (
        tmp_path / "a.html"
    ).read_text(encoding="utf-8")


def test_notes_of_reading_are_on_the_page(run, customers, tmp_path):
    result = run("report", "customers.csv", "-c", USED, "-o", "page.html", "-k", "2,3")
    assert result.output.startswith("page.html: 2 clusters in 150 rows of customers.csv") or (
        "page.html: 3 clusters in 150 rows of customers.csv" in result.output
    )
    assert "--standardize weighs the columns alike" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "page.pdf"), "a page is written as .html"),
        (("-o", "page.html", "--k", "0:3"), "is not of the form 2:10"),
        (("-o", "page.html", "--k", "2:200"), "--k goes up to 200, and 150 rows"),
    ],
)
def test_wrong_options_say_what_is_wrong(run, arguments, message):
    result = run("report", "sample:iris", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_an_existing_page_is_kept_unless_forced(run, tmp_path):
    (tmp_path / "page.html").write_text("mine")
    result = run("report", "sample:iris", "-o", "page.html", "-k", "2")
    assert result.exit_code == 7
    assert (tmp_path / "page.html").read_text() == "mine"
    assert run("report", "sample:iris", "-o", "page.html", "-k", "2", "--force").exit_code == 0
