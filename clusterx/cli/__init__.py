"""The `clusterx` command. Its further dependencies come with extras such as clusterx[image].

`common` has what the commands share; `quantize`, `fit`, `predict`, `elbow`, `info` and others have
one command each; `tables` reads data, and `report` shows results.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from io import TextIOWrapper


class ExitCode(IntEnum):
    """Exit statuses of the command."""

    OK = 0
    FAILED = 1  # an error in clusterx itself
    USAGE = 2  # an option or argument is wrong
    MISSING = 3  # an input file does not exist
    UNREADABLE = 4  # an input is not an image or a table of numbers, or it is damaged
    TOO_LARGE = 5  # an input has more pixels than allowed, or does not fit in memory
    UNWRITABLE = 6  # the output cannot be written
    EXISTS = 7  # the output exists, and --force was not given
    NO_DEVICE = 8  # the device is not available
    NOT_INSTALLED = 9  # a package that the command needs is missing
    INTERRUPTED = 130


_NEEDED = {"typer": "Typer", "rich": "Rich"}


def main() -> None:
    """Run the command line and exit with an `ExitCode`."""
    if isinstance(sys.stdout, TextIOWrapper):  # escape what its encoding lacks, as stderr does
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
