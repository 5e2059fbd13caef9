"""Where accelerated calls compute: on the CPU, or on a GPU with results back as NumPy arrays."""

from __future__ import annotations

import sys
from typing import Any

DEVICES = ("cpu", "cuda")
#: Packages whose arrays clusterx takes as they are, whatever device was chosen.
LIBRARIES = ("cupy", "torch", "jax", "jaxlib", "dask", "array_api_strict")

_device = "cpu"


def current() -> str:
    return _device


def choose(device: str) -> None:
    """Compute on the named device from now on.

    Raises
    ------
    ValueError
        There is no such device.
    ImportError
        CuPy is not installed.
    RuntimeError
        CuPy finds no GPU.
    """
    global _device
    if device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(map(repr, DEVICES))}; got {device!r}.")
    if device == "cuda":
        _check_cuda()
    _device = device


def _check_cuda() -> None:
    try:
        import cupy
    except ImportError as error:
        raise ImportError(
            "device='cuda' needs CuPy, which is not installed: pip install \"clusterx[cuda12]\" "
            "(or [cuda13]). Without a GPU leave the device out: clusterx then computes on the CPU."
        ) from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise RuntimeError(f"device='cuda': CuPy finds no GPU ({error}).") from error
    if count == 0:
        raise RuntimeError("device='cuda': CuPy finds no GPU.")


def is_foreign(X: Any) -> bool:
    """Whether X is an array of a library other than NumPy, which scikit-learn can't take."""
    return type(X).__module__.partition(".")[0] in LIBRARIES


def placed(X: Any) -> Any:
    """Numeric rows, moved to the chosen device; other data unchanged."""
    if _device == "cpu" or is_foreign(X):
        return X
    import numpy as np

    values = np.asarray(X)
    if values.dtype.kind not in "fiub":
        return X
    cupy = sys.modules["cupy"]
    return cupy.asarray(values)


def fetched(result: Any) -> Any:
    """The results of a call, as NumPy arrays if the call's data were moved."""
    if isinstance(result, tuple):
        return tuple(map(fetched, result))
    from ..arrays import is_array, on_host, to_host

    return to_host(result) if is_array(result) and not on_host(result) else result
