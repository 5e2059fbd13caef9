"""The CUDA kernels for the stand-in arrays, where `kernels_for` finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clusterx import kernels
from clusterx.kernels import Kernels
from clusterx.kernels.cuda.device import CudaDevice

from .arrays import NAME, Array, asarray, namespace
from .loader import EmulatedLoader, compiler

#: Values of a temporary: few, so that small data are cut into several blocks.
TILE = 1 << 12
#: Any of these may be what a GPU does; the last looks for what would tell them apart.
WAYS: dict[str, dict[str, Any]] = {
    "rising": {},
    "falling": {"order": "falling"},
    "shuffled": {"order": "shuffled", "seed": 3},
    "races": {"order": "shuffled", "races": True},
}


def up(*arrays: Any) -> list[Array]:
    """The arrays on the stand-in device."""
    return [asarray(x) for x in arrays]


def emulated(**options) -> Kernels:
    """CUDA kernels on the CPU; options of EmulatedLoader."""
    return on_device(EmulatedLoader(**options))


def on_device(loader: EmulatedLoader) -> Kernels:
    """CUDA kernels that the loader launches."""
    return Kernels("cuda", CudaDevice(namespace, loader, tile=TILE))


def faulty(name: str, old: str, new: str, **options) -> Kernels:
    """Kernels whose source has a fault, in ``<name>.cu``."""

    def change(module, text):
        assert module != name or old in text
        return text.replace(old, new) if module == name else text

    return emulated(change=change, **options)


def last_block(change: Any = None) -> EmulatedLoader:
    """A loader that runs the last block of a launch, and no other."""
    return EmulatedLoader(blocks=lambda kernel, total: (total - 1, 1), change=change)


def vast(folder: Path, name: str, n: int, dtype: str) -> Array:
    """An array whose memory is a file of mostly holes."""
    return Array(np.memmap(folder / name, np.dtype(dtype), "w+", shape=(n,)))


def install() -> None:
    """Give arrays of the stand-in library the CUDA kernels. ImportError if there is no g++."""
    compiler()
    kernels.TABLE.setdefault(NAME, emulated)
