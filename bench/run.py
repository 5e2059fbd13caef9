"""The runner: interleaved fresh processes, one record per library and case."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any

from .cases import CLUSTERX, CPU, CUDA, DIGITS, Case
from .hardware import ROOT, load_average, machine
from .peers import DRY, Library, libraries_of
from .sources import SOURCES, path_of

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
SPARE_SECONDS = 300.0  # for imports, data and quality, on top of the runs' own limits
QUICK_SCALE = {CPU: 0.02, CUDA: 0.1}
#: Of the time that a whole run may take, how much a library may have at most.
SHARE_OF_TIME = {CLUSTERX: 0.5}
OTHER_SHARE = 0.25

Record = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What the command line decides for every case alike; None leaves it to the case."""

    device: str = CPU
    rounds: int | None = None
    repeats: int | None = None
    seeds: tuple[int, ...] | None = None
    scale: float = 1.0  # of rows and pixels
    threads: int = 1
    time_limit: float | None = None  # seconds that a run may take
    process_limit: float | None = None  # seconds that a process may take, data and all
    warm_seconds: float | None = None  # of warm runs of a process
    total: float | None = None  # seconds that everything may take
    mnist: bool = False
    dry: bool = False
    peers: str = "bench.peers"

    @classmethod
    def of(cls, device: str, quick: bool = False, dry: bool = False, **given: Any) -> Settings:
        """Full, quick (a part of the rows) or dry (tiny, without a GPU); what is given wins."""
        plan: dict[str, Any] = {}
        if device == CUDA:
            plan = {"rounds": 1, "repeats": 10, "seeds": (0,), "warm_seconds": 5.0}
            plan |= {"process_limit": 60.0, "total": 460.0}
        if quick:
            plan |= {"rounds": 1, "repeats": 1, "scale": QUICK_SCALE[device]}
        if quick and device == CUDA:
            plan |= {"repeats": 3, "warm_seconds": 1.0, "process_limit": 20.0, "total": 230.0}
        if dry:
            plan |= {"repeats": 1, "warm_seconds": 1.0, "scale": 1e-4, "dry": True}
            plan |= {"process_limit": 200.0, "total": 400.0}
        return cls(device=device, **plan | {k: v for k, v in given.items() if v is not None})

    @property
    def place(self) -> str:
        """Where libraries compute: the device, or what stands in for it."""
        return DRY if self.dry else self.device

    def libraries(self) -> Mapping[str, Library]:
        """The table of libraries."""
        return import_module(self.peers).LIBRARIES


class Budget:
    """What is left of the time that everything may take, and of each library's share of it."""

    def __init__(self, total: float | None):
        self.total = float("inf") if total is None else total
        self.end = monotonic() + self.total
        self.spent: dict[str, float] = {}

    def left(self, library: str) -> float:
        """Seconds that a process of the library may take."""
        share = self.total * SHARE_OF_TIME.get(library, OTHER_SHARE)
        return min(self.end - monotonic(), share - self.spent.get(library, 0.0))

    def spend(self, library: str, seconds: float) -> None:
        """Count what a process has taken."""
        self.spent[library] = self.spent.get(library, 0.0) + seconds


def capped(case: Case, library: str, settings: Settings, key: str) -> int:
    """A count from the command line; a library too slow for many runs keeps its smaller one."""
    planned, given = case.plan(library, settings.device, key), getattr(settings, key)
    if given is None:
        return planned
    return min(given, planned) if key in case.overridden(library, settings.device) else given


def schedule(case: Case, libraries: Iterable[str], settings: Settings) -> Iterator[tuple[int, str]]:
    """(round, library): every library once, then every library again."""
    rounds = {name: capped(case, name, settings, "rounds") for name in libraries}
    for round_ in range(max(rounds.values(), default=0)):
        for library in rounds:
            if round_ < rounds[library]:
                yield round_, library


def job_of(case: Case, library: str, settings: Settings) -> dict[str, Any]:
    """What a worker process is told."""
    device, source = settings.device, case.sources[settings.device]
    limits = case.plan(library, device, "time_limit"), settings.time_limit, settings.process_limit
    kept = ("name", "task", "k", "max_iter", "view", "quality", "options")
    return {
        **{key: getattr(case, key) for key in kept},
        "title": case.title(device),
        "library": library,
        "source": source.replace("digits", "mnist")
        if settings.mnist and source == DIGITS
        else source,
        "seeds": list(settings.seeds or case.plan(library, device, "seeds")),
        "repeats": capped(case, library, settings, "repeats"),
        "rows": case.plan(library, device, "rows"),
        "time_limit": min(limit for limit in limits if limit is not None),
        "process_limit": settings.process_limit,
        "warm_seconds": settings.warm_seconds,
        "scale": settings.scale,
        "threads": settings.threads,
        "device": device,
        "place": settings.place,
        "peers": settings.peers,
    }


def run_job(job: dict[str, Any], seconds: float) -> dict[str, Any]:
    """One worker process from start to end; whatever becomes of it is an answer."""
    env = os.environ | {name: str(job["threads"]) for name in THREAD_SETTINGS}
    env["CLUSTERX_COMPILE"] = "always"  # warm runs are of compiled code
    # min: a limit per run times hundreds of tiny runs would be hours
    runs = min(1 + job["repeats"] * len(job["seeds"]), 8)
    limit = job["process_limit"] or SPARE_SECONDS + job["time_limit"] * runs
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
            said = worker.communicate(timeout=min(limit, seconds))[1]
        except subprocess.TimeoutExpired:
            _end(worker)
            if seconds < limit:  # of the whole benchmark
                return {"status": "no time"}
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


