"""FasterPAM, compiled: each candidate costs a pass over one row of the matrix."""

from __future__ import annotations

import numpy as np

from ..cpu.jit import INNER, jit
from . import LEAST, Swapped


def eager_swaps(D, w, medoids, order, max_iter):
    medoids = np.array(medoids, np.int64)
    rows = np.ascontiguousarray(order, np.int64)
    w = np.ascontiguousarray(w, np.float64)
    n_iter = swap_rows(np.ascontiguousarray(D), w, medoids, rows, max_iter, LEAST)
    return Swapped(medoids, int(n_iter))


@jit(**INNER)
def second_nearest(D, medoids, column, near):
    """The second nearest medoid, and its distance."""
    best, least = near, np.inf
    for i in range(medoids.shape[0]):
        if i != near and (D[medoids[i], column] < least or best == near):
            best, least = i, D[medoids[i], column]
    if best == near:  # there is only one medoid
        least = D[medoids[near], column]
    return best, least


@jit(**INNER)
def best_swap(d, w, near, first, second, removal, table):
    """The lowest change of the loss by the candidate, and the medoid that it would replace."""
    k = removal.shape[0]
    for i in range(k):
        table[i] = removal[i]
    gained = 0.0
    for o in range(d.shape[0]):
        away = np.float64(d[o])
        if k == 1:
            gained += w[o] * (away - first[o])
        elif away < first[o]:
            gained += w[o] * (away - first[o])
            table[near[o]] += w[o] * (first[o] - second[o])
        elif away < second[o]:
            table[near[o]] += w[o] * (away - second[o])
    best = 0
    for i in range(1, k):
        if table[i] < table[best]:
            best = i
    return gained + table[best], best


@jit
def swap_rows(D, w, medoids, order, max_iter, share):
    """Swap medoids in place; returns the number of passes."""
    k, m = medoids.shape[0], D.shape[1]
    near, nearly = np.zeros(m, np.int64), np.zeros(m, np.int64)
    first, second = np.empty(m), np.empty(m)
    removal, table = np.zeros(k), np.zeros(k)
    taken = np.zeros(D.shape[0], np.bool_)
    for i in range(k):
        taken[medoids[i]] = True
    loss = 0.0
    for o in range(m):
        for i in range(1, k):
            if D[medoids[i], o] < D[medoids[near[o]], o]:
                near[o] = i
        first[o] = D[medoids[near[o]], o]
        nearly[o], second[o] = second_nearest(D, medoids, o, near[o])
        removal[near[o]] += w[o] * (second[o] - first[o])
        loss += w[o] * first[o]
    last, passes, swapped = -1, 0, True
    while swapped and passes < max_iter:
        passes, swapped = passes + 1, False
        for j in order:
            if j == last:
                return passes
            if taken[j]:
                continue
            change, b = best_swap(D[j], w, near, first, second, removal, table)
            if change >= -share * loss:
                continue
            taken[medoids[b]] = False
            taken[j] = True
            medoids[b] = j
            last, swapped = j, True
            removal[:] = 0.0
            loss = 0.0
            for o in range(m):
                away = np.float64(D[j, o])
                if near[o] == b:
                    if k == 1 or away < second[o] or (away == second[o] and b < nearly[o]):
                        first[o] = away
                    else:
                        near[o], first[o] = nearly[o], second[o]
                        nearly[o], second[o] = second_nearest(D, medoids, o, near[o])
                elif away < first[o] or (away == first[o] and b < near[o]):
                    nearly[o], second[o] = near[o], first[o]
                    near[o], first[o] = b, away
                elif nearly[o] == b or away < second[o]:
                    nearly[o], second[o] = second_nearest(D, medoids, o, near[o])
                if k == 1:
                    second[o] = first[o]
                removal[near[o]] += w[o] * (second[o] - first[o])
                loss += w[o] * first[o]
    return passes
