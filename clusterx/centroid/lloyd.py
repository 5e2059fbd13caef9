"""Lloyd's iterations, written once for rows anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray, device, float_dtype, host_floats, namespace, to_host
from ..base import Rows


class Fit(NamedTuple):
    """What k-means ends with: the labels and distances belong to the centres."""

    centers: Array
    labels: Array
    inertia: float
    n_iter: int
    distinct: int


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
    """Lloyd's iterations from the given centres; the device is read once in each.

    Parameters
    ----------
    step : callable
        The prepared step: centres to CentroidStats.
    tol : float
        Bound on the sum of squared movements that ends the iterations.
    project : callable, optional
        Puts new centres where they are allowed to be.
    """
    xp = rows.xp
    iteration = 0
    for iteration in range(1, max_iter + 1):
        stats = step(centers)
        new = _means(rows, stats.sums, stats.counts, centers)
        if project is not None:
            new = project(new, rows)
        shift, least, moved = host_floats(
            _squared_shift(rows, new, centers), xp.min(stats.counts), stats.moved
        )
        if verbose:
            found = weighted_sum(step.distances(), w)
            print(f"Iteration {iteration - 1}, inertia {found}.")
        if least <= 0:
            new = _relocate(rows, step, stats, centers, w)
            if project is not None:
                new = project(new, rows)
            (shift,) = host_floats(_squared_shift(rows, new, centers))
        centers = new
        if moved == 0 and iteration > 1:
            if verbose:
                print(f"Converged at iteration {iteration - 1}: strict convergence.")
            break
        if shift <= tol:
            if verbose:
                print(
                    f"Converged at iteration {iteration - 1}: center shift {shift} within "
                    f"tolerance {tol}."
                )
            break
    if shift != 0:  # or the last labels are those of these very centres
        stats = step(centers)
    used = int(np.count_nonzero(to_host(stats.counts) > 0))
    return Fit(centers, step.labels, inertia(rows, step, stats, centers, w), iteration, used)


def inertia(rows: Rows, step: Any, stats: Any, centers: Array, w: Array | None) -> float:
    """Weighted sum of squared distances of the rows to the centres they were assigned to.

    With sums s, counts n and centres c about the mean of the rows, it falls short of the rows'
    scatter by 2 c.s - n |c|^2 for each cluster, which takes no pass over the rows. Where few digits
    would be left of the difference, the rows are measured.
    """
    xp = rows.xp
    mean = asarray(rows.summary.mean, like=rows.like)
    counts = asarray(stats.counts, like=rows.like)[:, None]
    about = xp.astype(centers, mean.dtype) - mean
    lost = 2 * about * (asarray(stats.sums, like=rows.like) - counts * mean) - counts * about**2
    scatter, less, offset = host_floats(
        rows.scatter(w), xp.sum(lost), xp.sum(counts) * xp.sum(mean**2)
    )
    found = scatter - less
    # s and n c were rounded where the rows are, which may be far from their mean
    if found > 1e-3 * scatter and found > 1e-4 * (offset * scatter) ** 0.5:
        return found
    return weighted_sum(step.distances(), w)


def _means(rows: Rows, sums: Array, counts: Array, centers: Array) -> Array:
    """Means of the clusters in the rows' dtype; an empty one keeps its centre."""
    xp = rows.xp
    some = counts > 0
    divisor = xp.where(some, counts, xp.ones_like(counts))
    kept = xp.astype(centers, sums.dtype, copy=False)
    means = xp.where(some[:, None], sums / divisor[:, None], kept)
    return xp.astype(means, rows.dtype, copy=False)


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
    return _means(
        rows,
        asarray(sums, like=rows.like, dtype=wide),
        asarray(counts, like=rows.like, dtype=wide),
        centers,
    )


def _farthest(xp: Any, squared: Array, count: int) -> Array:
    """Places of the largest values, in falling order; the first one of equal values first."""
    if count > 16:
        return xp.argsort(squared, descending=True, stable=True)[:count]
    places, found = xp.arange(squared.shape[0], device=device(squared)), []
    for _ in range(count):
        found.append(xp.reshape(xp.argmax(squared), (1,)))
        squared = xp.where(places == found[-1], -xp.inf, squared)
    return xp.concat(found)


def weighted_sum(values: Array, w: Array | None) -> float:
    """Sum of the values times their weights, read by the host."""
    if w is None:
        return host_floats(namespace(values).sum(values))[0]
    xp = namespace(values)
    return host_floats(xp.sum(values * xp.astype(w, values.dtype, copy=False)))[0]
