"""NVIDIA's run-time compiler, which needs no GPU: registers and spills of every kernel."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

_RESOURCES = re.compile(
    r"Compiling entry function '(?P<name>\w+)'.*?"
    r"(?P<frame>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, "
    r"(?P<loads>\d+) bytes spill loads.*?Used (?P<registers>\d+) registers"
    r"(?P<rest>[^\n]*)",
    re.DOTALL,
)

#: What the loader asks CuPy for, and what CuPy 14 adds: float32 numbers below 2^-126 become zero.
OPTIONS = ("-std=c++17", "-ftz=true", "--device-as-default-execution-space")


class Resources(NamedTuple):
    """What a thread or block of a kernel takes; sizes in bytes."""

    registers: int
    spills: int
    shared: int
    stack: int


def library() -> Path:
    """The compiler's library in its wheel, or ImportError."""
    spec = importlib.util.find_spec("nvidia")
    for place in spec.submodule_search_locations if spec else ():
        found = [p for p in Path(place).glob("*/lib/libnvrtc.so.*") if ".alt" not in p.name]
        if found:
            return max(found)
    raise ImportError("there is no NVRTC: pip install nvidia-cuda-nvrtc-cu12")


@cache
def _nvrtc() -> ctypes.CDLL:
    found = ctypes.CDLL(str(library()))
    found.nvrtcGetErrorString.restype = ctypes.c_char_p
    return found


def _call(name: str, *args) -> None:
    code = getattr(_nvrtc(), name)(*args)
    if code:
        raise RuntimeError(f"{name}: {_nvrtc().nvrtcGetErrorString(code).decode()}")


def architectures() -> list[int]:
    """Those that this compiler knows."""
    count = ctypes.c_int()
    _call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
    found = (ctypes.c_int * count.value)()
    _call("nvrtcGetSupportedArchs", found)
    return list(found)


def compile_for(architecture: int, code: str, name: str) -> dict[str, Resources]:
    """What each kernel of the source takes. RuntimeError with the compiler's words if it fails."""
    program = ctypes.c_void_p()
    _call(
        "nvrtcCreateProgram", ctypes.byref(program), code.encode(), f"{name}.cu".encode(), 0,
        None, None,
    )  # fmt: skip
    options = [f"--gpu-architecture=sm_{architecture}", "--ptxas-options=-v", *OPTIONS]
    given = (ctypes.c_char_p * len(options))(*(o.encode() for o in options))
    status = _nvrtc().nvrtcCompileProgram(program, len(options), given)
    size = ctypes.c_size_t()
    _call("nvrtcGetProgramLogSize", program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    _call("nvrtcGetProgramLog", program, log)
    _call("nvrtcDestroyProgram", ctypes.byref(program))
    text = log.value.decode()
    if status:
        raise RuntimeError(f"{name}.cu does not compile for sm_{architecture}:\n{text}")
    return {m["name"]: _resources(m) for m in _RESOURCES.finditer(text)}


def _resources(match: re.Match) -> Resources:
    shared = re.search(r"(\d+) bytes smem", match["rest"])
    return Resources(
        int(match["registers"]),
        int(match["stores"]) + int(match["loads"]),
        int(shared[1]) if shared else 0,
        int(match["frame"]),
    )
