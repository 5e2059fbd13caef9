"""The CUDA kernels of labels meet their contracts: sums by label, codes, counts of pairs."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from clusterx.kernels.labels import cuda as cuda_labels
from clusterx.kernels.reductions.cuda import segments
from tests.cuda_on_cpu.arrays import asarray
from tests.cuda_on_cpu.backend import WAYS, emulated, faulty, last_block, up, vast
from tests.cuda_on_cpu.loader import LaunchError
from tests.kernels.distances.test_sums import labelled, normal
from tests.kernels.labels import test_contract as pairs

pytestmark = pytest.mark.usefixtures("gxx")
GPU = emulated()
SHAPES = [(1, 1, 1), (2, 3, 1), (255, 1, 7), (257, 3, 7), (300, 33, 5), (600, 100, 2), (65, 8, 90)]


def rows_and_labels(n, d, k, dtype="float32", seed=0):
    """Rows far from zero; some labels may have none."""
    rng = np.random.default_rng([seed, n, d, k])
    X = (rng.standard_normal((n, d)) + 1e4 * rng.standard_normal(d)).astype(dtype)
    return X, rng.integers(0, k, n).astype(np.int32)


class TestSumsByLabel:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(("n", "d", "k"), SHAPES)
    def test_rows(self, monkeypatch, n, d, k, dtype):
        """Whole, and in pieces."""
        X, labels = rows_and_labels(n, d, k, dtype)
        for least, most in ((256, 4096), (4, 40)):
            monkeypatch.setattr(segments, "LEAST_PIECE", least)
            monkeypatch.setattr(segments, "MOST_PIECES", most)
            found = GPU.reductions.sum_rows_by_label(*up(X, labels), k).get()
            assert found.dtype == np.float64
            for j in range(k):
                expected = [math.fsum(c) for c in X[labels == j].astype(np.float64).T.tolist()]
                assert_allclose(found[j], expected, rtol=1e-14)  # of one sign: nothing cancels

    def test_one_piece_more_for_each_label_is_what_there_can_be(self, monkeypatch):
        monkeypatch.setattr(segments, "LEAST_PIECE", 3)
        for n, k in ((12, 4), (13, 4), (7, 9)):
            labels = np.sort(np.arange(n) % k).astype(np.int32)
            found = GPU.reductions.sum_rows_by_label(*up(np.ones((n, 2)), labels), k).get()
            assert_array_equal(found[:, 0], np.bincount(labels, minlength=k))

    def test_no_rows(self):
        found = GPU.reductions.sum_rows_by_label(*up(np.empty((0, 3)), np.empty(0, np.int32)), 2)
        assert_array_equal(found.get(), np.zeros((2, 3)))

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(("n", "d", "k"), SHAPES)
    def test_own_squares_and_columns(self, n, d, k, dtype):
        X, labels = rows_and_labels(n, d, k, dtype)
        C = X[np.random.default_rng(1).integers(0, n, k)] + 1
        squares = GPU.distances.assigned_squared_distances(*up(X, C, labels)).get()
        apart = X.astype(np.float64) - C.astype(np.float64)[labels]
        assert_allclose(squares, (apart**2).sum(axis=1), rtol=1e-13)
        D = np.abs(X[:, :1] - X[:, 0])
        belongs = (labels[:, None] == np.arange(k)).astype(float)
        sums = GPU.reductions.sum_columns_by_label(*up(D, labels), k).get()
        assert_allclose(sums, D.astype(np.float64) @ belongs, rtol=1e-13)

    def test_every_order_of_threads_gives_the_same_bits(self, monkeypatch):
        monkeypatch.setattr(segments, "LEAST_PIECE", 16)
        X, labels = rows_and_labels(300, 9, 4)
        given = up(X, labels)
        C, D = up(X[:4].astype(np.float64), X @ X.T)
        found = [
            [a.get() for a in (
                gpu.reductions.sum_rows_by_label(*given, 4),
                gpu.distances.assigned_squared_distances(given[0], C, given[1]),
                gpu.reductions.sum_columns_by_label(D, given[1], 4),
            )]
            for gpu in (emulated(**options) for options in WAYS.values())
        ]  # fmt: skip
        for other in found[1:]:
            for mine, first in zip(other, found[0], strict=True):
                assert_array_equal(mine, first)

    def test_nothing_is_read(self, reads):
        X, labels = up(*rows_and_labels(50, 3, 4))
        GPU.reductions.sum_rows_by_label(X, labels, 4)
        GPU.distances.assigned_squared_distances(X, X, labels)
        GPU.reductions.sum_columns_by_label(X, labels, 4)
        assert reads == []


def check_encoding(gpu, labels):
    codes, classes = (found.get() for found in gpu.labels.factorize(asarray(labels)))
    expected = np.unique(labels, return_inverse=True)
    assert (codes.dtype, classes.dtype) == (np.int32, labels.dtype)
    assert_array_equal(classes, expected[0])
    assert_array_equal(codes, expected[1])


class TestEncode:
    @pytest.mark.parametrize("dtype", pairs.INTEGERS)
    def test_integers_over_their_whole_range(self, dtype):
        for n in (0, 1, 2, 700):
            info, rng = np.iinfo(dtype), np.random.default_rng(n)
            check_encoding(GPU, rng.integers(info.min, info.max, n, dtype, endpoint=True))
            check_encoding(GPU, np.array([info.max, info.min, info.max], dtype)[:n])

    @pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint64"])
    def test_few_classes_at_both_ends_of_the_range(self, dtype):
        info, rng = np.iinfo(dtype), np.random.default_rng(0)
        few = rng.integers(0, 30, 900)
        check_encoding(GPU, (info.min + 3 * few.astype(object)).astype(dtype))
        check_encoding(GPU, (info.max - 3 * few.astype(object)).astype(dtype))

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_floats(self, dtype):
        check_encoding(GPU, np.random.default_rng(0).integers(-50, 50, 800).astype(dtype) / 7)
        check_encoding(GPU, np.array([1e30, -1e30, 0.0, -0.0, 1e30], dtype))

    @pytest.mark.parametrize("cells", [4, 1 << 13])
    def test_shared_and_global_accounts_of_what_occurs(self, monkeypatch, cells):
        monkeypatch.setattr(cuda_labels, "SHARED_CELLS", cells)
        check_encoding(GPU, np.random.default_rng(0).integers(-9, 9, 5000))

    def test_views(self):
        labels = np.random.default_rng(0).integers(0, 9, (500, 3))
        codes, classes = GPU.labels.factorize(asarray(labels)[:, 1])
        assert_array_equal(classes.get()[codes.get()], labels[:, 1])

    @pytest.mark.parametrize("way", WAYS)
    def test_in_every_order(self, way):
        rng = np.random.default_rng(0)
        gpu = emulated(**WAYS[way])
        check_encoding(gpu, rng.integers(0, 50, 3000).astype(np.int16))
        check_encoding(gpu, rng.integers(0, 50, 3000) / 3)


#: Cells under which a table in shared memory, and one for all blocks, is used; else a sort.
WAYS_TO_COUNT = {"shared": (1 << 13, 1 << 26), "table": (1, 1 << 26), "sort": (1, 0)}


class TestCounts:
    def check(self, gpu, n, shape, seed=0):
        a, b = pairs.TestContingency.labels(n, shape, seed)
        rows, columns, counts = (found.get() for found in gpu.labels.contingency(*up(a, b), shape))
        cells, expected = np.unique(a.astype(np.int64) * shape[1] + b, return_counts=True)
        assert rows.dtype == columns.dtype == counts.dtype == np.int64
        assert_array_equal(rows * shape[1] + columns, cells)
        assert_array_equal(counts, expected)
        assert ((columns >= 0) & (columns < shape[1])).all()

    @pytest.mark.parametrize("shape", pairs.TestContingency.SHAPES, ids=str)
    def test_counts_of_the_pairs_that_occur(self, shape):
        for n in (0, 1, 50, 4000):
            self.check(GPU, n, shape)

    @pytest.mark.parametrize("kind", WAYS_TO_COUNT)
    @pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 40), (10, 7), (60, 70)], ids=str)
    def test_each_way_of_counting(self, monkeypatch, kind, shape):
        shared, dense = WAYS_TO_COUNT[kind]
        monkeypatch.setattr(cuda_labels, "SHARED_CELLS", shared)
        monkeypatch.setattr(cuda_labels, "DENSE_CELLS", dense)
        self.check(emulated(), 3000, shape)

    def test_few_pairs_of_very_many(self):
        a = np.array([0, 2, 2, 0, 2], np.int32)
        b = np.array([2**30, 1, 1, 2**30, 0], np.int32)
        rows, columns, counts = (x.get() for x in GPU.labels.contingency(*up(a, b), (3, 2**31 - 1)))
        assert_array_equal(rows, [0, 2, 2])
        assert_array_equal(columns, [2**30, 0, 1])
        assert_array_equal(counts, [2, 1, 2])

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("shape", [(10, 7), (200, 90), (3, 2**24)], ids=str)
    def test_in_every_order(self, way, shape):
        self.check(emulated(**WAYS[way]), 2000, shape)

    def test_the_number_of_cells_is_read_and_nothing_else(self, reads):
        a, b = up(*pairs.TestContingency.labels(500, (9, 9)))
        GPU.labels.contingency(a, b, (9, 9))
        assert reads == [(1,)]


class TestPlantedFaults:
    """What these tests would say of kernels that are wrong."""

    def test_a_bound_is_off_by_one(self):
        gpu = faulty(
            "positions", "i < n && i < first + ITEMS; ++i)\n        if", "i <= n; ++i)\n        if"
        )
        with pytest.raises(LaunchError):
            gpu.labels.contingency(*up(*pairs.TestContingency.labels(500, (9, 9))), (9, 9))

    def test_counts_are_not_atomic(self):
        gpu = faulty(
            "contingency", "atomicAdd(&own[a[i] * columns + b[i]], 1u)",
            "own[a[i] * columns + b[i]] += 1u", races=True,
        )  # fmt: skip
        with pytest.raises(LaunchError, match="race"):
            gpu.labels.contingency(*up(*pairs.TestContingency.labels(500, (9, 9))), (9, 9))


def test_numbers_of_clusters_may_be_numpy_s():
    X, labels = up(*labelled(normal, 70, 3, 4))
    k = np.int64(4)
    for found in (
        GPU.reductions.sum_rows_by_label(X, labels, k),
        GPU.reductions.sum_columns_by_label(X, labels[:3], k),
    ):
        assert 4 in found.shape
    assert GPU.labels.contingency(labels, labels, (k, k))[2].get().sum() == 70


class TestVast:
    """Places above 2^31: the last block of a launch alone, on files that are mostly holes."""

    def test_own_squares(self, tmp_path):
        n, d = (1 << 22) + 3, 512
        X = vast(tmp_path, "X", n * d, "float32")
        X.held[-d:] = 2.0
        squares, labels = vast(tmp_path, "out", n, "float64"), up(np.zeros(n, np.int32))[0]
        module = last_block().module("by_label", T="float", WIDTH=32, BLOCK=256)
        C = asarray(np.ones((1, d)))
        module.launch(
            "assigned_squared_distances", -(-n * 32 // 256), 256, X, C, labels, n, d, squares
        )
        assert_array_equal(squares.held[-3:], [d, d, d])

    def test_positions(self, tmp_path):
        n = (1 << 31) + 77
        cells = vast(tmp_path, "cells", n, "uint8")
        cells.held[[n - 70, n - 1]] = 1
        blocks = -(-n // 2048)
        ends, found = up(np.zeros(blocks, np.int64), np.zeros(2, np.int64))
        counts = up(np.zeros(blocks, np.int64))[0]
        module = last_block().module("positions", CELL="unsigned char", RUNS=0, BLOCK=256, ITEMS=8)
        module.launch("count", blocks, 256, cells, n, counts)
        assert counts.held[-1] == 2
        module.launch("write", blocks, 256, cells, n, ends, found)
        assert_array_equal(found.get(), [n - 70, n - 1])

    def test_pairs(self, tmp_path):
        n = (1 << 31) + 77
        a, b = (vast(tmp_path, name, n, "int32") for name in "ab")
        keys = vast(tmp_path, "keys", n, "int64")
        a.held[-1], b.held[-1] = 2**30, 7
        module = last_block().module(
            "contingency", COUNT="unsigned int", LABEL="int", SHARED_CELLS=8
        )
        module.launch("pair_keys", -(-n // 256), 256, a, b, n, 2**31 - 1, keys)
        assert keys.held[-1] == 2**30 * (2**31 - 1) + 7
