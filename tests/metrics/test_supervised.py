"""Scores against known classes: scikit-learn's values, on every backend, and what it lacks."""

from functools import lru_cache
from itertools import permutations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.datasets
import sklearn.metrics
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix, issparse
from sklearn.metrics import cluster

from clusterx import KMeans, metrics
from clusterx.arrays import namespace
from clusterx.kernels import kernels_for
from clusterx.metrics import information, pair_counting
from clusterx.metrics import labels as labels_module
from clusterx.metrics.labels import LabelCounts, table_of

SCORES = (
    "adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score",
    "fowlkes_mallows_score", "homogeneity_score", "mutual_info_score",
    "normalized_mutual_info_score", "rand_score", "v_measure_score",
)  # fmt: skip
OURS = ("cluster_accuracy",)
AVERAGES = ("min", "geometric", "arithmetic", "max")


def labeling(rng, n):
    kind = rng.integers(0, 7)
    if kind == 0:
        return np.full(n, rng.integers(-1, 9))  # one cluster; all noise
    if kind == 1:
        return rng.permutation(n)  # every sample by itself
    if kind == 2:
        return 10 * rng.integers(-2, 4, n)  # names with gaps
    if kind == 3:
        return rng.zipf(1.6, n) % 50 - 1  # very different sizes
    return rng.integers(-1, rng.integers(1, 40), n)


@lru_cache
def pair(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4)) if seed % 10 == 0 else int(rng.integers(1, 400))
    true, pred = labeling(rng, n), labeling(rng, n)
    if seed % 5 == 1:  # the same clusters under other names
        pred = 100 - 3 * true
    elif seed % 5 == 2:  # classes kept in the main
        pred = np.where(rng.random(n) < 0.7, true, pred)
    return true, pred


@lru_cache
def expected(seed):
    true, pred = pair(seed)
    return {name: getattr(cluster, name)(true, pred) for name in SCORES}


def is_defined(true, pred, average):
    """Whether scikit-learn's adjusted score is more than the ratio of two rounding errors."""
    table = cluster.contingency_matrix(true, pred)
    a, b = (table.sum(axis=i) / len(true) for i in (0, 1))
    entropies = [-(p * np.log(p)).sum() for p in (a, b)]
    mean = {"min": min, "max": max, "arithmetic": np.mean}.get(average, lambda e: np.prod(e) ** 0.5)
    return mean(entropies) - cluster.expected_mutual_information(table, len(true)) > 1e-6


