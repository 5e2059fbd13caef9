"""The runner: interleaved fresh processes, one record a library and case."""

from __future__ import annotations

import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from .cases import SOURCES, Case
from .data import cached
from .peers import DISTRIBUTIONS

ROOT = Path(__file__).resolve().parent.parent
THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
SPARE_SECONDS = 300.0  # for imports, data and quality, on top of the runs' own limits


@dataclass(frozen=True)
class Settings:
    """What the command line decides for every case alike."""

    rounds: int | None = None
    repeats: int | None = None
    scale: float = 1.0
    threads: int = 1
    time_limit: float | None = None
    mnist: bool = False
    device: str = "cpu"
    peers: str = "bench.peers"


def usable_threads() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_average() -> float | None:
    """The system's load over the last minute: whether others were using the processors."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def capped(given: int | None, case: Case, library: str, key: str) -> int:
    """A count from the command line; a library too slow for many runs keeps its smaller one."""
    planned = case.plan(library, key)
    if given is None:
        return planned
    return min(given, planned) if key in case.overrides.get(library, {}) else given


def schedule(case: Case, settings: Settings) -> Iterator[tuple[int, str]]:
    """(round, library): every library once, then every library again."""
    rounds = {name: capped(settings.rounds, case, name, "rounds") for name in case.libraries}
    for round_ in range(max(rounds.values())):
        for library in case.libraries:
            if round_ < rounds[library]:
                yield round_, library


def job_of(case: Case, library: str, settings: Settings) -> dict[str, Any]:
    """What a worker process is told."""
    limit = case.plan(library, "time_limit")
    if settings.time_limit is not None:
        limit = min(limit, settings.time_limit)
    source = case.source
    if settings.mnist and source == "digits_70000x784":
        source = "mnist_70000x784"
    return {
        **case.as_dict(),
        "library": library,
        "source": source,
        "seeds": list(case.plan(library, "seeds")),
        "repeats": capped(settings.repeats, case, library, "repeats"),
        "rows": case.plan(library, "rows"),
        "time_limit": limit,
        "scale": settings.scale,
        "threads": settings.threads,
        "device": settings.device,
        "peers": settings.peers,
    }


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """One worker process from start to end; whatever becomes of it is an answer."""
    env = os.environ | {name: str(job["threads"]) for name in THREAD_SETTINGS}
    runs = 1 + job["repeats"] * len(job["seeds"])
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "job.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(job))
        worker = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", str(asked), str(answered)],
            cwd=ROOT,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            # min: a limit a run times hundreds of tiny runs would be hours
            said = worker.communicate(timeout=SPARE_SECONDS + job["time_limit"] * min(runs, 8))[1]
        except subprocess.TimeoutExpired:
            _end(worker)
            return {"status": "time limit", "message": "the process ran past all its limits"}
        except BaseException:
            _end(worker)
            raise
        if answered.exists():
            return json.loads(answered.read_text())
    _end(worker)  # what it started may outlive it
    return _death(worker.returncode, said)


def _end(worker: subprocess.Popen[str]) -> None:
    """End a worker and the processes that it started."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(worker.pid, signal.SIGKILL)
        else:
            worker.kill()
    worker.communicate()


def _death(code: int, said: str) -> dict[str, Any]:
    """The answer of a process that left none."""
    if hasattr(signal, "SIGALRM") and code == -signal.SIGALRM:
        return {"status": "time limit", "message": "a run was ended at its limit"}
    last = said.strip().splitlines()[-1:] or ["no message"]
    return {"status": "crashed", "message": f"exit status {code}: {last[0]}"[:500]}


def run_case(case: Case, settings: Settings) -> list[dict[str, Any]]:
    """All processes of a case, interleaved; one record a library."""
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in case.libraries}
    jobs = {name: job_of(case, name, settings) for name in case.libraries}
    for source in {job["source"] for job in jobs.values()}:
        cached(source, SOURCES[source].make)
    for round_, library in schedule(case, settings):
        if answers[library] and answers[library][-1]["status"] != "ok":
            continue  # what failed once is recorded once, not waited for again
        answer = {"load": load_average(), **run_job(jobs[library])}
        answers[library].append(answer)
        warm = answer.get("warm_s") or [answer.get("cold_s")]
        shown = "" if warm[0] is None else f"{statistics.median(warm):.6g} s"
        print(f"{case.name}  round {round_ + 1}  {library}: {answer['status']} {shown}", flush=True)
    return [record(jobs[name], answers[name]) for name in case.libraries]


