"""The CUDA kernels of metrics meet their contracts, run on the CPU in every order of threads."""

import math

import numpy as np
import pytest
import test_contingency as pairs
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from test_distance_sums import DATA, SCIPY, brute, by_labels, labelled, normal

from clusterx.kernels.cuda import contingency, distance_sums, segment_sum
from tests.cuda_on_cpu.arrays import Array, asarray
from tests.cuda_on_cpu.backend import emulated
from tests.cuda_on_cpu.loader import LaunchError

pytestmark = pytest.mark.usefixtures("gxx")
GPU = emulated()
#: Any of these may be what a GPU does; the last looks for what would tell them apart.
WAYS = {
    "rising": {},
    "falling": {"order": "falling"},
    "shuffled": {"order": "shuffled", "seed": 3},
    "races": {"order": "shuffled", "races": True},
}
SHAPES = [(1, 1, 1), (2, 3, 1), (255, 1, 7), (257, 3, 7), (300, 33, 5), (600, 100, 2), (65, 8, 90)]


def up(*arrays):
    return [asarray(x) for x in arrays]


def rows_and_labels(n, d, k, dtype="float32", seed=0):
    """Rows far from zero; some labels may have none."""
    rng = np.random.default_rng([seed, n, d, k])
    X = (rng.standard_normal((n, d)) + 1e4 * rng.standard_normal(d)).astype(dtype)
    return X, rng.integers(0, k, n).astype(np.int32)


@pytest.fixture
def reads(monkeypatch):
    """Shapes of what has come to the host."""
    found = []
    get = Array.get
    monkeypatch.setattr(Array, "get", lambda self: found.append(self.shape) or get(self))
    return found


class TestSumsByLabel:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(("n", "d", "k"), SHAPES)
    @pytest.mark.parametrize("pieces", [(256, 4096), (4, 40)], ids=["whole", "in pieces"])
    def test_rows(self, monkeypatch, n, d, k, dtype, pieces):
        monkeypatch.setattr(segment_sum, "LEAST_PIECE", pieces[0])
        monkeypatch.setattr(segment_sum, "MOST_PIECES", pieces[1])
        X, labels = rows_and_labels(n, d, k, dtype)
        found = GPU.segment_sum(*up(X, labels), k).get()
        assert found.dtype == np.float64
        for j in range(k):
            expected = [math.fsum(c) for c in X[labels == j].astype(np.float64).T.tolist()]
            assert_allclose(found[j], expected, rtol=1e-14)  # all of one sign: nothing cancels

    def test_one_piece_more_for_each_label_is_what_there_can_be(self, monkeypatch):
        monkeypatch.setattr(segment_sum, "LEAST_PIECE", 3)
        for n, k in ((12, 4), (13, 4), (7, 9)):
            labels = np.sort(np.arange(n) % k).astype(np.int32)
            found = GPU.segment_sum(*up(np.ones((n, 2)), labels), k).get()
            assert_array_equal(found[:, 0], np.bincount(labels, minlength=k))

    def test_no_rows(self):
        found = GPU.segment_sum(*up(np.empty((0, 3)), np.empty(0, np.int32)), 2)
        assert_array_equal(found.get(), np.zeros((2, 3)))

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(("n", "d", "k"), SHAPES)
    def test_own_squares_and_columns(self, n, d, k, dtype):
        X, labels = rows_and_labels(n, d, k, dtype)
        C = X[np.random.default_rng(1).integers(0, n, k)] + 1
        squares = GPU.own_squares(*up(X, C, labels)).get()
        apart = X.astype(np.float64) - C.astype(np.float64)[labels]
        assert_allclose(squares, (apart**2).sum(axis=1), rtol=1e-13)
        D = np.abs(X[:, :1] - X[:, 0])
        belongs = (labels[:, None] == np.arange(k)).astype(float)
        sums = GPU.label_sums(*up(D, labels), k).get()
        assert_allclose(sums, D.astype(np.float64) @ belongs, rtol=1e-13)

    def test_every_order_of_threads_gives_the_same_bits(self, monkeypatch):
        monkeypatch.setattr(segment_sum, "LEAST_PIECE", 16)
        X, labels = rows_and_labels(300, 9, 4)
        given = up(X, labels)
        C, D = up(X[:4].astype(np.float64), X @ X.T)
        found = [
            [a.get() for a in (
                gpu.segment_sum(*given, 4), gpu.own_squares(given[0], C, given[1]),
                gpu.label_sums(D, given[1], 4),
            )]
            for gpu in (emulated(**options) for options in WAYS.values())
        ]  # fmt: skip
        for other in found[1:]:
            for mine, first in zip(other, found[0], strict=True):
                assert_array_equal(mine, first)

    def test_nothing_is_read(self, reads):
        X, labels = up(*rows_and_labels(50, 3, 4))
        GPU.segment_sum(X, labels, 4)
        GPU.own_squares(X, X, labels)
        GPU.label_sums(X, labels, 4)
        assert reads == []


