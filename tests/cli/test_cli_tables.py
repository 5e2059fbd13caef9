"""Tables from files: formats, and an error for everything that can't be clustered."""

import gzip
import io

import numpy as np
import pandas as pd
import pytest

from clusterx.cli.common import TableError, UsageError
from clusterx.cli.tables import TableFile, read

GOOD = "a,b,name\n1,2.5,x\n3,4.5,y\n-5,1e3,z\n"
ROWS = [[1, 2.5], [3, 4.5], [-5, 1000]]


@pytest.fixture
def file(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def values(table):
    return np.asarray(table.values)


@pytest.mark.parametrize(
    ("name", "text", "options"),
    [
        ("a.csv", GOOD, {}),
        ("a.CSV", GOOD, {}),
        ("a.txt", GOOD, {}),
        ("a.csv", GOOD.replace("\n", "\r\n"), {}),
        ("a.csv", "\ufeff" + GOOD, {}),
        ("a.csv", GOOD.replace(",", ", "), {}),
        ("a.csv", GOOD + "\n\n", {}),
        ("a.csv", GOOD.replace(",", ";"), {"delimiter": ";"}),
        ("a.tsv", GOOD.replace(",", "\t"), {}),
        ("a.csv", GOOD.replace(",", "\t"), {"delimiter": "\\t"}),
        ("a.csv.gz", gzip.compress(GOOD.encode(), mtime=0), {}),
        ("a.tsv.gz", gzip.compress(GOOD.replace(",", "\t").encode(), mtime=0), {}),
    ],
)
def test_text(file, name, text, options):
    table = read(TableFile(file(name, text), columns=("a", "b"), **options))
    assert values(table).tolist() == ROWS
    assert table.names == ("a", "b")
    assert list(table.values.columns) == ["a", "b"]
    assert table.whole is None


def test_order_of_columns_is_that_asked_for(file):
    table = read(TableFile(file("a.csv", GOOD), columns=("b", "a")), whole=True)
    assert values(table).tolist() == [row[::-1] for row in ROWS]
    assert list(table.whole.columns) == ["a", "b", "name"]


def test_numbers_are_read_to_the_last_bit(file):
    X = np.random.default_rng(0).normal(size=(500, 2)) * 10.0 ** np.arange(-150, 150, 0.6)[:, None]
    text = io.StringIO()
    pd.DataFrame(X, columns=["a", "b"]).to_csv(text, index=False)
    np.testing.assert_array_equal(values(read(TableFile(file("x.csv", text.getvalue())))), X)


def test_truth_values_are_numbers(file):
    table = read(TableFile(file("a.csv", "a,b\nTrue,1\nFalse,2\n")))
    assert values(table).tolist() == [[1, 1], [0, 2]]


def test_no_header(file):
    path = file("a.csv", "1.5,2\n3,4\n")
    assert values(read(TableFile(path, header=False))).tolist() == [[1.5, 2], [3, 4]]
    table = read(TableFile(path, columns=("1",), header=False), whole=True)
    assert values(table).tolist() == [[2], [4]]
    assert values(read(TableFile(path, header=True))).tolist() == [[3, 4]]
    for first in ("1.5,2", "1,2", "7,0", "1,1.5"):
        table = read(TableFile(file("b.csv", f"{first}\n5,6\n")))
        assert (table.names, len(table.values)) == (("0", "1"), 2)
        assert "has only numbers" in table.notes[0]
    table = read(TableFile(file("b.csv", "0,1\n5,6\n")))  # as pandas counts columns
    assert (table.names, values(table).tolist()) == (("0", "1"), [[5, 6]])
    assert "counts the columns" in table.notes[0]
    for first in ("1,", "1,b", "2024-01-01,5"):
        assert len(read(TableFile(file("b.csv", f"{first}\n5,6\n"))).values) == 1
    with pytest.raises(UsageError, match=r"no column '1990'.*--header makes names"):
        read(TableFile(file("b.csv", "1990,2000\n5,6\n"), columns=("1990",)))


def test_parquet(tmp_path):
    frame = pd.DataFrame(
        {
            "a": pd.array([1, 2, 3], dtype="Int64"),
            "b": np.array([1, 2, 4], np.float32),
            "c": ["x", "y", "z"],
        },
        index=[7, 8, 9],
    )
    frame.to_parquet(tmp_path / "a.parquet")
    table = read(TableFile(str(tmp_path / "a.parquet"), columns=("b", "a")), whole=True)
    assert values(table).tolist() == [[1, 1], [2, 2], [4, 3]]
    assert list(table.whole.columns) == ["a", "b", "c"]
    assert list(table.whole.index) == [0, 1, 2]
    table = read(TableFile(str(tmp_path / "a.parquet"), columns=("b",)))
    assert values(table).dtype == np.float32


def test_arrays(tmp_path):
    X = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "one.npz", X)
    np.savez(tmp_path / "two.npz", X=X, y=X[0])
    whole = read(TableFile(str(tmp_path / "a.npy")))
    assert isinstance(whole.values, np.memmap)
    assert whole.names == ("0", "1", "2")
    for source in (
        TableFile(str(tmp_path / "a.npy")),
        TableFile(str(tmp_path / "one.npz")),
        TableFile(str(tmp_path / "two.npz"), array="X"),
    ):
        table = read(source)
        np.testing.assert_array_equal(table.values, X)
        assert table.values.dtype == np.float32
    chosen = read(TableFile(str(tmp_path / "a.npy"), columns=("2", "0")), whole=True)
    np.testing.assert_array_equal(chosen.values, X[:, [2, 0]])
    np.testing.assert_array_equal(chosen.whole, X)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b\n", "no rows below the names"),
        ("a,b\n1,2\n3\n", "column 'b' has 1 missing value, the first in row 1 (the top row is 0)"),
        ("a,b\n1,2\n3,NA\n4,\n", "column 'b' has 2 missing values, the first in row 1"),
        ("a,b\n1,2\n3,4,5\n4,5\n", "line 3 has 3 entries, and 2 are expected"),
        ("a,b\n1,2,3\n3,4,5\n", "more entries than the first line has names"),
        ("a,b\n1,2\n3,inf\n-inf,1\n", "column 'a' has 1 infinite value, the first in row 2"),
        ('a,b\n1,"x\n', "cannot be read as CSV"),
        ("a,b,c\n1,x,2\n2,y,3.5\n4,z,1\n", "column 'b' holds text ('x' in row 0)"),
        ("a,b,c\n1,x,2\n2,y,3.5\n4,z,1\n", "Choose the columns: --columns a,c"),
        ("id,b,c\n1,x,2\n2,y,3.5\n3,z,1\n", "Choose the columns: --columns c"),
        ("a,b,c\n1,x,2\n2,y,\n4,z,1\n", "Choose the columns: --columns a,c --drop-missing"),
        ('"a,b",c\n1,x\n5,y\n', "--columns '\"a,b\"'"),
        ("a\nx\ny\n", "No other column holds numbers"),
        ("a,b\n" + "1,2\n" * 30 + "1,2:5\n", "and 1 that is none: '2:5' in row 30"),
        ("a,b\n,2\n,3\n", "column 'a' has 2 missing values, the first in row 0"),
        (b"a,b\n\xff\xfe,2\n", "is not text in UTF-8"),
    ],
)
def test_text_that_is_no_table(file, text, message):
    path = file("bad.csv", text)
    with pytest.raises(TableError) as caught:
        read(TableFile(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_lines_that_are_too_long_are_noticed_in_any_column(file):
    path = file("a.csv", "a,b\n1,2\n3,4,5\n")
    with pytest.raises(TableError, match="line 3 has 3 entries"):
        read(TableFile(path, columns=("a",)))


def test_a_missing_name_suggests_one(file):
    path = file("a.csv", GOOD)
    with pytest.raises(UsageError, match=r"no column 'nme'. Did you mean 'name'\? It has a, b, na"):
        read(TableFile(path, columns=("a", "nme")))


def test_files_that_are_no_tables(file, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.csv: there is no such file"):
        read(TableFile(str(tmp_path / "no.csv")))
    with pytest.raises(TableError, match="is a folder"):
        read(TableFile(str(tmp_path)))
    with pytest.raises(TableError, match=r"wanted is one of \.csv, \.tsv"):
        read(TableFile(file("a.json", "[]")))
    with pytest.raises(TableError, match="cannot be read as Parquet"):
        read(TableFile(file("a.parquet", "nope")))
    with pytest.raises(TableError, match="cannot be read"):
        read(TableFile(file("a.csv.gz", "nope")))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(TableError, match="is no NumPy file, or holds Python objects"):
            read(TableFile(file(name, "nope")))
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((100, 3)))
    with pytest.raises(TableError, match="cannot be read as a NumPy file"):
        read(TableFile(file("cut.npy", buffer.getvalue()[:500])))


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_are_never_loaded(tmp_path):
    trap = np.array([[Trap(str(tmp_path / "sprung"))]], dtype=object)
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "a.npz", trap)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(TableError, match="so are refused"):
            read(TableFile(str(tmp_path / name)))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.arange(4), r"shape \(4,\), and rows and columns are wanted"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (np.zeros((0, 3)), r"an empty array, of shape \(0, 3\)"),
        (np.zeros((2, 3), complex), "dtype complex128, and clustering needs real numbers"),
        (np.array([["a", "b"]]), "dtype <U1"),
        (np.array([[0.0, 1], [2, np.nan]]), r"column 1 has a missing or infinite value in row 1"),
        (np.array([[0.0, 1], [-np.inf, 1]]), r"column 0 has a missing or infinite value in row 1"),
    ],
)
def test_arrays_that_are_no_tables(tmp_path, array, message):
    path = str(tmp_path / "a.npy")
    np.save(path, array)
    with pytest.raises(TableError, match=message):
        read(TableFile(path))


