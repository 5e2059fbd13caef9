"""Sums of distances to clusters, and extreme distances, by tiles in shared memory."""

from __future__ import annotations

from typing import Any

from ....arrays import Array, dtype_name
from ....properties import cached_property
from ...reductions.cuda.segments import by_label

BLOCK, SIDE = 256, 64
DEPTH = 16
METRICS = {"euclidean": 0, "manhattan": 1, "chebyshev": 2}
#: Up to this many columns, or this many rows, float32 rows are subtracted in float64: that costs
#: little, and the errors of few terms do not average out.
FLOAT64_COLUMNS, FLOAT64_ROWS = 8, 2048
#: Blocks that keep a large GPU busy; fixed, so that the device does not change the sums.
BLOCKS = 1024
#: Most values of the tables of partial sums, all blocks together.
PARTIAL_SUMS = 1 << 23
#: For all pairs: consecutive tiles that a block computes (a walk), and the number of walks along
#: one row of tiles that are neighbours in the grid.
WALK, ABREAST = 16, 8
#: Blocks that share the walks when each block has a result of its own.
EXTREME_BLOCKS = 2048
#: Least rows per label, on average, at which each pair of rows is computed only once: a tile then
#: has few labels, so summing it by the labels of its rows too costs little.
LABEL_ROWS = 32


class DistanceSums:
    """Sums of each row's distances to the rows X of each cluster.

    For the rows X themselves, each pair is computed once if clusters are not tiny and the sums fit
    PARTIAL_SUMS.
    """

    def __init__(self, gpu, X: Array, labels: Array, k: int, metric: str):
        self.gpu, self.given, self.X, self.k = gpu, X, gpu.contiguous(X), int(k)
        self.order, self.labels, _ = by_label(gpu, labels, k)
        self.module = _module(gpu, X, metric)

    @cached_property
    def extent(self) -> Array:
        return _extent(self.gpu, self.X)

    def __call__(self, Q: Array) -> Array:
        """Sums (len(Q), k), float64."""
        n, k = self.X.shape[0], self.k
        if Q is self.given and n * k <= PARTIAL_SUMS and k * LABEL_ROWS <= n:
            return self._of_pairs()
        return self._of_rows(self.gpu.contiguous(Q))

    def _of_rows(self, Q: Array) -> Array:
        gpu, k, q, (n, d) = self.gpu, self.k, Q.shape[0], self.X.shape
        xp = gpu.xp
        row_tiles, column_tiles = -(-q // SIDE), -(-n // SIDE)
        if q == 0:
            return gpu.empty((0, k), xp.float64, like=Q)
        splits = min(column_tiles, -(-BLOCKS // row_tiles), max(1, PARTIAL_SUMS // (q * k)))
        sums = gpu.zeros((splits, q, k), xp.float64, like=Q)
        self.module.launch(
            "cluster_sums", row_tiles * splits, BLOCK, Q, q, self.X, n, d, self.order, self.labels,
            None if _is_exact(self.X) else self.extent, k, splits, sums,
        )  # fmt: skip
        return sums[0, ...] if splits == 1 else xp.sum(sums, axis=0)

    def _of_pairs(self) -> Array:
        gpu, k, (n, d) = self.gpu, self.k, self.X.shape
        table = gpu.zeros((2, n, k), gpu.xp.uint64, like=self.X)
        sums = gpu.empty((n, k), gpu.xp.float64, like=self.X)
        self.module.launch(
            "pair_sums", _walks(n), BLOCK, self.X, n, d, self.order, self.labels, self.extent, k,
            table,
        )  # fmt: skip
        self.module.launch(
            "read_pair_sums", -(-n * k // BLOCK), BLOCK, table, n, d, self.order, self.extent, k,
            sums,
        )  # fmt: skip
        return sums


def min_between_max_within(gpu, X: Array, labels: Array, k: int, metric: str) -> tuple[Any, Any]:
    """The least distance between rows of two labels, and the largest within one, exactly."""
    xp, (n, d) = gpu.xp, X.shape
    walks = _walks(n)
    blocks = min(EXTREME_BLOCKS, walks)
    least = gpu.empty((blocks,), xp.float64, like=X)
    most = gpu.empty((blocks,), xp.float64, like=X)
    extent = None if _is_exact(X) else _extent(gpu, X)
    _module(gpu, X, metric).launch(
        "extremes", blocks, BLOCK, gpu.contiguous(X), n, d, labels, extent, walks, least, most
    )
    return xp.min(least), xp.max(most)


def _walks(n: int) -> int:
    """Number of walks over the tiles of all pairs; those below the diagonal are empty."""
    tiles = -(-n // SIDE)
    return -(-tiles // (WALK * ABREAST)) * ABREAST * tiles


def _extent(gpu, X: Array) -> Array:
    """The largest magnitude, (1,), without a temporary of the size of X."""
    xp = gpu.xp
    return xp.reshape(xp.maximum(xp.max(X), -xp.min(X)), (1,))


def _is_exact(X: Array) -> bool:
    """Whether rows are subtracted in float64, which needs no scaling."""
    n, d = X.shape
    return dtype_name(X.dtype) == "float64" or d <= FLOAT64_COLUMNS or n <= FLOAT64_ROWS


def _module(gpu, X: Array, metric: str) -> Any:
    return gpu.loader.module(
        "distance_sums", T=gpu.c_type(X.dtype), REAL="double" if _is_exact(X) else "float",
        METRIC=METRICS[metric], DEPTH=min(X.shape[1], DEPTH), WALK=WALK,
    )  # fmt: skip


def distance_sums(gpu: Any, X: Array, labels: Array, k: int, metric: str) -> DistanceSums:
    return DistanceSums(gpu, X, labels, k, metric)
