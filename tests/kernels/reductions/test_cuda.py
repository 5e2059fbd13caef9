"""The CUDA kernels of single rows, in every order of threads: summaries, distances to centres."""

import math
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from clusterx import KMeans, metrics
from clusterx import blocks as row_blocking
from clusterx.kernels import Kernels
from clusterx.kernels.cuda.device import CudaDevice
from clusterx.kernels.distances.cuda import sums as cuda_sums
from clusterx.kernels.distances.cuda import to_centers
from clusterx.kernels.reductions.cuda import columns
from clusterx.metrics import centers, distance_sums, silhouette
from tests.cuda_on_cpu.arrays import Array, asarray
from tests.cuda_on_cpu.backend import WAYS, emulated, faulty, install, last_block, vast
from tests.cuda_on_cpu.loader import LaunchError

pytestmark = pytest.mark.usefixtures("gxx")
GPU = emulated()
SHAPES = [(1, 1), (2, 3), (31, 2), (257, 1), (600, 7), (300, 33), (90, 129), (70, 257), (9, 1030)]


def normal(n, d, dtype="float64", offset=0.0, seed=0):
    rng = np.random.default_rng([seed, n, d])
    return (rng.standard_normal((n, d)) + offset).astype(dtype)


def summed(X, gpu=GPU):
    """The summary, on the host."""
    return [field.get() for field in gpu.reductions.summary(asarray(X))]


def moments(X):
    """Means and variances, correctly rounded but for one division."""
    wide, n = X.astype(np.float64), len(X)
    mean = np.array([math.fsum(column) / n for column in wide.T.tolist()])
    return mean, np.array([math.fsum(c) / n for c in ((wide - mean) ** 2).T.tolist()])


def brute(X, C):
    apart = X.astype(np.float64)[:, None, :] - C.astype(np.float64)[None, :, :]
    return (apart**2).sum(axis=2)


class Watched(CudaDevice):
    """Kernels that remember the sizes of their arrays."""

    def __init__(self):
        super().__init__(GPU.gpu.xp, GPU.gpu.loader)
        self.sizes = []

    def empty(self, shape, dtype, *, like):
        self.sizes.append(math.prod(shape))
        return super().empty(shape, dtype, like=like)


@pytest.fixture
def slabs(monkeypatch):
    """Many slabs of few rows."""
    monkeypatch.setattr(columns, "LEAST_ROWS", 1)


