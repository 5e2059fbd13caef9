"""Where an image is worked on."""

from __future__ import annotations

from typing import Any

from ..arrays import Array, backend, namespace, on_host, to_host
from ..arrays import device as array_device


class DeviceError(RuntimeError):
    """The device that was asked for is not there."""


def move(rows: Array, device: str, *, from_file: bool) -> Array:
    """The pixels where they are to be worked on.

    Parameters
    ----------
    rows : array
    device : {'auto', 'cpu', 'cuda'}
        'auto': an array where it is; what came from a file on a GPU, where CuPy finds one.
    from_file : bool

    Raises
    ------
    ValueError
        `device` is none of these.
    DeviceError
        'cuda' was asked for, and CuPy is missing or finds no GPU.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be 'auto', 'cpu' or 'cuda', got {device!r}.")
    if device == "cpu":
        return to_host(rows)
    if device == "auto" and not from_file:
        return rows
    if not on_host(rows):
        return rows
    try:
        cupy = gpu_library()
    except DeviceError:
        if device == "cuda":
            raise
        return rows
    return cupy.asarray(rows)


def gpu_library() -> Any:
    """CuPy, if it finds a GPU."""
    try:
        import cupy
    except ImportError as error:
        raise DeviceError(
            "device='cuda' needs CuPy, which is not installed. Install clusterx[cuda12] or "
            "clusterx[cuda13], whichever CUDA the driver has; or use device='cpu'."
        ) from error
    try:
        found = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(
            f"device='cuda': CuPy can't use the driver ({error}). Check the driver with "
            "nvidia-smi, or use device='cpu'."
        ) from error
    if found == 0:
        raise DeviceError("device='cuda': no NVIDIA GPU was found. Use device='cpu'.")
    return cupy


def back(array: Array, like: Array) -> Array:
    """The array on the host if `like` is there, else unchanged."""
    return to_host(array) if on_host(like) and not on_host(array) else array


def describe(array: Array) -> str:
    """Library and device of an array: 'numpy on cpu'."""
    return f"{backend(namespace(array))} on {array_device(array)}"
