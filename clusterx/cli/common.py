"""What the commands share: exit statuses, messages, options. Data goes to stdout, messages to
stderr."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import typer
from rich.console import Console, RenderableType

from ..files import UnwritableError, refuse_existing, writing
from ..image.device import DeviceError
from ..image.palette_formats import UnreadablePaletteError
from ..image.picture import ImageTooLargeError, UnreadableImageError
from ..kernels.compiling import listening
from ..models import ModelFileError
from . import ExitCode
from .compiling_note import CompilingNote

EXIT_CODES = (
    "Exit status: 0 done; 2 wrong option or argument; 3 input missing; 4 input unreadable; 5 input "
    "too large; 6 output not writable; 7 output exists; 8 no such device; 9 a package is missing; "
    "130 interrupted; 1 anything else. With several inputs the others go on, and the status is "
    "that of the first failure."
)


class Device(StrEnum):
    """Where to compute."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class UsageError(ValueError):
    """An option does not fit the data or the algorithm."""


class TableError(ValueError):
    """The file exists, but is not a table of numbers that can be clustered."""


class MissingPackageError(ImportError):
    """A package that the command needs is not installed."""


#: exit status of each error; the first class that matches counts
STATUS: dict[type[Exception], ExitCode] = {
    UsageError: ExitCode.USAGE,
    TableError: ExitCode.UNREADABLE,
    ModelFileError: ExitCode.UNREADABLE,
    UnreadableImageError: ExitCode.UNREADABLE,
    UnreadablePaletteError: ExitCode.UNREADABLE,
    ImageTooLargeError: ExitCode.TOO_LARGE,
    UnwritableError: ExitCode.UNWRITABLE,
    FileExistsError: ExitCode.EXISTS,
    FileNotFoundError: ExitCode.MISSING,
    DeviceError: ExitCode.NO_DEVICE,
    MissingPackageError: ExitCode.NOT_INSTALLED,
    MemoryError: ExitCode.TOO_LARGE,
}


def status_of(error: Exception) -> ExitCode:
    return next(code for kind, code in STATUS.items() if isinstance(error, kind))


def echo(console: Console, message: str) -> None:
    """Print the message unchanged: no markup, no wrapping."""
    console.print(message, markup=False, highlight=False, soft_wrap=True)


def tell(console: Console, result: RenderableType) -> None:
    """Print a result: a line of JSON unchanged, or a table.

    Raises
    ------
    UnwritableError
        Stdout can't be written to, for instance because its disk is full.
    """
    with _stdout_blamed():
        if isinstance(result, str):
            echo(console, result)
        else:
            console.print(result)


@contextmanager
def _stdout_blamed() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has closed the pipe: no message is wanted
        raise
    except OSError as error:
        raise UnwritableError(f"stdout: cannot be written ({error.strerror}).") from error


@contextmanager
def reporting_errors(notes: Console, name: str, *, quiet: bool = False) -> Iterator[None]:
    """End the command with a message and the matching status when one of the errors occurs.

    Unless `quiet`, it also prints warnings, and says when kernels are being compiled.
    """

    def note(message: Warning | str, *_: Any, **__: Any) -> None:
        if not quiet:
            echo(notes, f"clusterx: {message}")

    with warnings.catch_warnings(), nullcontext() if quiet else listening(CompilingNote(notes)):
        warnings.showwarning = note
        try:
            yield
        except tuple(STATUS) as error:
            echo(notes, f"clusterx: {error or f'{name}: out of memory'}")
            raise typer.Exit(status_of(error)) from error


def require(package: str, module: str, extra: str, what: str) -> None:
    """Raise MissingPackageError, naming the extra, unless the module can be imported."""
    try:
        __import__(module)
    except ImportError as error:
        raise MissingPackageError(
            f'{what} needs {package}, which is not installed: pip install "clusterx[{extra}]"'
        ) from error


def check_outputs(source: str, outputs: dict[str, str | None], *, force: bool) -> None:
    """Refuse, before any work is done, to overwrite a file or to write two outputs to one.

    Parameters
    ----------
    source : str
        The file that is read, which is never overwritten.
    outputs : dict of str to str or None
        The file of each option; None and ``-`` stand for no file.
    force : bool
        Whether other files may be overwritten.
    """
    taken = {os.path.realpath(source): "the input"} if source != "-" else {}
    for option, name in outputs.items():
        if name is None or name == "-":
            continue
        other = taken.setdefault(os.path.realpath(name), option)
        if other != option:
            raise UsageError(f"{option} {name}: is {other} too. Name another file.")
        if not force:
            refuse_existing(name)


def write_output(target: str, data: bytes | memoryview, *, force: bool) -> None:
    """Write a file, and make its folder if needed; ``-`` stands for stdout."""
    with output_file(target, force=force) as file:
        file.write(data)


@contextmanager
def output_file(target: str, *, force: bool) -> Iterator[BinaryIO]:
    """As `write_output`: open the file, which is there whole after the ``with`` body, or not."""
    if target == "-":
        if sys.stdout is None:
            raise UnwritableError("stdout: is closed. Leave it open, or name a file.")
        with _stdout_blamed():
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    make_folder(Path(target).parent)
    with writing(target, overwrite=force) as file:
        yield file


def make_folder(folder: Path) -> None:
    """Make the folder of an output, if it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableError(
            f"{folder}: the folder cannot be made ({error.strerror}). Choose another."
        ) from error


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Record the seconds that a stage takes."""
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start


def listed(names: list[str], most: int = 20) -> str:
    """The first of the names, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
