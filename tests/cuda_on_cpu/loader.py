"""A loader that builds `.cu` files with g++ and runs their kernels on the CPU."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from clusterx.kernels.cuda.loader import source

from . import streams
from .arrays import Array
from .cublas import with_cublas

HERE = Path(__file__).parent
ORDERS = {"rising": 0, "falling": 1, "shuffled": 2}
#: Undefined arithmetic is reported, by handlers of emulation.cpp.
_FLAGS = (
    "-std=c++17 -O1 -g1 -fPIC -fvisibility=hidden -fno-exceptions -fno-strict-aliasing "
    "-ffp-contract=off -Wall -Wextra -Wno-unused-function -Wno-unused-variable "
    "-Wno-unused-parameter -Wno-unknown-pragmas -Wno-sign-compare -Werror"
).split()
_CHECKS = "-fsanitize=bounds,signed-integer-overflow,shift,integer-divide-by-zero".split()
#: Bytes on either side of an array that a kernel must leave alone, and finds rubbish in.
GUARD = 8192
_RUBBISH = 0xCD
_KERNEL = re.compile(r'extern "C"\s+__global__\s+void\s+(\w+)\s*\(')
_CODES = {"f": "float", "i": "int", "u": "uint"}
#: The limits of CUDA that no device property changes.
_MOST_THREADS, _MOST_BLOCKS = 1024, (2**31 - 1, 65535, 65535)
_SHARED_BYTES = 48 << 10


class LaunchError(AssertionError):
    """What a kernel must not do on a GPU either."""


class EmulatedLoader:
    """Stands in for `Loader`.

    Parameters
    ----------
    order : {'rising', 'falling', 'shuffled'}
        In which order threads and blocks run, between waits.
    seed : int
        Of a shuffled order.
    ucontext : bool
        Switch between threads by the C library, as on CPUs for which there is no switch of our
        own. It is slow.
    races : bool
        Look for accesses of two threads to one place, not all of them reads or atomic, that
        nothing orders. It is slow.
    capability : str
        The compute capability that the device has.
    change : callable, optional
        Changes the source before it is built: what tests plant faults with.
    blocks : callable, optional
        The blocks of a grid that run, as (first, count), for a launch of a kernel too large to
        run whole.

    Attributes
    ----------
    cupy : namespace
        What stands in for CuPy beside its arrays: `cupy.cuda`.
    """

    def __init__(
        self,
        *,
        order: str = "rising",
        seed: int = 0,
        ucontext: bool = False,
        races: bool = False,
        change: Any = None,
        blocks: Any = None,
        capability: str = "90",
    ):
        self.order, self.seed, self.races = ORDERS[order], seed, races
        self.change = change or (lambda name, text: text)
        self.ucontext = ucontext
        self.blocks = blocks or (lambda kernel, total: (0, total))
        self.cupy = SimpleNamespace(cuda=streams.Cuda())
        self.launches: list[str] = []
        self._modules: dict[tuple, Module] = {}
        with_cublas(self.cupy.cuda, capability)

    def module(self, name: str, **defines: Any) -> Module:
        key = (name, *sorted(defines.items()))
        if key not in self._modules:
            text = self.change(name, source(name, defines))
            self._modules[key] = Module(self, build(text, races=self.races, ucontext=self.ucontext))
        return self._modules[key]


class Module:
    """Kernels of one file."""

    def __init__(self, loader: EmulatedLoader, path: Path):
        self.loader = loader
        self._library = ctypes.CDLL(str(path), mode=os.RTLD_LOCAL | os.RTLD_NOW)
        self._run = self._library.cuda_on_cpu_launch
        self._run.restype = ctypes.c_char_p
        self._lock = threading.Lock()

    def launch(self, kernel, grid, block, *args, shared=0):
        grid = grid if isinstance(grid, tuple) else (grid,)
        if 0 in grid:
            return
        _check_shape(kernel, grid, block, shared)
        grid = (*grid, 1, 1)[:3]
        self.loader.launches.append(kernel)
        first, count = self.loader.blocks(kernel, grid[0] * grid[1] * grid[2])
        with self._lock:
            guarded = Guarded(self._signature(kernel), kernel, args)
            watched = guarded.watched() if self.loader.races else None
            trouble = self._run(
                getattr(self._library, f"{kernel}_on_cpu"),
                (ctypes.c_longlong * 3)(*grid),
                ctypes.c_int(block),
                ctypes.c_longlong(first),
                ctypes.c_longlong(count),
                ctypes.c_longlong(shared),
                guarded.pointers(),
                ctypes.c_int(self.loader.order),
                ctypes.c_uint64(self.loader.seed),
                watched,
                ctypes.c_int(len(guarded.buffers)),
            )
        if trouble is not None:
            raise LaunchError(f"{kernel}: {trouble.decode()}")
        guarded.finish()

    def _signature(self, kernel: str) -> list[str]:
        function = getattr(self._library, f"{kernel}_signature")
        function.restype = ctypes.c_char_p
        return function().decode().split()


def _check_shape(kernel: str, grid: tuple, block: int, shared: int) -> None:
    if not 1 <= block <= _MOST_THREADS:
        raise LaunchError(f"{kernel}: {block} threads a block")
    if any(not 1 <= b <= most for b, most in zip(grid, _MOST_BLOCKS, strict=False)):
        raise LaunchError(f"{kernel}: a grid of {grid}")
    if shared > _SHARED_BYTES:
        raise LaunchError(f"{kernel}: {shared} bytes of shared memory")


class Guarded:
    """Arguments of a launch; arrays are copied between guards, and back if they were changed."""

    #: Larger arrays are given as they are.
    LARGEST = 1 << 26

    def __init__(self, signature: list[str], kernel: str, args: tuple):
        if len(args) != len(signature):
            raise LaunchError(f"{kernel} takes {len(signature)} arguments, got {len(args)}")
        self.kernel = kernel
        self.values: list[Any] = []
        self.buffers: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, bool]] = {}
        for place, (code, arg) in enumerate(zip(signature, args, strict=True)):
            self.values.append(self._value(place, code, arg))
        written = {address for (address, _), (_, _, writes) in self.buffers.items() if writes}
        if any(sum(at == address for at, _ in self.buffers) > 1 for address in written):
            raise LaunchError(f"{kernel}: arrays of two sizes begin at one place")

    def _value(self, place: int, code: str, arg: Any) -> Any:
        what = f"argument {place} of {self.kernel}, a {type(arg).__name__},"
        if code in ("long", "double"):
            if type(arg) is not {"long": int, "double": float}[code]:
                raise LaunchError(f"{what} is to be a {code}")
            return (ctypes.c_longlong if code == "long" else ctypes.c_double)(arg)
        if arg is None:
            return ctypes.c_void_p(None)
        if not isinstance(arg, Array):
            raise LaunchError(f"{what} is to be an array")
        named = f"{_CODES[code[1]]}{8 * int(code[2])}"
        found = "uint8" if arg.dtype == np.bool_ else arg.dtype.name
        if found != named:
            raise LaunchError(f"{what} of {arg.dtype}, is to be of {named}")
        if not arg.flags.c_contiguous:
            raise LaunchError(f"{what} is not contiguous")
        streams.used(arg.held)
        return ctypes.c_void_p(self._address(arg.held, writes=code[0] == "w"))

    def _address(self, held: np.ndarray, writes: bool) -> int:
        key = held.ctypes.data, held.nbytes
        if held.nbytes > self.LARGEST or not held.nbytes:
            return key[0]
        if key not in self.buffers:
            buffer = np.full(held.nbytes + 2 * GUARD, _RUBBISH, np.uint8)
            buffer[GUARD : GUARD + held.nbytes] = _bytes(held)
            self.buffers[key] = (held, buffer, writes)
        elif writes:
            self.buffers[key] = (*self.buffers[key][:2], True)
        return self.buffers[key][1].ctypes.data + GUARD

    def pointers(self) -> Any:
        array = (ctypes.c_void_p * len(self.values))()
        for i, value in enumerate(self.values):
            array[i] = ctypes.cast(ctypes.pointer(value), ctypes.c_void_p)
        return array

    def watched(self) -> Any:
        flat = []
        for held, buffer, _ in self.buffers.values():
            flat += [buffer.ctypes.data + GUARD, held.nbytes]
        return (ctypes.c_size_t * len(flat))(*flat)

    def finish(self) -> None:
        """Bring back what was written, if it is inside."""
        for held, buffer, writes in self.buffers.values():
            inside = buffer[GUARD : GUARD + held.nbytes]
            outside = np.concatenate([buffer[:GUARD], buffer[GUARD + held.nbytes :]])
            if (outside != _RUBBISH).any():
                raise LaunchError(f"{self.kernel} wrote beside an array of shape {held.shape}")
            if writes:
                _bytes(held)[:] = inside
            elif (_bytes(held) != inside).any():
                raise LaunchError(f"{self.kernel} wrote to an array of constants")


def _bytes(held: np.ndarray) -> np.ndarray:
    return held.reshape(-1).view(np.uint8)


def compiler() -> str:
    """g++, or ImportError."""
    found = shutil.which(os.environ.get("CXX", "g++"))
    if found is None:
        raise ImportError("there is no g++ to build the CUDA kernels with for the CPU")
    return found


def folder() -> Path:
    """Where built modules stay, by their contents."""
    base = os.environ.get("CLUSTERX_CUDA_ON_CPU_CACHE")
    path = Path(base) if base else Path(tempfile.gettempdir()) / f"clusterx-cuda-{os.getuid()}"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def build(text: str, *, races: bool, ucontext: bool = False) -> Path:
    """The shared library of a module's source."""
    runtime = (HERE / "emulation.cpp").read_text()
    header = (HERE / "cuda_emulation.h").read_text()
    parts = (text, runtime, header, str(races), str(ucontext), *_FLAGS, *_CHECKS)
    path = folder() / (_digest(*parts) + ".so")
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=folder()) as work:
            _compile(Path(work), text, races, ucontext).replace(path)
    return path


