"""From the records to the tables of README.md and docs/benchmarks.md: `python -m bench.report`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .cases import CASES, CLUSTERX, CPU, CUDA, SKLEARN
from .children import TASKS as CHILD_TASKS
from .hardware import ROOT
from .peers import LIBRARIES
from .sources import SOURCES

RESULTS = Path(__file__).resolve().parent / "results"
README, DOCS = ROOT / "README.md", ROOT / "docs" / "benchmarks.md"
START, END = "<!-- bench:start -->", "<!-- bench:end -->"

Record = dict[str, Any]
#: The rows of README's table: a few of each family, a small fit among them.
HEADLINES = (
    "palette-24mp-256", "quantize-24mp-256", "fit-digits-10", "fit-digits-256",
    "minibatch-digits-256", "fit-iris-3", "dbscan-1m-2", "hdbscan-100k-2", "optics-10000-2",
    "ward-10000x2", "mixture-full-200000x16", "spectral-50000", "mean-shift-2000",
    "silhouette-digits", "ami-1m-100",
)  # fmt: skip
HEADLINE_HEADER = ("case", CLUSTERX, SKLEARN, "fastest other", "ratio", "quality difference")
HEADLINE_LEGEND = (
    "Times are medians of warm runs. *Ratio*: scikit-learn's time over clusterx's, then the other "
    "library's; above 1, clusterx is faster. *Quality difference*: their inertia, mean squared "
    "error or score relative to clusterx's, in the same order; positive inertia and error are "
    "worse than clusterx's. *(scaled)*: measured on part of the rows and multiplied up. *(cold)*: "
    "a single run of a fresh process. Pillow quantises by median cut."
)
HEADER = ("case", "library", "time", "ratio", "quality", "difference", "first run", "memory")
LEGEND = (
    "- *time*: the median of the warm runs; each library runs in fresh processes, and the "
    "libraries take turns.\n"
    "- *ratio*: the library's time divided by clusterx's; above 1, clusterx is faster.\n"
    "- *quality*: the inertia, the mean squared error per channel of an indexed image (MSE), or "
    "the score or sum of scores. The same function computes inertia and error for all "
    "libraries; lower is better.\n"
    "- *difference*: quality relative to clusterx's, over the seeds that both ran.\n"
    "- *first run*: the cold run of a fresh process, without imports, with compiled code in the "
    "cache.\n"
    "- *memory*: peak resident memory, including the data"
)
LEGENDS = {
    CPU: f"{LEGEND}.",
    CUDA: f"{LEGEND.rpartition('- *memory*')[0]}- *memory*: the most that the library's allocator "
    "held on the GPU.\n- Times are taken between two events on the device, with the data already "
    "there.",
}
HEADINGS = {CPU: "On the CPU", CUDA: "On a GPU"}
STATUSES = {"missing": "not installed", "no time": "no time left"}


def read(path: Path) -> list[Record]:
    """The records of a file of JSON lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def kept(folder: Path = RESULTS) -> list[Record]:
    """The records at full size that are kept with the project."""
    paths = (folder / f"{device}.jsonl" for device in HEADINGS)
    records = [one for path in paths if path.exists() for one in read(path)]
    return [one for one in records if one.get("scale", 1) == 1]


def latest(records: Iterable[Record]) -> dict[str, list[Record]]:
    """By case, the records of its last run, in the order of the table of cases."""
    runs: dict[str, dict[str, list[Record]]] = {}
    for one in records:
        runs.setdefault(one["case"], {}).setdefault(one["run"], []).append(one)
    order = {case.name: place for place, case in enumerate(CASES)}
    names = sorted(runs, key=lambda name: order.get(name, len(order)))
    return {name: runs[name][max(runs[name])] for name in names}


def ours_of(records: Iterable[Record]) -> Record | None:
    """clusterx's record of a case."""
    return next((one for one in records if one["library"] == CLUSTERX), None)


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
    if not common or (depends_on_rows and peer["measured_rows"] != ours["measured_rows"]):
        return None
    return sum(theirs[s] for s in common) / sum(own[s] for s in common) - 1


