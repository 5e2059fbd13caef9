"""Mini-batch steps for arrays in host memory, at a cost proportional to the batch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ...cpu import direct, fixed_point, ranges
from ...cpu.boxes import candidates
from ...cpu.jit import INNER, jit
from ...cpu.screening import bounds, image
from ...cpu.threads import run_blocks, single_threaded_blas
from ...distances.cpu import sparse, to_centers
from .. import BatchStep, with_inertia
from . import sparse_sums, step
from .batches_few_columns import PlainBatch

#: Most rows that are screened at a time.
ROWS = 128
#: Up to this many sums, each task of a batch has a table of its own; most tasks of a batch then.
SUMS = 1 << 14
TABLES = 16
NO_SUMS = np.empty((0, 0))
#: Most bytes of a copy of a batch.
COPIED = 1 << 26


def minibatch(X, k, batch_size):
    """The step for batches of rows of X that are given by their indices."""
    if not isinstance(X, np.ndarray):
        return SparseBatch(X)
    few = X.shape[1] <= candidates.TREE_DIMENSIONS
    return (PlainBatch if few else ScreenedBatch)(X, k, batch_size)


def parts_of(n):
    """Ranges of rows that are summed together, whichever thread does it."""
    return ranges.blocks(n, max(ROWS, -(-n // TABLES)))


class BatchArrays(NamedTuple):
    """The arrays that `screen_batch` writes."""

    batch: np.ndarray
    z: np.ndarray  # the images that are screened at a time
    labels: np.ndarray
    squared: np.ndarray
    sums: np.ndarray  # (k, d), to which each row is added at its label, or empty
    gained: np.ndarray  # (k,), to which its weight is added


class GroupedBatch(BatchStep):
    """A step for rows of many columns: sums cluster by cluster, on several threads."""

    def __init__(self, X):
        self.X = X

    def __call__(self, rows, w, C, counts):
        source, places, labels, squared = self.assign(rows, C)
        weights = np.ones(len(rows)) if w is None else np.asarray(w, np.float64)
        gained = np.bincount(labels, weights, minlength=len(counts))
        new = self.means(source, places, weights, labels, C, counts, gained)
        return new, counts + gained, float(weights @ squared)

    def assign(self, rows, C):
        """An array with the rows, their indices in it, their labels and squared distances."""
        raise NotImplementedError

    def means(self, source, places, w, labels, C, counts, gained):
        order, offsets = fixed_point.group_entries(
            labels, step.NONE, np.arange(len(labels)), len(C)
        )
        new = np.empty_like(C)
        after = self.after(new)
        parts = [(0, len(C))]
        if len(labels) * C.shape[1] > 1 << 14:  # parts of equally many rows, not clusters
            cuts = np.searchsorted(offsets, np.arange(0, len(labels), ROWS)[1:])
            parts = list(pairwise(np.unique([0, *cuts, len(C)]).tolist()))

        def block(b):
            batch_means(source, places, w, order, offsets, C, counts, gained, *parts[b], new)
            after(*parts[b])

        with single_threaded_blas():
            run_blocks(block, len(parts))
        return new

    def after(self, C):
        """A function to call with a, b once the centres a..b are in C."""
        return lambda a, b: None


class ScreenedBatch(GroupedBatch):
    def __init__(self, X, k, batch_size):
        super().__init__(X)
        # projecting all rows pays off after some hundred steps with many centres
        project = k >= 32 and X.shape[0] <= 512 * batch_size
        self.screen = image.RowImage(X, project=project, fill=False)
        # each step computes the norms of the few rows that are drawn
        self.lazy = self.screen.Q is None and not self.screen.copied
        if self.screen.copied and self.screen.Q is None:
            self.screen = image.RowImage(X, project=False)
        # a copy of the batch is read twice, from cache
        copied = batch_size * X.shape[1] * X.itemsize <= COPIED
        self.batch = np.empty((batch_size if copied else 0, X.shape[1]), X.dtype)
        Q = self.screen.Q
        self.Q = np.empty((0, 0), np.float32) if Q is None else Q.astype(np.float32)
        self.prepared: tuple[Any, ...] = (None,)  # centres, their images, the intervals' terms

    def __call__(self, rows, w, C, counts):
        return (super().__call__ if C.size > SUMS else self._sum)(rows, w, C, counts)

    def _sum(self, rows, w, C, counts):
        """A step in which each task adds up its rows while they are in its cache."""
        n, (k, d) = len(rows), C.shape
        image_rows, centers = self.screen.rows(), bounds.ImageCenters(C, *self.centres(C))
        weights = np.ones(n) if w is None else np.asarray(w, np.float64)
        parts = parts_of(n)
        sums, gained = np.zeros((len(parts), k, d)), np.zeros((len(parts), k))
        labels, squared = np.empty(n, np.int32), np.empty(n)
        tile = min(ROWS, bounds.tile_rows(*centers.E.shape))
        tile = -(-ROWS // -(-ROWS // tile))

        def block(b):
            a, e = parts[b]
            batch = np.zeros((tile, d), self.X.dtype)
            z = batch if self.lazy else np.zeros((tile, centers.E.shape[1]), np.float32)
            arrays = BatchArrays(batch, z, labels[a:e], squared[a:e], sums[b], gained[b])
            screen_batch(image_rows, centers, self.lazy, rows[a:e], weights[a:e], True, arrays)

        with single_threaded_blas():
            run_blocks(block, len(parts))
        new, seen = np.empty_like(C), np.empty(k)
        add_sums(C, counts, sums, gained, new, seen)
        return new, seen, float(weights @ squared)

    def assign(self, rows, C):
        n = len(rows)
        labels = np.empty(n, np.int32)
        squared = np.empty(n)
        batch = self.batch[:n]
        keep = len(batch) == n
        image_rows, centers = self.screen.rows(), bounds.ImageCenters(C, *self.centres(C))
        tasks = 2 * -(-n // (2 * min(ROWS, bounds.tile_rows(*centers.E.shape))))
        parts = ranges.blocks(n, -(-n // tasks))

        def block(b):
            a, e = parts[b]
            x = batch[a:e]
            z = x if self.lazy and keep else np.empty((e - a, centers.E.shape[1]), np.float32)
            arrays = BatchArrays(x, z, labels[a:e], squared[a:e], NO_SUMS, step.UNIT)
            screen_batch(image_rows, centers, self.lazy, rows[a:e], step.UNIT, keep, arrays)

        with single_threaded_blas():
            run_blocks(block, len(parts))
        return (batch, np.arange(n), labels, squared) if keep else (self.X, rows, labels, squared)

    def centres(self, C):
        """Images of the centres and the terms of their intervals, as in `RowImage.centres`."""
        if self.screen.Q is None:
            return self.screen.centres(C)
        if self.prepared[0] is not C:
            prepare = self.after(C)
            parts = ranges.blocks(len(C), ROWS // 4)
            with single_threaded_blas():
                run_blocks(lambda b: prepare(*parts[b]), len(parts))
        return self.prepared[1:]

    def after(self, C):
        s = self.screen
        if s.Q is None:
            return super().after(C)
        E, terms = np.empty((len(C), s.Z.shape[1]), np.float32), np.empty((4, len(C)), np.float32)
        self.prepared = C, E, terms
        return lambda a, b: project_centres(
            C, s.mean, self.Q, s.factor, s.kappa, s.error, a, b, E, terms
        )

    def label(self, C, w):
        nearest = to_centers.nearest(self.X, C, None if self.lazy else self.screen)
        return with_inertia(nearest, w)


class SparseBatch(GroupedBatch):
    """A step for CSR rows, whose sums have the terms of `ScreenedBatch` except zeros."""

    def __init__(self, X):
        super().__init__(X)
        self.heavy = sparse.heavy_columns(X)

    def __call__(self, rows, w, C, counts):
        if C.size > SUMS:
            return super().__call__(rows, w, C, counts)
        batch, _, labels, squared = self.assign(rows, C)
        weights = np.ones(len(rows)) if w is None else np.asarray(w, np.float64)
        parts = parts_of(len(rows))
        sums, gained = np.zeros((len(parts), *C.shape)), np.zeros((len(parts), len(C)))

        def block(b):
            sparse_sums.add_rows(
                batch.data, batch.indices, batch.indptr, weights, labels, *parts[b],
                sums[b], gained[b],
            )  # fmt: skip

        run_blocks(block, len(parts))
        new, seen = np.empty_like(C), np.empty(len(C))
        add_sums(C, counts, sums, gained, new, seen)
        return new, seen, float(weights @ squared)

    def assign(self, rows, C):
        batch = self.X[rows]
        return batch, None, *sparse.SparseRows(batch, self.heavy).nearest(C)

    def means(self, batch, places, w, labels, C, counts, gained):
        order, offsets = fixed_point.group_entries(
            labels, step.NONE, np.arange(len(labels)), len(C)
        )
        new = np.empty_like(C)
        parts = ranges.blocks(len(C), max(1, ranges.TASK // (8 * C.shape[1])))

        def block(b):
            sparse_sums.batch_means(
                batch.data, batch.indices, batch.indptr, w, order, offsets, C, counts, gained,
                *parts[b], new,
            )  # fmt: skip

        run_blocks(block, len(parts))
        return new

    def label(self, C, w):
        return with_inertia(sparse.SparseRows(self.X, self.heavy).nearest(C), w)


@jit
def screen_batch(image_rows, centers, lazy, rows, w, keep, arrays):
    """Nearest centres of the rows of X with the indices `rows`.

    keep: copy these rows to the batch. lazy: Z is X, and its norms are computed here; if `keep` is
    set, too, z is the batch.
    """
    X, Z, norm, rest, _, _ = image_rows
    C, E, terms = centers
    batch, z, labels, squared, sums, gained = arrays
    n, height = rows.shape[0], z.shape[0]
    tile = bounds.empty_tile(E.shape[0], height)
    T, rests, norms, _, best, _, count, first, last = tile
    for start in range(0, n, height):
        m = min(height, n - start)
        for p in range(m):
            i = rows[start + p]
            if keep:
                copy_row(X[i], batch[p])
            if not (lazy and keep):
                copy_row(Z[i], z[p])
            rests[p] = rest[i]
            norms[p] = (
                np.float32(np.sqrt(direct.squared_norm(z[p]))) * bounds.UP if lazy else norm[i]
            )
        np.dot(E, z.T, T)
        bounds.intervals(terms, tile)
        for p in range(m):
            i = start + p
            x = batch[p] if keep else X[rows[i]]
            if count[p] == 1:
                labels[i] = last[p]
                squared[i] = direct.squared_distance(x, C[last[p]])
            else:
                labels[i], squared[i], _ = bounds.measure(
                    x, C, T, p, best[p], count[p], first[p], last[p]
                )
            if sums.shape[0] > 0:
                gained[labels[i]] += w[i]
                add_row(x, w[i], sums[labels[i]])


@jit(**INNER)
def copy_row(row, to):
    for a in range(row.shape[0]):
        to[a] = row[a]


@jit
def project_centres(C, mean, Q, factor, kappa, error, first, last, images, terms):
    """Images (k, m) of the centres first..last, and the terms (4, k) of their intervals.

    Centres are projected in float32, as rows are. With errors of up to kappa |x| in the image of a
    row x, and kappa |e| in that of a centre e, the error of their product exceeds its own rounding
    by at most (2 + kappa) kappa |x| |e|. Squared norms of centres very near the mean underflow:
    their error is below 2^-149, and that of their roots below `lost`. See `bounds` and `RowImage`.
    """
    m = Q.shape[1]
    one = np.empty((4, last - first), np.float32)
    norm, rest, whole = one[0], one[1], one[3]
    to = image.Projected(images[first:last], norm, rest, one[2], whole)
    image.project_copies(C[first:last], mean, Q, factor, error, 0, last - first, to)
    share = bounds.rounding(m) + (4.0 + 2.0 * kappa) * kappa
    wider, lost = 1 + 1e-6, 2.0**-74
    for j in range(last - first):
        terms[0, first + j] = whole[j]
        terms[1, first + j] = (2.0**-20 * np.float64(whole[j]) + bounds.underflow(m)) * wider
        terms[2, first + j] = 2.0 * (np.float64(rest[j]) + lost) * wider
        terms[3, first + j] = share * (np.float64(norm[j]) + lost) * wider


@jit
def batch_means(source, places, w, order, offsets, C, counts, gained, first, last, new):
    """Move centres first..last to the mean of all rows they have seen.

    order, offsets: the rows of the batch, cluster by cluster; row p is source[places[p]].
    """
    for j in range(first, last):
        c, old = new[j], C[j]
        if not gained[j] > 0.0:
            copy_row(old, c)
            continue
        seen = counts[j]
        for a in range(c.shape[0]):
            c[a] = old[a] * seen
        for e in range(offsets[j], offsets[j + 1]):
            x, v = source[places[order[e]]], w[order[e]]
            for a in range(c.shape[0]):
                c[a] += v * x[a]
        inverse = 1.0 / (seen + gained[j])
        for a in range(c.shape[0]):
            c[a] *= inverse


@jit
def add_row(row, v, to):
    for a in range(row.shape[0]):
        to[a] += v * row[a]


@jit
def add_sums(C, counts, sums, gained, new, seen):
    """Move centres to the mean of all rows they have seen, given the sums of all tasks."""
    for j in range(C.shape[0]):
        c, old = new[j], C[j]
        total = 0.0
        for t in range(sums.shape[0]):
            total += gained[t, j]
        seen[j] = counts[j] + total
        if not total > 0.0:
            copy_row(old, c)
            continue
        for a in range(c.shape[0]):
            c[a] = old[a] * counts[j]
        for t in range(sums.shape[0]):
            if gained[t, j] > 0.0:
                add_row(sums[t, j], 1.0, c)
        inverse = 1.0 / seen[j]
        for a in range(c.shape[0]):
            c[a] *= inverse
