"""Unique colours: the tuned and the generic kernels against np.unique."""

import numpy as np
import pytest

from clusterx.kernels import kernels_for
from clusterx.kernels.color import generic as generic_color
from clusterx.kernels.color.cpu import counts as cpu_color_counts
from clusterx.kernels.cpu import threads

KINDS = [(dtype, channels) for dtype in (np.uint8, np.uint16) for channels in (1, 3, 4)]


def random_pixels(rng, n, channels, dtype, spread=None):
    """Pixels with both ends of the range among them; few different ones if `spread` is small."""
    top = np.iinfo(dtype).max
    values = rng.integers(0, spread or top + 1, size=(n, channels)).astype(dtype)
    if n > 1:
        values[0], values[n // 2] = 0, top
    return values


def morton(colors):
    """Interleaved bits of each colour, bit by bit."""
    codes = []
    for row in colors.tolist():
        code = 0
        for bit in reversed(range(8 * colors.itemsize)):
            for value in row:
                code = code << 1 | (value >> bit & 1)
        codes.append(code)
    return codes


def check_counts(pixels, colors, counts):
    expected, expected_counts = np.unique(pixels, axis=0, return_counts=True)
    order = np.lexsort(colors.T[::-1])
    assert colors.dtype == pixels.dtype
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(colors[order], expected)
    np.testing.assert_array_equal(counts[order], expected_counts)


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
@pytest.mark.parametrize("spread", [3, None])
def test_counts_are_those_of_unique(dtype, channels, spread):
    for n in (1, 2, 1000, 70_001):
        pixels = random_pixels(np.random.default_rng(n), n, channels, dtype, spread)
        colors, counts = cpu_color_counts.color_counts(pixels)
        check_counts(pixels, colors, counts)


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_colors_are_in_morton_order(dtype, channels):
    pixels = random_pixels(np.random.default_rng(0), 3000, channels, dtype)
    codes = morton(cpu_color_counts.color_counts(pixels)[0])
    assert codes == sorted(codes)


@pytest.mark.smoke
@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_generic_gives_the_same(xp, dtype, channels):
    rng = np.random.default_rng(1)
    pixels = random_pixels(rng, 2000, channels, dtype, spread=40)
    expected = cpu_color_counts.color_counts(pixels)
    found = generic_color.color_counts(xp.asarray(pixels))
    assert all(xp.owns(array) for array in found)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(xp.to_host(mine), theirs)
    labels = rng.integers(0, 300, len(expected[0])).astype(np.int32)
    indices = generic_color.remap(xp.asarray(pixels), found[0], xp.asarray(labels))
    assert xp.owns(indices)
    host = xp.to_host(indices)
    assert host.dtype == np.uint16
    np.testing.assert_array_equal(host, cpu_color_counts.remap(pixels, expected[0], labels))


def test_the_table_has_both():
    pixels = np.array([[1, 2, 3], [0, 0, 0], [1, 2, 3]], dtype=np.uint8)
    kernels = kernels_for(np)
    assert kernels.color.color_counts is cpu_color_counts.color_counts
    colors, counts = kernels.color.color_counts(pixels)
    assert colors.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert counts.tolist() == [1, 2]
    assert kernels.color.remap(pixels, colors, np.array([5, 7])).tolist() == [7, 5, 7]


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
@pytest.mark.parametrize(
    ("n_labels", "expected"), [(2, np.uint8), (256, np.uint8), (257, np.uint16), (70_000, np.int32)]
)
def test_remap_finds_every_label(dtype, channels, n_labels, expected):
    for n in (5, 70_001):
        rng = np.random.default_rng(2)
        pixels = random_pixels(rng, n, channels, dtype)
        colors, inverse = np.unique(pixels, axis=0, return_inverse=True)
        shuffled = rng.permutation(len(colors))  # the order of the colours does not matter
        labels = rng.integers(0, n_labels, len(colors)).astype(np.int32)
        labels[inverse.reshape(-1)[0]] = n_labels - 1
        indices = cpu_color_counts.remap(pixels, colors[shuffled], labels[shuffled])
        assert indices.dtype == expected
        np.testing.assert_array_equal(indices, labels[inverse.reshape(-1)])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [0, 200])
