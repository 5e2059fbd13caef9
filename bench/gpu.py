"""The GPU benchmark: `python -m bench --device cuda [--quick] [--dry-run]`.

Every library has a process of its own, which keeps the data on the device and runs one case after
the other; where it dies or hangs it is started again behind that case. All of it ends within a
fixed time: what there was no time for says so. One JSON file and one table come out.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatch
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

from .data import cache_folder
from .gpu_cases import GPU_CASES, SOURCES, Case
from .gpu_peers import CLUSTERX, LIBRARIES
from .gpu_worker import source_path
from .report import RESULTS, _significant, seconds_text
from .run import ROOT, machine

#: Of the time that is left, how much a library may take at most.
SHARE_OF_TIME = {CLUSTERX: 0.5}
OTHER_SHARE = 0.4

Record = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How large, how often, how long."""

    share: float = 1.0  # of rows and pixels
    repeats: int = 10
    case_seconds: float = 5.0  # of warm runs
    limit: float = 60.0  # seconds that a case may take, data and all
    total: float = 460.0  # seconds that everything may take
    dry: bool = False

    @classmethod
    def of(cls, quick: bool, dry: bool, repeats: int | None = None) -> Settings:
        """Full, quick (a tenth of the rows) or dry (tiny, without a GPU)."""
        if dry:
            return cls(1e-4, repeats or 1, 1.0, 200.0, 400.0, True)
        if quick:
            return cls(0.1, repeats or 3, 1.0, 20.0, 80.0)
        return cls(repeats=repeats or 10)


def gpu() -> dict[str, Any]:
    """The GPU and its software.

    Raises
    ------
    SystemExit
        There is no GPU that CuPy can use.
    """
    try:
        cupy = import_module("cupy")
        runtime = cupy.cuda.runtime
        if runtime.getDeviceCount() == 0:
            raise RuntimeError("CuPy finds no GPU")
        found = runtime.getDeviceProperties(cupy.cuda.Device().id)
    except Exception as error:
        raise SystemExit(
            f"--device cuda needs an NVIDIA GPU and CuPy 14 or newer, and can't use them: {error} "
            f"({type(error).__name__}). Install clusterx[cuda12] or clusterx[cuda13] on a machine "
            "that has a GPU, or give --dry-run to see that the benchmark runs, tiny and on the CPU."
        ) from None
    return {
        "gpu": found["name"].decode(),
        "memory_mib": found["totalGlobalMem"] / 2**20,
        "multiprocessors": found["multiProcessorCount"],
        "compute_capability": f"{found['major']}.{found['minor']}",
        "cuda_driver": runtime.driverGetVersion(),
        "cuda_runtime": runtime.runtimeGetVersion(),
    }


def about(dry: bool) -> dict[str, Any]:
    """Hardware and versions; raises SystemExit where a GPU is wanted and missing."""
    found = machine() | ({"gpu": "none: a dry run"} if dry else gpu())
    for library in (*(value.module for value in LIBRARIES.values()), "cupy", "triton"):
        for name in metadata.packages_distributions().get(library.partition(".")[0], []):
            with suppress(metadata.PackageNotFoundError):
                found["versions"][name] = metadata.version(name)
    return found


def chosen(patterns: Sequence[str] | None) -> list[Case]:
    """The cases that match any of the patterns, in the table's order."""
    for pattern in patterns or ():
        if not any(fnmatch(case.name, pattern) for case in GPU_CASES):
            raise SystemExit(f"No GPU case is called {pattern!r}; --list names them.")
    return [c for c in GPU_CASES if not patterns or any(fnmatch(c.name, p) for p in patterns)]


def cases_of(library: str, cases: Sequence[Case]) -> list[Case]:
    """Those that a library has an adapter for; clusterx's process measures the uploads."""
    tasks = {*LIBRARIES[library].tasks, *(["upload"] if library == CLUSTERX else [])}
    return [case for case in cases if case.task in tasks]


class Worker:
    """A process that works through cases; what it says comes with a time limit."""

    def __init__(self, job: dict[str, Any], folder: Path):
        path, self.errors = folder / "job.json", folder / "errors.txt"
        path.write_text(json.dumps(job))
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bench.gpu_worker", str(path)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line)
        self.lines.put(None)

    def answer(self, seconds: float) -> dict[str, Any] | str:
        """What it says next, or 'ended', or 'time limit' if it says nothing in so many seconds."""
        try:
            line = self.lines.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return "time limit"
        return "ended" if line is None else json.loads(line)

    def end(self) -> str:
        """End it and what it started; its exit status and last words."""
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        status = self.process.wait()
        self.reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()
        last = self.errors.read_text(errors="replace").strip().splitlines()[-1:]
        return ": ".join([f"exit status {status}", *last])[:500]


def run_library(
    library: str, cases: Sequence[Case], settings: Settings, deadline: float
) -> list[Record]:
    """A record for each case, whatever happens to the processes."""
    records, left = [], [case.name for case in cases]
    with tempfile.TemporaryDirectory() as folder:
        while left and monotonic() < deadline:
            job = {**asdict(settings), "library": library, "cases": left}
            worker = Worker(job, Path(folder))
            try:
                found = follow(worker, len(left), settings.limit, deadline)
            finally:
                last_words = worker.end()
            if not found:  # it died before the first case
                found = [{"case": left[0], "status": "crashed"}]
            if found[-1]["status"] == "crashed":
                found[-1]["message"] = last_words
            records += found
            left = left[len(found) :]
    records += [{"case": name, "status": "no time"} for name in left]
    for one in records:
        one["library"] = library
        shown = seconds_text(one["median_s"]) if "median_s" in one else one.get("message", "")
        print(f"{one['case']:24} {library:14} {one['status']} {shown}", flush=True)
    return records


