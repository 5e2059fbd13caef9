"""The CUDA kernels of dithering are the definition, run on the CPU in every order of threads."""

import numpy as np
import pytest

from clusterx.kernels.dither import Alpha, Diffusion, Lattice, cpu, cuda, generic
from tests.cuda_on_cpu.arrays import asarray
from tests.cuda_on_cpu.backend import WAYS, emulated, faulty
from tests.kernels.dither.test_contract import CHANGES, diffusion_of, lattice_of, some, some_alpha

pytestmark = pytest.mark.usefixtures("gxx")
GPU = emulated()
TALL = 2 * cuda.ROWS + 3  # three bands


def up(parts):
    """A tuple of arrays and numbers, with its arrays on the device."""
    return type(parts)(*(asarray(p) if isinstance(p, np.ndarray) else p for p in parts))


def diffused(gpu, pixels, lattice: Lattice, diffusion: Diffusion, alpha: Alpha | None = None):
    on_device = None if alpha is None else up(alpha)
    return gpu.dither.diffuse(asarray(pixels), up(lattice), up(diffusion), on_device).get()


@pytest.mark.parametrize("k", [1, 2, 17, 256, 300])
def test_nearest_entries_are_exact(k):
    pixels, palette = some(1, 700, k)
    palette[-1] = palette[0]  # a tie, which the first one wins
    offsets = np.random.default_rng(0).integers(0, 1 << 24, k).astype(np.int32)
    for lattice in (lattice_of(palette), lattice_of(palette)._replace(offsets=offsets)):
        found = GPU.dither.nearest_entries(asarray(pixels[0]), up(lattice), asarray(palette))
        for own, wanted in zip(
            found, generic.nearest_entries(pixels[0], lattice, palette), strict=True
        ):
            assert own.dtype == wanted.dtype
            np.testing.assert_array_equal(own.get(), wanted)


@pytest.fixture
def small(monkeypatch):
    """Bands and parts of few rows and steps."""
    monkeypatch.setattr(cuda, "ROWS", 6)
    monkeypatch.setattr(cuda, "PART", 8)
    return emulated()


@pytest.mark.parametrize("changes", [CHANGES[0], CHANGES[1], CHANGES[4]])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (6, 8), (23, 31)])
def test_diffusion_is_the_definition(small, changes, size):
    pixels, palette = some(*size, 7)
    arguments = lattice_of(palette), diffusion_of(palette, **changes)
    wanted = cpu.diffuse(pixels, *arguments)
    np.testing.assert_array_equal(diffused(small, pixels, *arguments), wanted)


@pytest.mark.parametrize(("rows", "part"), [(4, 4), (3, 64), (16, 4)])
def test_bands_of_any_shape(monkeypatch, rows, part):
    monkeypatch.setattr(cuda, "ROWS", rows)
    monkeypatch.setattr(cuda, "PART", part)
    pixels, palette = some(20, 21, 9)
    arguments = lattice_of(palette), diffusion_of(palette)
    wanted = cpu.diffuse(pixels, *arguments)
    np.testing.assert_array_equal(diffused(emulated(), pixels, *arguments), wanted)


def test_bands_as_they_are():
    pixels, palette = some(TALL, 300, 9)
    arguments = lattice_of(palette), diffusion_of(palette)
    wanted = cpu.diffuse(pixels, *arguments)
    gpu = emulated()
    np.testing.assert_array_equal(diffused(gpu, pixels, *arguments), wanted)
    assert gpu.gpu.loader.launches == ["list_candidates"] + 7 * ["diffuse_parts"]


@pytest.mark.parametrize("changes", CHANGES[:2])
def test_diffusion_with_alpha_is_the_definition(small, changes):
    pixels, palette = some(20, 17, 9)
    lattice, alpha = some_alpha(pixels, palette)
    arguments = lattice, diffusion_of(palette, **changes), alpha
    wanted = cpu.diffuse(pixels, *arguments)
    np.testing.assert_array_equal(diffused(small, pixels, *arguments), wanted)


def test_sixteen_bits_and_many_entries(small):
    pixels, palette = some(12, 13, 300)
    deep = diffusion_of(palette)
    deep = deep._replace(
        levels=deep.levels.repeat(256, axis=0), bounds=deep.bounds.repeat(256, axis=0)
    )
    arguments = lattice_of(palette), deep
    pixels = pixels.astype(np.uint16) * 256
    wanted = cpu.diffuse(pixels, *arguments)
    found = diffused(small, pixels, *arguments)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, wanted)


def test_what_the_definition_does(small, monkeypatch):
    """Rows of alternating direction, and palettes whose lists would be long."""
    pixels, palette = some(5, 9, 7)
    for diffusion, most in (
        (diffusion_of(palette, serpentine=True), 9),
        (diffusion_of(palette), 6),
    ):
        monkeypatch.setattr(cuda, "MOST_ENTRIES", most)
        wanted = cpu.diffuse(pixels, lattice_of(palette), diffusion)
        found = diffused(small, pixels, lattice_of(palette), diffusion)
        np.testing.assert_array_equal(found, wanted)
    assert small.gpu.loader.launches == []


@pytest.mark.parametrize("way", WAYS)
def test_in_every_order(monkeypatch, way):
    monkeypatch.setattr(cuda, "ROWS", 6)
    monkeypatch.setattr(cuda, "PART", 8)
    pixels, palette = some(15, 20, 5)
    lattice, alpha = some_alpha(pixels, palette)
    arguments = lattice, diffusion_of(palette), alpha
    wanted = cpu.diffuse(pixels, *arguments)
    gpu = emulated(**WAYS[way])
    np.testing.assert_array_equal(diffused(gpu, pixels, *arguments), wanted)
    rows = pixels.reshape(-1, 3)
    near, *_ = gpu.dither.nearest_entries(asarray(rows), up(lattice), asarray(palette))
    np.testing.assert_array_equal(near.get(), cpu.nearest_entries(rows, lattice, palette)[0])


@pytest.mark.parametrize(("old", "new"), [
    ("mine > other ? low[c] + 15 : low[c]", "mine > other ? low[c] : low[c] + 15"),
    ("7 * own1 + 3 * ahead", "3 * own1 + 7 * ahead"),
    ("int behind = errors[(step - 3)", "int behind = errors[(step - 2)"),
    ("s - back + 4 - 2 * row", "s - back + 3 - 2 * row"),
    ("errors[(PART - 4 + back) & 7]", "errors[(PART - 5 + back) & 7]"),
])  # fmt: skip
def test_planted_faults_are_found(small, old, new):
    pixels, palette = some(15, 20, 60)
    arguments = lattice_of(palette), diffusion_of(palette)
    wanted = cpu.diffuse(pixels, *arguments)
    assert (diffused(faulty("dither", old, new), pixels, *arguments) != wanted).any()
