"""Shows on the terminal how far a pass over the rows of a file has got."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ..rows.progress import watching


@contextmanager
def passes_shown(console: Console, what: str, *, quiet: bool) -> Iterator[None]:
    """A bar on a terminal while rows are read block by block: rows per second, and time left."""
    if quiet or not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    bar = PassBar(console, what)
    try:
        with watching(bar):
            yield
    finally:
        bar.stop()


#: Seconds after which the bar appears where batches are drawn, so that it does not flash.
_PATIENCE = 0.5


class PassBar:
    """The bar, which appears with the first block; it listens to `rows.progress`."""

    def __init__(self, console: Console, what: str):
        self.what, self.passes, self.began = what, 0, time.monotonic()
        self.first = self.last = 0  # rows when the pass was first seen, and now
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.task: TaskID | None = None

    def read(self, rows: int, n: int) -> None:
        appears = self.task is None
        if self.task is None:
            if rows and time.monotonic() - self.began < _PATIENCE:
                return
            self.bar.start()
            self.task = self.bar.add_task(self.what, total=n, pace="")
        if appears or rows < self.last:
            self.passes += 1
            self.bar.reset(self.task, total=n, description=f"{self.what}, pass {self.passes}")
            self.began, self.first = time.monotonic(), rows
        self.last, seconds = rows, time.monotonic() - self.began
        pace = f"{(rows - self.first) / seconds:,.0f} rows/s" if rows and seconds else ""
        self.bar.update(self.task, completed=rows, pace=pace)

    def stop(self) -> None:
        self.bar.stop()