def test_one_alpha_everywhere(dtype, alpha):
    pixels = random_pixels(np.random.default_rng(3), 70_000, 4, dtype, spread=50)
    pixels[:, 3] = alpha
    colors, counts = cpu_color_counts.color_counts(pixels)
    check_counts(pixels, colors, counts)
    codes = morton(colors)
    assert codes == sorted(codes)
    labels = np.arange(len(colors))
    np.testing.assert_array_equal(colors[cpu_color_counts.remap(pixels, colors, labels)], pixels)


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 3), (np.uint8, 4), (np.uint16, 3)])
def test_chunks_merge(monkeypatch, dtype, channels):
    pixels = random_pixels(np.random.default_rng(4), 150_000, channels, dtype, spread=30)
    whole = cpu_color_counts.color_counts(pixels)
    monkeypatch.setattr(cpu_color_counts, "_CHUNK", 40_000)
    for mine, theirs in zip(cpu_color_counts.color_counts(pixels), whole, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_counters_of_a_byte_run_over():
    """Counts about the multiples of what a counter goes back by, in buckets of many colours."""
    rng = np.random.default_rng(5)
    counts = [*range(250, 262), *range(504, 516), *range(758, 770), 1, 2, 3, 70_000, 100_000]
    colors = np.unique(rng.integers(0, 9, (2 * len(counts), 3)).astype(np.uint8), axis=0)
    colors = rng.permutation(colors)[: len(counts)]
    pixels = rng.permutation(np.repeat(colors, counts, axis=0))
    found, found_counts = cpu_color_counts.color_counts(pixels)
    check_counts(pixels, found, found_counts)
    expected = dict(zip(map(tuple, colors.tolist()), counts, strict=True))
    assert dict(zip(map(tuple, found.tolist()), found_counts.tolist(), strict=True)) == expected


def test_chunks_of_other_buckets_merge(monkeypatch):
    """The pieces of all chunks have the edges of the first, whatever is in them."""
    rng = np.random.default_rng(6)
    parts = [rng.integers(low, low + 40, (50_000, 3)).astype(np.uint8) for low in (0, 200, 100)]
    pixels = np.concatenate(parts)
    monkeypatch.setattr(cpu_color_counts, "_CHUNK", 50_000)
    check_counts(pixels, *cpu_color_counts.color_counts(pixels))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_one_color(channels):
    pixels = np.full((100_000, channels), 255, dtype=np.uint8)
    colors, counts = cpu_color_counts.color_counts(pixels)
    assert colors.tolist() == [[255] * channels]
    assert counts.tolist() == [100_000]


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_no_pixels(dtype, channels):
    pixels = np.empty((0, channels), dtype=dtype)
    colors, counts = cpu_color_counts.color_counts(pixels)
    assert colors.shape == (0, channels)
    assert counts.shape == (0,)
    assert cpu_color_counts.remap(pixels, colors, np.empty(0, np.int32)).shape == (0,)


def test_inputs_stay_as_they_are_and_may_be_locked():
    pixels = random_pixels(np.random.default_rng(6), 1000, 3, np.uint8)
    before = pixels.copy()
    expected = cpu_color_counts.color_counts(pixels)
    assert pixels.flags.writeable
    pixels.flags.writeable = False
    locked = cpu_color_counts.color_counts(pixels)
    np.testing.assert_array_equal(pixels, before)
    np.testing.assert_array_equal(locked[0], expected[0])


@pytest.mark.parametrize("channels", [3, 4])
def test_threads_change_nothing(monkeypatch, channels):
    pixels = random_pixels(np.random.default_rng(7), 300_000, channels, np.uint8)
    results = []
    for cores in (1, 4):
        monkeypatch.setattr(threads, "_cores", lambda cores=cores: cores)
        colors, counts = cpu_color_counts.color_counts(pixels)
        labels = np.arange(len(colors)) % 251
        results.append((colors, counts, cpu_color_counts.remap(pixels, colors, labels)))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.smoke
@pytest.mark.parametrize(("n", "k", "channels"), [(1, 1, 1), (200, 1, 3), (333, 40, 3), (70, 5, 4)])
def test_nearest_two(xp, n, k, channels):
    rng = np.random.default_rng(n)
    points = rng.integers(0, 9, (channels, n)).astype(np.float32)  # with ties
    centers = rng.integers(0, 9, (k, channels)).astype(np.float32)
    kernels = kernels_for(xp.xp).color
    found = kernels.nearest_two(xp.asarray(points), xp.asarray(centers))
    squared = ((points.T[:, None] - centers[None]) ** 2).sum(axis=2)
    labels, first, second = map(xp.to_host, found)
    assert (labels.dtype, first.dtype, second.dtype) == (np.int32, np.float32, np.float32)
    np.testing.assert_array_equal(labels, squared.argmin(axis=1))
    ordered = np.sort(np.c_[squared, np.full(n, np.inf)], axis=1)
    np.testing.assert_array_equal(first, ordered[:, 0])
    np.testing.assert_array_equal(second, ordered[:, 1])


@pytest.mark.smoke
def test_group_sums(xp):
    groups = np.array([3, 0, 3, 1, 0, 3], dtype=np.int32)
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    found = kernels_for(xp.xp).color.group_sums(xp.asarray(values), xp.asarray(groups), 5)
    np.testing.assert_array_equal(xp.to_host(found), [18.0, 8.0, 0.0, 37.0, 0.0])
