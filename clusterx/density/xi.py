"""Clusters from the order of the OPTICS walk: by steep places of its plot, or by a cut.

M. Ankerst, M. Breunig, H.-P. Kriegel and J. Sander, "OPTICS: ordering points to identify the
clustering structure", 1999, figure 19; E. Schubert and M. Gertz, "Improving the cluster structure
extracted from OPTICS plots", 2018, algorithm 2, for the correction by predecessors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Steepness(NamedTuple):
    """Parameters of the extraction, in numbers of rows."""

    xi: float
    min_samples: int
    min_cluster_size: int
    by_predecessor: bool


class _Down:
    """A steep downward area: its ends, and the highest reachability since."""

    def __init__(self, start: int, end: int):
        self.start, self.end, self.highest = start, end, 0.0


class _Plot(NamedTuple):
    """Reachability in the order of the walk, ended by infinity, and values derived from it."""

    reach: list[float]
    down: np.ndarray  # steep or not
    up: np.ndarray
    falls: np.ndarray
    rises: np.ndarray
    came_from: list[int]  # place in the walk of each predecessor, -1 for none


def xi_clusters(
    reachability: np.ndarray, predecessor: np.ndarray, ordering: np.ndarray, how: Steepness
) -> np.ndarray:
    """First and last places (c, 2) of the clusters in the walk; smaller ones before larger ones."""
    plot = _plot(reachability, predecessor, ordering, how.xi)
    keep = 1 - how.xi
    downs: list[_Down] = []
    clusters: list[tuple[int, int]] = []
    index, highest = 0, 0.0
    for steep in np.flatnonzero(plot.up | plot.down).tolist():
        if steep < index:  # inside an area already found
            continue
        highest = max(highest, max(plot.reach[index : steep + 1]))
        downs = _still_open(downs, highest, keep, plot)
        if plot.down[steep]:
            end = _area(plot.down, plot.rises, steep, how.min_samples)
            downs.append(_Down(steep, end))
        else:
            end = _area(plot.up, plot.falls, steep, how.min_samples)
            found = (_cluster(plot, down, steep, end, how) for down in downs)
            clusters += [cluster for cluster in found if cluster is not None][::-1]
        index = end + 1
        highest = plot.reach[index]
    return np.array(clusters, np.int64) if clusters else np.empty((0, 2), np.int64)


def _plot(reachability, predecessor, ordering, xi):
    reach = np.append(reachability[ordering], np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = reach[:-1] / reach[1:]
        steep_down = ratio >= (1 / (1 - xi) if xi < 1 else np.inf)
    place = np.full(len(ordering) + 1, -1)
    place[ordering] = np.arange(len(ordering))
    came_from = place[predecessor[ordering]]  # the last place is for predecessor -1
    return _Plot(
        reach.tolist(), steep_down, ratio <= 1 - xi, ratio > 1, ratio < 1, came_from.tolist()
    )


def _still_open(downs: list[_Down], highest: float, keep: float, plot: _Plot) -> list[_Down]:
    """The downward areas that start above the highest reachability since."""
    if math.isinf(highest):
        return []
    found = [down for down in downs if highest <= plot.reach[down.start] * keep]
    for down in found:
        down.highest = max(down.highest, highest)
    return found


def _area(steep: np.ndarray, against: np.ndarray, start: int, most: int) -> int:
    """The last steep place of an area with at most `most` consecutive places that are not steep."""
    end, flat = start, 0
    for place in range(start, len(steep)):
        if steep[place]:
            end, flat = place, 0
        elif against[place]:
            return end
        else:
            flat += 1
            if flat > most:
                break
    return end


def _cluster(
    plot: _Plot, down: _Down, up_start: int, up_end: int, how: Steepness
) -> tuple[int, int] | None:
    """The cluster between a downward and an upward area, if there is one (definition 11)."""
    reach, keep = plot.reach, 1 - how.xi
    start, end = down.start, up_end
    after, top = reach[end + 1], reach[down.start]
    if after * keep < down.highest:
        return None
    if top * keep >= after:  # begin where the plot is as low as after the end
        while reach[start + 1] > after and start < down.end:
            start += 1
    elif after * keep >= top:  # end where the plot is as low as at the start
        while reach[end - 1] > top and end > up_start:
            end -= 1
    if how.by_predecessor:
        while start < end and not (reach[start] > reach[end] or start <= plot.came_from[end] < end):
            end -= 1
        if start >= end:
            return None
    if end - start + 1 < how.min_cluster_size or start > down.end or end < up_start:
        return None
    return start, end


def xi_labels(ordering: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Labels (n,) of the clusters with no smaller one inside; -1 for rows in none."""
    labels = np.full(len(ordering), -1, np.int64)
    label = 0
    for first, last in clusters.tolist():
        own = labels[first : last + 1]
        if (own == -1).all():
            own[:] = label
            label += 1
    found = np.empty_like(labels)
    found[ordering] = labels
    return found


def cut_labels(
    reachability: np.ndarray, core_distances: np.ndarray, ordering: np.ndarray, eps: float
) -> np.ndarray:
    """Labels (n,) from joining rows within eps: nearly those of DBSCAN."""
    far, near = reachability > eps, core_distances <= eps
    labels = np.empty(len(ordering), np.int64)
    labels[ordering] = np.cumsum(far[ordering] & near[ordering]) - 1
    labels[far & ~near] = -1
    return labels
