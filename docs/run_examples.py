"""Run examples on arrays that are as strict as a GPU's, to see that they would run on one.

    python docs/run_examples.py                 all of them
    python docs/run_examples.py kmeans moons    those whose path contains one of the words

The line that a script marks with `on a GPU` makes arrays of array_api_strict on its second device,
which nothing can read by accident. The generic kernels are slower than any others, so this takes
minutes. Exit status 1 if a script fails.
"""

from __future__ import annotations

import re
import sys
import time
import traceback
from pathlib import Path

import array_api_strict as strict
import matplotlib.pyplot

from clusterx.arrays import to_host

EXAMPLES = Path(__file__).parent / "examples"
MARKED = re.compile(r"np\.asarray\((.*)\)  # cupy\.asarray\(.*\) on a GPU$", re.MULTILINE)


def elsewhere(values: object) -> object:
    return strict.asarray(values, device=strict.Device("device1"))


def as_list(array: object) -> list:
    """What CuPy's arrays have, and the standard has not."""
    return to_host(array).tolist()


def run(path: Path) -> bool:
    matplotlib.pyplot.close("all")
    source, lines = MARKED.subn(r"_elsewhere(\1)", path.read_text("utf-8"))
    begin = time.perf_counter()
    try:
        exec(compile(source, path, "exec"), {"__name__": "__main__", "_elsewhere": elsewhere})
    except Exception:
        traceback.print_exc()
        return False
    seconds = time.perf_counter() - begin
    note = f"{lines} marked" if lines else "on the CPU only"
    print(f"-- {path.relative_to(EXAMPLES)}: {seconds:.1f} s, {note}", flush=True)
    return True


def main() -> int:
    matplotlib.use("agg")
    type(elsewhere([])).tolist = as_list
    words = sys.argv[1:]
    paths = sorted(EXAMPLES.glob("*/plot_*.py"))
    chosen = [p for p in paths if not words or any(word in str(p) for word in words)]
    failed = [path.name for path in chosen if not run(path)]
    print(f"{len(chosen) - len(failed)} of {len(chosen)} run", *failed)
    return int(bool(failed) or not chosen)


if __name__ == "__main__":
    sys.exit(main())