@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")  # scikit-learn 1.7
class TestAgreement:
    @pytest.mark.smoke
    @pytest.mark.parametrize("block", range(4))
    def test_scores_are_scikit_learns(self, xp, block):
        for seed in range(50 * block, 50 * block + 50):
            true, pred = (xp.asarray(labels) for labels in pair(seed))
            for name, value in expected(seed).items():
                found = getattr(metrics, name)(true, pred)
                assert type(found) is float
                if "adjusted_mutual" in name and not is_defined(*pair(seed), "arithmetic"):
                    assert found in (0.0, 1.0)
                    continue
                assert found == pytest.approx(value, rel=0, abs=1e-10), name
            h, c, v = metrics.homogeneity_completeness_v_measure(true, pred)
            scores = cluster.homogeneity_completeness_v_measure(*pair(seed))
            assert_allclose((h, c, v), scores, rtol=0, atol=1e-10)

    @pytest.mark.parametrize("block", range(3))
    def test_averages_and_weights(self, block):
        for seed in range(20 * block, 20 * block + 20):
            true, pred = pair(seed)
            for name in ("normalized_mutual_info_score", "adjusted_mutual_info_score"):
                for average in AVERAGES:
                    found = getattr(metrics, name)(true, pred, average_method=average)
                    if name.startswith("adjusted") and not is_defined(true, pred, average):
                        assert found in (0.0, 1.0)
                        continue
                    value = getattr(cluster, name)(true, pred, average_method=average)
                    assert found == pytest.approx(value, rel=0, abs=1e-10)
            for beta in (1e-3, 0.2, 3):
                found = metrics.v_measure_score(true, pred, beta=beta)
                assert found == pytest.approx(
                    cluster.v_measure_score(true, pred, beta=beta), rel=0, abs=1e-10
                )
            h, c, v = metrics.homogeneity_completeness_v_measure(true, pred, beta=0)
            assert v == (pytest.approx(h, rel=1e-13) if c else 0.0)

    @pytest.mark.parametrize("block", range(3))
    def test_matrices_are_scikit_learns(self, xp, block):
        for seed in range(20 * block, 20 * block + 20):
            true, pred = (xp.asarray(labels) for labels in pair(seed))
            for name in ("contingency_matrix", "pair_confusion_matrix"):
                found = getattr(metrics, name)(true, pred)
                assert xp.owns(found)
                assert found.dtype == xp.xp.int64
                assert_array_equal(xp.to_host(found), getattr(cluster, name)(*pair(seed)))

    @pytest.mark.parametrize("k", [10, 1000])
    def test_a_large_labeling(self, xp, k):
        rng = np.random.default_rng(k)
        true = rng.integers(0, k, 300_000)
        pred = np.where(rng.random(300_000) < 0.4, true, rng.integers(0, k, 300_000))
        for name in set(SCORES) - {"adjusted_mutual_info_score"}:
            found = getattr(metrics, name)(xp.asarray(true, "int32"), xp.asarray(pred))
            assert found == pytest.approx(getattr(cluster, name)(true, pred), rel=0, abs=1e-10)

    def test_adjusted_information_of_a_large_labeling(self):
        rng = np.random.default_rng(0)
        true, pred = rng.integers(0, 4, 200_000), rng.integers(0, 5, 200_000)
        value = cluster.adjusted_mutual_info_score(true, pred)
        assert metrics.adjusted_mutual_info_score(true, pred) == pytest.approx(
            value, rel=0, abs=1e-10
        )

    def test_entropy_and_information_of_a_table(self, xp):
        for seed in range(8):
            true, pred = pair(seed)
            shares = np.unique(true, return_counts=True)[1] / len(true)
            assert metrics.entropy(xp.asarray(true)) == pytest.approx(
                -(shares * np.log(shares)).sum(), rel=0, abs=1e-12
            )
            table = metrics.contingency_matrix(xp.asarray(true), xp.asarray(pred))
            sparse = metrics.contingency_matrix(true, pred, sparse=True)
            information = expected(seed)["mutual_info_score"]
            chance = cluster.expected_mutual_information(xp.to_host(table), len(true))
            for given in (table, sparse, sparse.tocsc(), sparse.tocoo(), sparse.astype(float)):
                found = metrics.mutual_info_score(None, None, contingency=given)
                assert found == pytest.approx(information, rel=0, abs=1e-10)
                found = metrics.expected_mutual_information(given, len(true))
                assert found == pytest.approx(chance, rel=0, abs=1e-10)


class TestKnownValues:
    """Numbers that texts on the subject print."""

    def test_perfect_labeling(self):
        true, pred = [2, 2, 3, 1, 1, 1], [1, 1, 2, 3, 3, 3]
        assert metrics.homogeneity_score(true, pred) == 1.0
        assert metrics.completeness_score(true, pred) == 1.0
        assert metrics.v_measure_score(true, pred) == 1.0

    def test_partly_right_labeling(self):
        true, pred = [2, 2, 3, 6, 1, 1], [1, 1, 2, 3, 2, 1]
        found = metrics.homogeneity_completeness_v_measure(true, pred)
        printed = (0.58688267143572, 0.7715561736794712, 0.6666666666666667)
        assert found == pytest.approx(printed, rel=0, abs=1e-14)

    def test_digits_with_the_most_common_class_of_each_cluster(self):
        X, y = sklearn.datasets.load_digits(return_X_y=True)
        clusters = KMeans(10, n_init=10, random_state=0).fit_predict(X)
        labels, mapping = metrics.majority_labels(y, clusters, return_mapping=True)
        by_hand = np.empty_like(y)
        for c in range(10):
            by_hand[clusters == c] = np.bincount(y[clusters == c]).argmax()
        assert_array_equal(labels, by_hand)
        assert [mapping[c] for c in clusters] == by_hand.tolist()
        # "the correct grouping for 80% of the input digits"
        assert sklearn.metrics.accuracy_score(y, labels) == pytest.approx(0.80, abs=0.015)


