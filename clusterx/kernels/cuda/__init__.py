"""Kernels for CuPy arrays: CUDA C++ in `.cu` files, compiled on first use for the GPU at hand."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from .backend import CudaKernels
from .loader import Loader

__all__ = ["CudaKernels", "Loader", "load"]


@cache
def load() -> CudaKernels:
    """The kernels of this machine's GPUs. Needs CuPy; nothing is compiled yet."""
    return CudaKernels(import_module("array_api_compat.cupy"), Loader())
