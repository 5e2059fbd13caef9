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

#: Arrays with an entry per row, which are cut as the rows are; None stands for none. They are where
#: the rows are, and may be of another library than what is computed: take their own namespace.
Along = Sequence[Array | None]

#: What to do where rows have to be one array.
LOAD = "Load them, if memory holds them, or take a sample of the rows."


class Preparation:
    """What prepares a step that rows keep: by its kind, for equal arrays along them."""

    def __call__(self, X: Array, *along: Any, single_use: bool = False, rests: bool = False) -> Any:
        """The step over an array of rows.

        single_use : whether one call will follow
        rests : whether it will `rest` between its calls, and then `resume` with rows and `along`
        """
        raise NotImplementedError

    def reuses(self, step: Any) -> bool:
        """Whether a step that another one of its kind prepared will do."""
        return True


class Rows(ABC):
    """Rows of data: passes over them, and steps that are prepared for them.

    Attributes
    ----------
    n, d : int
        Rows and columns.
    dtype : dtype
        Of centres, and of rows that are taken.
    xp, device : namespace and device of what is computed
    like : array
        New arrays that belong beside the rows are made like it.
    kernels : Kernels
    sparse : bool
        Whether the rows are a CSR matrix.
    integral : bool
        Whether the rows are whole numbers by their dtype.
    deferred : bool
        Whether values are checked when they are read, and not before.
    distant : bool
        Whether passes are so dear that their number counts.
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
        """What has the number and the names of the columns."""
        return self

    def defer(self, name: str, missing: bool) -> Rows:
        """These rows, whose values are checked when they are read if nothing was read before.

        name : of the estimator, for messages
        missing : whether NaN stands for missing values
        """
        return self

    @property
    @abstractmethod
    def summary(self) -> Summary:
        """Finiteness and moments of the columns; kept."""

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
        """fn(rows, *along, *shared) in one pass: new arrays with an entry per row."""

    @abstractmethod
    def reduce(self, statistic: Callable, *shared: Any, along: Along = (), height: int = 1) -> Any:
        """statistic(rows, *along, *shared) in one pass: what adds up over rows.

        With `height`, over `pieces` of it: the sums then don't depend on where blocks end.
        """

    def reduce_along(self, statistic: Callable, *shared: Any, along: Along) -> Any:
        """statistic(*along, *shared), which adds up over rows, without reading them."""
        return statistic(*along, *shared)

    def collect(self, fn: Callable, *shared: Any, along: Along = (), height: int = 1) -> list[Any]:
        """fn(piece, *along, *shared) of all `pieces`, in their order."""
        return [fn(*piece, *shared) for piece in self.pieces(height, along)]

    def fold(self, fn: Callable, state: Any, *shared: Any, along: Along = ()) -> Any:
        """The last state of fn(state, piece, *along, *shared), by dense pieces in their order."""
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
            prepare(X, *along) gives the step over an array of rows. That of a `Preparation` is
            kept with the rows.
        along : sequence of arrays or None
        streamed : callable, optional
            streamed(rows, prepare, along) gives the step over rows that are no single array; by
            default one that is prepared again for each block in each call, and whose statistics
            add up.
        """

    def without_labels(self) -> Rows:
        """The rows, whose steps keep nothing per row where they are read block by block."""
        return self

    def blockwise(self, prepare: Callable, along: Along) -> Any:
        """What prepares a step for each block in each call; see `passes.BlockwiseStep`."""
        from .passes import Walks

        return Walks(self, prepare, along)

    @abstractmethod
    def take(self, indices: Any) -> Array:
        """The rows at the indices, dense."""

    @abstractmethod
    def subset(self, indices: Any) -> InMemory:
        """Rows of their own, in memory."""

    def part(self, indices: np.ndarray) -> Rows:
        """Some of the rows, in rising order, as rows of their own: in memory if they fit there."""
        return self.subset(indices)

    @abstractmethod
    def pieces(self, height: int = 1, along: Along = ()) -> Iterator[tuple]:
        """All rows in their order, each piece followed by its part of `along`.

        Pieces end after multiples of `height` rows, but for the last. They are to be used at once.
        """

    @abstractmethod
    def dense_pieces(self, along: Along = ()) -> Iterator[tuple]:
        """As `pieces`, as dense arrays."""

    def in_memory(self, what: str, cure: str = LOAD) -> InMemory:
        """These rows if they are one array.

        Raises
        ------
        ValueError
            They are not: `what` needs that, and `cure` says what to do.
        """
        raise ValueError(f"{what} takes rows in memory, got {self.title}. {cure}")

    def labels_by_parts(self, label: Callable) -> Iterator[np.ndarray]:
        """What label(rows) gives of all rows, some at a time, on the host."""
        from .memory import InMemory

        for (piece,) in self.pieces():
            yield to_host(label(InMemory(piece, header=self.header)))

    def along(self, values: Any) -> Array:
        """Values with an entry per row, where the rows are."""
        return asarray(values, like=self.like)

    def take_along(self, values: Array, indices: Any) -> Array:
        """Some of the values with an entry per row, as an array beside rows that are taken."""
        return self.xp.take(values, asarray(indices, like=values), axis=0)

    def sample_rows(self, mass: Array, w: Array | None, fractions: np.ndarray) -> Array:
        """Rows (m,) at fractions in [0, 1) of the cumulated mass, times w unless None."""
        return self.kernels.kmeans.sample_rows(mass, w, fractions)

    def farthest(self, values: Array, count: int) -> Array:
        """Rows of the largest values, in falling order; the first one of equal values first."""
        return farthest(self.xp, values, count)

    def zeros(self, shape: tuple[int, ...], dtype: Any = None) -> Array:
        wide = float_dtype(self.xp, self.like)
        return self.xp.zeros(shape, dtype=dtype or wide, device=self.device)


def farthest(xp: Any, values: Array, count: int) -> Array:
    """Places of the largest values, in falling order; the first one of equal values first."""
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
