"""Files of cluster labels: their formats, and the columns beside the labels."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from .common import UsageError, require
from .tables import NumberTable

_ENDINGS = (".csv", ".tsv", ".parquet", ".pq", ".npy")


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


@dataclass(frozen=True, eq=False)
class Labels:
    """The cluster labels of the rows of a table.

    Parameters
    ----------
    name : str
        Name of the table's file, for messages.
    table : NumberTable
    labels : ndarray of shape (n,)
    probabilities : ndarray of shape (n, k), optional
    """

    name: str
    table: NumberTable
    labels: np.ndarray
    probabilities: np.ndarray | None = None

    def file(self, output: str) -> bytes | memoryview:
        """The bytes of the file, in the format that the name's ending says."""
        file = io.BytesIO()
        ending = output.lower().rpartition(".")[2]
        if ending == "npy":
            np.save(file, self.labels)
            return file.getbuffer()
        frame = self._frame()
        if ending in ("parquet", "pq"):
            whole, values = self.table.whole, self.table.values
            if whole is not None and hasattr(values, "columns"):  # numbers, not their text
                frame[list(self.table.names)] = values
            frame.to_parquet(file, index=False)
            return file.getbuffer()
        return frame.to_csv(index=False, sep="\t" if ending == "tsv" else ",").encode()

    def _frame(self) -> Any:
        import pandas as pd

        table = self.table
        places = np.arange(len(self.labels)) if table.kept is None else table.kept
        frame = pd.DataFrame({"row": places, "cluster": self.labels})
        if self.probabilities is not None:
            for j, column in enumerate(self.probabilities.T):
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
