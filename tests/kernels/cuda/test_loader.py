"""The loader for real GPUs, with a stand-in for CuPy: what is launched, and what is refused."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from clusterx import kernels
from clusterx.kernels import Kernels
from clusterx.kernels.cuda.device import CudaDevice
from clusterx.kernels.cuda.loader import FILES, Loader, source
from clusterx.kernels.labels import generic as generic_labels
from clusterx.kernels.runtime import generic as generic_runtime
from clusterx.properties import cached_property
from tests.cuda_on_cpu.arrays import namespace as xp


class FakeCupy:
    """Records what a loader asks of CuPy."""

    def __init__(self, version="14.2.0", driver=12040, capability="90"):
        self.__version__ = version
        self.device = 0
        self.built, self.launched = [], []
        self.cuda = SimpleNamespace(
            runtime=SimpleNamespace(getDevice=lambda: self.device, driverGetVersion=lambda: driver),
            Device=lambda device: SimpleNamespace(compute_capability=capability),
        )

    def RawModule(self, code, options):
        self.built.append((code, options))

        def get_function(name):
            def launch(grid, block, args, *, shared_mem):
                self.launched.append((name, grid, block, args, shared_mem))

            return launch

        return SimpleNamespace(get_function=get_function)


def test_arguments_become_what_kernels_take():
    cupy = FakeCupy()
    x = xp.asarray(np.zeros((2, 3), np.float32))
    Loader(cupy).module("minibatch").launch(
        "move_centers", (4, 2), 64, x, 2**40, 0.5, None, shared=8
    )
    ((name, grid, block, args, shared),) = cupy.launched
    assert (name, grid, block, shared) == ("move_centers", (4, 2), (64,), 8)
    assert args[0] is x
    assert [a.dtype for a in args[1:3]] == [np.int64, np.float64]
    assert args[1:3] == (2**40, 0.5)
    assert args[3].nbytes == 8
    assert args[3] == 0


def test_no_blocks_are_no_launch():
    cupy = FakeCupy()
    Loader(cupy).module("minibatch").launch("move_centers", 0, 64)
    assert not cupy.launched


@pytest.mark.parametrize("arg", [np.float32(1), np.zeros(3).tolist(), "x", True])
def test_other_arguments_are_refused(arg):
    with pytest.raises(TypeError, match="a kernel takes arrays of the device"):
        Loader(FakeCupy()).module("minibatch").launch("move_centers", 1, 64, arg)


def test_strided_arrays_are_refused():
    x = xp.asarray(np.zeros((2, 3))).T
    with pytest.raises(AssertionError, match="whatever the strides say"):
        Loader(FakeCupy()).module("minibatch").launch("move_centers", 1, 64, x)


def test_a_module_is_built_once_for_each_set_of_macros():
    cupy = FakeCupy()
    loader = Loader(cupy)
    one = loader.module("nearest", T="float", D=3)
    assert loader.module("nearest", D=3, T="float") is one
    assert loader.module("nearest", T="float", D=4) is not one
    assert len(cupy.built) == 2
    code, options = cupy.built[0]
    assert "#define D 3\n" in code
    assert options == ("-std=c++17",)


@pytest.mark.parametrize(
    ("old", "message"),
    [
        ({"version": "13.6.0"}, r"CuPy 14 or newer, got 13\.6\.0\. Upgrade it"),
        ({"driver": 11080}, r"driver for CUDA 12 or newer, got one for CUDA 11\.8\. Upgrade"),
        ({"capability": "70"}, r"compute capability 7\.5 .* GPU 0 has 7\.0\. Move the data"),
    ],
)
def test_what_is_too_old_is_told(old, message):
    with pytest.raises(RuntimeError, match=message):
        Loader(FakeCupy(**old)).module("minibatch")


def test_each_device_is_checked():
    cupy = FakeCupy()
    loader = Loader(cupy)
    loader.module("minibatch")
    cupy.device = 1
    cupy.cuda.Device = lambda device: SimpleNamespace(compute_capability="61")
    with pytest.raises(RuntimeError, match=r"GPU 1 has 6\.1"):
        loader.module("minibatch")


def test_source_is_whole():
    """Included files are in the text: nothing is looked for where the kernels are compiled."""
    for path in FILES.values():
        text = source(path.stem, {"T": "float"})
        assert "#include" not in text
        assert text.startswith('#define T float\n#line 1 "common.cuh"\n')


def test_kernels_without_cuda_are_the_generic_ones():
    own = Kernels("cuda", CudaDevice(xp, Loader(FakeCupy())))
    assert own.labels.expected_information is generic_labels.expected_information
    assert own.runtime.dtypes == generic_runtime.dtypes
    families = {n for n, v in vars(Kernels).items() if isinstance(v, cached_property)}
    assert families >= {"reductions", "distances", "kmeans", "labels", "color", "runtime"}
    for family in families:
        assert all(map(callable, set(vars(getattr(own, family)).values()) - {own.runtime.dtypes}))
    with pytest.raises(AttributeError, match="nearst"):
        own.distances.nearst  # noqa: B018


def test_cupy_has_the_cuda_kernels():
    assert kernels.TABLE["cupy"] is kernels._cuda


def test_importing_the_kernels_imports_no_cupy():
    code = "import sys, clusterx.kernels.cuda; sys.exit('cupy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
