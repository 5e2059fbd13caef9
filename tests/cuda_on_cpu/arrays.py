"""An array library of its own over host memory, as strict as a GPU's.

It offers the array API standard alone. NumPy arrays have to be uploaded by `asarray` and come back
by `.get()`; an array refuses to become a number or a truth value, which on a GPU would wait for
it. What is `empty` holds rubbish.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import array_api_compat.numpy as np_compat
import array_api_strict
import numpy as np

from . import streams

NAME = "cuda_on_cpu"


class Device:
    """The only device."""

    def use(self) -> None:
        """Make it the thread's current device."""

    def __repr__(self) -> str:
        return f"{NAME}:0"


DEVICE = Device()
_DTYPES = {
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
    "float64", "complex64", "complex128",
}  # fmt: skip
_CREATION = {"arange", "asarray", "empty", "eye", "full", "linspace", "ones", "zeros"}


class Creations(NamedTuple):
    """Elements of each array that took memory: made on the device, or brought to it."""

    made: list[int]
    brought: list[int]

    def large(self, least: int) -> int:
        """How many were made of at least so many elements."""
        return sum(size >= least for size in self.made)


_watching: list[Creations] = []


@contextmanager
def creations() -> Iterator[Creations]:
    """What is created in the meantime."""
    found = Creations([], [])
    _watching.append(found)
    try:
        yield found
    finally:
        _watching.remove(found)


#: By address, so that what is handed an address can tell how far it may go.
_told: WeakValueDictionary[int, np.ndarray] = WeakValueDictionary()


class Memory:
    """Where an array begins, as CuPy tells it."""

    def __init__(self, held: np.ndarray):
        self.ptr = held.ctypes.data
        _told[self.ptr] = held


def bytes_at(address: int, count: int) -> np.ndarray:
    """The bytes of an array that begins there, and that has as many."""
    held = _told[address]
    assert held.flags.c_contiguous
    assert count <= held.nbytes, "beside an array"
    return held.reshape(-1).view(np.uint8)[:count]


class Array:
    """An array on the stand-in device."""

    __array_ufunc__ = None  # NumPy arrays and these do not mix

    def __init__(self, held: np.ndarray):
        self.held = held
        if held.base is None:  # a view takes no memory
            for found in _watching:
                found.made.append(held.size)

    def __array_namespace__(self, api_version: Any = None) -> ModuleType:
        return namespace

    shape = property(lambda self: self.held.shape)
    ndim = property(lambda self: self.held.ndim)
    size = property(lambda self: self.held.size)
    dtype = property(lambda self: self.held.dtype)
    flags = property(lambda self: self.held.flags)
    data = property(lambda self: Memory(_used(self)))
    device = property(lambda self: DEVICE)
    T = property(lambda self: Array(self.held.T))
    mT = property(lambda self: Array(self.held.mT))

    def __len__(self) -> int:
        return len(self.held)

    def __repr__(self) -> str:
        return f"{NAME}.{self.held!r}"

    def get(self) -> np.ndarray:
        """A copy on the host."""
        return _used(self).copy()

    def set(self, host: np.ndarray, *, stream: streams.Stream) -> None:
        """Copy from pinned memory of the host, when the stream comes to it."""
        assert (host.dtype, host.shape) == (self.dtype, self.shape)
        assert host.flags.c_contiguous
        assert self.flags.c_contiguous
        assert stream.cuda.is_pinned(host), "the host waits for a copy from other memory"
        stream.copy(self.held, host)

    def to_device(self, device: Any, stream: Any = None) -> Array:
        assert device is DEVICE, f"there is no device {device}"
        return self

    def __getitem__(self, key: Any) -> Array:
        found = np.asarray(self.held[_key(key)])
        if found.base is None:
            streams.used(self.held)
        return Array(found)

    def __setitem__(self, key: Any, value: Any) -> None:
        _used(self)[_key(key)] = _held(value)

    def _refuse(self, *_: Any) -> Any:
        raise TypeError("this would read the device: go through arrays.to_host or host_floats")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __complex__ = __iter__ = _refuse
    __hash__ = None  # type: ignore[assignment]


def _key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(map(_key, key))
    if isinstance(key, Array):
        return _used(key)
    assert not isinstance(key, np.ndarray), "an index from the host"
    return key


def _used(array: Array) -> np.ndarray:
    streams.used(array.held)
    return array.held


