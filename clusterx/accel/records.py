"""What ran where, and for how long."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import NamedTuple

from .routing import Size


class Call(NamedTuple):
    """What calls that are counted together have in common.

    Parameters
    ----------
    name, key : str
        Name of the call, and key of its row in the table of times.
    size : Size, optional
    where : str
        ``"clusterx"``, ``"clusterx on the GPU"`` or ``"scikit-learn"``.
    why : str
        Why it went to scikit-learn.
    """

    name: str
    key: str
    size: Size | None
    where: str
    why: str


@dataclass
class Total:
    """The number of calls and their seconds.

    `loading` is the part of `seconds` spent on loading clusterx or compiling kernels; `estimate` is
    the seconds that scikit-learn would have taken, or None if that is not known.
    """

    calls: int = 0
    seconds: float = 0.0
    loading: float = 0.0
    estimate: float | None = 0.0


class Records:
    """The calls since accel was installed."""

    def __init__(self) -> None:
        self.totals: dict[Call, Total] = {}
        self._lock = threading.Lock()

    def add(
        self, call: Call, seconds: float, loading: float = 0.0, estimate: float | None = None
    ) -> None:
        with self._lock:
            total = self.totals.setdefault(call, Total())
            total.calls += 1
            total.seconds += seconds
            total.loading += loading
            known = total.estimate is not None and estimate is not None
            total.estimate = total.estimate + estimate if known else None  # type: ignore[operator]

    def clear(self) -> None:
        with self._lock:
            self.totals.clear()


RECORDS = Records()
