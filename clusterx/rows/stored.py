"""Rows in files whose number is known: arrays that can be sliced, and Arrow's tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..arrays import is_array, working_dtype

#: Kinds of dtypes: booleans, integers and floats.
REAL_KINDS = "buif"
#: Rows that are read at a time by `take`.
_NEAR = 512
_PARQUET = (".parquet", ".pq")


class Stored(Protocol):
    """Rows that are read by blocks from where they are stored."""

    n: int
    d: int
    dtype: np.dtype  # in which the rows are clustered
    header: Any  # has the names of the columns, or None

    def cut(self, rows: int) -> Iterator[np.ndarray]:
        """All rows in their order, about `rows` at a time."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The rows at rising indices, in the working dtype."""

    def whole(self) -> np.ndarray:
        """All rows as one array."""


def stored(given: Any) -> Any:
    """A file's rows as `Stored`; for a path, what it leads to; anything else unchanged.

    Parameters
    ----------
    given : Any
        The path of an NPY file, of a Parquet file or of a directory of Parquet files; an Arrow
        dataset; a ParquetFile; or an object outside the array API that has a shape, a dtype and
        slices, such as an array of HDF5 or Zarr.
    """
    if isinstance(given, str | os.PathLike):
        given = _opened(Path(given))
    if hasattr(given, "iter_batches") or hasattr(given, "count_rows"):
        return ArrowRows(given)
    return FileArray(given) if _is_file_array(given) else given


def _is_file_array(given: Any) -> bool:
    if not all(hasattr(given, name) for name in ("shape", "dtype", "__getitem__")):
        return False
    table = any(hasattr(given, name) for name in ("nnz", "columns", "iloc", "__array_interface__"))
    return not table and not is_array(given) and len(given.shape) == 2


def _opened(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file or folder.")
    ending = path.suffix.lower()
    if ending == ".npy":
        return np.load(path, mmap_mode="r", allow_pickle=False)
    if ending in _PARQUET or (path.is_dir() and any(path.rglob("*.p*q*"))):
        try:
            dataset = import_module("pyarrow.dataset").dataset
        except ImportError as error:
            raise ImportError(
                "Reading Parquet needs pyarrow, which is not installed: pip install "
                '"clusterx[tables]"'
            ) from error
        return dataset(path, format="parquet")
    raise ValueError(
        f"{path}: rows are read from .npy and {', '.join(_PARQUET)} files and folders of Parquet. "
        "Open other files first, such as h5py.File(path)['name'] or zarr.open(path), and pass the "
        "array."
    )


class FileArray:
    """The rows of an array in a file, which is read by slices.

    Parameters
    ----------
    given : object with shape, dtype and slices
    """

    header = None

    def __init__(self, given: Any):
        dtype = np.dtype(given.dtype)
        if dtype.kind not in REAL_KINDS:
            raise TypeError(f"{type(given).__name__} must hold real numbers, got dtype {dtype}.")
        self.given = given
        self.n, self.d = map(int, given.shape)
        self.dtype = np.dtype(working_dtype(dtype.name))
        chunks = getattr(given, "chunks", None)
        self.height = int(chunks[0]) if isinstance(chunks, tuple) and chunks else 1

    def cut(self, rows: int) -> Iterator[np.ndarray]:
        # each chunk is unpacked only once if blocks end where chunks do
        rows = max(rows // self.height, 1) * self.height if rows >= self.height else rows
        return (self._read(a, a + rows) for a in range(0, self.n, rows))

    def _read(self, a: int, b: int) -> np.ndarray:
        return np.asarray(self.given[a : min(b, self.n)])

    def take(self, rows: np.ndarray) -> np.ndarray:
        near = max(_NEAR, self.height)
        starts = np.flatnonzero(np.diff(rows // near, prepend=-1))
        parts = [
            self._read(own[0], own[-1] + 1)[own - own[0]] for own in np.split(rows, starts[1:])
        ]
        return np.concatenate(parts).astype(self.dtype, copy=False)

    def whole(self) -> np.ndarray:
        return self._read(0, self.n)


class ArrowRows:
    """The rows of an Arrow dataset or of a Parquet file.

    Parameters
    ----------
    given : pyarrow.dataset.Dataset or pyarrow.parquet.ParquetFile
    columns : sequence of str, optional
        Columns to read; all by default.
    """

    def __init__(self, given: Any, columns: Any = None):
        if hasattr(given, "iter_batches"):
            schema, self.n = given.schema_arrow, given.metadata.num_rows
        else:
            schema, self.n = given.schema, given.count_rows()
        self.given = given
        self.names = list(schema.names if columns is None else columns)
        self.d = len(self.names)
        kinds = {_number_dtype(schema.field(name), schema.names) for name in self.names}
        working = {working_dtype(kind.name) for kind in kinds}
        self.dtype = np.dtype("float64" if "float64" in working else "float32")
        self.header = import_module("pyarrow").table({name: [] for name in self.names})

    def cut(self, rows: int) -> Iterator[np.ndarray]:
        if hasattr(self.given, "iter_batches"):
            batches = self.given.iter_batches(batch_size=rows, columns=self.names)
        else:
            # reading ahead takes memory, and Rows already read one block ahead
            batches = self.given.to_batches(
                columns=self.names, batch_size=rows, batch_readahead=1, fragment_readahead=1
            )
        return map(self._matrix, batches)

    def _matrix(self, batch: Any) -> np.ndarray:
        found = np.empty((batch.num_rows, self.d), self.dtype)
        for j in range(self.d):
            found[:, j] = batch.column(j).to_numpy(zero_copy_only=False)
        return found

    def take(self, rows: np.ndarray) -> np.ndarray:
        found, a = np.empty((len(rows), self.d), self.dtype), 0
        for block in self.cut(1 << 16):
            first, last = np.searchsorted(rows, (a, a + len(block)))
            found[first:last] = block[rows[first:last] - a]
            a += len(block)
            if last == len(rows):
                break
        return found

    def whole(self) -> np.ndarray:
        found, a = np.empty((self.n, self.d), self.dtype), 0
        for block in self.cut(1 << 16):
            found[a : a + len(block)] = block
            a += len(block)
        return found


def _number_dtype(field: Any, names: list[str]) -> np.dtype:
    """The dtype of a column of numbers."""
    types = import_module("pyarrow").types
    kind = field.type
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        raise TypeError(
            f"Column {field.name!r} holds {kind}, and real numbers are wanted. Choose columns: "
            "read pandas.read_parquet(path, columns=[...]), or turn the column into "
            "numbers."
        )
    return np.dtype(kind.to_pandas_dtype())
