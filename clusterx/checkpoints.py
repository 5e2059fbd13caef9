"""States of long fits in files, from which a later process can resume them."""

from __future__ import annotations

import hashlib
import numbers
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .archive import ModelFileError, packed, unpacked
from .arrays import is_array, to_host
from .files import write
from .fitted import version
from .rows import Rows
from .validation import check_number


class Checkpoint:
    """The state of a fit in a file, which is replaced whole or not at all.

    Parameters
    ----------
    path : path
        If the file exists, it is the state of a fit that ended early, and the fit resumes from it.
    every : int
        Iterations between two writes of the state.
    model : estimator
    rows : Rows
    w : array of shape (n,) or None
        Weights of the rows.

    Attributes
    ----------
    found : dict or None
        The state to resume from.

    Raises
    ------
    ValueError
        The file belongs to other data, parameters or versions, or it is not a checkpoint.
    """

    def __init__(self, path: Any, every: Any, model: Any, rows: Rows, w: Any):
        check_number(model, "checkpoint_every", every, numbers.Integral, least=1)
        self.path, self.every = Path(path), int(every)
        self._of = _identity(model, rows, w)
        self.found: dict[str, Any] | None = None
        if self.path.exists():
            self.found = self._read()

    def _read(self) -> dict[str, Any]:
        try:
            content, arrays = unpacked("checkpoint", self.path.read_bytes())
            state = _decoded(content["state"], arrays)
            of = content["of"]
        except (ModelFileError, KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(
                f"checkpoint {self.path}: is no checkpoint that can be read ({error}). Delete it "
                "to begin anew, or name another file."
            ) from error
        other = [what for what, value in self._of.items() if of.get(what) != value]
        if other:
            raise ValueError(
                f"checkpoint {self.path}: was written by a fit with other {' and '.join(other)}. "
                "Delete it to begin anew, or name another file."
            )
        return state

    def __call__(self, iteration: int, state: Callable[[], dict[str, Any]]) -> None:
        """Write the state after an iteration, if it is due."""
        if iteration % self.every == 0:
            self.write(state())

    def write(self, state: dict[str, Any]) -> None:
        """Replace the content of the file with a state."""
        arrays: list[np.ndarray] = []
        content = {"of": self._of, "state": _encoded(state, arrays)}
        write(self.path, packed("checkpoint", content, arrays, version()), overwrite=True)

    def done(self) -> None:
        """Remove the file: the fit has ended, so there is nothing to resume."""
        self.path.unlink(missing_ok=True)


def _identity(model: Any, rows: Rows, w: Any) -> dict[str, str]:
    """What identifies the fit that a checkpoint belongs to."""
    values = model.get_params(deep=False)
    told = {name: _told(value) for name, value in values.items() if name != "verbose"}
    summary = [to_host(a).tobytes().hex() for a in rows.summary[1:]]
    weights = None if w is None else to_host(w).tobytes()
    return {
        "estimators": type(model).__name__,
        "versions of clusterx": version(),
        "parameters": _hash(repr(sorted(told.items())).encode()),
        "data": _hash(repr((rows.shape, str(rows.dtype), summary)).encode()),
        "weights": "" if weights is None else _hash(weights),
    }


def _told(value: Any) -> str:
    """Text that differs between different values of a parameter."""
    if is_array(value):
        host = to_host(value)
        return f"{host.dtype} {host.shape} {_hash(np.ascontiguousarray(host).tobytes())}"
    if isinstance(value, np.random.RandomState):
        return repr(value.get_state(legacy=False))
    return getattr(value, "__qualname__", None) or repr(value)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _encoded(value: Any, arrays: list[np.ndarray]) -> Any:
    """JSON for numbers, strings, arrays, and lists and dicts of them; appends to `arrays`."""
    if isinstance(value, dict):
        return {"dict": {key: _encoded(v, arrays) for key, v in value.items()}}
    if isinstance(value, list | tuple):
        return [_encoded(v, arrays) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return {"float": value.hex()}
    if is_array(value):
        arrays.append(to_host(value))
        return {"array": len(arrays) - 1}
    return value


def _decoded(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decoded(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "float":
        return float.fromhex(inner)
    if kind == "array":
        return arrays[inner]
    return {key: _decoded(v, arrays) for key, v in inner.items()}
