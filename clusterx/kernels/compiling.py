"""Tells who wants to know that kernels are being compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Listener(Protocol):
    """What `listening` takes."""

    def begin(self) -> None:
        """A kernel is about to be compiled."""

    def end(self) -> None:
        """It is compiled, or can't be."""


_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell the listener of every compilation within the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def announce() -> Iterator[None]:
    """Say that the block compiles a kernel."""
    told = list(_listeners)
    for listener in told:
        listener.begin()
    try:
        yield
    finally:
        for listener in told:
            listener.end()
