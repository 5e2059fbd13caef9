"""What goes to stdout and stderr, and what happens when they don't take it."""

import errno
import io
import json
import os
import subprocess
import sys

import pytest

from clusterx import cli
from clusterx.cli import ExitCode


@pytest.fixture
def main(monkeypatch, tmp_path):
    """Run the whole command on a table with a column of that name, stdout being the stream."""
    monkeypatch.chdir(tmp_path)

    def call(stdout, *args, column="size"):
        (tmp_path / "rows.csv").write_text(f"{column}\n1\n2\n8\n9\n", encoding="utf-8")
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "argv", ["clusterx", *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code

    return call


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_letters_that_the_encoding_lacks(main, encoding):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert main(stdout, "fit", "rows.csv", "-k", "2", column="年齢") == ExitCode.OK
    stdout.flush()
    assert rb"\u5e74\u9f62" in stdout.buffer.getvalue()


class Full(io.RawIOBase):
    """A file on a full disk."""

    def writable(self):
        return True

    def write(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "args",
    [
        ["fit", "rows.csv", "-k", "2"],
        ["fit", "rows.csv", "-k", "2", "--json"],
        ["fit", "rows.csv", "-k", "2", "-o", "-"],
        ["quantize", "sample:china.jpg", "-k", "2", "--max-iter", "1", "-o", "china.png"],
        ["info"],
    ],
    ids=" ".join,
)
def test_full_disk(main, capsys, args):
    stdout = io.TextIOWrapper(Full(), encoding="utf-8", write_through=True)
    assert main(stdout, *args) == ExitCode.UNWRITABLE
    assert "stdout: cannot be written (No space left on device)" in capsys.readouterr().err


def test_closed_stdout(main, capsys):
    assert main(None, "fit", "rows.csv", "-k", "2", "-o", "-") == ExitCode.UNWRITABLE
    assert "clusterx: stdout: is closed" in capsys.readouterr().err
    assert main(None, "fit", "rows.csv", "-k", "2", "-o", "labels.csv") == ExitCode.OK


@pytest.mark.parametrize("where", [["--json"], ["-o", "-"]], ids=" ".join)
def test_a_verbose_model_speaks_on_stderr(run, customers, where):
    chosen = ["customers.csv", "-c", "age", "-k", 3, "-p", "verbose=1"]
    result = run("fit", *chosen, *where)
    assert result.exit_code == ExitCode.OK
    assert "Iteration 0, inertia" in result.stderr
    if "-o" in where:
        assert result.stdout.startswith("row,cluster\n0,")
    else:
        assert json.loads(result.stdout)["rows"] == 150


def test_info_with_a_wrong_number_of_threads(run, monkeypatch):
    monkeypatch.setenv("CLUSTERX_NUM_THREADS", "many")
    result = run("info", "--json")
    assert result.exit_code == ExitCode.OK
    found = json.loads(result.stdout)["threads"]["used"]
    assert found.startswith("none: CLUSTERX_NUM_THREADS must be a positive whole number")


def test_the_backend_of_a_notebook_does_not_matter():
    code = "from clusterx.cli.clustering import check_plot; check_plot('a.png')"
    env = os.environ | {"MPLBACKEND": "inline of a notebook"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
