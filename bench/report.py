"""From the records to README's table: `python -m bench.report [RESULTS ...] [--print]`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .cases import CASES, CLUSTERX
from .peers import CHILDREN

RESULTS = Path(__file__).resolve().parent / "results"
README = Path(__file__).resolve().parent.parent / "README.md"
START, END = "<!-- bench:start -->", "<!-- bench:end -->"

Record = dict[str, Any]
HEADER = ("case", "library", "time", "ratio", "quality", "difference", "first run", "memory")
LEGEND = (
    "Times are medians of warm runs in fresh processes, libraries interleaved. "
    "*ratio*: the library's time over clusterx's, so above 1 clusterx is faster. "
    "*quality*: inertia, or mean squared error a channel of the indexed image, recomputed in "
    "float64 by one function for all; lower is better. Of scores, their value or sum. "
    "*difference*: against clusterx over the "
    "seeds that both ran. *first run*: the cold run of a fresh process, imports apart, compiled "
    "code in its cache. "
    "*memory*: peak resident memory, data included."
)


def read(path: Path) -> list[Record]:
    """The records of a file of JSON lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def latest(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Per case the records of its last run at full size, in the order of the table of cases."""
    runs: dict[str, dict[str, list[Record]]] = {}
    for one in records:
        if one.get("scale", 1) == 1:
            runs.setdefault(one["case"], {}).setdefault(one["run"], []).append(one)
    order = {case.name: place for place, case in enumerate(CASES)}
    names = sorted(runs, key=lambda name: order.get(name, len(order)))
    return {name: runs[name][max(runs[name])] for name in names}


def ratio(peer: Record, ours: Record | None) -> float | None:
    """The peer's median time over clusterx's; None where either has no time."""
    if ours is None or peer["status"] != "ok" or ours["status"] != "ok":
        return None
    return peer["scaled_median_s"] / ours["scaled_median_s"]


def difference(peer: Record, ours: Record | None) -> float | None:
    """Relative difference of quality against clusterx, over the seeds that both ran."""
    if ours is None or not peer.get("quality") or not ours.get("quality"):
        return None
    theirs = dict(zip(peer["seeds"], peer["quality"], strict=False))
    own = dict(zip(ours["seeds"], ours["quality"], strict=False))
    common = [s for s in theirs if s in own and theirs[s] is not None and own[s]]
    depends_on_rows = peer["quality_kind"] in ("inertia", "score")
    if not common or (depends_on_rows and _rows(peer) != _rows(ours)):
        return None
    return sum(theirs[s] for s in common) / sum(own[s] for s in common) - 1


def _rows(record: Record) -> int:
    return record["measured_rows"]


def seconds_text(seconds: float) -> str:
    """Three significant digits in a unit that suits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{_significant(seconds / size)} {unit}"
    return f"{seconds:.2g} s"


def _significant(value: float, digits: int = 3) -> str:
    if abs(value) < 0.1:
        return f"{value:.2g}"
    return f"{value:,.{max(0, digits - len(str(int(abs(value)))))}f}"


def quality_text(record: Record) -> str:
    """Mean quality, and over how many seeds where more than one was run."""
    value = record.get("quality_mean")
    if value is None:
        return ""
    kind = record["quality_kind"]
    text = f"MSE {value:.3f}" if kind == "mse" else f"{value:.{10 if kind == 'score' else 5}g}"
    known = [q for q in record["quality"] if q is not None]
    return f"{text} ({len(known)} seeds)" if len(known) > 1 else text


def time_text(record: Record) -> str:
    """The median time, or what became of the library instead."""
    if record["status"] == "time limit":
        return f"over the limit of {record['time_limit']:g} s"
    if record["status"] != "ok":
        return "not installed" if record["status"] == "missing" else str(record["status"])
    text = seconds_text(record["scaled_median_s"])
    if record["scaled_by"] != 1:
        text += f" (scaled by n from {record['measured_rows'] / 1e6:.2f} million rows)"
    return text if record["warm_runs"] else f"{text} (one cold run)"


def row(record: Record, ours: Record | None) -> tuple[str, ...]:
    """The cells of a library on a case, the title apart."""
    mine = record["library"] == CLUSTERX
    times, gap = ratio(record, ours), None if mine else difference(record, ours)
    # what a task's child processes take is not in the memory or the first run of their parent
    own = record["status"] == "ok" and record["task"] not in CHILDREN
    first = seconds_text(record["cold_median_s"]) if own and record["scaled_by"] == 1 else ""
    return (
        f"**{CLUSTERX}**" if mine else record["library"],
        time_text(record),
        "" if mine or times is None else f"{_significant(times)}×",
        quality_text(record),
        "" if gap is None else f"{gap:+.2%}".replace("-0.00%", "+0.00%"),
        first,
        f"{record['peak_rss_mib']:,.0f} MiB" if own and record["peak_rss_mib"] else "",
    )


def table(cases: dict[str, list[Record]]) -> str:
    """The markdown table."""
    lines = [HEADER, ("---", "---", *["---:"] * (len(HEADER) - 2))]
    for records in cases.values():
        ours = next((r for r in records if r["library"] == CLUSTERX), None)
        title = records[0]["title"]
        for one in records:
            lines.append((title, *row(one, ours)))
            title = ""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def hardware(cases: dict[str, list[Record]]) -> str:
    """One line for each machine, setting and set of versions behind the records."""
    seen: dict[str, set[str]] = {}
    for records in cases.values():
        for one in records:
            about = one["machine"]
            versions = ", ".join(f"{n} {v}" for n, v in about["versions"].items())
            line = (
                f"{about['cpu']}, {one['threads']} threads, {about['platform']}, "
                f"Python {about['python']}; {versions}"
            )
            seen.setdefault(line, set()).add(one["run"][:10])
    return "\n".join(f"- {' and '.join(sorted(days))}: {line}" for line, days in seen.items())


def sources(cases: dict[str, list[Record]]) -> str:
    """Where the data come from."""
    colors = {r["source"]: r["n_unique"] for rs in cases.values() for r in rs if _whole_image(r)}
    texts = {r["source"]: r["data"] for rs in cases.values() for r in rs}
    lines = []
    for name, text in texts.items():
        lines.append(text + (f" ({colors[name]:,} distinct colours)" if name in colors else ""))
    return "Data: " + "; ".join(lines) + "."


def _whole_image(record: Record) -> bool:
    return "n_unique" in record and record["measured_rows"] == record["rows"]


def document(files: Sequence[Path]) -> str:
    """What stands between the markers: a table, its data and its machines for each file."""
    parts = []
    for path in files:
        cases = latest(read(path))
        if cases:
            parts += [table(cases), LEGEND, sources(cases), hardware(cases)]
    return "\n\n".join(parts)


def between_markers(text: str, inner: str) -> str:
    """`text` with what stands between the two markers replaced.

    Raises
    ------
    ValueError
        A marker is missing, comes twice, or they come in the wrong order.
    """
    if text.count(START) != 1 or text.count(END) != 1 or text.index(END) < text.index(START):
        raise ValueError(f"the text must hold {START} once and {END} once after it")
    head, _, rest = text.partition(START)
    return f"{head}{START}\n\n{inner}\n\n{END}{rest.partition(END)[2]}"


def update(files: Sequence[Path], readme: Path = README) -> None:
    """Write the table of the given records into the README."""
    text = between_markers(readme.read_text(encoding="utf-8"), document(files))
    readme.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("results", nargs="*", type=Path, help="default: bench/results/*.jsonl")
    parser.add_argument("--readme", type=Path, default=README)
    parser.add_argument("--print", action="store_true", help="print it and change nothing")
    given = parser.parse_args(arguments)
    files = given.results or sorted(RESULTS.glob("*.jsonl"))
    if given.print:
        print(document(files))
    else:
        update(files, given.readme)


if __name__ == "__main__":
    main()
