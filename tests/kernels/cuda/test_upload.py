"""Blocks on their way to the GPU, with streams whose copies are done as late as they may be."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from tests.cuda_on_cpu import arrays, streams
from tests.cuda_on_cpu.arrays import namespace as xp
from tests.cuda_on_cpu.backend import emulated

pytestmark = pytest.mark.usefixtures("gxx")


def gpu_with(*dropped):
    gpu = emulated()
    gpu.gpu.loader.cupy = SimpleNamespace(cuda=streams.Cuda(dropped))
    return gpu


def cut(n, rows, d=3, dtype="float32"):
    X = (100 * np.random.default_rng([n, d]).random((n, d))).astype(dtype)
    return [X[a : a + rows] for a in range(0, n, rows)]


def like(dtype="float32"):
    return xp.empty((0,), dtype=dtype)


def received(gpu, blocks, dtype="float32"):
    """What is computed of the blocks while they are there."""
    return [(2 * block).get() for block in gpu.runtime.stream_blocks(iter(blocks), like(dtype))]


def readers():
    return [t for t in threading.enumerate() if t.name.startswith("clusterx-read")]


def nothing_left(gpu):
    return not readers() and gpu.gpu.loader.cupy.cuda.under_way == 0


# -- what arrives --------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 7, 50, 99, 100, 101])
def test_blocks_arrive(rows):
    gpu, blocks = gpu_with(), cut(100, rows)
    for found, block in zip(received(gpu, blocks), blocks, strict=True):
        np.testing.assert_array_equal(found, 2 * block)
    assert nothing_left(gpu)
    assert gpu.gpu.loader.cupy.cuda.copied == 100 * 3 * 4  # nothing else crosses the bus


@pytest.mark.parametrize(
    "given", ["uint8", "int16", "float16", ">f4", "float32", "float64", "int64"]
)
def test_dtypes_are_converted_on_the_way(given):
    dtype = "float64" if given in ("float64", "int64") else "float32"
    blocks = cut(100, 30, dtype=given)
    for found, block in zip(received(gpu_with(), blocks, dtype), blocks, strict=True):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, 2 * block.astype(dtype))


def test_blocks_that_are_not_in_order_in_memory():
    X = np.arange(600.0).reshape(100, 6)
    blocks = [np.asfortranarray(X), X[::-1], X[:, ::2].repeat(2, axis=1), X.T.reshape(100, 6)]
    for found, block in zip(received(gpu_with(), blocks, "float64"), blocks, strict=True):
        np.testing.assert_array_equal(found, 2 * block)


def test_blocks_are_in_order_on_the_device():
    gpu = gpu_with()
    for block in gpu.runtime.stream_blocks(iter(cut(100, 30)), like()):
        assert gpu.gpu.contiguous(block) is block


def test_no_blocks():
    gpu = gpu_with()
    assert received(gpu, []) == []
    assert nothing_left(gpu)


# -- buffers -------------------------------------------------------------------------------------


def owners(gpu, blocks):
    """The device memory that each block is in."""
    held = [block.held for block in gpu.runtime.stream_blocks(iter(blocks), like())]
    return [streams.root(h).ctypes.data for h in held]


def test_two_buffers_take_turns():
    gpu, blocks = gpu_with(), cut(100, 9)
    found = owners(gpu, blocks)
    assert len(found) == 12
    assert len(set(found)) == 2
    assert len(set(found[::2])) == len(set(found[1::2])) == 1
    assert gpu.gpu.loader.cupy.cuda.pinned == [9 * 3 * 4] * 2


def test_one_block_takes_one_buffer():
    gpu = gpu_with()
    assert len(received(gpu, cut(100, 100))) == 1
    assert len(gpu.gpu.loader.cupy.cuda.pinned) == 1


def test_buffers_grow():
    gpu = gpu_with()
    X = cut(300, 300)[0]
    blocks = np.split(X, [5, 10, 100, 105, 106, 250])
    for found, block in zip(received(gpu, blocks), blocks, strict=True):
        np.testing.assert_array_equal(found, 2 * block)
    assert [size // 12 for size in gpu.gpu.loader.cupy.cuda.pinned] == [5, 5, 90, 144]
    assert nothing_left(gpu)


def test_the_next_block_is_read_while_one_is_in_use():
    read = [threading.Event() for _ in range(4)]

    def source():
        for block, event in zip(cut(40, 10), read, strict=True):
            event.set()
            yield block

    coming = gpu_with().runtime.stream_blocks(source(), like())
    next(coming)
    assert read[1].wait(10)
    time.sleep(0.05)
    assert not read[2].is_set()  # there is no buffer for it yet
    next(coming)
    assert read[2].wait(10)
    coming.close()


# -- passes that end early -----------------------------------------------------------------------


@pytest.mark.parametrize("used", [0, 1, 2, 5])
def test_a_pass_that_is_abandoned_leaves_nothing(used):
    gpu = gpu_with()
    coming = gpu.runtime.stream_blocks(iter(cut(100, 10)), like())
    for _ in range(used):
        next(coming)
    assert bool(used) == bool(readers())
    coming.close()
    assert nothing_left(gpu)


def test_a_loop_that_raises_leaves_nothing():
    gpu = gpu_with()

    def failing():
        for i, _ in enumerate(gpu.runtime.stream_blocks(iter(cut(100, 10)), like())):
            if i == 3:
                raise KeyError("in the middle")

    with pytest.raises(KeyError, match="in the middle"):
        failing()
    assert nothing_left(gpu)


@pytest.mark.parametrize("good", [0, 1, 2, 3])
def test_an_error_of_the_source_comes_out(good):
    gpu, blocks, found = gpu_with(), cut(100, 10), []

    def source():
        yield from blocks[:good]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        found.extend(block[0, ...].get() for block in gpu.runtime.stream_blocks(source(), like()))
    np.testing.assert_array_equal(np.array(found), [b[0] for b in blocks[:good]] or np.empty(0))
    assert nothing_left(gpu)


# -- faults that are caught ----------------------------------------------------------------------


def test_work_that_does_not_wait_for_the_copy_is_caught():
    blocks = cut(100, 10)
    found = received(gpu_with("current"), blocks)
    for i, block in enumerate(blocks):
        assert (found[i] != 2 * block).any(), i


def test_a_pinned_buffer_that_is_filled_too_early_is_caught():
    with pytest.raises(streams.RaceError, match="a pinned buffer was overwritten"):
        received(gpu_with("host"), cut(100, 10))


def test_a_copy_that_does_not_wait_for_the_work_is_caught():
    with pytest.raises(streams.RaceError, match="memory that may still be worked on"):
        received(gpu_with("copies"), cut(100, 10))


def test_use_after_the_next_block_is_caught():
    """A block that is kept is overwritten: by the next but one."""
    blocks = cut(50, 10)
    kept = list(gpu_with().runtime.stream_blocks(iter(blocks), like()))
    for block, found in zip(blocks[3:], kept[3:], strict=True):
        np.testing.assert_array_equal(found.get(), block)
    for block, found in zip(blocks[:3], kept[:3], strict=True):
        assert (found.get() != block).all()


def test_pageable_memory_is_refused():
    array = xp.empty((3,), dtype="float32")
    stream = streams.Cuda().Stream(non_blocking=True)
    with pytest.raises(AssertionError, match="other memory"):
        arrays.Array.set(array, np.zeros(3, "float32"), stream=stream)