# Cells


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


def ratio_text(value: float | None) -> str:
    """A ratio of times."""
    return "" if value is None else f"{_significant(value)}×"


def difference_text(value: float | None) -> str:
    """A relative difference in per cent."""
    return "" if value is None else f"{value:+.2%}".replace("-0.00%", "+0.00%")


def quality_text(record: Record) -> str:
    """Mean quality, and over how many seeds where more than one was run."""
    value = record.get("quality_mean")
    if value is None:
        return ""
    kind = record["quality_kind"]
    text = f"MSE {value:.3f}" if kind == "mse" else f"{value:.{10 if kind == 'score' else 5}g}"
    known = [q for q in record["quality"] if q is not None]
    return f"{text} ({len(known)} seeds)" if len(known) > 1 else text


def time_text(record: Record, brief: bool = False) -> str:
    """The median time, or what became of the library instead."""
    status = record["status"]
    if status == "time limit":
        return f"over {'' if brief else 'the limit of '}{record['time_limit']:g} s"
    if status != "ok":
        return STATUSES.get(status) or str(status)
    text, rows = seconds_text(record["scaled_median_s"]), record["measured_rows"] / 1e6
    if record["scaled_by"] != 1:
        text += " (scaled)" if brief else f" (scaled by n from {rows:.2f} million rows)"
    if record["warm_runs"]:
        return text
    return text + (" (cold)" if brief else " (one cold run)")


def memory_text(record: Record) -> str:
    """Peak memory on the host, or on the GPU where the GPU computed."""
    key = "peak_rss_mib" if record.get("device", CPU) == CPU else "device_mib"
    return f"{record[key]:,.0f} MiB" if record.get(key) else ""


def label(record: Record) -> str:
    """The library, with what has to be known of its figures."""
    name = record["library"]
    if name == CLUSTERX:
        return f"**{name}**"
    note = LIBRARIES[name].note if name in LIBRARIES and record.get("device") == CUDA else ""
    return f"{name} ({note})" if note else name


def row(record: Record, ours: Record | None) -> tuple[str, ...]:
    """The cells of a library on a case, without the title."""
    peer = record["library"] != CLUSTERX
    # a task's child processes are not in the memory or the first run of their parent
    own = record["status"] == "ok" and record["task"] not in CHILD_TASKS
    first = own and record["scaled_by"] == 1
    return (
        label(record),
        time_text(record),
        ratio_text(ratio(record, ours)) if peer else "",
        quality_text(record),
        difference_text(difference(record, ours)) if peer else "",
        seconds_text(record["cold_median_s"]) if first else "",
        memory_text(record) if own else "",
    )


# Tables


def _markdown(header: Sequence[str], left: int, rows: Iterable[Sequence[str]]) -> str:
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def table(cases: dict[str, list[Record]]) -> str:
    """Every library on every case; losses and failures stay in."""
    rows = []
    for records in cases.values():
        ours = ours_of(records)
        titles = [records[0]["title"], *[""] * (len(records) - 1)]
        rows += [(title, *row(one, ours)) for title, one in zip(titles, records, strict=True)]
    return _markdown(HEADER, 2, rows)


def headline(records: Sequence[Record]) -> tuple[str, ...]:
    """One line for a case: clusterx, scikit-learn, and the fastest of the others."""
    ours = ours_of(records)
    by_name = {one["library"]: one for one in records if LIBRARIES[one["library"]].compared}
    timed = [one for one in by_name.values() if one["status"] == "ok"]
    others = [one for one in timed if one["library"] not in (CLUSTERX, SKLEARN)]
    best = min(others, key=lambda one: one["scaled_median_s"], default=None)
    peers = [one for one in timed if one["library"] == SKLEARN or one is best]
    return (
        records[0]["title"],
        "" if ours is None else time_text(ours, brief=True),
        time_text(by_name[SKLEARN], brief=True) if SKLEARN in by_name else "",
        "" if best is None else f"{best['library']}, {time_text(best, brief=True)}",
        ", ".join(filter(None, (ratio_text(ratio(one, ours)) for one in peers))),
        ", ".join(filter(None, (difference_text(difference(one, ours)) for one in peers))),
    )


