"""The first argument of all CUDA kernels: it makes arrays, loads kernels, multiplies matrices."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from ...arrays import Array, device, dtype_name
from .loader import C_TYPES, Loader
from .products import Products


class CudaDevice:
    """New arrays, kernels and matrix products for one array library on NVIDIA GPUs.

    It does not depend on CuPy itself: tests pass another library and another loader, and run the
    same code.

    Parameters
    ----------
    xp : module
        The namespace of the arrays, which follow the array API standard and are contiguous when
        new.
    loader : Loader
        Compiles and launches kernels; its `cupy` has cuBLAS.
    tile : int
        Most values of a temporary, such as a block of products of rows and centres.
    """

    def __init__(self, xp: ModuleType, loader: Any, *, tile: int = 1 << 24):
        self.xp, self.loader, self.tile = xp, loader, tile
        self.products = Products(loader)

    def __reduce__(self) -> tuple:
        # kernels that are sent to another process run on the device of its machine
        return cupy_device, ()

    def empty(self, shape: tuple[int, ...], dtype: Any, *, like: Array) -> Array:
        """A new array on the device of `like`, uninitialised."""
        return self.xp.empty(shape, dtype=dtype, device=device(like))

    def zeros(self, shape: tuple[int, ...], dtype: Any, *, like: Array) -> Array:
        """A new array of zeros on the device of `like`."""
        return self.xp.zeros(shape, dtype=dtype, device=device(like))

    def contiguous(self, x: Array) -> Array:
        """x if it is C-contiguous, else a copy that is."""
        flags = getattr(x, "flags", None)
        if flags is not None and flags.c_contiguous:
            return x
        copy = self.empty(x.shape, x.dtype, like=x)
        copy[...] = x
        return copy

    def c_type(self, dtype: Any) -> str:
        """The C++ name of a dtype."""
        return C_TYPES[dtype_name(dtype)]


@cache
def cupy_device() -> CudaDevice:
    """This machine's GPUs. Needs CuPy; nothing is compiled yet."""
    return CudaDevice(import_module("array_api_compat.cupy"), Loader())
