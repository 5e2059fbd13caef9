"""Times of scikit-learn and clusterx on equal tasks, from `python -m bench.accel`."""

from __future__ import annotations

import json
from pathlib import Path

_found = json.loads(Path(__file__).with_name("measured.json").read_text())
#: Where the times were taken.
MACHINE: str = _found["machine"]
#: Seconds of importing clusterx beside scikit-learn.
IMPORT: float = _found["import"]
#: Extra seconds of a first call, by kind of call, where kernels are read from disk,
LOAD: dict[str, float] = {key: one[0] for key, one in _found["first"].items()}
#: and where they are compiled first, because they never were on this machine.
COMPILE: dict[str, float] = {key: one[1] for key, one in _found["first"].items()}
#: By kind of call: rows, columns, clusters, iterations, seconds of scikit-learn and of clusterx.
TABLE: dict[str, tuple[tuple, ...]] = {
    key: tuple(map(tuple, lines)) for key, lines in _found["table"].items()
}