def _held(value: Any) -> Any:
    if isinstance(value, Array):
        return _used(value)
    if isinstance(value, list | tuple):
        return type(value)(map(_held, value)) if not hasattr(value, "_fields") else value
    if isinstance(value, np.ndarray):
        raise TypeError("a NumPy array came to the device without asarray")
    return value


def _wrap(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return Array(np.asarray(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_wrap, value))
    if isinstance(value, list | tuple):
        return type(value)(map(_wrap, value))
    return value


def _operators() -> None:
    binary = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
    compared = "eq ne lt le gt ge".split()

    def define(name: str, function: Any, swapped: bool = False) -> None:
        def method(self, other):
            if not isinstance(other, Array | int | float | bool):
                return NotImplemented
            a, b = _used(self), _held(other)
            return _wrap(function(b, a) if swapped else function(a, b))

        setattr(Array, name, method)

    for name in binary:
        function = getattr(operator, name + "_" if name in ("and", "or") else name)
        define(f"__{name}__", function)
        define(f"__r{name}__", function, swapped=True)
    for name in compared:
        define(f"__{name}__", getattr(operator, name))
    for name in ("neg", "pos", "abs", "invert"):
        function = getattr(operator, name)
        setattr(Array, f"__{name}__", lambda self, f=function: _wrap(f(_used(self))))


def _wrapped(name: str) -> Any:
    function = getattr(np_compat, name)

    def call(*args: Any, **keywords: Any) -> Any:
        if name in _CREATION or name.endswith("_like"):
            assert keywords.pop("device", None) in (None, DEVICE), f"{name} on another device"
        found = function(*map(_held, args), **{k: _held(v) for k, v in keywords.items()})
        return _wrap(found) if keywords.get("out") is None else keywords["out"]

    call.__name__ = name
    return call


def asarray(x: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
    """The one way up from the host."""
    assert device in (None, DEVICE)
    if isinstance(x, Array):
        return Array(np_compat.asarray(_used(x), dtype=dtype, copy=copy))
    return _brought(Array(np.array(x, dtype=dtype)))


def _brought(array: Array) -> Array:
    for found in _watching:
        found.brought.append(found.made.pop())
    return array


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """Rubbish: no zeros that happen to be right."""
    assert device in (None, DEVICE)
    held = np.empty(shape, dtype=dtype)
    held.view(np.uint8).fill(streams.RUBBISH) if held.ndim else held.fill(77)
    streams.allocated(held)
    return Array(held)


class _Info:
    """What `__array_namespace_info__` tells."""

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        return np_compat.__array_namespace_info__().dtypes(kind=kind)

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        return np_compat.__array_namespace_info__().default_dtypes()

    def devices(self) -> list[Device]:
        return [DEVICE]

    def default_device(self) -> Device:
        return DEVICE


def _namespace() -> ModuleType:
    module = ModuleType(NAME)
    module.float16 = np_compat.float16  # type: ignore[attr-defined]  # as CuPy has it
    for name in array_api_strict.__all__:
        if name in _DTYPES or name in ("e", "pi", "inf", "nan", "newaxis"):
            setattr(module, name, getattr(np_compat, name))
        elif name in ("finfo", "iinfo", "isdtype", "can_cast", "result_type"):
            setattr(module, name, _plain(getattr(np_compat, name)))
        elif not name.startswith("_") and callable(getattr(np_compat, name, None)):
            setattr(module, name, _wrapped(name))
    for name, value in {
        "asarray": asarray,
        "empty": empty,
        "empty_like": lambda x, *, dtype=None, device=None: empty(x.shape, dtype=dtype or x.dtype),
        "__array_namespace_info__": _Info,
    }.items():
        setattr(module, name, value)
    linalg = ModuleType(f"{NAME}.linalg")
    for name in ("vector_norm", "matmul", "qr", "svd", "eigh", "cholesky", "solve", "inv"):
        function = getattr(np_compat.linalg, name)
        setattr(
            linalg,
            name,
            lambda *args, f=function, **keywords: _wrap(f(*map(_held, args), **keywords)),
        )
    module.linalg = linalg  # type: ignore[attr-defined]
    return module


def _plain(function: Any) -> Any:
    return lambda *args, **keywords: function(*map(_held, args), **keywords)


_operators()
namespace = _namespace()
