"""Notifies listeners of the rows that passes have read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from ..arrays import Array


class Listener(Protocol):
    """Is notified of passes; see `watching`."""

    def read(self, rows: int, n: int) -> None:
        """`rows` of the n rows have been read in this pass; 0 when a pass begins."""


_listeners: list[Listener] = []


@contextmanager
def watching(listener: Listener) -> Iterator[None]:
    """Notify the listener of passes over rows in blocks while the ``with`` body runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def notify(rows: int, n: int) -> None:
    """Notify the listeners of the rows drawn so far; each n of them count as a pass."""
    for listener in list(_listeners):
        listener.read(rows % n, n)


def watched(blocks: Iterator[Array], n: int) -> Iterator[Array]:
    """Yield the blocks, and notify the listeners of the rows of each after its use."""
    if not _listeners:
        yield from blocks
        return
    done = 0
    for block in blocks:
        for listener in list(_listeners):
            listener.read(done, n)
        yield block
        done += block.shape[0]
    for listener in list(_listeners):
        listener.read(done, n)
