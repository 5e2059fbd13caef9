"""One process of the benchmark: one library on one case, a cold run and the warm ones.

`python -m bench.worker JOB ANSWER` reads a job's JSON and writes the answer's. A run over its time
limit ends the process by SIGALRM, which the parent tells from a crash.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .cases import SOURCES
from .data import cached, n_unique_colors
from .peers import Outcome, Problem

CHUNK = 8192


def thinned(X: np.ndarray, rows: float) -> np.ndarray:
    """X in memory, or about `rows` rows of it spread evenly (of an image: every s-th line)."""
    n = math.prod(X.shape[:-1])
    if rows >= n:
        return np.array(X)
    if X.ndim == 3:
        step = max(1, round(math.sqrt(n / rows)))
        return np.ascontiguousarray(X[::step, ::step])
    return np.ascontiguousarray(X[np.linspace(0, n - 1, int(rows)).astype(np.intp)])


def start_rows(X: np.ndarray, k: int, seed: int = 0) -> np.ndarray:
    """k distinct rows drawn at random: the start that every library is given."""
    rows = X.reshape(-1, X.shape[-1])
    size = min(len(rows), max(8 * k, 256))
    drawn = rows[np.random.default_rng(seed).choice(len(rows), size, replace=False)]
    first = np.sort(np.unique(drawn, axis=0, return_index=True)[1])[:k]
    if len(first) < k:
        raise ValueError(f"the data gave {len(first)} distinct rows, k={k} are needed")
    kind = np.float64 if X.dtype == np.float64 else np.float32
    return np.ascontiguousarray(drawn[first], dtype=kind)


def inertia(X: np.ndarray, centers: Any, labels: Any = None) -> float:
    """Sum of squared distances in float64; to the nearest centre where no labels are given."""
    C = np.asarray(centers, dtype=np.float64)
    total = 0.0
    for begin in range(0, len(X), CHUNK):
        rows = X[begin : begin + CHUNK].astype(np.float64)
        if labels is None:
            scores = (C**2).sum(axis=1) - 2 * rows @ C.T
            near = scores.argmin(axis=1)
        else:
            near = np.asarray(labels[begin : begin + CHUNK]).astype(np.intp)
        total += float(((rows - C[near]) ** 2).sum())
    return total


def image_mse(image: np.ndarray, palette: Any, indices: Any) -> float:
    """Mean squared error a channel of an indexed image, in exact integers until the division."""
    colors = np.asarray(palette).astype(np.int32)
    indices = np.asarray(indices)
    total = 0
    for line, at in zip(image, indices, strict=True):
        total += int(((line.astype(np.int32) - colors[at]) ** 2).sum(dtype=np.int64))
    return total / image.size


def quality_of(kind: str, X: np.ndarray, outcome: Outcome) -> float | None:
    """The one measure of a case's results, the same for every library."""
    if kind == "score":
        return outcome.score
    if not kind or outcome.centers is None:
        return None
    if kind == "mse":
        return image_mse(X, outcome.centers, outcome.labels)
    return inertia(X, outcome.centers, outcome.labels)


def forget_peak() -> None:
    """Let the peak of resident memory start anew from what is resident now, where that can be."""
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


def timed(run: Callable[[int], Outcome], seed: int, limit: float) -> tuple[float, Outcome]:
    """Seconds and outcome of one run, under a limit that also holds inside compiled code."""
    has_alarm = hasattr(signal, "setitimer")
    if has_alarm:
        # the default action ends the process; a Python handler would wait for compiled code
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limit)
    begin = perf_counter()
    outcome = run(seed)
    seconds = perf_counter() - begin
    if has_alarm:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return (seconds if outcome.seconds is None else outcome.seconds), outcome


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Build the data, run cold and warm, judge the results."""
    stored = np.load(cached(job["source"], SOURCES[job["source"]].make), mmap_mode="r")
    n = math.prod(stored.shape[:-1])
    start = start_rows(stored, job["k"]) if job["k"] else None
    rows = max(min(job["rows"] or n, n * job["scale"]), 8 * max(job["k"], 16))
    X = _viewed(thinned(stored, rows), job["view"])
    problem = Problem(X, job["k"], start, job["max_iter"], job["threads"], job["options"])
    begin = perf_counter()
    run = importlib.import_module(job["peers"]).prepare(job["library"], job["task"], problem)
    answer: dict[str, Any] = {"prepare_s": perf_counter() - begin}
    answer["rows"], answer["shape"] = n, list(X.shape)
    answer["measured_rows"] = math.prod(X.shape[:-1])
    forget_peak()
    answer["rss_before_mib"] = peak_rss_mib()
    outcomes = _runs(run, job, answer)
    answer["peak_rss_mib"] = peak_rss_mib()
    answer["quality"] = [quality_of(job["quality"], X, o) for o in outcomes.values()]
    answer["n_iter"] = [o.n_iter for o in outcomes.values()]
    if X.ndim == 3:
        answer["n_unique"] = n_unique_colors(X)
    return answer


def _viewed(X: np.ndarray, view: str) -> np.ndarray:
    if not view.startswith("pixels"):
        return X
    pixels = X.reshape(-1, X.shape[-1])
    return pixels.astype(np.float32) if view == "pixels32" else pixels


def _runs(
    run: Callable[[int], Outcome], job: dict[str, Any], answer: dict[str, Any]
) -> dict[int, Outcome]:
    """The cold run of the first seed, then `repeats` rounds over all seeds; the last outcomes."""
    seeds = job["seeds"]
    seconds, outcome = timed(run, seeds[0], job["time_limit"])
    answer["cold_s"], answer["warm_s"] = seconds, []
    outcomes = {seeds[0]: outcome}
    for _ in range(job["repeats"]):
        for seed in seeds:
            seconds, outcomes[seed] = timed(run, seed, job["time_limit"])
            answer["warm_s"].append(seconds)
    return outcomes


def limit_threads(threads: int) -> None:
    """Keep this process on so many processors, where the system can; settings are in its env."""
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
        answer = {"status": "missing", "message": str(error)}
    except Exception as error:
        answer = {"status": "error", "message": f"{type(error).__name__}: {error}"[:500]}
    Path(answer_path).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:3])
