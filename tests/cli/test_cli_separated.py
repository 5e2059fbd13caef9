"""CSV as the world writes it: delimiters, number formats, encodings, missing values."""

import gzip
import lzma

import numpy as np
import pandas as pd
import pytest

from clusterx.cli.common import TableError, UsageError
from clusterx.cli.number_format import FORMATS, NumberFormat, Recognised
from clusterx.cli.source import TableFile
from clusterx.cli.tables import read

NUL = pytest.mark.skipif(
    int(pd.__version__.partition(".")[0]) < 3, reason="pandas reads a number up to a NUL"
)
WANTED = [[20.0, 1234.5], [21.0, 0.25], [70.0, 98765.75]]


@pytest.fixture
def file(tmp_path):
    def write(text, name="kunden.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def values(table):
    return np.asarray(table.values).tolist()


def fields(decimal, thousands, mark=";"):
    """The rows wanted, as a country writes them."""
    sums = [
        f"{amount:,.2f}".translate({44: thousands, 46: decimal}).replace("\0", "")
        for _, amount in WANTED
    ]
    ages = [f"{age:.0f}" for age, _ in WANTED]
    quote = '"' if mark in decimal + thousands else ""
    lines = [f"{age}{mark}{quote}{s}{quote}" for age, s in zip(ages, sums, strict=True)]
    return "\n".join([f"alter{mark}umsatz", *lines, ""])


# -- number formats ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decimal", "thousands", "mark", "options"),
    [
        (",", ".", ";", "--delimiter ';' --decimal ',' --thousands '.'"),
        (",", "\0", ";", "--delimiter ';' --decimal ','"),
        (",", "\u00a0", ";", "--delimiter ';' --decimal ',' --thousands ' '"),
        (",", "\u202f", "\t", "--delimiter $'\\t' --decimal ',' --thousands ' '"),
        (",", " ", "|", "--delimiter '|' --decimal ',' --thousands ' '"),
        (".", "’", ";", "--delimiter ';' --decimal '.' --thousands \"'\""),
        (".", ",", ",", "--decimal '.' --thousands ','"),
        (",", ".", ",", "--decimal ',' --thousands '.'"),
        (".", "\0", ";", "--delimiter ';'"),
    ],
)
def test_formats_are_recognised(file, decimal, thousands, mark, options):
    path = file(fields(decimal, thousands, mark))
    table = read(TableFile(path))
    assert values(table) == WANTED
    assert table.notes == (f"{path}: read with {options}.",)
    assert table.values["alter"].dtype == np.int64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'a,b\n1,"1,234"\n2,"5,678"\n',
            "column 'b' has '1,234' in row 0: add --decimal ',' if that is 1.234 or "
            "--decimal '.' --thousands ',' if that is 1234.",
        ),
        # factors of a thousand are not guessed, although the column could be read as it is
        (
            "a;b\n1;950\n2;1.234\n",
            "'b' has '1.234' in row 1: add --decimal '.' if that is 1.234 or --decimal ',' "
            "--thousands '.' if",
        ),
        ("a;b\n1.234;5,5\n2;6\n", "'a' has '1.234' in row 0: add --decimal ',' --thousands '.' if"),
        ("a;b\n52.52;1,5\n3;4\n", "column 'a' has '52.52' and column 'b' has '1,5': their decimal"),
        ("a;b\n" + "1;2,5\n" * 20 + "1;x\n", "no number with --decimal '.': add --decimal ',' if"),
        ("a,b\n1,12%\n2,9%\n", "'b' has '12%' in row 0, a number with '%' beside it"),
        ("a;b\n1;1.012,50 €\n2;3,00 €\n", "'b' has '1.012,50 €' in row 0, a number with '€' bes"),
        ("a,b\n1,EUR 5\n2,EUR 7\n", "a number with 'EUR' beside it"),
        (
            "a;b\n1;192.168.100.100\n2;10.0.0.1\n3;1.1.1.1\n",
            "'b' holds text ('192.168.100.100' in row 0)",
        ),
        ("a;b\n1;030 123 456\n2;040 123 456\n", "'b' holds text ('030 123 456' in row 0)"),
        ("a;b\n1;01.02.2024\n2;03.04.2024\n", "'b' holds text ('01.02.2024' in row 0)"),
        pytest.param("a,b\n1\0,2\n3\0,4\n", r"'a' holds text ('1\x00' in row 0)", marks=NUL),
        ("a\n'-75.63\n'3\n", """column 'a' has "'-75.63" in row 0, a number with "'" beside it"""),
        ('a\n"(98.5)"\n3\n', "column 'a' has '(98.5)' in row 0, a number with '()' beside it"),
        ("x;1USD\n1;3,94\n2;3,99\n3;4,01\n\nkod;USD\n", "'x' holds numbers, and 1 that is none"),
        (b"PK\x03\x04\x14\0\6\0\x08\0\0\0", "is a ZIP archive, as .xlsx and .ods are, and no CSV"),
        (b"PAR1\x15\x04", "is Parquet and no CSV. Let its name end in .parquet."),
        ("a;b,c\nx;y,z\n", "can't be told: add --delimiter ',' or --delimiter ';'"),
    ],
)
def test_doubts_are_put_in_options(file, text, message):
    with pytest.raises(TableError) as caught:
        read(TableFile(file(text)))
    assert message in str(caught.value)


