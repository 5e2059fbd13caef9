"""``%load_ext clusterx.accel`` in IPython and Jupyter."""

from __future__ import annotations

from typing import Any

from .installing import install, uninstall
from .reporting import report


def load_ipython_extension(shell: Any) -> None:
    """Install, and offer ``%clusterx_report``, which shows what ran where."""
    install()

    def show(line: str) -> None:
        """Show which calls ran on clusterx, and the time saved."""
        print(report())

    shell.register_magic_function(show, magic_kind="line", magic_name="clusterx_report")


def unload_ipython_extension(shell: Any) -> None:
    """Undo ``%load_ext``."""
    uninstall()
    shell.magics_manager.magics["line"].pop("clusterx_report", None)
