"""Lloyd's iterations, written once for rows in memory, in blocks and on any device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray, float_dtype, host_floats, namespace, to_host
from ..kernels.kmeans import CentroidStats
from ..rows import Rows
from . import ties
from .inertia import inertia, weighted_sum


class Found(NamedTuple):
    """The values of an iteration that the host reads."""

    shift: float  # squared movement of the centres
    min_count: float  # weight of the lightest cluster
    n_changed: float  # rows whose label changed


class LloydResult(NamedTuple):
    """The result of k-means: the labels are those of the nearest centres."""

    centers: Array
    step: Any  # a step, which computes its labels on request, or another object with labels
    inertia: float
    n_iter: int
    distinct: int

    @property
    def labels(self) -> Array:
        return self.step.labels


def lloyd(
    rows: Rows,
    step: Any,
    centers: Array,
    w: Array | None,
    *,
    max_iter: int,
    tol: float,
    verbose: int = 0,
    project: Callable | None = None,
    begin: State | None = None,
    after: Callable[[State], None] | None = None,
) -> LloydResult:
    """Lloyd's iterations from the given centres; the device is read once in each.

    Where rows may lie half way between centres, `ties` corrects the centres at the start and at the
    end; its iterations count towards `max_iter`.

    Parameters
    ----------
    step : callable
        The prepared step: centres to CentroidStats.
    tol : float
        Bound on the sum of squared movements that ends the iterations.
    project : callable, optional
        Maps new centres to allowed ones, such as those of length one.
    begin : State, optional
        State of earlier iterations from the same first centres, to continue from.
    after : callable, optional
        Receives the state after each iteration, except those that follow moves of single rows.
    """
    # how much a move gains is known for plain means only
    tied = ties.share(rows, centers) if project is None else None
    exchange = None if tied is None else ties.Exchange(rows, w)
    plan = Plan(rows, step, w, max_iter, tol, verbose, project, exchange)
    # another iteration has to follow, because a split may leave a cluster without rows
    split = tied is not None and tied >= ties.COMMON and max_iter > 1
    if begin is None:
        first = ties.split(rows, centers, w) if split else centers
        begin = State(first, first, int(split))
    else:
        step(begin.old)  # for the labels, of which changes are counted
    run = _iterate(plan, begin, int(split), after)
    for _ in range(ties.ROUNDS):
        exchanged = _exchanged(plan, run)
        if exchanged is None:
            break
        since, run = run.centers, _iterate(plan, State(exchanged, exchanged, run.done), run.done)
        (shift,) = host_floats(_squared_shift(rows, run.centers, since))
        if shift <= tol:
            break
    if verbose and run.end:
        print(f"Converged at iteration {run.done - 1}: {run.end}.")
    centers, stats = run.centers, run.stats
    if run.found.shift != 0:  # otherwise the last labels already belong to these centres
        stats = step(centers)
    used = int(np.count_nonzero(to_host(stats.counts) > 0))
    return LloydResult(centers, step, inertia(rows, step, stats, centers, w), run.done, used)


class State(NamedTuple):
    """What iterations have come to, between two of them."""

    centers: Array
    old: Array  # the centres before them
    done: int  # iterations in all


class Plan(NamedTuple):
    """What stays the same in all iterations; see `lloyd`."""

    rows: Rows
    step: Any
    w: Array | None
    max_iter: int
    tol: float
    verbose: int
    project: Callable | None
    exchange: ties.Exchange | None  # of rows, where iterations end


class Run(NamedTuple):
    """The state in which the iterations ended."""

    centers: Array
    stats: Any  # of the last assignment; the centres are its means
    found: Found
    done: int  # iterations so far
    end: str  # why they ended, if not by max_iter


def _exchanged(plan: Plan, run: Run) -> Array | None:
    over = run.done >= plan.max_iter or not run.end or run.found.min_count <= 0
    if over or plan.exchange is None:
        return None
    return plan.exchange(plan.step, run.stats, run.centers)


def _iterate(
    plan: Plan, begin: State, before: int, after: Callable[[State], None] | None = None
) -> Run:
    """Iterate until no label changes, the centres hardly move, or `max_iter` is reached.

    before : number of iterations done before the first of these
    """
    rows, step, project = plan.rows, plan.step, plan.project
    centers, _, done = begin
    end, stats, found = "", None, Found(np.inf, 0.0, 0.0)
    while done < plan.max_iter and not end:
        old, stats = centers, step(centers)
        centers, shift, min_count = rows.kernels.kmeans.update_centers(stats, old)
        if project is not None:
            centers = project(centers, rows)
            shift = _squared_shift(rows, centers, old)
        found = Found(*host_floats(shift, min_count, stats.n_changed))
        done += 1
        if plan.verbose:
            print(f"Iteration {done - 1}, inertia {weighted_sum(step.distances(), plan.w)}.")
        if found.min_count <= 0:
            centers = _relocate(rows, step, stats, old, plan.w)
            centers = centers if project is None else project(centers, rows)
            (shift,) = host_floats(_squared_shift(rows, centers, old))
            found = found._replace(shift=shift)
        end = _end(found, done - before, plan.tol)
        if after is not None and not end:
            after(State(centers, old, done))
    return Run(centers, stats, found, done, end)


def _end(found: Found, iteration: int, tol: float) -> str:
    """Why the fit ends with this iteration, if it does."""
    if (found.n_changed == 0 or found.shift == 0) and iteration > 1:
        return "strict convergence"
    if found.shift <= tol:
        return f"center shift {found.shift} within tolerance {tol}"
    return ""


def _squared_shift(rows: Rows, new: Array, old: Array) -> Array:
    xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
    shifts = xp.astype(new, wide, copy=False) - xp.astype(old, wide, copy=False)
    return xp.sum(shifts * shifts)


def _relocate(rows: Rows, step: Any, stats: Any, centers: Array, w: Array | None) -> Array:
    """Means after the rows farthest from their centres were given to the empty clusters.

    It happens rarely and takes one row per empty cluster, which is brought to the host.
    """
    sums = np.array(to_host(stats.sums), np.float64)
    counts = np.array(to_host(stats.counts), np.float64)
    clusters = np.flatnonzero(counts <= 0)
    squared = step.distances()
    xp = namespace(squared)
    if w is not None:
        squared = xp.where(w > 0, squared, -xp.ones_like(squared))
    far = rows.farthest(squared, len(clusters))
    distance = to_host(rows.take_along(squared, far))
    if distance[0] > 0:
        left = to_host(rows.take_along(step.labels, far))
        values = to_host(rows.take(far)).astype(np.float64)
        weights = np.ones(len(left)) if w is None else to_host(rows.take_along(w, far))
        for cluster, old, row, weight, away in zip(
            clusters, left, values, weights, distance, strict=True
        ):
            if away <= 0:
                break
            sums[old] -= weight * row
            counts[old] -= weight
            sums[cluster] = weight * row
            counts[cluster] = weight
    wide = stats.sums.dtype
    sums, counts = (asarray(a, like=rows.like, dtype=wide) for a in (sums, counts))
    return rows.kernels.kmeans.update_centers(CentroidStats(sums, counts, 0), centers).centers
