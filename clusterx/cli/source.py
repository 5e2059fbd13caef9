"""Files of rows, and the options for reading them."""

from __future__ import annotations

import codecs
import difflib
import unicodedata
from dataclasses import dataclass

from .common import UsageError, listed


@dataclass(frozen=True)
class TableFile:
    """A file of rows, and how to read it.

    Parameters
    ----------
    name : str
        A path, or ``-`` for CSV on stdin.
    columns : tuple of str, optional
        Columns to cluster by; all by default.
    delimiter : str, optional
        Delimiter of CSV; recognised by default.
    header : bool, optional
        Whether the first line of CSV has names. By default it does, unless it has numbers only.
    array : str, optional
        The array of an NPZ file.
    decimal, thousands : str, optional
        The marks in the numbers of CSV; recognised by default.
    encoding : str, optional
        Encoding of CSV; by default what a byte order mark says, or UTF-8.
    drop_missing : bool
        Whether rows with missing values are left out.
    """

    name: str
    columns: tuple[str, ...] | None = None
    delimiter: str | None = None
    header: bool | None = None
    array: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    drop_missing: bool = False

    @property
    def called(self) -> str:
        """The file's name in messages."""
        return "stdin" if self.name == "-" else self.name

    def chosen(self, names: list[str]) -> tuple[str, ...]:
        """The columns to cluster by; all of them must be there."""
        if self.columns is None:
            return tuple(names)
        # Unicode can encode accented letters in two ways
        known = {unicodedata.normalize("NFC", name): name for name in names}
        wanted = [unicodedata.normalize("NFC", name) for name in self.columns]
        for name in wanted:
            if name not in known:
                near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
                guess = f" Did you mean {near[0]!r}?" if near else ""
                raise UsageError(
                    f"--columns: {self.called} has no column {name!r}.{guess} It has "
                    f"{listed(names)}."
                )
        return tuple(known[name] for name in wanted)


def unescaped(delimiter: str) -> str:
    """The delimiter; a tab if it is written as a backslash and a t, as shells allow."""
    return "\t" if delimiter == "\\t" else delimiter


def check_options(source: TableFile, kind: str) -> None:
    """Refuse options for other kinds of files, and values that make no sense."""
    if source.array is not None and kind != "npz":
        raise UsageError(f"--array: is for NPZ files, and {source.called} is none. Drop it.")
    given = {
        "--delimiter": source.delimiter,
        "--header": source.header,
        "--decimal": source.decimal,
        "--thousands": source.thousands,
        "--encoding": source.encoding,
    }
    for option, value in given.items():
        if value is not None and kind != "separated":
            raise UsageError(f"{option}: is for CSV, and {source.name} is none. Drop it.")
    delimiter = "," if source.delimiter is None else unescaped(source.delimiter)
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise UsageError(
            f"--delimiter {source.delimiter!r}: must be one character, as ';': in ASCII, and "
            "neither a quote nor the end of a line."
        )
    _check_marks(source)
    if source.encoding is not None:
        _check_encoding(source.encoding)


def _check_marks(source: TableFile) -> None:
    for option, mark in (("--decimal", source.decimal), ("--thousands", source.thousands)):
        if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in '+-"\r\n'):
            raise UsageError(
                f"{option} {mark!r}: must be one character, as ',': no letter, digit or sign."
            )
    if source.decimal is not None and source.decimal == source.thousands:
        raise UsageError(
            f"--decimal and --thousands are both {source.decimal!r}, and must be different."
        )


def _check_encoding(encoding: str) -> None:
    try:
        # a codec from bytes to bytes, such as base64, is not a text encoding
        known = isinstance(codecs.decode(b"", encoding), str)
    except (LookupError, ValueError, TypeError, AttributeError):
        known = False
    if not known:
        raise UsageError(
            f"--encoding: there is no {encoding!r}. Common are utf-8, utf-16, cp1252 (Windows in "
            "Western Europe), cp1250 (in Central Europe) and latin-1."
        )
