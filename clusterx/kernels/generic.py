"""Every primitive in the array API standard alone: the definition that tuned kernels must meet."""

from __future__ import annotations

from contextlib import nullcontext

from ..arrays import asarray, concat, device, float_dtype, namespace
from . import CentroidStats, Summary, Update, kernels_for, with_inertia
from .generic_blocks import TILE, one_hot, row_blocks
from .generic_color import color_counts, remap
from .generic_labels import contingency, encode, expected_information
from .generic_metrics import (
    distance_sums,
    label_sums,
    own_squares,
    product_squares,
    segment_sum,
    separation,
)
from .generic_upload import upload

__all__ = [
    "TILE", "color_counts", "contingency", "distance_sums", "distances", "distances_to", "draw",
    "encode", "expected_information", "grid", "label_sums", "lloyd_stats", "minibatch", "nearest",
    "one_hot", "own_squares", "remap", "row_blocks", "scatter", "seeding", "segment_sum",
    "separation", "session", "squared_distances", "summary", "update", "upload",
]  # fmt: skip


def summary(X):
    xp = namespace(X)
    wide = float_dtype(xp, X)
    n = X.shape[0]
    blocks = row_blocks(X, 1)
    mean = sum(xp.sum(xp.astype(b, wide), axis=0) for b in blocks) / n
    mean = xp.where(xp.isfinite(mean), mean, xp.zeros_like(mean))  # for inf - inf warns
    variance = sum(xp.sum((xp.astype(b, wide) - mean) ** 2, axis=0) for b in blocks) / n
    largest = xp.max(xp.stack([xp.max(xp.abs(b), axis=0) for b in blocks]), axis=0)
    return Summary(xp.all(xp.isfinite(largest)), mean, variance, xp.astype(largest, wide))


def nearest(X, C):
    step = LloydStep(X, None)
    step.assign(C)
    return step.labels, step.distances()


def squared_distances(X, C):
    """All squared distances (n, k), coordinate by coordinate: no cancellation."""
    xp = namespace(X)
    wide = float_dtype(xp, X)
    C = xp.astype(C, wide)
    return concat(
        xp.sum((xp.astype(b, wide)[:, None, :] - C[None, :, :]) ** 2, axis=2)
        for b in row_blocks(X, C.shape[0] * C.shape[1])
    )


def distances_to(X, c):
    return squared_distances(X, c[None, :])[:, 0]


def scatter(X, w, c):
    xp = namespace(X)
    squared = kernels_for(xp).distances_to(X, c)
    return squared * xp.astype(w, squared.dtype, copy=False)


def distances(X, C):
    """All Euclidean distances (n, k), in the widest dtype."""
    xp = namespace(X)
    wide = float_dtype(xp, X)
    shift = xp.mean(xp.astype(C, wide), axis=0)
    E = xp.astype(C, wide) - shift
    return concat(
        xp.sqrt(product_squares(xp.astype(b, wide) - shift, E)) for b in row_blocks(X, C.shape[0])
    )


def _magnitude(E):
    """A power of two near the largest entry, 0-d: it scales without rounding."""
    xp = namespace(E)
    largest = xp.max(xp.abs(E))
    largest = xp.where(largest > 0, largest, xp.ones_like(largest))
    return (xp.zeros_like(largest) + 2.0) ** xp.floor(xp.log2(largest))


session = nullcontext
dtypes = frozenset({"float32", "float64"})


def grid(summary, total, n):
    """Sums accumulate in float64 here."""
    return None


class LloydStep:
    """Nearest centres by a product of matrices, sums by a product with one-hot labels."""

    def __init__(self, X, w):
        xp = self.xp = namespace(X)
        self.X, self.w = X, w
        self.wide = float_dtype(xp, X)
        self.labels = xp.full((X.shape[0],), -1, dtype=xp.int32, device=device(X))

    def assign(self, C):
        xp = self.xp
        dtype = xp.result_type(self.X.dtype, C.dtype)  # rounds neither rows nor centres
        self.C = C = xp.astype(C, dtype, copy=False)
        # a median, for a centre at an outlier would draw the mean away from all the others
        shift = xp.sort(C, axis=0)[C.shape[0] // 2, ...]
        E = C - shift
        # |y - e|^2 less |y|^2, which is the same for all centres, in units that can't overflow
        unit = E / _magnitude(E)
        own = xp.sum(E * unit, axis=1)[None, :]
        self.labels = concat(
            xp.astype(
                xp.argmin(own - 2 * ((xp.astype(b, dtype, copy=False) - shift) @ unit.T), axis=1),
                xp.int32,
            )
            for b in row_blocks(self.X, C.shape[0])
        )

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
        moved = xp.sum(xp.astype(previous != self.labels, self.wide))
        return CentroidStats(sums, counts, moved)

    def distances(self):
        xp = self.xp
        parts, a = [], 0
        for block in row_blocks(self.X, 1):
            b = a + block.shape[0]
            own = xp.take(self.C, self.labels[a:b], axis=0)
            parts.append(
                xp.sum((xp.astype(block, self.wide) - xp.astype(own, self.wide)) ** 2, axis=1)
            )
            a = b
        return concat(parts)


def lloyd_stats(X, w, grid=None, once=False, k=None):
    return LloydStep(X, w)


def update(stats, C):
    xp = namespace(C)
    counts = stats.counts
    some = counts > 0
    kept = xp.astype(C, stats.sums.dtype, copy=False)
    divisor = xp.where(some, counts, xp.ones_like(counts))
    means = xp.where(some[:, None], stats.sums / divisor[:, None], kept)
    new = xp.astype(means, C.dtype, copy=False)
    moved = xp.astype(new, kept.dtype, copy=False) - kept
    return Update(new, xp.sum(moved * moved), xp.min(counts))


def draw(closest, w, fractions):
    xp = namespace(closest)
    mass = closest if w is None else closest * w
    cumulated = xp.cumulative_sum(mass)
    targets = asarray(fractions, like=closest, dtype=cumulated.dtype) * cumulated[-1]
    rows = xp.searchsorted(cumulated, targets, side="right")
    rows = xp.clip(rows, 0, closest.shape[0] - 1)
    # rounding may lead to a row that has no part in the sum; so does a sum of zero
    heaviest = xp.argmax(mass if w is None else xp.where(xp.any(mass > 0), mass, w))
    rows = xp.where(xp.take(mass, rows) > 0, rows, heaviest)
    return xp.astype(rows, xp.int64, copy=False)


class Seeding:
    """Draws and picks stay on the device: no read of it, whatever the number of centres."""

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
        found = squared_distances(self.X, self.xp.take(self.X, rows, axis=0))[:, 0]
        self.closest = self.xp.minimum(self.closest, found)

    def grow(self, fractions):
        xp = self.xp
        rows = draw(self.closest, self.w, fractions)
        found = squared_distances(self.X, xp.take(self.X, rows, axis=0))
        found = xp.minimum(found, self.closest[:, None])
        best = xp.reshape(xp.argmin(xp.sum(found * self.w[:, None], axis=0)), (1,))
        self.closest = xp.take(found, best, axis=1)[:, 0]
        return xp.take(rows, best)[0]


def seeding(X, w, step=None):
    return Seeding(X, w)


class Batch:
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
        moved = sums / xp.where(total > 0, total, xp.ones_like(total))[:, None]
        return xp.where((gained > 0)[:, None], moved, C), total, xp.sum(squared)

    def label(self, C, w):
        return with_inertia(nearest(self.X, C), w)


def minibatch(X, k, batch_size):
    return Batch(X)
