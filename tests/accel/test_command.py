"""`python -m clusterx.accel` runs what Python runs, and `%load_ext` what a notebook has."""

import json
import subprocess
import sys

import pytest
import sklearn.cluster

from clusterx import accel

SCRIPT = """
import sys
from sklearn.cluster import KMeans
print(__name__, sys.argv[1:], type(KMeans).__name__, sys.path[0])
KMeans(2, random_state=0, n_init=1).fit([[0.0], [0.1], [5.0]])
sys.exit(len(sys.argv))
"""


def command(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "clusterx.accel", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd,
    )  # fmt: skip


def test_a_script_runs_as_main_with_its_arguments(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    child = command("--report", "--report-json", tmp_path / "r.json", script, "--report", "x")
    assert child.returncode == 3, child.stderr
    assert child.stdout.split("\n")[0] == (f"__main__ ['--report', 'x'] AcceleratedMeta {tmp_path}")
    assert "KMeans.fit  3 x 1" in child.stderr
    assert "1 on scikit-learn" in child.stderr
    assert json.loads((tmp_path / "r.json").read_text())["rows"][0]["call"] == "KMeans.fit"


def test_a_module_and_a_line_run_too(tmp_path):
    (tmp_path / "mine.py").write_text(SCRIPT)
    child = command("-m", "mine", "a", cwd=tmp_path)
    assert (child.returncode, child.stdout[:31]) == (2, "__main__ ['a'] AcceleratedMeta ")
    child = command("-c", "import sys; print(sys.argv, __name__)", "a", "-b")
    assert child.stdout == "['-c', 'a', '-b'] __main__\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name a script, or -m MODULE, or -c CODE"),
        (("missing.py",), "there is no file missing.py"),
        (("--device", "tpu", "x.py"), "invalid choice: 'tpu'"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(arguments, message, capsys):
    from clusterx.accel.command import main

    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not accel.is_installed()


def test_a_notebook_loads_and_unloads_it(capsys):
    class Magics:
        magics = {"line": {}}  # noqa: RUF012

    class Shell:
        magics_manager = Magics()

        def register_magic_function(self, function, magic_kind, magic_name):
            self.magics_manager.magics[magic_kind][magic_name] = function

    shell, own = Shell(), sklearn.cluster.KMeans
    accel.load_ipython_extension(shell)
    assert sklearn.cluster.KMeans is not own
    shell.magics_manager.magics["line"]["clusterx_report"]("")
    assert capsys.readouterr().out == "clusterx.accel: no call that clusterx could take.\n"
    accel.unload_ipython_extension(shell)
    assert sklearn.cluster.KMeans is own
    assert shell.magics_manager.magics["line"] == {}