class TestSummary:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_moments(self, monkeypatch, slabs, shape, dtype):
        X = normal(*shape, dtype, offset=100.0)
        expected = moments(X)
        for blocks in (1, 5, 1024):
            monkeypatch.setattr(columns, "BLOCKS", blocks)
            finite, mean, variance, largest = summed(X)
            assert finite
            assert_allclose(mean, expected[0], rtol=1e-14)
            assert_allclose(variance, expected[1], rtol=1e-12)
            assert_array_equal(largest, np.abs(X).max(axis=0))

    @pytest.mark.parametrize("offset", [1e4, 1e8, 1e12])
    def test_rows_far_from_the_origin_keep_their_digits(self, offset):
        X = normal(3000, 3, offset=offset)
        _, mean, variance, _ = summed(X)
        assert_allclose(mean, moments(X)[0], rtol=1e-15)
        assert_allclose(variance, moments(X - offset)[1], rtol=1e-12)  # X - offset is exact

    @pytest.mark.parametrize("place", [0, 1, 700])
    @pytest.mark.parametrize("size", [1e6, 1e12])
    def test_an_outlier_wherever_it_is(self, place, size):
        X = normal(1500, 2)
        X[place] = size, -size
        _, mean, variance, largest = summed(X)
        assert_allclose(mean, moments(X)[0], rtol=1e-12)
        assert_allclose(variance, moments(X)[1], rtol=1e-12)
        assert_array_equal(largest, [size, size])

    @pytest.mark.parametrize("n", [1, 2, 999])
    @pytest.mark.parametrize("value", [0.1, -3e12, 0.0, 1e-300])
    def test_columns_of_one_value_vary_by_nothing(self, slabs, n, value):
        finite, mean, variance, largest = summed(np.full((n, 3), value))
        assert finite
        assert_array_equal(mean, [value] * 3)
        assert_array_equal(variance, [0.0] * 3)
        assert_array_equal(largest, [abs(value)] * 3)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_infinities_and_what_is_no_number(self, slabs, dtype):
        for bad, expected in ((np.nan, np.nan), (-np.nan, np.nan), (-np.inf, np.inf)):
            for place in (0, 7, 255, 256, 499):
                X = normal(500, 3, dtype)
                X[place, 1] = bad
                X[(place + 13) % 500, 1] = np.inf  # above it comes NaN alone
                finite, _, _, largest = summed(X)
                assert not finite
                assert_array_equal(np.isfinite(largest), [True, False, True])
                assert_array_equal(largest[1], expected)

    def test_finite_values_whose_squares_overflow(self):
        finite, _, _, largest = summed(np.array([[1e300], [-1.7e308], [1e308]]))
        assert finite
        assert_array_equal(largest, [1.7e308])

    def test_views(self):
        X = normal(200, 6)
        found = GPU.reductions.summary(asarray(X)[::2, 1:4])
        assert_allclose(found.mean.get(), X[::2, 1:4].mean(axis=0), rtol=1e-12)

    @pytest.mark.parametrize("shape", [(700, 1), (700, 3), (200, 40), (40, 300)], ids=str)
    def test_every_order_of_threads_gives_the_same_bits(self, slabs, shape):
        X = normal(*shape, "float32", offset=9.0)
        found = [summed(X, emulated(**options)) for options in WAYS.values()]
        for other in (*found[1:], summed(X)):
            for mine, first in zip(other, found[0], strict=True):
                assert mine.tobytes() == first.tobytes()

    @pytest.mark.parametrize("shape", [(100_000, 3), (30_000, 9), (3000, 600)], ids=str)
    def test_one_pass_no_read_and_little_memory(self, reads, shape):
        gpu = Kernels("cuda", Watched())
        gpu.gpu.loader.launches.clear()
        gpu.reductions.summary(asarray(np.ones(shape, np.float32)))
        assert gpu.gpu.loader.launches == ["slab_moments", "join_slabs"]
        assert reads == []
        assert sum(gpu.gpu.sizes) <= 0.4 * math.prod(shape)
        assert sum(gpu.gpu.sizes) <= 3 * (columns.BLOCKS * columns.BLOCK + shape[1])

    @pytest.mark.parametrize(("old", "new"), [
        ("            shared[me] = joined(shared[me], shared[me + half * width]);\n"
         "        __syncthreads();",
         "            shared[me] = joined(shared[me], shared[me + half * width]);"),
        ("shared[me] = mine;\n    __syncthreads();", "shared[me] = mine;"),
    ])  # fmt: skip
    def test_a_barrier_is_gone(self, slabs, old, new):
        gpu = faulty("summary", old, new, races=True)
        with pytest.raises(LaunchError, match=r"race|nothing has written"):
            summed(normal(700, 3), gpu)

    @pytest.mark.parametrize(("old", "new"), [
        ("i < end; i += lanes", "i < end - 1; i += lanes"),
        ("if (lane < left - half)", "if (lane < left - half - 1)"),
        ("slab < slabs; slab += lanes", "slab < slabs - 1; slab += lanes"),
        ("left < rows ? left : rows", "rows"),
        ("if (a.count == 0.0)\n        return b;", ""),
        ("& 0x7fffffffffffffffULL", ""),
    ])  # fmt: skip
    def test_faults_are_found(self, slabs, old, new):
        X = normal(701, 3, offset=-5.0)
        expected = [np.True_, *moments(X), np.abs(X).max(axis=0)]

        def check(gpu):
            for mine, right in zip(summed(X, gpu), expected, strict=True):
                assert_allclose(mine, right, rtol=1e-11)

        check(GPU)
        with pytest.raises(AssertionError):
            check(faulty("summary", old, new))


#: Types of rows and centres, and what distances come in.
TYPES = [
    ("float32", "float32", "float32"),
    ("float32", "float64", "float64"),
    ("float64", "float32", "float64"),
    ("float64", "float64", "float64"),
]
SIZES = [
    (1, 1, 1),
    (65, 3, 8),
    (130, 17, 9),
    (70, 40, 16),
    (129, 2, 17),
    (64, 16, 64),
    (70, 130, 65),
]


def bound(d, dtype):
    """What rounding may do to a distance, of itself."""
    return (21 + d / 16) * 2.0**-25 if dtype == "float32" else 1e-13


