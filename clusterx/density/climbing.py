"""Mean shift: seeds climb to the places where rows are densest."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..arrays import Array, concat, device, namespace

#: maps places to the means and the numbers of the rows around them
Means = Callable[[Array], tuple[Array, Array]]


class Summits(NamedTuple):
    """The distinct places where seeds came to rest, by rising coordinates."""

    means: Array  # (m, d) float64
    counts: Array  # (m,) int64: rows around the place before the last step
    n_iter: int


class _Climbers(NamedTuple):
    """Seeds on their way; seeds that have met count as one."""

    at: Array  # (m, d)
    last: Array  # (m,) int64: the highest number among the seeds that have met


def climb(means_of: Means, seeds: Array, stop: float, max_iter: int) -> Summits:
    """Let all seeds move to the means of their neighbours until they move by at most `stop`.

    Seeds whose means are equal to the last bit go on as one. Seeds without neighbours are dropped.
    Where seeds come to rest at the same place, the count is that of the last one.
    """
    xp = namespace(seeds)
    numbers = xp.arange(seeds.shape[0], dtype=xp.int64, device=device(seeds))
    climbers = _met(_Climbers(seeds, numbers))
    ended: list[tuple[_Climbers, Array]] = []
    n_iter = 0
    while True:
        means, counts = means_of(climbers.at)
        shift = xp.sqrt(xp.sum((means - climbers.at) ** 2, axis=1))
        rests = (shift <= stop) | (counts == 0)
        if n_iter == max_iter:
            rests = xp.ones_like(rests)
        there = xp.nonzero(rests & (counts > 0))[0]
        moved = _Climbers(means, climbers.last)
        ended.append((_taken(moved, there), xp.take(counts, there)))
        climbing = xp.nonzero(~rests)[0]
        if not climbing.shape[0]:
            break
        climbers = _met(_taken(moved, climbing))
        n_iter += 1
    rested = _Climbers(*(concat(part) for part in zip(*(e[0] for e in ended), strict=True)))
    counts = concat(e[1] for e in ended)
    if not counts.shape[0]:
        return Summits(rested.at, counts, n_iter)
    order, final = _groups(rested.at, rested.last)
    kept = xp.take(order, xp.nonzero(final)[0])
    return Summits(xp.take(rested.at, kept, axis=0), xp.take(counts, kept), n_iter)


def _met(climbers: _Climbers) -> _Climbers:
    order, final = _groups(climbers.at, climbers.last)
    xp = namespace(climbers.at)
    return _taken(climbers, xp.take(order, xp.nonzero(final)[0]))


def _taken(climbers: _Climbers, places: Array) -> _Climbers:
    xp = namespace(places)
    return _Climbers(xp.take(climbers.at, places, axis=0), xp.take(climbers.last, places))


def _groups(at: Array, last: Array) -> tuple[Array, Array]:
    """The order by place, then by `last`; and which are the last of each group of equal places.

    There must be at least one place.
    """
    xp = namespace(at)
    order = ascending([*(at[:, j] for j in range(at.shape[1])), last])
    placed = xp.take(at, order, axis=0)
    final = xp.any(placed[1:, :] != placed[:-1, :], axis=1)
    return order, xp.concat([final, xp.ones((1,), dtype=final.dtype, device=device(at))])


def ascending(keys: list[Array]) -> Array:
    """The order by the first key, then by the second, and so on."""
    xp = namespace(keys[0])
    order = xp.argsort(keys[-1], stable=True)
    for key in keys[-2::-1]:
        order = xp.take(order, xp.argsort(xp.take(key, order), stable=True))
    return order


def peaks(summits: Summits, bandwidth: float) -> Array:
    """The summits (k, d) without a better one within the bandwidth, the best first.

    A better summit has more neighbours or, if as many, larger coordinates.
    """
    xp = namespace(summits.means)
    order = xp.flip(xp.argsort(summits.counts, stable=True))
    left = xp.take(summits.means, order, axis=0)
    found = []
    while left.shape[0]:
        found.append(left[:1, :])
        left = left[1:, :]
        apart = xp.sum((left - found[-1]) ** 2, axis=1) > bandwidth * bandwidth
        left = xp.take(left, xp.nonzero(apart)[0], axis=0)
    return concat(found)


def binned(X: Array, size: float, least: int) -> tuple[Array, bool]:
    """Cells of a grid with at least `least` rows, in the order of their first rows.

    Returns
    -------
    cells : (m, d) float64
        Whole numbers: the cells' centres are `size` times these.
    alone : bool
        Whether every row has a cell of its own, and no cell was left out.
    """
    xp = namespace(X)
    cells = xp.round(X / size) + 0.0  # no negative zeros
    numbers = xp.arange(X.shape[0], dtype=xp.int64, device=device(X))
    order, final = _groups(cells, numbers)
    ends = xp.nonzero(final)[0]
    starts = xp.concat([xp.zeros_like(ends[:1]), ends[:-1] + 1])
    firsts = xp.take(order, starts)
    counts = ends - starts + 1
    firsts = xp.sort(firsts[counts >= least])
    return xp.take(cells, firsts, axis=0), firsts.shape[0] == X.shape[0]
