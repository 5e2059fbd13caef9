"""Exact sums: their bits depend neither on how rows are split nor on which step adds them."""

import numpy as np
import pytest

from clusterx.kernels.cpu import fixed_point
from clusterx.kernels.kmeans.cpu import moving
from clusterx.kernels.kmeans.cpu.plain import PlainStep
from clusterx.kernels.kmeans.cpu.tree import TreeStep
from tests.data import make, some_rows
from tests.kernels.brute import CPU, brute_labels
from tests.kernels.kmeans.iterations import assert_sums, grid_for, kinds_for, step_for, weights_of


@pytest.mark.parametrize(
    ("name", "d", "weights"),
    [
        ("blobs", 2, "none"),
        ("blobs", 3, "wild"),
        ("blobs", 130, "fractions"),
        ("low rank", 3, "whole"),
        ("low rank", 9, "fractions"),
        ("low rank", 130, "none"),
        ("offset 1e8", 2, "wild"),
        ("offset 1e8", 3, "fractions"),
        ("offset 1e8", 9, "none"),
        ("offset 1e8", 130, "whole"),
        ("outlier 1e12", 2, "fractions"),
        ("outlier 1e12", 3, "none"),
        ("outlier 1e12", 9, "wild"),
        ("outlier 1e12", 130, "wild"),
        ("grid", 2, "whole"),
        ("grid", 3, "fractions"),
        ("grid", 9, "whole"),
        ("grid", 130, "none"),
    ],
)
def test_sums_of_any_split_have_the_same_bits(name, d, weights):
    X = make(name, 4500, d, "float64")
    w = weights_of(weights, len(X))
    grid, C = grid_for(X, w), some_rows(X, 7)
    whole = CPU.kmeans.lloyd_stats(X, w, grid)(C)
    assert isinstance(whole, fixed_point.ExactStats)
    assert_sums(whole, X, w, brute_labels(X, C), 7)
    for cuts in ([], [1], [64, 65], [1000, 1001, 3000], list(range(250, 4500, 250))):
        for single_use in (False, True):
            total = None
            for a, b in zip([0, *cuts], [*cuts, len(X)], strict=True):
                part = CPU.kmeans.lloyd_stats(
                    X[a:b], None if w is None else w[a:b], grid, single_use=single_use
                )(C)
                total = part if total is None else total + part
            assert total.sums.tobytes() == whole.sums.tobytes()
            assert total.counts.tobytes() == whole.counts.tobytes()
            np.testing.assert_array_equal(total.table, whole.table)


@pytest.mark.parametrize("d", [2, 3, 8])
def test_plain_tree_screened_and_sparse_sums_are_the_same_bits(d):
    X = make("grid", 4500, d, "float64") / 8
    w = weights_of("fractions", len(X))
    grid, C = grid_for(X, w), some_rows(X, 6)
    found = [step_for(kind, X, w, grid)(C) for kind in ("plain", "tree", "screened", "sparse")]
    for stats in found[1:]:
        assert stats.sums.tobytes() == found[0].sums.tobytes()
        assert stats.counts.tobytes() == found[0].counts.tobytes()


@pytest.mark.parametrize("weights", ["none", "fractions"])
def test_rows_that_are_moved_by_cluster_give_the_same_bits(monkeypatch, weights):
    """Sums too many for a core's cache; those of most rows are below the first integer's unit."""
    X = make("outlier 1e20", 4500, 16, "float64")
    w = weights_of(weights, len(X))
    by_row, by_cluster = (step_for("screened", X, w, grid_for(X, w)) for _ in range(2))
    for seed in range(3):
        C = some_rows(X, 40, seed)
        monkeypatch.undo()
        expected = by_row(C)
        monkeypatch.setattr(moving, "CACHED_SUMS", 0)
        np.testing.assert_array_equal(by_cluster(C).table, expected.table)


@pytest.mark.parametrize("d", [3, 16, 130])
@pytest.mark.parametrize("weights", ["none", "wild"])
def test_sums_do_not_remember_earlier_centres(d, weights):
    """Rows that join and leave for many iterations leave nothing behind."""
    X = make("low rank", 4500, d, "float32")
    w = weights_of(weights, len(X))
    grid, rng = grid_for(X, w), np.random.default_rng(0)
    for kind in kinds_for(*X.shape):
        step = step_for(kind, X, w, grid)
        for _ in range(10):
            step(X[rng.integers(0, len(X), 8)].astype(float))
        C = some_rows(X, 8)
        late, early = step(C), step_for(kind, X, w, grid)(C)
        assert late.sums.tobytes() == early.sums.tobytes()
        assert late.counts.tobytes() == early.counts.tobytes()


