"""The primitives: their contracts, and the one table that maps a library to tuned kernels.

Contract of every kernel: inputs validated, C-contiguous, on one device, of one of `dtypes`; pure;
no random numbers; no host read; extra memory bounded by `working_memory`; ties go to the lowest
index; accumulation in float64 or exact integers. `generic` defines each; a tuned module overrides
what it has under the same name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache, reduce
from importlib import import_module
from operator import and_
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..arrays import Array, backend, namespace

#: library -> its tuned kernels; every other library runs on the generic ones.
_TUNED = {"numpy": "cpu", "cupy": "cuda"}

#: Rows in host memory are summarised in blocks of this many values, wherever they come from: the
#: rounding of moments depends on where blocks end.
SUMMARY_VALUES = 1 << 21

#: A part of `scatter` ends after every so many rows, if not before.
SCATTER_ROWS = 1 << 16


class Summary(NamedTuple):
    """What one pass over the rows tells of them; see `summary`."""

    finite: Any  # 0-d bool
    mean: Array  # (d,) float64
    variance: Array  # (d,) float64
    largest: Array  # (d,) float64, largest magnitude

    @classmethod
    def joined(cls, parts: list[tuple[int, Summary]]) -> Summary:
        """Of consecutive blocks of rows, given their lengths."""
        if len(parts) == 1:
            return parts[0][1]
        xp = namespace(parts[0][1].mean)
        total = sum(n for n, _ in parts)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = sum(n * s.mean for n, s in parts) / total
            variance = sum(n * (s.variance + (s.mean - mean) ** 2) for n, s in parts) / total
        largest = xp.max(xp.stack([s.largest for _, s in parts]), axis=0)
        return cls(reduce(and_, (s.finite for _, s in parts)), mean, variance, largest)


class CentroidStats(NamedTuple):
    """What some rows contribute to a k-means iteration. Those of two blocks add up."""

    sums: Array  # (k, d) float64
    counts: Array  # (k,) float64, sums of weights
    moved: Any  # 0-d, rows whose label is new

    def __add__(self, other: CentroidStats) -> CentroidStats:  # type: ignore[override]
        return CentroidStats(*(a + b for a, b in zip(self, other, strict=True)))


class Update(NamedTuple):
    """What a k-means iteration makes of its statistics."""

    centers: Array  # (k, d) means of the clusters; an empty one keeps its centre
    shift: Any  # 0-d, squared movement of all centres together
    least: Any  # 0-d, weight of the lightest cluster


class LloydStep(Protocol):
    """A prepared k-means iteration; what it keeps never changes a result.

    The next call may write over `labels` and what `distances` gave. Steps that read no device may
    have `ahead(k)` too: how many iterations with k centres are worth queuing between host reads.
    A step that was chosen for a few centres may have `suits(k)`: whether k are few enough.
    """

    labels: Array  # (n,) int32, nearest centre of every row in the last call

    def __call__(self, centers: Array) -> CentroidStats:
        """Assign every row to its nearest centre; the statistics of that."""

    def assign(self, centers: Array) -> Any:
        """Assign every row to its nearest centre, and no more: for steps that are never called.

        Sums follow the labels from call to call. A step made with `once` has this.
        """

    def distances(self) -> Array:
        """Squared distance of every row to the centre it was assigned to, (n,) float64."""


class Walked(NamedTuple):
    """What each of m mini-batch steps in a row gave."""

    centers: Array  # (m, k, d) float64
    counts: Array  # (m, k) float64
    inertia: Array  # (m,) float64


class BatchStep(Protocol):
    """A prepared mini-batch step.

    Where many steps in one call are faster, it has `walk(draw)` too: a function of centres and
    counts that makes the next steps, and gives `Walked`. `draw(m)` gives the rows of the next
    batches, m at most and none in the end, (m, batch_size). It is called two groups of batches
    ahead of the steps, by any thread, and never twice at a time.
    """

    def __call__(self, rows: Any, w: Array | None, C: Array, counts: Array) -> tuple:
        """Batch `rows` (indices) of weights `w`; new centres, new counts, the batch's inertia."""

    def label(self, C: Array, w: Array | None) -> tuple[Array, Any]:
        """Labels of all rows, as `nearest` has them; the weighted sum of squared distances."""


def with_inertia(nearest: tuple[Array, Array], w: Array | None) -> tuple[Array, Any]:
    """The labels that `nearest` gave, and the weighted sum of the squared distances, 0-d."""
    labels, squared = nearest
    xp = namespace(squared)
    weighted = squared if w is None else squared * xp.astype(w, squared.dtype, copy=False)
    return labels, xp.sum(weighted)


class SeedingStep(Protocol):
    """Prepared D^2 sampling for k-means++ (Arthur and Vassilvitskii, 2007)."""

    closest: Array  # (n,) squared distance of each row to its nearest centre so far

    def start(self, index: int) -> None:
        """Make row `index` the only centre."""

    def add(self, row: Any) -> None:
        """Make a row one more centre."""

    def grow(self, fractions: Array) -> Any:
        """Add the best of a few candidates; its row.

        `fractions` in [0, 1) place each candidate on the cumulated weighted squared distances; the
        candidate with the least resulting sum wins.
        """


