"""Prepared steps of k-means: Lloyd's iteration, seeding, mini-batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from ...arrays import Array, namespace
from ..statistics import Summary

#: A part of `weighted_deviations` ends after every so many rows, if not before.
DEVIATION_ROWS = 1 << 16


class CentroidStats(NamedTuple):
    """What some rows contribute to a k-means iteration. Those of two blocks add up."""

    sums: Array  # (k, d) float64
    counts: Array  # (k,) float64, sums of weights
    n_changed: Any  # 0-d, rows whose label is new

    def __add__(self, other: CentroidStats) -> CentroidStats:  # type: ignore[override]
        return CentroidStats(*(a + b for a, b in zip(self, other, strict=True)))


class Update(NamedTuple):
    """What a k-means iteration makes of its statistics."""

    centers: Array  # (k, d) means of the clusters; an empty one keeps its centre
    shift: Any  # 0-d, squared movement of all centres together
    min_count: Any  # 0-d, weight of the lightest cluster


class LloydStep:
    """A prepared k-means iteration; what it keeps never changes a result.

    The next call may write over `labels` and what `distances` gave.
    """

    labels: Array  # (n,) int32, nearest centre of every row in the last call
    deviation: Array | None = None  # what the inertia keeps with the step

    def __call__(self, centers: Array) -> CentroidStats:
        """Assign every row to its nearest centre; the statistics of that."""
        raise NotImplementedError

    def assign(self, centers: Array) -> Any:
        """Assign every row to its nearest centre, and no more: for steps that are never called.

        Sums follow the labels from call to call. A step made for a single use has this.
        """
        raise NotImplementedError

    def distances(self) -> Array:
        """Squared distance of every row to the centre it was assigned to, (n,) float64."""
        raise NotImplementedError

    def supports(self, k: int) -> bool:
        """Whether the step is as fast as one that is prepared for k centres."""
        return True


class StepTrace(NamedTuple):
    """What each of m mini-batch steps in a row gave."""

    centers: Array  # (m, k, d) float64
    counts: Array  # (m, k) float64
    inertia: Array  # (m,) float64


class BatchStep:
    """A prepared mini-batch step (Sculley, "Web-scale k-means clustering", WWW 2010)."""

    #: Whether `run_steps` makes many steps in one call.
    runs_steps = False

    def __call__(self, rows: Any, w: Array | None, C: Array, counts: Array) -> tuple:
        """Batch `rows` (indices) of weights `w`; new centres, new counts, the batch's inertia."""
        raise NotImplementedError

    def label(self, C: Array, w: Array | None) -> tuple[Array, Any]:
        """Labels of all rows, as `nearest` has them; the weighted sum of squared distances."""
        raise NotImplementedError

    def run_steps(self, draw: Callable[[int], Array]) -> Callable[[Array, Array], StepTrace]:
        """A function of centres and counts that makes the next steps.

        `draw(m)` gives the rows of the next batches, m at most and none in the end, (m,
        batch_size). It is called two groups of batches ahead of the steps, by any thread, and never
        twice at a time.
        """
        raise NotImplementedError


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


class KMeansKernels(Protocol):
    def sum_scales(self, summary: Summary, total: Any, n: int) -> Any:
        """Resolution of exact sums: by the summary of all rows, their weights and number."""

    def lloyd_stats(
        self, X: Array, w: Array | None, scales: Any, single_use: bool = False, k: int | None = None
    ) -> LloydStep:
        """The prepared iteration over X of weights w (n,), or None.

        scales : what `sum_scales` made of the whole data, so that sums of any blocks add up
            exactly
        single_use : one call will follow, preparation does not pay
        k : how many centres there will be, if that is known
        """

    def update_centers(self, stats: CentroidStats, C: Array) -> Update:
        """The centres that follow C, in its dtype."""

    def weighted_deviations(self, X: Array, w: Array, c: Array) -> Array:
        """Parts (m,) float64 of the weighted sum of squared distances to one point.

        Each is of some consecutive rows, and a block of `DEVIATION_ROWS` ends a part: blocks of
        such rows give the parts of the whole.
        """

    def seeding(self, X: Array, w: Array | None, step: LloydStep | None = None) -> SeedingStep:
        """`step`: of the same rows, whose preparation is shared, or None."""

    def sample_rows(self, closest: Array, w: Array | None, fractions: Array) -> Array:
        """Rows (m,) int64, one for each of the fractions in [0, 1).

        Of the cumulated `closest`, times `w` unless None; the first row of the largest weight where
        all of that is zero.
        """

    def minibatch(self, X: Array, k: int, batch_size: int) -> BatchStep:
        """The prepared step for batches of rows of X."""
