"""Lloyd's iterations, written once for rows anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray, device, float_dtype, host_floats, to_host
from ..kernels.kmeans import CentroidStats
from ..rows import Rows
from . import ties
from .inertia import inertia, weighted_sum


class Found(NamedTuple):
    """What the host reads of an iteration."""

    shift: float  # squared movement of the centres
    least: float  # weight of the lightest cluster
    moved: float  # rows whose label is new


class Fit(NamedTuple):
    """What k-means ends with: the labels belong to the centres."""

    centers: Array
    step: Any  # or what else has the labels, which a step writes when they are asked for
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
) -> Fit:
    """Lloyd's iterations from the given centres; the device is read once in each, or in a few.

    A step may say how many iterations are worth queuing before the host looks at what came of
    them. Those after the one that ends the fit, or leaves a cluster empty, are dropped then, and so
    the result is that of iterations which are looked at one by one.

    Where rows may lie half way between centres, `ties` has a say at the start and at the end; what
    it does counts within `max_iter`.

    Parameters
    ----------
    step : callable
        The prepared step: centres to CentroidStats.
    tol : float
        Bound on the sum of squared movements that ends the iterations.
    project : callable, optional
        Puts new centres where they are allowed to be.
    """
    # what a move gains is known for plain means only
    tied = ties.share(rows, centers) if project is None else None
    exchange = None if tied is None else ties.Exchange(rows, w)
    plan = Plan(rows, step, w, max_iter, tol, verbose, project, exchange)
    # another iteration has to follow: a split may leave a cluster without rows of its own
    split = tied is not None and tied >= ties.COMMON and max_iter > 1
    run = _iterate(plan, ties.split(rows, centers, w) if split else centers, int(split))
    for _ in range(ties.ROUNDS):
        exchanged = _exchanged(plan, run)
        if exchanged is None:
            break
        since, run = run.centers, _iterate(plan, exchanged, run.done)
        (shift,) = host_floats(_squared_shift(rows, run.centers, since))
        if shift <= tol:
            break
    if verbose and run.end:
        print(f"Converged at iteration {run.done - 1}: {run.end}.")
    centers, stats = run.centers, run.stats
    if run.found.shift != 0:  # or the last labels are those of these very centres
        stats = step(centers)
    used = int(np.count_nonzero(to_host(stats.counts) > 0))
    return Fit(centers, step, inertia(rows, step, stats, centers, w), run.done, used)


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
    """What iterations came to."""

    centers: Array
    stats: Any  # of the assignment whose means the centres are
    found: Found
    done: int  # iterations in all
    end: str  # why they ended, if not by their number


def _exchanged(plan: Plan, run: Run) -> Array | None:
    over = run.done >= plan.max_iter or not run.end or run.found.least <= 0
    if over or plan.exchange is None:
        return None
    return plan.exchange(plan.step, run.stats, run.centers)


def _iterate(plan: Plan, centers: Array, before: int) -> Run:
    """Iterations until no label changes, the centres hardly move, or there were enough.

    before : iterations before these
    """
    rows, step, w, max_iter, tol, verbose, project, exchange = plan
    ahead = 1 if verbose else step.ahead(centers.shape[0])
    done, end, stats, found = before, "", None, Found(np.inf, 0.0, 0.0)
    while done < max_iter and not end:
        path, stats, founds = _queue(rows, step, centers, min(ahead, max_iter - done), project)
        at = _first_to_look_at(founds, done - before, tol)
        done += at + 1
        old, centers, found = path[at], path[at + 1], founds[at]
        if at + 1 < len(founds) and (found.least <= 0 or found.shift == 0 or exchange):
            stats = step(old)  # its labels went on to iterations that are dropped
        if verbose:
            print(f"Iteration {done - 1}, inertia {weighted_sum(step.distances(), w)}.")
        if found.least <= 0:
            centers = _relocate(rows, step, stats, old, w)
            centers = centers if project is None else project(centers, rows)
            (shift,) = host_floats(_squared_shift(rows, centers, old))
            found = found._replace(shift=shift)
        end = _end(found, done - before, tol)
    return Run(centers, stats, found, done, end)


def _queue(
    rows: Rows, step: Any, centers: Array, count: int, project: Callable | None
) -> tuple[list[Array], Any, list[Found]]:
    """So many iterations, and one read of the device.

    The centres before the first and after each, the statistics of the last, and what was read.
    """
    path, scalars = [centers], []
    for _ in range(count):
        stats = step(path[-1])
        means, shift, least = rows.kernels.kmeans.update(stats, path[-1])
        if project is not None:
            means = project(means, rows)
            shift = _squared_shift(rows, means, path[-1])
        path.append(means)
        scalars += [shift, least, stats.moved]
    read = host_floats(*scalars)
    return path, stats, [Found(*read[i : i + 3]) for i in range(0, len(read), 3)]


def _first_to_look_at(founds: list[Found], before: int, tol: float) -> int:
    """The first iteration that ends the fit or leaves a cluster empty, or the last of all."""
    for i, found in enumerate(founds):
        if found.least <= 0 or _end(found, before + i + 1, tol):
            return i
    return len(founds) - 1


def _end(found: Found, iteration: int, tol: float) -> str:
    """Why the fit ends with this iteration, if it does."""
    if (found.moved == 0 or found.shift == 0) and iteration > 1:
        return "strict convergence"
    if found.shift <= tol:
        return f"center shift {found.shift} within tolerance {tol}"
    return ""


def _squared_shift(rows: Rows, new: Array, old: Array) -> Array:
    xp, wide = rows.xp, float_dtype(rows.xp, rows.like)
    moved = xp.astype(new, wide, copy=False) - xp.astype(old, wide, copy=False)
    return xp.sum(moved * moved)


def _relocate(rows: Rows, step: Any, stats: Any, centers: Array, w: Array | None) -> Array:
    """Means after the rows farthest from their centres were given to the empty clusters.

    It happens rarely and concerns as many rows, which are brought to the host.
    """
    xp = rows.xp
    sums = np.array(to_host(stats.sums), np.float64)
    counts = np.array(to_host(stats.counts), np.float64)
    clusters = np.flatnonzero(counts <= 0)
    squared = step.distances()
    if w is not None:
        squared = xp.where(w > 0, squared, -xp.ones_like(squared))
    far = _farthest(xp, squared, len(clusters))
    distance = to_host(xp.take(squared, far))
    if distance[0] > 0:
        left = to_host(xp.take(step.labels, far))
        values = to_host(rows.take(far)).astype(np.float64)
        weights = np.ones(len(left)) if w is None else to_host(xp.take(w, far))
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
    return rows.kernels.kmeans.update(CentroidStats(sums, counts, 0), centers).centers


def _farthest(xp: Any, squared: Array, count: int) -> Array:
    """Places of the largest values, in falling order; the first one of equal values first."""
    if count > 16:
        return xp.argsort(squared, descending=True, stable=True)[:count]
    places, found = xp.arange(squared.shape[0], device=device(squared)), []
    for _ in range(count):
        found.append(xp.reshape(xp.argmax(squared), (1,)))
        squared = xp.where(places == found[-1], -xp.inf, squared)
    return xp.concat(found)
