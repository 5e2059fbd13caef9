"""One process of the benchmark: one library on one case, a cold run and the warm ones.

`python -m bench.worker JOB ANSWER` reads a job's JSON and writes the answer's. A run over its time
limit ends the process by SIGALRM, which the parent tells from a crash.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .adapters import Problem
from .cases import CPU
from .data import n_unique_colors, sparse_rows
from .places import Host, Outcome, Run, Times
from .quality import nearest, quality_of, start_rows
from .sources import path_of


def thinned(X: np.ndarray, rows: float) -> np.ndarray:
    """X in memory, or about `rows` rows of it spread evenly (of an image: every s-th line)."""
    n = math.prod(X.shape[:-1])
    if rows >= n:
        return np.array(X)
    if X.ndim == 3:
        step = max(1, round(math.sqrt(n / rows)))
        return np.ascontiguousarray(X[::step, ::step])
    return np.ascontiguousarray(X[np.linspace(0, n - 1, int(rows)).astype(np.intp)])


def viewed(X: np.ndarray, start: np.ndarray | None, view: str, place: Host) -> Any:
    """The data in the place, handed over as the case has it."""
    if view == "host":
        return X
    if view == "CSR":
        return sparse_rows(X)
    if view == "labels":
        return tuple(place.put(np.ascontiguousarray(column)) for column in X.T)
    if view == "labelled":
        labels = nearest(Host().xp, X, start)
        # on a GPU, labels of 4 bytes are what every library takes
        return place.put(X), place.put(labels if type(place) is Host else labels.astype(np.int32))
    if view.startswith("pixels"):
        X = X.reshape(-1, X.shape[-1])
        X = X.astype(np.float32) if view == "pixels32" else X
    return place.put(X)


def forget_peak() -> None:
    """Let the peak of resident memory start again from what is resident now, where possible."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_rss_mib() -> float | None:
    """Peak resident memory of this process, in MiB."""
    try:
        # ru_maxrss would start from the parent's peak, which is not ours
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def timed(place: Host, run: Run, seed: int, limit: float) -> Times:
    """One run, under a limit that also holds inside compiled code."""
    has_alarm = hasattr(signal, "setitimer")
    if has_alarm:
        # the default action ends the process; a Python handler would wait for compiled code
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limit)
    times = place.time(run, seed)
    if has_alarm:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return times


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Build the data, run cold and warm, judge the results."""
    library = import_module(job["peers"]).LIBRARIES[job["library"]]
    place: Host = library.places[job["place"]]()
    stored = np.load(path_of(job["source"], job["scale"]), mmap_mode="r")
    n = math.prod(stored.shape[:-1])
    start = start_rows(stored, job["k"]) if job["k"] else None
    if start is not None and job["view"] == "CSR":
        start = sparse_rows(start).toarray()
    host = thinned(stored, job["rows"] or n)
    problem = Problem(
        place,
        viewed(host, start, job["view"], place),
        job["k"],
        None if start is None else place.put(start),
        job["max_iter"],
        job["threads"],
        job["options"],
        gpu=job["place"] == "cuda",
    )
    begin = perf_counter()
    run = library.tasks[job["task"]](problem)
    answer: dict[str, Any] = {"prepare_s": perf_counter() - begin}
    answer |= {"rows": n, "shape": list(host.shape), "mib": host.nbytes / 2**20}
    answer["measured_rows"] = math.prod(host.shape[:-1])
    forget_peak()
    answer["rss_before_mib"] = peak_rss_mib()
    outcomes = _runs(place, run, job, answer)
    answer |= {"peak_rss_mib": peak_rss_mib(), "device_mib": place.peak_mib()}
    answer["quality"] = [quality_of(job["quality"], place, problem.X, o) for o in outcomes]
    answer["n_iter"] = [None if o.n_iter is None else int(o.n_iter) for o in outcomes]
    if host.ndim == 3:
        answer["n_unique"] = n_unique_colors(host)
    return answer


def _runs(place: Host, run: Run, job: dict[str, Any], answer: dict[str, Any]) -> list[Outcome]:
    """The cold run of the first seed, then `repeats` rounds over all seeds; the last outcomes.

    No warm run begins after `warm_seconds`, nor any that would take longer by the cold one.
    """
    seeds, limit = job["seeds"], job["time_limit"]
    deadline = perf_counter() + (job["warm_seconds"] or math.inf)
    cold = timed(place, run, seeds[0], limit)
    outcomes = {seeds[0]: cold.outcome}
    warm: list[Times] = []
    for seed in seeds * job["repeats"]:
        if perf_counter() + (0.0 if warm else cold.wall) >= deadline:
            break
        warm.append(timed(place, run, seed, limit))
        outcomes[seed] = warm[-1].outcome
    answer |= {"cold_s": cold.seconds, "warm_s": [times.seconds for times in warm]}
    if job["device"] != CPU:
        answer["warm_wall_s"] = [times.wall for times in warm]
    return list(outcomes.values())


def limit_threads(threads: int) -> None:
    """Keep this process on that many processors, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:threads])


def main(job_path: str, answer_path: str) -> None:
    """Do one job; what goes wrong in Python is an answer too."""
    job = json.loads(Path(job_path).read_text())
    limit_threads(job["threads"])
    try:
        answer = {"status": "ok", **measure(job)}
    except ImportError as error:
        answer = {"status": "missing", "message": str(error)[:500]}
    except Exception as error:
        answer = {"status": "error", "message": f"{type(error).__name__}: {error}"[:500]}
    Path(answer_path).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:3])