class TestDegenerate:
    @pytest.mark.smoke
    @pytest.mark.parametrize(
        ("true", "pred"), [([], []), ([0], [1]), ([0, 0, 0], [7, 7, 7]), ([-1, -1], [-1, -1])]
    )
    def test_what_can_not_be_wrong(self, xp, true, pred):
        expected = dict.fromkeys([*SCORES, *OURS], 1.0)
        expected["mutual_info_score"] = 0.0
        expected["fowlkes_mallows_score"] = 1.0 if len(true) > 1 else 0.0
        for name, value in expected.items():
            found = getattr(metrics, name)(xp.asarray(true, "int64"), xp.asarray(pred, "int64"))
            assert found == value, name

    @pytest.mark.parametrize("average", AVERAGES)
    def test_one_cluster_against_many(self, average):
        many, one = np.arange(50) % 7, np.zeros(50, int)
        for name in ("normalized_mutual_info_score", "adjusted_mutual_info_score"):
            assert getattr(metrics, name)(many, one, average_method=average) == 0.0
            assert getattr(metrics, name)(one, many, average_method=average) == 0.0

    @pytest.mark.parametrize("average", AVERAGES)
    @pytest.mark.parametrize("n", [2, 3, 5, 1000])
    def test_every_sample_by_itself(self, n, average):
        labels = np.arange(n)
        found = metrics.adjusted_mutual_info_score(labels, labels[::-1], average_method=average)
        assert found == 1.0

    def test_no_labeling_of_these_sizes_could_score_otherwise(self):
        true = np.repeat([0, 1, 2], [50, 30, 20])
        found = metrics.adjusted_mutual_info_score(true, np.arange(100), average_method="min")
        assert found == 1.0

    def test_nearly_all_in_one_cluster(self):
        one = np.zeros(469, int)
        pred, true = one.copy(), one.copy()
        pred[0] = 1
        true[1] = 1
        for average in AVERAGES:
            assert 0 <= metrics.normalized_mutual_info_score(true, pred, average_method=average) < 1
            assert metrics.normalized_mutual_info_score(one, pred, average_method=average) == 0

    def test_empty_matrices(self, xp):
        empty = xp.asarray([], "int32")
        assert metrics.contingency_matrix(empty, empty).shape == (0, 0)
        assert_array_equal(
            xp.to_host(metrics.pair_confusion_matrix(empty, empty)), np.zeros((2, 2))
        )
        assert metrics.entropy(empty) == 1.0
        assert metrics.majority_labels(empty, empty).shape == (0,)

    def test_less_than_chance(self):
        assert metrics.adjusted_rand_score([0, 0, 1, 1], [0, 1, 0, 1]) == -0.5


