"""Runs a call on clusterx or on scikit-learn, and records it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

from . import devices, loading, routing
from .records import RECORDS, Call
from .routing import Size

logger = logging.getLogger("clusterx.accel")


class _Inside(threading.local):
    """Whether this thread is inside a call already; nested calls count as part of it."""

    depth = 0


_inside = _Inside()


def under_way() -> bool:
    return _inside.depth > 0


class Begun(NamedTuple):
    """When a call began, and the seconds lost to loading or in vain before its work began."""

    at: float
    loading: float


def on_scikit_learn(
    name: str, key: str, size: Size | None, why: str, work: Callable, begun: Begun
) -> Any:
    """The result of `work` on scikit-learn; calls within it stay with scikit-learn."""
    logger.info("%s goes to scikit-learn: %s", name, why)
    _inside.depth += 1
    try:
        return work()
    finally:
        _inside.depth -= 1
        seconds = perf_counter() - begun.at
        routing.left(key, size, seconds - begun.loading)
        RECORDS.add(Call(name, key, size, "scikit-learn", why), seconds, begun.loading)


def on_clusterx(
    name: str, key: str, size: Size, work: Callable, iterations: Callable, begun: Begun
) -> Any:
    """The result of `work` on clusterx, which may raise any exception."""
    _inside.depth += 1
    try:
        with loading.measured() as load:
            result = work()
    finally:
        _inside.depth -= 1
    seconds = perf_counter() - begun.at
    loaded = min(begun.loading + load.seconds, seconds)
    where = "clusterx" if devices.current() == "cpu" else "clusterx on the GPU"
    estimate = routing.taken(key, size, seconds - loaded, iterations())
    RECORDS.add(Call(name, key, size, where, ""), seconds, loaded, estimate)
    logger.debug("%s ran on %s in %.3g s", name, where, seconds)
    return result


def run(
    name: str,
    key: str,
    size: Size | None,
    refusal: Callable[[], str | None],
    accelerated: Callable,
    original: Callable,
    iterations: Callable[[], int | None] = lambda: None,
) -> Any:
    """Run a user's call: on clusterx if clusterx takes it and that saves time.

    Parameters
    ----------
    name : str
        Name of the call in reports, such as ``"KMeans.fit"``.
    key : str
        The row of the table of times.
    size : Size, optional
        Of the data; None if it can't be told, and then scikit-learn gets the call.
    refusal : callable
        Returns why clusterx does not take the call, or None.
    accelerated, original : callable
        The call on clusterx, and on scikit-learn.
    iterations : callable
        Returns how many iterations the call made, if it makes any.
    """
    if under_way():
        return original()
    started = perf_counter()
    if size is None:
        reason = "the data have no rows and columns"
        return on_scikit_learn(name, key, size, reason, original, Begun(started, 0.0))
    with loading.measured() as load:
        why = routing.reason(key, size) or refusal()
    begun = Begun(started, load.seconds)
    if why is None:
        try:
            return on_clusterx(name, key, size, accelerated, iterations, begun)
        except Exception as error:  # scikit-learn takes the call, or raises what users expect
            why = f"clusterx raised {type(error).__name__}: {error}"
            begun = Begun(started, perf_counter() - started)
    return on_scikit_learn(name, key, size, why, original, begun)
