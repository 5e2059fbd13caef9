"""Hardware, platform and versions behind a run."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: What libraries run on, beside the libraries themselves.
GROUND = ("numba", "numpy", "scipy", "threadpoolctl")
GPU_GROUND = ("cupy", "triton")


def usable_threads() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_average() -> float | None:
    """The system's load over the last minute: whether others were using the processors."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def machine(modules: Iterable[str], cuda: bool = False, dry: bool = False) -> dict[str, Any]:
    """What a run measured, the versions those of the packages that have the modules.

    Raises
    ------
    SystemExit
        A GPU is wanted, and there is none that CuPy can use.
    """
    about = {
        "cpu": _cpu_model(),
        "processors": usable_threads(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": versions([*modules, *GROUND, *(GPU_GROUND if cuda else ())]),
        "commit": _commit(),
    }
    if dry:
        return about | {"gpu": "none: a dry run"}
    return about | (gpu() if cuda else {})


def versions(modules: Iterable[str]) -> dict[str, str]:
    """Versions by the names of packages; a module without a package has none."""
    packages, found = metadata.packages_distributions(), {}
    for top in {module.partition(".")[0] for module in modules} - {"sys"}:
        for name in packages.get(top, ()):
            found[name] = metadata.version(name)
        if top not in packages:
            found[top] = "not installed"
    with suppress(ImportError, AttributeError):
        # a checkout that is not installed has a version all the same
        found["clusterx"] = import_module("clusterx").__version__
    return dict(sorted(found.items()))


def gpu() -> dict[str, Any]:
    """The GPU and its software; raises SystemExit if CuPy can use none."""
    try:
        cupy = import_module("cupy")
        runtime = cupy.cuda.runtime
        if runtime.getDeviceCount() == 0:
            raise RuntimeError("CuPy finds no GPU")
        found = runtime.getDeviceProperties(cupy.cuda.Device().id)
    except Exception as error:
        raise SystemExit(
            f"--device cuda needs an NVIDIA GPU and CuPy 14 or newer, and can't use them: {error} "
            f"({type(error).__name__}). Install clusterx[cuda12] or clusterx[cuda13] on a machine "
            "that has a GPU, or give --dry-run to see that the benchmark runs, tiny and on the CPU."
        ) from None
    return {
        "gpu": found["name"].decode(),
        "memory_mib": found["totalGlobalMem"] / 2**20,
        "multiprocessors": found["multiProcessorCount"],
        "compute_capability": f"{found['major']}.{found['minor']}",
        "cuda_driver": runtime.driverGetVersion(),
        "cuda_runtime": runtime.runtimeGetVersion(),
    }


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
        name = text.partition("model name")[2].splitlines()[0].partition(":")[2].strip()
    except (OSError, IndexError):
        name = ""
    return name or platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return said.stdout.strip()
