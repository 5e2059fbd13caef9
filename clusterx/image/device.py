"""The device on which an image is worked on."""

from __future__ import annotations

from ..arrays import (
    Array,
    DeviceError,
    backend,
    gpu_library,
    namespace,
    on_host,
    to_host,
)
from ..arrays import device as array_device


def move(rows: Array, device: str, *, from_file: bool) -> Array:
    """The pixels on the device where they are to be worked on.

    Parameters
    ----------
    rows : array
    device : {'auto', 'cpu', 'cuda'}
        'auto': an array stays where it is; pixels of a file go to a GPU if CuPy finds one.
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


def back(array: Array, like: Array) -> Array:
    """The array on the host if `like` is there, else unchanged."""
    return to_host(array) if on_host(like) and not on_host(array) else array


def describe(array: Array) -> str:
    """Library and device of an array: 'numpy on cpu'."""
    return f"{backend(namespace(array))} on {array_device(array)}"
