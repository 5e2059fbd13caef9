"""The picture of docs/scale.md, made of the lines that bench.scale keeps.

python docs/scale_figure.py
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt

DOCS = Path(__file__).parent
#: (place of the rows, place of the labels), its name, its colour
PLACES = {
    ("memory", "memory"): ("array in memory", "tab:blue"),
    ("blocks", "memory"): ("blocks of a file, labels in memory", "tab:orange"),
    ("blocks", "file"): ("blocks, labels to a file", "tab:green"),
}


def lines() -> list[dict]:
    text = (DOCS.parent / "bench" / "results" / "scale.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def main() -> None:
    figure, (cost, memory) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    found = [line for line in lines() if line["in"] != "workers" and line["columns"] == 16]
    for place, (name, color) in PLACES.items():
        own = [line for line in found if (line["in"], line["labels"]) == place]
        own.sort(key=lambda line: line["rows"])
        n = [line["rows"] for line in own]
        per_pass = [line["cpu_seconds"] / line["iterations"] for line in own]
        style = {"marker": "o", "color": color, "label": name}
        cost.plot(n, per_pass, **style)
        memory.plot(n, [line["peak_mb"] for line in own], **style)
    rows = sorted({line["rows"] for line in found})
    data = [64 * n / 1e6 for n in rows]
    memory.plot(rows, data, color="0.6", linestyle=":", label="the rows themselves")
    for axes, title in ((cost, "seconds of a core per iteration"), (memory, "peak memory, MB")):
        axes.set(xscale="log", yscale="log", xlabel="rows (16 columns, float32)", title=title)
        axes.grid(alpha=0.3)
    memory.legend(frameon=False, fontsize=8)
    figure.savefig(DOCS / "images" / "scale.png", dpi=120)


if __name__ == "__main__":
    main()
