"""Files of cluster labels: their formats, and the columns beside the labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import numpy as np

from ..files import UnwritableError
from .common import UsageError, make_folder, output_file, require
from .tables import NumberTable

_ENDINGS = (".csv", ".tsv", ".parquet", ".pq", ".npy")
#: Labels that are written at a time, where they are in a file.
_PART = 1 << 18
#: The labels of some rows, and the probabilities of their clusters if these are written, too.
Part = tuple[np.ndarray, np.ndarray | None]


def check_output(output: str | None, *, with_data: bool, drop_missing: bool) -> None:
    """Refuse formats that clusters can't be written in, before anything is computed."""
    if output is None or output == "-":
        if with_data and output is None:
            raise UsageError("--with-data: says what -o writes; add -o OUT.")
        return
    if not output.lower().endswith(_ENDINGS):
        raise UsageError(
            f"-o {output}: clusters are written as {', '.join(_ENDINGS)}. Let the name end so."
        )
    if output.lower().endswith(".npy"):
        if with_data:
            raise UsageError(f"--with-data: {output} holds one array. Write .csv or .parquet.")
        if drop_missing:
            raise UsageError(
                f"--drop-missing: {output} can't say which rows are left. Write .csv or .parquet."
            )
        return
    require("pandas", "pandas", "tables", f"Writing {output}")
    if output.lower().endswith((".parquet", ".pq")):
        require("pyarrow", "pyarrow", "tables", f"Writing {output}")


@contextmanager
def labels_aside(output: str | None) -> Iterator[Path]:
    """The path of a temporary file of labels: beside the output, where there is room for them."""
    folder = None
    if output not in (None, "-"):
        folder = Path(os.path.realpath(output)).parent
        make_folder(folder)
    try:
        aside = TemporaryDirectory(prefix=".clusterx-", dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        raise UnwritableError(
            f"{folder or 'TMPDIR'}: labels cannot be written there ({error.strerror}). Choose "
            "another folder."
        ) from error
    with aside as name:
        yield Path(name) / "labels.npy"


def parts_of(labels: np.ndarray) -> Iterator[np.ndarray]:
    """The labels in their order; those in a file some at a time, so that they leave memory."""
    if not isinstance(labels, np.memmap):
        yield labels
        return
    for a in range(0, len(labels), _PART):
        yield part_of(labels, a, min(a + _PART, len(labels)))


def part_of(labels: np.ndarray, a: int, b: int) -> np.ndarray:
    """Labels a..b; those in a file are read, because pages of a mapped file stay in memory."""
    if not isinstance(labels, np.memmap) or labels.filename is None:
        return labels[a:b]
    offset = labels.offset + a * labels.itemsize
    return np.fromfile(labels.filename, labels.dtype, b - a, offset=offset)


def count(sizes: Counter[int], labels: np.ndarray) -> None:
    """Add how many rows have each label."""
    low = int(labels.min())
    found = np.bincount(labels - low)
    sizes.update({low + int(i): int(found[i]) for i in np.flatnonzero(found)})


@dataclass(frozen=True, eq=False)
class Labels:
    """The cluster labels of the rows of a table, and how they are written.

    Parameters
    ----------
    name : str
        Name of the table's file, for messages.
    table : NumberTable
    parts : iterable of Part
        The labels of all rows in their order: of a table in memory, all at once.
    """

    name: str
    table: NumberTable
    parts: Iterable[Part]

    def write(self, output: str, *, force: bool) -> None:
        """Write the file in the format that the name's ending says; ``-`` is CSV on stdout."""
        ending = output.lower().rpartition(".")[2]
        with output_file(output, force=force) as file:
            if ending == "npy":
                self._write_array(file)
            elif ending in ("parquet", "pq"):
                self._write_parquet(file)
            else:
                mark = "\t" if ending == "tsv" else ","
                for a, frame in self._frames():
                    file.write(frame.to_csv(index=False, header=a == 0, sep=mark).encode())

    def _write_array(self, file: BinaryIO) -> None:
        n = self.table.values.shape[0]
        header = {"descr": "<i4", "fortran_order": False, "shape": (n,)}
        np.lib.format.write_array_header_1_0(file, header)
        for labels, _ in self.parts:
            file.write(np.ascontiguousarray(labels, "<i4").data)

    def _write_parquet(self, file: BinaryIO) -> None:
        import pyarrow
        import pyarrow.parquet

        writer = None
        whole, values = self.table.whole, self.table.values
        for _, frame in self._frames():
            if whole is not None and hasattr(values, "columns"):  # numbers, not their text
                frame[list(self.table.names)] = values
            rows = pyarrow.Table.from_pandas(frame, preserve_index=False)
            writer = writer or pyarrow.parquet.ParquetWriter(file, rows.schema)
            writer.write_table(rows)
        if writer is not None:
            writer.close()

    def _frames(self) -> Iterator[tuple[int, Any]]:
        """A frame of each part, and the number of its first row."""
        a = 0
        for labels, shares in self.parts:
            yield a, self._frame(a, labels, shares)
            a += len(labels)

    def _frame(self, first: int, labels: np.ndarray, shares: np.ndarray | None) -> Any:
        import pandas as pd

        table = self.table
        places = np.arange(first, first + len(labels)) if table.kept is None else table.kept
        frame = pd.DataFrame({"row": places, "cluster": labels})
        if shares is not None:
            for j, column in enumerate(shares.T):
                frame[f"probability_{j}"] = column
        whole = table.whole
        if whole is None:
            return frame
        taken = [name for name in frame.columns if name in whole.columns]
        if taken:
            raise UsageError(
                f"--with-data: {self.name} has a column {taken[0]!r} of its own, and one of that "
                "name is added. Rename it, or leave --with-data out."
            )
        return pd.concat([frame, whole.reset_index(drop=True)], axis=1)
