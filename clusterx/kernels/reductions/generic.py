"""Reductions in the array API standard alone: the definition that tuned kernels must meet."""

from __future__ import annotations

from ...arrays import device, float_dtype, namespace
from ...blocks import TILE, numbered, one_hot, row_blocks
from ..statistics import Summary


def sum_rows_by_label(X, labels, k):
    xp = namespace(X)
    wide = float_dtype(xp, X)
    total = xp.zeros((k, X.shape[1]), dtype=wide, device=device(X))
    for a, block in numbered(row_blocks(X, k)):
        belongs = one_hot(labels[a : a + block.shape[0]], k, wide)
        total = total + belongs.T @ xp.astype(block, wide)
    return total


def sum_columns_by_label(D, labels, k):
    xp = namespace(D)
    wide = float_dtype(xp, D)
    n, m = D.shape
    width = max(1, TILE // max(k, n))
    total = xp.zeros((n, k), dtype=wide, device=device(D))
    for a in range(0, m, width):
        b = min(m, a + width)
        total = total + xp.astype(D[:, a:b], wide) @ one_hot(labels[a:b], k, wide)
    return total


def summary(X):
    xp = namespace(X)
    wide = float_dtype(xp, X)
    n = X.shape[0]
    blocks = row_blocks(X, 1)
    mean = sum(xp.sum(xp.astype(b, wide), axis=0) for b in blocks) / n
    mean = xp.where(xp.isfinite(mean), mean, xp.zeros_like(mean))  # because inf - inf warns
    variance = sum(xp.sum((xp.astype(b, wide) - mean) ** 2, axis=0) for b in blocks) / n
    largest = xp.max(xp.stack([xp.max(xp.abs(b), axis=0) for b in blocks]), axis=0)
    return Summary(xp.all(xp.isfinite(largest)), mean, variance, xp.astype(largest, wide))