def follow(worker: Worker, count: int, limit: float, deadline: float) -> list[Record]:
    """The outcomes of up to `count` cases; the last is a failure where the process fails."""
    found: list[Record] = []
    begun = ""
    while len(found) < count:
        said = worker.answer(min(limit, deadline - monotonic()))
        if isinstance(said, dict):
            if said.get("begins"):
                begun = said["case"]
            else:
                found.append(said)
                begun = ""
            continue
        if begun:
            found.append({"case": begun, "status": "crashed" if said == "ended" else said})
        break
    return found


def run(cases: Sequence[Case], settings: Settings) -> dict[str, Any]:
    """Everything that was asked for, as one document."""
    document: dict[str, Any] = {
        "run": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": asdict(settings),
        "machine": about(settings.dry),
        "records": [],
    }
    end = monotonic() + settings.total
    for name in dict.fromkeys(case.source for case in cases):
        source_path(name, settings.share)
    for library, (module, _, dry_place, *_) in LIBRARIES.items():
        own = cases_of(library, cases)
        if settings.dry and dry_place is None:
            missing = "not in a dry run"
        else:
            missing = "" if find_spec(module.partition(".")[0]) else "not installed"
        if missing:
            document["records"] += [
                {"case": case.name, "library": library, "status": missing} for case in own
            ]
            continue
        left = end - monotonic()
        deadline = monotonic() + left * SHARE_OF_TIME.get(library, OTHER_SHARE)
        document["records"] += run_library(library, own, settings, deadline)
    return document


HEADER = ("case", "library", "time", "ratio", "quality", "first run", "GPU memory")
LEGEND = (
    "Times lie between two events on the device, data resident there, the median of warm runs. "
    "*ratio*: the library's time over clusterx's, so above 1 clusterx is faster. "
    "*quality*: inertia or mean squared error, recomputed in float64 by one function for all; of "
    "scores their sum."
)


def table(document: dict[str, Any]) -> str:
    """The markdown table of a run; losses and failures stay in."""
    lines = [HEADER, ("---", "---", *["---:"] * (len(HEADER) - 2))]
    records = document["records"]
    for case in GPU_CASES:
        of_case = [one for one in records if one["case"] == case.name]
        ours = next((one for one in of_case if one["library"] == CLUSTERX), None)
        title = case.title
        for one in of_case:
            lines.append((title, *_row(one, ours)))
            title = ""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _row(one: Record, ours: Record | None) -> tuple[str, ...]:
    name = one["library"]
    note = LIBRARIES[name].note
    label = f"**{name}**" if name == CLUSTERX else f"{name} ({note})" if note else name
    if one["status"] != "ok":
        return label, str(one["status"]), "", "", "", ""
    ratio = ""
    if ours is not None and ours is not one and ours["status"] == "ok":
        ratio = f"{_significant(one['median_s'] / ours['median_s'])}×"
    quality = "" if one["quality"] is None else f"{one['quality']:.8g}"
    memory = "" if one["device_mib"] is None else f"{one['device_mib']:,.0f} MiB"
    time = seconds_text(one["median_s"]) + ("" if one["warm_s"] else " (one cold run)")
    return label, time, ratio, quality, seconds_text(one["cold_s"]), memory


def text(document: dict[str, Any]) -> str:
    """Table, legend, data and machine."""
    found, settings = document["machine"], document["settings"]
    versions = ", ".join(f"{n} {v}" for n, v in found["versions"].items() if v != "not installed")
    used = {
        case.source for case in GPU_CASES for r in document["records"] if r["case"] == case.name
    }
    data = "; ".join(source.text for name, source in SOURCES.items() if name in used)
    whole = "" if settings["share"] == 1 else f" {settings['share']:g} of the rows of:"
    driver = f"driver {found['cuda_driver']}, " if "cuda_driver" in found else ""
    return (
        f"{table(document)}\n\n{LEGEND}\n\nData:{whole} {data}.\n\n"
        f"- {document['run'][:10]}: {found['gpu']}, {driver}{found['platform']}, "
        f"Python {found['python']}; {versions}\n"
    )


def main(given: argparse.Namespace) -> None:
    """Run what the command line asks for; write the JSON file and the table beside it."""
    cases = chosen(given.only)
    if given.list:
        for case in cases:
            libraries = [name for name in LIBRARIES if cases_of(name, [case])]
            print(f"{case.name:24} {case.title}\n{'':24} {', '.join(libraries)}")
        return
    settings = Settings.of(given.quick, given.dry_run, given.repeats)
    kept = settings.share == 1 and not given.only
    kind = "cuda-dry" if given.dry_run else "cuda-quick" if given.quick else "cuda"
    path = given.output or (RESULTS if kept else cache_folder()) / f"{kind}.json"
    document = run(cases, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(text(document), encoding="utf-8")
    print(f"\n{text(document)}\nwritten to {path} and {path.with_suffix('.md').name}")
