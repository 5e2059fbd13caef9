"""D^2 sampling for k-means++, all of it on the device."""

from __future__ import annotations

from typing import Any

from ....arrays import Array, asarray
from ...distances.cuda.screening import BLOCK, LOW

CHUNK, CANDIDATES = 4096, 8
#: Blocks that share the rows in a comparison of candidates; fixed, so that the device does not
#: change the sums.
BLOCKS = 1024


def sample_rows(gpu: Any, closest: Array, w: Array | None, fractions: Any) -> Array:
    """Draw rows in proportion to weighted squared distances, as `Seeding` does."""
    xp = gpu.xp
    w = None if w is None else gpu.contiguous(xp.astype(w, xp.float64, copy=False))
    fractions = asarray(fractions, like=closest, dtype=xp.float64)
    sums = gpu.empty((-(-closest.shape[0] // CHUNK),), xp.float64, like=closest)
    module = gpu.loader.module("seeding", T="double", LANES=1)  # these kernels use neither macro
    closest, heaviest = gpu.contiguous(closest), _heaviest(gpu, w)
    return _drawn(gpu, module, closest, w, heaviest, sums, fractions)


def _heaviest(gpu: Any, w: Array | None) -> Array | None:
    """The first row of the largest weight, (1,)."""
    xp = gpu.xp
    return None if w is None else xp.reshape(xp.astype(xp.argmax(w), xp.int64, copy=False), (1,))


def _drawn(
    gpu: Any,
    module: Any,
    closest: Array,
    w: Array | None,
    heaviest: Array | None,
    sums: Array,
    fractions: Array,
) -> Array:
    n, chunks, trials = closest.shape[0], sums.shape[0], fractions.shape[0]
    rows = gpu.empty((trials,), gpu.xp.int64, like=closest)
    module.launch("sum_chunks", chunks, BLOCK, closest, w, n, sums)
    module.launch("draw", trials, BLOCK, closest, w, n, sums, chunks, fractions, heaviest, rows)
    return rows


class Seeding:
    """Prepared k-means++ (Arthur and Vassilvitskii, 2007): draws and picks read no result back."""

    closest: Array

    def __init__(self, gpu: Any, X: Array, w: Array | None):
        xp, n = gpu.xp, X.shape[0]
        self.gpu, self.X = gpu, gpu.contiguous(X)
        self.w = None if w is None else gpu.contiguous(xp.astype(w, xp.float64, copy=False))
        self.heaviest = _heaviest(gpu, self.w)
        self.lanes = 1 if X.shape[1] <= LOW else 32
        self.module = gpu.loader.module("seeding", T=gpu.c_type(X.dtype), LANES=self.lanes)
        self.sums = gpu.empty((-(-n // CHUNK),), xp.float64, like=X)

    def start(self, index: int) -> None:
        """Make row `index` the only centre."""
        self.closest = self.gpu.empty((self.X.shape[0],), self.gpu.xp.float64, like=self.X)
        self._measure(self._places(index), keep=0)

    def add(self, row: Any) -> None:
        """Make a row one more centre."""
        self._measure(self._places(row), keep=1)

    def _places(self, row: Any) -> Array:
        xp = self.gpu.xp
        return xp.reshape(asarray(row, like=self.X, dtype=xp.int64), (1,))

    def _measure(self, rows: Array, keep: int) -> None:
        n, d = self.X.shape
        self.module.launch(
            "measure", -(-n * self.lanes // BLOCK), BLOCK, self.X, n, d, rows, keep, self.closest
        )

    def grow(self, fractions: Any) -> Array:
        """Add the candidate that leaves the least sum, and return its row, 0-d."""
        gpu, xp, X = self.gpu, self.gpu.xp, self.X
        n, d = X.shape
        fractions = asarray(fractions, like=X, dtype=xp.float64)
        trials = fractions.shape[0]
        rows = _drawn(gpu, self.module, self.closest, self.w, self.heaviest, self.sums, fractions)
        best = gpu.empty((1,), xp.int64, like=X)
        blocks = min(-(-n * self.lanes // BLOCK), BLOCKS)
        gains = gpu.empty((blocks, trials), xp.float64, like=X)
        launch = self.module.launch
        grid = (blocks, -(-trials // CANDIDATES))
        launch("measure_gains", grid, BLOCK, X, n, d, self.w, self.closest, rows, trials, gains)
        launch("choose", 1, BLOCK, gains, blocks, trials, rows, best)
        self._measure(best, keep=1)
        return xp.reshape(best, ())
