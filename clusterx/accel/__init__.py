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

from .installing import install, is_installed, uninstall
from .notebooks import load_ipython_extension, unload_ipython_extension
from .report import Report, report

__all__ = [
    "Report",
    "install",
    "is_installed",
    "load_ipython_extension",
    "report",
    "uninstall",
    "unload_ipython_extension",
]