def test_arrays_are_checked_in_parts(tmp_path, monkeypatch):
    from clusterx.cli import npy

    monkeypatch.setattr(npy, "_CHUNK", 10)
    X = np.zeros((100, 2))
    X[77, 1] = np.inf
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(TableError, match="column 1 has a missing or infinite value in row 77"):
        read(TableFile(str(tmp_path / "a.npy")))


def test_arrays_of_an_archive_are_named(tmp_path):
    path = str(tmp_path / "a.npz")
    np.savez(path, X=np.zeros((2, 2)), y=np.zeros((2, 2)))
    with pytest.raises(UsageError, match=r"has 2 arrays: X, y\. Choose one with --array"):
        read(TableFile(path))
    with pytest.raises(UsageError, match=r"has no array 'z'. It has X, y"):
        read(TableFile(path, array="z"))


def test_columns_of_other_kinds(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0], "day": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    frame["none"] = pd.Series([None, None], dtype="float64")
    frame.to_parquet(tmp_path / "a.parquet")
    path = str(tmp_path / "a.parquet")
    with pytest.raises(TableError, match=r"column 'day' holds datetime64.*--columns a,none"):
        read(TableFile(path))
    with pytest.raises(TableError, match="column 'none' has 2 missing values"):
        read(TableFile(path, columns=("a", "none")))


