"""`python -m bench`: run the table of cases, or a part of it, on the CPU or on a GPU."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from .cases import CASES, CPU, CUDA, Case
from .data import cache_folder
from .hardware import usable_threads
from .peers import LIBRARIES, libraries_of
from .report import DOCS, README, RESULTS, document, update
from .run import QUICK_SCALE, Settings, run
from .sources import SOURCES


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = out.add_argument
    add("--only", action="append", metavar="CASE", help="cases by name or pattern; may be repeated")
    add("--list", action="store_true", help="list the cases and exit")
    add("--device", choices=[CPU, CUDA], default=CPU, help="where to compute")
    add("--rounds", type=int, help="processes per library and case")
    add("--repeats", type=int, help="warm runs per seed and process")
    add("--scale", type=float, help="share of the rows; the report ignores any but 1")
    add(
        "--quick",
        action="store_true",
        help="see whether everything runs: one round, few warm runs, "
        f"{QUICK_SCALE[CPU]} of the rows ({QUICK_SCALE[CUDA]} on a GPU)",
    )
    add(
        "--dry-run",
        action="store_true",
        help="with --device cuda: tiny data, and the CPU in place of a GPU",
    )
    add("--threads", type=int, default=usable_threads(), help="processors per process")
    add("--time-limit", type=float, help="seconds that a run may take")
    add("--total", type=float, help="seconds after which no process is started")
    add("--mnist", action="store_true", help="use the real MNIST, fetched from OpenML")
    add("--output", type=Path, help="JSON lines to append to (default: bench/results/DEVICE.jsonl)")
    add("--report", action="store_true", help=f"then write {README.name} and {DOCS.name}")
    return out


def chosen(patterns: Sequence[str] | None, device: str) -> list[Case]:
    """The cases of a device that match any of the patterns, in the table's order."""
    cases = [case for case in CASES if device in case.sources]
    for pattern in patterns or ():
        if not any(fnmatch(case.name, pattern) for case in cases):
            raise SystemExit(f"No case for {device} is called {pattern!r}; --list names them.")
    return [c for c in cases if not patterns or any(fnmatch(c.name, p) for p in patterns)]


def default_output(settings: Settings) -> Path:
    """The record kept with the project; what ran on a part of the rows goes to the cache folder."""
    if settings.scale == 1:
        return RESULTS / f"{settings.device}.jsonl"
    return cache_folder() / f"{settings.device}-{'dry' if settings.dry else 'part'}.jsonl"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    given = parser().parse_args(arguments)
    if given.dry_run and given.device == CPU:
        raise SystemExit("--dry-run is for --device cuda; --quick is a small run on the CPU.")
    cases = chosen(given.only, given.device)
    if given.list:
        for case in cases:
            print(f"{case.name:24} {case.title(given.device)}")
            print(f"{'':24} {SOURCES[case.sources[given.device]].text}")
            print(f"{'':24} {', '.join(libraries_of(case, given.device, LIBRARIES))}")
        return
    taken = ("rounds", "repeats", "scale", "threads", "time_limit", "total", "mnist")
    settings = Settings.of(
        given.device, given.quick, given.dry_run, **{key: getattr(given, key) for key in taken}
    )
    output = given.output or default_output(settings)
    records = run(cases, settings, output)
    print(f"\n{document(records)}\n\nrecords appended to {output}")
    if given.report:
        update()


if __name__ == "__main__":
    main()
