"""Prepared steps of k-means: Lloyd's iteration, seeding, mini-batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...arrays import Array, namespace
from ..statistics import Summary

#: Parts of `weighted_deviations` end at multiples of this many rows, and may end earlier.
DEVIATION_ROWS = 1 << 16


class CentroidStats(NamedTuple):
    """Contributions of some rows to a k-means iteration; those of two blocks add up."""

    sums: Array  # (k, d) float64
    counts: Array  # (k,) float64, sums of weights
    n_changed: Any  # 0-d, rows whose label is new

    def __add__(self, other: CentroidStats) -> CentroidStats:  # type: ignore[override]
        return CentroidStats(*(a + b for a, b in zip(self, other, strict=True)))


class Update(NamedTuple):
    """New centres, computed from the statistics of a k-means iteration."""

    centers: Array  # (k, d) means of the clusters; an empty one keeps its centre
    shift: Any  # 0-d, squared movement of all centres together
    min_count: Any  # 0-d, weight of the lightest cluster


class LloydStep:
    """A prepared k-means iteration; its state between calls never changes a result.

    The next call may overwrite `labels` and the array that `distances` returned.
    """

    labels: Array  # (n,) int32, nearest centre of every row in the last call
    deviation: Array | None = None  # a cache of `centroid.inertia` for the rows of the step

    def __call__(self, centers: Array) -> CentroidStats:
        """Assign every row to its nearest centre, and return the statistics of the clusters."""
        raise NotImplementedError

    def assign(self, centers: Array) -> Any:
        """Assign every row to its nearest centre, without computing sums.

        Use it only on a step that is never called, such as one made for a single use, because sums
        follow the labels from call to call.
        """
        raise NotImplementedError

    def distances(self) -> Array:
        """Squared distance of every row to the centre it was assigned to, (n,) float64."""
        raise NotImplementedError

    def rest(self) -> bool:
        """Drop the rows, and whatever is as large, until `resume`.

        Returns whether anything is kept that makes the next call cheaper; otherwise the step is of
        no use any more. `labels` stay, and may be replaced by another array of the same values.
        """
        return False

    def resume(self, X: Array, w: Array | None) -> None:
        """Take up the same rows and weights again."""
        raise NotImplementedError

    def supports(self, k: int) -> bool:
        """Whether the step is as fast for k centres as one that was prepared for k."""
        return True


class Within(NamedTuple):
    """Where the rows of a new step are among those of another step, and what is known of them."""

    step: LloydStep
    rows: np.ndarray  # (m,) their places among its rows, on the host
    center: Array  # (d,) nearly their mean
    squared: Array  # (m,) float64, their squared distances from it


class StepTrace(NamedTuple):
    """The results of m consecutive mini-batch steps."""

    centers: Array  # (m, k, d) float64
    counts: Array  # (m, k) float64
    inertia: Array  # (m,) float64


class BatchStep:
    """A prepared mini-batch step (Sculley, "Web-scale k-means clustering", WWW 2010)."""

    #: Whether `run_steps` makes many steps in one call.
    runs_steps = False

    def __call__(self, rows: Any, w: Array | None, C: Array, counts: Array) -> tuple:
        """Make a step with the batch `rows` (indices) of weights `w`.

        Returns the new centres, the new counts and the batch's inertia.
        """
        raise NotImplementedError

    def label(self, C: Array, w: Array | None) -> tuple[Array, Any]:
        """Labels of all rows, those of `nearest`, and the weighted sum of squared distances."""
        raise NotImplementedError

    def run_steps(self, draw: Callable[[int], Array]) -> Callable[[Array, Array], StepTrace]:
        """A function of centres and counts that makes the next steps.

        `draw(m)` returns the rows of the next batches (at most m, batch_size), and no batch at the
        end. It is called two groups of batches ahead of the steps, from any thread, but never from
        two at a time.
        """
        raise NotImplementedError


def with_inertia(nearest: tuple[Array, Array], w: Array | None) -> tuple[Array, Any]:
    """The labels that `nearest` found, and the weighted sum of the squared distances, 0-d."""
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
        """Add the best of a few candidates as a centre, and return its row.

        `fractions` in [0, 1) place each candidate on the cumulated weighted squared distances; the
        candidate with the least resulting sum wins.
        """


class KMeansKernels(Protocol):
    def sum_scales(self, summary: Summary, total: Any, n: int) -> Any:
        """The resolution of exact sums over n rows with this summary and total weight."""

    def lloyd_stats(
        self,
        X: Array,
        w: Array | None,
        scales: Any,
        single_use: bool = False,
        k: int | None = None,
        rests: bool = False,
        within: Within | None = None,
    ) -> LloydStep:
        """Prepare the iteration over X with weights w (n,), or None.

        scales : `sum_scales` of the whole data, so that sums of any blocks add up exactly
        single_use : whether only one call will follow, so that preparation does not pay
        k : the number of centres, if it is known
        rests : whether the step will `rest` between calls, because memory does not hold all rows
        within : a step of more rows, whose preparation may be used, but never changes a result
        """

    def update_centers(self, stats: CentroidStats, C: Array) -> Update:
        """The means of the clusters, in the dtype of C, and how far they moved from C."""

    def weighted_deviations(self, X: Array, w: Array, c: Array) -> Array:
        """Parts (m,) float64 of the weighted sum of squared distances to one point.

        Each part is a sum over consecutive rows, and parts end at multiples of `DEVIATION_ROWS`. So
        blocks of that many rows have the same parts as the whole.
        """

    def seeding(self, X: Array, w: Array | None, step: LloydStep | None = None) -> SeedingStep:
        """Prepare seeding; `step`, unless None, is of the same rows and shares its preparation."""

    def sample_rows(self, closest: Array, w: Array | None, fractions: Array) -> Array:
        """Rows (m,) int64, one for each of the fractions in [0, 1).

        A fraction is a place on the cumulated `closest`, times `w` unless that is None. Where all
        of it is zero, the row is the first one of the largest weight.
        """

    def minibatch(self, X: Array, k: int, batch_size: int) -> BatchStep:
        """Prepare the step for batches of rows of X."""