def hardware(cases: dict[str, list[Record]]) -> str:
    """One line for each machine, setting and set of versions behind the records."""
    seen: dict[str, set[str]] = {}
    for one in (one for records in cases.values() for one in records):
        about = one["machine"]
        versions = [f"{n} {v}" for n, v in about["versions"].items() if v != "not installed"]
        gpu = [about["gpu"]] if "gpu" in about else []
        gpu += [f"driver {about['cuda_driver']}"] if "cuda_driver" in about else []
        parts = [about["cpu"], f"{one['threads']} threads", about["platform"]]
        line = ", ".join([*gpu, *parts, f"Python {about['python']}; {', '.join(versions)}"])
        seen.setdefault(line, set()).add(one["run"][:10])
    return "\n".join(f"- {' and '.join(sorted(days))}: {line}" for line, days in seen.items())


def data(cases: dict[str, list[Record]]) -> str:
    """Where the data come from."""
    records = [one for records in cases.values() for one in records]
    colors = {r["source"]: r["n_unique"] for r in records if _whole_image(r)}
    lines = []
    for name, said in {r["source"]: r["data"] for r in records}.items():
        text = SOURCES[name].text if name in SOURCES else said
        found = f"; {colors[name]:,} distinct colours" if name in colors else ""
        lines.append(f"- {text}{found}")
    return "\n".join(lines)


def _whole_image(record: Record) -> bool:
    return "n_unique" in record and record["measured_rows"] == record["rows"]


# Documents


def document(records: Sequence[Record]) -> str:
    """A section per device: the table, its legend, the data and the machines."""
    parts = []
    for device, heading in HEADINGS.items():
        cases = latest(one for one in records if one.get("device", CPU) == device)
        if cases:
            shares = {one["scale"] for one in records if one.get("scale", 1) != 1}
            part = "".join(f" ({share:g} of the rows)" for share in sorted(shares))
            parts += [f"## {heading}", table(cases), LEGENDS[device]]
            parts += [f"Data{part}:", data(cases), "Machine:", hardware(cases)]
    return "\n\n".join(parts)


def summary(records: Sequence[Record]) -> str:
    """The headline rows of the CPU."""
    cases = latest(one for one in records if one.get("device", CPU) == CPU)
    chosen = [cases[name] for name in HEADLINES if name in cases]
    used = {f"{one['machine']['cpu']}, {one['threads']} threads" for rs in chosen for one in rs}
    rows = _markdown(HEADLINE_HEADER, 1, map(headline, chosen))
    return f"{rows}\n\n{HEADLINE_LEGEND} Machine: {'; '.join(sorted(used))}."


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


def pages(records: Sequence[Record], readme: Path = README, docs: Path = DOCS) -> dict[Path, str]:
    """What the README and the page of benchmarks should hold, by their paths."""
    inner = {readme: summary(records), docs: document(records)}
    return {
        path: between_markers(path.read_text(encoding="utf-8"), said)
        for path, said in inner.items()
    }


def update(folder: Path = RESULTS, readme: Path = README, docs: Path = DOCS) -> None:
    """Write the tables of the kept records into the README and the page of benchmarks."""
    for path, text in pages(kept(folder), readme, docs).items():
        path.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument(
        "results", nargs="*", type=Path, help="print the full table of these files instead"
    )
    given = parser.parse_args(arguments)
    if given.results:
        print(document([one for path in given.results for one in read(path)]))
    else:
        update()


if __name__ == "__main__":
    main()
