"""Ward's merges in rounds: all pairs that are nearest to each other merge at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...arrays import Array, asarray, namespace
from ..graphs import Edges

#: centroids, sizes beside them, rows or None for all -> on the host for each of the rows the least
#: cost of a merge, and with which other centroid
Partners = Callable[[Array, Array, np.ndarray | None], tuple[np.ndarray, np.ndarray]]
#: centroids, sizes -> edges whose weights are costs
Chain = Callable[[Array, np.ndarray], Edges]

#: Of fewer clusters the chain takes a few milliseconds, and needs no tree.
FEW = 1024
#: A round that merges less than this share leaves the others to the chain: rows whose gaps grow
#: along a line would merge one pair per round.
SLOW = 0.01


def ward_edges(X: Array, sizes: np.ndarray, partners: Partners, chain: Chain) -> Edges:
    """Rounds while they pay, and the chain over what they leave."""
    C, sizes = X, np.array(sizes, np.float64)
    slots = np.arange(len(sizes))
    cost, other = np.zeros(len(sizes)), np.full(len(sizes), -1)
    found: list[Edges] = []
    while len(slots) > FEW:
        asked = np.flatnonzero(other < 0)
        rows = None if len(asked) == len(slots) else asked
        cost[asked], other[asked] = partners(C, asarray(sizes, like=C, dtype=C.dtype), rows)
        places = np.arange(len(slots))
        low = np.flatnonzero((other[other] == places) & (other > places))
        high = other[low]
        found.append(Edges(slots[low], slots[high], cost[low]))
        if not len(low) and rows is not None:  # costs differ by rounding: ask all again
            other[:] = -1
            continue
        gone = np.zeros(len(slots), bool)
        gone[low] = True
        partner, share = np.arange(len(slots)), np.zeros(len(slots))
        partner[high] = low
        share[high] = sizes[low] / (sizes[low] + sizes[high])
        C = moved(C, partner, share, np.flatnonzero(~gone))
        sizes[high] += sizes[low]
        changed = gone.copy()
        changed[high] = True
        other[changed | changed[other]] = -1  # nearest ones that stay are still the nearest
        place = np.cumsum(~gone) - 1
        kept = ~gone
        other = np.where(other < 0, -1, place[other])[kept]
        slots, sizes, cost = slots[kept], sizes[kept], cost[kept]
        if len(low) < SLOW * len(gone):
            break
    if len(slots) > 1:
        rest = chain(C, sizes)
        found.append(Edges(slots[rest.low], slots[rest.high], rest.weight))
    low, high, cost = (np.concatenate(part) for part in zip(*found, strict=True))
    return Edges(low, high, np.sqrt(cost))


def moved(C: Array, partner: np.ndarray, share: np.ndarray, kept: np.ndarray) -> Array:
    """The centroids that stay, each a share of the way towards its partner.

    Equal centroids stay what they are to the last bit.
    """
    xp = namespace(C)
    to = xp.take(C, asarray(partner[kept], like=C), axis=0)
    C = xp.take(C, asarray(kept, like=C), axis=0)
    return C + (to - C) * asarray(share[kept], like=C, dtype=C.dtype)[:, None]
