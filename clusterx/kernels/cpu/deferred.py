"""Kernels that are not compiled before that pays: NumPy stands in for them until then."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import update_wrapper
from time import thread_time
from typing import Any

import numpy as np


class Deferred:
    """A kernel, for which a stand-in of the same bits works until compiling pays.

    The stand-in serves until it has taken as much of a core's time as compiling would, or data
    come that are too large for it. Where there is compiled code, in this process or on disk, it is
    used at once. Together, stand-in and compiling take at most twice what the better one would.

    Parameters
    ----------
    function : callable
        What it is named and described after.
    stand_in : callable
        Computes the same bits in NumPy; returns NotImplemented for data that are too large for it.
    seconds : float
        How long compiling takes, about.
    compiled : callable
        The kernel, or a function that calls kernels.
    has_code : callable
        Whether `compiled` has code for the arguments it is called with.
    """

    def __init__(
        self,
        function: Callable,
        stand_in: Callable,
        seconds: float,
        compiled: Any,
        has_code: Callable[..., bool],
    ):
        update_wrapper(self, function)
        self.stand_in, self.seconds, self.compiled = stand_in, seconds, compiled
        self._has_code = has_code
        self._spent: dict[Any, float] = {}  # seconds of the stand-in by kind of data
        self._compiled: set[Any] = set()  # kinds of data that the stand-in no longer serves

    def __call__(self, *args: Any) -> Any:
        # cheap, and tells apart what most often differs between signatures
        kind = args[0].dtype, type(args[-1])
        if kind in self._compiled or not self._waits(kind, args):
            return self.compiled(*args)
        before = thread_time()
        with np.errstate(all="ignore"):  # compiled code warns of nothing
            found = self.stand_in(*args)
        if found is NotImplemented:
            self._compiled.add(kind)
            return self.compiled(*args)
        self._spent[kind] += thread_time() - before
        return found

    def _waits(self, kind: Any, args: tuple) -> bool:
        """Whether the stand-in serves data of this kind still."""
        if kind not in self._spent:
            if compiles_always() or self._has_code(*args):
                self._compiled.add(kind)
                return False
            self._spent[kind] = 0.0
        if self._spent[kind] >= self.seconds:
            self._compiled.add(kind)
            return False
        return True

    def retire(self, *like: Any) -> None:
        """Let the stand-in serve no data of this kind: there are more than it is worth using for.

        like : the first and the last argument of a call, or one array that is like both
        """
        self._compiled.add((like[0].dtype, type(like[-1])))

    @property
    def _numba_type_(self) -> Any:
        """Compiled code that calls this calls the kernel."""
        return self.compiled._numba_type_


def compiles_always() -> bool:
    """Whether CLUSTERX_COMPILE says that nothing stands in for compiled code."""
    return os.environ.get("CLUSTERX_COMPILE", "") == "always"


def deferred(stand_in: Callable, seconds: float, kernels: tuple[Any, ...]) -> Callable:
    """Decorate a function that calls kernels: a stand-in works until compiling them pays."""

    def decorate(function: Callable) -> Deferred:
        return Deferred(function, stand_in, seconds, function, lambda *_: has_code(*kernels))

    return decorate


def has_code(*kernels: Any) -> bool:
    """Whether one of the kernels has been compiled, for any data, in this process or before it."""
    return any(kernel.overloads or kernel._cache.has_files() for kernel in kernels)
