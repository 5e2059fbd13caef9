"""Labels written block by block, to a file or into the caller's array."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array, to_host
from ..files import UnwritableError
from .base import Rows
from .mapped import in_memory_or_blocks


def check_labels_out(out: Any) -> None:
    """Raise unless `out` is a path of an NPY file in an existing folder, or an int32 array."""
    if isinstance(out, str | os.PathLike):
        path = Path(out)
        if path.suffix.lower() != ".npy":
            raise ValueError(f"labels_out {path}: is written in NumPy's format. Name it .npy.")
        if not path.parent.is_dir():
            raise UnwritableError(f"labels_out {path}: its folder is missing. Make it first.")
        return
    if not isinstance(out, np.ndarray):
        raise TypeError(
            f"labels_out must be a path or a NumPy array, such as a memmap; got {type(out)}."
        )
    if out.dtype != np.int32 or out.ndim != 1 or not out.flags.writeable:
        raise ValueError(
            "labels_out must be a writeable array of shape (n_samples,) and dtype int32, got "
            f"shape {out.shape} and dtype {out.dtype}."
        )


def without_labels(out: Any, X: Any) -> Any:
    """X; if it is read in blocks and labels go to `out`, rows whose steps keep no labels."""
    if out is None:
        return X
    check_labels_out(out)
    X = in_memory_or_blocks(X)
    return X.without_labels() if isinstance(X, Rows) else X


def labels_into(out: Any, X: Any, label: Callable[[Any], Array]) -> np.ndarray:
    """Write the labels of X into `out`.

    Parameters
    ----------
    out : path or array
    X : Any
        Rows, or what `label` takes as it is.
    label : callable
        Gives the labels of an array, or of Rows that are a piece of X.

    Returns
    -------
    labels : array of shape (n,), int32
        `out`, or the file as a read-only memmap.
    """
    X = in_memory_or_blocks(X)
    if not isinstance(X, Rows):
        found = to_host(label(X)).astype(np.int32, copy=False)
        return _written(out, len(found), iter([found]))
    return _written(out, X.n, X.labels_by_parts(label))


def _written(out: Any, n: int, parts: Any) -> np.ndarray:
    if isinstance(out, np.ndarray):
        if out.shape != (n,):
            raise ValueError(f"labels_out has shape {out.shape}, and X has {n} rows.")
        a = 0
        for part in parts:
            _window(out, a, a + len(part))[:] = part
            a += len(part)
        return out
    header = {"descr": "<i4", "fortran_order": False, "shape": (n,)}
    try:
        with open(out, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part in parts:
                part.astype("<i4", copy=False).tofile(file)
    except OSError as error:
        raise UnwritableError(f"{out}: cannot be written ({error.strerror}).") from error
    return np.load(out, mmap_mode="r")


def _window(out: Any, a: int, b: int) -> np.ndarray:
    """Entries a..b of the array. A file's are mapped separately, so they leave memory after use."""
    mapped = isinstance(out, np.memmap) and getattr(out.base, "madvise", None) is not None
    if not mapped or out.filename is None or out.mode not in ("r+", "w+"):
        return out[a:b]
    offset = out.offset + a * out.itemsize
    return np.memmap(out.filename, out.dtype, "r+", offset=offset, shape=(b - a,))