def test_columns_of_one_name(tmp_path):
    import pyarrow
    import pyarrow.parquet

    column = pyarrow.array([1.0, 2.0])
    table = pyarrow.Table.from_arrays([column, column], names=["a", "a"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(TableError, match="has several columns 'a'"):
        read(TableFile(str(tmp_path / "a.parquet")))
    path = tmp_path / "a.csv"
    path.write_text("a,a\n1,2\n3,4\n")
    assert read(TableFile(str(path))).names == ("a", "a.1")


def test_options_of_other_kinds_of_files(file, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 2)))
    path = str(tmp_path / "a.npy")
    with pytest.raises(UsageError, match="--delimiter: is for CSV"):
        read(TableFile(path, delimiter=";"))
    with pytest.raises(UsageError, match="--header: is for CSV"):
        read(TableFile(path, header=False))
    with pytest.raises(UsageError, match="--array: is for NPZ"):
        read(TableFile(path, array="X"))
    with pytest.raises(UsageError, match="--array: is for NPZ"):
        read(TableFile(file("a.csv", GOOD), array="X"))
    with pytest.raises(UsageError, match=r"--delimiter .*one character"):
        read(TableFile(file("a.csv", GOOD), delimiter=";;"))


def test_index_that_pandas_wrote_is_a_column(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 3.0, -5.0], "b": [2.5, 4.5, 1e3]})
    path = str(tmp_path / "a.parquet")
    for index in (["a"], ["a", "b"]):
        frame.assign(c=[7, 8, 6]).set_index(index).to_parquet(path)
        table = read(TableFile(path, columns=("a", "b")), whole=True)
        assert values(table).tolist() == ROWS
        assert set(table.whole.columns) == {"a", "b", "c"}
        assert table.whole.index.tolist() == [0, 1, 2]
    frame.set_index(pd.Index([7, 8, 9], name="a")).to_parquet(path)  # the names clash
    assert values(read(TableFile(path, columns=("b",)))).tolist() == [[2.5], [4.5], [1e3]]
    frame.set_index(pd.RangeIndex(3, name="a")).to_parquet(path)
    assert values(read(TableFile(path))).tolist() == ROWS


