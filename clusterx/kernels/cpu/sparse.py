"""k-means kernels for CSR matrices in host memory: work in proportion to what is stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Summary
from . import steps
from .exact import add_term
from .jit import INNER, jit
from .seeding import PlainSeeding
from .threads import run_blocks


def summary(X) -> Summary:
    from sklearn.utils.sparsefuncs import mean_variance_axis

    mean, variance = mean_variance_axis(X.astype(np.float64, copy=False), axis=0)
    largest = np.abs(X).max(axis=0).toarray().ravel().astype(np.float64)
    return Summary(np.isfinite(X.data).all(), mean, variance, largest)


class SparseStep(steps.RowStep):
    """Every stored value against all centres at once."""

    def assign(self, C):
        self.begin(C)
        self.labels, self.squared = nearest(self.X, self.C)

    def __call__(self, C):
        known = self.follows(C.shape[0])
        previous = self.labels if known else np.full(self.X.shape[0], -1, np.int32)
        self.assign(C)
        X: Any = self.X
        g = self.grid
        moved = add_rows(
            X.data, X.indices, X.indptr, self.w, self.labels, previous, g.units, g.lo_scale,
            *self.table,
        )  # fmt: skip
        return self.stats(moved)

    def distances(self):
        return self.squared


class SparseSeeding(PlainSeeding):
    def _to(self, rows):
        """Squared distances of all rows to the given ones, (n, len(rows))."""
        return distances(self.X, self.X[rows].toarray()) ** 2

    def gains(self, chosen):
        less = np.maximum(self.closest[:, None] - self._to(chosen), 0.0)
        return (self.w if len(self.w) else np.ones(len(less))) @ less

    def accept(self, row):
        self.closest = np.minimum(self.closest, self._to(np.array([row]))[:, 0])
        self.add_up()


def nearest(X, C):
    n = X.shape[0]
    labels = np.empty(n, np.int32)
    squared = np.empty(n)
    C = np.ascontiguousarray(C, np.float64)
    CT = np.ascontiguousarray(C.T)
    norms = np.einsum("kd,kd->k", C, C)
    parts = steps.blocks(n, 1024)

    def block(b):
        csr_nearest(X.data, X.indices, X.indptr, CT, norms, *parts[b], labels, squared)

    run_blocks(block, len(parts))
    return labels, squared


def distances(X, C):
    n, k = X.shape[0], C.shape[0]
    out = np.empty((n, k))
    C = np.ascontiguousarray(C, np.float64)
    CT = np.ascontiguousarray(C.T)
    norms = np.einsum("kd,kd->k", C, C)
    parts = steps.blocks(n, 1024)

    def block(b):
        csr_distances(X.data, X.indices, X.indptr, CT, norms, *parts[b], out)

    run_blocks(block, len(parts))
    return out


@jit(**INNER)
def csr_row(data, indices, start, stop, CT, norms, acc):
    """Squared distances of one row to all centres."""
    own = 0.0
    acc[:] = norms
    for e in range(start, stop):
        v = np.float64(data[e])
        own += v * v
        column = CT[indices[e]]
        for j in range(acc.shape[0]):
            acc[j] -= 2.0 * v * column[j]
    for j in range(acc.shape[0]):
        acc[j] = max(acc[j] + own, 0.0)


@jit
def csr_nearest(data, indices, indptr, CT, norms, start, stop, labels, squared):
    acc = np.empty(norms.shape[0])
    for i in range(start, stop):
        csr_row(data, indices, indptr[i], indptr[i + 1], CT, norms, acc)
        best = np.argmin(acc)
        labels[i] = best
        squared[i] = acc[best]


@jit
def csr_distances(data, indices, indptr, CT, norms, start, stop, out):
    for i in range(start, stop):
        csr_row(data, indices, indptr[i], indptr[i + 1], CT, norms, out[i])
        for j in range(out.shape[1]):
            out[i, j] = np.sqrt(out[i, j])


@jit
def add_rows(data, indices, indptr, w, labels, previous, units, lo_scale, hi, lo):
    """Move rows from their previous cluster (negative: none) to their label's."""
    moved, d = 0, hi.shape[1] - 1
    for i in range(labels.shape[0]):
        old, new = previous[i], labels[i]
        if old == new:
            continue
        moved += 1
        v = w[i] if w.shape[0] > 0 else 1.0
        for e in range(indptr[i], indptr[i + 1]):
            a = indices[e]
            whole, rest = add_term(v * data[e], units[a], lo_scale)
            hi[new, a] += whole
            lo[new, a] += rest
            if old >= 0:
                hi[old, a] -= whole
                lo[old, a] -= rest
        whole, rest = add_term(v, units[d], lo_scale)
        hi[new, d] += whole
        lo[new, d] += rest
        if old >= 0:
            hi[old, d] -= whole
            lo[old, d] -= rest
    return moved
