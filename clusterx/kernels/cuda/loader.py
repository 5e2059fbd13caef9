"""Compiles `.cu` files for the GPU at hand, and launches their kernels."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import is_array, on_host

FOLDER = Path(__file__).parent
#: The `.cu` files of all families, by their names.
FILES = {path.stem: path for path in FOLDER.parent.rglob("*.cu")}
#: The oldest CuPy, GPU (compute capability times 10) and driver (1000 times the CUDA version) that
#: `.cu` files are written for; tests compile them for this capability.
LEAST_CUPY, LEAST_CAPABILITY, LEAST_DRIVER = 14, 75, 12000
C_TYPES = {
    "bool": "unsigned char",
    "uint8": "unsigned char",
    "int8": "signed char",
    "uint16": "unsigned short",
    "int16": "short",
    "uint32": "unsigned int",
    "int32": "int",
    "uint64": "unsigned long long",
    "int64": "long long",
    "float32": "float",
    "float64": "double",
}


_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)


def source(name: str, defines: dict[str, Any]) -> str:
    """The text of a `.cu` file with its includes, after the macros and `common.cuh`."""
    macros = "".join(f"#define {key} {value}\n" for key, value in defines.items())
    return macros + _text(FOLDER / "common.cuh") + _text(FILES[name])


def _text(file: Path) -> str:
    text = file.read_text()

    def included(match: re.Match) -> str:
        own = file.parent / match[1]  # of the family, or else shared
        return _text(own if own.exists() else FOLDER / match[1]) + f'#line 1 "{file.name}"'

    text = _INCLUDE.sub(included, text)
    return f'#line 1 "{file.name}"\n{text}\n'


class Loader:
    """Loads modules of kernels for NVIDIA GPUs through CuPy.

    CuPy compiles a module once for each kind of device and keeps it on disk
    (``CUPY_CACHE_DIR``).

    Parameters
    ----------
    cupy : module, optional
        CuPy, or a stand-in for it; by default CuPy is imported on first use.
    """

    def __init__(self, cupy: Any = None):
        self._given = cupy
        self._modules: dict[tuple, Module] = {}
        self._checked: set[int] = set()

    @property
    def cupy(self) -> Any:
        return self._given or import_module("cupy")

    def module(self, name: str, **defines: Any) -> Module:
        """The kernels of ``<name>.cu``, with a macro for each of the defines.

        Raises
        ------
        RuntimeError
            CuPy, the driver or the GPU is too old.
        """
        device = self.cupy.cuda.runtime.getDevice()
        if device not in self._checked:
            self._check(device)
            self._checked.add(device)
        key = (name, *sorted(defines.items()))
        if key not in self._modules:
            self._modules[key] = Module(self.cupy, source(name, defines))
        return self._modules[key]

    def _check(self, device: int) -> None:
        cupy = self.cupy
        if int(cupy.__version__.partition(".")[0]) < LEAST_CUPY:
            raise RuntimeError(
                f"clusterx needs CuPy {LEAST_CUPY} or newer, got {cupy.__version__}. Upgrade it: "
                'pip install -U "clusterx[cuda12]", or [cuda13].'
            )
        driver = cupy.cuda.runtime.driverGetVersion()
        if driver < LEAST_DRIVER:
            raise RuntimeError(
                f"clusterx needs an NVIDIA driver for CUDA {LEAST_DRIVER // 1000} or newer, got "
                f"one for CUDA {driver // 1000}.{driver % 1000 // 10}. Upgrade the driver."
            )
        capability = str(cupy.cuda.Device(device).compute_capability)
        if int(capability) < LEAST_CAPABILITY:
            raise RuntimeError(
                f"clusterx needs a GPU of compute capability {LEAST_CAPABILITY / 10} (Turing) or "
                f"higher; GPU {device} has {int(capability) / 10}. Move the data to another GPU, "
                "or to the host with cupy.asnumpy."
            )


class Module:
    """Kernels of one `.cu` file under one set of macros."""

    def __init__(self, cupy: Any, code: str):
        self._raw = cupy.RawModule(code=code, options=("-std=c++17",))
        self._kernels: dict[str, Any] = {}

    def launch(
        self, kernel: str, grid: int | tuple[int, ...], block: int, *args: Any, shared: int = 0
    ) -> None:
        """Run a kernel on the current device and stream.

        Parameters
        ----------
        kernel : str
        grid : int or tuple of int
            Number of blocks; with 0 nothing is launched.
        block : int
            Threads per block.
        *args : array, int, float or None
            Contiguous arrays go as pointers, int as long long, float as double, None as a null
            pointer.
        shared : int
            Bytes of shared memory in addition to those that the kernel declares.
        """
        blocks = grid if isinstance(grid, tuple) else (grid,)
        if 0 in blocks:
            return
        if kernel not in self._kernels:
            self._kernels[kernel] = self._raw.get_function(kernel)
        self._kernels[kernel](blocks, (block,), tuple(map(_converted, args)), shared_mem=shared)


def _converted(arg: Any) -> Any:
    if arg is None:
        return np.uint64(0)  # a null pointer
    if type(arg) is int:
        return np.int64(arg)
    if type(arg) is float:
        return np.float64(arg)
    if not is_array(arg) or on_host(arg):
        raise TypeError(f"a kernel takes arrays of the device, int, float and None, got {arg!r}")
    assert arg.flags.c_contiguous, "a kernel reads memory in order, whatever the strides say"
    return arg
