"""Reads delimited text: finds its encoding, delimiter and column names, and parses its numbers."""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .common import MissingPackageError, TableError, listed
from .encodings import encoding_of
from .number_format import FORMATS, MISSING, NumberFormat, Recognised, is_number, quoted
from .source import TableFile, unescaped

_DELIMITERS = (",", ";", "\t", "|", " ")
#: the module, by ending, whose `open` unpacks the file
_PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma", ".zst": "zstandard"}
PACKED = tuple(_PACKED)
#: first bytes of the file, from which the delimiter and the header are recognised
_SAMPLE = 1 << 16


@dataclass(frozen=True)
class Separated:
    """A file of delimited text, and what was recognised about it.

    Parameters
    ----------
    source : Source
    data : bytes, optional
        The whole input, if it came from stdin.
    encoding, delimiter : str
    skipped : int
        Lines above the table.
    header : bool
        Whether the first line has names.
    labels : tuple
        pandas' labels of the columns, which are unique.
    codes : set
        Labels of columns in which numbers begin with zeros.
    options : tuple of str
        The options that would have set what was recognised.
    notes : tuple of str
        What the user should know about how the file was read.
    """

    source: TableFile
    data: bytes | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    skipped: int = 0
    header: bool = True
    labels: tuple[Any, ...] = ()
    codes: frozenset[Any] = frozenset()
    options: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: TableFile) -> Separated:
        data = sys.stdin.buffer.read() if source.name == "-" else None
        found = cls(source, data)
        with found._told(), found._opened() as file:
            raw = file.read(_SAMPLE)
            found = replace(found, encoding=source.encoding or encoding_of(source, raw))
            decoder = codecs.getincrementaldecoder(found.encoding)("replace")
            sample = decoder.decode(raw).removeprefix("\ufeff")
        if not sample.strip():
            raise TableError(f"{source.called}: the file is empty.")
        hint = re.match(r'"?sep=(.)"?(\r\n|\r|\n)', sample)  # Excel's delimiter line
        if hint:
            found, sample = replace(found, skipped=1), sample[hint.end() :]
        is_part = len(raw) == _SAMPLE
        rows = {d: _rows(sample, d, is_part) for d in _DELIMITERS}
        found = found._with_delimiter(rows, hint[1] if hint else None)
        own = rows.get(found.delimiter) or _rows(sample, found.delimiter, is_part)
        found = found._with_header([field.strip() for field in own[0]] if own else [])
        return found._with_labels(own)

    def _with_delimiter(self, rows: dict[str, list[list[str]]], hint: str | None) -> Separated:
        able = [d for d, found in rows.items() if found and len(found[0]) > 1]
        if able == [" "] and not _is_even(rows[" "]):
            able = []  # words of a name
        given = unescaped(self.source.delimiter or "") or hint
        if given:
            if given in _DELIMITERS and given not in able and able not in ([], [" "]):
                raise TableError(
                    f"{self.source.called}: the first line has no {given!r}, and seems to be "
                    f"delimited by {able[0]!r}: add --delimiter {quoted(able[0])}."
                )
            return replace(self, delimiter=given)
        suffixes = [] if self.data is not None else Path(self.source.name).suffixes[-2:]
        usual = "\t" if ".tsv" in [s.lower() for s in suffixes] else ","
        able = [d for d in able if d != " "] or able
        even = [d for d in able if _is_even(rows[d])]
        best = _most_numbers({d: rows[d] for d in even or able})
        if len(best) > 1:
            ways = " or ".join(f"--delimiter {quoted(d)}" for d in best)
            raise TableError(
                f"{self.source.called}: what is between the fields can't be told: add {ways}."
            )
        delimiter = best[0] if best else usual
        options = () if delimiter == usual else (f"--delimiter {quoted(delimiter)}",)
        return replace(self, delimiter=delimiter, options=options)

    def _with_header(self, first: list[str]) -> Separated:
        header = self.source.header
        if header is not None or not all(map(is_number, first)):
            return replace(self, header=header is not False)
        if len(first) > 1 and first == [str(i) for i in range(len(first))]:
            return self._noted(
                "the first line counts the columns, and is taken for their names. --no-header "
                "makes a row of it"
            )
        return replace(self, header=False)._noted(
            f"the first line has only numbers ({listed(first, 4)}), and is taken for a row. "
            "--header makes names of it"
        )

    def _with_labels(self, rows: list[list[str]]) -> Separated:
        labels = list(self._frame(nrows=0 if self.header else 1))
        # lines may end in delimiters that the first line lacks
        width = max(map(len, rows), default=0) if rows and _is_even(rows) else 0
        labels += [_unnamed(i) for i in range(len(labels), width)]
        pairs = (pair for row in rows[self.header :] for pair in zip(labels, row, strict=False))
        codes = frozenset(label for label, text in pairs if re.fullmatch("0[0-9]+", text))
        return replace(self, labels=tuple(labels), codes=codes)

    def _noted(self, note: str) -> Separated:
        return replace(self, notes=(*self.notes, f"{self.source.called}: {note}."))

    # -- frames --------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """Names of the columns, stripped of spaces if they stay distinct."""
        names = [str(label).removeprefix("\ufeff").strip() for label in self.labels]
        return names if len(set(names)) == len(names) else [str(label) for label in self.labels]

    def texts(self, columns: list[Any] | None = None) -> Any:
        """A frame of the fields as text; `columns` are labels, all by default."""
        frame = self._frame(dtype=str, na_filter=False)
        return frame if columns is None else frame[columns]

    def numbers(self, columns: list[Any]) -> tuple[Any, NumberFormat, bool]:
        """A frame of some columns, as numbers where they hold numbers.

        Returns
        -------
        frame : DataFrame
        number_format : NumberFormat
        recognised : bool
            Whether the format was recognised: it is neither the usual one nor given.
        """
        source = self.source
        if source.decimal is not None or source.thousands is not None:
            decimal = source.decimal or ("," if source.thousands == "." else ".")
            found = NumberFormat(decimal, source.thousands)
            return _converted(self.texts(columns), found), found, False
        frame = self._frame(
            # columns that are only passed through cost less as text; all columns are read,
            # because otherwise lines that are too long would go unnoticed
            dtype=dict.fromkeys(set(self.labels) - set(columns), str),
            na_values=list(MISSING),
            low_memory=False,
            **_exact_numbers(),
        )[columns]
        kinds = {dtype.kind for dtype in frame.dtypes}
        # where ';' is the delimiter, 1.234 often means 1234
        if kinds <= set("iub" if self.delimiter == ";" else "iufb"):
            return frame, FORMATS[0], False
        texts = self.texts(columns)
        recognised = Recognised.of({label: texts[label].tolist() for label in columns})
        if recognised.unlike or (recognised.formats and not recognised.certain):
            raise TableError(f"{source.called}: {_doubt(texts, recognised)}")
        found = recognised.formats[0] if recognised.formats else FORMATS[0]
        if found == FORMATS[0] and kinds <= set("iufb"):
            return frame, found, False
        return _converted(texts, found, frame), found, found != FORMATS[0]

    def _frame(self, **how: Any) -> Any:
        import pandas as pd

        with self._told(), self._opened() as file, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.filterwarnings("ignore", "The 'float_precision' argument is deprecated")
            return pd.read_csv(
                file,
                sep=self.delimiter,
                encoding=self.encoding,
                header=0 if self.header else None,
                names=list(self.labels) or None,
                skiprows=self.skipped,
                index_col=False,
                skipinitialspace=True,
                keep_default_na=False,
                **how,
            )

    # -- the file ------------------------------------------------------------------------------

    def _opened(self) -> Any:
        if self.data is not None:
            return io.BytesIO(self.data)
        ending = Path(self.source.name).suffix.lower()
        if ending not in _PACKED:
            return open(self.source.name, "rb")
        try:
            return import_module(_PACKED[ending]).open(self.source.name, "rb")
        except ImportError as error:
            raise MissingPackageError(
                f"Reading {self.source.name} needs {_PACKED[ending]}, which is not installed: pip "
                f"install {_PACKED[ending]}"
            ) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn errors of reading into TableError."""
        import pandas as pd

        name = self.source.called
        try:
            yield
        except pd.errors.EmptyDataError as error:
            raise TableError(f"{name}: the file is empty.") from error
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise TableError(f"{name}: {_ragged(str(error))}") from error
        except UnicodeError as error:
            raise TableError(f"{name}: {self._undecodable(error)}") from error
        except _unpacking_errors() as error:
            raise TableError(f"{name}: cannot be read ({error}).") from error

    def _undecodable(self, error: UnicodeError) -> str:
        """Says which line is not in the encoding, and which encoding it might be in."""
        if self.encoding not in ("utf-8", "utf-8-sig"):
            return f"is not text in {self.encoding} ({error}). Name another --encoding."
        with self._opened() as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as place:
                    about = line[max(0, place.start - 12) : place.start + 12]
                    text = about.decode("cp1252", "replace").strip()
                    return (
                        f"is not text in UTF-8 (byte 0x{line[place.start]:02x} in line {number}). "
                        f"If {text!r} is what it says, add --encoding cp1252, which Windows writes "
                        "in Western Europe; or else name its --encoding."
                    )
        return f"is not text in UTF-8 ({error}). Name its --encoding."


# -- what is found out ---------------------------------------------------------------------------


def _rows(sample: str, delimiter: str, is_part: bool) -> list[list[str]]:
    """The rows of the sample that are not empty, without the last if the file goes on."""
    lines = io.StringIO(sample, newline=None)
    found = []
    try:
        for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True):
            if row:
                found.append(row)
    except csv.Error:
        pass
    return found[:-1] if is_part and len(found) > 1 else found


def _is_even(rows: list[list[str]]) -> bool:
    """Whether all rows have as many fields as the first, not counting empty ones at the end."""
    width = len(rows[0])
    return all(len(row) >= width and not any(row[width:]) for row in rows)


def _most_numbers(rows: dict[str, list[list[str]]]) -> list[str]:
    """The delimiters that leave the largest share of numbers below the first line."""
    shares = {}
    for delimiter, found in rows.items():
        fields = [field for row in found[1:101] for field in row if field.strip()]
        shares[delimiter] = sum(map(is_number, fields)) / max(1, len(fields))
    return [d for d, share in shares.items() if share == max(shares.values())]


def _unnamed(place: int) -> str:
    """The name that pandas gives to a column without one."""
    return f"Unnamed: {place}"


def _doubt(texts: Any, recognised: Recognised) -> str:
    """Says what the numbers may mean, and which options choose between the meanings."""
    if recognised.unlike:
        a, b = (f"{str(x)!r} has {_marked(texts[x])!r}" for x in recognised.unlike)
        return (
            f"column {a} and column {b}: their decimal marks differ. Write the numbers alike, or "
            "leave one out with --columns."
        )
    first, *others = recognised.formats
    for label in texts:
        for row, text in enumerate(texts[label]):
            values = [found.number(text) for found in recognised.formats]
            unlike = others and len(set(values)) > 1
            if None not in values and (unlike or (not others and first.thousands in text)):
                ways = " or ".join(
                    f"{found.options} if that is {value:.15g}"
                    for found, value in zip(recognised.formats, values, strict=True)
                )
                return f"column {str(label)!r} has {text!r} in row {row}: add {ways}."
    raise AssertionError("formats that differ read a number differently")


def _marked(texts: Any) -> str:
    """The text with the most different marks; the first one of several."""
    return max(texts, key=lambda text: len(set(text) & set(".,")))


# -- numbers -------------------------------------------------------------------------------------


def _exact_numbers() -> dict[str, str]:
    """Options that make pandas read numbers exactly, as it always does from version 4 on."""
    import pandas as pd

    major = int(pd.__version__.partition(".")[0])
    return {} if major >= 4 else {"float_precision": "round_trip"}


def _converted(texts: Any, number_format: NumberFormat, frame: Any = None) -> Any:
    """The columns that are numbers in the format as numbers, the others as in `frame`."""
    import pandas as pd

    columns = []
    for label in texts:
        values = number_format.column(texts[label].tolist())
        if values is None:
            values = texts[label] if frame is None else frame[label]
            if pd.api.types.infer_dtype(values, skipna=True) == "boolean":
                values = values.astype(np.float64)  # booleans, some of them missing
        columns.append(pd.Series(values, name=label))
    return pd.concat(columns, axis=1)


# -- errors --------------------------------------------------------------------------------------


def _ragged(message: str) -> str:
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message)
    cure = (
        "Mend the line, quote entries that have the delimiter in them (as decimal commas), or "
        "name --delimiter."
    )
    if found:
        expected, line, seen = found.groups()
        return f"line {line} has {seen} entries, and {expected} are expected. {cure}"
    if "Length of header" in message:
        return f"the rows have more entries than the first line has names. {cure}"
    return f"cannot be read as CSV ({message.strip()}). {cure}"


def _unpacking_errors() -> tuple[type[Exception], ...]:
    """Errors of reading and unpacking, with those of unpacking modules that are in use."""
    kinds = {"lzma": "LZMAError", "zstandard": "ZstdError"}
    own = [getattr(sys.modules[m], kind) for m, kind in kinds.items() if m in sys.modules]
    return (OSError, EOFError, zlib.error, *own)
