"""The CUDA kernels of one array library, launched through one loader."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ...arrays import Array, device, dtype_name
from .. import Kernels, generic
from . import (
    color,
    contingency,
    distance_sums,
    distances,
    lloyd,
    minibatch,
    nearest,
    seeding,
    segment_sum,
    summary,
    upload,
)
from .loader import C_TYPES
from .products import Products


class CudaKernels:
    """Primitives for the arrays of a library on NVIDIA GPUs.

    What is not here runs on the generic kernels. Nothing depends on CuPy itself: tests bring
    another library and another loader, and go through the same code.

    Parameters
    ----------
    xp : module
        The namespace of the arrays, which follow the array API standard and are contiguous when
        new.
    loader : Loader
        Compiles and launches kernels; its `cupy` has cuBLAS.
    tile : int
        Values of the largest temporary: a block of the products of rows and centres.
    """

    def __init__(self, xp: ModuleType, loader: Any, *, tile: int = 1 << 24):
        self.xp, self.loader, self.tile = xp, loader, tile
        self.products = Products(loader)

    def empty(self, shape: tuple[int, ...], dtype: Any, *, like: Array) -> Array:
        """A new array on the device of `like`, of whatever was in memory."""
        return self.xp.empty(shape, dtype=dtype, device=device(like))

    def zeros(self, shape: tuple[int, ...], dtype: Any, *, like: Array) -> Array:
        """A new array of zeros on the device of `like`."""
        return self.xp.zeros(shape, dtype=dtype, device=device(like))

    def contiguous(self, x: Array) -> Array:
        """x, or a copy of it, with its elements in order in memory."""
        flags = getattr(x, "flags", None)
        if flags is not None and flags.c_contiguous:
            return x
        copy = self.empty(x.shape, x.dtype, like=x)
        copy[...] = x
        return copy

    def c_type(self, dtype: Any) -> str:
        """The name in C++ of a dtype."""
        return C_TYPES[dtype_name(dtype)]

    def __getattr__(self, name: str) -> Any:
        if name in Kernels._fields:
            return getattr(generic, name)
        raise AttributeError(f"there is no kernel {name!r}")

    def summary(self, X):
        return summary.summary(self, X)

    def nearest(self, X, C):
        return nearest.nearest(self, X, C)

    def distances(self, X, C):
        return distances.distances(self, X, C)

    def squared_distances(self, X, C):
        return distances.squared_distances(self, X, C)

    def distances_to(self, X, c):
        return distances.distances_to(self, X, c)

    def grid(self, summary, total, n):
        return lloyd.make_grid(self, summary, total, n)

    def lloyd_stats(self, X, w, grid, once=False, k=None):
        return lloyd.LloydStep(self, X, w, grid)

    def update(self, stats, C):
        return lloyd.update(self, stats, C)

    def seeding(self, X, w, step=None):
        return seeding.Seeding(self, X, w)

    def draw(self, closest, w, fractions):
        return seeding.draw(self, closest, w, fractions)

    def minibatch(self, X, k, batch_size):
        return minibatch.Batch(self, X)

    def color_counts(self, pixels):
        return color.color_counts(self, pixels)

    def remap(self, pixels, colors, labels):
        return color.remap(self, pixels, colors, labels)

    def own_squares(self, X, C, labels, squares=None):
        return segment_sum.own_squares(self, X, C, labels, squares)

    def segment_sum(self, X, labels, k):
        return segment_sum.segment_sum(self, X, labels, k)

    def label_sums(self, D, labels, k):
        return segment_sum.label_sums(self, D, labels, k)

    def distance_sums(self, X, labels, k, metric):
        return distance_sums.DistanceSums(self, X, labels, k, metric)

    def separation(self, X, labels, k, metric):
        return distance_sums.separation(self, X, labels, k, metric)

    def encode(self, labels):
        return contingency.encode(self, labels)

    def contingency(self, a, b, shape):
        return contingency.contingency(self, a, b, shape)

    def upload(self, blocks, like):
        return upload.upload(self, blocks, like)
