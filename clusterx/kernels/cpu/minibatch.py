"""A mini-batch step for arrays in host memory: cost in proportion to the batch."""

from __future__ import annotations

import numpy as np
from numba import njit

from . import lloyd, screen, screened, sparse, steps, tree
from .threads import run_blocks, single_threaded_blas

ROWS = 128


def minibatch(X, k, batch_size):
    """The step for batches of rows of X that are given by their indices."""
    if not isinstance(X, np.ndarray):
        return SparseBatch(X)
    return PlainBatch(X) if X.shape[1] <= lloyd.TREE_DIMENSIONS else ScreenedBatch(X, k, batch_size)


class PlainBatch:
    """Assigns the rows of a batch, then moves each centre to the mean of all it has seen."""

    def __init__(self, X):
        self.X = X

    def __call__(self, rows, w, C, counts):
        """New centres (k, d) and counts (k,), both float64; the batch's inertia."""
        labels, squared = self.assign(rows, C)
        weights = np.ones(len(rows)) if w is None else np.asarray(w, np.float64)
        new, new_counts = C.copy(), counts.copy()
        self.update(rows, weights, labels, new, new_counts)
        return new, new_counts, float(weights @ squared)

    def assign(self, rows, C):
        labels = np.empty(len(rows), np.int32)
        squared = np.empty(len(rows))
        tree.nearest_blocks(gather(self.X, rows), C, 0, len(rows), labels, squared)
        return labels, squared

    def update(self, rows, w, labels, C, counts):
        gained = np.bincount(labels, w, minlength=len(counts))
        batch_means(self.X, rows, w, labels, C, counts, gained, 0, C.shape[1])
        counts += gained


class ScreenedBatch(PlainBatch):
    def __init__(self, X, k, batch_size):
        super().__init__(X)
        # a projection of all rows is paid back by some hundred steps of many centres
        project = k >= 32 and X.shape[0] <= 512 * batch_size
        self.screen = screened.Screen(X, project=project, fill=False)
        # norms of the few rows that are drawn are found on the way
        self.lazy = self.screen.Q is None and not self.screen.copied
        if self.screen.copied and self.screen.Q is None:
            self.screen = screened.Screen(X, project=False)

    def assign(self, rows, C):
        n = len(rows)
        labels = np.empty(n, np.int32)
        squared = np.empty(n)
        s = self.screen
        E, terms = s.centres(C)
        parts = steps.blocks(n, ROWS)

        def block(b):
            a, e = parts[b]
            screen_batch(
                self.X, s.Z, s.norm, s.rest, C, E, terms, self.lazy, rows[a:e], labels[a:e],
                squared[a:e],
            )  # fmt: skip

        with single_threaded_blas():
            run_blocks(block, len(parts))
        return labels, squared

    def update(self, rows, w, labels, C, counts):
        gained = np.bincount(labels, w, minlength=len(counts))
        parts = steps.blocks(C.shape[1], 64)
        halves = np.array_split(np.arange(len(parts)), min(len(parts), 8))

        def block(b):
            first, last = parts[halves[b][0]][0], parts[halves[b][-1]][1]
            batch_means(self.X, rows, w, labels, C, counts, gained, first, last)

        run_blocks(block, len(halves))
        counts += gained


class SparseBatch(PlainBatch):
    def assign(self, rows, C):
        return sparse.nearest(self.X[rows], C)

    def update(self, rows, w, labels, C, counts):
        k = len(counts)
        batch = self.X[rows]
        gained = np.bincount(labels, w, minlength=k)
        from scipy.sparse import csr_matrix

        join = csr_matrix((w, (labels, np.arange(len(rows)))), shape=(k, len(rows)))
        sums = (join @ batch).toarray()
        seen = gained > 0
        total = (counts + gained)[seen, None]
        C[seen] = (C[seen] * counts[seen, None] + sums[seen]) / total
        counts += gained


@njit(nogil=True, cache=True)
def gather(X, rows):
    """X[rows], with the reads of many short rows under way at once."""
    out = np.empty((rows.shape[0], X.shape[1]), X.dtype)
    for p in range(rows.shape[0]):
        i = rows[p]
        for j in range(X.shape[1]):
            out[p, j] = X[i, j]
    return out


@njit(nogil=True, cache=True)
def screen_batch(X, Z, norm, rest, C, E, terms, lazy, rows, labels, squared):
    n, m = rows.shape[0], Z.shape[1]
    z = np.empty((n, m), np.float32)
    T = np.empty((E.shape[0], n), np.float32)
    rests = np.empty(n, np.float32)
    norms = np.empty(n, np.float32)
    best = np.empty(n, np.float32)
    out = np.empty(n, np.float32)
    count = np.empty(n, np.int32)
    first = np.empty(n, np.int32)
    last = np.empty(n, np.int32)
    for p in range(n):
        i = rows[p]
        rests[p] = rest[i]
        row, to = Z[i], z[p]
        for a in range(m):
            to[a] = row[a]
        norms[p] = np.float32(np.sqrt(screen.squared_norm(to))) * screen.UP if lazy else norm[i]
    np.dot(E, z.T, T)
    screen.intervals(T, terms, rests, norms, best, out, count, first, last)
    for p in range(n):
        x = X[rows[p]]
        if count[p] == 1:
            labels[p] = last[p]
            squared[p] = screen.squared_distance(x, C[last[p]])
        else:
            labels[p], squared[p], _ = screen.measure(
                x, C, T, p, best[p], count[p], first[p], last[p]
            )


@njit(nogil=True, cache=True)
def batch_means(X, rows, w, labels, C, counts, gained, first, last):
    """Columns first..last of the centres that gain rows, moved to the mean of all rows seen."""
    for j in range(C.shape[0]):
        if gained[j] > 0.0:
            for a in range(first, last):
                C[j, a] *= counts[j]
    for p in range(rows.shape[0]):
        j = labels[p]
        if gained[j] > 0.0:
            # views and a scalar: what compilers vectorise
            c, x, v = C[j, first:last], X[rows[p], first:last], w[p]
            for a in range(c.shape[0]):
                c[a] += v * x[a]
    for j in range(C.shape[0]):
        if gained[j] > 0.0:
            inverse = 1.0 / (counts[j] + gained[j])
            for a in range(first, last):
                C[j, a] *= inverse
