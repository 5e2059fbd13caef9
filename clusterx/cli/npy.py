"""Reads NumPy's files, and never loads a pickle from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .common import TableError, UsageError, listed

#: Values that are read or checked at a time.
_CHUNK = 1 << 22


def mapped(name: str) -> np.ndarray:
    try:
        return np.load(name, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise TableError(_unreadable(name, error)) from error


def archived(name: str, array: str | None) -> np.ndarray:
    from zipfile import BadZipFile

    try:
        with np.load(name, allow_pickle=False) as file:
            names = list(file.files)
            if array is not None and array not in names:
                raise UsageError(f"--array: {name} has no array {array!r}. It has {listed(names)}.")
            if not names:
                raise TableError(f"{name}: holds no arrays.")
            if array is None and len(names) != 1:
                raise UsageError(
                    f"{name} has {len(names)} arrays: {listed(names)}. Choose one with --array."
                )
            return file[array or names[0]]
    except (UsageError, TableError):
        raise
    except (ValueError, OSError, EOFError, AttributeError, BadZipFile) as error:
        raise TableError(_unreadable(name, error)) from error


def pieces(values: np.ndarray, columns: list[int]) -> Iterator[np.ndarray]:
    """The rows, with these columns only, a few million values at a time."""
    height = max(1, _CHUNK // values.shape[1])
    return (values[a : a + height][:, columns] for a in range(0, len(values), height))


def _unreadable(name: str, error: Exception) -> str:
    if "pickle" in str(error) or "Python objects" in str(error):
        return (
            f"{name}: is no NumPy file, or holds Python objects, which may run any code when they "
            "are read and so are refused. Save an array of numbers."
        )
    return f"{name}: cannot be read as a NumPy file ({error})."


def check_finite(name: str, values: np.ndarray, names: tuple[str, ...]) -> None:
    height = max(1, _CHUNK // values.shape[1])
    for a in range(0, len(values), height):
        bad = ~np.isfinite(values[a : a + height])
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise TableError(
                f"{name}: column {names[column]} has a missing or infinite value in row {a + row} "
                "(the top row is 0). Drop rows with missing values with --drop-missing, "
                "mend the value, or leave the column out with --columns."
            )


def check_matrix(name: str, values: np.ndarray) -> None:
    """Raise unless the array is a matrix of real numbers."""
    if values.dtype.kind not in "buif":
        what = "Python objects" if values.dtype == object else f"dtype {values.dtype}"
        raise TableError(f"{name}: holds {what}, and clustering needs real numbers.")
    if values.ndim != 2:
        raise TableError(
            f"{name}: holds an array of shape {values.shape}, and rows and columns are wanted. "
            "Reshape it: numpy.save(path, a.reshape(len(a), -1))."
        )
    if 0 in values.shape:
        raise TableError(f"{name}: holds an empty array, of shape {values.shape}.")
