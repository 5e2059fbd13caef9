"""Distances coordinate by coordinate, in float64."""

from __future__ import annotations

import numpy as np

from .jit import INNER, jit

#: Up to this many columns, which are too few for vector loops, squares are added in order.
FEW = 8


@jit(**INNER, fastmath={"reassoc", "contract", "nsz"})
def squared_distance(x, c):
    """Squared Euclidean distance, in float64."""
    s = 0.0
    for j in range(x.shape[0]):
        t = np.float64(x[j]) - np.float64(c[j])
        s += t * t
    return s


@jit(fastmath={"reassoc", "contract", "nsz"})
def distance(X, i, C, j):
    """`squared_distance` of X[i] and C[j], for loops in which numba would count references to
    views of the rows.
    """
    s = 0.0
    for a in range(X.shape[1]):
        t = np.float64(X[i, a]) - np.float64(C[j, a])
        s += t * t
    return s


@jit(**INNER, fastmath={"reassoc", "contract", "nsz"})
def squared_norm(x):
    """Squared Euclidean length, in float64."""
    s = 0.0
    for j in range(x.shape[0]):
        s += np.float64(x[j]) * np.float64(x[j])
    return s


# inlined before numba counts references to the arrays, which takes longer than the sums
@jit(inline="always")
def row_distance(X, i, C, j):
    """Squared distance of X[i] and C[j]; the squares of few columns are added in order."""
    if X.shape[1] > FEW:
        return distance(X, i, C, j)
    s = 0.0
    for a in range(X.shape[1]):
        t = np.float64(X[i, a]) - np.float64(C[j, a])
        s += t * t
    return s


def squares_to(X, c):
    """Squared distances (n,) of rows of few columns to one point, with `row_distance`'s bits."""
    total = np.zeros(X.shape[0])
    for j in range(X.shape[1]):
        t = X[:, j].astype(np.float64)
        t -= np.float64(c[j])
        t *= t
        total += t
    return total


@jit
def own_distances(X, C, labels, start, stop, out):
    """Squared distances of rows to the centre of their label."""
    for i in range(start, stop):
        out[i] = squared_distance(X[i], C[labels[i]])


def distances_to_in_numpy(X, c, start, stop, out):
    if X.shape[1] > FEW:
        return NotImplemented
    out[start:stop] = squares_to(X[start:stop], c)
    return None


@jit(stand_in=distances_to_in_numpy, seconds=0.2)
def distances_to(X, c, start, stop, out):
    d = c.shape[0]
    for i in range(start, stop):
        s = 0.0
        if d <= FEW:
            for j in range(d):
                t = X[i, j] - c[j]
                s += t * t
            out[i] = s
        else:
            out[i] = squared_distance(X[i], c)


def all_distances_in_numpy(X, C, start, stop, out):
    if X.shape[1] > FEW:
        return NotImplemented
    for j in range(C.shape[0]):
        out[start:stop, j] = squares_to(X[start:stop], C[j])
    return None


@jit(stand_in=all_distances_in_numpy, seconds=0.2)
def all_distances(X, C, start, stop, out):
    for i in range(start, stop):
        for j in range(C.shape[0]):
            out[i, j] = row_distance(X, i, C, j)
