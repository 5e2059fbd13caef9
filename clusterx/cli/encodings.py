"""Tells from the first bytes of a file its encoding, and whether it is text at all."""

from __future__ import annotations

import codecs

from .common import TableError
from .source import TableFile

#: longer marks first
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_SHEET = "Save the sheet as CSV in UTF-8."
#: first bytes of binary files that are often misnamed as CSV
_BINARY = (
    (b"PK\x03\x04", "a ZIP archive, as .xlsx and .ods are,", _SHEET),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", _SHEET),
    (b"PAR1", "Parquet", "Let its name end in .parquet."),
    (b"\x1f\x8b", "packed by gzip", "Let its name end in .csv.gz."),
    (b"\x93NUMPY", "an array of NumPy", "Let its name end in .npy."),
)


def encoding_of(source: TableFile, raw: bytes) -> str:
    """The encoding that a byte order mark names, or UTF-8."""
    for mark, kind, cure in _BINARY:
        if raw.startswith(mark):
            raise TableError(f"{source.called}: is {kind} and no CSV. {cure}")
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return encoding
    odd, even = raw[1::2].count(0), raw[::2].count(0)
    if max(odd, even) * 4 > len(raw):  # in UTF-16, half of the bytes of English text
        raise TableError(
            f"{source.called}: seems to be UTF-16 without a byte order mark: add --encoding "
            f"utf-16-{'le' if odd > even else 'be'}."
        )
    return "utf-8"
