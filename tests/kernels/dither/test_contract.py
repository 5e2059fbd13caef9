"""Dithering: the tuned kernels against the generic ones, and these against the textbook."""

import numpy as np
import pytest

from clusterx.kernels import kernels_for
from clusterx.kernels.cpu import threads
from clusterx.kernels.dither import TOP, Alpha, Diffusion, Lattice, cpu, generic
from clusterx.kernels.dither.cpu import dithering
from clusterx.kernels.dither.curve import hilbert

AXIS = (64 * np.arange(256)).astype(np.int32)


def lattice_of(palette, axis=AXIS):
    return Lattice(axis, axis[palette], np.zeros(len(palette), np.int32))


def diffusion_of(palette, gap=256, **changes):
    levels = np.repeat(AXIS[:, None], 3, axis=1).astype(np.int16)
    bounds = np.stack([AXIS - 64 * gap, AXIS + 64 * gap], axis=1)
    bounds = np.clip(bounds, -TOP, 2 * TOP)[:, None].repeat(3, axis=1).astype(np.int16)
    encoding = np.clip((np.arange(TOP + 1) + 32) // 64, 0, 255).astype(np.uint8)
    plain = Diffusion(levels, bounds, encoding, AXIS[palette], 256, False, False)
    return plain._replace(**changes)


def some(height, width, k, seed=0):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    return pixels, rng.integers(0, 256, (k, 3)).astype(np.uint8)


def some_alpha(pixels, palette, seed=1):
    rng = np.random.default_rng(seed)
    values = rng.choice([0, 90, 255, 255], pixels.shape[:2]).astype(np.uint8)
    entries = AXIS[rng.choice([0, 100, 255], len(palette))]
    lattice = lattice_of(palette)._replace(offsets=(AXIS[255] - entries) ** 2)
    return lattice, Alpha(values, AXIS, entries, 3)


@pytest.mark.parametrize("k", [1, 2, 17, 256, 300])
def test_nearest_entries_are_exact(k):
    pixels, palette = some(1, 5000, k)
    palette[-1] = palette[0]  # a tie, which the first one wins
    colors = pixels[0]
    squared = ((colors[:, None].astype(int) - palette[None]) ** 2).sum(axis=2)
    for kernels in (cpu, generic):
        found, counts, error = kernels.nearest_entries(colors, lattice_of(palette), palette)
        assert found.dtype == (np.uint8 if k <= 256 else np.uint16)
        np.testing.assert_array_equal(found, squared.argmin(axis=1))
        np.testing.assert_array_equal(counts, np.bincount(found, minlength=k))
        assert counts.dtype == np.int64
        assert error == squared.min(axis=1).sum()


def test_nearest_entries_of_another_axis_and_offsets(monkeypatch):
    """Axes that are not even, and entries that are farther than they seem; in small blocks."""
    monkeypatch.setattr(dithering, "_BLOCK", 700)
    pixels, palette = some(1, 4000, 40)
    axis = np.round(TOP * (np.arange(256) / 255) ** 2.2).astype(np.int32)
    lattice = lattice_of(palette, axis)
    offsets = np.random.default_rng(0).integers(0, 1 << 24, 40).astype(np.int32)
    lattice = lattice._replace(offsets=offsets)
    found, wanted = (one.nearest_entries(pixels[0], lattice, palette) for one in (cpu, generic))
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)


CHANGES = [
    {},
    {"atkinson": True},
    {"serpentine": True},
    {"serpentine": True, "atkinson": True},
    {"gap": 40, "strength": 200},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (75, 31)])
def test_diffusion_is_the_definition(changes, size):
    pixels, palette = some(*size, 7)
    arguments = lattice_of(palette), diffusion_of(palette, **changes), None
    wanted = generic.diffuse(pixels, *arguments)
    np.testing.assert_array_equal(cpu.diffuse(pixels, *arguments), wanted)


