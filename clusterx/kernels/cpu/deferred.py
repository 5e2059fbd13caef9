"""Kernels that are compiled only once that pays off: until then NumPy functions stand in."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import update_wrapper
from time import thread_time
from typing import Any

import numpy as np


class Deferred:
    """A kernel with a stand-in, which computes the same bits until compiling pays off.

    The stand-in runs until it has used as much CPU time as compiling would take, or until it is
    given data that are too large for it. If compiled code exists in this process or on disk, it
    is used at once. Stand-in and compilation together take at most twice as long as the better
    of the two.

    Parameters
    ----------
    function : callable
        Gives the name and the docstring.
    stand_in : callable
        Computes the same bits in NumPy; returns NotImplemented for data that are too large for it.
    seconds : float
        Approximate compile time.
    compiled : callable
        The kernel, or a function that calls kernels.
    has_code : callable
        Called with the kernel's arguments; returns whether `compiled` has code for them.
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
        # cheap, and tells most signatures apart
        kind = args[0].dtype, type(args[-1])
        if kind in self._compiled or not self._waits(kind, args):
            return self.compiled(*args)
        before = thread_time()
        with np.errstate(all="ignore"):  # because compiled code never warns
            result = self.stand_in(*args)
        if result is NotImplemented:
            self._compiled.add(kind)
            return self.compiled(*args)
        self._spent[kind] += thread_time() - before
        return result

    def _waits(self, kind: Any, args: tuple) -> bool:
        """Whether the stand-in still serves data of this kind."""
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
        """No longer use the stand-in for data of this kind, because there is too much of it.

        like : the first and the last argument of a call, or one array that is like both
        """
        self._compiled.add((like[0].dtype, type(like[-1])))

    @property
    def _numba_type_(self) -> Any:
        """The kernel's numba type, so that compiled code that calls this calls the kernel."""
        return self.compiled._numba_type_


def compiles_always() -> bool:
    """Whether CLUSTERX_COMPILE=always switches stand-ins off."""
    return os.environ.get("CLUSTERX_COMPILE", "") == "always"


def deferred(stand_in: Callable, seconds: float, kernels: tuple[Any, ...]) -> Callable:
    """Decorate a function that calls kernels: a stand-in runs until compiling them pays off."""

    def decorate(function: Callable) -> Deferred:
        return Deferred(function, stand_in, seconds, function, lambda *_: has_code(*kernels))

    return decorate


def has_code(*kernels: Any) -> bool:
    """Whether one of the kernels has been compiled, for any data, in this process or before it."""
    return any(kernel.overloads or kernel._cache.has_files() for kernel in kernels)
