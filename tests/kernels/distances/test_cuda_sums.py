"""The CUDA kernels of sums and extremes of distances meet their contracts."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from clusterx.kernels import Kernels
from clusterx.kernels.distances.cuda import sums as cuda_sums
from tests.cuda_on_cpu.arrays import asarray
from tests.cuda_on_cpu.backend import WAYS, emulated, faulty, last_block, up, vast
from tests.cuda_on_cpu.loader import LaunchError
from tests.kernels.distances.test_sums import (
    DATA,
    SCIPY,
    blobs,
    brute,
    by_labels,
    constant,
    duplicates,
    far,
    labelled,
    near_duplicates,
    normal,
    outlier,
)

pytestmark = pytest.mark.usefixtures("gxx")
GPU = emulated()
#: Data and (n, d, k), on both sides of a tile of 64.
TILED = [
    (normal, (1, 1, 1)),
    (outlier, (2, 3, 2)),
    (blobs, (64, 9, 4)),
    (near_duplicates, (64, 9, 4)),
    (far, (65, 2, 1)),
    (duplicates, (65, 2, 1)),
    (constant, (130, 17, 7)),
    (near_duplicates, (130, 17, 7)),
    (far, (130, 17, 7)),
    (outlier, (200, 40, 90)),
    (normal, (200, 40, 90)),
]


class Watched(type(GPU.gpu)):
    """Kernels that remember the size of their largest array."""

    largest = 0

    def empty(self, shape, dtype, *, like):
        self.largest = max(self.largest, math.prod(shape))
        return super().empty(shape, dtype, like=like)

    def zeros(self, shape, dtype, *, like):
        self.largest = max(self.largest, math.prod(shape))
        return super().zeros(shape, dtype, like=like)


class TestDistanceSums:
    @pytest.mark.parametrize(("make", "shape"), TILED)
    def test_float64_sums_are_exact(self, make, shape):
        n, d, k = shape
        X, labels = labelled(make, n, d, min(n, k))
        sums = GPU.distances.distance_sums(*up(X, labels), k, "euclidean")
        expected = brute(X, X, labels, k)
        assert_allclose(sums(asarray(X)).get(), expected, rtol=1e-12, atol=1e-300)
        few = X[: n // 2 + 1].copy()
        assert_allclose(sums(asarray(few)).get(), expected[: n // 2 + 1], rtol=1e-12, atol=1e-300)

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize(("make", "d"), [
        (normal, 9), (blobs, 50), (duplicates, 9), (near_duplicates, 9), (near_duplicates, 50),
        (far, 50), (outlier, 9), (constant, 50),
    ])  # fmt: skip
    def test_float32_sums_keep_six_digits(self, monkeypatch, make, metric, d):
        monkeypatch.setattr(cuda_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(make, 250, d, 6, "float32")
        found = GPU.distances.distance_sums(*up(X, labels), 6, metric)(asarray(X)).get()
        expected = brute(X, X, labels, 6, metric)
        assert_allclose(found, expected, rtol=1e-6, atol=1e-300)
        typical = np.abs(found - expected) / np.where(expected > 0, expected, 1)
        assert np.median(typical) < 1e-7

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize("factor", [1e-30, 1e-18, 1e18, 1e36])
    def test_float32_neither_overflows_nor_vanishes(self, monkeypatch, factor, metric):
        monkeypatch.setattr(cuda_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(normal, 130, 20, 4)
        X = (X * factor).astype(np.float32)
        found = GPU.distances.distance_sums(*up(X, labels), 4, metric)(asarray(X)).get()
        assert_allclose(found, brute(X, X, labels, 4, metric), rtol=1e-6)

    @pytest.mark.parametrize("rows", [2048, 0])
    def test_equal_rows_are_at_distance_zero(self, monkeypatch, rows):
        monkeypatch.setattr(cuda_sums, "FLOAT64_ROWS", rows)
        X = np.repeat(np.float32([[1e6 + 0.1] * 30, [-3.3] * 30]), 70, axis=0)
        labels = np.repeat(np.int32([0, 1]), 70)
        found = GPU.distances.distance_sums(*up(X, labels), 2, "euclidean")(asarray(X)).get()
        assert_array_equal(found[labels[:, None] == [0, 1]], 0.0)

    def test_few_rows_are_subtracted_in_float64(self):
        X, labels = labelled(normal, 200, 30, 3, "float32")
        found = GPU.distances.distance_sums(*up(X, labels), 3, "euclidean")(asarray(X)).get()
        assert_allclose(found, brute(X, X, labels, 3), rtol=1e-12)

    @pytest.mark.parametrize("blocks", [1, 2, 7, 1024])
    @pytest.mark.parametrize("k", [1, 5, 300])
    def test_any_number_of_blocks_shares_the_columns(self, monkeypatch, blocks, k):
        monkeypatch.setattr(cuda_sums, "BLOCKS", blocks)
        X, labels = labelled(normal, 400, 4, k)
        found = GPU.distances.distance_sums(*up(X, labels), k, "manhattan")(asarray(X[:70])).get()
        assert_allclose(found, brute(X[:70], X, labels, k, "manhattan"), rtol=1e-12)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_every_order_of_threads_gives_the_same_bits(self, monkeypatch, dtype):
        monkeypatch.setattr(cuda_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(normal, 200, 20, 9, dtype)
        found = [
            emulated(**options)
            .distances.distance_sums(*up(X, labels), 9, "euclidean")(asarray(X))
            .get()
            for options in WAYS.values()
        ]
        for other in found[1:]:
            assert_array_equal(other, found[0])

    def test_memory_and_reads_do_not_grow_with_pairs(self, monkeypatch, reads):
        gpu = Kernels("cuda", Watched(GPU.gpu.xp, GPU.gpu.loader))
        n, k = 1500, 3
        monkeypatch.setattr(cuda_sums, "PARTIAL_SUMS", 2 * n * k)
        X, labels = up(*labelled(normal, n, 2, k))
        gpu.distances.distance_sums(X, labels, k, "euclidean")(X)
        gpu.distances.min_between_max_within(X, labels, k, "euclidean")
        assert 0 < gpu.gpu.largest <= 2 * n * k
        assert reads == []


class TestPairs:
    """Sums of the rows themselves, each pair of which is measured once."""

    @pytest.fixture(autouse=True)
    def all_sizes(self, monkeypatch):
        monkeypatch.setattr(cuda_sums, "LABEL_ROWS", 0)

    @staticmethod
    def sums(X, labels, k, metric="euclidean", gpu=GPU):
        given, codes = up(X, labels)
        return gpu.distances.distance_sums(given, codes, k, metric)(given).get()

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize(
        ("make", "shape"),
        [*TILED, (blobs, (320, 20, 3)), (far, (320, 20, 3)), (normal, (190, 5, 150))],
    )
    def test_float64_sums_are_exact(self, make, metric, shape):
        n, d, k = shape
        X, labels = labelled(make, n, d, min(n, k))
        found = self.sums(X, labels, k, metric)
        assert GPU.gpu.loader.launches[-2:] == ["pair_sums", "read_pair_sums"]
        assert_allclose(found, brute(X, X, labels, k, metric), rtol=1e-12, atol=1e-300)

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize("make", DATA)
    def test_float32_sums_keep_six_digits(self, monkeypatch, make, metric):
        monkeypatch.setattr(cuda_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(make, 250, 50, 6, "float32")
        found = self.sums(X, labels, 6, metric)
        assert_allclose(found, brute(X, X, labels, 6, metric), rtol=1e-6, atol=1e-300)

    @pytest.mark.parametrize("walk", [1, 2, 3])
    def test_many_walks(self, monkeypatch, walk):
        monkeypatch.setattr(cuda_sums, "WALK", walk)
        for n in (500, 1200):  # more than ABREAST walks along a row, and fewer
            X, labels = labelled(normal, n, 2, 7)
            assert_allclose(self.sums(X, labels, 7), brute(X, X, labels, 7), rtol=1e-12)
            found = [
                x.get()
                for x in GPU.distances.min_between_max_within(*up(X, labels), 7, "euclidean")
            ]
            assert_allclose(found, by_labels(cdist(X, X), labels), rtol=1e-13)

    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize(("dtype", "factor"), [
        ("float32", 1e-30), ("float32", 1e-18), ("float32", 1e18), ("float32", 1e36),
        ("float64", 1e-150), ("float64", 1e150),
    ])  # fmt: skip
    def test_neither_overflows_nor_vanishes(self, monkeypatch, dtype, factor, metric):
        monkeypatch.setattr(cuda_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(normal, 130, 20, 4)
        X = (X * factor).astype(dtype)
        expected = brute(X / factor, X / factor, labels, 4, metric) * factor
        assert_allclose(self.sums(X, labels, 4, metric), expected, rtol=1e-6)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_sums_in_any_order_of_threads_and_blocks_are_the_same_bits(self, monkeypatch, dtype):
        monkeypatch.setattr(cuda_sums, "FLOAT64_ROWS", 0)
        monkeypatch.setattr(cuda_sums, "WALK", 2)
        X, labels = labelled(normal, 330, 20, 9, dtype)
        found = [self.sums(X, labels, 9, gpu=emulated(**options)) for options in WAYS.values()]
        for other in (*found[1:], self.sums(X, labels, 9)):
            assert other.tobytes() == found[0].tobytes()

    def test_what_is_measured_once(self, monkeypatch, reads):
        gpu = Kernels("cuda", Watched(GPU.gpu.xp, GPU.gpu.loader))
        n, k = 640, 10
        given, codes = up(*labelled(normal, n, 2, k))
        sums = gpu.distances.distance_sums(given, codes, k, "euclidean")
        sums(given)
        assert gpu.gpu.largest <= 2 * n * k
        assert gpu.gpu.loader.launches[-1] == "read_pair_sums"
        monkeypatch.setattr(cuda_sums, "LABEL_ROWS", 65)
        sums(given)
        assert gpu.gpu.loader.launches[-1] == "cluster_sums"
        monkeypatch.setattr(cuda_sums, "LABEL_ROWS", 64)
        sums(given[:, :])
        assert gpu.gpu.loader.launches[-1] == "cluster_sums"
        monkeypatch.setattr(cuda_sums, "PARTIAL_SUMS", n * k - 1)
        sums(given)
        assert gpu.gpu.loader.launches[-1] == "cluster_sums"
        assert reads == []

    @pytest.mark.parametrize("fault", [
        ("            __syncthreads();\n            if (threadIdx.x < width) {",
         "            if (threadIdx.x < width) {"),
        ("__syncthreads();  // before the next label's sums", ""),
    ])  # fmt: skip
    def test_a_barrier_is_gone(self, fault):
        gpu = faulty("distance_sums", *fault, races=True)
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
        monkeypatch.setattr(cuda_sums, "WALK", 2)
        X, labels = labelled(normal, 330, 3, 9)

        def check(gpu):
            assert_allclose(self.sums(X, labels, 9, gpu=gpu), brute(X, X, labels, 9), rtol=1e-12)

        check(GPU)
        with pytest.raises(AssertionError):
            check(faulty("distance_sums", *fault))


def grid_points(rng, n, d):
    return rng.integers(-2, 3, (n, d)).astype(float)


class TestSeparation:
    @pytest.mark.parametrize("metric", SCIPY)
    @pytest.mark.parametrize(("make", "dtype", "n", "d", "k"), [
        (normal, "float64", 1, 1, 1), (grid_points, "float64", 65, 2, 1),
        (outlier, "float64", 65, 2, 1), (blobs, "float64", 130, 17, 7),
        (near_duplicates, "float64", 130, 17, 7), (far, "float64", 130, 17, 7),
        (near_duplicates, "float32", 130, 20, 5), (far, "float32", 130, 20, 5),
        (constant, "float32", 130, 20, 5), (grid_points, "float32", 130, 20, 5),
        (normal, "float32", 70, 50, 70), (duplicates, "float32", 70, 50, 70),
        (outlier, "float32", 70, 50, 70),
    ])  # fmt: skip
    def test_exact(self, monkeypatch, metric, make, dtype, n, d, k):
        monkeypatch.setattr(cuda_sums, "FLOAT64_ROWS", 0)
        X, labels = labelled(make, n, d, k, dtype)
        wide = X.astype(np.float64)
        expected = by_labels(cdist(wide, wide, SCIPY[metric]), labels)
        found = [x.get() for x in GPU.distances.min_between_max_within(*up(X, labels), k, metric)]
        assert_allclose(found, expected, rtol=1e-13, atol=1e-300)

    @pytest.mark.parametrize("way", WAYS)
    def test_in_every_order(self, monkeypatch, way):
        monkeypatch.setattr(cuda_sums, "FLOAT64_ROWS", 0)
        monkeypatch.setattr(cuda_sums, "EXTREME_BLOCKS", 3)  # several tiles a block
        X, labels = labelled(normal, 200, 12, 4, "float32")
        found = [
            x.get()
            for x in emulated(**WAYS[way]).distances.min_between_max_within(
                *up(X, labels), 4, "euclidean"
            )
        ]
        wide = X.astype(np.float64)
        assert_allclose(found, by_labels(cdist(wide, wide), labels), rtol=1e-13)


@pytest.mark.parametrize("barrier", [
    "__syncthreads();  // before the next tile's indices and tags",
    "        __syncthreads();\n        load(Q,",
    "stage.columns);\n        __syncthreads();",
])  # fmt: skip
def test_a_barrier_is_gone_from_the_tiles(monkeypatch, barrier):
    monkeypatch.setattr(cuda_sums, "BLOCKS", 1)  # one tile after the other
    gpu = faulty("distance_sums", barrier, barrier.replace("__syncthreads();", ""), races=True)
    X, labels = labelled(normal, 200, 20, 9)
    with pytest.raises(LaunchError, match=r"race|nothing has written"):
        gpu.distances.distance_sums(*up(X, labels), 9, "euclidean")(asarray(X))


def test_numbers_of_clusters_may_be_numpy_s():
    X, labels = up(*labelled(normal, 70, 3, 4))
    assert GPU.distances.distance_sums(X, labels, np.int64(4), "euclidean")(X).shape == (70, 4)


class TestVast:
    """Places above 2^31: the last block of a launch alone, on files that are mostly holes."""

    def test_distance_sums(self, tmp_path):
        n, d = (1 << 21) + 5, 1030
        X = vast(tmp_path, "X", n * d, "float32")
        X.held[-d:] = 2.0
        order, labels = up(np.arange(n), np.zeros(n, np.int32))
        Q, extent = up(np.full((1, d), 2.0, np.float32), np.float32([2.0]))
        splits = -(-n // 64)
        sums = vast(tmp_path, "out", splits, "float64")
        module = last_block().module(
            "distance_sums", T="float", REAL="float", METRIC=1, DEPTH=16, WALK=16
        )
        module.launch(
            "cluster_sums", splits, 256, Q, 1, X, n, d, order, labels, extent, 1, splits, sums
        )
        assert_array_equal(sums.held[-2:], [0, 4 * 2 * d])

    def test_pair_sums(self, tmp_path):
        """The last tile, a block of its own; of its five rows the last differs."""
        n, d = (1 << 21) + 5, 1030
        X = vast(tmp_path, "X", n * d, "float32")
        X.held[-d:] = 2.0
        order, labels = up(np.arange(n), np.zeros(n, np.int32))
        (extent,) = up(np.float32([2.0]))
        table, sums = up(np.zeros((2, n, 1), np.uint64), np.zeros((n, 1)))
        tiles = -(-n // 64)
        # the last row of tiles begins a group of walks with its last column
        assert (tiles - 1) % (cuda_sums.WALK * cuda_sums.ABREAST) == 0
        total = cuda_sums._walks(n)
        at = {"pair_sums": total - cuda_sums.ABREAST, "read_pair_sums": -(-n // 256) - 1}
        module = emulated(blocks=lambda kernel, total: (at[kernel], 1)).gpu.loader.module(
            "distance_sums", T="float", REAL="float", METRIC=1, DEPTH=16, WALK=cuda_sums.WALK
        )
        module.launch("pair_sums", total, 256, X, n, d, order, labels, extent, 1, table)
        module.launch("read_pair_sums", -(-n // 256), 256, table, n, d, order, extent, 1, sums)
        assert_array_equal(sums.get()[-6:, 0], [0, *[2 * d] * 4, 4 * 2 * d])