@pytest.mark.parametrize("changes", CHANGES[:3])
def test_diffusion_with_alpha_is_the_definition(changes):
    pixels, palette = some(40, 33, 9)
    lattice, alpha = some_alpha(pixels, palette)
    arguments = lattice, diffusion_of(palette, **changes), alpha
    wanted = generic.diffuse(pixels, *arguments)
    np.testing.assert_array_equal(cpu.diffuse(pixels, *arguments), wanted)
    assert (wanted[alpha.values == 0] == 3).all()


def test_diffusion_agrees_with_rows_of_numbers():
    """Floyd and Steinberg's weights, one pixel after the other, for grey."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (12, 10))
    error = np.zeros((14, 13))
    wanted = np.zeros(grey.shape, int)
    for y in range(12):
        for x in range(10):
            got = 7 * error[y + 1, x] + 5 * error[y, x + 1] + 3 * error[y, x + 2] + error[y, x]
            total = 64 * grey[y, x] + np.floor((got + 8) / 16)
            wanted[y, x] = total >= 64 * 127.5
            error[y + 1, x + 1] = total - wanted[y, x] * 64 * 255
    palette = np.array([[0] * 3, [255] * 3], np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    found = generic.diffuse(pixels, lattice_of(palette), diffusion_of(palette))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("size", [(1, 1), (3, 70), (65, 20)])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_riemersma_is_the_definition(size, with_alpha):
    pixels, palette = some(*size, 9)
    lattice, alpha = some_alpha(pixels, palette)
    arguments = (lattice, diffusion_of(palette, gap=90), alpha)
    if not with_alpha:
        arguments = (lattice_of(palette), diffusion_of(palette, gap=90), None)
    wanted = generic.riemersma(pixels, *arguments)
    np.testing.assert_array_equal(cpu.riemersma(pixels, *arguments), wanted)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (5, 13), (16, 3)])
def test_the_curve_visits_every_pixel_once(size):
    path = hilbert(*size)
    assert len({tuple(place) for place in path.tolist()}) == len(path) == size[0] * size[1]
    if size == (8, 8):
        assert (np.abs(np.diff(path, axis=0)).sum(axis=1) == 1).all()


def test_neither_threads_nor_parts_change_the_entries(monkeypatch):
    pixels, palette = some(130, 600, 16)
    arguments = lattice_of(palette), diffusion_of(palette), None
    found = []
    for count, part in ((1, 256), (2, 256), (4, 64)):
        monkeypatch.setattr(threads, "thread_count", lambda count=count: count)
        monkeypatch.setattr(dithering, "_PART", part)
        found.append(cpu.diffuse(pixels, *arguments))
        monkeypatch.setattr(dithering, "_FILL_FROM", 1)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_tally_is_exact(dtype, channels):
    rng = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    pixels, palette = (rng.integers(0, top, (n, channels)).astype(dtype) for n in (9000, 5))
    indices = rng.integers(0, 4, 9000).astype(np.uint8)
    error = ((pixels.astype(int) - palette[indices]) ** 2).sum()
    for kernels in (cpu, generic):
        counts, found = kernels.tally(pixels, palette, indices)
        np.testing.assert_array_equal(counts, np.bincount(indices, minlength=5))
        assert counts.dtype == np.int64
        assert float(found) == error


@pytest.mark.smoke
def test_on_every_backend(xp):
    pixels, palette = some(9, 14, 6)
    lattice, diffusion = lattice_of(palette), diffusion_of(palette)
    moved = Lattice(*map(xp.asarray, lattice))
    changes = {name: xp.asarray(part) for name, part in diffusion._asdict().items()
               if isinstance(part, np.ndarray)}  # fmt: skip
    kernels = kernels_for(xp.xp).dither
    found = kernels.diffuse(xp.asarray(pixels), moved, diffusion._replace(**changes), None)
    assert xp.owns(found)
    np.testing.assert_array_equal(xp.to_host(found), cpu.diffuse(pixels, lattice, diffusion, None))
    rows = xp.asarray(pixels.reshape(-1, 3))
    near, counts, error = kernels.nearest_entries(rows, moved, xp.asarray(palette))
    wanted = cpu.tally(pixels.reshape(-1, 3), palette, xp.to_host(near))
    np.testing.assert_array_equal(xp.to_host(counts), wanted[0])
    assert float(xp.to_host(error)) == wanted[1]
