"""Compiled online training for NumPy. Centres are stored by columns, so that LLVM vectorises the
loops over units.
"""

from __future__ import annotations

import numpy as np

from ..cpu.jit import jit
from . import generic

#: Up to this many rows times entries of the centres, NumPy trains, and nothing is compiled.
FEW = 1 << 20


def learn(X, order, w, C, shares):
    if len(order) * C.size <= FEW:
        return generic.learn(X, order, w, C, shares)
    columns = np.ascontiguousarray(C.T)
    w = np.ones(len(X)) if w is None else np.asarray(w, np.float64)
    learn_rows(X, order, w, columns, shares)
    return np.ascontiguousarray(columns.T)


@jit
def learn_rows(X, order, w, C, shares):
    d, k = C.shape
    squares, share = np.empty(k), np.empty(k)
    for i in order:
        if w[i] == 0.0:
            continue
        for u in range(k):
            squares[u] = 0.0
        for j in range(d):
            x, column = np.float64(X[i, j]), C[j]
            if x == x:  # not missing
                for u in range(k):
                    squares[u] += (x - column[u]) * (x - column[u])
        nearest = 0
        for u in range(1, k):
            nearest = u if squares[u] < squares[nearest] else nearest
        for u in range(k):
            share[u] = shares[nearest, u]
        if w[i] != 1.0:
            for u in range(k):
                share[u] = 1.0 - (1.0 - share[u]) ** w[i]
        for j in range(d):
            x, column = np.float64(X[i, j]), C[j]
            if x == x:
                for u in range(k):
                    column[u] += share[u] * (x - column[u])
