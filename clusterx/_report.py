"""What the command line says: tables for people, JSON for programs."""

from __future__ import annotations

import json
import math
import os
import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from .image.pixels import hex_codes
from .image.quantize import QuantizedImage

_MOST_SWATCHES = 64


def dumps(facts: dict[str, Any]) -> str:
    return json.dumps(facts, allow_nan=False)


def as_json(name: str, target: str, result: QuantizedImage) -> str:
    """The result as one line of JSON; an infinite PSNR is null."""
    return dumps(
        {
            "input": name,
            "output": target,
            "width": result.shape[1],
            "height": result.shape[0],
            "channels": result.palette.shape[1],
            "colors": len(result.palette),
            "palette": hex_codes(result.palette),
            "counts": result.counts.tolist(),
            "unique_colors": result.n_unique,
            "mse": result.mse,
            "psnr": result.psnr if math.isfinite(result.psnr) else None,
            "iterations": result.n_iter,
            "seconds": {stage: round(t, 6) for stage, t in result.seconds.items()},
            "device": result.device,
        }
    )


def as_table(name: str, target: str, result: QuantizedImage, width: int) -> RenderableType:
    """The palette with its shares, and what is worth knowing about the result."""
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    size = f"{result.shape[1]} x {result.shape[0]}"
    loss = f"{result.psnr:.2f} dB" if math.isfinite(result.psnr) else "infinite (no loss)"
    seconds = ", ".join(f"{stage} {t:.3f}" for stage, t in result.seconds.items())
    facts.add_row("image", f"{escape(name)}, {size}")
    facts.add_row("written", "stdout" if target == "-" else escape(target))
    facts.add_row("colours", f"{result.n_unique:,} unique, {len(result.palette)} in the palette")
    facts.add_row("MSE, PSNR", f"{result.mse:.4g}, {loss}")
    facts.add_row("k-means", f"{result.n_iter} iterations, {result.device}")
    facts.add_row("seconds", f"{seconds}; {sum(result.seconds.values()):.3f} in all")
    return Group(_swatches(result, width), facts, "")


def _swatches(result: QuantizedImage, width: int) -> RenderableType:
    order = np.argsort(-result.counts, kind="stable")
    shares = result.counts / result.counts.sum()
    codes = hex_codes(result.palette)
    cells = [_swatch(codes[i], shares[i]) for i in order[:_MOST_SWATCHES]]
    columns = max(1, min(8, width // (len(cells[0]) + 3), math.ceil(len(cells) / 8)))
    rows = math.ceil(len(cells) / columns)
    grid = Table.grid(padding=(0, 3))
    for row in range(rows):  # the shares fall down the columns
        grid.add_row(*cells[row::rows])
    rest = order[_MOST_SWATCHES:]
    if len(rest) == 0:
        return grid
    return Group(grid, f"and {len(rest)} more, {shares[rest].sum():.1%} together")


def _swatch(code: str, share: float) -> Text:
    hidden = len(code) == 9 and code.endswith("00")
    block = Text("hidden") if hidden else Text(" " * 6, style=f"on {code[:7]}")
    return Text.assemble(block, f" {code} {share:6.1%}")


def environment() -> dict[str, Any]:
    """Versions, backends with their devices, and threads."""
    from . import __version__
    from .kernels.cpu.threads import thread_count

    packages = ("numpy", "scipy", "scikit-learn", "numba", "array-api-compat", "Pillow")
    return {
        "clusterx": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in packages},
        "backends": {"numpy": _numpy(), "cupy": _cupy(), "torch": _torch()},
        "threads": {
            "used": thread_count(),
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
    from .image.device import DeviceError, gpu_library

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
