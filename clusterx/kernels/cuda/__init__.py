"""Kernels for CuPy arrays: CUDA C++ in `.cu` files, compiled on first use for the GPU at hand."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module

from .backend import CudaKernels
from .loader import Loader

__all__ = ["CudaKernels", "Loader", "load"]


@cache
def load() -> CudaKernels:
    """The kernels of this machine's GPUs. Needs CuPy; nothing is compiled yet."""
    tf32 = os.environ.get("CUPY_TF32", "0") == "1"  # how CuPy is told to use it
    return CudaKernels(import_module("array_api_compat.cupy"), Loader(), tf32=tf32)
