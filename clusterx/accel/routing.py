"""Decides which calls clusterx takes: those that are faster by the table of measured times.

Loading clusterx and its kernels takes about as long as scikit-learn needs for a small script. So
a call that would save less than that stays with scikit-learn, and the time it would have saved is
added up. Once the sum, or what one call saves, exceeds the cost of loading, clusterx is loaded.
Compiling kernels, once on a machine, has to be worth it in the same way: there the sum is that of
all processes.
"""

from __future__ import annotations

import atexit
import math
import threading
from functools import lru_cache
from typing import NamedTuple

from . import devices, loading
from .compiled import is_compiled, note_compiled, note_unsaved, unsaved
from .measured import COMPILE, IMPORT, LOAD, TABLE

#: clusterx takes a call if by the table scikit-learn takes at least this many times as long. The
#: table's times are for one thread, and repeat within 10 to 20 % (its column "spread").
WORTH = 1.25
#: The report's estimates use a measured time for sizes up to this factor away.
NEAR = 4.0
#: Iterations that a call is expected to make: between the 4 and the 30 of the table, and about as
#: many as k-means makes on the digits.
ITERATIONS = 12
#: Seconds that calls of one kind may in total be slower on clusterx than expected of scikit-learn;
#: beyond that, they go to scikit-learn. It is 5 % of a script that takes one second.
LOSS = 0.05


class Size(NamedTuple):
    """The sizes that the time of a call depends on."""

    rows: int
    columns: int = 1
    clusters: int = 1
    #: how many times the work is done: the starts of k-means
    repeats: int = 1


class Expected(NamedTuple):
    """Seconds of a call according to the table, and the measured size that they come from."""

    scikit_learn: float
    clusterx: float
    rows: int
    columns: int
    clusters: int
    near: bool

    @property
    def ratio(self) -> float:
        return self.scikit_learn / self.clusterx


#: Whether clusterx takes all calls that it can, for tests and for comparisons.
always = False
_lock = threading.Lock()
_used: set[str] = set()
_unsaved: dict[str, float] = {}
_gained: dict[str, float] = {}


def take_all(wanted: bool) -> None:
    """Set whether clusterx takes all calls that it can, whatever the table says."""
    global always
    always = wanted


def forget() -> None:
    """Reset the account of the time saved."""
    with _lock:
        _unsaved.clear()
        _gained.clear()
        expected.cache_clear()


@lru_cache(4096)  # calls of one size come by often, and looking them up takes 0.1 ms
def expected(key: str, size: Size, iterations: int = ITERATIONS) -> Expected | None:
    """The times of a call according to the table; None if nothing like it was measured.

    Times are interpolated and extrapolated as a power of the rows, and linearly in the iterations.
    Columns and clusters are those of the nearest measurement.
    """
    rows = TABLE.get(key)
    if not rows:
        return None

    def distance(place: tuple[int, int]) -> float:
        return sum(abs(math.log(a / b)) for a, b in zip(place, size[1:3], strict=True))

    columns, clusters = min(sorted({(row[1], row[2]) for row in rows}), key=distance)
    lines: dict[int, list[tuple]] = {}
    for row in rows:
        if row[1:3] == (columns, clusters):
            lines.setdefault(row[0], []).append(row[3:])
    measured = sorted(lines)
    times = [
        _power(measured, [_at(lines[n], iterations, which) for n in measured], size.rows)
        for which in (1, 2)
    ]
    closest = min(measured, key=lambda n: abs(math.log(n / size.rows)))
    pairs = zip((closest, columns, clusters), size[:3], strict=True)
    near = max(max(a / b, b / a) for a, b in pairs) <= NEAR
    return Expected(
        times[0] * size.repeats, times[1] * size.repeats, closest, columns, clusters, near
    )


def _at(line: list[tuple], iterations: int, which: int) -> float:
    """The time of that many iterations, on the line through the fewest and the most measured."""
    few, many = min(line), max(line)
    if few[0] == many[0]:
        return few[which]
    slope = max(0.0, many[which] - few[which]) / (many[0] - few[0])
    return max(few[which] + slope * (iterations - few[0]), 0.5 * few[which])


