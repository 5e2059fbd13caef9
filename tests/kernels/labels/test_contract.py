"""Codes of labels, counts of pairs of them, and expected information, against brute force."""

from fractions import Fraction
from math import comb, fsum, log, log1p

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from clusterx.kernels import Kernels, kernels_for
from clusterx.kernels.labels import generic as generic_labels

CPU, GENERIC = kernels_for(np), Kernels()
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def information(a, b, n):
    """Expected information from exact binomials."""
    terms = []
    for s in a:
        for t in b:
            for x in range(max(1, s + t - n), min(s, t) + 1):
                chance = Fraction(comb(s, x) * comb(n - s, t - x), comb(n, t))
                if chance > Fraction(1, 10**60):
                    terms.append(float(chance) * x / n * log(x * n / (s * t)))
    return fsum(terms)


def check_encoding(labels):
    codes, classes = CPU.labels.factorize(labels)
    expected = np.unique(labels, return_inverse=True)
    assert (codes.dtype, classes.dtype) == (np.int32, labels.dtype)
    assert_array_equal(classes, expected[0])
    assert_array_equal(codes, expected[1])


class TestEncode:
    @pytest.mark.parametrize("dtype", INTEGERS)
    def test_integers_over_their_whole_range(self, dtype):
        info = np.iinfo(dtype)
        for n in (0, 1, 2, 1000, 300_000):
            rng = np.random.default_rng(n)
            check_encoding(rng.integers(info.min, info.max, n, dtype, endpoint=True))
            check_encoding(np.array([info.max, info.min, info.max], dtype)[:n])

    @pytest.mark.parametrize("dtype", INTEGERS)
    def test_few_classes_with_and_without_gaps(self, dtype):
        for low in (0, 1, 7):
            rng = np.random.default_rng(low)
            top = np.iinfo(dtype).max
            for step in (1, 3):
                labels = low + step * rng.integers(0, 30, 5000)
                check_encoding(labels.astype(dtype))
                check_encoding((top - labels.astype(object)).astype(dtype))

    def test_below_zero(self):
        check_encoding(np.array([-1, 3, -1, -(2**31), 0], np.int32))
        check_encoding(np.array([-1, 0, 1, -1], np.int64))

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_floats(self, dtype):
        rng = np.random.default_rng(0)
        check_encoding(rng.integers(-5, 5, 1000).astype(dtype))
        check_encoding(rng.integers(0, 50, 1000).astype(dtype) / 7)
        large = np.finfo(dtype).max
        check_encoding(np.array([large, -large, 0.0, -0.0, large], dtype))

    def test_views_and_read_only_arrays(self):
        labels = np.random.default_rng(0).integers(0, 9, (500, 3))
        check_encoding(labels[:, 1])
        check_encoding(labels[::-2, 0])
        check_encoding(labels[:, 1].astype(">i8"))
        whole = labels[:, 2].copy()
        whole.flags.writeable = False
        check_encoding(whole)

    def test_input_stays(self):
        labels = np.array([5, 3, 5, 4])
        CPU.labels.factorize(labels)
        assert_array_equal(labels, [5, 3, 5, 4])

    @pytest.mark.smoke
    @pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float64"])
    def test_on_each_backend(self, xp, dtype):
        for n in (0, 1, 400):
            host = np.random.default_rng(n).integers(0, 40, n).astype(dtype)
            codes, classes = kernels_for(xp.xp).labels.factorize(xp.asarray(host))
            expected = np.unique(host, return_inverse=True)
            assert xp.owns(codes)
            assert xp.owns(classes)
            assert codes.dtype == xp.xp.int32
            assert_array_equal(xp.to_host(codes), expected[1])
            assert_array_equal(xp.to_host(classes), expected[0])


