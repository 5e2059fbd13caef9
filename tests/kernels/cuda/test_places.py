"""Kernels of k-means on arrays of more than 2^32 elements: the last block of a launch alone.

The arrays are files that are mostly holes; only the rows of that block hold numbers.
"""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from clusterx.kernels.distances.cuda import screening
from clusterx.kernels.kmeans.cuda import seeds
from tests.cuda_on_cpu.arrays import asarray
from tests.cuda_on_cpu.backend import emulated, last_block, up, vast

pytestmark = pytest.mark.usefixtures("gxx")
BLOCK = screening.BLOCK
K = 5
FAR = 2**32 + 1  # beyond integers of 32 bits, of either kind


def whole(n, d, seed=0):
    """Small whole numbers, whose sums and squares are exact in any order."""
    return np.random.default_rng([seed, n, d]).integers(-9, 10, (n, d)).astype(np.float32)


def squares(few, C):
    return ((few.astype(np.float64)[:, None] - C[None]) ** 2).sum(axis=2)


def rows_of_last_block(folder, d, rows, more, far):
    """Rows of d columns, those that the last block has, how many there are, and of blocks.

    rows : of a block
    more : of the last block
    far : rows before it at least
    """
    blocks = -(-far // rows) + 1
    n = (blocks - 1) * rows + more
    X = vast(folder, "X", n * d, "float32")
    few = whole(more, d)
    X.held[-few.size :] = few.ravel()
    return X, few, n, blocks


def moved_sums(few, labels):
    """The table after the rows left cluster 0 for their labels."""
    table = np.zeros((2, K, few.shape[1] + 1), np.int64)
    for row, label in zip(few.astype(np.int64), labels, strict=True):
        table[0, label] += [*row, 1]
        table[0, 0] -= [*row, 1]
    return table


def test_step_of_few_columns(tmp_path):
    d = 3
    each = BLOCK * screening.rows_per_thread(d)
    X, few, n, blocks = rows_of_last_block(tmp_path, d, each, 300, FAR)
    C = whole(K, d, seed=1)
    labels = vast(tmp_path, "labels", n, "int32")
    table, moved, scales = up(np.zeros((2, K, d + 1), np.uint64), np.zeros(1, np.int64), np.ones(5))
    gpu = emulated()
    gpu.gpu.loader = last_block()
    module = screening.low_module(gpu.gpu, "lloyd", asarray(few))
    module.launch("step", blocks, BLOCK, X, n, None, asarray(C), K, scales, 0, labels, table, moved)
    expected = squares(few, C).argmin(axis=1)
    assert_array_equal(labels.held[-300:], expected)
    assert_array_equal(table.get().view(np.int64), moved_sums(few, expected))
    assert moved.get() == np.count_nonzero(expected)


def test_rows_that_move(tmp_path):
    d = 20
    X, few, n, blocks = rows_of_last_block(tmp_path, d, screening.WARPS, 5, -(-FAR // d))
    labels, previous = vast(tmp_path, "labels", n, "int32"), vast(tmp_path, "old", n, "int32")
    labels.held[-5:] = [3, 1, 0, 4, 1]
    table, moved, scales = up(
        np.zeros((2, K, d + 1), np.uint64), np.zeros(1, np.int64), np.ones(d + 2)
    )
    module = last_block().module("lloyd", T="float")
    module.launch(
        "move_rows", blocks, BLOCK, X, n, d, None, scales, K, labels, previous, table, moved
    )
    assert_array_equal(table.get().view(np.int64), moved_sums(few, labels.held[-5:]))
    assert moved.get() == 4


def test_rows_of_the_screen(tmp_path):
    d, count = 24, 6
    X, few, n, _ = rows_of_last_block(tmp_path, d, count, count, -(-FAR // d))
    shift, C = whole(1, d, seed=2)[0], whole(K, d, seed=1)
    about, length = up(np.zeros((count, d), np.float32), np.zeros(count, np.float32))
    module = emulated().gpu.loader.module("screen", T="float", TF32=0)
    blocks = -(-count // screening.WARPS)
    module.launch(
        "prepare_rows", blocks, BLOCK, X, n - count, count, d, asarray(shift), about, length
    )
    assert_array_equal(about.get(), few - shift)
    # products and lengths that leave all centres open: the rows themselves are measured
    labels = vast(tmp_path, "labels", n, "int32")
    open_, own, far = up(
        np.zeros((count, K), np.float32), np.zeros(K, np.float32), np.full(K, 1e6, np.float32)
    )
    module.launch(
        "choose",
        blocks,
        BLOCK,
        X,
        n - count,
        count,
        d,
        asarray(C),
        K,
        open_,
        own,
        far,
        length,
        labels,
    )
    assert_array_equal(labels.held[-count:], squares(few, C).argmin(axis=1))


@pytest.mark.parametrize("d", [3, 20])
def test_seeding(tmp_path, d):
    lanes = 1 if d <= screening.LOW else 32
    X, few, n, blocks = rows_of_last_block(tmp_path, d, BLOCK // lanes, 7, -(-FAR // d))
    module = last_block().module("seeding", T="float", LANES=lanes)
    closest = vast(tmp_path, "closest", n, "float64")
    module.launch("measure", blocks, BLOCK, X, n, d, asarray(np.array([n - 3])), 0, closest)
    first = squares(few, few[-3:-2])[:, 0]
    assert_array_equal(closest.held[-7:], first)
    candidates = np.array([n - 1, n - 2])
    gains = vast(tmp_path, "gains", 2 * blocks, "float64")
    module.launch(
        "measure_gains", blocks, BLOCK, X, n, d, None, closest, asarray(candidates), 2, gains
    )
    less = np.maximum(first[:, None] - squares(few, few[[-1, -2]]), 0.0)
    assert_array_equal(gains.held[-2:], less.sum(axis=0))


def test_draws(tmp_path):
    chunks = -(-FAR // seeds.CHUNK) + 1
    n = (chunks - 1) * seeds.CHUNK + 9
    closest = vast(tmp_path, "closest", n, "float64")
    closest.held[-9:] = np.arange(9)
    sums, rows = up(np.zeros(chunks), np.zeros(1, np.int64))
    module = last_block().module("seeding", T="double", LANES=1)
    module.launch("sum_chunks", chunks, BLOCK, closest, None, n, sums)
    assert sums.get()[-1] == 36
    fraction = asarray(np.array([0.5]))  # of 0, 1, 3, 6, 10, 15, 21, 28, 36
    module.launch("draw", 1, BLOCK, closest, None, n, sums, chunks, fraction, None, rows)
    assert rows.get() == n - 3