def test_given_formats_are_kept_to(file):
    path = file('a,b\n1,"1,234"\n2,"5,678"\n')
    assert values(read(TableFile(path, decimal=","))) == [[1, 1.234], [2, 5.678]]
    assert values(read(TableFile(path, thousands=","))) == [[1, 1234], [2, 5678]]
    assert read(TableFile(path, decimal=",")).notes == ()
    path = file("a;b\n1.234;5\n2.345.678;6\n")
    assert values(read(TableFile(path, thousands="."))) == [[1234, 5], [2345678, 6]]
    assert values(read(TableFile(file("a;b\n1.234;5\n7;6\n"), decimal="."))) == [[1.234, 5], [7, 6]]
    # a parser that leaves out the marks wherever they are makes numbers of dates
    for text in ("01.02.2024", "1.23", "0.123", "1234.567.8"):
        with pytest.raises(TableError, match="'a'"):
            read(TableFile(file(f"a;b\n{text};5\n2;6\n"), thousands="."))
    with pytest.raises(TableError, match=r"1 that is none with --decimal ',': '1.5' in row 1"):
        read(TableFile(file("a\n2,5\n1.5\n3,5\n4\n"), decimal=",", delimiter=";"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e5", 1e5),
        ("-2.5E-3", -2.5e-3),
        ("\u22127.5", -7.5),
        (" 5. ", 5),
        (".5", 0.5),
        ("+1", 1),
        ("0.1", 0.1),
        ("1_000", None),
        ("1 000", None),
        ("0x1F", None),
        ("inf", None),
        ("\u0661", None),
        ("", None),
        (".", None),
        ("- 2", None),
        ("1.2.3", None),
    ],
)
def test_plain_numbers(text, number):
    assert NumberFormat().number(text) == number


def test_groups_of_digits():
    indian = NumberFormat(thousands=",")
    assert [indian.number(t) for t in ("12,34,567.5", "1,234,567", "1,23", "1234,567")] == [
        *(1234567.5, 1234567),
        *(None, None),
    ]
    assert NumberFormat(",", " ").number("1\u202f234\u00a0567,5") == 1234567.5
    assert FORMATS[0].column(["1", "", "2.5"]).tolist()[::2] == [1, 2.5]
    assert FORMATS[0].column(["1", "x"]) is None
    assert FORMATS[0].column(["1", "2"]).dtype == np.int64


def test_evidence_may_come_late():
    rows = ["1,234"] * 20_000 + ["0,5"]
    assert not Recognised.of({"a": rows}).certain  # so many rows are looked at
    assert Recognised.of({"a": rows[-100:]}).formats == (FORMATS[1],)


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_byte_order_marks(file, encoding):
    table = read(TableFile(file("größe;b\n1,5;2\n3,5;4\n".encode(encoding))))
    assert (table.names, values(table)) == (("größe", "b"), [[1.5, 2], [3.5, 4]])


