"""Tables of numbers from CSV, Parquet, NPY and NPZ files, checked column by column."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import numpy as np

from ..files import did_you_mean
from ..rows import Blocks, fits_in_memory, reads_in_blocks
from ..rows.stored import ArrowRows
from . import npy
from .common import TableError, UsageError, require
from .number_format import FORMATS, NumberFormat, beside, is_missing
from .samples import SAMPLE, TARGET, sample
from .separated import PACKED, Separated
from .source import TableFile, check_options

_SEPARATED = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
#: Message for options that need the rows in memory.
TOO_LARGE = "is larger than free memory and is read block by block, which this option can't follow."
#: Most copies of a Parquet table in memory while a data frame is made of it.
_COPIES = 3


@dataclass(frozen=True, eq=False)
class NumberTable:
    """Rows of numbers only.

    Parameters
    ----------
    values : DataFrame or ndarray of shape (n, d)
        The columns to cluster by; an array in a large file stays there. Blocks, if the file is
        larger than free memory.
    names : tuple of str
        Names of the d columns.
    whole, dropped : DataFrame, optional
        All columns of the file, if they were asked for, and those of rows that were dropped; of
        CSV as text.
    kept : ndarray of shape (n,), optional
        Indices of the rows in the file, if rows were dropped.
    notes : tuple of str
        How the file was read, where that is not obvious.
    streamed : bool
        Whether the rows are read block by block, because they are larger than free memory.
    """

    values: Any
    names: tuple[str, ...]
    whole: Any = None
    kept: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    streamed: bool = False
    dropped: Any = None

    def pieces(self) -> Iterator[Any]:
        """The rows, in one piece if they are in memory; with the names of columns, if any."""
        if not self.streamed:
            yield self.values
            return
        for (piece,) in self.values.pieces():
            yield self._named(piece)

    def _named(self, values: np.ndarray) -> Any:
        if self.values.header is self.values:
            return values
        import pandas as pd

        return pd.DataFrame(values, columns=list(self.names))

    def without(self, source: TableFile, missing: np.ndarray) -> NumberTable:
        """The table without the rows that have missing values."""
        if not missing.any():
            return self
        if missing.all():
            raise TableError(f"{source.called}: every row has a missing value. Choose --columns.")
        kept = np.flatnonzero(~missing)
        note = (
            f"{source.called}: {len(missing) - len(kept):,} of {len(missing):,} rows have missing "
            "values, and were dropped."
        )
        values, whole = _taken(self.values, kept), _taken(self.whole, kept)
        dropped = _taken(self.whole, np.flatnonzero(missing))
        notes = (*self.notes, note)
        return replace(self, values=values, whole=whole, kept=kept, notes=notes, dropped=dropped)


def _taken(rows: Any, places: np.ndarray) -> Any:
    if hasattr(rows, "iloc"):
        return rows.iloc[places].reset_index(drop=True)
    return None if rows is None else rows[places]


def read(source: TableFile, *, whole: bool = False) -> NumberTable:
    """Read and check a table.

    Raises
    ------
    FileNotFoundError
    TableError
        The file can't be read as its ending says, has no rows, or a column to cluster by has text,
        missing or infinite values.
    UsageError
        An option does not fit the file, or names a column or array that the file lacks.
    """
    kind = _kind(source)
    check_options(source, kind)
    if kind in ("npy", "npz"):
        return _array_table(source, kind, whole)
    require("pandas", "pandas", "tables", f"Reading {source.called}")
    number_format = None
    if kind in ("parquet", "sample"):
        frame = _parquet(source, whole) if kind == "parquet" else sample(source.name)
        if isinstance(frame, ArrowRows):
            return _streamed(source, Blocks(frame), tuple(frame.names), whole)
        chosen = source.chosen([str(name) for name in frame.columns])
        if kind == "sample" and source.columns is None:
            chosen = chosen[: chosen.index(TARGET)]
        table = NumberTable(frame[list(chosen)], chosen, frame if whole else None)
    else:
        table, number_format = _text_table(source, whole)
    if len(table.values) == 0:
        raise TableError(f"{source.called}: there are no rows below the names of columns.")
    _check_frame(source, table, number_format)
    if source.drop_missing:
        table = table.without(source, table.values.isna().any(axis=1).to_numpy())
    return replace(table, values=_plain(table.values))


def _plain(frame: Any) -> Any:
    """The columns in NumPy's dtypes."""
    odd = [c for c, d in frame.dtypes.items() if not isinstance(d, np.dtype) or d.kind == "b"]
    return frame.astype(dict.fromkeys(odd, np.float64)) if odd else frame


