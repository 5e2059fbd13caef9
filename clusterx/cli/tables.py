"""Tables of numbers from CSV, Parquet, NPY and NPZ files, checked column by column."""

from __future__ import annotations

import csv
import difflib
import io
import re
import shlex
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import numpy as np

from . import npy
from .common import TableError, UsageError, listed, need

_SEPARATED = (".csv", ".tsv", ".txt")
_PACKED = (".gz", ".bz2", ".xz", ".zst")
_PARQUET = (".parquet", ".pq")
#: how missing numbers are written
_MISSING = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "null", "NULL", "None"]


@dataclass(frozen=True)
class Source:
    """A file of rows, and how to read it.

    Parameters
    ----------
    name : str
        A path, or ``-`` for CSV on stdin.
    columns : tuple of str, optional
        Those to cluster by; all by default.
    delimiter : str, optional
        Of CSV; by default a comma, and of .tsv a tab.
    header : bool, optional
        Whether the first line of CSV has names. By default it does, and is refused if it looks as
        if it did not.
    array : str, optional
        The array of an NPZ file.
    """

    name: str
    columns: tuple[str, ...] | None = None
    delimiter: str | None = None
    header: bool | None = None
    array: str | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that are numbers throughout.

    Parameters
    ----------
    values : DataFrame or ndarray of shape (n, d)
        The columns to cluster by; an array in a large file stays there.
    names : tuple of str
        Of the d columns.
    whole : DataFrame, optional
        All columns of the file, if they were asked for.
    """

    values: Any
    names: tuple[str, ...]
    whole: Any = None


def read(source: Source, *, whole: bool = False) -> Table:
    """Read and check a table.

    Raises
    ------
    FileNotFoundError
    TableError
        The file can't be read as its ending says, has no rows, or a column to cluster by has text,
        missing or infinite values.
    UsageError
        An option does not fit the file, or names a column or array that is not there.
    """
    kind = _kind(source)
    _check_options(source, kind)
    if kind in ("npy", "npz"):
        table = _array_table(source, kind, whole)
    else:
        need("pandas", "pandas", "tables", f"Reading {_called(source)}")
        frame = _parquet(source, whole) if kind == "parquet" else _separated(source, whole)
        if len(frame) == 0:
            raise TableError(f"{_called(source)}: there are no rows below the names of columns.")
        chosen = _chosen(source, [str(name) for name in frame.columns])
        table = Table(frame[list(chosen)], chosen, frame if whole else None)
        _check_frame(source, table)
        table = replace(table, values=_plain(table.values))
    return table


def _plain(frame: Any) -> Any:
    """The columns in NumPy's dtypes."""
    odd = [c for c in frame if not isinstance(frame[c].dtype, np.dtype) or frame[c].dtype == bool]
    return frame.astype(dict.fromkeys(odd, np.float64))


