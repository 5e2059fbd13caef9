"""k-medians in the array API standard alone: the definition that tuned kernels must meet."""

from __future__ import annotations

from ...arrays import concat, device, float_dtype, namespace
from ...blocks import row_blocks


def nearest_manhattan(X, C):
    xp, wide = namespace(X), float_dtype(namespace(X), X)
    C = xp.astype(C, wide)
    labels, least = [], []
    for block in row_blocks(X, C.shape[0]):
        block = xp.astype(block, wide)
        total = xp.zeros((block.shape[0], C.shape[0]), dtype=wide, device=device(X))
        for j in range(C.shape[1]):
            total = total + xp.abs(block[:, j][:, None] - C[:, j][None, :])
        labels.append(xp.astype(xp.argmin(total, axis=1), xp.int32))
        least.append(xp.min(total, axis=1))
    return concat(labels), concat(least)


def medians(X, w, labels, C):
    xp, wide = namespace(X), float_dtype(namespace(X), X)
    w = xp.ones((X.shape[0],), dtype=wide, device=device(X)) if w is None else xp.astype(w, wide)
    columns = []
    for j in range(X.shape[1]):
        order = xp.argsort(X[:, j], stable=True)
        values = xp.astype(xp.take(X[:, j], order), wide)
        owners, weights = xp.take(labels, order), xp.take(w, order)
        column = []
        for label in range(C.shape[0]):
            below = xp.cumulative_sum(xp.where(owners == label, weights, xp.zeros_like(weights)))
            half = below[-1] / 2
            low = xp.take(values, xp.reshape(xp.argmax(xp.astype(below >= half, wide)), (1,)))
            high = xp.take(values, xp.reshape(xp.argmax(xp.astype(below > half, wide)), (1,)))
            kept = xp.reshape(xp.astype(C[label, j], wide), (1,))
            column.append(xp.where(half > 0, low / 2 + high / 2, kept))
        columns.append(xp.concat(column))
    return xp.astype(xp.stack(columns, axis=1), C.dtype)
