"""Ward's merges in rounds: all pairs that are nearest to each other merge at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...arrays import Array, asarray, namespace, to_host
from ..graphs import Edges

#: (centroids, their sizes on the same device, rows or None for all) -> for each of the rows, the
#: least cost of a merge and the other centroid, both on the host
Partners = Callable[[Array, Array, np.ndarray | None], tuple[np.ndarray, np.ndarray]]
#: (means, sizes) -> edges whose weights are costs
Chain = Callable[["Means", np.ndarray], Edges]

#: Up to this many clusters, the chain takes a few milliseconds, and needs no tree.
FEW = 1024
#: Approximate number of rows whose middle is the origin of searches.
SAMPLE = 32
#: After a round that merges less than this share of the clusters, the chain merges the rest: rows
#: whose gaps grow along a line would merge one pair per round.
SLOW = 0.01


class Means:
    """The means of clusters, each stored as a row of the data and an offset from it.

    The difference of two means is the difference of their rows plus that of their offsets. So its
    rounding error is in proportion to the differences between rows of the two clusters, however far
    they are from the origin and from other clusters.

    Attributes
    ----------
    base, added : arrays of shape (m, d)
        The rows and the offsets.
    near : array of shape (m, d)
        The means less the middle of the data, rounded; searches use these.
    """

    def __init__(self, base: Array, added: Array, near: Array):
        self.base, self.added, self.near = base, added, near

    @classmethod
    def of(cls, X: Array) -> Means:
        xp = namespace(X)
        some = X[:: max(1, X.shape[0] // SAMPLE), :]
        middle = xp.sort(some, axis=0)[some.shape[0] // 2, :]
        return cls(X, xp.zeros_like(X), X - middle[None, :])

    def take(self, rows: np.ndarray) -> Means:
        xp, rows = namespace(self.base), asarray(rows, like=self.base)
        parts = (self.base, self.added, self.near)
        return Means(*(xp.take(part, rows, axis=0) for part in parts))

    def costs(self, low: np.ndarray, high: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """The costs of merging pairs, on the host."""
        t, total = self._apart(low, high), 0.0
        for j in range(t.shape[1]):  # in the order of the columns, as every backend adds them
            total = t[:, j] * t[:, j] + total
        a, b = sizes[low], sizes[high]
        return to_host(total) * (a * b * 2.0 / (a + b))

    def _apart(self, low: np.ndarray, high: np.ndarray) -> Array:
        p, q = self.take(low), self.take(high)
        return (p.base - q.base) + (p.added - q.added)

    def merged(self, partner: np.ndarray, share: np.ndarray, kept: np.ndarray) -> Means:
        """The means that are kept, each moved a share of the way towards its partner."""
        step = self._apart(partner[kept], kept)
        own = self.take(kept)
        step = step * asarray(share[kept], like=step, dtype=step.dtype)[:, None]
        return Means(own.base, own.added + step, own.near + step)


def ward_edges(X: Array, sizes: np.ndarray, partners: Partners, chain: Chain) -> Edges:
    """Merge in rounds while they pay off, then by the chain over the clusters that are left."""
    means, sizes = Means.of(X), np.array(sizes, np.float64)
    slots = np.arange(len(sizes))
    other = np.full(len(sizes), -1)
    rounds: list[Edges] = []
    while len(slots) > FEW:
        missing, places = np.flatnonzero(other < 0), np.arange(len(slots))
        rows = None if len(missing) == len(slots) else missing
        beside = asarray(sizes, like=means.near, dtype=means.near.dtype)
        other[missing] = partners(means.near, beside, rows)[1]
        low = np.flatnonzero((other[other] == places) & (other > places))
        if not len(low) and rows is not None:  # costs differ by rounding: search for all again
            other[:] = -1
            continue
        high = other[low]
        rounds.append(Edges(slots[low], slots[high], means.costs(low, high, sizes)))
        kept = np.ones(len(slots), bool)
        kept[low] = False
        partner, share = places.copy(), np.zeros(len(slots))
        partner[high], share[high] = low, sizes[low] / (sizes[low] + sizes[high])
        means = means.merged(partner, share, np.flatnonzero(kept))
        sizes[high] += sizes[low]
        changed = ~kept
        changed[high] = True
        other[changed | changed[other]] = -1  # a nearest one that did not change is still nearest
        other = np.where(other < 0, -1, (np.cumsum(kept) - 1)[other])[kept]
        slots, sizes = slots[kept], sizes[kept]
        if len(low) < SLOW * len(kept):
            break
    if len(slots) > 1:
        rest = chain(means, sizes)
        rounds.append(Edges(slots[rest.low], slots[rest.high], rest.weight))
    low, high, cost = (np.concatenate(part) for part in zip(*rounds, strict=True))
    return Edges(low, high, np.sqrt(cost))