class TestLargeCounts:
    def test_ten_million_labels(self):
        n = 10_000_000
        true = (np.arange(n) >= n // 2).astype(np.int8)
        pred = (np.arange(n) >= n // 4).astype(np.int8)
        q = n // 4
        cells = [[q, q], [0, 2 * q]]
        assert_array_equal(metrics.contingency_matrix(true, pred), cells)
        both = q * q + q * q + 4 * q * q - n
        in_true, in_pred = 2 * (2 * q) ** 2 - n, q * q + (3 * q) ** 2 - n
        confusion = [
            [n * (n - 1) - in_true - in_pred + both, in_pred - both],
            [in_true - both, both],
        ]
        assert metrics.pair_confusion_matrix(true, pred).tolist() == confusion
        found = metrics.fowlkes_mallows_score(true, pred)
        assert found == pytest.approx(both / np.sqrt(float(in_true) * in_pred), rel=1e-14)
        assert metrics.rand_score(true, pred) == (confusion[0][0] + both) / (n * (n - 1))

    @pytest.mark.parametrize("scale", [1, 10**6, 10**9, 10**12])
    def test_pairs_are_counted_exactly(self, scale):
        cells = np.array([[5, 1], [2, 7]]) * scale
        rows, columns = np.indices((2, 2)).reshape(2, -1)
        table = LabelCounts(rows, columns, cells.ravel(), cells.sum(1), cells.sum(0), 15 * scale)
        both = 79 * scale**2 - 15 * scale
        only_true, only_pred = (117 - 79) * scale**2, (113 - 79) * scale**2
        neither = 15 * scale * (15 * scale - 1) - both - only_true - only_pred
        assert pair_counting.pair_counts(table) == (neither, only_pred, only_true, both)

    def test_pairs_that_do_not_fit(self, monkeypatch):
        table = LabelCounts(*np.array([[0], [0], [2**32], [2**32], [2**32]]), 2**32)
        monkeypatch.setattr(pair_counting, "count", lambda *_: table)
        with pytest.raises(OverflowError):
            metrics.pair_confusion_matrix([0], [0])

    @pytest.mark.parametrize("scale", [1, 10**6, 10**12])
    def test_information_does_not_depend_on_the_unit(self, scale):
        cells = np.array([[5, 1, 0], [2, 7, 3]])
        value = cluster.mutual_info_score(None, None, contingency=cells)
        for given in (cells * scale, csr_matrix(cells * scale)):
            found = metrics.mutual_info_score(None, None, contingency=given)
            assert found == pytest.approx(value, rel=1e-13)

    def test_one_cell_of_many_samples(self):
        table = np.array([[70_000]])
        assert metrics.expected_mutual_information(table, 70_000) == 0.0
        assert metrics.mutual_info_score(None, None, contingency=table * 10**13) == 0.0


class TestFormats:
    FORMS = (
        lambda y: y.tolist(),
        lambda y: tuple(y.tolist()),
        lambda y: y.astype(np.int8),
        lambda y: y.astype(np.float32),
        lambda y: y[:, None][:, 0],
        lambda y: np.array([f"class {v}" for v in y]),
        lambda y: [f"class {v}" for v in y],
        lambda y: np.array([f"class {v}" for v in y], dtype=object),
        lambda y: np.array([f"class {v}".encode() for v in y]),
        lambda y: np.datetime64("2026-01-01") + y,
        lambda y: pd.Series(y, index=y[::-1]),
        lambda y: pd.Series([f"class {v}" for v in y]),
        lambda y: pd.Series([f"class {v}" for v in y], dtype="category"),
        lambda y: pd.Series(y, dtype="Int64"),
        lambda y: pl.Series(y),
        lambda y: pl.Series([f"class {v}" for v in y]),
        lambda y: np.ma.array(y),
    )

    @pytest.mark.parametrize("form", range(len(FORMS)))
    def test_scores_do_not_depend_on_the_form(self, form):
        rng = np.random.default_rng(form)
        true, pred = rng.integers(0, 9, 200), rng.integers(0, 9, 200)
        for name in (*SCORES, *OURS):
            score = getattr(metrics, name)
            assert score(self.FORMS[form](true), pred) == score(true, pred)
            assert score(true, self.FORMS[form](pred)) == score(true, pred)
        found = metrics.contingency_matrix(self.FORMS[form](true), self.FORMS[form](pred))
        assert_array_equal(found, cluster.contingency_matrix(true, pred))

    def test_lists_that_no_numpy_dtype_holds(self):
        ids = [2**63, 2**63 + 1, -1, 2**63]  # hashes and noise: rounded, as floats
        assert metrics.contingency_matrix(ids, [0, 1, 2, 0]).tolist() == [
            [0, 0, 1],
            [2, 0, 0],
            [0, 1, 0],
        ]
        assert metrics.adjusted_rand_score(["a", "a\0"], [0, 1]) == 1.0

    @pytest.mark.smoke
    @pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
    def test_unsigned_numbers(self, xp, dtype):
        most = np.iinfo(dtype).max
        true = xp.asarray([most, 1, 1, most], dtype)
        labels = metrics.majority_labels(true, xp.asarray([0, 1, 1, 0]))
        assert labels.dtype == true.dtype
        assert xp.to_host(labels).tolist() == [most, 1, 1, most]
        assert metrics.adjusted_rand_score(true, xp.asarray([0, 1, 1, 0])) == 1.0

    @pytest.mark.smoke
    def test_booleans(self, xp):
        true, pred = xp.asarray([True, False, True, True]), xp.asarray([0, 1, 1, 0])
        assert_array_equal(xp.to_host(metrics.contingency_matrix(true, pred)), [[0, 1], [2, 1]])
        majority = metrics.majority_labels(true, pred)
        assert majority.dtype == xp.xp.bool
        assert xp.to_host(majority).tolist() == [True, False, False, True]

    @pytest.mark.smoke
    def test_one_on_the_device_and_one_on_the_host(self, xp):
        rng = np.random.default_rng(0)
        true, pred = rng.integers(0, 4, 300), rng.integers(0, 5, 300)
        names = np.array(["ant", "bee", "cat", "dog"])[true]
        for name in (*SCORES, *OURS):
            score = getattr(metrics, name)
            for given in (true, true.tolist(), names, names.astype(object), pd.Series(names)):
                assert score(given, xp.asarray(pred)) == score(true, pred)
                assert score(xp.asarray(pred), given) == score(pred, true)
        found = metrics.contingency_matrix(names, xp.asarray(pred))
        assert xp.owns(found)
        assert_array_equal(xp.to_host(found), cluster.contingency_matrix(true, pred))

    @pytest.mark.smoke
    def test_only_the_table_leaves_the_device(self, xp, monkeypatch):
        rng = np.random.default_rng(0)
        true, pred = (xp.asarray(rng.integers(0, 6, 10_000)) for _ in range(2))
        read = []
        host = labels_module.to_host

        def counted(values):
            read.append(values.shape[0] if values.ndim else 1)
            return host(values)

        monkeypatch.setattr(labels_module, "to_host", counted)
        for name in (*SCORES, *OURS, "contingency_matrix", "pair_confusion_matrix"):
            getattr(metrics, name)(true, pred)
        assert 0 < max(read) <= 36

    def test_expected_information_is_of_sizes_on_the_host(self, xp, monkeypatch):
        true, pred = (xp.asarray([0, 0, 1, 1, 2]), xp.asarray([0, 1, 1, 1, 2]))
        used = []
        monkeypatch.setattr(
            information, "kernels_for", lambda found: used.append(found) or kernels_for(found)
        )
        metrics.adjusted_mutual_info_score(true, pred)
        assert used == [namespace(np.empty(0))]

    @pytest.mark.smoke
    @pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
    def test_dtype_of_the_matrix(self, xp, dtype):
        true, pred = xp.asarray([0, 0, 1, 2]), xp.asarray([1, 1, 0, 1])
        found = metrics.contingency_matrix(true, pred, dtype=np.dtype(dtype))
        assert found.dtype == getattr(xp.xp, dtype)
        assert_array_equal(xp.to_host(found), [[0, 2], [1, 0], [0, 1]])

    def test_eps(self, xp):
        found = metrics.contingency_matrix(xp.asarray([0, 0, 1]), xp.asarray([1, 1, 0]), eps=0.1)
        assert xp.owns(found)
        assert_allclose(xp.to_host(found), [[0.1, 2.1], [1.1, 0.1]])

    def test_sparse_matrix(self, xp):
        rng = np.random.default_rng(0)
        true, pred = rng.integers(0, 2000, 5000), rng.integers(0, 3000, 5000)
        found = metrics.contingency_matrix(
            xp.asarray(true), xp.asarray(pred), sparse=True, dtype=np.float32
        )
        theirs = cluster.contingency_matrix(true, pred, sparse=True, dtype=np.float32)
        assert issparse(found)
        assert (found.format, found.dtype) == ("csr", np.float32)
        assert found.has_canonical_format
        assert abs(found - theirs).nnz == 0


class TestAccuracy:
    def test_is_that_of_the_best_matching(self, xp):
        for seed in range(15):
            rng = np.random.default_rng(seed)
            n, classes, clusters = rng.integers(1, 60), rng.integers(1, 6), rng.integers(1, 6)
            true, pred = rng.integers(0, classes, n), rng.integers(0, clusters, n)
            best = max(
                np.mean(np.array(names)[pred] == true)
                for names in permutations(range(6), int(clusters))
            )
            found = metrics.cluster_accuracy(xp.asarray(true), xp.asarray(pred))
            assert found == pytest.approx(best, rel=1e-14), seed

    def test_left_over_clusters_are_wrong(self):
        assert metrics.cluster_accuracy(["a"] * 4, [0, 0, 1, 2]) == 0.5
        assert metrics.cluster_accuracy([0, 1, 2, 3], [9, 9, 9, 9]) == 0.25


class TestMajority:
    def test_is_the_most_common_class(self, xp):
        for seed in range(15):
            true, pred = pair(seed)
            labels, mapping = metrics.majority_labels(
                xp.asarray(true), xp.asarray(pred), return_mapping=True
            )
            assert xp.owns(labels)
            assert labels.dtype == xp.xp.int64
            for c in np.unique(pred):
                classes, sizes = np.unique(true[pred == c], return_counts=True)
                assert mapping[c] == classes[sizes.argmax()], seed
            assert xp.to_host(labels).tolist() == [mapping[c] for c in pred]
            assert {type(v) for v in (*mapping, *mapping.values())} == {int}

    def test_ties_go_to_the_lowest_class(self):
        assert metrics.majority_labels([3, 1, 2, 0], [0, 0, 0, 1]).tolist() == [1, 1, 1, 0]
        assert metrics.majority_labels(["b", "a"], [0, 0]).tolist() == ["a", "a"]

    def test_strings_for_clusters_on_a_device(self, xp):
        labels, mapping = metrics.majority_labels(
            ["cat", "cat", "dog", "mouse"], xp.asarray([7, 7, 7, -1]), return_mapping=True
        )
        assert isinstance(labels, np.ndarray)
        assert labels.tolist() == ["cat", "cat", "cat", "mouse"]
        assert mapping == {-1: "mouse", 7: "cat"}

    @pytest.mark.smoke
    @pytest.mark.filterwarnings("ignore:Clustering metrics expects discrete")
    def test_classes_follow_to_the_device(self, xp):
        labels = metrics.majority_labels([0.5, 0.5, 2.0], xp.asarray([1, 1, 0]))
        assert xp.owns(labels)
        assert xp.to_host(labels).tolist() == [0.5, 0.5, 2.0]


class TestErrors:
    def test_shapes(self, xp):
        for name in [*SCORES, *OURS, "contingency_matrix", "majority_labels"]:
            function = getattr(metrics, name)
            with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[2, 3\]"):
                function(xp.asarray([0, 1]), xp.asarray([1, 1, 1]))
            with pytest.raises(ValueError, match=r"labels_true must be 1D: shape is \(2, 2\)"):
                function(xp.asarray([[0, 1], [1, 0]]), xp.asarray([1, 1, 1]))
            with pytest.raises(ValueError, match=r"labels_pred must be 1D: shape is \(2, 2\)"):
                function(xp.asarray([0, 1, 0]), xp.asarray([[1, 1], [0, 0]]))

    @pytest.mark.parametrize(
        ("labels", "words"),
        [
            (pd.DataFrame({"a": [0, 1]}), r"must be 1D: shape is \(2, 1\)"),
            (csr_matrix([[0, 1]]), r"must be 1D: shape is \(1, 2\)"),
            ([[0, 1], [0]], "must be 1D, one label per sample"),
            (3, r"must be 1D: shape is \(\)"),
            (None, r"must be 1D: shape is \(\)"),
            ([0.0, np.nan], "labels_pred contains NaN"),
            ([0.0, np.inf], "labels_pred contains NaN or infinity"),
            (["a", np.nan], r"labels_pred contains NaN or None \(nan\)"),
            (np.array(["a", None], dtype=object), "labels_pred contains NaN or None"),
            (np.array(["a", np.nan], dtype=object), "labels_pred contains NaN or None"),
            (pd.Series([1, pd.NA], dtype="Int64"), "labels_pred contains NaN"),
            (
                np.array([[1], "a"], dtype=object),
                "labels_pred contains NaN or values that can.t be labels",
            ),
            (np.array(["NaT", "2026-01-01"], "M8[D]"), "labels_pred contains NaN"),
            (np.ma.array([0, 1], mask=[0, 1]), "labels_pred is masked"),
        ],
    )
    def test_values(self, labels, words):
        for name in ("rand_score", "mutual_info_score", "cluster_accuracy"):
            with pytest.raises(ValueError, match=words):
                getattr(metrics, name)([0, 1], labels)

    @pytest.mark.smoke
    def test_values_on_a_device(self, xp):
        for bad in (np.nan, np.inf):
            with pytest.raises(ValueError, match="labels_true contains NaN or infinity"):
                metrics.rand_score(xp.asarray([0.0, bad]), xp.asarray([0, 1]))
        with pytest.raises(TypeError, match="labels_true must hold numbers, strings or dates"):
            metrics.rand_score(xp.asarray([1j, 0]), xp.asarray([0, 1]))

    def test_kinds_without_an_order(self):
        with pytest.raises(TypeError, match="labels_true mixes types of labels"):
            metrics.rand_score(np.array([1, "a"], dtype=object), [0, 1])
        with pytest.raises(TypeError, match="labels_true mixes types of labels"):
            metrics.rand_score([1, "1"], [0, 1])

    def test_fractions_are_warned_of(self, xp):
        words = "Clustering metrics expects discrete values but received continuous values for"
        with pytest.warns(UserWarning, match=words) as caught:
            found = metrics.rand_score(xp.asarray([0.5, 0.25, 0.5]), xp.asarray([1, 0, 1]))
        assert found == 1.0
        assert caught[0].filename == __file__

    @pytest.mark.torch
    def test_two_libraries(self):
        import torch

        strict = pytest.importorskip("array_api_strict")
        with pytest.raises(ValueError, match="Arrays of several libraries"):
            metrics.rand_score(strict.asarray([0, 1]), torch.asarray([0, 1]))

    def test_two_devices(self):
        strict = pytest.importorskip("array_api_strict")
        one, other = (
            strict.asarray([0, 1], device=strict.Device(d)) for d in ("device1", "device2")
        )
        with pytest.raises(ValueError, match=r"labels_true is on .* and labels_pred on"):
            metrics.rand_score(one, other)

    def test_options(self):
        with pytest.raises(ValueError, match="Cannot set 'eps' when sparse=True"):
            metrics.contingency_matrix([0], [0], eps=0.1, sparse=True)
        for beta in (-1, np.inf, "1", None):
            with pytest.raises(ValueError, match="beta must be a finite number"):
                metrics.v_measure_score([0, 1], [0, 1], beta=beta)
        for name in ("normalized_mutual_info_score", "adjusted_mutual_info_score"):
            with pytest.raises(ValueError, match=f"'average_method' parameter of {name} must be"):
                getattr(metrics, name)([0, 1], [0, 1], average_method="mean")

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            (np.array([1, 2]), "Expected 2D array, got 1D array instead"),
            (np.array([[1, -1]]), "contingency must hold counts"),
            (csr_matrix([[1.0, np.nan]]), "contingency must hold counts"),
            (np.array([["a"]]), "contingency must hold counts"),
        ],
    )
    def test_tables(self, table, words):
        with pytest.raises(ValueError, match=words):
            metrics.mutual_info_score(None, None, contingency=table)
        with pytest.raises(ValueError, match=words):
            metrics.expected_mutual_information(table, 3)

    def test_samples_of_a_table(self):
        with pytest.raises(
            ValueError, match="n_samples must be the sum of contingency, which is 6"
        ):
            metrics.expected_mutual_information([[1, 2], [3, 0]], 7)
        with pytest.raises(ValueError, match="contingency must hold whole numbers"):
            metrics.expected_mutual_information(np.full((2, 2), 1.5), 6)


def test_tables_lose_empty_classes_and_clusters():
    table = table_of([[0, 0, 0], [2, 0, 1], [0, 0, 4]])
    assert table.shape == (2, 2)
    assert table.rows.tolist() == [0, 0, 1]
    assert table.columns.tolist() == [0, 1, 1]
    assert table.row_sums.tolist() == [3, 4]
    assert table.n == 7


def test_an_explicit_zero_is_no_cell():
    sparse = csr_matrix((np.array([3, 0, 4]), ([0, 0, 1], [0, 1, 1])), shape=(2, 2))
    assert table_of(sparse).is_match
    assert sparse.nnz == 3