def _kind(source: TableFile) -> str:
    if source.name == "-":
        return "separated"
    if source.name.startswith(SAMPLE):
        return "sample"
    path = Path(source.name)
    try:
        is_folder = S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        near = did_you_mean(source.name)
        raise FileNotFoundError(f"{source.name}: there is no such file.{near}") from error
    except OSError as error:
        raise TableError(f"{source.name}: cannot be read ({error.strerror}).") from error
    if is_folder and any(path.rglob("*.p*q*")):
        return "parquet"
    if is_folder:
        raise TableError(f"{source.name}: is a folder. Name a file in it.")
    suffixes = [s.lower() for s in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in (".npy", ".npz"):
        return suffixes[-1][1:]
    if suffixes and suffixes[-1] in _PARQUET:
        return "parquet"
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    if suffixes and suffixes[-1] in _SEPARATED:
        return "separated"
    raise TableError(
        f"{source.name}: the ending says what a file is, and wanted is one of "
        f"{', '.join((*_SEPARATED, *_PARQUET, '.npy', '.npz'))} (text also as {PACKED[0]} and so "
        "on). Rename the file, or pipe CSV into '-'."
    )


# -- text and Parquet ----------------------------------------------------------------------------


def _text_table(source: TableFile, whole: bool) -> tuple[NumberTable, NumberFormat]:
    text = Separated.of(source)
    names = text.names
    try:
        chosen = source.chosen(names)
    except UsageError as error:
        raise UsageError(" ".join((str(error), *text.notes))) from error
    label_of = dict(zip(names, text.labels, strict=True))
    values, number_format, recognised = text.numbers([label_of[name] for name in chosen])
    values.columns = list(chosen)
    everything: Any = None
    if whole:
        everything = text.texts()
        everything.columns = names
    if source.columns is None:
        # such columns come from delimiters at the ends of lines, and from spreadsheets
        empty = [c for c in chosen if c.startswith("Unnamed: ") and values[c].isna().all()]
        chosen = tuple(name for name in chosen if name not in empty)
        values = values[list(chosen)]
        everything = everything.drop(columns=empty) if whole else None
    codes = [name for name in chosen if label_of[name] in text.codes]
    if codes:
        codes = [
            f"{source.called}: column {codes[0]!r} has leading zeros, as codes have and numbers "
            "have not. Leave it out with --columns if its values are names."
        ]
    options = [*text.options, *([number_format.options] if recognised else [])]
    notes = [f"{source.called}: read with {' '.join(options)}."] if options else []
    return NumberTable(
        values, chosen, everything, notes=(*notes, *text.notes, *codes)
    ), number_format


def _parquet(source: TableFile, whole: bool) -> Any:
    require("pyarrow", "pyarrow", "tables", f"Reading {source.name}")
    import pandas as pd
    import pyarrow
    import pyarrow.dataset
    import pyarrow.parquet

    try:
        if Path(source.name).is_file():  # for repeated names, a dataset would raise its own error
            names = pyarrow.parquet.read_schema(source.name).names
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise TableError(f"{source.name}: has several columns {twice[0]!r}. Rename them.")
        dataset = pyarrow.dataset.dataset(source.name, format="parquet")
        names = dataset.schema.names
        inner = [name for name in names if not name.startswith("__index_level_")]
        wanted = inner if whole else list(source.chosen(inner))
        n = dataset.count_rows()
        # making a data frame copies what is read
        if not fits_in_memory(n, len(wanted), _COPIES * 8 * n * len(wanted)):
            return ArrowRows(dataset, source.chosen(inner))
        if Path(source.name).is_dir():
            return dataset.to_table(columns=wanted).to_pandas(ignore_metadata=True)
        frame = pd.read_parquet(source.name, columns=wanted)
        # an index that pandas wrote is a column of the file like any other
        index = [name for name in wanted if name not in frame.columns]
        return (frame.reset_index(index) if index else frame)[wanted].reset_index(drop=True)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise TableError(f"{source.name}: cannot be read as Parquet ({error}).") from error


def _streamed(source: TableFile, rows: Blocks, names: tuple[str, ...], whole: bool) -> NumberTable:
    """A table that is read block by block, because it is larger than free memory."""
    for option, given in (("--with-data", whole), ("--drop-missing", source.drop_missing)):
        if given:
            raise UsageError(f"{option}: {source.called} {TOO_LARGE} Leave the option out.")
    note = (
        f"{source.called}: {rows.n:,} rows are more than free memory, and are read block by block."
    )
    return NumberTable(rows, names, notes=(note,), streamed=True)


# -- checks --------------------------------------------------------------------------------------


def _check_frame(source: TableFile, table: NumberTable, number_format: NumberFormat | None) -> None:
    import pandas as pd

    name = source.called
    for column in table.names:
        values = table.values[column]
        if not _is_real(values):
            numeric = [c for c in table.names if _is_real(table.values[c])]
            useful = [c for c in numeric if not numbers_rows(table.values[c].to_numpy())]
            gaps = not source.drop_missing and bool(table.values[useful].isna().any(axis=None))
            cure = _cure(useful, gaps)
            raise TableError(f"{name}: {_not_numbers(column, values, cure, number_format)}")
        missing = values.isna().to_numpy()
        if missing.all() or (missing.any() and not source.drop_missing):
            how = "Fill them" if missing.all() else "Drop those rows with --drop-missing, fill them"
            raise TableError(
                f"{name}: column {column!r} has {_count(missing, 'missing value')}. {how}, or "
                "leave the column out with --columns."
            )
        infinite = np.isinf(pd.to_numeric(values).to_numpy(np.float64, na_value=np.nan))
        if infinite.any():
            raise TableError(
                f"{name}: column {column!r} has {_count(infinite, 'infinite value')}. Mend them, "
                "or leave the column out with --columns."
            )


def numbers_rows(values: np.ndarray) -> bool:
    """Whether a column just numbers the rows, as identifiers do, and says nothing about them."""
    return values.dtype.kind in "iu" and len(values) > 2 and bool((np.diff(values) == 1).all())


def _is_real(values: Any) -> bool:
    from pandas.api import types

    return types.is_numeric_dtype(values) and not types.is_complex_dtype(values)


def _not_numbers(column: str, values: Any, cure: str, number_format: NumberFormat | None) -> str:
    """Says what is wrong with a column that is not numeric, and what to do."""
    from pandas.api import types

    if values.isna().all():
        return f"column {column!r} is empty. {cure}"
    if not types.is_string_dtype(values) and values.dtype != object:
        return f"column {column!r} holds {values.dtype}, and clustering needs numbers. {cure}"
    usual = number_format or FORMATS[0]
    texts = ["" if is_na else str(v) for v, is_na in zip(values, values.isna(), strict=True)]
    bad = [row for row, t in enumerate(texts) if not is_missing(t) and usual.number(t) is None]
    if not bad:
        kind = type(values.iloc[0]).__name__
        return (
            f"column {column!r} holds numbers as {'text' if kind == 'str' else kind}. Store them "
            "as integers of 64 bits or as floats."
        )
    found = _odd_number(column, texts, bad[0], usual, is_csv=number_format is not None)
    if found:
        return found
    first = f"{texts[bad[0]]!r} in row {bad[0]}"
    if 2 * len(bad) < len(texts):
        given = "" if usual == FORMATS[0] else f" with {usual.options}"
        return (
            f"column {column!r} holds numbers, and {len(bad):,} that "
            f"{'is' if len(bad) == 1 else 'are'} none{given}: {first} (the top row is 0). Mend it, "
            "or leave the column out with --columns."
        )
    return f"column {column!r} holds text ({first}), and clustering needs numbers. {cure}"


def _odd_number(
    column: str, texts: list[str], row: int, usual: NumberFormat, *, is_csv: bool
) -> str | None:
    """Says what to do if the text in the row is a number after all, or None."""
    text = texts[row]
    first = f"{text!r} in row {row}"
    least = max(0.5, _share(usual, texts) + 1 / len(texts))
    others = [f for f in FORMATS if f.number(text) is not None and _share(f, texts) >= least]
    if others and is_csv:
        ways = " or ".join(
            f"{f.options} if that is {f.number(text):.15g}" for f in _unlike(others, text)
        )
        return (
            f"column {column!r} has {first}, which is no number with {usual.options}: add {ways}."
        )
    mark = beside(text)
    if mark:
        return (
            f"column {column!r} has {first}, a number with {mark!r} beside it. Write the number "
            "alone, or leave the column out with --columns."
        )
    return None


def _share(number_format: NumberFormat, texts: list[str]) -> float:
    """The share of the texts that are numbers in the format."""
    found = [number_format.number(text) is not None for text in texts if not is_missing(text)]
    return sum(found) / len(found)


def _unlike(formats: list[NumberFormat], text: str) -> list[NumberFormat]:
    """For each number that the text may stand for, the first of the formats that read it so."""
    return list({f.number(text): f for f in reversed(formats)}.values())[::-1]


def _cure(numeric: list[str], gaps: bool) -> str:
    if not numeric:
        return "No other column holds numbers: code text as numbers first."
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(numeric)
    more = " --drop-missing" if gaps else ""
    return f"Choose the columns: --columns {shlex.quote(row.getvalue())}{more}"


def _count(wrong: np.ndarray, what: str) -> str:
    n = int(np.count_nonzero(wrong))
    words = what if n == 1 else f"{what}s"
    return f"{n:,} {words}, the first in row {int(np.argmax(wrong))} (the top row is 0)"


def _array_table(source: TableFile, kind: str, whole: bool) -> NumberTable:
    values = npy.archived(source.name, source.array) if kind == "npz" else npy.mapped(source.name)
    name = source.name
    npy.check_matrix(name, values)
    names = [str(i) for i in range(values.shape[1])]
    frame, streamed = None, reads_in_blocks(values)
    if whole and not streamed:
        require("pandas", "pandas", "tables", "--with-data")
        import pandas as pd

        frame = pd.DataFrame(np.asarray(values), columns=names)
    chosen = source.chosen(names)
    if streamed:
        places = [int(c) for c in chosen]
        some: Any = values if source.columns is None else partial(npy.pieces, values, places)
        return _streamed(source, Blocks(some), chosen, whole)
    if source.columns is not None:
        values = values[:, [int(c) for c in chosen]]
    table = NumberTable(values, chosen, frame)
    if source.drop_missing and values.dtype.kind == "f":
        table = table.without(source, np.isnan(values).any(axis=1))
    npy.check_finite(name, table.values, chosen)
    return table
