"""Measures the time spent on importing clusterx, and on reading and compiling its kernels."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from time import perf_counter
from typing import Any


@dataclass
class Load:
    """Seconds of loading within a block."""

    seconds: float = 0.0


_current: list[Load] = []
_listening = False


def twin(name: str, module: str = "clusterx") -> Any:
    """clusterx's own class or function of that name."""
    started = perf_counter()
    found = getattr(import_module(module), name)
    if not _listening:
        _listen()
    if _current:
        _current[-1].seconds += perf_counter() - started
    return found


@contextmanager
def measured() -> Iterator[Load]:
    """Measure how much of the block is loading."""
    load = Load()
    _current.append(load)
    try:
        yield load
    finally:
        _current.remove(load)


def is_loaded() -> bool:
    """Whether clusterx's compiled kernels have been imported."""
    return "clusterx.kernels.cpu.jit" in sys.modules


def _listen() -> None:
    """Have numba report when it compiles or reads kernels, both of which it does under a lock."""
    global _listening
    from numba.core import event

    class Locked(event.Listener):
        """Adds up the seconds for which the outermost lock is held."""

        depth, since = 0, 0.0

        def on_start(self, event: Any) -> None:
            if self.depth == 0:
                self.since = perf_counter()
            self.depth += 1

        def on_end(self, event: Any) -> None:
            self.depth -= 1
            if self.depth == 0 and _current:
                _current[-1].seconds += perf_counter() - self.since

    event.register("numba:compiler_lock", Locked())
    _listening = True
