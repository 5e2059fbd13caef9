"""Messages over rows of NumPy arrays, in place: each row is read and written once per round."""

from __future__ import annotations

import numpy as np

from ..cpu.jit import INNER, jit
from ..cpu.ranges import blocks
from ..cpu.threads import run_blocks
from . import generic

#: Up to this many entries of the matrix, NumPy passes messages, and nothing is compiled.
FEW = 1 << 16
ROWS_PER_TASK = 32
COLUMNS_PER_TASK = 1024
LANES = 64


def pass_messages(S, messages, sums, totals, first, damping):
    if S.shape[1] ** 2 <= FEW:
        return generic.pass_messages(S, messages, sums, totals, first, damping)
    A, R = messages
    spans = blocks(len(S), ROWS_PER_TASK)
    run_blocks(lambda i: send(S, A, R, sums, first, damping, *spans[i]), len(spans))
    totals = totals.copy()
    parts = blocks(S.shape[1], COLUMNS_PER_TASK)
    run_blocks(lambda i: add_positive(R, totals, first, *parts[i]), len(parts))
    return messages, totals


@jit
def send(S, A, R, sums, first, damping, begin, end):
    n = S.shape[1]
    offers, lanes = np.empty(n), np.empty(LANES)
    new = 1.0 - damping
    for i in range(begin, end):
        own, a, r, s = first + i, A[i], R[i], S[i]
        diagonal = a[own] * damping - (r[own] - sums[own]) * new
        for k in range(n):
            lacking = (r[k] if r[k] > 0.0 else 0.0) - sums[k]
            a[k] = a[k] * damping - (lacking if lacking > 0.0 else 0.0) * new
        a[own] = diagonal
        for k in range(n):
            offers[k] = a[k] + s[k]
        at, largest, runner_up = two_largest(offers, lanes)
        own_answer = r[at] * damping + (s[at] - runner_up) * new
        for k in range(n):
            r[k] = r[k] * damping + (s[k] - largest) * new
        r[at] = own_answer


@jit(**INNER)
def two_largest(values, lanes):
    """The first place of the largest value, that value, and the largest value elsewhere."""
    largest, n = largest_of(values, lanes), values.shape[0]
    at = 0
    while at < n - 1 and values[at] != largest:
        at += 1
    return at, largest, max(largest_of(values[:at], lanes), largest_of(values[at + 1 :], lanes))


@jit(**INNER)
def largest_of(values, lanes):
    """The largest value, searched in lanes, because LLVM does not vectorise a maximum."""
    whole = values.shape[0] // LANES * LANES
    lanes[:] = -np.inf
    for begin in range(0, whole, LANES):
        part = values[begin : begin + LANES]
        for p in range(LANES):
            lanes[p] = part[p] if part[p] > lanes[p] else lanes[p]
    largest = -np.inf
    for p in range(LANES):
        largest = lanes[p] if lanes[p] > largest else largest
    for p in range(whole, values.shape[0]):
        largest = values[p] if values[p] > largest else largest
    return largest


@jit
def add_positive(R, totals, first, begin, end):
    """Add the positive responsibilities and the diagonal to totals, one row after the other."""
    sums = totals[begin:end]
    for i in range(R.shape[0]):
        row, own = R[i, begin:end], first + i - begin
        for k in range(sums.shape[0]):
            sums[k] += row[k] if row[k] > 0.0 else 0.0
        if 0 <= own < sums.shape[0] and row[own] < 0.0:
            sums[own] += row[own]
