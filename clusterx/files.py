"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


class UnwritableError(OSError):
    """The file cannot be written where it was wanted."""


def refuse_existing(path: str | os.PathLike[str]) -> None:
    """Raise FileExistsError if there is something at the path."""
    if Path(path).exists():
        raise FileExistsError(
            f"{path}: the file exists and is not overwritten. Name another file, or allow it "
            "(overwrite=True, --force)."
        )


def write(path: str | os.PathLike[str], data: bytes | memoryview, *, overwrite: bool) -> None:
    """Write a file whole or not at all: into a temporary file beside it, which is then renamed.

    Raises
    ------
    FileExistsError
        There is such a file, and `overwrite` is False.
    UnwritableError
        The folder is missing or not writable, or the disk is full.
    """
    path = Path(path)
    if not overwrite:
        refuse_existing(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb") as file:
            file.write(data)
        part.replace(path)
    except OSError as error:
        raise UnwritableError(
            f"{path}: cannot be written ({error.strerror}). Name a file in a folder that exists, "
            "is writable and has room."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
