"""`python -m bench.accel`: the table of times by which clusterx.accel decides.

Each line is one task by scikit-learn and by clusterx, in turns in one process, warm, on one thread
each; the least CPU time of several runs counts, which other work on the machine changes little.
`--load` measures what a first call takes on top of that, in fresh processes with compiled kernels
on disk and without. Results go to bench/results/accel.json; `--write` puts
what the package needs of them into clusterx/accel/measured.json.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np

from .accel_cases import CASES, Case
from .hardware import machine

RESULTS = Path(__file__).parent / "results" / "accel.json"
PACKAGED = Path(__file__).parents[1] / "clusterx" / "accel" / "measured.json"
ROUNDS = 4
#: A line takes at most about this many seconds, but at least two rounds.
BUDGET = 3.0


class Line(NamedTuple):
    rows: int
    columns: int
    clusters: int
    iterations: int  # those that both made; 1 where there are none to choose
    scikit_learn: float
    clusterx: float
    spread: float  # median over least time, of the worse of both, less one


def timed(work: Callable[[], Any]) -> float:
    started = process_time()
    work()
    return process_time() - started


def line(case: Case, size: tuple[int, int, int], limit: int) -> Line:
    """The least times of both on a size, in turns; `limit` is that of the iterations."""
    rng = np.random.RandomState(0)
    theirs, ours = case.tasks(*size, rng, limit)
    made = [getattr(task(), "n_iter_", 1) for task in (ours, theirs)]  # the first runs compile
    iterations = made[1] if case.limits != (0,) else 1
    if iterations not in (made[0], 1):
        raise SystemExit(f"{case.key} {size}: {made} iterations, and they ought to be the same.")
    times: tuple[list[float], list[float]] = ([], [])
    started = perf_counter()
    while len(times[0]) < ROUNDS and (len(times[0]) < 2 or perf_counter() - started < BUDGET):
        for task, found in zip((theirs, ours), times, strict=True):
            repeats = max(1, int(0.005 / max(found[-1], 1e-7))) if found else 1
            found.append(timed(lambda t=task, r=repeats: [t() for _ in range(r)]) / repeats)
    spread = max(float(np.median(found)) / min(found) - 1 for found in times)
    return Line(*size, iterations, min(times[0]), min(times[1]), spread)


FIRST = """
import json, sys, warnings
from time import process_time as perf_counter
warnings.simplefilter("ignore")
import numpy as np
import sklearn.cluster, sklearn.mixture, sklearn.metrics
from bench.accel_cases import CASES
case = next(c for c in CASES if c.key == sys.argv[1])
started = perf_counter()
import clusterx.kernels.cpu.jit
case.twin()
imported = perf_counter() - started
_, ours = case.tasks(*case.middle, np.random.RandomState(0), max(case.limits))
times = []
for _ in range(3):
    started = perf_counter(); ours(); times.append(perf_counter() - started)
print(json.dumps([imported, max(0.0, times[0] - min(times[1:]))]))
"""


def first_call(case: Case, cache: str | None) -> tuple[float, float]:
    """Seconds of importing clusterx, and of what only the first call in a process does."""
    environment = dict(os.environ)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = cache
    run = subprocess.run(
        [sys.executable, "-c", FIRST, case.key],
        env=environment, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    return tuple(json.loads(run.stdout))  # type: ignore[return-value]


def measured_load(case: Case) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        _, compiling = first_call(case, folder)
        runs = [first_call(case, folder) for _ in range(2)]
    imports, loads = zip(*runs, strict=True)
    return {"import": min(imports), "load": min(loads), "compile": compiling}


def packaged(results: dict[str, Any]) -> str:
    """What the package needs of the results: clusterx/accel/measured.json.

    A kind of call of which no first call was measured gets the most that one took.
    """
    measured = results["load"]
    slowest = {part: max(one[part] for one in measured.values()) for part in ("load", "compile")}

    def first(key: str) -> list[float]:
        one = measured.get(key, slowest)
        return [float(f"{one[part]:.2g}") for part in ("load", "compile")]

    return text(
        {
            "machine": results["machine"],
            "import": float(f"{max(one['import'] for one in measured.values()):.2g}"),
            "first": {key: first(key) for key in sorted(results["table"])},
            "table": {
                key: [[*one[:4], *(float(f"{v:.3g}") for v in one[4:6])] for one in lines]
                for key, lines in sorted(results["table"].items())
            },
        }
    )


def read() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {"table": {}, "load": {}}


def text(results: dict[str, Any]) -> str:
    """JSON with a line of the file per line of the table."""
    return re.sub(r"\[\s+([^][]*?)\s+\]", _on_one_line, json.dumps(results, indent=1)) + "\n"


def _on_one_line(found: re.Match) -> str:
    return "[" + re.sub(r"\s+", " ", found[1]) + "]"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accel", description=__doc__)
    parser.add_argument("--only", action="append", help="kinds of calls by name or pattern")
    parser.add_argument("--load", action="store_true", help="measure first calls, not the table")
    parser.add_argument("--write", action="store_true", help="only write measured.json")
    options = parser.parse_args()
    wanted = {"OMP_NUM_THREADS": "1", "CLUSTERX_COMPILE": "always"}
    if not options.write and any(os.environ.get(n) != value for n, value in wanted.items()):
        raise SystemExit("Set OMP_NUM_THREADS=1 and CLUSTERX_COMPILE=always first.")
    results = read()
    chosen = [c for c in CASES if not options.only or any(fnmatch(c.key, p) for p in options.only)]
    warnings.simplefilter("ignore")
    for case in [] if options.write else chosen:
        if options.load:
            results["load"][case.key] = measured_load(case)
            print(case.key, results["load"][case.key], flush=True)
        else:
            found = [line(case, size, limit) for size in case.sizes for limit in case.limits]
            found = list({one[:4]: one for one in found}.values())  # limits that were not reached
            results["table"][case.key] = [[float(f"{v:.4g}") for v in one] for one in found]
            results["table"][case.key] = [
                [*map(int, one[:4]), *one[4:]] for one in results["table"][case.key]
            ]
            for one in found:
                ratio = one.scikit_learn / one.clusterx
                print(f"{case.key} {one[:4]}: {ratio:.2f}x, {one.scikit_learn:.4g} s", flush=True)
        about = machine(("clusterx", "sklearn"))
        kept = read() | {"machine": f"one thread of {about['cpu']}", "versions": about["versions"]}
        for part in ("table", "load"):
            kept[part] |= {key: v for key, v in results[part].items() if key == case.key}
        RESULTS.write_text(text(kept))
    if options.write:
        PACKAGED.write_text(packaged(results))


if __name__ == "__main__":
    main()
