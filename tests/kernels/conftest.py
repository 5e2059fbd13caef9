"""What the tests of kernels share."""

import os
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from clusterx import Blocks
from clusterx.kernels import kernels_for
from tests.cuda_on_cpu.arrays import Array
from tests.cuda_on_cpu.loader import compiler


@pytest.fixture(scope="session")
def gxx():
    """g++; skipped without it, unless CLUSTERX_REQUIRE names the emulation."""
    try:
        return compiler()
    except ImportError as error:
        if "cuda_on_cpu" in os.environ.get("CLUSTERX_REQUIRE", "").split(","):
            pytest.fail(f"CLUSTERX_REQUIRE names cuda_on_cpu: {error}")
        pytest.skip(f"cuda_on_cpu is not available: {error}")


@pytest.fixture
def reads(monkeypatch):
    """Shapes of what has come to the host from the stand-in device."""
    found = []
    get = Array.get
    monkeypatch.setattr(Array, "get", lambda self: found.append(self.shape) or get(self))
    return found


@dataclass
class Gpu:
    """A device, and rows on it in both forms."""

    backend: Any
    cuda: Any  # streams of the stand-in

    def up(self, values: Any) -> Any:
        return self.backend.asarray(values)

    def down(self, values: Any) -> np.ndarray:
        assert self.backend.owns(values)
        return self.backend.to_host(values)

    def blocks(self, X: Any, rows: int | None = None) -> Blocks:
        return Blocks(X, block_rows=rows, device="cuda")


@pytest.fixture
def gpu(xp, monkeypatch):
    """The device of `xp`, which is CuPy or stands in for it; nothing is to be left under way."""
    cuda = None
    if xp.name == "cuda_on_cpu":
        monkeypatch.setattr("clusterx.rows.blocks.gpu_library", lambda: xp.xp)
        cuda = kernels_for(xp.xp).gpu.loader.cupy.cuda
    yield Gpu(xp, cuda)
    assert not [t for t in threading.enumerate() if t.name.startswith("clusterx-read")]
    assert cuda is None or cuda.under_way == 0