class TestContingency:
    # on both sides of the largest table, and of what a row's scan costs against its sort
    SHAPES = ((1, 1), (3, 1), (10, 7), (256, 256), (257, 256), (5, 60_000), (60_000, 5), (900, 900))

    @staticmethod
    def labels(n, shape, seed=0):
        rng = np.random.default_rng(seed)
        a = rng.integers(0, shape[0], n).astype(np.int32)
        b = np.where(rng.random(n) < 0.5, a % shape[1], rng.integers(0, shape[1], n))
        return a, b.astype(np.int32)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_counts_of_the_pairs_that_occur(self, shape):
        for n in (0, 1, 50, 4000, 400_000):
            a, b = self.labels(n, shape)
            rows, columns, counts = CPU.labels.contingency(a, b, shape)
            pairs, expected = np.unique(a.astype(np.int64) * shape[1] + b, return_counts=True)
            assert rows.dtype == columns.dtype == counts.dtype == np.int64
            assert_array_equal(rows * shape[1] + columns, pairs)
            assert_array_equal(counts, expected)
            assert ((columns >= 0) & (columns < shape[1])).all()

    def test_few_pairs_of_very_many(self):
        shape = 3, 2**24
        a = np.array([0, 2, 2, 0, 2], np.int32)
        b = np.array([2**23, 1, 1, 2**23, 0], np.int32)
        for kernel in (CPU, GENERIC):
            rows, columns, counts = kernel.labels.contingency(a, b, shape)
            assert_array_equal(rows, [0, 2, 2])
            assert_array_equal(columns, [2**23, 0, 1])
            assert_array_equal(counts, [2, 1, 2])

    @pytest.mark.parametrize("threads", ["1", "3"])
    def test_threads_change_nothing(self, threads, monkeypatch):
        monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
        for shape in ((10, 10), (500, 500)):
            a, b = self.labels(700_000, shape)
            rows, columns, counts = CPU.labels.contingency(a, b, shape)
            dense = np.zeros(shape, np.int64)
            dense[rows, columns] = counts
            flat = np.bincount(a * shape[1] + b, minlength=shape[0] * shape[1])
            assert_array_equal(dense, flat.reshape(shape))

    @pytest.mark.smoke
    @pytest.mark.parametrize("shape", [(1, 1), (4, 9), (300, 300)], ids=str)
    def test_on_each_backend(self, xp, shape):
        for n in (0, 1, 60, 3000):
            a, b = self.labels(n, shape)
            found = kernels_for(xp.xp).labels.contingency(xp.asarray(a), xp.asarray(b), shape)
            for ours, expected in zip(found, CPU.labels.contingency(a, b, shape), strict=True):
                assert xp.owns(ours)
                assert ours.dtype == xp.xp.int64
                assert_array_equal(xp.to_host(ours), expected)


class TestExpectedInformation:
    @staticmethod
    def sizes(rng, n, k):
        counts = np.bincount(rng.integers(0, k, n))
        return counts[counts > 0]

    @pytest.mark.parametrize("seed", range(12))
    def test_exact(self, seed):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 300))
        a, b = self.sizes(rng, n, 1 + seed % 7), self.sizes(rng, n, 3 + seed * seed)
        expected = information(a.tolist(), b.tolist(), n)
        assert_allclose(CPU.labels.expected_information(a, b, n), expected, rtol=1e-13, atol=1e-15)
        assert_allclose(
            generic_labels.expected_information(a, b, n), expected, rtol=1e-11, atol=1e-13
        )

    def test_exact_for_thousands_of_clusters_at_a_million(self):
        n, times = 1_000_000, {100: 2500, 300: 2500}
        expected = fsum(5000 * m * information([200], [t], n) for t, m in times.items())
        b = np.repeat(list(times), list(times.values()))
        found = CPU.labels.expected_information(np.full(5000, 200), b, n)
        assert_allclose(found, expected, rtol=1e-13)

    @pytest.mark.parametrize("n", [5, 1000, 10**6, 10**12])
    def test_exact_for_a_cluster_of_one_against_one_of_two(self, n):
        def mutual(cells):
            rows = {i: sum(c for (r, _), c in cells.items() if r == i) for i in (0, 1)}
            columns = {j: sum(c for (_, s), c in cells.items() if s == j) for j in (0, 1)}
            # log1p, for one cell holds almost all
            return fsum(
                c / n * log1p((c * n - rows[i] * columns[j]) / (rows[i] * columns[j]))
                for (i, j), c in cells.items()
            )

        within = mutual({(0, 0): n - 2, (0, 1): 1, (1, 1): 1})
        without = mutual({(0, 0): n - 3, (0, 1): 2, (1, 0): 1})
        expected = (2 * within + (n - 2) * without) / n
        found = CPU.labels.expected_information(np.array([n - 1, 1]), np.array([n - 2, 2]), n)
        assert_allclose(found, expected, rtol=1e-9)

    @pytest.mark.parametrize("n", [10**7, 10**9, 10**12])
    def test_large_clusters_need_no_tables_of_their_size(self, n):
        # by the leading term of its expansion, (r - 1) (c - 1) / 2n
        a, b = np.full(10, n // 10), np.full(4, n // 4)
        assert_allclose(CPU.labels.expected_information(a, b, n), 27 / (2 * n), rtol=1e-3)

    def test_threads_change_no_bit(self, monkeypatch):
        rng = np.random.default_rng(0)
        a, b = (np.unique(rng.integers(1, 90_000, 700)) for _ in range(2))
        b[-1] += a.sum() - b.sum() if a.sum() > b.sum() else 0
        a[-1] += b.sum() - a.sum()
        found = []
        for threads in ("1", "2", "5"):
            monkeypatch.setenv("CLUSTERX_NUM_THREADS", threads)
            found.append(CPU.labels.expected_information(a, b, int(a.sum())))
        assert found[0] == found[1] == found[2]

    @pytest.mark.parametrize("sizes", [([6, 4], [3, 3, 4]), ([10], [10]), ([1] * 10, [9, 1])])
    def test_definition_on_each_backend(self, xp, sizes):
        a, b = (xp.asarray(s, dtype="int64") for s in sizes)
        found = generic_labels.expected_information(a, b, 10)
        assert xp.owns(found)
        assert_allclose(xp.to_host(found), information(*sizes, 10), atol=1e-12)
