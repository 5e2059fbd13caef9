"""Whether the kernels of a call have been compiled on this machine, so that they load quickly.

clusterx keeps compiled code on disk. Only the call itself knows which kernels it needs, so a call
that has run leaves an empty file beside the code. Until then a file has the seconds that compiled
kernels would have saved, so that a script that is run again and again gets them in the end.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from .. import __version__


@cache
def _folder() -> Path:
    own = os.environ.get("NUMBA_CACHE_DIR")
    return Path(own) if own else Path(__file__).parent / "__pycache__"


def _file(key: str, ending: str = "compiled") -> Path:
    return _folder() / f"accel-{__version__}-{re.sub('[^A-Za-z0-9]+', '-', key)}.{ending}"


def is_compiled(key: str) -> bool:
    """Whether a call of this kind has run before, in any process."""
    return _file(key).exists()


def note_compiled(key: str) -> None:
    """Leave the file, unless the folder can't be written to: then no code is kept there either."""
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        _file(key).touch()
    except OSError:
        pass


def unsaved(key: str) -> float:
    """Seconds that compiled kernels would have saved in earlier processes."""
    try:
        return max(0.0, float(_file(key, "unsaved").read_text()))
    except (OSError, ValueError):
        return 0.0


def note_unsaved(key: str, seconds: float) -> None:
    """Add to the seconds; of processes that end at the same time, one may be forgotten."""
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        _file(key, "unsaved").write_text(f"{unsaved(key) + seconds:.3f}")
    except OSError:
        pass
