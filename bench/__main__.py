"""`python -m bench`: run the table of cases, or a part of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from . import gpu
from .cases import CASES, SOURCES, Case
from .data import cache_folder
from .report import README, RESULTS, update
from .run import Settings, run, usable_threads

QUICK_SCALE = 0.02


def parser() -> argparse.ArgumentParser:
    """The command line."""
    out = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    out.add_argument(
        "--only", action="append", metavar="CASE", help="cases by name or pattern; may be repeated"
    )
    out.add_argument("--list", action="store_true", help="list the cases and end")
    out.add_argument("--rounds", type=int, help="processes per library")
    out.add_argument("--repeats", type=int, help="warm runs per seed and process")
    out.add_argument(
        "--scale", type=float, default=1.0, help="share of the rows; not 1 stays out of README"
    )
    out.add_argument(
        "--quick",
        action="store_true",
        help=f"one round, one warm run, {QUICK_SCALE} of the rows: does everything run?",
    )
    out.add_argument("--threads", type=int, default=usable_threads())
    out.add_argument("--time-limit", type=float, help="seconds a run may take at most")
    out.add_argument("--mnist", action="store_true", help="the real MNIST (fetched from OpenML)")
    out.add_argument(
        "--device",
        choices=["cpu", "cuda"],
        default="cpu",
        help="cuda: the GPU's own table of cases",
    )
    out.add_argument(
        "--dry-run", action="store_true", help="with --device cuda: tiny and without a GPU"
    )
    out.add_argument(
        "--output", type=Path, help="JSON lines to append to (default: bench/results/DEVICE.jsonl)"
    )
    out.add_argument("--report", action="store_true", help=f"then write the table to {README.name}")
    return out


def chosen(patterns: Sequence[str] | None) -> list[Case]:
    """The cases that match any of the patterns, in the table's order."""
    if not patterns:
        return list(CASES)
    for pattern in patterns:
        if not any(fnmatch(case.name, pattern) for case in CASES):
            raise SystemExit(f"No case is called {pattern!r}; --list names them.")
    return [case for case in CASES if any(fnmatch(case.name, p) for p in patterns)]


def default_output(scale: float, device: str) -> Path:
    """The record kept with the project; what ran on a part of the rows goes to the cache folder."""
    return RESULTS / f"{device}.jsonl" if scale == 1 else cache_folder() / f"{device}-part.jsonl"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    given = parser().parse_args(arguments)
    if given.device == "cuda":
        gpu.main(given)
        return
    if given.dry_run:
        raise SystemExit("--dry-run is for --device cuda; --quick is a small run on the CPU.")
    cases = chosen(given.only)
    if given.list:
        for case in cases:
            print(f"{case.name:24} {case.title}\n{'':24} {SOURCES[case.source].text}; ", end="")
            print(", ".join(case.libraries))
        return
    if given.quick:
        given.rounds, given.repeats = given.rounds or 1, given.repeats or 1
        given.scale = QUICK_SCALE if given.scale == 1 else given.scale
    settings = Settings(
        rounds=given.rounds,
        repeats=given.repeats,
        scale=given.scale,
        threads=given.threads,
        time_limit=given.time_limit,
        mnist=given.mnist,
        device=given.device,
    )
    output = given.output or default_output(given.scale, given.device)
    run(cases, settings, output)
    print(f"records appended to {output}")
    if given.report:
        update([output])


if __name__ == "__main__":
    main()
