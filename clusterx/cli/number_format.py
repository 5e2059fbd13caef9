"""Numbers as people write them: with decimal commas, and with marks between thousands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np

from ..properties import cached_property

#: how missing numbers are written
MISSING = (
    *("", "NA", "N/A", "n/a", "n.a.", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "-nan", "-NaN"),
    *("null", "NULL", "Null", "None", "-", "--", "?", ".", "#DIV/0!", "#NUM!", "#REF!", "#VALUE!"),
)
_MISSING = frozenset(MISSING)

#: marks that mean the same; some of each group can't be typed
_ALIKE = (" \u00a0\u2009\u202f", "'\u2019")
#: numbers per column that are used to recognise its format, which then reads all of them
_ENOUGH = 10_000
_SIGNS = "%\u2030'\""
_CURRENCIES = ("EUR", "USD", "GBP", "CHF")


def quoted(mark: str) -> str:
    """The character, quoted for a shell."""
    return {"\t": "$'\\t'", "'": '"\'"'}.get(mark, f"'{mark}'")


def is_missing(text: object) -> bool:
    """Whether the field stands for a missing number."""
    return not isinstance(text, str) or text.strip() in _MISSING


@dataclass(frozen=True)
class NumberFormat:
    """The decimal mark and the mark between thousands in numbers.

    Parameters
    ----------
    decimal : str
    thousands : str, optional
        Stands between groups of three digits; all groups but the last may have two, as in India.
    """

    decimal: str = "."
    thousands: str | None = None

    @cached_property
    def _marks(self) -> str:
        """The mark between thousands, and marks that mean the same."""
        mark = self.thousands or ""
        return next((alike for alike in _ALIKE if mark and mark in alike), mark)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        whole = "[0-9]+"
        if self.thousands is not None:
            mark = f"[{re.escape(self._marks)}]"
            grouped = f"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+"
            indian = f"[1-9][0-9]?(?:{mark}[0-9]{{2}})+{mark}[0-9]{{3}}"
            whole = f"(?:{grouped}|{indian}|{whole})"
        point = re.escape(self.decimal)
        fraction = f"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)"
        return re.compile(rf"[+\-\u2212]?{fraction}(?:[eE][+\-]?[0-9]+)?")

    @cached_property
    def _plain(self) -> dict[int, str | None]:
        """A table for `str.translate` that turns such numbers into ones that Python reads."""
        removed: dict[str, str | None] = dict.fromkeys(self._marks)
        return str.maketrans(removed | {self.decimal: ".", "\u2212": "-"})

    def number(self, text: str) -> float | None:
        """The number that the text stands for, or None."""
        text = text.strip()
        if self._pattern.fullmatch(text) is None:
            return None
        return float(text.translate(self._plain))

    def column(self, texts: Sequence[str]) -> np.ndarray | None:
        """The numbers that the texts stand for, NaN where missing; None if any is not a number."""
        values = np.empty(len(texts))
        whole = True
        for row, text in enumerate(texts):
            value = np.nan if is_missing(text) else self.number(text)
            if value is None:
                return None
            values[row] = value
            whole = whole and abs(value) < 2**53 and not {self.decimal, "e", "E"} & set(text)
        return values.astype(np.int64) if whole else values

    def shows(self, text: str) -> bool:
        """Whether the mark between thousands in the text can't be a decimal one."""
        if self.thousands is None or self.number(text) is None:
            return False
        count = sum(text.count(mark) for mark in self._marks)
        return count > 1 or (count == 1 and (self.thousands not in ".," or self.decimal in text))

    @property
    def options(self) -> str:
        """The command-line options that set this format."""
        found = f"--decimal {quoted(self.decimal)}"
        return f"{found} --thousands {quoted(self.thousands)}" if self.thousands else found


#: simpler ones first
FORMATS = (
    NumberFormat("."),
    NumberFormat(","),
    *(NumberFormat(".", mark) for mark in (",", " ", "'")),
    *(NumberFormat(",", mark) for mark in (".", " ", "'")),
)


def is_number(text: str) -> bool:
    """Whether the text is a number in any of the formats."""
    return any(found.number(text) is not None for found in FORMATS)


@dataclass(frozen=True)
class Recognised:
    """The formats in which a table's numbers may be written.

    Parameters
    ----------
    formats : tuple of NumberFormat
        Formats that read all columns of numbers, without those that give the same values as an
        earlier one.
    certain : bool
        Whether there is exactly one, and no doubt about it.
    unlike : tuple of str, optional
        Two columns such that no format reads both.
    """

    formats: tuple[NumberFormat, ...]
    certain: bool
    unlike: tuple[str, ...]

    @classmethod
    def of(cls, columns: dict[str, list[str]]) -> Recognised:
        """The formats of a table, which may also have columns that don't hold numbers."""
        columns = {name: _telling(texts) for name, texts in columns.items()}
        readings = {name: dict(_readings(texts)) for name, texts in columns.items()}
        numeric = {name: found for name, found in readings.items() if found}
        shared = [f for f in FORMATS if numeric and all(f in found for found in numeric.values())]
        different: list[NumberFormat] = []
        for found in shared:
            if not any(_same(numeric, found, other) for other in different):
                different.append(found)
        certain = len(different) == 1 and (
            different[0].thousands is None
            or any(different[0].shows(t) for name in numeric for t in columns[name])
        )
        pairs = combinations(numeric, 2)
        unlike = next(
            (pair for pair in pairs if not set(numeric[pair[0]]) & set(numeric[pair[1]])), ()
        )
        return cls(tuple(different), certain, unlike)


def _telling(texts: list[str]) -> list[str]:
    """Texts that can tell formats apart: digits alone are the same number in all formats."""
    return list(islice((t for t in texts if not t.isdigit()), _ENOUGH)) or texts[:1]


def _readings(texts: list[str]) -> Iterator[tuple[NumberFormat, np.ndarray]]:
    """The formats that read the column, and the numbers that they read."""
    if all(map(is_missing, texts)):
        return
    for found in FORMATS:
        values = found.column(texts)
        if values is not None:
            yield found, values


def _same(
    numeric: dict[str, dict[NumberFormat, np.ndarray]], a: NumberFormat, b: NumberFormat
) -> bool:
    return all(np.array_equal(x[a], x[b], equal_nan=True) for x in numeric.values())


def beside(text: str) -> str | None:
    """The sign, currency or brackets beside a number; None if the text is anything else."""
    if text.startswith("(") and text.endswith(")") and is_number(text[1:-1]):
        return "()"
    signs = [c for c in text if c in _SIGNS or unicodedata.category(c) == "Sc"]
    for mark in (*signs, *_CURRENCIES):
        rest = text.replace(mark, "").strip()
        if mark in text and is_number(rest):
            return mark
    return None