def check_encoding(gpu, labels):
    codes, classes = (found.get() for found in gpu.encode(asarray(labels)))
    expected = np.unique(labels, return_inverse=True)
    assert (codes.dtype, classes.dtype) == (np.int32, labels.dtype)
    assert_array_equal(classes, expected[0])
    assert_array_equal(codes, expected[1])


class TestEncode:
    @pytest.mark.parametrize("n", [0, 1, 2, 700])
    @pytest.mark.parametrize("dtype", pairs.INTEGERS)
    def test_integers_over_their_whole_range(self, dtype, n):
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
        monkeypatch.setattr(contingency, "SHARED_CELLS", cells)
        check_encoding(GPU, np.random.default_rng(0).integers(-9, 9, 5000))

    def test_views(self):
        labels = np.random.default_rng(0).integers(0, 9, (500, 3))
        codes, classes = GPU.encode(asarray(labels)[:, 1])
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
        rows, columns, counts = (found.get() for found in gpu.contingency(*up(a, b), shape))
        cells, expected = np.unique(a.astype(np.int64) * shape[1] + b, return_counts=True)
        assert rows.dtype == columns.dtype == counts.dtype == np.int64
        assert_array_equal(rows * shape[1] + columns, cells)
        assert_array_equal(counts, expected)
        assert ((columns >= 0) & (columns < shape[1])).all()

    @pytest.mark.parametrize("n", [0, 1, 50, 4000])
    @pytest.mark.parametrize("shape", pairs.TestContingency.SHAPES, ids=str)
    def test_counts_of_the_pairs_that_occur(self, shape, n):
        self.check(GPU, n, shape)

    @pytest.mark.parametrize("kind", WAYS_TO_COUNT)
    @pytest.mark.parametrize("shape", [(1, 1), (3, 1), (1, 40), (10, 7), (60, 70)], ids=str)
    def test_each_way_of_counting(self, monkeypatch, kind, shape):
        shared, dense = WAYS_TO_COUNT[kind]
        monkeypatch.setattr(contingency, "SHARED_CELLS", shared)
        monkeypatch.setattr(contingency, "DENSE_CELLS", dense)
        self.check(emulated(), 3000, shape)

    def test_few_pairs_of_very_many(self):
        a = np.array([0, 2, 2, 0, 2], np.int32)
        b = np.array([2**30, 1, 1, 2**30, 0], np.int32)
        rows, columns, counts = (x.get() for x in GPU.contingency(*up(a, b), (3, 2**31 - 1)))
        assert_array_equal(rows, [0, 2, 2])
        assert_array_equal(columns, [2**30, 0, 1])
        assert_array_equal(counts, [2, 1, 2])

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("shape", [(10, 7), (200, 90), (3, 2**24)], ids=str)
    def test_in_every_order(self, way, shape):
        self.check(emulated(**WAYS[way]), 2000, shape)

    def test_the_number_of_cells_is_read_and_nothing_else(self, reads):
        a, b = up(*pairs.TestContingency.labels(500, (9, 9)))
        GPU.contingency(a, b, (9, 9))
        assert reads == [(1,)]


class Watched(type(GPU)):
    """Kernels that remember the size of their largest array."""

    largest = 0

    def empty(self, shape, dtype, *, like):
        self.largest = max(self.largest, math.prod(shape))
        return super().empty(shape, dtype, like=like)

    def zeros(self, shape, dtype, *, like):
        self.largest = max(self.largest, math.prod(shape))
        return super().zeros(shape, dtype, like=like)


TILED = [(1, 1, 1), (2, 3, 2), (64, 9, 4), (65, 2, 1), (130, 17, 7), (200, 40, 90)]


