"""What rows in blocks need of the kernels of every library: blocks beside others, and draws."""

import threading

import numpy as np
import pytest

from clusterx.kernels import kernels_for


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("given", "dtype"),
    [("uint8", "float32"), ("float16", "float64"), (">f4", "float32"), ("float32", "float64"),
     ("float32", "float32")],
)  # fmt: skip
def test_blocks_come_beside_others(xp, given, dtype):
    X = np.random.default_rng(0).integers(0, 200, (100, 3)).astype(given)
    blocks, like = np.split(X, [40, 41, 90]), xp.asarray(np.empty(0, dtype))
    count = 0
    for found, block in zip(
        kernels_for(xp.xp).runtime.stream_blocks(iter(blocks), like), blocks, strict=True
    ):
        assert xp.owns(found)
        assert found.dtype == like.dtype
        np.testing.assert_array_equal(xp.to_host(found), block.astype(dtype))
        count += 1
    assert count == 4


@pytest.mark.smoke
def test_no_blocks(xp):
    assert list(kernels_for(xp.xp).runtime.stream_blocks(iter(()), xp.asarray(np.empty(0)))) == []


def test_the_given_blocks_stay_as_they_are(xp):
    X = np.random.default_rng(0).random((100, 3))
    before = X.copy()
    for found in kernels_for(xp.xp).runtime.stream_blocks(
        iter(np.split(X, 4)), xp.asarray(np.empty(0))
    ):
        found[0, ...] = 7.0
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("used", [0, 1, 2])
def test_a_pass_that_is_abandoned_leaves_no_thread(xp, used):
    blocks = np.split(np.ones((100, 3)), 10)
    coming = kernels_for(xp.xp).runtime.stream_blocks(iter(blocks), xp.asarray(np.empty(0)))
    for _ in range(used):
        next(coming)
    coming.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("clusterx-read")]


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("n", "weighted"),
    [(1, True), (5, False), (1000, True), (5000, False), (20_000, False), (20_000, True)],
)
def test_draws_are_in_proportion(xp, n, weighted):
    rng = np.random.default_rng(n)
    closest = rng.random(n) * (rng.random(n) < 0.7)
    closest[n // 2] = 1.0
    w = rng.integers(0, 3, n).astype(float) if weighted else None
    if weighted:
        w[n // 2] = 1.0
    mass = closest if w is None else closest * w
    fractions = np.array([0.0, 0.1, 0.5, 0.50001, 0.999, 0.999999])
    drawn = kernels_for(xp.xp).kmeans.sample_rows(
        xp.asarray(closest), None if w is None else xp.asarray(w), fractions
    )
    assert xp.owns(drawn)
    drawn = xp.to_host(drawn)
    assert drawn.dtype == np.int64
    ends = np.cumsum(mass)
    targets, rounding = fractions * ends[-1], 1e-9 * ends[-1]
    assert (mass[drawn] > 0).all()
    assert (ends[drawn] - mass[drawn] <= targets + rounding).all()
    assert (targets < ends[drawn] + rounding).all()


def test_draws_where_there_is_nothing_to_draw(xp):
    zeros, fractions = xp.asarray(np.zeros(5000)), np.array([0.0, 0.7, 0.999])
    draw = kernels_for(xp.xp).kmeans.sample_rows
    assert (xp.to_host(draw(zeros, None, fractions)) == 0).all()
    w = np.zeros(5000)
    w[[70, 4999]], w[1234] = 1.0, 2.0
    assert (xp.to_host(draw(zeros, xp.asarray(w), fractions)) == 1234).all()
