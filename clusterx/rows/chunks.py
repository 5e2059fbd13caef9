"""Functions of a chunk of rows, which can be sent to where the chunk is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray, contiguous, host_floats, named_dtype, namespace, to_host
from ..kernels import kernels_for
from .base import farthest


class Reading(NamedTuple):
    """How a chunk is read."""

    dtype: str
    #: name of the estimator for messages about values; None where the values need no check
    checks: str | None = None
    #: whether NaN stands for missing values
    missing: bool = False


@dataclass(frozen=True)
class Sent:
    """A function of rows, and its other arguments, which are the same for all chunks.

    It is not a tuple, because Dask takes a tuple that begins with a function for a task.
    """

    fn: Callable
    shared: tuple
    reading: Reading


def read(chunk: Any, reading: Reading) -> Array:
    """The chunk as checked, contiguous rows in the dtype that kernels read."""
    xp = namespace(chunk)
    X = np.asarray(chunk) if not hasattr(chunk, "__array_namespace__") else chunk
    X = contiguous(xp.astype(X, named_dtype(xp, reading.dtype), copy=False))
    check_values(X, reading)
    return X


def check_values(X: Array, reading: Reading, first: int | None = None) -> None:
    """Raise if the rows hold values that the estimator does not accept.

    first : the number of the first of these rows, if it is known
    """
    name = reading.checks
    if name is None or not X.shape[0]:
        return
    xp = namespace(X)
    sizes = xp.abs(X)
    if reading.missing:
        gone = xp.isnan(sizes)
        sizes = xp.where(gone, xp.zeros_like(sizes), sizes)
        empty = xp.all(gone, axis=1)
        if host_floats(xp.any(empty))[0]:
            row = "A row" if first is None else f"Row {first + int(to_host(empty).argmax())}"
            raise ValueError(
                f"{row} of input X is NaN in all columns, so that no unit of {name} is nearer to "
                "it than another. Drop rows without values first."
            )
    (largest,) = host_floats(xp.max(sizes))
    if not np.isfinite(largest):
        what = "infinity" if reading.missing else "NaN or infinity"
        refused = "infinite" if reading.missing else "missing or infinite"
        raise ValueError(
            f"Input X contains {what}. {name} does not accept {refused} values: drop or impute "
            "those rows first."
        )
    if largest > (float(np.finfo(np.float64).max) / (4 * X.shape[0] * X.shape[1])) ** 0.5:
        raise ValueError(
            f"Input X contains values too large for squared distances in float64: up to "
            f"{largest:.3g}. Scale the data first."
        )


def worked(sent: Sent, chunk: Any, *along: Any) -> Any:
    """fn(rows, *along, *shared) for a chunk; None if it is empty."""
    X = read(chunk, sent.reading)
    if X.shape[0] == 0:
        return None
    with kernels_for(namespace(X)).runtime.limited_blas():
        return sent.fn(X, *along, *sent.shared)


def mapped(sent: Sent, chunk: Any, *along: Any) -> Any:
    """As `worked`, but an empty chunk gives empty arrays of the usual dtypes and shapes."""
    X = read(chunk, sent.reading)
    empty = X.shape[0] == 0
    if empty:
        X = one_row(X, X.shape[1:])
        along = tuple(map(_blank, along))
    with kernels_for(namespace(X)).runtime.limited_blas():
        found = sent.fn(X, *along, *sent.shared)
    if not empty:
        return found
    return tuple(part[:0] for part in found) if isinstance(found, tuple) else found[:0]


def one_row(like: Array, shape: tuple[int, ...]) -> Array:
    return namespace(like).zeros((1, *shape), dtype=like.dtype)


def _blank(part: Any) -> Array | None:
    """One row of zeros like the part of an array with an entry per row; None for a slot."""
    if part is None or isinstance(part, Slot) or part.dtype == object:
        return None
    return one_row(part, part.shape[1:])


def worked_along(sent: Sent, *along: Any) -> Any:
    """fn(*along, *shared) for parts of arrays with an entry per row; None if they are empty."""
    known = [x for x in along if x is not None]
    if known[0].shape[0] == 0:
        return None
    with kernels_for(namespace(known[0])).runtime.limited_blas():
        return sent.fn(*along, *sent.shared)


@dataclass(frozen=True)
class State:
    """The state that a fold begins with."""

    value: Any


def opened(state: State) -> Any:
    return state.value


def folded(sent: Sent, state: Any, chunk: Any, *along: Any) -> Any:
    """fn(state, rows, *along, *shared); the unchanged state if the chunk is empty."""
    X = read(chunk, sent.reading)
    if X.shape[0] == 0:
        return state
    with kernels_for(namespace(X)).runtime.limited_blas():
        return sent.fn(state, X, *along, *sent.shared)


def added(parts: list) -> Any:
    """The sum of the parts that are not None, from first to last; None if there are none."""
    there = [part for part in parts if part is not None]
    return reduce(add, there) if there else None


def length(chunk: Any) -> int:
    return int(chunk.shape[0])


def mapped_along(sent: Sent, values: Array) -> Any:
    """fn(values, *shared) for values with an entry per row, even if there are none."""
    return sent.fn(values, *sent.shared)


def placed(sent: Sent, places: np.ndarray, *along: Any) -> Any:
    """fn(*along, places) for parts of arrays with an entry per row."""
    return worked_along(replace(sent, shared=(places,)), *along)


def taken(sent: Sent, places: np.ndarray, chunk: Any) -> Array:
    """The rows at some places of a chunk."""
    return read(at(chunk, places), sent.reading)


def picked(sent: Sent, places: np.ndarray, values: Array) -> Array:
    """The values at some places of a part of an array with an entry per row."""
    return at(values, places)


def at(values: Array, places: np.ndarray) -> Array:
    """The entries at places given as a host array, which a device's array can't be indexed by."""
    return namespace(values).take(values, asarray(places, like=values), axis=0)


def summary(X: Array) -> tuple[int, Any]:
    """The number of rows, and their `ReductionKernels.summary`."""
    return X.shape[0], kernels_for(namespace(X)).reductions.summary(X)


def mass(values: Array, w: Array | None) -> float:
    """Sum of the values, weighted by w unless None."""
    xp = namespace(values)
    return host_floats(xp.sum(values if w is None else values * w))[0]


def drawn(values: Array, w: Array | None, fractions: np.ndarray) -> np.ndarray:
    """Places at fractions of the cumulative mass of a chunk."""
    return kernels_for(namespace(values)).kmeans.sample_rows(values, w, fractions)


def largest(values: Array, count: int) -> tuple[Array, Array]:
    """Places of the largest values, and these values; ties in the order of the places."""
    xp = namespace(values)
    places = farthest(xp, values, min(count, values.shape[0]))
    return places, xp.take(values, places)


class Slot:
    """Holds the step that is prepared for a chunk.

    It is where the chunk is, and is lost with it. What it holds never changes a result: if the
    slot is empty, the step is prepared again.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.step: Any = None
        self.call = 0  # number of the last call of the step; 0 while one runs

    def __reduce__(self) -> tuple:
        return Slot, ()

    def called(self, X: Array, along: tuple, prepare: Callable, shared: tuple, call: int) -> Any:
        """The statistics of a call of the step; its labels stay in the slot."""
        with self.lock:
            step = self.step
            if step is None:
                step = self.step = prepare(X, *along)
            self.call = 0
            found = step(*shared)
            self.call = call
        return found

    def labels(self, call: int) -> Array | None:
        """A copy of the labels of that call if it was the last one, or None."""
        with self.lock:
            if self.call != call:
                return None
            return namespace(self.step.labels).asarray(self.step.labels, copy=True)


def slot(chunk: Any) -> Slot:
    """An empty slot, where the chunk is."""
    return Slot()


def called(X: Array, *rest: Any) -> Any:
    """Statistics of a step; rest: slot or None, *along, prepare, shared, call."""
    kept, *along, prepare, shared, call = rest
    if kept is None:
        return prepare(X, *along, single_use=True)(*shared)
    return kept.called(X, tuple(along), prepare, shared, call)


def labels(X: Array, *rest: Any) -> Array:
    """Labels of the last call of a step; rest as in `called`."""
    kept, *along, prepare, shared, call = rest
    found = None if kept is None else kept.labels(call)
    if found is not None:
        return found
    step = prepare(X, *along, single_use=True)
    step.assign(*shared)
    return step.labels


def distances(X: Array, *rest: Any) -> Array:
    """Distances of the last call of a step; rest: *along, prepare, shared."""
    *along, prepare, shared = rest
    # `distances` gives the same bits whichever way the step was prepared
    step = prepare(X, *along, single_use=True)
    step.assign(*shared)
    return step.distances()