def _compile(work: Path, text: str, races: bool, ucontext: bool) -> Path:
    include = f'#include "{HERE / "cuda_emulation.h"}"\n'
    (work / "module.cpp").write_text(include + text)
    # without the header: its macros would hide which functions are kernels
    bare = _run([compiler(), "-E", "-P", "-DCUDA_ON_CPU", "-x", "c++", "-"], text)
    bare = re.sub(r"__launch_bounds__\s*\([^)]*\)", "", bare)
    kernels = _KERNEL.findall(bare)
    assert kernels, "no kernels in the source"
    stubs = "".join(_STUB.format(name=name) for name in kernels)
    (work / "module.cpp").write_text(f"{include}{text}\n{stubs}")
    flags = [*_FLAGS, *_CHECKS, *(["-fsanitize=thread", "-Wno-tsan"] if races else [])]
    module, library = work / "module.o", work / "module.so"
    _run([compiler(), *flags, "-c", str(work / "module.cpp"), "-o", str(module)])
    _run([compiler(), "-shared", str(module), str(_runtime(work, ucontext)), "-o", str(library)])
    return library


def _runtime(work: Path, ucontext: bool) -> Path:
    """The object of emulation.cpp, which takes longer to build than most modules."""
    flags = [*_FLAGS, *(["-DUCONTEXT"] if ucontext else [])]
    sources = [(HERE / name).read_text() for name in ("emulation.cpp", "cuda_emulation.h")]
    path = folder() / (_digest(*sources, *flags) + ".o")
    if not path.exists():
        made = work / "emulation.o"
        _run([compiler(), *flags, "-c", str(HERE / "emulation.cpp"), "-o", str(made)])
        made.replace(path)
    return path


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


_STUB = """
extern "C" __attribute__((visibility("default"))) void {name}_on_cpu(void **args)
{{
    cuda_on_cpu::call({name}, args);
}}
extern "C" __attribute__((visibility("default"))) const char *{name}_signature()
{{
    return cuda_on_cpu::signature_of({name});
}}
"""


def _run(command: list[str], given: str | None = None) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:2])} failed:\n{done.stderr[-6000:]}")
    return done.stdout
