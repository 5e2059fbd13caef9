"""The `clusterx` command. What it needs beyond the library comes with clusterx[image]."""

from __future__ import annotations

import sys
from enum import IntEnum


class ExitCode(IntEnum):
    """What the command's exit status says."""

    OK = 0
    FAILED = 1  # an error in clusterx itself
    USAGE = 2  # an option or argument is wrong
    MISSING = 3  # an input file is not there
    UNREADABLE = 4  # an input is no image, or it is damaged
    TOO_LARGE = 5  # an input has more pixels than allowed
    UNWRITABLE = 6  # the output cannot be written
    EXISTS = 7  # the output exists, and --force was not given
    NO_DEVICE = 8  # the device is not there
    NOT_INSTALLED = 9  # Pillow, Typer or Rich is missing
    INTERRUPTED = 130


_NEEDED = {"PIL": "Pillow", "typer": "Typer", "rich": "Rich"}


def main() -> None:
    """Run the command line and exit with an `ExitCode`."""
    try:
        import PIL  # noqa: F401

        from ._commands import app
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


if __name__ == "__main__":
    main()
