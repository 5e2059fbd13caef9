"""What an algorithm sees of the rows, wherever they live."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array, asarray, device, float_dtype, to_host
from ..kernels import Kernels
from ..kernels.statistics import Summary

if TYPE_CHECKING:
    from .memory import InMemory

#: Arrays with an entry per row, which are cut as the rows are; None stands for no array. They are
#: where the rows are, and may belong to another library than the results: use their own namespace.
Along = Sequence[Array | None]

#: Advice in errors where the rows have to be one array.
LOAD = "Load them, if memory holds them, or take a sample of the rows."


class Preparation:
    """Prepares a step that rows keep, one per class, and reuse while the arrays along are equal."""

    def __call__(self, X: Array, *along: Any, single_use: bool = False, rests: bool = False) -> Any:
        """The step over an array of rows.

        single_use : whether the step will be called only once
        rests : whether the step will `rest` between its calls, and then `resume` with the rows and
            `along`
        """
        raise NotImplementedError

    def reuses(self, step: Any) -> bool:
        """Whether a step that another instance of the class prepared can be used instead."""
        return True


class Rows(ABC):
    """Rows of data: passes over them, and steps prepared for them.

    Attributes
    ----------
    n, d : int
        Rows and columns.
    dtype : dtype
        Of centres, and of rows that `take` returns.
    xp, device : namespace and device of the results
    like : array
        A template for new arrays that belong beside the rows.
    kernels : Kernels
    sparse : bool
        Whether the rows are a CSR matrix.
    integral : bool
        Whether the dtype says that the rows are whole numbers.
    deferred : bool
        Whether values are checked only when they are read.
    distant : bool
        Whether passes are so expensive that their number matters.
    """

    n: int
    d: int
    dtype: Any
    xp: ModuleType
    device: Any
    like: Array
    kernels: Kernels
    sparse = False
    integral = False
    deferred = False
    distant = False
    title = "rows out of memory"  # in messages

    @property
    def shape(self) -> tuple[int, int]:
        return self.n, self.d

    @property
    def header(self) -> Any:
        """An object that has the number and the names of the columns."""
        return self

    def defer(self, name: str, missing: bool) -> Rows:
        """These rows, with values checked as they are read, unless they have been read already.

        name : name of the estimator, for messages
        missing : whether NaN stands for missing values
        """
        return self

    @property
    @abstractmethod
    def summary(self) -> Summary:
        """Finiteness and moments of the columns; computed once and kept."""

    @property
    @abstractmethod
    def stored(self) -> Any:
        """The array or CSR matrix that holds the rows, or these rows if there is none."""

    @property
    @abstractmethod
    def values(self) -> Any:
        """As `stored`, in the dtype of centres."""

    @abstractmethod
    def map(self, fn: Callable, *shared: Any, along: Along = ()) -> Any:
        """The results of fn(rows, *along, *shared) in one pass: arrays with an entry per row."""

    @abstractmethod
    def reduce(self, statistic: Callable, *shared: Any, along: Along = (), height: int = 1) -> Any:
        """The sum of statistic(rows, *along, *shared) over all rows, in one pass.

        With `height`, over `pieces` of that height: the sums don't depend on where blocks end.
        """

    def reduce_along(self, statistic: Callable, *shared: Any, along: Along) -> Any:
        """The sum of statistic(*along, *shared) over all rows, without reading the rows."""
        return statistic(*along, *shared)

    def collect(self, fn: Callable, *shared: Any, along: Along = (), height: int = 1) -> list[Any]:
        """The results of fn(piece, *along, *shared) for all `pieces`, in their order."""
        return [fn(*piece, *shared) for piece in self.pieces(height, along)]

    def fold(self, fn: Callable, state: Any, *shared: Any, along: Along = ()) -> Any:
        """The last state of state = fn(state, piece, *along, *shared) over the dense pieces."""
        for piece in self.dense_pieces(along):
            state = fn(state, *piece, *shared)
        return state

    @abstractmethod
    def step(
        self, prepare: Callable, along: Along = (), streamed: Callable[..., Any] | None = None
    ) -> Any:
        """A step that is called several times, prepared for the rows.

        Parameters
        ----------
        prepare : callable
            prepare(X, *along) gives the step over an array of rows. A step that a `Preparation`
            made is kept with the rows.
        along : sequence of arrays or None
        streamed : callable, optional
            streamed(rows, prepare, along) gives the step over rows that are not one array. By
            default the step is prepared again for each block in each call, and the statistics of
            the blocks are added.
        """

    def without_labels(self) -> Rows:
        """These rows; if they are read block by block, their steps keep nothing per row."""
        return self

    def blockwise(self, prepare: Callable, along: Along) -> Any:
        """Passes that prepare a step for each block in each call; see `passes.BlockwiseStep`."""
        from .passes import Walks

        return Walks(self, prepare, along)

    @abstractmethod
    def take(self, indices: Any) -> Array:
        """The rows at the indices, dense."""

    @abstractmethod
    def subset(self, indices: Any) -> InMemory:
        """The rows at the indices as `Rows` in memory."""

    def part(self, indices: np.ndarray) -> Rows:
        """The rows at the indices, which are in rising order, as `Rows`: in memory if they fit."""
        return self.subset(indices)

    @abstractmethod
    def pieces(self, height: int = 1, along: Along = ()) -> Iterator[tuple]:
        """All rows in their order, each piece followed by its part of `along`.

        Each piece but the last ends after a multiple of `height` rows. Use each one before asking
        for the next.
        """

    @abstractmethod
    def dense_pieces(self, along: Along = ()) -> Iterator[tuple]:
        """As `pieces`, as dense arrays."""

    def in_memory(self, what: str, cure: str = LOAD) -> InMemory:
        """These rows if they are one array.

        Raises
        ------
        ValueError
            They are not. The message says that `what` needs it, and gives the `cure`.
        """
        raise ValueError(f"{what} takes rows in memory, got {self.title}. {cure}")

    def labels_by_parts(self, label: Callable) -> Iterator[np.ndarray]:
        """The labels that label(rows) gives for all rows, some at a time, on the host."""
        from .memory import InMemory

        for (piece,) in self.pieces():
            yield to_host(label(InMemory(piece, header=self.header)))

    def along(self, values: Any) -> Array:
        """Values with an entry per row, where the rows are."""
        return asarray(values, like=self.like)

    def take_along(self, values: Array, indices: Any) -> Array:
        """The values at the indices, as an array beside the rows that `take` returns."""
        return self.xp.take(values, asarray(indices, like=values), axis=0)

    def sample_rows(self, mass: Array, w: Array | None, fractions: np.ndarray) -> Array:
        """Rows (m,) at fractions in [0, 1) of the cumulative mass, weighted by w unless None."""
        return self.kernels.kmeans.sample_rows(mass, w, fractions)

    def farthest(self, values: Array, count: int) -> Array:
        """Rows with the largest values, in falling order; ties in the order of the rows."""
        return farthest(self.xp, values, count)

    def zeros(self, shape: tuple[int, ...], dtype: Any = None) -> Array:
        wide = float_dtype(self.xp, self.like)
        return self.xp.zeros(shape, dtype=dtype or wide, device=self.device)


def farthest(xp: Any, values: Array, count: int) -> Array:
    """Indices of the largest values, in falling order; ties in the order of the indices."""
    if count > 16:
        return xp.argsort(values, descending=True, stable=True)[:count]
    places, found = xp.arange(values.shape[0], device=device(values)), []
    for _ in range(count):
        found.append(xp.reshape(xp.argmax(values), (1,)))
        values = xp.where(places == found[-1], -xp.inf, values)
    return xp.concat(found)


def cut(along: Along, a: int, b: int) -> tuple:
    """The parts of rows a..b."""
    return tuple(None if x is None else x[a:b, ...] for x in along)