def record(job: dict[str, Any], answers: list[dict[str, Any]]) -> dict[str, Any]:
    """One line of the results: the job, every time measured, medians, quality and the outcome."""
    good = [a for a in answers if a["status"] == "ok"]
    last = answers[-1]
    kept = ("name", "title", "task", "source", "library", "k", "max_iter", "view", "time_limit")
    out: dict[str, Any] = {("case" if key == "name" else key): job[key] for key in kept}
    out |= {key: job[key] for key in ("seeds", "repeats", "scale", "threads", "device")}
    out |= {"data": SOURCES[job["source"]].text, "quality_kind": job["quality"]}
    out |= {"status": last["status"], "message": last.get("message", ""), "rounds": len(answers)}
    out["load"] = [a.get("load") for a in answers]
    if not good:
        return out
    warm = [seconds for answer in good for seconds in answer["warm_s"]]
    cold = [answer["cold_s"] for answer in good]
    factor = good[0]["rows"] / good[0]["measured_rows"] if job["scale"] == 1 else 1.0
    median = statistics.median(warm or cold)
    measured = {key: good[0].get(key) for key in ("rows", "measured_rows", "shape", "n_unique")}
    return out | {
        **{key: value for key, value in measured.items() if value is not None},
        "cold_s": cold,
        **({"warm_s": warm} if len(warm) <= 100 else {"warm_deciles_s": _deciles(warm)}),
        "warm_runs": len(warm),
        "cold_median_s": statistics.median(cold),
        "median_s": median,
        "scaled_by": factor,
        "scaled_median_s": median * factor,
        "quality": good[0]["quality"],
        "quality_mean": _mean(good[0]["quality"]),
        "quality_repeats": all(a["quality"] == good[0]["quality"] for a in good),
        "n_iter": good[0]["n_iter"],
        "prepare_s": statistics.median(a["prepare_s"] for a in good),
        "peak_rss_mib": _highest(a["peak_rss_mib"] for a in good),
        "rss_before_mib": _highest(a["rss_before_mib"] for a in good),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.fmean(known) if known else None


def _highest(values: Iterable[float | None]) -> float | None:
    return max((v for v in values if v is not None), default=None)


def _deciles(values: list[float]) -> list[float]:
    """Hundreds of times of a tiny run say no more than their deciles do."""
    return [min(values), *statistics.quantiles(values, n=10), max(values)]


def machine() -> dict[str, Any]:
    """Hardware, platform and versions of a run."""
    names = {*DISTRIBUTIONS.values(), "numba", "scipy", "threadpoolctl", "numpy"}
    versions = {}
    for name in sorted(names):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    with suppress(ImportError, AttributeError):
        # a checkout that is not installed has a version all the same
        versions["clusterx"] = import_module("clusterx").__version__
    return {
        "cpu": _cpu_model(),
        "processors": usable_threads(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
        "commit": _commit(),
    }


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
        name = text.partition("model name")[2].splitlines()[0].partition(":")[2].strip()
    except (OSError, IndexError):
        name = ""
    return name or platform.processor() or platform.machine()


def _commit() -> str:
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.stdout.strip()


def run(cases: Iterable[Case], settings: Settings, output: Path) -> None:
    """Run the cases and append a line a library and case to the output file."""
    output.parent.mkdir(parents=True, exist_ok=True)
    about = machine()
    run_id = datetime.now(UTC).isoformat(timespec="seconds")
    for case in cases:
        records = run_case(case, settings)
        with output.open("a", encoding="utf-8") as file:
            for one in records:
                file.write(json.dumps({"run": run_id, **one, "machine": about}) + "\n")