def test_encodings(file):
    text = "id;größe\n1;1,5\n3;3,5\n"
    path = file(text.encode("cp1252"))
    for called in (TableFile(path), TableFile(path, columns=("id",))):
        with pytest.raises(TableError) as caught:
            read(called)
        assert "byte 0xf6 in line 1" in str(caught.value)
        assert "If 'id;größe' is what it says, add --encoding cp1252" in str(caught.value)
    assert read(TableFile(path, encoding="cp1252")).names == ("id", "größe")
    late = "a,b\n" + "1,2\n" * 50_000 + "3,é\n"
    with pytest.raises(TableError, match="byte 0xe9 in line 50002"):
        read(TableFile(file(late.encode("latin-1")), columns=("a",)))
    path = file(text.encode("utf-16-le"))
    with pytest.raises(TableError, match="add --encoding utf-16-le"):
        read(TableFile(path))
    assert read(TableFile(path, encoding="utf-16-le")).names == ("id", "größe")
    with pytest.raises(TableError, match=r"is not text in (utf-16|ascii)"):
        read(TableFile(file(text), encoding="ascii"))
    for encoding in ("klingon", "base64", "rot13", ""):
        with pytest.raises(UsageError, match="--encoding: there is no"):
            read(TableFile(path, encoding=encoding))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sep=;\r\na;b\r\n1;2\r\n3;4\r\n", [[1, 2], [3, 4]]),
        ('"sep=|"\na|b\n1|2\n3|4\n', [[1, 2], [3, 4]]),
        ("a;b;\n1;2;\n3;4;\n", [[1, 2], [3, 4]]),
        ("a,b\n1,2,\n3,4,\n", [[1, 2], [3, 4]]),
        ("a,,b,,\n1,,2,,\n3,,4,,\n", [[1, 2], [3, 4]]),
        ("\n\na,b\n\n1,2\n\n3,4\n\n", [[1, 2], [3, 4]]),
        ("a,b\r1,2\r3,4\r", [[1, 2], [3, 4]]),
        ("a\tb\n1\t2\n3\t4\n", [[1, 2], [3, 4]]),
        ('"a\nx";b\n1;2\n3;4\n', [[1, 2], [3, 4]]),
        ("a,b;c\n1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("1,5;2\n3;4\n", [[1.5, 2], [3, 4]]),
        ("a,b\n1 , 2\n\u22123,4 \n", [[1, 2], [-3, 4]]),
        ("a,b\nTrue,2\nFALSE,4\n", [[1, 2], [0, 4]]),
        ("1.5e+00 2.0e+00\n3.0e+00 4.0e+00\n", [[1.5, 2], [3, 4]]),  # as numpy.savetxt writes
        (" a   b\n 1  2 \n30  4 \n", [[1, 2], [30, 4]]),
        ("annual income\n1\n3\n", [[1], [3]]),
        ('\ufeff"a","b"\n"1","2"\n"3","4"\n', [[1, 2], [3, 4]]),
        ('x\n-0.70\n"3,276.28"\n', [[-0.7], [3276.28]]),
        ("a;b\n+160,00;1\n-1.000,00;2\n", [[160, 1], [-1000, 2]]),
        ("a;b;\n1;-50,00;;\n2;10,00;;\n", [[1, -50], [2, 10]]),
    ],
)
def test_files_of_odd_form(file, text, wanted):
    assert values(read(TableFile(file(text)))) == wanted


def test_very_long_lines(file):
    text = f"a,b,c\n1,2,{'x' * 300_000}\n3,4,{'y,' * 10}\n".replace("y,", '"y"')
    assert values(read(TableFile(file(text), columns=("a", "b")))) == [[1, 2], [3, 4]]


def test_broken_archives(file):
    for name, packed in (("a.csv.gz", gzip.compress), ("a.csv.xz", lzma.compress)):
        data = bytearray(packed(b"a,b\n" + np.random.default_rng(0).bytes(9000).hex().encode()))
        data[len(data) // 2 :] = bytes(reversed(data[len(data) // 2 :]))
        with pytest.raises(TableError, match="cannot be read"):
            read(TableFile(file(bytes(data), name)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decimal": ",,"}, "--decimal ',,': must be one character"),
        ({"decimal": "5"}, "--decimal '5': must be one character"),
        ({"thousands": "-"}, "--thousands '-': must be one character"),
        ({"decimal": ",", "thousands": ","}, "are both ',', and must be different"),
    ],
)
def test_marks_that_are_none(file, options, message):
    with pytest.raises(UsageError, match=message):
        read(TableFile(file("a\n1\n"), **options))


def test_options_of_csv_only(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(2))
    for option in ("decimal", "thousands", "encoding"):
        with pytest.raises(UsageError, match=f"--{option}: is for CSV"):
            read(TableFile(str(tmp_path / "a.npy"), **{option: ","}))


def test_a_wrong_delimiter(file):
    with pytest.raises(TableError, match="has no ',', and seems to be delimited by ';': add --del"):
        read(TableFile(file("a;b\n1;2\n"), delimiter=","))


def test_names_are_found_however_accents_are_written(file):
    path = file("gro\u0308\u00dfe,b\n1,2\n3,4\n")
    assert read(TableFile(path, columns=("gr\u00f6\u00dfe",))).names == ("gro\u0308\u00dfe",)


def test_codes_are_pointed_out(file):
    path = file("zip,x\n00501,0\n10115,0.5\n")
    assert "column 'zip' has leading zeros" in read(TableFile(path)).notes[0]
    assert read(TableFile(path, columns=("x",))).notes == ()


def test_marks_in_text_stay(file):
    path = file("a;b;c\n0000.7995;16.000;0\n3.03.001.00514;0;4.000\n")
    table = read(TableFile(path, columns=("b", "c"), thousands="."), whole=True)
    assert values(table) == [[16000, 0], [0, 4000]]
    assert table.whole["a"].tolist() == ["0000.7995", "3.03.001.00514"]
