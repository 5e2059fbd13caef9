"""Distances coordinate by coordinate, in float64."""

from __future__ import annotations

import numpy as np

from .jit import INNER, jit


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
    """The same between rows by their numbers: views of them in a loop would be counted."""
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


@jit
def own_distances(X, C, labels, start, stop, out):
    """Squared distances of rows to the centre of their label."""
    for i in range(start, stop):
        out[i] = squared_distance(X[i], C[labels[i]])


@jit(fastmath={"reassoc", "contract", "nsz"})
def distances_to(X, c, start, stop, out):
    d = c.shape[0]
    for i in range(start, stop):
        s = 0.0
        if d <= 8:  # too short for vector loops
            for j in range(d):
                t = X[i, j] - c[j]
                s += t * t
            out[i] = s
        else:
            out[i] = squared_distance(X[i], c)


@jit
def all_distances(X, C, start, stop, out):
    for i in range(start, stop):
        for j in range(C.shape[0]):
            out[i, j] = squared_distance(X[i], C[j])
