"""The `xp` fixture: every test that asks for it runs once on each backend that can be had."""

from __future__ import annotations

import os

# scikit-learn's array API checks skip unless this is set before SciPy is imported
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# the tests are of compiled code, but for those of what stands in for it
os.environ["CLUSTERX_COMPILE"] = "always"

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from clusterx import arrays

BACKENDS = ("numpy", "array_api_strict", "torch", "cuda_on_cpu", "cupy")


@dataclass(frozen=True)
class Backend:
    """An array library and the device that tests use of it."""

    name: str
    xp: ModuleType
    device: Any

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        """Host values as an array of this backend."""
        host = np.asarray(values, dtype=dtype)
        named = arrays.named_dtype(self.xp, host.dtype)
        return self.xp.asarray(host, dtype=named, device=self.device)

    def to_host(self, values: Any) -> np.ndarray:
        return arrays.to_host(values)

    def owns(self, values: Any) -> bool:
        """Whether values are an array of this backend, on its device."""
        return (
            arrays.is_array(values)
            and arrays.namespace(values) is self.xp
            and str(arrays.device(values)) == str(self.device)
        )


def _required() -> set[str]:
    return {name.strip() for name in os.environ.get("CLUSTERX_REQUIRE", "").split(",")} - {""}


def _load(name: str) -> Backend:
    """The backend; ImportError if it, or the device that it needs, is missing."""
    if name == "cuda_on_cpu":  # CuPy's kernels, built by g++, on arrays as strict as a GPU's
        import_module("tests.cuda_on_cpu.backend").install()
        stand_in = import_module("tests.cuda_on_cpu.arrays")
        return Backend(name, stand_in.namespace, stand_in.DEVICE)
    module = import_module(name)
    if name == "array_api_strict":  # its second device refuses silent copies to the host
        return Backend(name, module, module.Device("device1"))
    if name == "cupy":
        if module.cuda.runtime.getDeviceCount() == 0:
            raise ImportError("CuPy finds no GPU")
        xp = import_module("array_api_compat.cupy")
        return Backend(name, xp, module.cuda.Device(0))
    xp = import_module(f"array_api_compat.{name}")
    return Backend(name, xp, arrays.device(xp.asarray([0.0])))


#: What marked tests need; they skip without it, or fail if CLUSTERX_REQUIRE names it.
MARKS: dict[str, Callable[[], Any]] = {
    "torch": lambda: _load("torch"),
    "jax": lambda: import_module("jax"),
    "nvrtc": lambda: import_module("tests.cuda_on_cpu.nvrtc").library(),
}


def needed(name: str, load: Callable[[], Any]) -> Any:
    """What is loaded. Where it is missing the test skips, or fails if CLUSTERX_REQUIRE names it."""
    try:
        return load()
    except Exception as error:
        if name in _required():
            pytest.fail(f"CLUSTERX_REQUIRE names {name}, which can't be used: {error!r}")
        pytest.skip(f"{name} is not available: {error!r}")


def pytest_configure(config: pytest.Config) -> None:
    unknown = _required() - {*BACKENDS, *MARKS}
    if unknown:
        raise pytest.UsageError(f"CLUSTERX_REQUIRE names unknown backends: {sorted(unknown)}")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the cases that name PyTorch: the `xp` fixture's and scikit-learn's checks with it."""
    if "torch" in item.name.lower():
        item.add_marker("torch")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, load in MARKS.items():
        if item.get_closest_marker(name):
            needed(name, load)


@cache
def _can_be_had(name: str) -> bool:
    """Whether tests can use the backend; an array library on the CPU is not imported for that."""
    if name not in ("cuda_on_cpu", "cupy"):
        return find_spec(name) is not None
    try:
        _load(name)
    except Exception:
        return False
    return True


def pytest_report_header() -> str:
    missing = [name for name in BACKENDS if not _can_be_had(name)]
    return f"backends: {', '.join(name for name in BACKENDS if name not in missing)}" + (
        f"; missing: {', '.join(missing)}" if missing else ""
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `xp` the backends that can be had or are required, of those that a marker names.

    PyTorch runs the generic kernels, as array_api_strict does; only smoke tests run on it.
    A test marked ``backends(missing="skip")`` gets the missing ones too: it skips for all others.
    """
    if "xp" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("backends")
    names = marker.args if marker and marker.args else BACKENDS
    if metafunc.definition.get_closest_marker("smoke") is None:
        names = [name for name in names if name != "torch"]
    if marker is None or marker.kwargs.get("missing") != "skip":
        names = [name for name in names if name in _required() or _can_be_had(name)]
    metafunc.parametrize(
        "xp",
        [pytest.param(b, marks=pytest.mark.gpu) if b == "cupy" else b for b in names],
        indirect=True,
    )


@pytest.fixture
def xp(request: pytest.FixtureRequest) -> Backend:
    """Each backend in turn."""
    return needed(request.param, lambda: _load(request.param))
