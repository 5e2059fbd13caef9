"""One process of the GPU benchmark: one library on one case after the other.

`python -m bench.gpu_worker JOB` reads a job's JSON and prints a line of JSON when a case begins and
one when it ends, so that what a crash or a time limit cuts short is known.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .data import cached
from .gpu_cases import GPU_CASES, SOURCES, Case
from .gpu_peers import LIBRARIES, Outcome, Place, Problem, Run
from .worker import start_rows

QUALITY_VALUES = 1 << 25  # of a block's table of distances


def source_path(name: str, share: float) -> Path:
    """The cached data of a case, made first where it is missing."""
    return cached(f"{name}_{share:g}", lambda: SOURCES[name].make(share))


def inertia(xp: Any, X: Any, C: Any) -> float:
    """Sum of squared distances to the nearest centre, in float64, where the data are."""
    C = xp.astype(C, xp.float64)
    shift = xp.mean(C, axis=0)
    C = C - shift
    squares, total = xp.sum(C * C, axis=1), 0.0
    rows = max(1, QUALITY_VALUES // max(C.shape))
    for a in range(0, X.shape[0], rows):
        block = xp.astype(X[a : a + rows, :], xp.float64) - shift
        near = xp.argmin(squares[None, :] - 2 * (block @ C.T), axis=1)
        apart = block - xp.take(C, near, axis=0)
        total += float(xp.sum(apart * apart))
    return total


def image_mse(xp: Any, image: Any, palette: Any, indices: Any) -> float:
    """Mean squared error a channel of an indexed image, in exact integers until the division."""
    colors, total = xp.astype(palette, xp.int64), 0
    lines = max(1, QUALITY_VALUES // (3 * image.shape[1]))
    for a in range(0, image.shape[0], lines):
        part = xp.reshape(xp.astype(image[a : a + lines, ...], xp.int64), (-1, 3))
        at = xp.reshape(xp.astype(indices[a : a + lines, :], xp.int64), (-1,))
        apart = part - xp.take(colors, at, axis=0)
        total += int(xp.sum(apart * apart))
    return total / float(np.prod(image.shape))


def quality_of(kind: str, place: Place, problem: Problem, outcome: Outcome) -> float | None:
    """The one measure of a case's results, the same for every library."""
    if kind == "score":
        return outcome.score
    if kind == "mse":
        return image_mse(place.xp, problem.X, outcome.centers, outcome.labels)
    return inertia(place.xp, problem.X, outcome.centers) if kind == "inertia" else None


def problem_of(case: Case, place: Place, host: np.ndarray) -> Problem:
    """The case's data and start, in the place."""
    start = start_rows(host, case.k) if case.k else None
    there = None if start is None else place.put(start)
    options = {**case.options, "host_start": start}
    if case.task == "labels":
        X = tuple(place.put(np.ascontiguousarray(column)) for column in host.T)
    elif case.task == "silhouette":
        X = place.put(host), place.put(nearest(host, start))
    else:
        X = place.put(host)
    return Problem(X, host, there, case.k, case.max_iter, options)


def nearest(X: np.ndarray, C: Any) -> np.ndarray:
    """Labels of the rows by their nearest start, int32."""
    return ((C * C).sum(axis=1) - 2 * X @ C.T).argmin(axis=1).astype(np.int32)


def prepare(case: Case, library: str, place: Place, problem: Problem) -> Run:
    """The timed function of a case."""
    if case.task != "upload":
        return LIBRARIES[library].tasks[case.task](place, problem)

    def upload() -> Outcome:
        place.put(problem.host)
        return Outcome()

    return upload


def measure(case: Case, library: str, place: Place, job: dict[str, Any]) -> dict[str, Any]:
    """A cold run, then warm ones, up to `repeats` and while `case_seconds` last."""
    host = np.array(np.load(source_path(case.source, job["share"]), mmap_mode="r"))
    problem = problem_of(case, place, host)
    run = prepare(case, library, place, problem)
    deadline = perf_counter() + job["case_seconds"]
    cold = place.time(run)
    warm: list[tuple[float, float, Outcome]] = []
    while len(warm) < job["repeats"] and perf_counter() + cold[1] * (not warm) < deadline:
        warm.append(place.time(run))
    last = (warm or [cold])[-1][2]
    return {
        "status": "ok",
        "shape": list(host.shape),
        "mib": host.nbytes / 2**20,
        "cold_s": cold[0],
        "warm_s": [seconds for seconds, _, _ in warm],
        "warm_wall_s": [wall for _, wall, _ in warm],
        "median_s": statistics.median([seconds for seconds, _, _ in warm or [cold]]),
        "quality": quality_of(case.quality, place, problem, last),
        "n_iter": None if last.n_iter is None else int(last.n_iter),
        "device_mib": place.peak_mib(),
    }


def answers(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A line when a case begins, and one with its outcome."""
    library = LIBRARIES[job["library"]]
    place = (library.dry_place if job["dry"] else library.place)()
    named = {case.name: case for case in GPU_CASES}
    for name in job["cases"]:
        yield {"case": name, "begins": True}
        try:
            answer = measure(named[name], job["library"], place, job)
        except ImportError as error:
            answer = {"status": "missing", "message": str(error)[:500]}
        except Exception as error:
            answer = {"status": "error", "message": f"{type(error).__name__}: {error}"[:500]}
        yield {"case": name, **answer}
        with suppress(Exception):
            place.free()


def main(path: str) -> None:
    """Do one job; other output of the libraries goes to stderr."""
    lines, sys.stdout = sys.stdout, sys.stderr
    for answer in answers(json.loads(Path(path).read_text())):
        print(json.dumps(answer), file=lines, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
