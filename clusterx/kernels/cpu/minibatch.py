"""A mini-batch step for arrays in host memory: cost in proportion to the batch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit

from .. import with_inertia
from . import exact, lloyd, screen, screened, sparse, steps
from .threads import run_blocks, single_threaded_blas
from .walking import PlainBatch

ROWS = 128
#: Bytes that a copy of a batch may take.
COPIED = 1 << 26


def minibatch(X, k, batch_size):
    """The step for batches of rows of X that are given by their indices."""
    if not isinstance(X, np.ndarray):
        return SparseBatch(X)
    few = X.shape[1] <= lloyd.TREE_DIMENSIONS
    return (PlainBatch if few else ScreenedBatch)(X, k, batch_size)


class GroupedBatch:
    """A step where rows are long: cluster by cluster, on several threads."""

    def __init__(self, X):
        self.X = X

    def __call__(self, rows, w, C, counts):
        source, places, labels, squared = self.assign(rows, C)
        weights = np.ones(len(rows)) if w is None else np.asarray(w, np.float64)
        gained = np.bincount(labels, weights, minlength=len(counts))
        new = self.means(source, places, weights, labels, C, counts, gained)
        return new, counts + gained, float(weights @ squared)

    def assign(self, rows, C):
        """Where the rows now are (an array, and places in it), their labels and distances."""
        raise NotImplementedError

    def means(self, source, places, w, labels, C, counts, gained):
        order, offsets = exact.group_entries(labels, steps.NONE, np.arange(len(labels)), len(C))
        new = C.copy()
        parts = [(0, len(C))]
        if len(labels) * C.shape[1] > 1 << 14:  # cut where rows are, not clusters
            cuts = np.searchsorted(offsets, np.arange(0, len(labels), ROWS)[1:])
            parts = list(pairwise(np.unique([0, *cuts, len(C)]).tolist()))

        def block(b):
            batch_means(source, places, w, order, offsets, counts, gained, *parts[b], new)

        run_blocks(block, len(parts))
        return new


class ScreenedBatch(GroupedBatch):
    def __init__(self, X, k, batch_size):
        super().__init__(X)
        # a projection of all rows is paid back by some hundred steps of many centres
        project = k >= 32 and X.shape[0] <= 512 * batch_size
        self.screen = screened.Screen(X, project=project, fill=False)
        # norms of the few rows that are drawn are found on the way
        self.lazy = self.screen.Q is None and not self.screen.copied
        if self.screen.copied and self.screen.Q is None:
            self.screen = screened.Screen(X, project=False)
        # a copy of the batch is read twice, from cache
        copied = batch_size * X.shape[1] * X.itemsize <= COPIED
        self.batch = np.empty((batch_size if copied else 0, X.shape[1]), X.dtype)

    def assign(self, rows, C):
        n = len(rows)
        labels = np.empty(n, np.int32)
        squared = np.empty(n)
        batch = self.batch[:n]
        keep = len(batch) == n
        s = self.screen
        E, terms = s.centres(C)
        parts = steps.blocks(n, ROWS)

        def block(b):
            a, e = parts[b]
            screen_batch(
                self.X, s.Z, s.norm, s.rest, C, E, terms, self.lazy, rows[a:e], keep, batch[a:e],
                labels[a:e], squared[a:e],
            )  # fmt: skip

        with single_threaded_blas():
            run_blocks(block, len(parts))
        return (batch, np.arange(n), labels, squared) if keep else (self.X, rows, labels, squared)

    def label(self, C, w):
        found = lloyd.nearest(self.X, C, None if self.lazy else self.screen)
        return with_inertia(found, w)


class SparseBatch(GroupedBatch):
    def assign(self, rows, C):
        batch = self.X[rows]
        return batch, None, *sparse.nearest(batch, C)

    def means(self, batch, places, w, labels, C, counts, gained):
        from scipy.sparse import csr_matrix

        n, k = len(labels), len(C)
        join = csr_matrix((w, (labels, np.arange(n))), shape=(k, n))
        sums = (join @ batch).toarray()
        seen = gained > 0
        new = C.copy()
        total = (counts + gained)[seen, None]
        new[seen] = (C[seen] * counts[seen, None] + sums[seen]) / total
        return new

    def label(self, C, w):
        return with_inertia(sparse.nearest(self.X, C), w)


@njit(nogil=True, cache=True)
def screen_batch(X, Z, norm, rest, C, E, terms, lazy, rows, keep, batch, labels, squared):
    """Nearest centres of rows of X, which `keep` copies to `batch`.

    lazy: Z is X, and its norms are found here.
    """
    n, m = rows.shape[0], Z.shape[1]
    T = np.empty((E.shape[0], n), np.float32)
    rests = np.empty(n, np.float32)
    norms = np.empty(n, np.float32)
    best = np.empty(n, np.float32)
    out = np.empty(n, np.float32)
    count = np.empty(n, np.int32)
    first = np.empty(n, np.int32)
    last = np.empty(n, np.int32)
    z = np.empty((n, m), np.float32)
    for p in range(n):
        i = rows[p]
        if keep:
            copy_row(X[i], batch[p])
        copy_row(Z[i], z[p])
        rests[p] = rest[i]
        norms[p] = np.float32(np.sqrt(screen.squared_norm(z[p]))) * screen.UP if lazy else norm[i]
    np.dot(E, z.T, T)
    screen.intervals(T, terms, rests, norms, best, out, count, first, last)
    for p in range(n):
        x = batch[p] if keep else X[rows[p]]
        if count[p] == 1:
            labels[p] = last[p]
            squared[p] = screen.squared_distance(x, C[last[p]])
        else:
            labels[p], squared[p], _ = screen.measure(
                x, C, T, p, best[p], count[p], first[p], last[p]
            )


@njit(nogil=True, cache=True)
def copy_row(row, to):
    for a in range(row.shape[0]):
        to[a] = row[a]


@njit(nogil=True, cache=True)
def batch_means(source, places, w, order, offsets, counts, gained, first, last, C):
    """Centres first..last that gain rows, moved to the mean of all rows they have seen.

    order, offsets: the rows of the batch, cluster by cluster; row p is source[places[p]].
    """
    for j in range(first, last):
        if gained[j] > 0.0:
            c, seen = C[j], counts[j]
            for a in range(c.shape[0]):
                c[a] *= seen
            for e in range(offsets[j], offsets[j + 1]):
                x, v = source[places[order[e]]], w[order[e]]
                for a in range(c.shape[0]):
                    c[a] += v * x[a]
            inverse = 1.0 / (seen + gained[j])
            for a in range(c.shape[0]):
                c[a] *= inverse
