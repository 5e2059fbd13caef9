"""The `clusterx` command. What it needs beyond the library comes with clusterx[image] and others.

`common` has what the commands share; `quantize`, `fit`, `predict`, `elbow` and `info` have one
command each; `tables` reads data, `report` says what came out.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from io import TextIOWrapper


class ExitCode(IntEnum):
    """What the command's exit status says."""

    OK = 0
    FAILED = 1  # an error in clusterx itself
    USAGE = 2  # an option or argument is wrong
    MISSING = 3  # an input file is not there
    UNREADABLE = 4  # an input is no image or no table of numbers, or it is damaged
    TOO_LARGE = 5  # an input has more pixels than allowed, or does not fit memory
    UNWRITABLE = 6  # the output cannot be written
    EXISTS = 7  # the output exists, and --force was not given
    NO_DEVICE = 8  # the device is not there
    NOT_INSTALLED = 9  # a package that the command needs is missing
    INTERRUPTED = 130


_NEEDED = {"typer": "Typer", "rich": "Rich"}


def main() -> None:
    """Run the command line and exit with an `ExitCode`."""
    if isinstance(sys.stdout, TextIOWrapper):  # letters that its encoding lacks, as on stderr
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        from .app import app
    except ImportError as error:
        missing = _NEEDED.get((error.name or "").partition(".")[0])
        if missing is None:
            raise
        print(
            f"clusterx: the command needs {missing}, which is not installed: "
            'pip install "clusterx[image]"',
            file=sys.stderr,
        )
        sys.exit(ExitCode.NOT_INSTALLED)
    app()
