"""Nearest entries by lists of candidates, and error diffusion by parts of bands of rows.

Each launch works on one part of every band, behind the part that the band above has finished, so
that blocks wait for each other only between launches.
"""

from __future__ import annotations

from typing import Any

from ...arrays import Array
from . import TOP, Alpha, Diffusion, Lattice, generic

#: rows of a band, one thread per row; and steps of a launch, whose last four steps' errors are kept
ROWS, PART = 128, 256
BLOCK = 256
CELLS = 4096
#: largest palette for which lists of candidates are made; with more, the generic kernels run
MOST_ENTRIES = 2048


def nearest_entries(
    gpu, colors: Array, lattice: Lattice, palette: Array
) -> tuple[Array, Array, Array]:
    """The entry nearest to each colour, and their tally; see `generic.nearest_entries`."""
    k, n = lattice.entries.shape[0], colors.shape[0]
    if k > MOST_ENTRIES or n == 0:
        return generic.nearest_entries(colors, lattice, palette)
    plan = _Plan(gpu, lattice)
    found = gpu.empty((n,), plan.label, like=colors)
    blocks = min(-(-n // BLOCK), 1 << 16)
    plan.module().launch(
        "nearest", blocks, BLOCK, gpu.contiguous(colors), n, *plan.palette, *plan.lists, found
    )
    return found, *generic.tally(colors, palette, found)


def diffuse(
    gpu, pixels: Array, lattice: Lattice, diffusion: Diffusion, alpha: Alpha | None = None
) -> Array:
    """The entry of each pixel; see `generic.diffuse`, which runs for alternating directions."""
    k, (height, width) = lattice.entries.shape[0], pixels.shape[:2]
    if k > MOST_ENTRIES or diffusion.serpentine:
        return generic.diffuse(pixels, lattice, diffusion, alpha)
    xp, plan = gpu.xp, _Plan(gpu, lattice)
    found = gpu.empty((height, width), plan.label, like=pixels)
    bands, parts = -(-height // ROWS), -(-(width + 2 * (ROWS - 1)) // PART)
    lag = 2 + 2 * (ROWS - 1) // PART
    state = gpu.empty((bands, 4, ROWS, 3), xp.int16, like=pixels)
    edges = gpu.empty((bands, 2, width, 3), xp.int16, like=pixels)
    none = gpu.empty((1,), xp.uint8, like=pixels)  # a placeholder that is never read
    axis = plan.palette[0]
    alphas: tuple = (none, axis, axis, 0) if alpha is None else alpha
    module = plan.module(CHANNEL=gpu.c_type(pixels.dtype), ALPHA=int(alpha is not None))
    arguments = (
        gpu.contiguous(pixels), height, width, gpu.contiguous(diffusion.levels),
        gpu.contiguous(diffusion.bounds), diffusion.encoding, TOP,
        gpu.contiguous(diffusion.entries), diffusion.strength, int(diffusion.atkinson),
        *plan.palette, *plan.lists, *(_contiguous(gpu, part) for part in alphas), state, edges,
    )  # fmt: skip
    for launch in range(parts + lag * (bands - 1)):
        # the bands that have a part to do in this launch
        first = max(0, -(-(launch - parts + 1) // lag))
        last = min(bands - 1, launch // lag)
        if first <= last:
            module.launch(
                "diffuse_parts", last - first + 1, ROWS, *arguments, launch, lag, first, found
            )
    return found


def _contiguous(gpu, part: Any) -> Any:
    return part if isinstance(part, int) else gpu.contiguous(part)


class _Plan:
    """A palette on the device, with the entries that can be nearest in each cell of colours."""

    def __init__(self, gpu, lattice: Lattice):
        self.gpu, xp = gpu, gpu.xp
        k = lattice.entries.shape[0]
        self.label = generic.index_dtype(xp, k)
        parts = (lattice.axis, lattice.entries, lattice.offsets)
        axis, entries, offsets = (gpu.contiguous(xp.astype(p, xp.int32)) for p in parts)
        self.palette = (axis, entries, offsets, k)
        lists = gpu.empty((CELLS, k), xp.uint16, like=lattice.axis)
        lengths = gpu.empty((CELLS,), xp.int32, like=lattice.axis)
        self.lists = (lists, lengths)
        self.module().launch("list_candidates", CELLS // 64, 64, *self.palette, lists, lengths)

    def module(self, **defines: Any) -> Any:
        kinds = {"CHANNEL": "unsigned char", "ALPHA": 0} | defines
        label = self.gpu.c_type(self.label)
        return self.gpu.loader.module("dither", LABEL=label, ROWS=ROWS, PART=PART, **kinds)
