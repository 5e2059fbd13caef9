"""Repeated Lloyd assignments: bounds from the last assignment save most of the next search.

Every row keeps a short list of near centres, its own first: an upper bound of the distance to its
own, a lower bound for each of the others, and one for all that are not listed (after Hamerly, SIAM
SDM 2010, and Elkan, ICML 2003). Bounds are widened as the centres move. Where they do not decide,
the row is screened against the listed centres, and against all centres only if one that is not
listed may be nearest. `screening.bounds` explains the intervals.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...cpu.direct import distance
from ...cpu.jit import INNER, jit
from ...cpu.ranges import CHUNK, blocks, rows_per_task
from ...cpu.screening.bounds import (
    DOWN,
    LISTED,
    TINY,
    UP,
    key_mask,
    loosen,
    shortlists,
    tile_rows,
)
from ...cpu.threads import run_blocks, single_threaded_blas

#: The column of `Bounds.listed` from which on it has the listed centres.
WHO = LISTED


class Centres(NamedTuple):
    """The centres and their images, and how far they have moved since the lists were made."""

    C: np.ndarray
    E: np.ndarray
    terms: np.ndarray
    wandered: np.ndarray  # (k,) lengths of their paths, rounded up
    reach: np.float32  # the sum of the longest step of each call, rounded up


class Bounds(NamedTuple):
    """Labels and bounds of the rows, as distances in the units of the image."""

    labels: np.ndarray
    upper: np.ndarray  # (n,) upper bounds of the distance to the assigned centre
    lower: np.ndarray  # (n,) lower bounds for all others
    # (n, 2 * LISTED), half a cache line per row. First the lower bound for all centres that are not
    # listed, plus `reach`; then the bounds for those that are, plus `wandered`; then, in `listed`,
    # the indices of the listed centres, the assigned one first
    notes: np.ndarray
    listed: np.ndarray  # the same memory as int32
    changed: np.ndarray  # (n,) set where a label changes


class Shortlists:
    """Assigns all rows to centres that move from call to call."""

    images: Any  # images of the centres, float32, or None

    def __init__(self, screen):
        self.screen = screen
        self.notes = np.empty((screen.X.shape[0], 2 * LISTED), np.float32)
        self.C = None

    def forget(self):
        """Rebuild the lists in the next call."""
        self.C = None

    def forget_images(self):
        """Recompute the images of the centres in the next call; the bounds still hold."""
        self.images = None

    def assign(self, C, upper, lower, labels, changed):
        """Assign all rows, and set `changed` where a label changes.

        Returns the number of rows that bounds did not decide, and of exact distances.
        """
        s = self.screen
        first_call = self.C is None
        drift = self._follow(C)
        rows = s.rows()
        wandered, reach = _above(self.wandered), np.float32(_above(self.reach))
        centres = Centres(C, self.images, self.terms, wandered, reach)
        notes = self.notes
        bounds = Bounds(labels, upper, lower, notes, notes.view(np.int32), changed)
        parts = blocks(len(labels), rows_per_task(len(labels)))
        counts = np.zeros((len(parts), 2), np.int64)

        def block(b):
            counts[b] = assign_rows(rows, centres, bounds, drift, first_call, *parts[b])

        with single_threaded_blas():
            run_blocks(block, len(parts))
        looked, measured = counts.sum(axis=0).tolist()
        return looked, measured

    def _follow(self, C):
        """Move the centres to C; returns upper bounds of their steps, then of the two longest."""
        s, k = self.screen, len(C)
        if self.C is None:
            self.wandered, self.reach = np.zeros(k), 0.0
            self.images = None
            steps = np.zeros(k)
        else:
            step = C - self.C
            steps = np.sqrt(np.einsum("kd,kd->k", step, step)) * (s.factor * (1 + 1e-6))
        if self.images is None:
            self.images, self.terms = s.centres(C)
        else:
            few = np.flatnonzero(steps)
            self.images[few], self.terms[:, few] = s.centres(C[few])
        self.C = C.copy()
        self.wandered += steps
        ranked = np.partition(steps, k - 2)[: k - 3 : -1]  # the two longest, the longest first
        self.reach += ranked[0]
        return np.concatenate([steps, ranked]).astype(np.float32) * UP


def _above(lengths):
    """Round up to float32."""
    return np.asarray(lengths, np.float32) * UP


@jit(fastmath={"reassoc", "contract", "nsz"})
def product(Z, i, E, j):
    s = np.float32(0)
    for a in range(Z.shape[1]):
        s += Z[i, a] * E[j, a]
    return s


@jit(inline="always")
def below(squared):
    """The square root of a lower bound, rounded down to float32."""
    return np.float32(np.sqrt(max(squared, 0.0))) * DOWN - TINY


@jit(inline="always")
def above(squared):
    return np.float32(np.sqrt(max(squared, 0.0))) * UP


@jit(inline="always")
def half_width(terms, j, norm, rest):
    """Half the width of the interval around a screened value."""
    half = np.float64(terms[1, j]) + rest * terms[2, j] + norm * terms[3, j]
    return half + 2.0**-21 * norm * norm


@jit(inline="always")
def next_to_measure(who, low, top, exact):
    """The place on the list of the nearest centre, and False; or that of a centre to measure, and
    True.

    If several intervals reach below the least upper end, the one that begins lowest is measured
    next, because that often rules out the others.
    """
    best = top[0]
    for s in range(1, LISTED):
        best = min(best, top[s])
    count, chosen, lowest = 0, -1, -1
    for s in range(LISTED):
        if low[s] <= best:
            count += 1
            if exact[s]:
                if chosen < 0 or who[s] < who[chosen]:  # both are at `best`
                    chosen = s
            elif lowest < 0 or low[s] < low[lowest]:
                lowest = s
    return (chosen, False) if lowest < 0 else (lowest, count > 1)


@jit(**INNER)
def decide(rows, centres, bounds, first_call, doubtful, lists, outside, T, places):
    """Find the nearest centres of the rows in `doubtful`, and write their bounds.

    lists (rows, LISTED): centres that may be nearest. outside: lower bounds of the distances to the
    others. T[:, places]: the products with all centres, needed if one of the others may be nearer.
    Returns the number of exact distances.
    """
    X, Z, norms, rests, centred, factor = rows
    square = factor * factor
    C, E, terms, wandered, reach = centres
    labels, upper, lower, notes, listed, changed = bounds
    low, top, exact = np.empty(LISTED), np.empty(LISTED), np.empty(LISTED, np.bool_)
    who = np.empty(LISTED, np.int32)
    measured = 0
    for p in range(doubtful.shape[0]):
        i = doubtful[p]
        norm, rest, base = np.float64(norms[i]), np.float64(rests[i]), np.float64(centred[i])
        beyond = max(np.float64(outside[p]), 0.0) ** 2
        for s in range(LISTED):
            j = lists[p, s]
            who[s] = j
            exact[s] = False
            middle = base + np.float64(terms[0, j]) - 2.0 * np.float64(product(Z, i, E, j))
            half = half_width(terms, j, norm, rest)
            low[s], top[s] = middle - half, middle + half
        while True:
            chosen, doubt = next_to_measure(who, low, top, exact)
            if not doubt:
                break
            low[chosen] = top[chosen] = distance(X, i, C, who[chosen]) * square
            exact[chosen] = True
            measured += 1
        if beyond <= top[chosen]:
            for j in range(T.shape[0]):
                known = j == who[0] or j == who[1] or j == who[2] or j == who[3]
                end = base + terms[0, j] - 2.0 * np.float64(T[j, places[p]])
                if known or end - half_width(terms, j, norm, rest) > top[chosen]:
                    continue
                if not exact[chosen]:
                    low[chosen] = top[chosen] = distance(X, i, C, who[chosen]) * square
                    exact[chosen] = True
                    measured += 1
                squared = distance(X, i, C, j) * square
                measured += 1
                if squared < top[chosen] or (squared == top[chosen] and j < who[chosen]):
                    chosen = LISTED - 1 if chosen < LISTED - 1 else 0
                    beyond = min(beyond, low[chosen])
                    who[chosen], low[chosen], top[chosen], exact[chosen] = j, squared, squared, True
        # the bounds, with the chosen centre at the front of the list
        label = who[chosen]
        end = above(top[chosen])
        upper[i] = min(upper[i], end) if not first_call and label == labels[i] else end
        lower[i] = take_notes(notes[i], listed[i], chosen, who, low, below(beyond), wandered, reach)
        if labels[i] != label:
            labels[i] = label
            changed[i] = 1
    return measured


@jit(**INNER)
def take_notes(notes, listed, chosen, who, low, away, wandered, reach):
    """Write a row's list and its bounds; the least of them, for all but the chosen centre.

    away : the bound for the centres that are not listed
    """
    notes[0] = (away + reach) * DOWN
    for s in range(LISTED):
        to = 0 if s == chosen else (chosen if s == 0 else s)
        j = who[s]
        listed[WHO + to] = j
        if to > 0:
            near = below(low[s])
            notes[to] = (near + wandered[j]) * DOWN
            away = min(away, near)
    return away


@jit(**INNER)
def revisit(rows, centres, bounds, todo, doubtful, lists, outside):
    """Assign rows by the bounds of their listed centres.

    Rows that may belong to several listed centres go to `doubtful`; rows for which the list does
    not suffice are moved to the front of `todo`. Returns the number of rows left in `todo`, the
    number in `doubtful`, and the number of rows that bounds alone did not decide.
    """
    Z, norms, rests, centred = rows.Z, rows.norm, rows.rest, rows.centred
    E, terms, wandered, reach = centres.E, centres.terms, centres.wandered, centres.reach
    upper, lower, notes, listed = bounds.upper, bounds.lower, bounds.notes, bounds.listed
    left, count, looked = 0, 0, 0
    for p in range(todo.shape[0]):
        i = todo[p]
        away = (notes[i, 0] - reach) * DOWN
        closest = away
        for s in range(1, LISTED):
            closest = min(closest, (notes[i, s] - wandered[listed[i, WHO + s]]) * DOWN)
        if not upper[i] < closest:
            looked += 1
            norm, rest = np.float64(norms[i]), np.float64(rests[i])
            j = listed[i, WHO]
            value = np.float64(terms[0, j]) - 2.0 * np.float64(product(Z, i, E, j))
            top = centred[i] + value + half_width(terms, j, norm, rest)
            upper[i] = min(upper[i], above(top))
        if upper[i] < closest:
            lower[i] = closest
        elif upper[i] < away:
            for s in range(LISTED):
                lists[count, s] = listed[i, WHO + s]
            doubtful[count], outside[count] = i, away
            count += 1
        else:
            todo[left] = i
            left += 1
    return left, count, looked


@jit
def search(centres, bounds, first_call, some, best, keys, ends, doubtful, places, lists, outside):
    """Assign the rows of a tile by the ends of their intervals; returns how many are doubtful."""
    wandered, reach = centres.wandered, centres.reach
    labels, upper, lower, notes, listed, changed = bounds
    mask = key_mask(wandered.shape[0])
    count = 0
    for p in range(some.shape[0]):
        i = some[p]
        for s in range(LISTED):
            lists[count, s] = keys[s * CHUNK + p] & ~mask
        if ends[CHUNK + p] <= best[p]:
            doubtful[count], places[count] = i, p
            outside[count] = ends[LISTED * CHUNK + p]
            count += 1
            continue
        upper[i] = best[p]
        lower[i] = ends[CHUNK + p]
        label = lists[count, 0]
        if labels[i] != label:
            labels[i] = label
            changed[i] = 1
        notes[i, 0] = (ends[LISTED * CHUNK + p] + reach) * DOWN
        for s in range(LISTED):
            j = lists[count, s]
            listed[i, WHO + s] = j
            if s > 0:
                notes[i, s] = (ends[s * CHUNK + p] + wandered[j]) * DOWN
    return count


@jit
def assign_rows(rows, centres, bounds, drift, first_call, start, stop):
    """Assign rows start..stop.

    drift (k + 2): bounds of how far each centre moved, in the units of the image, then the two
    largest. Returns the number of rows that bounds did not decide, and of exact distances.
    """
    labels, upper, lower = bounds.labels, bounds.upper, bounds.lower
    Z, norms, rests, centred = rows.Z, rows.norm, rows.rest, rows.centred
    E, terms = centres.E, centres.terms
    k, m = E.shape
    n, tile = stop - start, tile_rows(k, m)
    todo, doubtful, places = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    outside, lists = np.empty(n, np.float32), np.empty((n, LISTED), np.int32)
    z, flat = np.empty((tile, m), np.float32), np.empty(k * tile, np.float32)
    rest, norm = np.empty(tile, np.float32), np.empty(tile, np.float32)
    base, best = np.empty(tile, np.float32), np.empty(tile, np.float32)
    ends = np.empty((LISTED + 1) * CHUNK, np.float32)
    keys = np.empty((LISTED + 1) * CHUNK, np.int32)
    looked, measured, count = 0, 0, 0
    if first_call:
        for i in range(start, stop):
            todo[i - start] = i
    else:
        loosen(labels[start:stop], drift, upper[start:stop], lower[start:stop])
        n = 0
        for i in range(start, stop):
            todo[n] = i
            n += 0 if upper[i] < lower[i] else 1
        n, count, looked = revisit(rows, centres, bounds, todo[:n], doubtful, lists, outside)
    for first in range(-tile, n, tile):
        T = flat[:0].reshape((0, 1))
        if first >= 0:
            some = todo[first : min(n, first + tile)]
            T = flat[: k * some.shape[0]].reshape((k, some.shape[0]))
            for p in range(some.shape[0]):
                i = some[p]
                for a in range(m):
                    z[p, a] = Z[i, a]
                rest[p], norm[p] = rests[i], norms[i]
                base[p] = centred[i] - np.float32(2.0**-20) * norm[p] * norm[p]
            np.dot(E, z[: some.shape[0]].T, T)
            shortlists(T, terms, rest, norm, base, best, ends, keys)
            count = search(
                centres,
                bounds,
                first_call,
                some,
                best,
                keys,
                ends,
                doubtful,
                places,
                lists,
                outside,
            )
        measured += decide(
            rows, centres, bounds, first_call, doubtful[:count], lists, outside, T, places
        )
    return looked + n, measured