class Kernels(NamedTuple):
    """One library's primitives.

    summary(X) -> Summary
        Finiteness, mean, variance and largest magnitude of the columns, in one pass. Mean and
        variance of what is not finite may be anything.
    nearest(X, C) -> labels (n,) int32, squared distances (n,) float64
        X and C may be of two dtypes: neither is rounded to the other's. So in `distances`.
    distances(X, C) -> (n, k) Euclidean distances, for when the user asks for them all
        Zero where a row equals a centre. float64; or float32 where both are, if each is off by
        few units in its own last place.
    squared_distances(X, C) -> (n, k) float64, without cancellation; for a few centres.
    lloyd_stats(X, w, grid, once, k) -> LloydStep
        `w` (n,) or None. `grid`: what `grid` made of the whole data, so that the sums of any
        blocks of it add up exactly. `once`: one call will follow, preparation does not pay.
        `k`: how many centres there will be, if that is known.
    update(stats, C) -> Update
        The centres that follow C, in its dtype.
    distances_to(X, c) -> squared distances (n,) float64 to one point
    scatter(X, w, c) -> (m,) float64 parts of the weighted sum of squared distances to one point
        Each is of some consecutive rows, and a block of `SCATTER_ROWS` ends a part: blocks of such
        rows give the parts of the whole.
    grid(summary, total, n) -> Any
        Resolution of exact sums, from the summary of all rows, their sum of weights and number.
    seeding(X, w, step) -> SeedingStep
        `step`: the LloydStep of the same rows, whose preparation is shared, or None.
    draw(closest, w, fractions) -> rows (m,) int64
        A row for each of the fractions in [0, 1) of the cumulated `closest`, times `w` unless None;
        the first row of the largest weight where all of that is zero.
    minibatch(X, k, batch_size) -> BatchStep
    color_counts(pixels) -> colors, counts
    remap(pixels, colors, labels) -> indices
    own_squares(X, C, labels) -> squared distances (n,) float64 to the centre of each row's label
    segment_sum(X, labels, k) -> (k, d) float64, sums of the rows of each label
    label_sums(D, labels, k) -> (n, k) float64, sums of each row over the columns of each label
    distance_sums(X, labels, k, metric) -> sums(Q) -> (len(Q), k) float64
        Sums of the distances of rows Q to the rows of X of each label; sums(X) of X itself costs
        half. Euclidean, manhattan or chebyshev.
    separation(X, labels, k, metric) -> least, most, each 0-d
        The least distance between rows of different labels, the largest of rows of one.
    encode(labels) -> codes (n,) int32, classes (k,)
        Places of the labels (integers or floats, on either side of zero) among the distinct ones,
        which come ascending, in the dtype of the labels.
    contingency(a, b, shape) -> rows, columns, counts, each (u,) int64
        The pairs of codes (a below shape[0], b below shape[1]) that occur, row by row with
        ascending columns, and how often each does.
    expected_information(a, b, n) -> 0-d
        Mutual information in nats that two labelings of n samples have on average over all
        permutations, given the sizes (integers above zero) of their clusters.
    upload(blocks, like) -> iterator of arrays
        Blocks of rows on the host, none of them empty, as arrays beside `like` and in its dtype;
        the next one is read ahead, by a thread. What it gives may be overwritten after the next.
    session() -> context manager
        Held around a fit: what is set up for its kernels once instead of in each call.
    dtypes : frozenset of str
        What rows may be of: float32 and float64, and whole numbers that are read as they are.
    """

    summary: Callable[..., Summary]
    nearest: Callable[..., tuple[Array, Array]]
    distances: Callable[..., Array]
    squared_distances: Callable[..., Array]
    distances_to: Callable[..., Array]
    scatter: Callable[..., Array]
    grid: Callable[..., Any]
    lloyd_stats: Callable[..., LloydStep]
    update: Callable[..., Update]
    seeding: Callable[..., SeedingStep]
    draw: Callable[..., Array]
    minibatch: Callable[..., BatchStep]
    color_counts: Callable[..., tuple[Array, Array]]
    remap: Callable[..., Array]
    own_squares: Callable[..., Array]
    segment_sum: Callable[..., Array]
    label_sums: Callable[..., Array]
    distance_sums: Callable[..., Callable[[Array], Array]]
    separation: Callable[..., tuple[Any, Any]]
    encode: Callable[..., tuple[Array, Array]]
    contingency: Callable[..., tuple[Array, Array, Array]]
    expected_information: Callable[..., Any]
    upload: Callable[..., Iterator[Array]]
    session: Callable[[], AbstractContextManager]
    dtypes: frozenset[str]


def kernels_for(xp: ModuleType) -> Kernels:
    """The kernels that serve arrays of namespace xp."""
    return _load(_TUNED.get(backend(xp)))


@cache
def _load(tuned: str | None) -> Kernels:
    generic = import_module(".generic", __name__)
    module: Any = generic
    if tuned is not None:
        try:
            module = import_module(f".{tuned}", __name__)
            if hasattr(module, "load"):  # its kernels belong to an object
                module = module.load()
        except ImportError as error:
            warnings.warn(
                f"The tuned kernels '{tuned}' can't be imported ({error}); the generic ones run "
                "instead, which are much slower. Reinstall clusterx with its dependencies.",
                RuntimeWarning,
                stacklevel=3,
            )
    return Kernels(*(getattr(module, f, None) or getattr(generic, f) for f in Kernels._fields))
