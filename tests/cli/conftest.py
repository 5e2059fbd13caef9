"""What the tests of the commands on tables share."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from clusterx.cli.app import app


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"})

    def invoke(*args, stdin=None):
        result = runner.invoke(app, [str(a) for a in args], input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def customers(tmp_path):
    """Three kinds of customers, of 40, 60 and 50; the frame, also as customers.csv."""
    rng = np.random.default_rng(0)
    kinds = [(25, 20_000, 80), (45, 60_000, 50), (60, 95_000, 15)]
    counts = [40, 60, 50]
    rows = np.vstack(
        [rng.normal(kind, (2, 3_000, 5), (n, 3)) for kind, n in zip(kinds, counts, strict=True)]
    )
    order = rng.permutation(len(rows))
    frame = pd.DataFrame(
        {
            "customer_id": [f"{i:04d}" for i in range(1, len(rows) + 1)],
            "name": rng.choice(["Ada", "Finn, Jr.", "Gül", "NA"], len(rows)),
            "age": np.round(rows[order, 0]).astype(int),
            "annual_income": rows[order, 1],
            "spending_score": rows[order, 2],
        }
    )
    frame.to_csv(tmp_path / "customers.csv", index=False)
    frame.attrs["kind"] = np.repeat([0, 1, 2], counts)[order]
    return frame
