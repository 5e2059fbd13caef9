"""Notifies listeners while kernels are compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Listener(Protocol):
    """Is notified of compilations; see `listening`."""

    def begin(self) -> None:
        """A kernel is about to be compiled."""

    def end(self) -> None:
        """It is compiled, or can't be."""


_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Notify the listener of every compilation within the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def announce() -> Iterator[None]:
    """Notify the listeners that the block compiles a kernel."""
    notified = list(_listeners)
    for listener in notified:
        listener.begin()
    try:
        yield
    finally:
        for listener in notified:
            listener.end()