def test_spaces_around_names_do_not_count(file):
    path = file("a.csv", " my age , b \n1, 2.5\n3,4.5\n-5,1e3\n")
    table = read(TableFile(path, columns=("my age",)), whole=True)
    assert values(table).tolist() == [[1], [3], [-5]]
    assert list(table.whole.columns) == ["my age", "b"]
    assert table.whole["b"].tolist() == ["2.5", "4.5", "1e3"]
    path = file("b.csv", "a,a \n1,2\n3,4\n5,7\n")  # or else there would be two of one name
    assert read(TableFile(path)).names == ("a", "a ")


@pytest.mark.parametrize("delimiter", ["\n", "\r", '"', "€", "\0", "", ";;"])
def test_delimiter_that_is_none(file, delimiter):
    with pytest.raises(UsageError, match=r"--delimiter .* one character"):
        read(TableFile(file("a.csv", GOOD), delimiter=delimiter))


def test_names_that_no_file_can_have(tmp_path, file):
    with pytest.raises(TableError, match=r"cannot be read .*too long"):
        read(TableFile("x" * 300 + ".csv"))
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(TableError, match=r"cannot be read .*symbolic links"):
        read(TableFile(str(tmp_path / "loop.csv")))
    with pytest.raises(FileNotFoundError, match="no such file"):
        read(TableFile(file("a.csv", GOOD) + "/b.csv"))


def test_thousands_of_columns_are_checked_once_each(file, monkeypatch):
    from clusterx.cli import tables

    names = [f"c{i}" for i in range(2_000)]
    calls, is_real = [], tables._is_real
    monkeypatch.setattr(tables, "_is_real", lambda column: calls.append(0) or is_real(column))
    row = ",".join("1" for _ in names)
    table = read(TableFile(file("a.csv", f"{','.join(names)}\n{row}\n{row}\n")))
    assert table.names == tuple(names)
    assert len(calls) == len(names)


def test_numbers_that_are_no_floats(tmp_path, file):
    from decimal import Decimal

    path = str(tmp_path / "a.parquet")
    pd.DataFrame({"a": [Decimal("1.5")] * 3}).to_parquet(path)
    with pytest.raises(TableError, match="'a' holds numbers as Decimal"):
        read(TableFile(path))
    assert values(read(TableFile(file("a.csv", "a\n" + "9" * 30 + "\n2\n3\n"))))[0, 0] == 1e30


def test_archive_without_arrays(tmp_path):
    np.savez(tmp_path / "a.npz")
    with pytest.raises(TableError, match="holds no arrays"):
        read(TableFile(str(tmp_path / "a.npz")))


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "iris", "wine"])
def test_the_samples_are_always_there_and_their_classes_are_not_clustered_by(name):
    from sklearn import datasets

    wanted = getattr(datasets, f"load_{name}")()
    table = read(TableFile(f"sample:{name}"), whole=True)
    np.testing.assert_array_equal(values(table), wanted.data)
    assert list(table.names) == list(wanted.feature_names)
    assert [*table.whole.columns] == [*wanted.feature_names, "target"]


def test_the_classes_of_a_sample_have_their_names_and_can_be_columns():
    assert set(read(TableFile("sample:iris"), whole=True).whole["target"]) == {
        "setosa", "versicolor", "virginica",
    }  # fmt: skip
    assert values(read(TableFile("sample:diabetes", columns=("bmi", "target")))).shape == (442, 2)
    with pytest.raises(TableError, match="'setosa' in row 0"):
        read(TableFile("sample:iris", columns=("target",)))


def test_a_sample_that_is_not_there_and_options_of_csv_are_refused():
    with pytest.raises(TableError, match=r"sample:roses: .* There are sample:breast_cancer"):
        read(TableFile("sample:roses"))
    with pytest.raises(UsageError, match="--delimiter: is for CSV, and sample:iris is none"):
        read(TableFile("sample:iris", delimiter=";"))