def attempt(job: dict[str, Any], library: Library, budget: Budget) -> dict[str, Any]:
    """The answer to a job; a process is started only where it can do something, in time."""
    if job["place"] not in library.places:
        return {"status": "not in a dry run"}
    if not library.installed():
        return {"status": "missing", "message": f"there is no module {library.module}"}
    left = budget.left(job["library"])
    if left <= 0:
        return {"status": "no time"}
    begin = monotonic()
    answer = run_job(job, left)
    budget.spend(job["library"], monotonic() - begin)
    return answer


def run_case(case: Case, settings: Settings, budget: Budget) -> list[Record]:
    """All processes of a case, interleaved; one record per library."""
    table = settings.libraries()
    libraries = libraries_of(case, settings.device, table)
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in libraries}
    jobs = {name: job_of(case, name, settings) for name in libraries}
    for source in {job["source"] for job in jobs.values()}:
        path_of(source, settings.scale)
    for round_, library in schedule(case, libraries, settings):
        if answers[library] and answers[library][-1]["status"] != "ok":
            continue  # what failed once is recorded once, not waited for again
        load = load_average()
        answer = {"load": load, **attempt(jobs[library], table[library], budget)}
        answers[library].append(answer)
        warm = answer.get("warm_s") or [answer.get("cold_s")]
        shown = answer.get("message", "") if warm[0] is None else f"{statistics.median(warm):.6g} s"
        print(f"{case.name}  round {round_ + 1}  {library}: {answer['status']} {shown}", flush=True)
    return [record(jobs[name], answers[name]) for name in libraries]


def record(job: dict[str, Any], answers: list[dict[str, Any]]) -> Record:
    """One line of the results: the job, every time measured, medians, quality and the outcome."""
    good = [a for a in answers if a["status"] == "ok"]
    last = answers[-1]
    kept = ("title", "task", "source", "library", "k", "max_iter", "view", "time_limit")
    out: Record = {"case": job["name"]} | {key: job[key] for key in kept}
    out |= {key: job[key] for key in ("seeds", "repeats", "scale", "threads", "device")}
    out |= {"data": SOURCES[job["source"]].text, "quality_kind": job["quality"]}
    out |= {"status": last["status"], "message": last.get("message", ""), "rounds": len(answers)}
    out["load"] = [a.get("load") for a in answers]
    return out | (_measured(good) if good else {})


def _measured(good: list[dict[str, Any]]) -> Record:
    """What the processes that worked measured, put together."""
    first = good[0]
    warm = [seconds for answer in good for seconds in answer["warm_s"]]
    cold = [answer["cold_s"] for answer in good]
    wall = [seconds for answer in good for seconds in answer.get("warm_wall_s", ())]
    factor, median = first["rows"] / first["measured_rows"], statistics.median(warm or cold)
    plain = {key: first.get(key) for key in ("rows", "measured_rows", "shape", "mib", "n_unique")}
    plain |= {"warm_wall_s": wall or None, "device_mib": _highest(good, "device_mib")}
    return {
        **{key: value for key, value in plain.items() if value is not None},
        "cold_s": cold,
        **({"warm_s": warm} if len(warm) <= 100 else {"warm_deciles_s": _deciles(warm)}),
        "warm_runs": len(warm),
        "cold_median_s": statistics.median(cold),
        "median_s": median,
        "scaled_by": factor,
        "scaled_median_s": median * factor,
        "quality": first["quality"],
        "quality_mean": _mean(first["quality"]),
        "quality_repeats": all(a["quality"] == first["quality"] for a in good),
        "n_iter": first["n_iter"],
        "prepare_s": statistics.median(a["prepare_s"] for a in good),
        "peak_rss_mib": _highest(good, "peak_rss_mib"),
        "rss_before_mib": _highest(good, "rss_before_mib"),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return statistics.fmean(known) if known else None


def _highest(answers: Iterable[dict[str, Any]], key: str) -> float | None:
    return max((a[key] for a in answers if a.get(key) is not None), default=None)


def _deciles(values: list[float]) -> list[float]:
    """Hundreds of times of a tiny run say no more than their deciles do."""
    return [min(values), *statistics.quantiles(values, n=10), max(values)]


def run(cases: Iterable[Case], settings: Settings, output: Path) -> list[Record]:
    """Run the cases and append a line per library and case to the output file."""
    output.parent.mkdir(parents=True, exist_ok=True)
    able = [one for one in settings.libraries().values() if settings.device in one.places]
    cuda = settings.device == CUDA
    about = machine((one.module for one in able), cuda=cuda, dry=settings.dry)
    stamp = {"run": datetime.now(UTC).isoformat(timespec="seconds")}
    budget, records = Budget(settings.total), []
    for case in cases:
        made = [stamp | one | {"machine": about} for one in run_case(case, settings, budget)]
        with output.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(one) + "\n" for one in made)
        records += made
    return records
