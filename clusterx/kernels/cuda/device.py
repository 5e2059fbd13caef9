"""What CUDA kernels get as their first argument: arrays, the loader, products."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from ...arrays import Array, device, dtype_name
from .loader import C_TYPES, Loader
from .products import Products


class CudaDevice:
    """What the kernels of a library of arrays on NVIDIA GPUs have in common.

    Nothing depends on CuPy itself: tests bring
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


@cache
def cupy_device() -> CudaDevice:
    """This machine's GPUs. Needs CuPy; nothing is compiled yet."""
    return CudaDevice(import_module("array_api_compat.cupy"), Loader())