class TestDistances:
    @pytest.mark.parametrize(("rows", "centers", "result"), TYPES)
    @pytest.mark.parametrize(("n", "d", "k"), SIZES)
    def test_of_any_types(self, n, d, k, rows, centers, result):
        for offset in (0.0, 1e5):
            X, C = normal(n, d, rows, offset), normal(k, d, centers, offset, seed=1)
            found = GPU.distances.distances(*map(asarray, (X, C))).get()
            assert found.dtype == result
            assert_allclose(found, np.sqrt(brute(X, C)), rtol=bound(d, result))
            squares = GPU.distances.squared_distances(*map(asarray, (X, C))).get()
            assert squares.dtype == np.float64
            assert_allclose(squares, brute(X, C), rtol=1e-13)
            to_one = GPU.distances.distances_to(*map(asarray, (X, C[0]))).get()
            assert_allclose(to_one, brute(X, C[:1])[:, 0], rtol=1e-13)

    @pytest.mark.parametrize("k", [5, 40])
    @pytest.mark.parametrize("power", [-125, -100, -75, -40, 60, 63, 64, 100, 123])
    def test_float32_neither_overflows_nor_vanishes(self, power, k):
        rng = np.random.default_rng(0)
        X = (rng.integers(-3, 4, (80, 20)) * 2.0**power).astype(np.float32)
        C = X[:k]
        found = GPU.distances.distances(*map(asarray, (X, C))).get()
        assert_allclose(found, np.sqrt(brute(X, C)), rtol=bound(20, "float32"))

    @pytest.mark.parametrize("k", [5, 40])
    def test_terms_that_vanish_are_not_missed(self, k):
        X, C = np.zeros((3, 4000), np.float32), np.zeros((k, 4000), np.float32)
        C[:, 0], C[:, 1:] = 2.0**-50, 2.0**-63.5  # of squares that are no normal numbers
        found = GPU.distances.distances(*map(asarray, (X, C))).get()
        assert_allclose(found, np.sqrt(brute(X, C)), rtol=bound(4000, "float32"))

    @pytest.mark.parametrize("k", [5, 40])
    def test_what_is_no_normal_number_counts_as_zero(self, k):
        X = np.full((80, 20), 2.0**-140, np.float32)
        found = GPU.distances.distances(asarray(X), asarray(np.zeros((k, 20), np.float32)))
        assert_array_equal(found.get(), 0.0)

    def test_centres_of_one_another_size_than_the_rows(self):
        X = normal(70, 20, "float32") * np.float32(1e-25)
        C = np.concatenate([X[:30], np.full((10, 20), 1e30, np.float32)])
        found = GPU.distances.distances(*map(asarray, (X, C))).get()
        assert_allclose(found, np.sqrt(brute(X, C)), rtol=bound(20, "float32"))

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("k", [3, 70])
    @pytest.mark.parametrize("d", [3, 40])
    def test_in_every_order(self, way, d, k):
        X, C = normal(150, d, "float32"), normal(k, d, "float32", seed=1)
        given = [asarray(X), asarray(C)]
        gpu = emulated(**WAYS[way])
        assert_array_equal(
            gpu.distances.distances(*given).get(), GPU.distances.distances(*given).get()
        )
        assert_array_equal(
            gpu.distances.squared_distances(*given).get(),
            GPU.distances.squared_distances(*given).get(),
        )

    def test_views_and_centres_that_are_slices(self):
        X = normal(90, 8)
        found = GPU.distances.squared_distances(asarray(X)[:, ::2], asarray(X)[3:30, ::2])
        assert_allclose(found.get(), brute(X[:, ::2], X[3:30, ::2]), rtol=1e-13)

    @pytest.mark.parametrize("k", [4, 33])
    def test_nothing_is_read_and_the_result_is_all_there_is(self, reads, k):
        gpu = Kernels("cuda", Watched())
        X = asarray(np.ones((500, 70), np.float32))
        for measure in (gpu.distances.distances, gpu.distances.squared_distances):
            gpu.gpu.sizes.clear()
            measure(X, X[:k, :])
            assert gpu.gpu.sizes == [500 * k]
        assert reads == []

    @pytest.mark.parametrize(("old", "new", "error"), [
        ("if (a < 0 || b < 0)", "if (a < 0)", "wrote beside an array"),
        ("if (i < n && t < count &&", "if (t < count &&", "wrote beside an array"),
        ("if (i < n && t < count &&", "if (i < n &&", "wrote beside an array"),
        ("stage.columns);\n        __syncthreads();", "stage.columns);", "race|nothing"),
    ])  # fmt: skip
    def test_faults_are_found(self, old, new, error):
        races = "race" in error
        gpu = faulty("distances", old, new, races=races)
        X, C = asarray(normal(131, 3)), asarray(normal(40, 3))
        k = 5 if "count" in old else 40
        with pytest.raises(LaunchError, match=error):
            gpu.distances.distances(X, C[:k, :])

    @pytest.mark.parametrize("half", ["square >= TINY && ", " && square <= LARGEST"])
    def test_squares_that_are_not_measured_again_are_found(self, half):
        gpu = faulty("distances", half, "")
        X = normal(70, 20, "float32") * np.float32(1e-25 if "TINY" in half else 1e25)
        found = gpu.distances.distances(asarray(X), asarray(X[:40])).get()
        assert not np.allclose(found, np.sqrt(brute(X, X[:40])), rtol=1e-3, atol=0)


