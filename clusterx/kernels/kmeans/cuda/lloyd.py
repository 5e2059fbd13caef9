"""Lloyd's step: labels, and exact sums that are updated where labels change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....arrays import Array, asarray, device
from ....properties import cached_property
from ...distances.cuda.assigned import assigned_squared_distances
from ...distances.cuda.screening import (
    BLOCK,
    LOW,
    WARPS,
    RowImage,
    centers_for,
    low_module,
    rows_per_thread,
)
from ...statistics import Summary
from .. import LloydStep as Step
from .. import Update

#: Most bytes of a table of sums for each block; a larger table is one for all, in global memory.
SHARED_TABLE = 32 << 10
#: Blocks that share the rows: twice as many as large GPUs run at once.
BLOCKS = 1024


@dataclass(frozen=True)
class Scales:
    """The resolution of the sums over a data set, one for all of its blocks; see exact.cuh."""

    values: Array  # (d + 2,) float64: of the columns, of the weights, of their remainders


def sum_scales(gpu: Any, summary: Summary, total: Any, n: int) -> Scales:
    """The scales for n rows with this summary and total weight (on the host or the device)."""
    largest = gpu.contiguous(summary.max_abs)
    d = largest.shape[0]
    total = gpu.xp.reshape(asarray(total, like=largest, dtype=gpu.xp.float64), (1,))
    scales = gpu.empty((d + 2,), gpu.xp.float64, like=largest)
    _any_module(gpu, largest).launch(
        "make_scales", -(-(d + 2) // BLOCK), BLOCK, largest, d, total, max(n, 1), scales
    )
    return Scales(scales)


def _any_module(gpu: Any, X: Array) -> Any:
    """The kernels for any number of columns."""
    return gpu.loader.module("lloyd", T=gpu.c_type(X.dtype))


class ExactStats:
    """CentroidStats in integers: however the rows are split, the parts add up to the same bits."""

    def __init__(self, gpu: Any, scales: Scales, table: Array, n_changed: Array):
        self.gpu, self.scales, self.table, self.n_changed = gpu, scales, table, n_changed

    def __add__(self, other: ExactStats) -> ExactStats:
        table, n_changed = self.table + other.table, self.n_changed + other.n_changed
        return ExactStats(self.gpu, self.scales, table, n_changed)

    @cached_property
    def _read(self) -> tuple[Array, Array]:
        gpu, (_, k, wide) = self.gpu, self.table.shape
        sums = gpu.empty((k, wide - 1), gpu.xp.float64, like=self.table)
        counts = gpu.empty((k,), gpu.xp.float64, like=self.table)
        _any_module(gpu, sums).launch(
            "read_sums", -(-k * wide // BLOCK), BLOCK, self.table, self.scales.values, k, wide - 1,
            sums, counts,
        )  # fmt: skip
        return sums, counts

    @property
    def sums(self) -> Array:
        return self._read[0]

    @property
    def counts(self) -> Array:
        return self._read[1]


def update_centers(gpu: Any, stats: Any, C: Array) -> Update:
    """The centres that follow C, how far they moved, and the weight of the lightest cluster."""
    C, float64 = gpu.contiguous(C), gpu.xp.float64
    sums, counts = gpu.contiguous(stats.sums), gpu.contiguous(stats.counts)
    k, d = C.shape
    new, module = gpu.empty((k, d), C.dtype, like=C), _any_module(gpu, C)
    shifts, totals = gpu.empty((k,), float64, like=C), gpu.empty((2,), float64, like=C)
    module.launch("move_centers", k, BLOCK, sums, counts, C, d, new, shifts)
    module.launch("join_clusters", 1, BLOCK, shifts, counts, k, totals)
    return Update(new, totals[0, ...], totals[1, ...])


class LloydStep(Step):
    """A prepared k-means iteration that adds and subtracts only rows whose label changed.

    Arrays with an entry per row are allocated once; the next calls overwrite `labels` and the
    result of `distances`.
    """

    def __init__(self, gpu: Any, X: Array, w: Array | None, scales: Scales):
        self.gpu = gpu
        self.X = gpu.contiguous(X)
        low = X.shape[1] <= LOW
        self.module = low_module(gpu, "lloyd", X) if low else _any_module(gpu, X)
        self.screen = None if low else RowImage(gpu, self.X)
        self.table: Array | None = None
        self._spare: Array | None = None  # gets the next labels, which are compared with the last
        self._squares: Array | None = None
        n, xp = X.shape[0], gpu.xp
        self.labels = xp.full((n,), -1, dtype=xp.int32, device=device(X))
        self.begin(w, scales)

    def begin(self, w: Array | None, scales: Scales) -> None:
        """Begin again with new rows of these weights: labels and sums are reset."""
        xp = self.gpu.xp
        self.scales = scales
        self.w = None if w is None else self.gpu.contiguous(xp.astype(w, xp.float64, copy=False))
        self._followed = False

    def _forget(self, k: int) -> None:
        """Reset the labels to none and the sums to zero."""
        d, uint64 = self.X.shape[1], self.gpu.xp.uint64
        if self.table is None or self.table.shape[1] != k:
            self.table = self.gpu.zeros((2, k, d + 1), uint64, like=self.X)
        else:
            self.table[...] = 0
        self.labels[...] = -1

    def __call__(self, C: Array) -> Any:
        """Assign every row to its nearest centre, and return the statistics of the clusters."""
        gpu, xp, X = self.gpu, self.gpu.xp, self.X
        (n, d), k = X.shape, C.shape[0]
        self.C = centers_for(gpu, X, C)
        if not self._followed or self.table is None or self.table.shape[1] != k:
            self._forget(k)
            self._followed = True
        n_changed = gpu.zeros((1,), xp.int64, like=X)
        if self.screen is None:
            self._step_low(self.table, n_changed)
        else:
            if self._spare is None:
                self._spare = gpu.empty((n,), xp.int32, like=X)
            previous, self.labels, self._spare = self.labels, self._spare, self.labels
            self.screen.assign(self.C, self.labels)
            self.module.launch(
                "move_rows", min(-(-n // WARPS), BLOCKS), BLOCK, X, n, d, self.w,
                self.scales.values, k, self.labels, previous, self.table, n_changed,
            )  # fmt: skip
        table = xp.asarray(self.table, copy=True)
        return ExactStats(gpu, self.scales, table, xp.reshape(n_changed, ()))

    def _step_low(self, table: Array | None, n_changed: Array | None) -> None:
        (n, d), k = self.X.shape, self.C.shape[0]
        size = 16 * k * (d + 1)
        shared = size if table is not None and size <= SHARED_TABLE else 0
        blocks = min(-(-n // (BLOCK * rows_per_thread(d))), BLOCKS)
        self.module.launch(
            "step", blocks, BLOCK, self.X, n, self.w, self.C, k, self.scales.values,
            int(shared > 0), self.labels, table, n_changed, shared=shared,
        )  # fmt: skip

    def assign(self, C: Array) -> None:
        """Assign every row to its nearest centre, without computing sums."""
        self.C = centers_for(self.gpu, self.X, C)
        self._followed = False  # the sums no longer match the labels
        if self.screen is None:
            self._step_low(None, None)
        else:
            self.screen.assign(self.C, self.labels)

    def distances(self) -> Array:
        """Squared distance of every row to the centre it was assigned to."""
        if self._squares is None:
            self._squares = self.gpu.empty((self.X.shape[0],), self.gpu.xp.float64, like=self.X)
        assigned_squared_distances(self.gpu, self.X, self.C, self.labels, self._squares)
        return self._squares
