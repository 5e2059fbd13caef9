"""The emulation of CUDA on the CPU: both ways of switching between threads do the same."""

import ctypes
import platform

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.cuda_on_cpu.arrays import asarray
from tests.cuda_on_cpu.backend import emulated
from tests.cuda_on_cpu.loader import EmulatedLoader, LaunchError

pytestmark = pytest.mark.usefixtures("gxx")
WAYS = {"own": {}, "ucontext": {"ucontext": True}}
ORDERS = ({}, {"order": "falling"}, {"order": "shuffled", "seed": 4})
THREADS, BLOCKS = 96, 5

#: Each value plus that of the lane across its warp, and of the thread across its block; votes.
MEETINGS = """
extern "C" __global__ void meetings(const int *values, int *across, int *votes)
{
    __shared__ int shared[96];
    int me = threadIdx.x, i = blockIdx.x * 96 + me;
    double kept = values[i] + 0.5;  // registers survive a switch, those of numbers with a point too
    int other = __shfl_xor_sync(0xffffffffu, values[i], 31);
    shared[me] = values[i];
    __syncthreads();
    across[i] = (int)(kept - 0.5) + 100 * other + 10000 * shared[95 - me];
    __syncthreads();
    shared[me] = __popc(__ballot_sync(0xffffffffu, values[i] % 2));
    __syncthreads();
    votes[i] = shared[95 - me];
}
"""


def run(change=lambda text: text, **options):
    """What the kernel makes of values below 100."""
    values = np.random.default_rng(0).integers(0, 100, THREADS * BLOCKS).astype(np.int32)
    given = [asarray(x) for x in (values, np.zeros_like(values), np.zeros_like(values))]
    loader = EmulatedLoader(change=lambda name, text: change(MEETINGS), **options)
    loader.module("minibatch").launch("meetings", BLOCKS, THREADS, *given)
    return values.reshape(BLOCKS, THREADS // 32, 32), *(x.get() for x in given[1:])


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("races", [False, True])
def test_barriers_shuffles_and_votes(way, order, races):
    values, across, votes = run(races=races, **WAYS[way], **order)
    opposite = values.reshape(BLOCKS, THREADS)[:, ::-1]
    expected = values + 100 * values[:, :, ::-1] + 10000 * opposite.reshape(values.shape)
    assert_array_equal(across, expected.ravel())
    odd = (values % 2).sum(axis=2)[:, ::-1]  # the warps of a block, the last one first
    assert_array_equal(votes, np.repeat(odd.ravel(), 32))


@pytest.mark.parametrize("way", WAYS)
def test_a_missing_barrier_is_caught(way):
    with pytest.raises(LaunchError, match=r"race|nothing has written"):
        run(lambda text: text.replace("__syncthreads();", "", 1), races=True, **WAYS[way])


@pytest.mark.parametrize("way", WAYS)
def test_threads_that_never_come_are_caught_and_the_next_launch_runs(way):
    lost = "if (me == 40)\n        return;\n    int other"
    with pytest.raises(LaunchError, match=r"takes no part|wait"):
        run(lambda text: text.replace("int other", lost), **WAYS[way])
    run(**WAYS[way])


@pytest.mark.parametrize("d", [3, 20])
def test_kernels_run_either_way(d):
    X = np.random.default_rng(d).standard_normal((300, d)).astype(np.float32)
    found = []
    for options in WAYS.values():
        labels, squares = emulated(**options).distances.nearest(asarray(X), asarray(X[:9]))
        found.append((labels.get(), squares.get()))
    for one, other in zip(*found, strict=True):
        assert_array_equal(one, other)


def test_the_switch_of_the_c_library_is_what_runs_then():
    def switches(**options):
        loader = EmulatedLoader(change=lambda name, text: MEETINGS, **options)
        library = loader.module("minibatch")._library
        return ctypes.c_int.in_dll(library, "cuda_on_cpu_own_switch").value

    assert switches(ucontext=True) == 0
    assert switches() == (platform.machine() in ("x86_64", "AMD64"))
