"""Runs scripts written for scikit-learn on clusterx, without changing them.

::

    python -m clusterx.accel script.py          # a script, unchanged
    %load_ext clusterx.accel                    # in a notebook, in its first cell

    import clusterx.accel                       # in a program, before scikit-learn is imported
    clusterx.accel.install()

The names of ``sklearn.cluster``, ``sklearn.mixture`` and the scores of clusterings in
``sklearn.metrics`` then stand for classes and functions that compute with clusterx. scikit-learn
itself goes on using its own. Calls that clusterx does not support, or does not make faster, go to
scikit-learn; the logger ``"clusterx.accel"`` says why.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .installing import install, is_installed, uninstall

if TYPE_CHECKING:
    from .notebooks import load_ipython_extension, unload_ipython_extension
    from .reporting import Report, report

#: Names that few scripts use, and their modules.
_LATER = {
    "Report": "reporting",
    "load_ipython_extension": "notebooks",
    "report": "reporting",
    "unload_ipython_extension": "notebooks",
}

__all__ = [
    "Report",
    "install",
    "is_installed",
    "load_ipython_extension",
    "report",
    "uninstall",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)