class TestDistanceSums:
    @pytest.mark.parametrize("make", DATA)
    @pytest.mark.parametrize(("n", "d", "k"), TILED)
    def test_float64_sums_are_exact(self, make, n, d, k):
        X, labels = labelled(make, n, d, min(n, k))
        sums = GPU.distance_sums(*up(X, labels), k, "euclidean")
        expected = brute(X, X, labels, k)
        assert_allclose(sums(asarray(X)).get(), expected, rtol=1e-12, atol=1e-300)
        few = X[: n // 2 + 1].copy()
        assert_allclose(sums(asarray(few)).get(), expected[: n // 2 + 1], rtol=1e-12, atol=1e-300)

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize("make", DATA)
    @pytest.mark.parametrize("d", [9, 50])
    def test_float32_sums_keep_six_digits(self, monkeypatch, make, metric, d):
        monkeypatch.setattr(distance_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(make, 250, d, 6, "float32")
        found = GPU.distance_sums(*up(X, labels), 6, metric)(asarray(X)).get()
        expected = brute(X, X, labels, 6, metric)
        assert_allclose(found, expected, rtol=1e-6, atol=1e-300)
        typical = np.abs(found - expected) / np.where(expected > 0, expected, 1)
        assert np.median(typical) < 1e-7

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize("factor", [1e-30, 1e-18, 1e18, 1e36])
    def test_float32_neither_overflows_nor_vanishes(self, monkeypatch, factor, metric):
        monkeypatch.setattr(distance_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(normal, 130, 20, 4)
        X = (X * factor).astype(np.float32)
        found = GPU.distance_sums(*up(X, labels), 4, metric)(asarray(X)).get()
        assert_allclose(found, brute(X, X, labels, 4, metric), rtol=1e-6)

    @pytest.mark.parametrize("rows", [2048, 0])
    def test_equal_rows_are_at_distance_zero(self, monkeypatch, rows):
        monkeypatch.setattr(distance_sums, "FLOAT64_ROWS", rows)
        X = np.repeat(np.float32([[1e6 + 0.1] * 30, [-3.3] * 30]), 70, axis=0)
        labels = np.repeat(np.int32([0, 1]), 70)
        found = GPU.distance_sums(*up(X, labels), 2, "euclidean")(asarray(X)).get()
        assert_array_equal(found[labels[:, None] == [0, 1]], 0.0)

    def test_few_rows_are_subtracted_in_float64(self):
        X, labels = labelled(normal, 200, 30, 3, "float32")
        found = GPU.distance_sums(*up(X, labels), 3, "euclidean")(asarray(X)).get()
        assert_allclose(found, brute(X, X, labels, 3), rtol=1e-12)

    @pytest.mark.parametrize("blocks", [1, 2, 7, 1024])
    @pytest.mark.parametrize("k", [1, 5, 300])
    def test_any_number_of_blocks_shares_the_columns(self, monkeypatch, blocks, k):
        monkeypatch.setattr(distance_sums, "BLOCKS", blocks)
        X, labels = labelled(normal, 400, 4, k)
        found = GPU.distance_sums(*up(X, labels), k, "manhattan")(asarray(X[:70])).get()
        assert_allclose(found, brute(X[:70], X, labels, k, "manhattan"), rtol=1e-12)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_every_order_of_threads_gives_the_same_bits(self, monkeypatch, dtype):
        monkeypatch.setattr(distance_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(normal, 200, 20, 9, dtype)
        found = [
            emulated(**options).distance_sums(*up(X, labels), 9, "euclidean")(asarray(X)).get()
            for options in WAYS.values()
        ]
        for other in found[1:]:
            assert_array_equal(other, found[0])

    def test_memory_and_reads_do_not_grow_with_pairs(self, monkeypatch, reads):
        gpu = Watched(GPU.xp, GPU.loader)
        n, k = 1500, 3
        monkeypatch.setattr(distance_sums, "PARTIAL_SUMS", 2 * n * k)
        X, labels = up(*labelled(normal, n, 2, k))
        gpu.distance_sums(X, labels, k, "euclidean")(X)
        gpu.separation(X, labels, k, "euclidean")
        assert 0 < gpu.largest <= 2 * n * k
        assert reads == []


class TestPairs:
    """Sums of the rows themselves, each pair of which is measured once."""

    @pytest.fixture(autouse=True)
    def all_sizes(self, monkeypatch):
        monkeypatch.setattr(distance_sums, "LABEL_ROWS", 0)

    @staticmethod
    def sums(X, labels, k, metric="euclidean", gpu=GPU):
        given, codes = up(X, labels)
        return gpu.distance_sums(given, codes, k, metric)(given).get()

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize("make", DATA)
    @pytest.mark.parametrize(("n", "d", "k"), [*TILED, (320, 20, 3), (190, 5, 150)])
    def test_float64_sums_are_exact(self, make, metric, n, d, k):
        X, labels = labelled(make, n, d, min(n, k))
        found = self.sums(X, labels, k, metric)
        assert GPU.loader.launches[-2:] == ["pair_sums", "read_pair_sums"]
        assert_allclose(found, brute(X, X, labels, k, metric), rtol=1e-12, atol=1e-300)

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize("make", DATA)
    def test_float32_sums_keep_six_digits(self, monkeypatch, make, metric):
        monkeypatch.setattr(distance_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(make, 250, 50, 6, "float32")
        found = self.sums(X, labels, 6, metric)
        assert_allclose(found, brute(X, X, labels, 6, metric), rtol=1e-6, atol=1e-300)

    @pytest.mark.parametrize("walk", [1, 2, 3])
    def test_many_walks(self, monkeypatch, walk):
        monkeypatch.setattr(distance_sums, "WALK", walk)
        for n in (500, 1200):  # more than ABREAST walks along a row, and fewer
            X, labels = labelled(normal, n, 2, 7)
            assert_allclose(self.sums(X, labels, 7), brute(X, X, labels, 7), rtol=1e-12)
            found = [x.get() for x in GPU.separation(*up(X, labels), 7, "euclidean")]
            assert_allclose(found, by_labels(cdist(X, X), labels), rtol=1e-13)

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize(("dtype", "factor"), [
        ("float32", 1e-30), ("float32", 1e-18), ("float32", 1e18), ("float32", 1e36),
        ("float64", 1e-150), ("float64", 1e150),
    ])  # fmt: skip
    def test_neither_overflows_nor_vanishes(self, monkeypatch, dtype, factor, metric):
        monkeypatch.setattr(distance_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(normal, 130, 20, 4)
        X = (X * factor).astype(dtype)
        expected = brute(X / factor, X / factor, labels, 4, metric) * factor
        assert_allclose(self.sums(X, labels, 4, metric), expected, rtol=1e-6)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_sums_in_any_order_of_threads_and_blocks_are_the_same_bits(self, monkeypatch, dtype):
        monkeypatch.setattr(distance_sums, "FLOAT64_ROWS", 0)
        monkeypatch.setattr(distance_sums, "WALK", 2)
        X, labels = labelled(normal, 330, 20, 9, dtype)
        found = [self.sums(X, labels, 9, gpu=emulated(**options)) for options in WAYS.values()]
        for other in (*found[1:], self.sums(X, labels, 9)):
            assert other.tobytes() == found[0].tobytes()

    def test_what_is_measured_once(self, monkeypatch, reads):
        gpu = Watched(GPU.xp, GPU.loader)
        n, k = 640, 10
        given, codes = up(*labelled(normal, n, 2, k))
        sums = gpu.distance_sums(given, codes, k, "euclidean")
        sums(given)
        assert gpu.largest <= 2 * n * k
        assert gpu.loader.launches[-1] == "read_pair_sums"
        monkeypatch.setattr(distance_sums, "LABEL_ROWS", 65)
        sums(given)
        assert gpu.loader.launches[-1] == "cluster_sums"
        monkeypatch.setattr(distance_sums, "LABEL_ROWS", 64)
        sums(given[:, :])
        assert gpu.loader.launches[-1] == "cluster_sums"
        monkeypatch.setattr(distance_sums, "PARTIAL_SUMS", n * k - 1)
        sums(given)
        assert gpu.loader.launches[-1] == "cluster_sums"
        assert reads == []

    @pytest.mark.parametrize("fault", [
        ("            __syncthreads();\n            if (threadIdx.x < width) {",
         "            if (threadIdx.x < width) {"),
        ("__syncthreads();  // before the next label's sums", ""),
    ])  # fmt: skip
    def test_a_barrier_is_gone(self, fault):
        gpu = TestPlantedFaults.faulty("distance_sums", *fault, races=True)
        with pytest.raises(LaunchError, match=r"race|nothing has written"):
            self.sums(*labelled(normal, 200, 3, 9), 9, gpu=gpu)

    @pytest.mark.parametrize("fault", [
        ("c > walk.row && begin < height", "begin < height"),
        ("row > first ? row : first", "first"),
        ("walk % ABREAST) * WALK", "walk % ABREAST) * WALK + 1"),
        ("walk / ABREAST % tiles", "walk / ABREAST % (tiles - 1)"),
        ("mine += __shfl_xor_sync(0xffffffffu, mine, ACROSS);", ""),
        ("sums[order[cell / k] * k", "sums[cell / k * k"),
        ("if (i < height)\n            give", "give"),
    ])  # fmt: skip
    def test_faults_are_found(self, monkeypatch, fault):
        monkeypatch.setattr(distance_sums, "WALK", 2)
        X, labels = labelled(normal, 330, 3, 9)

        def check(gpu):
            assert_allclose(self.sums(X, labels, 9, gpu=gpu), brute(X, X, labels, 9), rtol=1e-12)

        check(GPU)
        with pytest.raises(AssertionError):
            check(TestPlantedFaults.faulty("distance_sums", *fault))


def grid_points(rng, n, d):
    return rng.integers(-2, 3, (n, d)).astype(float)


class TestSeparation:
    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize("make", [*DATA, grid_points])
    @pytest.mark.parametrize(("dtype", "n", "d", "k"), [
        ("float64", 1, 1, 1), ("float64", 65, 2, 1), ("float64", 130, 17, 7),
        ("float32", 130, 20, 5), ("float32", 70, 50, 70),
    ])  # fmt: skip
    def test_exact(self, monkeypatch, metric, make, dtype, n, d, k):
        monkeypatch.setattr(distance_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(make, n, d, k, dtype)
        wide = X.astype(np.float64)
        expected = by_labels(cdist(wide, wide, SCIPY[metric]), labels)
        found = [x.get() for x in GPU.separation(*up(X, labels), k, metric)]
        assert_allclose(found, expected, rtol=1e-13, atol=1e-300)

    @pytest.mark.parametrize("way", WAYS)
    def test_in_every_order(self, monkeypatch, way):
        monkeypatch.setattr(distance_sums, "FLOAT64_ROWS", 0)
        monkeypatch.setattr(distance_sums, "EXTREME_BLOCKS", 3)  # several tiles a block
        X, labels = labelled(normal, 200, 12, 4, "float32")
        found = [x.get() for x in emulated(**WAYS[way]).separation(*up(X, labels), 4, "euclidean")]
        wide = X.astype(np.float64)
        assert_allclose(found, by_labels(cdist(wide, wide), labels), rtol=1e-13)


class TestPlantedFaults:
    """What these tests would say of kernels that are wrong."""

    @staticmethod
    def faulty(name, old, new, **options):
        def change(module, text):
            assert module != name or old in text
            return text.replace(old, new) if module == name else text

        return emulated(change=change, **options)

    @pytest.mark.parametrize("barrier", [
        "__syncthreads();  // before the next tile's places and tags",
        "        __syncthreads();\n        load(Q,",
        "stage.columns);\n        __syncthreads();",
    ])  # fmt: skip
    def test_a_barrier_is_gone_from_the_tiles(self, monkeypatch, barrier):
        monkeypatch.setattr(distance_sums, "BLOCKS", 1)  # one tile after the other
        gpu = self.faulty(
            "distance_sums", barrier, barrier.replace("__syncthreads();", ""), races=True
        )
        X, labels = labelled(normal, 200, 20, 9)
        with pytest.raises(LaunchError, match=r"race|nothing has written"):
            gpu.distance_sums(*up(X, labels), 9, "euclidean")(asarray(X))

    def test_a_bound_is_off_by_one(self):
        gpu = self.faulty(
            "positions", "i < n && i < first + ITEMS; ++i)\n        if", "i <= n; ++i)\n        if"
        )
        with pytest.raises(LaunchError):
            gpu.contingency(*up(*pairs.TestContingency.labels(500, (9, 9))), (9, 9))

    def test_counts_are_not_atomic(self):
        gpu = self.faulty(
            "contingency", "atomicAdd(&own[a[i] * columns + b[i]], 1u)",
            "own[a[i] * columns + b[i]] += 1u", races=True,
        )  # fmt: skip
        with pytest.raises(LaunchError, match="race"):
            gpu.contingency(*up(*pairs.TestContingency.labels(500, (9, 9))), (9, 9))


def test_numbers_of_clusters_may_be_numpy_s():
    X, labels = up(*labelled(normal, 70, 3, 4))
    k = np.int64(4)
    for found in (
        GPU.segment_sum(X, labels, k),
        GPU.label_sums(X, labels[:3], k),
        GPU.distance_sums(X, labels, k, "euclidean")(X),
    ):
        assert 4 in found.shape
    assert GPU.contingency(labels, labels, (k, k))[2].get().sum() == 70


class TestVast:
    """Places above 2^31: the last block of a launch alone, on files that are mostly holes."""

    @staticmethod
    def vast(folder, name, n, dtype, mode="w+"):
        return Array(np.memmap(folder / name, np.dtype(dtype), mode, shape=(n,)))

    @staticmethod
    def last_block():
        return emulated(blocks=lambda kernel, total: (total - 1, 1)).loader

    def test_own_squares(self, tmp_path):
        n, d = (1 << 22) + 3, 512
        X = self.vast(tmp_path, "X", n * d, "float32")
        X.held[-d:] = 2.0
        squares, labels = self.vast(tmp_path, "out", n, "float64"), up(np.zeros(n, np.int32))[0]
        module = self.last_block().module("segment_sum", T="float", WIDTH=32, BLOCK=256)
        C = asarray(np.ones((1, d)))
        module.launch("own_squares", -(-n * 32 // 256), 256, X, C, labels, n, d, squares)
        assert_array_equal(squares.held[-3:], [d, d, d])

    def test_distance_sums(self, tmp_path):
        n, d = (1 << 21) + 5, 1030
        X = self.vast(tmp_path, "X", n * d, "float32")
        X.held[-d:] = 2.0
        order, labels = up(np.arange(n), np.zeros(n, np.int32))
        Q, extent = up(np.full((1, d), 2.0, np.float32), np.float32([2.0]))
        splits = -(-n // 64)
        sums = self.vast(tmp_path, "out", splits, "float64")
        module = self.last_block().module(
            "distance_sums", T="float", REAL="float", METRIC=1, DEPTH=16, WALK=16
        )
        module.launch(
            "cluster_sums", splits, 256, Q, 1, X, n, d, order, labels, extent, 1, splits, sums
        )
        assert_array_equal(sums.held[-2:], [0, 4 * 2 * d])

    def test_pair_sums(self, tmp_path):
        """The last tile, a block of its own; of its five rows the last differs."""
        n, d = (1 << 21) + 5, 1030
        X = self.vast(tmp_path, "X", n * d, "float32")
        X.held[-d:] = 2.0
        order, labels = up(np.arange(n), np.zeros(n, np.int32))
        (extent,) = up(np.float32([2.0]))
        table, sums = up(np.zeros((2, n, 1), np.uint64), np.zeros((n, 1)))
        tiles = -(-n // 64)
        # the last row of tiles begins a group of walks with its last column
        assert (tiles - 1) % (distance_sums.WALK * distance_sums.ABREAST) == 0
        total = distance_sums._walks(n)
        at = {"pair_sums": total - distance_sums.ABREAST, "read_pair_sums": -(-n // 256) - 1}
        module = emulated(blocks=lambda kernel, total: (at[kernel], 1)).loader.module(
            "distance_sums", T="float", REAL="float", METRIC=1, DEPTH=16, WALK=distance_sums.WALK
        )
        module.launch("pair_sums", total, 256, X, n, d, order, labels, extent, 1, table)
        module.launch("read_pair_sums", -(-n // 256), 256, table, n, d, order, extent, 1, sums)
        assert_array_equal(sums.get()[-6:, 0], [0, *[2 * d] * 4, 4 * 2 * d])

    def test_positions(self, tmp_path):
        n = (1 << 31) + 77
        cells = self.vast(tmp_path, "cells", n, "uint8")
        cells.held[[n - 70, n - 1]] = 1
        blocks = -(-n // 2048)
        ends, found = up(np.zeros(blocks, np.int64), np.zeros(2, np.int64))
        counts = up(np.zeros(blocks, np.int64))[0]
        module = self.last_block().module(
            "positions", CELL="unsigned char", RUNS=0, BLOCK=256, ITEMS=8
        )
        module.launch("count", blocks, 256, cells, n, counts)
        assert counts.held[-1] == 2
        module.launch("write", blocks, 256, cells, n, ends, found)
        assert_array_equal(found.get(), [n - 70, n - 1])

    def test_pairs(self, tmp_path):
        n = (1 << 31) + 77
        a, b = (self.vast(tmp_path, name, n, "int32") for name in "ab")
        keys = self.vast(tmp_path, "keys", n, "int64")
        a.held[-1], b.held[-1] = 2**30, 7
        module = self.last_block().module(
            "contingency", COUNT="unsigned int", LABEL="int", SHARED_CELLS=8
        )
        module.launch("pair_keys", -(-n // 256), 256, a, b, n, 2**31 - 1, keys)
        assert keys.held[-1] == 2**30 * (2**31 - 1) + 7
