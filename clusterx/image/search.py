"""Starting colours that are reliably good: a search among the cells of colour space.

Lloyd's iterations run from several starts over a few thousand weighted points. The better results
are then improved by breathing k-means: some clusters of large error are split, as many of little
use are dropped, and the change is kept if it lowers the error.

References
----------
Fritzke, "The breathing k-means algorithm", arXiv:2006.15666, 2020.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..kernels import kernels_for
from .boxes import wu
from .cells import CELLS, Cells

#: most colours that are searched for: cells have to outnumber them
MOST_COLORS = CELLS // 8
#: up to this many colours, `FEW_CELLS` are enough
FEW_COLORS = 32
#: up to this many colours: number of starts, and of results of least error that are improved;
#: an improvement takes some 10 ms for few colours (bench/colors.py shows the gain)
_STARTS = ((FEW_COLORS, 16, 16), (128, 6, 4), (MOST_COLORS, 2, 2))
#: relative difference of errors below which two starts have ended in the same place
_SAME = 1e-6
#: clusters split at once: the least number, and as a share of all
_LEAST_SPLIT, _SPLIT_SHARE = 4, 1 / 8
#: relative gain below which iterations end: during the search, and for its result
_ROUGH, _FINE = 1e-3, 1e-5
_ROUGH_ITERATIONS, _FINE_ITERATIONS = 30, 60
#: least relative gain for which a change is kept
_GAIN = 1e-4


class _Found(NamedTuple):
    centers: np.ndarray
    error: float


def search(
    cells: Cells, k: int, rng: np.random.RandomState, fixed: np.ndarray | None = None
) -> np.ndarray:
    """Centres (k, c) float64 of little error over the cells.

    Parameters
    ----------
    cells : Cells
        More than k cells.
    k : int
    rng : RandomState
    fixed : array of shape (m, c), m <= k, optional
        Centres that are kept; they come first in the result.
    """
    fixed = np.empty((0, cells.points.shape[1])) if fixed is None else fixed
    if len(fixed) == k:
        return fixed
    runs = _Runs(cells, fixed)
    _, n_starts, n_improved = next(row for row in _STARTS if k <= row[0])
    starts = [runs.without_least(np.concatenate([fixed, wu(cells, k)]), len(fixed))]
    starts += [_plus_plus(cells, k, rng, fixed, runs) for _ in range(n_starts - 1)]
    found = [runs.iterate(start) for start in starts]
    chosen = _different(found)[:n_improved]
    best = min((runs.breathe(one) for one in chosen), key=lambda one: one.error)
    return runs.iterate(best.centers, _FINE, _FINE_ITERATIONS).centers


def _different(found: list[_Found]) -> list[_Found]:
    """One of the results of each distinct error, the least error first."""
    kept: list[_Found] = []
    for one in sorted(found, key=lambda one: one.error):
        if not kept or one.error > kept[-1].error * (1 + _SAME):
            kept.append(one)
    return kept


def beside_fixed(cells: Cells, centers: np.ndarray, k: int, fixed: np.ndarray | None) -> np.ndarray:
    """The fixed centres, and the most useful of the others beside them; at most k."""
    if fixed is None or not len(fixed):
        return centers
    both = np.concatenate([fixed, centers])
    return _Runs(cells, fixed).without_least(both, len(both) - k)


def _plus_plus(
    cells: Cells, k: int, rng: np.random.RandomState, fixed: np.ndarray, runs: _Runs
) -> np.ndarray:
    """Plain k-means++ beside the fixed centres; not greedy, because breathing improves it later."""
    points, weights = cells
    uniform = rng.uniform(size=k)
    centers = [*fixed]
    squared = np.full(len(weights), np.inf)
    if len(fixed):
        squared = runs.assign(fixed)[1].astype(np.float64)
    for i in range(len(fixed), k):
        shares = np.cumsum(squared * weights if centers else weights)
        place = min(
            int(np.searchsorted(shares, uniform[i] * shares[-1], "right")), len(weights) - 1
        )
        centers.append(points[place])
        apart = points - points[place]
        squared = np.minimum(squared, np.einsum("ij,ij->i", apart, apart))
    return np.stack(centers)


class _Runs:
    """Lloyd's iterations over the cells, and changes to their results."""

    def __init__(self, cells: Cells, fixed: np.ndarray):
        self.points, self.weights = cells
        self.fixed = len(fixed)
        # centred on zero, where float32 is finest
        self.origin = self.points.mean(axis=0)
        self.columns = np.ascontiguousarray((self.points - self.origin).T, dtype=np.float32)
        self.nearest_two = kernels_for(np).color.nearest_two

    def assign(self, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.nearest_two(self.columns, (centers - self.origin).astype(np.float32))

    def per_cluster(self, labels: np.ndarray, values: np.ndarray, k: int) -> np.ndarray:
        return np.bincount(labels, self.weights * values, minlength=k)

    def means(self, labels: np.ndarray, centers: np.ndarray) -> np.ndarray:
        k = len(centers)
        totals = np.bincount(labels, self.weights, minlength=k)
        sums = np.stack([self.per_cluster(labels, x, k) for x in self.points.T], axis=1)
        moving = totals > 0
        moving[: self.fixed] = False
        return np.where(moving[:, None], sums / np.where(moving, totals, 1.0)[:, None], centers)

    def iterate(
        self, centers: np.ndarray, tol: float = _ROUGH, most: int = _ROUGH_ITERATIONS
    ) -> _Found:
        """Iterate until the error falls by less than the share `tol`, at most `most` times."""
        error = np.inf
        for _ in range(most):
            labels, first, _ = self.assign(centers)
            last, error = error, float(self.weights @ first)
            if error >= last * (1 - tol):
                break
            centers = self.means(labels, centers)
        return _Found(centers, error)

    def breathe(self, found: _Found) -> _Found:
        """Split and drop clusters while that lowers the error; after a failure, half as many."""
        k = len(found.centers)
        count = max(_LEAST_SPLIT, int(k * _SPLIT_SHARE))
        while count > 0:
            more = self.iterate(self.split(found.centers, count)).centers
            tried = self.iterate(self.without_least(more, len(more) - k))
            if tried.error < found.error * (1 - _GAIN):
                found = tried
            else:
                count //= 2
        return found

    def split(self, centers: np.ndarray, count: int) -> np.ndarray:
        """Replace each of the centres of largest error by two, along its cluster's longest axis.

        A fixed centre stays, and gets one new neighbour.
        """
        labels, first, _ = self.assign(centers)
        errors = self.per_cluster(labels, first, len(centers))
        centers, new = centers.copy(), []
        for j in np.argsort(-errors, kind="stable")[:count]:
            own = labels == j
            if errors[j] <= 0:
                break
            apart, weights = self.points[own] - centers[j], self.weights[own]
            spread = (apart * weights[:, None]).T @ apart / weights.sum()
            values, axes = np.linalg.eigh(spread)
            step = axes[:, -1] * np.sqrt(max(values[-1], 0.0))
            step *= 1 if step[np.abs(step).argmax()] > 0 else -1  # eigh leaves the sign open
            new.append(centers[j] + step)
            if j >= self.fixed:
                centers[j] = centers[j] - step
        return np.concatenate([centers, np.array(new)]) if new else centers

    def without_least(self, centers: np.ndarray, count: int) -> np.ndarray:
        """Drop the `count` centres whose loss raises the error least; fixed ones stay.

        The nearest neighbour of a dropped centre is spared, unless too few others are left.
        """
        if count <= 0:
            return centers
        labels, first, second = self.assign(centers)
        k = len(centers)
        needed = self.per_cluster(labels, second - first, k)
        allowed = np.arange(k) >= self.fixed
        gone: list[int] = []
        for sparing in (True, False):
            for j in np.argsort(needed, kind="stable"):
                if len(gone) < count and allowed[j] and j not in gone:
                    gone.append(int(j))
                    if sparing:
                        squared = ((centers - centers[j]) ** 2).sum(axis=1)
                        squared[j] = np.inf
                        allowed[squared.argmin()] = False
            allowed = np.arange(k) >= self.fixed
        return np.delete(centers, gone, axis=0)
