"""Palettes by cutting colour space into boxes: median cut, Wu's method, the octree.

Each function takes weighted points on the host, and returns the means of at most k boxes.

References
----------
Heckbert, "Color image quantization for frame buffer display", SIGGRAPH 1982.
Wu, "Efficient statistical computations for optimal color quantization", Graphics Gems II, 1991.
Gervautz and Purgathofer, "A simple method for color quantization: octree quantization", 1988.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from .cells import Cells

#: levels of the octree: the sides of a box are halved at most this many times
_LEVELS = 16


class _Cut(NamedTuple):
    """The best cut of a box in two."""

    gain: float
    left: np.ndarray  # places of points
    right: np.ndarray


def median_cut(cells: Cells, k: int) -> np.ndarray:
    """Repeatedly cut a box at the median of its longest side: the box of most side times weight."""
    return _cut_boxes(cells, k, _at_median)


def wu(cells: Cells, k: int) -> np.ndarray:
    """Repeatedly make the cut, across any axis of any box, that lowers the squared error most.

    The sums are exact, over the points rather than over a fixed grid.
    """
    return _cut_boxes(cells, k, _of_least_error)


def _cut_boxes(cells: Cells, k: int, cut: Callable) -> np.ndarray:
    whole = np.arange(len(cells.weights))
    boxes = {0: whole}
    queue = [_entry(cells, 0, whole, cut)]
    while len(boxes) < k:
        gain, box, found = heappop(queue)
        if gain >= 0:
            break
        for number, own in ((box, found.left), (len(boxes), found.right)):
            boxes[number] = own
            heappush(queue, _entry(cells, number, own, cut))
    return np.stack([_mean(cells, own) for own in boxes.values()])


def _entry(cells: Cells, number: int, own: np.ndarray, cut: Callable) -> tuple:
    """An entry of the queue: the largest gain first, and of equal ones the box made first."""
    found = cut(cells.points[own], cells.weights[own])
    return -found.gain, number, _Cut(found.gain, own[found.left], own[found.right])


def _mean(cells: Cells, own: np.ndarray) -> np.ndarray:
    return np.average(cells.points[own], axis=0, weights=cells.weights[own])


_NONE = _Cut(0.0, np.arange(0), np.arange(0))


def _at_median(points: np.ndarray, weights: np.ndarray) -> _Cut:
    sides = np.ptp(points, axis=0)
    axis = int(sides.argmax())
    if sides[axis] <= 0:
        return _NONE
    order = np.argsort(points[:, axis], kind="stable")
    values, until = points[order, axis], np.cumsum(weights[order])
    allowed = np.flatnonzero(values[:-1] < values[1:])
    place = allowed[np.abs(until[allowed] - until[-1] / 2).argmin()] + 1
    return _Cut(float(sides[axis] * until[-1]), order[:place], order[place:])


def _of_least_error(points: np.ndarray, weights: np.ndarray) -> _Cut:
    best, total = _NONE, weights.sum()
    whole = weights @ points
    for axis in range(points.shape[1]):
        order = np.argsort(points[:, axis], kind="stable")
        values = points[order, axis]
        allowed = np.flatnonzero(values[:-1] < values[1:])
        if not len(allowed):
            continue
        left = np.cumsum(weights[order])[allowed]
        sums = np.cumsum(points[order] * weights[order, None], axis=0)[allowed]
        apart = sums / left[:, None] - (whole - sums) / (total - left)[:, None]
        gains = left * (total - left) / total * (apart * apart).sum(axis=1)
        place = int(gains.argmax())
        if gains[place] > best.gain:
            at = allowed[place] + 1
            best = _Cut(float(gains[place]), order[:at], order[at:])
    return best


def octree(cells: Cells, k: int) -> np.ndarray:
    """Merge the leaves of least weight into their parents, the deepest first, until k are left."""
    points, weights = cells
    low = points.min(axis=0)
    side = float(np.ptp(points, axis=0).max()) or 1.0
    codes = np.minimum((points - low) / side * (1 << _LEVELS), (1 << _LEVELS) - 1).astype(np.int64)
    leaves = np.column_stack([weights, points * weights[:, None]])
    for level in range(_LEVELS + 1):
        codes, inverse = np.unique(codes >> (level > 0), axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        together = np.stack([np.bincount(inverse, column) for column in leaves.T], axis=1)
        if len(together) <= k:
            leaves = _merged(leaves, inverse, together, k) if len(leaves) > k else together
            break
        leaves = together
    return leaves[:, 1:] / leaves[:, :1]


def _merged(leaves: np.ndarray, parents: np.ndarray, together: np.ndarray, k: int) -> np.ndarray:
    """The k leaves that remain after those of the lightest parents have been merged.

    In the last of these parents, only as many leaves are merged as needed, the lightest first.
    """
    order = np.lexsort((leaves[:, 0], parents, together[parents, 0]))
    leaves, parents = leaves[order], parents[order]
    first = np.append(True, parents[1:] != parents[:-1])  # of each parent
    spared = np.cumsum(~first) > len(leaves) - k  # the others join the leaf before them
    return np.add.reduceat(leaves, np.flatnonzero(first | spared), axis=0)
