"""The CUDA kernels of colour meet their contracts, run on the CPU in every order of threads."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from clusterx.kernels.color import cuda as cuda_color
from tests.cuda_on_cpu.arrays import Array, asarray
from tests.cuda_on_cpu.backend import WAYS, emulated
from tests.kernels.color.test_contract import KINDS, check_counts, morton, random_pixels

pytestmark = pytest.mark.usefixtures("gxx")
GPU = emulated()


def counted(pixels, gpu=GPU):
    return [found.get() for found in gpu.color.color_counts(asarray(pixels))]


def check(pixels, gpu=GPU):
    colors, counts = counted(pixels, gpu)
    check_counts(pixels, colors, counts)
    codes = morton(colors)
    assert codes == sorted(codes)
    return colors


def check_remap(pixels, colors, labels, gpu=GPU):
    """Against the labels of each colour, which `colors` has in any order."""
    found = gpu.color.remap(*map(asarray, (pixels, colors, labels))).get()
    names = dict(zip(map(tuple, colors.tolist()), labels.tolist(), strict=True))
    assert_array_equal(found, [names[tuple(p)] for p in pixels.tolist()])
    return found


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
@pytest.mark.parametrize("spread", [3, None])
def test_counts_are_those_of_unique_in_morton_order(dtype, channels, spread):
    for n in (1, 2, 500, 5001):
        check(random_pixels(np.random.default_rng(n), n, channels, dtype, spread))


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
@pytest.mark.parametrize(
    ("n_labels", "expected"), [(2, np.uint8), (256, np.uint8), (257, np.uint16), (70_000, np.int32)]
)
def test_remap_finds_every_label(dtype, channels, n_labels, expected):
    rng = np.random.default_rng(2)
    pixels = random_pixels(rng, 4500, channels, dtype)
    colors = rng.permutation(np.unique(pixels, axis=0))
    labels = rng.integers(0, n_labels, len(colors)).astype(np.int64)
    labels[0] = n_labels - 1
    assert check_remap(pixels, colors, labels).dtype == expected


def test_the_table_of_all_colors(monkeypatch):
    monkeypatch.setattr(cuda_color, "COLORS_PER_PIXEL", 1 << 24)
    rng = np.random.default_rng(3)
    pixels = random_pixels(rng, 3000, 3, np.uint8, spread=250)
    gpu = emulated()
    colors = check(pixels, gpu)
    assert gpu.gpu.loader.launches == ["tally", "count", "write", "decode"]
    check_remap(pixels, colors, np.arange(len(colors)), gpu)
    assert gpu.gpu.loader.launches[4:] == ["fill", "look_up"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tables_and_sorts_agree(monkeypatch, dtype):
    pixels = random_pixels(np.random.default_rng(4), 5000, 1, dtype)
    found = []
    for most in (1 << 24, 0):
        monkeypatch.setattr(cuda_color, "TABLE_COLORS", most)
        colors, counts = counted(pixels)
        found.append((colors, counts, check_remap(pixels, colors, np.arange(len(colors)))))
    for mine, theirs in zip(*found, strict=True):
        assert_array_equal(mine, theirs)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [0, 200])
def test_one_alpha_everywhere(dtype, alpha):
    pixels = random_pixels(np.random.default_rng(5), 1000, 4, dtype, spread=50)
    pixels[:, 3] = alpha
    colors = check(pixels)
    check_remap(pixels, colors, np.arange(len(colors)))


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 3), (np.uint8, 4), (np.uint16, 4)])
@pytest.mark.parametrize("chunk", [100, 333])
def test_chunks_merge(monkeypatch, dtype, channels, chunk):
    pixels = random_pixels(np.random.default_rng(6), 1000, channels, dtype, spread=6)
    whole = counted(pixels)
    monkeypatch.setattr(cuda_color, "CHUNK", chunk)
    for mine, theirs in zip(counted(pixels), whole, strict=True):
        assert_array_equal(mine, theirs)


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_one_color(dtype, channels):
    pixels = np.full((5000, channels), 255, dtype)
    colors, counts = counted(pixels)
    assert colors.tolist() == [[255] * channels]
    assert counts.tolist() == [5000]
    assert (check_remap(pixels, colors, np.array([9])) == 9).all()


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_no_pixels(dtype, channels):
    pixels = np.empty((0, channels), dtype)
    colors, counts = counted(pixels)
    assert colors.shape == (0, channels)
    assert counts.shape == (0,)
    assert check_remap(pixels, colors, np.empty(0, np.int32)).shape == (0,)
    some = np.zeros((2, channels), dtype)
    some[1] = 1
    assert check_remap(pixels, some, np.array([3, 400])).dtype == np.uint16


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
def test_in_every_order(dtype, channels):
    for way in WAYS:
        gpu = emulated(**WAYS[way])
        rng = np.random.default_rng(7)
        # runs of one colour of every length, and warps of one colour
        pixels = np.repeat(random_pixels(rng, 60, channels, dtype, 20), rng.integers(1, 300, 60), 0)
        colors = check(pixels, gpu)
        check_remap(pixels, colors, np.arange(len(colors)) % 7, gpu)


def test_rows_and_columns_of_an_image_may_be_views():
    image = np.random.default_rng(8).integers(0, 9, (300, 6)).astype(np.uint8)
    colors, counts = GPU.color.color_counts(asarray(image)[::2, 1:4])
    check_counts(np.ascontiguousarray(image[::2, 1:4]), colors.get(), counts.get())


def test_only_what_the_shape_of_the_result_depends_on_is_read(monkeypatch):
    reads = []
    get = Array.get
    monkeypatch.setattr(Array, "get", lambda self: reads.append(self.shape) or get(self))
    pixels = asarray(random_pixels(np.random.default_rng(9), 700, 3, np.uint8))
    colors, _ = GPU.color.color_counts(pixels)
    assert reads == [(1,)]
    GPU.color.remap(pixels, colors, GPU.gpu.xp.zeros(colors.shape[0], dtype=np.int32))
    assert reads == [(1,), (1,)]


def check_two_kinds(gpu):
    rng = np.random.default_rng(10)
    for dtype, channels in ((np.uint16, 1), (np.uint8, 3)):
        pixels = np.repeat(random_pixels(rng, 1500, channels, dtype), 3, axis=0)
        colors = np.unique(pixels, axis=0)
        check_remap(pixels, colors, np.arange(len(colors)), gpu)
        check(pixels, gpu)


@pytest.mark.parametrize(("name", "old", "new"), [
    ("color", "j < CHANNELS; ++j) {\n        CODE x", "j < CHANNELS - 1; ++j) {\n        CODE x"),
    ("color", "if (times && code != run)", "if (times && code < run)"),
    ("color", "low = middle + 1", "low = middle + 2"),
])  # fmt: skip
def test_planted_faults_are_found(name, old, new):
    def change(module, text):
        assert module != name or old in text
        return text.replace(old, new) if module == name else text

    with pytest.raises(AssertionError):
        check_two_kinds(emulated(change=change))
    check_two_kinds(GPU)


def test_places_above_two_to_the_31(tmp_path):
    n = (1 << 31) + 77
    pixels = Array(np.memmap(tmp_path / "pixels", np.uint8, "w+", shape=(n,)))
    pixels.held[-1] = 9
    gpu = emulated(blocks=lambda kernel, total: (total - 1, 1))
    layout = cuda_color._layout(gpu.gpu, asarray(np.zeros((1, 1), np.uint8)), None)
    table = GPU.gpu.xp.zeros(256, dtype=np.uint64)
    layout.launch("tally", n, pixels, n, table, items=cuda_color.ITEMS, COUNT=np.uint64)
    assert (table.get()[0], table.get()[9]) == (76, 1)
    found = Array(np.memmap(tmp_path / "found", np.uint8, "w+", shape=(n,)))
    names = asarray(np.arange(256).astype(np.uint8)[::-1])
    layout.launch("look_up", n, pixels, n, names, found, LABEL=np.uint8)
    assert found.held[-2:].tolist() == [255, 246]