class TestScoresAndFits:
    """What estimators and scores make of them: no table of the size of the rows."""

    N, D = 2000, 40

    @pytest.fixture
    def made(self, monkeypatch):
        """New arrays by identity; tiles are so small that a whole table stands out."""
        install()
        for module in (row_blocking, silhouette, distance_sums):
            monkeypatch.setattr(module, "TILE", 1 << 12)
        monkeypatch.setattr(centers, "SUMMARY_VALUES", 1 << 12)
        monkeypatch.setattr(cuda_sums, "PARTIAL_SUMS", 1)
        found, begin = {}, Array.__init__

        def noted(array, held):
            begin(array, held)
            if held.flags.owndata:
                found[id(held)] = held

        monkeypatch.setattr(Array, "__init__", noted)
        return found

    def largest(self, made, *given):
        return max(x.size for x in made.values() if all(x is not y.held for y in given))

    @pytest.mark.parametrize("score", [
        metrics.silhouette_score, metrics.dunn_index, metrics.davies_bouldin_score,
        metrics.calinski_harabasz_score, metrics.simplified_silhouette_score,
    ])  # fmt: skip
    @pytest.mark.parametrize("value", [1.0, np.nan, 1e200])
    def test_scores(self, made, score, value):
        X = normal(self.N, self.D)
        X[5, 5] = value
        X, labels = asarray(X), asarray(np.arange(self.N) % 3)
        if value == 1.0:
            assert np.isfinite(score(X, labels))
        else:
            with pytest.raises(ValueError, match=r"NaN or infinity|too large"):
                score(X, labels)
        assert self.N <= self.largest(made, X) < self.N * self.D / 2

    def test_rows_out_of_order_are_put_in_order_once(self, made):
        X = asarray(normal(self.N, 2 * self.D))
        KMeans(3, random_state=0, max_iter=2, tol=0).fit(X[:, ::2])
        assert sum(x.size == self.N * self.D for x in made.values()) == 1
        assert self.largest(made, X) == self.N * self.D

    def test_a_transform_makes_what_it_returns(self, made):
        X = asarray(normal(self.N, self.D, "float32"))
        model = KMeans(30, init="random", n_init=1, max_iter=1, tol=0, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X)
        made.clear()
        found = model.transform(X)
        assert found.dtype == np.float32
        assert self.largest(made, X, found) < self.N * 30 / 2


class TestVast:
    """Places above 2^31: the last block of a launch alone, on files that are mostly holes."""

    def summed(self, folder, change=None):
        n, d = (1 << 22) + 5, 1030
        X = vast(folder, "X", n * d, "float32")
        X.held[-2 * d :] = np.repeat([2.0, -4.0], d)
        parts = Array(np.zeros((3, 2, d)))
        module = last_block(change).module("summary", T="float")
        module.launch("slab_moments", 2 * 5, 224, X, n, d, n - 2, 206, 1, parts)
        return parts.get()[:, 1, -1].tolist()

    def test_summary(self, tmp_path):
        assert self.summed(tmp_path) == [-1.0, 18.0, 4.0]

    def test_summary_with_a_place_of_32_bits(self, tmp_path):
        def change(name, text):
            assert "X[i * d + column]" in text
            return text.replace("X[i * d + column]", "X[(unsigned int)(i * d + column)]")

        assert self.summed(tmp_path, change) != [-1.0, 18.0, 4.0]

    @pytest.mark.parametrize(("k", "d"), [(3, 3), (70, 16)])
    def test_distances(self, tmp_path, k, d):
        n = (1 << 31) // min(k, d) + 77
        X = vast(tmp_path, "X", n * d, "float32")
        X.held[-d:] = 3.0
        found = vast(tmp_path, "found", n * k, "float32")
        C = asarray(np.ones((k, d), np.float32))
        module = last_block().module("distances", T="float", REAL="float", DEPTH=d, LANES=1)
        if k <= to_centers.FEW:
            module.launch("to_few", (-(-n // 256), 1), 256, X, n, d, C, k, 1, found)
        else:
            module.launch("to_many", -(-n // 64) * -(-k // 64), 256, X, n, d, C, k, 1, found)
        one = np.float32(d**0.5)
        found = found.held[-2 * k :].reshape(2, k)[:, 64 * ((k - 1) // 64) :]
        assert_array_equal(found, [[one] * found.shape[1], [2 * one] * found.shape[1]])