def _kind(source: Source) -> str:
    if source.name == "-":
        return "separated"
    path = Path(source.name)
    try:
        is_folder = S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{source.name}: there is no such file.") from error
    except OSError as error:
        raise TableError(f"{source.name}: cannot be read ({error.strerror}).") from error
    if is_folder:
        raise TableError(f"{source.name}: is a folder. Name a file in it.")
    suffixes = [s.lower() for s in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in (".npy", ".npz"):
        return suffixes[-1][1:]
    if suffixes and suffixes[-1] in _PARQUET:
        return "parquet"
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    if suffixes and suffixes[-1] in _SEPARATED:
        return "separated"
    raise TableError(
        f"{source.name}: the ending says what a file is, and wanted is one of "
        f"{', '.join((*_SEPARATED, *_PARQUET, '.npy', '.npz'))} (text also as {_PACKED[0]} and so "
        "on). Rename the file, or pipe CSV into '-'."
    )


def _check_options(source: Source, kind: str) -> None:
    """Refuse options of other kinds of files."""
    if source.array is not None and kind != "npz":
        raise UsageError(f"--array: is for NPZ files, and {_called(source)} is none. Drop it.")
    if kind != "separated" and (source.delimiter is not None or source.header is not None):
        option = "--header" if source.delimiter is None else "--delimiter"
        raise UsageError(f"{option}: is for CSV, and {source.name} is none. Drop it.")
    delimiter = "," if source.delimiter is None else _unescaped(source.delimiter)
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise UsageError(
            f"--delimiter {source.delimiter!r}: must be one character, as ';': in ASCII, and "
            "neither a quote nor the end of a line."
        )


def _unescaped(delimiter: str) -> str:
    """A tab, as shells let people write it, or what was written."""
    return "\t" if delimiter == "\\t" else delimiter


def _called(source: Source) -> str:
    return "stdin" if source.name == "-" else source.name


def _chosen(source: Source, names: list[str]) -> tuple[str, ...]:
    """The columns to cluster by; all of them must be there."""
    if source.columns is None:
        return tuple(names)
    known = set(names)
    for name in source.columns:
        if name not in known:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(
                f"--columns: {_called(source)} has no column {name!r}.{guess} It has "
                f"{listed(names)}."
            )
    return source.columns


# -- text and Parquet ----------------------------------------------------------------------------


def _separated(source: Source, whole: bool) -> Any:
    import pandas as pd

    name = _called(source)
    path: Any = source.name
    stem = Path(source.name).suffixes[-2:] if source.name != "-" else []
    delimiter = _unescaped(source.delimiter or "") or (
        "\t" if ".tsv" in [s.lower() for s in stem] else ","
    )
    if source.name == "-":
        path = io.BytesIO(sys.stdin.buffer.read())
    how: dict[str, Any] = {
        "sep": delimiter,
        "header": None if source.header is False else 0,
        "index_col": False,
        "skipinitialspace": True,
    }
    try:
        labels = list(pd.read_csv(path, nrows=0 if how["header"] == 0 else 1, **how))
        names = _stripped([str(label) for label in labels])
        _check_header(source, names, delimiter)
        if source.name == "-":
            path.seek(0)
        chosen = set(_chosen(source, names))
        named = dict(zip(labels, names, strict=True))
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            warnings.filterwarnings("ignore", "The 'float_precision' argument is deprecated")
            frame = pd.read_csv(
                path,
                # columns that only pass through stay as they are written; all are read, as lines
                # that are too long are noticed only then
                dtype={label: str for label in labels if named[label] not in chosen},
                keep_default_na=False,
                na_values={label: _MISSING for label in labels if named[label] in chosen},
                low_memory=False,
                **_exact_numbers(pd),
                **how,
            )
    except pd.errors.EmptyDataError as error:
        raise TableError(f"{name}: the file is empty.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise TableError(f"{name}: {_ragged(str(error))}") from error
    except UnicodeDecodeError as error:
        raise TableError(
            f"{name}: is not text in UTF-8 ({error.reason} at byte {error.start}). Save it as "
            "UTF-8 CSV."
        ) from error
    except (OSError, EOFError) as error:
        raise TableError(f"{name}: cannot be read ({error}).") from error
    frame.columns = names
    return frame


def _stripped(names: list[str]) -> list[str]:
    """The names without spaces around them, where that leaves them different."""
    found = [name.strip() for name in names]
    return found if len(set(found)) == len(names) else names


def _exact_numbers(pd: Any) -> dict[str, str]:
    """What makes pandas read numbers to the last bit: from version 4 on it always does."""
    major = int(pd.__version__.partition(".")[0])
    return {} if major >= 4 else {"float_precision": "round_trip"}


def _check_header(source: Source, names: list[str], delimiter: str) -> None:
    name = _called(source)
    others = [d for d in (",", ";", "\t", "|") if d != delimiter and d in names[0]]
    if len(names) == 1 and others and source.header is not False:
        raise TableError(
            f"{name}: the first line, {names[0]!r}, has no {delimiter!r}, and seems to be "
            f"delimited by {others[0]!r}: add --delimiter {_quoted(others[0])}."
        )
    counted = [str(i) for i in range(len(names))], [str(i + 1) for i in range(len(names))]
    if source.header is None and names not in counted and all(map(_is_number, names)):
        raise TableError(
            f"{name}: the first line has numbers and no names of columns ({listed(names, 4)}). "
            "Add --no-header if it is a row, or --header if these are the names."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _quoted(text: str) -> str:
    return "$'\\t'" if text == "\t" else shlex.quote(text)


def _ragged(message: str) -> str:
    found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message)
    cure = "Mend the line, quote entries that have the delimiter in them, or name --delimiter."
    if found:
        expected, line, seen = found.groups()
        return f"line {line} has {seen} entries, and {expected} are expected. {cure}"
    if "Length of header" in message:
        return f"the rows have more entries than the first line has names. {cure}"
    return f"cannot be read as CSV ({message.strip()}). {cure}"


def _parquet(source: Source, whole: bool) -> Any:
    need("pyarrow", "pyarrow", "tables", f"Reading {source.name}")
    import pandas as pd
    import pyarrow
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(source.name).names
        inner = [name for name in names if not name.startswith("__index_level_")]
        twice = [name for name in inner if inner.count(name) > 1]
        if twice:
            raise TableError(f"{source.name}: has several columns {twice[0]!r}. Rename them.")
        wanted = inner if whole else list(_chosen(source, inner))
        frame = pd.read_parquet(source.name, columns=wanted)
        # what pandas wrote as the index of a frame is a column of the file like any other
        index = [name for name in wanted if name not in frame.columns]
        return (frame.reset_index(index) if index else frame)[wanted].reset_index(drop=True)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise TableError(f"{source.name}: cannot be read as Parquet ({error}).") from error


def _check_frame(source: Source, table: Table) -> None:
    import pandas as pd

    name = _called(source)
    for column in table.names:
        values = table.values[column]
        if not _is_real(values):
            numeric = [c for c in table.names if _is_real(table.values[c])]
            useful = [c for c in numeric if not numbers_rows(table.values[c].to_numpy())]
            raise TableError(f"{name}: {_not_numbers(column, values, useful)}")
        missing = values.isna().to_numpy()
        if missing.any():
            raise TableError(
                f"{name}: column {column!r} has {_count(missing, 'missing value')}. Fill them or "
                "drop those rows, or leave the column out with --columns."
            )
        infinite = ~np.isfinite(pd.to_numeric(values).to_numpy(np.float64))
        if infinite.any():
            raise TableError(
                f"{name}: column {column!r} has {_count(infinite, 'infinite value')}. Mend them, "
                "or leave the column out with --columns."
            )


def numbers_rows(values: np.ndarray) -> bool:
    """Whether a column counts the rows, as identifiers do, and so says nothing about them."""
    return values.dtype.kind in "iu" and len(values) > 2 and bool((np.diff(values) == 1).all())


def _is_real(values: Any) -> bool:
    from pandas.api import types

    return types.is_numeric_dtype(values) and not types.is_complex_dtype(values)


def _not_numbers(column: str, values: Any, numeric: list[str]) -> str:
    """What is wrong with a column that is not numeric, and what to do."""
    import pandas as pd
    from pandas.api import types

    if values.isna().all():
        return f"column {column!r} is empty. {_cure(numeric)}"
    if not types.is_string_dtype(values) and values.dtype != object:
        return (
            f"column {column!r} holds {values.dtype}, and clustering needs numbers. "
            f"{_cure(numeric)}"
        )
    bad = (pd.to_numeric(values.astype(str), errors="coerce").isna() & values.notna()).to_numpy()
    if not bad.any():
        kind = type(values.iloc[0]).__name__
        return (
            f"column {column!r} holds numbers as {'text' if kind == 'str' else kind}. Store them "
            "as integers of 64 bits or as floats."
        )
    n, row = int(np.count_nonzero(bad)), int(np.argmax(bad))
    first = f"{values.iloc[row]!r} in row {row}"
    if 10 * n < len(bad):
        return (
            f"column {column!r} holds numbers, and {n:,} that {'is' if n == 1 else 'are'} none: "
            f"{first} (the top row is 0). Mend it, or leave the column out with --columns."
        )
    return f"column {column!r} holds text ({first}), and clustering needs numbers. {_cure(numeric)}"


def _cure(numeric: list[str]) -> str:
    if not numeric:
        return "No other column holds numbers: code text as numbers first."
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(numeric)
    return f"Choose the columns: --columns {shlex.quote(row.getvalue())}"


def _count(wrong: np.ndarray, what: str) -> str:
    n = int(np.count_nonzero(wrong))
    words = what if n == 1 else f"{what}s"
    return f"{n:,} {words}, the first in row {int(np.argmax(wrong))} (the top row is 0)"


def _array_table(source: Source, kind: str, whole: bool) -> Table:
    values = npy.archived(source.name, source.array) if kind == "npz" else npy.mapped(source.name)
    name = source.name
    npy.check_matrix(name, values)
    names = [str(i) for i in range(values.shape[1])]
    frame = None
    if whole:
        need("pandas", "pandas", "tables", "--with-data")
        import pandas as pd

        frame = pd.DataFrame(np.asarray(values), columns=names)
    chosen = _chosen(source, names)
    if source.columns is not None:
        values = values[:, [int(c) for c in chosen]]
    npy.check_finite(name, values, chosen)
    return Table(values, chosen, frame)
