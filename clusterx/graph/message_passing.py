"""Affinity propagation: messages between rows until the exemplars no longer change.

Matrices are lists of blocks of rows, so that no round holds more than three of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import (
    Array,
    asarray,
    concat,
    device,
    float_dtype,
    host_floats,
    namespace,
    on_host,
    to_host,
)
from ..blocks import TILE
from ..kernels import kernels_for
from ..kernels.messages import Messages


class Rounds(NamedTuple):
    """The number of rounds of messages, and their damping."""

    damping: float
    convergence_iter: int
    max_iter: int


class Exchange(NamedTuple):
    """The results of the rounds."""

    exemplars: np.ndarray  # rows that are their own exemplars, rising
    n_iter: int
    converged: bool


def row_spans(n: int) -> list[tuple[int, int]]:
    """Ranges of rows of an n x n matrix, each of the size of a tile."""
    height = max(1, TILE // n)
    return [(a, min(n, a + height)) for a in range(0, n, height)]


def all_equal(blocks: list[Array]) -> bool:
    """Whether all similarities of different rows are equal, to the last bit."""
    xp = namespace(blocks[0])
    other = blocks[0][0, 1]
    extremes, a = [], 0
    for block in blocks:
        alike = xp.where(_diagonal(block, a), other, block)
        extremes.append(xp.stack([xp.min(alike), xp.max(alike)]))
        a += block.shape[0]
    both = xp.stack(extremes)
    least, largest = host_floats(xp.min(both), xp.max(both))
    return least == largest


def _diagonal(block: Array, first: int) -> Array:
    """The mask of the entries of a block of rows on the diagonal of the matrix."""
    xp, where = namespace(block), device(block)
    rows = xp.arange(first, first + block.shape[0], device=where)
    return xp.arange(block.shape[1], device=where)[None, :] == rows[:, None]


def median(blocks: list[Array]) -> Array:
    """The median of all entries, 0-d."""
    xp = namespace(blocks[0])
    values = concat(xp.reshape(block, (-1,)) for block in blocks)
    m = values.shape[0]
    if on_host(values):
        return xp.asarray(np.median(values))
    values = xp.sort(values)
    return xp.mean(values[(m - 1) // 2 : m // 2 + 1])


def with_noise(block: Array, first: int, preference: Array, rng: np.random.RandomState) -> Array:
    """Rows of similarities, with preferences on the diagonal, and noise that breaks ties.

    The noise changes only the last bits. The draws are the same as in scikit-learn.
    """
    xp = namespace(block)
    kind = xp.finfo(block.dtype)
    b, n = block.shape
    wide = float_dtype(xp, block)
    own = preference[first : first + b]
    block = xp.where(_diagonal(block, first), own[:, None], block)
    draws = asarray(rng.standard_normal(size=(b, n)), like=block, dtype=wide)
    size = block * float(kind.eps) + float(kind.smallest_normal) * 100
    return xp.astype(xp.astype(block, wide) + xp.astype(size, wide) * draws, block.dtype)


def exchange(blocks: list[Array], rounds: Rounds) -> Exchange:
    """Pass messages until the exemplars have not changed for `convergence_iter` rounds.

    An availability follows from the responsibilities of the previous round, so each row is read and
    written once per round, and only the diagonal of the last availabilities is computed.
    """
    xp, like = namespace(blocks[0]), blocks[0]
    pass_messages = kernels_for(xp).messages.pass_messages
    n, damping = like.shape[1], float(rounds.damping)
    wide, where = float_dtype(xp, like), device(like)
    messages = [
        Messages(*(xp.zeros(block.shape, dtype=wide, device=where) for _ in range(2)))
        for block in blocks
    ]
    sums, available = (xp.zeros(n, dtype=wide, device=where) for _ in range(2))
    before, streak = xp.zeros(n, dtype=xp.bool, device=where), None
    converged, round_ = False, 0
    for round_ in range(1, rounds.max_iter + 1):
        totals, own, a = xp.zeros_like(sums), [], 0
        for i, block in enumerate(blocks):
            messages[i], totals = pass_messages(block, messages[i], sums, totals, a, damping)
            place = xp.arange(a, a + block.shape[0], device=where)[:, None]
            own.append(xp.take_along_axis(messages[i].responsibilities, place, axis=1)[:, 0])
            a += block.shape[0]
        sums, responsible = totals, concat(own)
        available = available * damping - (responsible - sums) * (1 - damping)
        exemplars = available + responsible > 0
        ones = xp.ones(n, dtype=xp.int64, device=where)
        streak = ones if streak is None else xp.where(exemplars == before, streak + 1, ones)
        before = exemplars
        some, shortest = host_floats(xp.any(exemplars), xp.min(streak))
        steady = round_ > rounds.convergence_iter and shortest >= rounds.convergence_iter
        if steady and some:
            converged = True
            break
    return Exchange(np.flatnonzero(to_host(before)), round_, converged)


def clusters(S: Array, exemplars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and exemplars refined to the row most similar to all others of its cluster."""
    best = _assigned(S, exemplars)
    xp = namespace(S)
    places = []
    for k in range(len(exemplars)):
        members = asarray(np.flatnonzero(best == k), like=S)
        among = xp.take(xp.take(S, members, axis=0), members, axis=1)
        places.append(xp.take(members, xp.reshape(xp.argmax(xp.sum(among, axis=0)), (1,))))
    exemplars = to_host(concat(places))
    chosen = exemplars[_assigned(S, exemplars)]
    centers = np.unique(chosen)
    return centers, np.searchsorted(centers, chosen)


def _assigned(S: Array, exemplars: np.ndarray) -> np.ndarray:
    """The most similar exemplar of each row; exemplars belong to themselves."""
    xp = namespace(S)
    best = to_host(xp.argmax(xp.take(S, asarray(exemplars, like=S), axis=1), axis=1)).copy()
    best[exemplars] = np.arange(len(exemplars))
    return best
