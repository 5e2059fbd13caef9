"""What the tests of kernels share."""

import os

import pytest

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