def test_sums_of_cancelling_terms_are_exact():
    X = np.array([[1e16, 1.0], [1.0, 1e-16], [-1e16, -1.0]])
    stats = CPU.kmeans.lloyd_stats(X, None, grid_for(X))(np.zeros((1, 2)))
    np.testing.assert_array_equal(stats.sums, [[1.0, 1e-16]])


def test_rows_of_no_weight_count_for_nothing():
    X = make("blobs", 4500, 3, "float32")
    w = weights_of("whole", len(X))
    C = some_rows(X, 5)
    with_zeros = CPU.kmeans.lloyd_stats(X, w, grid_for(X, w))(C)
    kept = X[w > 0]
    without = CPU.kmeans.lloyd_stats(kept, w[w > 0], grid_for(X, w))(C)
    assert with_zeros.sums.tobytes() == without.sums.tobytes()
    assert with_zeros.counts.tobytes() == without.counts.tobytes()


@pytest.mark.parametrize("scale", [1e-290, 1e-30, 1e30, 1e140])
def test_sums_of_scaled_weights(scale):
    X = make("blobs", 500, 3, "float64")
    w = weights_of("fractions", len(X)) * scale
    C = some_rows(X, 4)
    stats = CPU.kmeans.lloyd_stats(X, w, grid_for(X, w))(C)
    assert_sums(stats, X, w, brute_labels(X, C), 4)


@pytest.mark.parametrize(
    ("kind", "d", "step_of_weights"),
    [("bytes", 1, None), ("floats", 1, 2.0**-48), ("floats", 2, 1.0), ("bytes", 2, 1 / 3),
     ("bytes", 3, None), ("floats", 3, None), ("bytes", 3, 2.0**-30), ("floats", 3, 2.0**-30),
     ("bytes", 3, 2.0**-48), ("floats", 3, 1 / 3), ("bytes", 5, 1.0), ("floats", 5, 2.0**-30)],
)  # fmt: skip
def test_tree_sums_of_long_and_short_terms(kind, d, step_of_weights):
    """Sums of whole leaves and of single rows, of terms that fit a float64, 61 bits, or neither."""
    rng = np.random.default_rng([d, 7])
    X = rng.normal(128, 40, (9000, d)).clip(0, 255).astype(np.uint8)
    w = None if step_of_weights is None else rng.integers(1, 50, len(X)) * step_of_weights
    if step_of_weights is not None:
        w[0] = 1.0  # the total stays near, and the digits of the terms are many
    C = some_rows(X, 9) + rng.random((9, d))
    X = X if kind == "bytes" else X.astype(np.float32)
    grid = grid_for(X, w)
    tree, plain = TreeStep(X, w, grid), PlainStep(X, w, grid)
    assert bool(tree.short) == (step_of_weights in (None, 1.0, 2.0**-30))
    assert tree.no_remainder == (step_of_weights != 1 / 3)
    steps = [C + 3 * i for i in range(4)] + [C[::-1] + 12, C + 12, C + 12.5, np.roll(C, 2, axis=0)]
    for centers in steps:
        mine, theirs = tree(centers), plain(centers)
        np.testing.assert_array_equal(tree.labels, plain.labels)
        assert mine.n_changed == theirs.n_changed
        np.testing.assert_array_equal(mine.table, theirs.table)


@pytest.mark.parametrize("d", [1, 3, 4, 8])
@pytest.mark.parametrize("ordered", [False, True])
def test_bytes_and_floats_make_the_same_tree(d, ordered):
    rng = np.random.default_rng(d)
    X = rng.integers(0, 256, (9000, d)).astype(np.uint8)
    if ordered:
        codes = [sum((int(v) >> b & 1) << (b * d + d - 1 - j) for j, v in enumerate(row)
                     for b in range(8)) for row in X]  # fmt: skip
        X = X[np.array(codes, np.uint64).argsort(kind="stable")]
    grid = grid_for(X)
    found = [TreeStep(Y, None, grid) for Y in (X, X.astype(np.float32))]
    assert [step.order is None for step in found] == [ordered] * 2
    for floats, integers in zip(*((*step.tree, step.roots) for step in found), strict=True):
        np.testing.assert_array_equal(floats, integers)
