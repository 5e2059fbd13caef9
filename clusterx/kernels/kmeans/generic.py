"""Steps of k-means in the array API standard alone: the definition that tuned kernels must meet."""

from __future__ import annotations

from ...arrays import asarray, device, float_dtype, namespace
from ...blocks import one_hot, row_blocks
from ..distances.generic import (
    assigned_squared_distances,
    distances_to,
    nearest,
    nearest_labels,
    squared_distances,
)
from . import BatchStep, CentroidStats, Update, with_inertia
from . import LloydStep as Step


def weighted_deviations(X, w, c):
    xp = namespace(X)
    squared = distances_to(X, c)
    return squared * xp.astype(w, squared.dtype, copy=False)


def sum_scales(summary, total, n):
    """None, because sums accumulate in float64 here."""
    return None


class LloydStep(Step):
    """Nearest centres by a matrix product, sums by a product with one-hot labels."""

    def __init__(self, X, w):
        xp = self.xp = namespace(X)
        self.X, self.w = X, w
        self.wide = float_dtype(xp, X)
        self.labels = xp.full((X.shape[0],), -1, dtype=xp.int32, device=device(X))

    def assign(self, C):
        xp = self.xp
        dtype = xp.result_type(self.X.dtype, C.dtype)  # rounds neither rows nor centres
        self.C = C = xp.astype(C, dtype, copy=False)
        self.labels = nearest_labels(self.X, C)

    def __call__(self, C):
        xp, k = self.xp, C.shape[0]
        previous = self.labels
        self.assign(C)
        sums = xp.zeros((k, self.X.shape[1]), dtype=self.wide, device=device(self.X))
        counts = xp.zeros((k,), dtype=self.wide, device=device(self.X))
        a = 0
        for block in row_blocks(self.X, k):
            b = a + block.shape[0]
            belongs = one_hot(self.labels[a:b], k, self.wide)
            if self.w is not None:
                belongs = belongs * xp.astype(self.w[a:b], self.wide)[:, None]
            sums = sums + belongs.T @ xp.astype(block, self.wide)
            counts = counts + xp.sum(belongs, axis=0)
            a = b
        n_changed = xp.sum(xp.astype(previous != self.labels, self.wide))
        return CentroidStats(sums, counts, n_changed)

    def distances(self):
        return assigned_squared_distances(self.X, self.C, self.labels)


def lloyd_stats(X, w, scales=None, single_use=False, k=None, rests=False, within=None):
    return LloydStep(X, w)


def update_centers(stats, C):
    xp = namespace(C)
    counts = stats.counts
    some = counts > 0
    kept = xp.astype(C, stats.sums.dtype, copy=False)
    divisor = xp.where(some, counts, xp.ones_like(counts))
    means = xp.where(some[:, None], stats.sums / divisor[:, None], kept)
    new = xp.astype(means, C.dtype, copy=False)
    shifts = xp.astype(new, kept.dtype, copy=False) - kept
    return Update(new, xp.sum(shifts * shifts), xp.min(counts))


def sample_rows(closest, w, fractions):
    xp = namespace(closest)
    mass = closest if w is None else closest * w
    cumulated = xp.cumulative_sum(mass)
    targets = asarray(fractions, like=closest, dtype=cumulated.dtype) * cumulated[-1]
    rows = xp.searchsorted(cumulated, targets, side="right")
    rows = xp.clip(rows, 0, closest.shape[0] - 1)
    # rounding may select a row of no mass, and so does a sum of zero
    heaviest = xp.argmax(mass if w is None else xp.where(xp.any(mass > 0), mass, w))
    rows = xp.where(xp.take(mass, rows) > 0, rows, heaviest)
    return xp.astype(rows, xp.int64, copy=False)


class Seeding:
    """k-means++ on the device: draws and picks are never read back to the host."""

    def __init__(self, X, w):
        xp = self.xp = namespace(X)
        self.X = X
        wide = float_dtype(xp, X)
        one = xp.ones((X.shape[0],), dtype=wide, device=device(X))
        self.w = one if w is None else xp.astype(w, wide)

    def start(self, index):
        rows = asarray([index], like=self.X)
        self.closest = squared_distances(self.X, self.xp.take(self.X, rows, axis=0))[:, 0]

    def add(self, row):
        rows = self.xp.reshape(asarray(row, like=self.X), (1,))
        squared = squared_distances(self.X, self.xp.take(self.X, rows, axis=0))[:, 0]
        self.closest = self.xp.minimum(self.closest, squared)

    def grow(self, fractions):
        xp = self.xp
        rows = sample_rows(self.closest, self.w, fractions)
        closest = squared_distances(self.X, xp.take(self.X, rows, axis=0))
        closest = xp.minimum(closest, self.closest[:, None])
        best = xp.reshape(xp.argmin(xp.sum(closest * self.w[:, None], axis=0)), (1,))
        self.closest = xp.take(closest, best, axis=1)[:, 0]
        return xp.take(rows, best)[0]


def seeding(X, w, step=None):
    return Seeding(X, w)


class Batch(BatchStep):
    """A mini-batch step (Sculley, WWW 2010): centres move to the mean of all rows seen."""

    def __init__(self, X):
        self.X = X

    def __call__(self, rows, w, C, counts):
        """New centres (k, d) and counts (k,), float64; the batch's inertia, 0-d."""
        xp = namespace(self.X)
        batch = xp.take(self.X, asarray(rows, like=self.X), axis=0)
        labels, squared = nearest(batch, xp.astype(C, batch.dtype, copy=False))
        belongs = one_hot(labels, C.shape[0], C.dtype)
        if w is not None:
            weights = asarray(w, like=self.X, dtype=C.dtype)
            belongs = belongs * weights[:, None]
            squared = squared * weights
        gained = xp.sum(belongs, axis=0)
        total = counts + gained
        sums = C * counts[:, None] + belongs.T @ xp.astype(batch, C.dtype)
        means = sums / xp.where(total > 0, total, xp.ones_like(total))[:, None]
        return xp.where((gained > 0)[:, None], means, C), total, xp.sum(squared)

    def label(self, C, w):
        return with_inertia(nearest(self.X, C), w)


def minibatch(X, k, batch_size):
    return Batch(X)
