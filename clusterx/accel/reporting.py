"""Says what ran where, and how much time that saved, as far as it was measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from .measured import MACHINE
from .records import RECORDS, Call, Total
from .routing import expected

#: Rows shown in a report; a last row sums up the others.
SHOWN = 40


@dataclass(frozen=True)
class Row:
    """Calls of one kind.

    Parameters
    ----------
    call : str
    shape : str
        Rows x columns of the data.
    where : str
        ``"clusterx"``, ``"clusterx on the GPU"`` or ``"scikit-learn"``.
    calls : int
    seconds : float
        Measured; it includes `loading`.
    loading : float
        Importing clusterx, reading and compiling kernels; measured.
    scikit_learn : float or None
        Seconds that scikit-learn is estimated to take for the calls that ran on clusterx; None
        where no ratio was measured near that size.
    note : str
        What the estimate is based on, or why scikit-learn got the call.
    """

    call: str
    shape: str
    where: str
    calls: int
    seconds: float
    loading: float
    scikit_learn: float | None
    note: str


@dataclass(frozen=True)
class Report:
    """What ran where since `install`.

    Attributes
    ----------
    rows : tuple of Row
        The row with the most seconds first.
    """

    rows: tuple[Row, ...]

    @property
    def saved(self) -> float:
        """Seconds saved in the calls with an estimate, minus loading. May be negative."""
        known = (row for row in self.rows if row.scikit_learn is not None)
        return sum(row.scikit_learn - row.seconds for row in known)  # type: ignore[operator, misc]

    @property
    def unknown(self) -> int:
        """The number of calls on clusterx for which no ratio was measured."""
        return sum(
            r.calls for r in self.rows if r.where != "scikit-learn" and r.scikit_learn is None
        )

    def to_dict(self) -> dict[str, Any]:
        """The report as numbers and strings, for JSON."""
        rows = [asdict(row) for row in self.rows]
        return {"rows": rows, "saved": self.saved, "calls_without_estimate": self.unknown}

    def __str__(self) -> str:
        if not self.rows:
            return "clusterx.accel: no call that clusterx could take."
        head = ("call", "rows x columns", "ran on", "calls", "seconds", "scikit-learn", "note")
        body = [_cells(row) for row in self.rows[:SHOWN]]
        widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
        right = {3, 4, 5}
        lines = [
            "  ".join(
                cell.rjust(w) if i in right else cell.ljust(w)
                for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in (head, *body)
        ]
        if len(self.rows) > SHOWN:
            rest = sum(row.seconds for row in self.rows[SHOWN:])
            lines.append(f"and {len(self.rows) - SHOWN} more kinds of calls, {_short(rest)} s")
        return "\n".join(["clusterx.accel", *lines, "", *self._summary()])

    def _summary(self) -> list[str]:
        own = [row for row in self.rows if row.where != "scikit-learn"]
        others = [row for row in self.rows if row.where == "scikit-learn"]
        lines = [
            f"{sum(r.calls for r in own)} calls on clusterx: "
            f"{_short(sum(r.seconds for r in own))} s, of which "
            f"{_short(sum(r.loading for r in own))} s loading it. "
            f"{sum(r.calls for r in others)} on scikit-learn: "
            f"{_short(sum(r.seconds for r in others))} s."
        ]
        if any(row.scikit_learn is not None for row in own):
            saved = self.saved
            lines.append(
                f"Time saved: at least about {_short(saved)} s."
                if saved >= 0
                else f"Time lost: about {_short(-saved)} s, because clusterx had to be loaded."
            )
            lines.append(
                "scikit-learn's times are estimates: the lesser of clusterx's time without loading "
                "times the measured ratio of both, and the time that scikit-learn took when it was "
                f"measured, at sizes like those ({MACHINE})."
            )
        if self.unknown:
            lines.append(
                f"No estimate for {self.unknown} calls on clusterx: no ratio was measured near "
                "their size."
            )
        return lines

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def _cells(row: Row) -> tuple[str, ...]:
    guess = "" if row.scikit_learn is None else f"~{_short(row.scikit_learn)}"
    return (
        row.call, row.shape, row.where, str(row.calls), _short(row.seconds), guess, row.note,
    )  # fmt: skip


def _short(seconds: float) -> str:
    return (
        f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.3g}" if seconds >= 0.001 else "<0.001"
    )


def report() -> Report:
    """What ran where since `install`, with the time saved as far as it was measured.

    Returns
    -------
    Report
        ``print(report)`` shows it; ``report.rows`` has the numbers.
    """
    joined: dict[tuple[str, str, str, str], Row] = {}
    for call, total in list(RECORDS.totals.items()):
        row = _row(call, total)
        place = row.call, row.shape, row.where, row.note
        old = joined.get(place)
        joined[place] = row if old is None else _sum(old, row)
    return Report(tuple(sorted(joined.values(), key=lambda row: -row.seconds)))


def _row(call: Call, total: Total) -> Row:
    shape = "" if call.size is None else f"{call.size.rows:,} x {call.size.columns:,}"
    note, guess = call.why, None
    if call.where != "scikit-learn":
        guess = total.estimate
        times = None if guess is None or call.size is None else expected(call.key, call.size)
        if times is None:
            note = "no ratio was measured near this size"
        else:
            of = f", {times.clusters} clusters" if times.clusters > 1 else ""
            note = f"by times at {times.rows:,} x {times.columns:,}{of}"
    return Row(call.name, shape, call.where, total.calls, total.seconds, total.loading, guess, note)


def _sum(a: Row, b: Row) -> Row:
    guesses = (a.scikit_learn, b.scikit_learn)
    return replace(
        a, calls=a.calls + b.calls, seconds=a.seconds + b.seconds, loading=a.loading + b.loading,
        scikit_learn=None if None in guesses else sum(guesses),  # type: ignore[arg-type]
    )  # fmt: skip
