"""Where a library computes: how data get there, how time is taken, what memory it held."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np


class Outcome(NamedTuple):
    """What a library answered, where it computed; `seconds` only where a child was timed."""

    centers: Any = None
    labels: Any = None
    n_iter: int | None = None
    seconds: float | None = None
    score: float | None = None


class Times(NamedTuple):
    """Seconds of a run on the device's clock and on the wall's, and what came of it."""

    seconds: float
    wall: float
    outcome: Outcome


Run = Callable[[int], Outcome]


class Host:
    """NumPy arrays on the host."""

    compat = "array_api_compat.numpy"

    @property
    def xp(self) -> Any:
        """The array API namespace of its arrays."""
        return import_module(self.compat)

    def put(self, host: np.ndarray) -> Any:
        """Host data there, complete when this returns."""
        return host

    def time(self, run: Run, seed: int) -> Times:
        """Time one run."""
        begin = perf_counter()
        outcome = run(seed)
        wall = perf_counter() - begin
        return Times(wall if outcome.seconds is None else outcome.seconds, wall, outcome)

    def peak_mib(self) -> float | None:
        """The most device memory that the library's allocator has held."""
        return None


class HostTorch(Host):
    """PyTorch tensors on the host: what stands in for a GPU in a dry run."""

    compat = "array_api_compat.torch"

    def put(self, host: np.ndarray) -> Any:
        return import_module("torch").from_numpy(np.array(host))


class CudaCupy(Host):
    """CuPy arrays on the current GPU."""

    compat = "array_api_compat.cupy"

    def put(self, host: np.ndarray) -> Any:
        cupy = import_module("cupy")
        there = cupy.asarray(np.ascontiguousarray(host))
        cupy.cuda.get_current_stream().synchronize()
        return there

    def time(self, run: Run, seed: int) -> Times:
        cuda = import_module("cupy").cuda
        start, end = cuda.Event(), cuda.Event()
        cuda.Device().synchronize()
        begin = perf_counter()
        start.record()
        outcome = run(seed)
        end.record()
        end.synchronize()
        cuda.Device().synchronize()  # libraries with streams of their own
        wall = perf_counter() - begin
        return Times(cuda.get_elapsed_time(start, end) / 1e3, wall, outcome)

    def peak_mib(self) -> float | None:
        return import_module("cupy").get_default_memory_pool().total_bytes() / 2**20


class CudaTorch(Host):
    """PyTorch tensors on the current GPU."""

    compat = "array_api_compat.torch"

    def put(self, host: np.ndarray) -> Any:
        torch = import_module("torch")
        there = torch.from_numpy(np.array(host)).to("cuda")
        torch.cuda.synchronize()
        return there

    def time(self, run: Run, seed: int) -> Times:
        cuda = import_module("torch").cuda
        start, end = (cuda.Event(enable_timing=True) for _ in range(2))
        cuda.synchronize()
        begin = perf_counter()
        start.record()
        outcome = run(seed)
        end.record()
        cuda.synchronize()
        wall = perf_counter() - begin
        return Times(start.elapsed_time(end) / 1e3, wall, outcome)

    def peak_mib(self) -> float | None:
        return import_module("torch").cuda.max_memory_reserved() / 2**20


class CudaFromHost(CudaTorch):
    """The current GPU, for a library that takes its data from the host in every run."""

    compat = Host.compat
    put = Host.put
