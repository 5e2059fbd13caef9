"""`clusterx info`: the backends, devices, threads and versions that are available."""

from __future__ import annotations

import os
import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .common import reporting_errors, tell
from .report import dumps


def info(
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Show the available backends, devices, threads and package versions."""
    facts = environment()
    with reporting_errors(Console(stderr=True), "info"):
        tell(Console(), dumps(facts) if as_json else environment_table(facts))


def environment() -> dict[str, Any]:
    """Versions, backends with their devices, and threads."""
    from .. import __version__

    packages = (
        "numpy", "scipy", "scikit-learn", "numba", "array-api-compat", "Pillow", "pandas",
        "pyarrow", "matplotlib", "kneed",
    )  # fmt: skip
    return {
        "clusterx": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in packages},
        "backends": {"numpy": _numpy(), "cupy": _cupy(), "torch": _torch()},
        "threads": {
            "used": _threads(),
            "CLUSTERX_NUM_THREADS": os.environ.get("CLUSTERX_NUM_THREADS"),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        },
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numpy() -> str:
    return f"{np.__version__}, CPU, numba kernels"


def _cupy() -> str:
    from ..image.device import DeviceError, gpu_library

    try:
        cupy = gpu_library()
    except DeviceError as error:
        return f"none: {error}"
    runtime = cupy.cuda.runtime
    names = [
        runtime.getDeviceProperties(i)["name"].decode() for i in range(runtime.getDeviceCount())
    ]
    return f"{cupy.__version__}, {', '.join(names)}"


def _torch() -> str:
    try:
        torch = import_module("torch")
    except ImportError:
        return "none: PyTorch is not installed; it is taken where it is"
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{torch.__version__}, {', '.join(devices) or 'CPU'}, generic kernels"


def _threads() -> int | str:
    from ..kernels.cpu.threads import thread_count

    try:
        return thread_count()
    except ValueError as error:
        return f"none: {error}"


def environment_table(facts: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if isinstance(value, dict):
            for inner, what in value.items():
                table.add_row(f"{name}: {inner}", escape(str(what if what is not None else "-")))
        else:
            table.add_row(name, escape(str(value)))
    return table