def _power(measured: list[int], times: list[float], rows: int) -> float:
    """The time for `rows` rows, by the power law through the two nearest measurements."""
    if len(measured) == 1:
        return times[0] * rows / measured[0]
    above = next((i for i, n in enumerate(measured) if n >= rows), len(measured) - 1)
    i = max(above, 1)
    power = math.log(times[i] / times[i - 1]) / math.log(measured[i] / measured[i - 1])
    if rows > measured[-1]:
        return times[-1] * (rows / measured[-1]) ** max(power, 1.0)
    if rows < measured[0]:
        return times[0] * (rows / measured[0]) ** max(power, 0.0)
    return times[i] * (rows / measured[i]) ** power


def reason(key: str, size: Size) -> str | None:
    """Why a call of that size stays with scikit-learn, or None."""
    if size.rows < 1 or size.columns < 1:
        return "the data are empty"
    if always:
        return None
    times = expected(key, size)
    if times is None:
        return f"{key} was not measured, so it might be slower"
    if times.ratio < WORTH:
        return f"scikit-learn is about as fast at {size.rows} x {size.columns}"
    if _gained.get(key, 0.0) < -LOSS:
        return "calls like it were slower than expected"
    if times.scikit_learn - times.clusterx + _unsaved.get(key, 0.0) < pending(key):
        cost = "loading clusterx" if is_compiled(key) else "compiling clusterx's kernels, once,"
        return f"saves less at {size.rows} x {size.columns} than {cost} costs"
    return None


def pending(key: str) -> float:
    """Seconds of loading that the first call with this key would have to wait for."""
    if key in _used:
        return 0.0
    kernels = LOAD if is_compiled(key) else COMPILE
    seconds = kernels.get(key, 0.0)
    family, _, work = key.partition(" ")[0].rpartition(".")
    fits = [other for other in kernels if other.startswith(f"{family}.fit")]
    if work in ("predict", "partial_fit") and fits and not _used.intersection(fits):
        # these were measured after a fit, which had loaded most of what they need
        seconds = max(seconds, *(kernels[other] for other in fits))
    if kernels is COMPILE:
        seconds = max(LOAD.get(key, 0.0), seconds - unsaved(key))
    return seconds + (0.0 if loading.is_loaded() else IMPORT)


@atexit.register
def keep_unsaved() -> None:
    """Keep what calls of this process would have saved if their kernels had been compiled."""
    for key, seconds in _unsaved.items():
        beyond = seconds - LOAD.get(key, 0.0) - IMPORT
        if beyond > 0 and not is_compiled(key):
            note_unsaved(key, beyond)
    _unsaved.clear()


def left(key: str, size: Size | None, seconds: float) -> None:
    """Take note of a call that stayed with scikit-learn: what it would have saved."""
    times = None if size is None or size.rows < 1 or size.columns < 1 else expected(key, size)
    if times is not None and times.ratio >= WORTH:
        with _lock:
            _unsaved[key] = _unsaved.get(key, 0.0) + seconds * (1 - 1 / times.ratio)


def taken(key: str, size: Size, seconds: float, iterations: int | None) -> float | None:
    """Take note of a call that ran on clusterx; `seconds` are without loading.

    Returns
    -------
    estimate : float or None
        Seconds that scikit-learn would have taken, if anything near was measured: the lesser of
        clusterx's seconds times the measured ratio, and scikit-learn's measured seconds. The
        minimum keeps the ratio from multiplying time lost to other work on the machine or to
        the remainder of loading.
    """
    if key not in _used:
        with _lock:
            _used.add(key)
        note_compiled(key)
    times = expected(key, size, iterations or ITERATIONS)
    if times is None or devices.current() != "cpu":
        return None
    with _lock:
        _gained[key] = _gained.get(key, 0.0) + seconds * (times.ratio - 1)
    return min(seconds * times.ratio, times.scikit_learn) if times.near else None
