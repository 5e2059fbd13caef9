"""Adapters of tasks that need an interpreter of their own in every run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import numpy as np

from .adapters import Problem
from .data import scratch_folder
from .places import Outcome, Run

#: The memory and the first run of the process that starts the children say nothing of these tasks.
TASKS = ("import", "first_fit", "first_run", "command")

_FIRST_FIT = """
import json, sys, time
import numpy as np
from {module} import KMeans
X = np.load(sys.argv[1])
before = time.perf_counter()
KMeans({k}, n_init=1, random_state=0).fit(X)
print(json.dumps(time.perf_counter() - before))
"""
_FIRST_RUN = """
import sys
import numpy as np
from {module} import KMeans
KMeans({k}, random_state=int(sys.argv[2])).fit(np.load(sys.argv[1]))
"""


def _child(*arguments: str, numba_cache: str | None = None, compiles: str = "") -> str:
    """What a fresh interpreter prints; where it fails, the last line of its complaint.

    compiles : its CLUSTERX_COMPILE, which is not that of this process: a first run is a user's.
    """
    env = os.environ | ({} if numba_cache is None else {"NUMBA_CACHE_DIR": numba_cache})
    env["CLUSTERX_COMPILE"] = compiles
    command = [sys.executable, *arguments]
    child = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if child.returncode:
        last = child.stderr.strip().splitlines()[-1:] or [f"exit status {child.returncode}"]
        raise RuntimeError(last[0])
    return child.stdout


def _saved(problem: Problem) -> Path:
    """A file with the rows."""
    path = scratch_folder() / "X.npy"
    np.save(path, problem.X[: problem.options.get("rows")])
    return path


def _bare(statement: str) -> Run:
    def run(seed: int) -> Outcome:
        _child("-c", statement)
        return Outcome()

    return run


def bare_python(problem: Problem) -> Run:
    """Wall time of an interpreter that does nothing."""
    return _bare("pass")


def importing(module: str, problem: Problem) -> Run:
    """Wall time of an interpreter that imports a library, or its KMeans, and ends."""
    import_module(module)  # says so before the clock starts if it is missing
    wants_estimator, top = problem.options["estimator"], module.partition(".")[0]
    return _bare(f"from {module} import KMeans" if wants_estimator else f"import {top}")


def first_fit(module: str, problem: Problem) -> Run:
    """Seconds of the first fit of a process, its import apart, by the state of numba's cache."""
    import_module(module)
    code, path = _FIRST_FIT.format(module=module, k=problem.k), _saved(problem)
    warm = problem.options["numba_cache"] == "warm"

    def run(seed: int) -> Outcome:
        with nullcontext(path.parent) if warm else tempfile.TemporaryDirectory() as cache:
            compiles = "always" if warm else ""
            said = _child("-c", code, str(path), numba_cache=str(cache), compiles=compiles)
        return Outcome(seconds=json.loads(said))

    if warm:
        run(0)
    return run


def first_run(module: str, problem: Problem) -> Run:
    """Wall time of an interpreter that imports, loads rows, compiles everything and fits."""
    import_module(module)
    code, path = _FIRST_RUN.format(module=module, k=problem.k), _saved(problem)

    def run(seed: int) -> Outcome:
        with tempfile.TemporaryDirectory() as empty:
            _child("-c", code, str(path), str(seed), numba_cache=empty)
        return Outcome()

    return run


def command(problem: Problem) -> Run:
    """Wall time of a `clusterx` command that compiles everything; `{data}` is a CSV file."""
    path = scratch_folder() / "data.csv"
    header = ",".join(f"column{i}" for i in range(problem.X.shape[1]))
    np.savetxt(path, problem.X, delimiter=",", header=header, comments="")

    def run(seed: int) -> Outcome:
        with tempfile.TemporaryDirectory() as empty:
            names = {"data": path, "folder": empty}
            given = [one.format(**names) for one in problem.options["arguments"]]
            _child("-m", "clusterx.cli", *given, numba_cache=f"{empty}/numba")
        return Outcome()

    return run
