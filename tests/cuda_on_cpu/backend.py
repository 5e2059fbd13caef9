"""The CUDA kernels for the stand-in arrays, where `kernels_for` finds them."""

from __future__ import annotations

import sys

from clusterx import kernels
from clusterx.kernels.cuda import CudaKernels

from .arrays import NAME, namespace
from .loader import EmulatedLoader, compiler

#: Values of a temporary: few, so that small data are cut into several blocks.
TILE = 1 << 12


def emulated(**options) -> CudaKernels:
    """CUDA kernels on the CPU; options of EmulatedLoader."""
    return CudaKernels(namespace, EmulatedLoader(**options), tile=TILE)


def install() -> None:
    """Give arrays of the stand-in library the CUDA kernels. ImportError if there is no g++."""
    compiler()
    if NAME not in kernels._TUNED:
        sys.modules[f"{kernels.__name__}.{NAME}"] = emulated()  # type: ignore[assignment]
        kernels._TUNED[NAME] = NAME
