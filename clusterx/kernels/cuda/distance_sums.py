"""Sums of distances to clusters, and extremes of distances, in tiles on the chip."""

from __future__ import annotations

from typing import Any

from ...arrays import Array, dtype_name
from .segment_sum import by_label

BLOCK, SIDE = 256, 64
DEPTH = 16
METRICS = {"euclidean": 0, "manhattan": 1, "chebyshev": 2}
#: Up to so many columns, or so few rows, float32 rows are subtracted in float64: it costs little,
#: and few errors average out.
FLOAT64_COLUMNS, FLOAT64_ROWS = 8, 2048
#: Blocks that keep a large GPU busy; fixed, so that the device does not change the sums.
BLOCKS = 1024
#: Values that the tables of blocks that share rows may have together.
PARTIAL_SUMS = 1 << 23
#: Blocks that share the tiles of all pairs.
EXTREME_BLOCKS = 2048


class DistanceSums:
    """Of rows, the sums of their distances to the rows X of each cluster."""

    def __init__(self, gpu, X: Array, labels: Array, k: int, metric: str):
        self.gpu, self.X, self.k = gpu, gpu.contiguous(X), int(k)
        self.order, self.labels, _ = by_label(gpu, labels, k)
        self.module = _module(gpu, X, metric)
        self.extent = _extent(gpu, X)

    def __call__(self, Q: Array) -> Array:
        """Sums (len(Q), k), float64."""
        gpu, k, q, (n, d) = self.gpu, self.k, Q.shape[0], self.X.shape
        xp = gpu.xp
        row_tiles, column_tiles = -(-q // SIDE), -(-n // SIDE)
        if q == 0:
            return gpu.empty((0, k), xp.float64, like=Q)
        splits = min(column_tiles, -(-BLOCKS // row_tiles), max(1, PARTIAL_SUMS // (q * k)))
        sums = gpu.zeros((splits, q, k), xp.float64, like=Q)
        self.module.launch(
            "cluster_sums", row_tiles * splits, BLOCK, gpu.contiguous(Q), q, self.X, n, d,
            self.order, self.labels, self.extent, k, splits, sums,
        )  # fmt: skip
        return sums[0, ...] if splits == 1 else xp.sum(sums, axis=0)


def separation(gpu, X: Array, labels: Array, k: int, metric: str) -> tuple[Any, Any]:
    """The least distance between rows of two labels, and the largest of one, exactly."""
    xp, (n, d) = gpu.xp, X.shape
    tiles = -(-n // SIDE)
    blocks = min(EXTREME_BLOCKS, tiles * tiles)
    least = gpu.empty((blocks,), xp.float64, like=X)
    most = gpu.empty((blocks,), xp.float64, like=X)
    _module(gpu, X, metric).launch(
        "extremes", blocks, BLOCK, gpu.contiguous(X), n, d, labels, _extent(gpu, X), least, most
    )  # fmt: skip
    return xp.min(least), xp.max(most)


def _extent(gpu, X: Array) -> Array:
    """The largest magnitude, (1,), without a temporary of the size of X."""
    xp = gpu.xp
    return xp.reshape(xp.maximum(xp.max(X), -xp.min(X)), (1,))


def _module(gpu, X: Array, metric: str) -> Any:
    (n, d), kind = X.shape, gpu.c_type(X.dtype)
    exact = dtype_name(X.dtype) == "float64" or d <= FLOAT64_COLUMNS or n <= FLOAT64_ROWS
    return gpu.loader.module(
        "distance_sums", T=kind, REAL="double" if exact else "float", METRIC=METRICS[metric],
        DEPTH=min(d, DEPTH),
    )  # fmt: skip
