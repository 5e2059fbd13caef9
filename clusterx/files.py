"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO


class UnwritableError(OSError):
    """The file cannot be written at the given path."""


def did_you_mean(path: str | os.PathLike[str]) -> str:
    """Ask about the file with the most similar name in the folder; empty if none is similar."""
    folder, name = os.path.split(path)
    with suppress(OSError):
        near = get_close_matches(name, os.listdir(folder or "."), n=1, cutoff=0.7)
        return f" Did you mean {os.path.join(folder, near[0])}?" if near else ""
    return ""


def refuse_existing(path: str | os.PathLike[str]) -> None:
    """Raise FileExistsError if there is something at the path."""
    if os.path.exists(path):  # False also for invalid names
        raise FileExistsError(
            f"{path}: the file exists and is not overwritten. Name another file, or allow it "
            "(overwrite=True, --force)."
        )


def write(path: str | os.PathLike[str], data: bytes | memoryview, *, overwrite: bool) -> None:
    """Write a file whole or not at all; see `writing`."""
    with writing(path, overwrite=overwrite) as file:
        file.write(data)


@contextmanager
def writing(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a file that is written whole or not at all.

    What is written goes into a temporary file beside it, which is renamed after the ``with`` body,
    or deleted if the body raises.

    A symbolic link stays one: its target is written. Devices and pipes are written directly.

    Raises
    ------
    FileExistsError
        The file exists, and `overwrite` is False.
    UnwritableError
        The folder is missing or not writable, or the disk is full.
    """
    if not overwrite:
        refuse_existing(path)
    target = Path(os.path.realpath(path))
    plain = os.path.isfile(target) or os.path.isdir(target)
    special = os.path.exists(target) and not plain
    part = target if special else target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(part, "wb" if special else "xb") as file:
            yield file
        if not special:
            part.replace(target)
    except OSError as error:
        raise UnwritableError(
            f"{path}: cannot be written ({error.strerror}). Name a file in a folder that exists, "
            "is writable and has room."
        ) from error
    finally:
        if not special:
            with suppress(OSError):
                part.unlink(missing_ok=True)
