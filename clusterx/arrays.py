"""Arrays of any library: namespace, device, dtypes, host reads.

The only module that imports array_api_compat. Nothing here asks which library an array comes from;
what differs between libraries is found through the array API standard and DLPack. CuPy is named
only for data read from files, which belong to no library yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import array_api_compat
import array_api_compat.numpy as np_compat
import numpy as np

Array = Any  # an array of any library that follows the array API standard


class DeviceError(RuntimeError):
    """The requested device is not available."""


def is_array(x: object) -> bool:
    """Whether x is an array-API array (NumPy's included)."""
    return array_api_compat.is_array_api_obj(x)


def namespace(*arrays: object) -> ModuleType:
    """The array-API namespace of the arrays; NumPy's for lists, frames and sparse matrices.

    Raises
    ------
    ValueError
        The arrays belong to different libraries.
    """
    found = [a for a in arrays if is_array(a)]
    if all(isinstance(a, np.ndarray | np.generic) for a in found):  # also if there are none
        return np_compat
    try:
        return array_api_compat.array_namespace(*found)
    except TypeError as error:
        kinds = ", ".join(sorted({f"{type(a).__module__}.{type(a).__name__}" for a in found}))
        raise ValueError(
            f"Arrays of several libraries were passed: {kinds}. All of them must use the same "
            "namespace: convert them to the library of X first."
        ) from error


def backend(xp: ModuleType) -> str:
    """Short name of a namespace: 'numpy', 'cupy', 'torch', 'array_api_strict', ..."""
    return xp.__name__.removeprefix("array_api_compat.").partition(".")[0]


def is_lazy(x: object) -> bool:
    """Whether x is a Dask collection, whose chunks may not be computed yet."""
    return hasattr(x, "__dask_graph__")


def device(x: Array) -> Any:
    """The device that holds x."""
    return array_api_compat.device(x)


def on_host(x: object) -> bool:
    """Whether x is a NumPy array (or something that becomes one): its data is in host memory."""
    return namespace(x) is np_compat


def asarray(x: Any, *, like: Array, dtype: Any = None) -> Array:
    """x as an array of the library and on the device of `like`.

    Host data is uploaded; an array that already lives there passes through without a copy.
    """
    xp = namespace(like)
    if xp is np_compat:
        return np.asarray(to_host(x), dtype)
    if not on_host(x) and namespace(x) is xp:
        return xp.asarray(x, dtype=dtype or x.dtype, device=device(like))
    host = to_host(x)
    if not host.flags.writeable:
        host = host.copy()  # a library that shares its memory might write there
    return xp.asarray(host, dtype=dtype or named_dtype(xp, host.dtype), device=device(like))


def to_host(x: Any) -> np.ndarray:
    """x as a NumPy array. A device array is downloaded: O(n) results only, never O(n d) data."""
    if is_lazy(x):
        return to_host(x.compute())
    if on_host(x):
        return np.asarray(x)
    if hasattr(x, "get"):  # CuPy refuses implicit conversion and offers this
        return x.get()
    cpu = array_api_compat.to_device(x, "cpu") if hasattr(x, "cpu") else x
    try:
        return np.from_dlpack(cpu)
    except (BufferError, RuntimeError, TypeError, ValueError):
        xp = namespace(x)
        if not hasattr(xp, "Device"):
            raise  # keep the library's own message, such as JAX's about traced arrays
        # array_api_strict's stand-in devices export nothing: move to its own CPU first
        return np.asarray(array_api_compat.to_device(x, xp.Device("CPU_DEVICE")))


def label_array(labels: Any) -> Array:
    """Labels as an array of the same values.

    NumPy converts a list of mixed types to strings (NaN to 'nan', 1 to '1') or to rounded floats
    (negative integers beside integers of 64 bits), so that two labels may become one. Such a list
    becomes an array of objects.
    """
    if is_array(labels):
        return labels
    found = np.asarray(labels)
    if hasattr(labels, "dtype") or found.ndim != 1 or found.dtype.kind not in "fUS":
        return found
    return found if found.tolist() == list(labels) else np.asarray(labels, dtype=object)


def host_floats(*scalars: Any) -> list[float]:
    """The 0-d arrays as Python floats, in one read of the device.

    Every loop reads the device through this function, once per iteration.
    """
    device_scalars = [s for s in scalars if not isinstance(s, float | int) and not on_host(s)]
    if not device_scalars:
        return [float(s) for s in scalars]
    first = device_scalars[0]
    xp = namespace(first)
    kind = float_dtype(xp, first)
    together = [asarray(s, like=first, dtype=kind) for s in scalars]
    return to_host(xp.stack([xp.reshape(s, ()) for s in together])).tolist()


def named_dtype(xp: ModuleType, dtype: Any) -> Any:
    """The dtype of namespace xp that has the name of a NumPy dtype."""
    return getattr(xp, np.dtype(dtype).name)


def dtype_name(dtype: Any) -> str:
    """The name of a dtype of any library, such as 'float32'."""
    try:
        return np.dtype(dtype).name
    except TypeError:
        return str(dtype).rpartition(".")[2]


def float_dtype(xp: ModuleType, like: Array | None = None) -> Any:
    """The dtype of sums: float64, or float32 if the device of `like` has no float64."""
    return _float_dtype(xp, None if like is None else device(like))


@cache
def _float_dtype(xp: ModuleType, where: Any) -> Any:
    try:
        offered = xp.__array_namespace_info__().dtypes(device=where, kind="real floating")
    except AttributeError:
        return xp.float64
    return offered.get("float64", xp.float32)


@cache
def has_int64(xp: ModuleType, where: Any) -> bool:
    """Whether the library has 64-bit integers on that device; JAX has none by default."""
    try:
        return "int64" in xp.__array_namespace_info__().dtypes(device=where, kind="signed integer")
    except AttributeError:
        return True


_EXACT_IN_FLOAT32 = frozenset({"bool", "uint8", "int8", "uint16", "int16", "float16", "bfloat16"})


def working_dtype(name: str) -> str:
    """The float dtype that data of the named dtype is clustered in.

    float32 and float64 stay. Dtypes that float32 holds exactly become float32, others float64.
    """
    if name in ("float32", "float64"):
        return name
    return "float32" if name in _EXACT_IN_FLOAT32 else "float64"


def concat(parts: Iterable[Array]) -> Array:
    """The parts joined along the first axis."""
    parts = list(parts)
    return parts[0] if len(parts) == 1 else namespace(parts[0]).concat(parts, axis=0)


def contiguous(x: Array) -> Array:
    """x, or a C-contiguous copy of it, as kernels need it."""
    if hasattr(x, "contiguous"):
        return x.contiguous()
    flags = getattr(x, "flags", None)
    if flags is None or flags.c_contiguous:
        return x
    copy = namespace(x).empty(x.shape, dtype=x.dtype, device=device(x))
    copy[...] = x
    return copy


def gpu_library() -> Any:
    """CuPy, if it finds a GPU."""
    try:
        cupy = import_module("cupy")
    except ImportError as error:
        raise DeviceError(
            "device='cuda' needs CuPy, which is not installed. Install clusterx[cuda12] or "
            "clusterx[cuda13], whichever CUDA version the driver supports; or use device='cpu'."
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
