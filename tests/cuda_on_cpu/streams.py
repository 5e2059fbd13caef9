"""Streams, events and pinned memory of the stand-in, as CuPy has them in `cupy.cuda`.

Work on the current stream is done at once. A copy to the device is done as late as it may be: when
the current stream, or the host, waits for it. So whoever does not wait finds rubbish, or an earlier
block. What only a GPU would show, where work lags behind the host, is looked for: a copy to memory
whose use, or allocation, the copying stream has not waited for, and a pinned buffer that was
written to before the host had waited for the copy from it.
"""

from __future__ import annotations

import threading
from weakref import WeakValueDictionary

import numpy as np

RUBBISH = 0xCD

_clock = 0
#: When device memory was last allocated or worked on, by where it is.
_touched: dict[int, int] = {}


class RaceError(AssertionError):
    """What would be decided by who comes first."""


def tick() -> int:
    global _clock
    _clock += 1
    return _clock


def root(held: np.ndarray) -> np.ndarray:
    """The array that owns the memory."""
    while isinstance(held.base, np.ndarray):
        held = held.base
    return held


def allocated(held: np.ndarray) -> None:
    _touched[id(root(held))] = tick()


def used(held: np.ndarray) -> None:
    """The current stream works on the array."""
    owner = id(root(held))
    if owner in _touched:
        _touched[owner] = tick()


class Copy:
    """A copy to the device, from when it is asked for to when the host knows that it has ended."""

    def __init__(self, stream: Stream, target: np.ndarray, source: np.ndarray):
        self.stream, self.target, self.source = stream, target, source
        self.taken: np.ndarray | None = None
        self.ended = False

    def do(self) -> None:
        if self.taken is None:
            self.taken = self.source.copy()
            self.target[...] = self.source

    def end(self) -> None:
        self.do()
        self.check()
        self.ended = True

    def check(self) -> None:
        if self.taken is not None and self.taken.tobytes() != self.source.tobytes():
            raise RaceError("a pinned buffer was overwritten while it may have been copied from")


class Event:
    """As `cupy.cuda.Event`."""

    def __init__(self, cuda: Cuda):
        self.cuda, self.time = cuda, 0
        self.stream: Stream | None = None
        self.copies: tuple[Copy, ...] = ()

    def record(self, stream: Stream | None = None) -> None:
        self.stream = stream or self.cuda.current
        self.time, self.copies = tick(), tuple(self.stream.copies)

    def synchronize(self) -> None:
        if "host" not in self.cuda.dropped:
            self.cuda.end(self.copies)


class Stream:
    """As `cupy.cuda.Stream`."""

    def __init__(self, cuda: Cuda):
        self.cuda = cuda
        self.copies: list[Copy] = []  # those that the host has not waited for
        self.waited_until = 0

    def record(self, event: Event) -> Event:
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        if self is self.cuda.current:
            if "current" not in self.cuda.dropped:
                self.cuda.do(event.copies)
        elif event.stream is self.cuda.current and "copies" not in self.cuda.dropped:
            self.waited_until = max(self.waited_until, event.time)

    def synchronize(self) -> None:
        self.cuda.end(tuple(self.copies))

    def copy(self, target: np.ndarray, source: np.ndarray) -> None:
        if _touched.get(id(root(target)), 0) > self.waited_until:
            raise RaceError("a copy to memory that may still be worked on")
        self.cuda.begin(Copy(self, target, source))


class Cuda:
    """As `cupy.cuda`.

    Parameters
    ----------
    dropped : set of {'current', 'host', 'copies'}
        Whose waits do nothing: what tests plant faults with.

    Attributes
    ----------
    pinned : list of int
        Bytes of each pinned buffer that was asked for.
    copied : int
        Bytes of all copies.
    """

    def __init__(self, dropped: tuple[str, ...] = ()):
        self.dropped = set(dropped)
        self.current = Stream(self)
        self.pinned: list[int] = []
        self.copied = 0
        self._pinned: WeakValueDictionary[int, np.ndarray] = WeakValueDictionary()
        self._copies: list[Copy] = []
        self._lock = threading.Lock()

    def get_current_stream(self) -> Stream:
        return self.current

    def Stream(self, *, non_blocking: bool) -> Stream:
        assert non_blocking, "a blocking stream waits for the null stream"
        return Stream(self)

    def Event(self, *, block: bool = False, disable_timing: bool = False) -> Event:
        return Event(self)

    def alloc_pinned_memory(self, size: int) -> memoryview:
        memory = np.full(size, RUBBISH, np.uint8)
        self.pinned.append(size)
        self._pinned[memory.ctypes.data] = memory
        return memoryview(memory)

    def begin(self, copy: Copy) -> None:
        with self._lock:
            for earlier in copy.stream.copies:
                earlier.check()
            copy.stream.copies.append(copy)
            self._copies.append(copy)
            self.copied += copy.source.nbytes

    def do(self, copies: tuple[Copy, ...]) -> None:
        """The current stream waits for them."""
        with self._lock:
            for copy in copies:
                copy.do()

    def end(self, copies: tuple[Copy, ...]) -> None:
        """The host waits for them."""
        with self._lock:
            for copy in copies:
                if not copy.ended:
                    copy.end()
                    copy.stream.copies.remove(copy)
                    self._copies.remove(copy)

    def is_pinned(self, host: np.ndarray) -> bool:
        memory = self._pinned.get(host.ctypes.data)
        return memory is not None and host.nbytes <= memory.nbytes

    @property
    def under_way(self) -> int:
        """Copies that the host has not waited for."""
        return len(self._copies)
