"""Unique colours and their counts, and the way back from colours to pixels.

Codes of up to 24 bits index a table of all colours if there are enough pixels to pay for it; other
codes are sorted, and looked up by bisection.
An alpha that is the same everywhere, as in most pictures that have one, is left out of the code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...arrays import Array, concat, dtype_name, to_host
from ..cuda.positions import positions, run_lengths

BLOCK, ITEMS = 256, 8
#: Most colours that a table of all colours may have: in total, and per pixel.
TABLE_COLORS, COLORS_PER_PIXEL = 1 << 24, 16
#: Up to this many colours, each block has its own counters.
SHARED_COLORS = 256
COUNTING_BLOCKS = 1024
#: Pixels whose codes are sorted at once: their memory is bounded.
CHUNK = 1 << 25


@dataclass(frozen=True)
class Layout:
    """How pixels become codes."""

    gpu: Any
    channel: str  # C type
    bits: int  # of a channel
    channels: int  # in the code
    stride: int  # channels in memory
    alpha: int  # of all pixels, where it is not in the code

    @property
    def code(self) -> Any:
        """dtype of a code."""
        wide = self.bits * self.channels > 32
        return self.gpu.xp.uint64 if wide else self.gpu.xp.uint32

    @property
    def colors(self) -> int:
        """Number of possible colours."""
        return 1 << self.bits * self.channels

    def has_table(self, n: int) -> bool:
        """Whether a table of all colours pays for n pixels."""
        return self.colors <= min(TABLE_COLORS, max(SHARED_COLORS, COLORS_PER_PIXEL * n))

    def launch(self, kernel: str, n: int, *arguments: Any, items: int = 1, **types: Any) -> None:
        """Run a kernel with `items` of n pixels per thread; `types` are its dtypes by name."""
        defined = {"COUNT": "unsigned int", "LABEL": "int"}
        defined |= {name: self.gpu.c_type(kind) for name, kind in types.items()}
        module = self.gpu.loader.module(
            "color", CHANNEL=self.channel, CHANNELS=self.channels, STRIDE=self.stride,
            CODE=self.gpu.c_type(self.code), ITEMS=ITEMS,
            SHARED_COLORS=SHARED_COLORS if self.colors <= SHARED_COLORS else 0, **defined,
        )  # fmt: skip
        module.launch(kernel, -(-n // (BLOCK * items)), BLOCK, *arguments)


def _layout(gpu, colors: Array, alphas: tuple[int, int] | None) -> Layout:
    """The layout of codes that tell colours apart whose alpha is in the given range."""
    stride = colors.shape[1]
    bits = 8 if dtype_name(colors.dtype) == "uint8" else 16
    constant = stride == 4 and alphas is not None and alphas[0] == alphas[1]
    return Layout(
        gpu, gpu.c_type(colors.dtype), bits, 3 if constant else stride, stride,
        alphas[0] if constant and alphas else 0,
    )  # fmt: skip


def _alphas(gpu, colors: Array) -> list[Array]:
    """Least and largest alpha, 0-d, where there is one."""
    if colors.shape[1] != 4:
        return []
    return [gpu.xp.min(colors[:, 3]), gpu.xp.max(colors[:, 3])]


def _read(gpu, scalars: list[Array]) -> list[int]:
    """Integers of the device, in one read of it."""
    if not scalars:
        return []
    xp = gpu.xp
    together = xp.stack([xp.astype(s, xp.int64) for s in scalars])
    return [int(value) for value in to_host(together)]


def color_counts(gpu, pixels: Array) -> tuple[Array, Array]:
    """Unique colours in the order of their codes, and the number of pixels of each."""
    xp, n = gpu.xp, pixels.shape[0]
    if n == 0:
        return pixels, gpu.empty((0,), xp.int64, like=pixels)
    pixels = gpu.contiguous(pixels)
    low_high = _read(gpu, _alphas(gpu, pixels))
    layout = _layout(gpu, pixels, (low_high[0], low_high[1]) if low_high else None)
    if layout.has_table(n):
        codes, counts = _tallied(layout, pixels)
    else:
        codes, counts = _sorted(layout, pixels)
    u = codes.shape[0]
    colors = gpu.empty((u, pixels.shape[1]), pixels.dtype, like=pixels)
    layout.launch("decode", u, codes, u, layout.alpha, colors)
    return colors, counts


def _tallied(layout: Layout, pixels: Array) -> tuple[Array, Array]:
    gpu, n = layout.gpu, pixels.shape[0]
    xp = gpu.xp
    kind = xp.uint32 if n < 1 << 32 else xp.uint64
    table = gpu.zeros((layout.colors,), kind, like=pixels)
    if layout.colors <= SHARED_COLORS:
        # enough pixels per thread for at most COUNTING_BLOCKS blocks
        items = max(ITEMS, -(-n // (BLOCK * COUNTING_BLOCKS)))
        layout.launch("tally_in_blocks", n, pixels, n, table, items=items, COUNT=kind)
    else:
        layout.launch("tally", n, pixels, n, table, items=ITEMS, COUNT=kind)
    found = positions(gpu, table)
    return xp.astype(found, layout.code), xp.astype(xp.take(table, found), xp.int64)


def _sorted(layout: Layout, pixels: Array) -> tuple[Array, Array]:
    """Counts of sorted codes, a chunk of the pixels at a time."""
    gpu, n = layout.gpu, pixels.shape[0]
    xp = gpu.xp
    pieces = []
    for a in range(0, n, CHUNK):
        chunk = pixels[a : min(n, a + CHUNK), ...]
        codes = xp.sort(_codes(layout, chunk))
        starts = positions(gpu, codes, runs=True)
        pieces.append((xp.take(codes, starts), run_lengths(gpu, starts, codes.shape[0])))
    while len(pieces) > 1:
        pieces.append(_merged(gpu, pieces.pop(0), pieces.pop(0)))
    return pieces[0]


def _merged(gpu, one: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    """The union of two sorted pieces, with counts added."""
    xp = gpu.xp
    codes, counts = concat([one[0], other[0]]), concat([one[1], other[1]])
    order = xp.argsort(codes)
    codes = xp.take(codes, order)
    sums = xp.cumulative_sum(xp.take(counts, order))
    starts = positions(gpu, codes, runs=True)
    ends = concat([starts[1:] - 1, starts[:1] * 0 + (codes.shape[0] - 1)])
    until = xp.take(sums, ends)
    return xp.take(codes, starts), concat([until[:1], until[1:] - until[:-1]])


def _codes(layout: Layout, pixels: Array) -> Array:
    n = pixels.shape[0]
    codes = layout.gpu.empty((n,), layout.code, like=pixels)
    layout.launch("encode", n, pixels, n, codes)
    return codes


def remap(gpu, pixels: Array, colors: Array, labels: Array) -> Array:
    """Label of the colour of every pixel, in the least dtype that holds the largest label."""
    xp, n, u = gpu.xp, pixels.shape[0], colors.shape[0]
    if u == 0:
        return gpu.empty((n,), xp.uint8, like=pixels)
    pixels, colors = gpu.contiguous(pixels), gpu.contiguous(colors)
    largest, *low_high = _read(gpu, [xp.max(labels), *_alphas(gpu, colors)])
    kind = xp.uint8 if largest < 1 << 8 else xp.uint16 if largest < 1 << 16 else xp.int32
    labels = gpu.contiguous(xp.astype(labels, kind, copy=False))
    found = gpu.empty((n,), kind, like=pixels)
    layout = _layout(gpu, colors, (low_high[0], low_high[1]) if low_high else None)
    if n == 0:
        return found
    if layout.has_table(n):
        table = gpu.zeros((layout.colors,), kind, like=pixels)
        layout.launch("fill", u, colors, labels, u, table, LABEL=kind)
        layout.launch("look_up", n, pixels, n, table, found, LABEL=kind)
        return found
    codes = _codes(layout, colors)
    order = xp.argsort(codes)
    layout.launch(
        "search", n, pixels, n, xp.take(codes, order), xp.take(labels, order), u, found,
        LABEL=kind,
    )  # fmt: skip
    return found
