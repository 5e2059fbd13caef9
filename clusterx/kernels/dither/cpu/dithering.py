"""Nearest entries of a palette by a table of colours, and error diffusion by bands of rows.

Error goes down and to the right, so a band of rows may follow the one above it at some distance.
Each thread takes the next band, and waits where it would overtake.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from ...cpu.deferred import deferred
from ...cpu.threads import run_blocks
from .. import Alpha, Diffusion, Lattice, generic
from ..curve import side_of_square
from . import loops
from . import table as tables

#: colours that a task looks up
_BLOCK = 1 << 18
#: rows of a band, and columns after which it reports how far it is; its last row is about 2 * _BAND
#: columns behind its first
_BAND, _PART = 32, 256
#: column before the first at which a band begins: the rows above it are ahead
_FIRST = -4
#: from this many pixels on, all cells are filled before error is diffused: most will be needed
_FILL_FROM = 1 << 19
#: most pixels that the generic kernels take while the loops are not compiled
_STAND_IN_PIXELS = 1 << 14


def _spread() -> np.ndarray:
    """(3, 256) uint32: the upper bits of a channel's values three places apart, then the lower."""
    values, spread = np.arange(256), np.zeros((3, 256), np.uint32)
    for channel in range(3):
        for bit in range(8):
            place = 3 * bit + 2 - channel if bit > 2 else 3 * (2 - channel) + bit
            spread[channel] |= ((values >> bit & 1) << place).astype(np.uint32)
    return spread


#: what each channel of a colour adds to its place in the table
SPREAD = _spread()


class _Table:
    """The nearest entry of every colour; only the pages that are written take memory.

    A thread reads only the cells that are marked in its own copy of `filled`. It makes the copy
    under the lock, while no other thread fills a cell.
    """

    def __init__(self, lattice: Lattice):
        k = len(lattice.entries)
        self.lattice = lattice
        self.index_dtype = generic.index_dtype(np, k)
        self.entries = np.zeros(1 << 24, self.index_dtype)
        self._filled = np.zeros(1 << 12, np.bool_)
        entries = np.ascontiguousarray(lattice.entries.T)
        self.lattice_by_channel = lattice.axis, entries, lattice.offsets
        self.lock = threading.Lock()

    def filled(self) -> np.ndarray:
        with self.lock:
            return self._filled.copy()

    def fill(self, colors: np.ndarray, filled: np.ndarray) -> None:
        """Fill the cells of the colours (n, 3), and update the caller's copy of `filled`."""
        with self.lock:
            self._fill(colors)
            filled[:] = self._filled

    def fill_all(self) -> None:
        """Fill every cell."""
        first = np.arange(0, 256, 16, dtype=np.uint8)
        corners = np.stack(np.meshgrid(first, first, first, indexing="ij"), axis=-1)
        run_blocks(lambda task: self._fill(corners[task].reshape(-1, 3)), len(corners))

    def note(self, filled: np.ndarray) -> None:
        """Take over the notes of a thread that has filled cells itself."""
        with self.lock:
            self._filled |= filled

    def _fill(self, colors: np.ndarray) -> None:
        tables.fill_cells(colors, SPREAD, self.entries, self._filled, *self.lattice_by_channel)


def _locked(pixels: np.ndarray) -> np.ndarray:
    """A read-only view: arrays of decoded files are read-only, and one type compiles once."""
    view = pixels.view()
    view.flags.writeable = False
    return view


def nearest_entries_in_numpy(colors: np.ndarray, lattice: Lattice, palette: np.ndarray) -> Any:
    few = len(colors) <= _STAND_IN_PIXELS
    return generic.nearest_entries(colors, lattice, palette) if few else NotImplemented


@deferred(nearest_entries_in_numpy, seconds=2.0, kernels=(tables.look_up,))
def nearest_entries(colors: np.ndarray, lattice: Lattice, palette: np.ndarray) -> Any:
    """The palette entry nearest to each colour, and their tally; see `generic.nearest_entries`."""
    table, rows = _Table(lattice), _locked(colors)
    found = np.empty(len(colors), table.index_dtype)
    bytes_of = np.array([1, 1 << 8, 1 << 16], np.uint32)
    packed = (palette * bytes_of).sum(axis=1, dtype=np.uint32)
    counts, errors = np.zeros(len(palette), np.int64), []

    def task(block: int) -> None:
        part = slice(block * _BLOCK, (block + 1) * _BLOCK)
        filled, own = table.filled(), np.zeros((4, len(palette)), np.uint32)
        error = tables.look_up(
            rows[part], SPREAD, table.entries, filled, *table.lattice_by_channel, packed,
            found[part], own,
        )  # fmt: skip
        table.note(filled)
        with table.lock:
            counts[:] += own.sum(axis=0, dtype=np.int64)
            errors.append(error)

    run_blocks(task, -(-len(rows) // _BLOCK))
    return found, counts, np.float64(sum(errors))


def diffuse_in_numpy(
    pixels: np.ndarray, lattice: Lattice, diffusion: Diffusion, alpha: Alpha | None = None
) -> Any:
    few = pixels.shape[0] * pixels.shape[1] <= _STAND_IN_PIXELS and not diffusion.serpentine
    return generic.diffuse(pixels, lattice, diffusion, alpha) if few else NotImplemented


@deferred(diffuse_in_numpy, seconds=4.0, kernels=(loops.diffuse_part,))
def diffuse(
    pixels: np.ndarray, lattice: Lattice, diffusion: Diffusion, alpha: Alpha | None = None
) -> np.ndarray:
    """The palette entry of each pixel, with error diffused row by row; see `generic.diffuse`."""
    call = _Call(_locked(pixels), _Table(lattice), diffusion, alpha)
    if diffusion.serpentine:
        call.back_and_forth()
    else:
        bands = _Bands(call)
        run_blocks(bands.work, bands.n)
    return call.found


class _Call:
    """The arguments of the loops, and what they find."""

    def __init__(
        self, pixels: np.ndarray, table: _Table, diffusion: Diffusion, alpha: Alpha | None
    ):
        self.pixels, self.table, self.alpha = pixels, table, alpha
        self.plan = table.lattice, diffusion
        self.found = np.empty(pixels.shape[:2], table.index_dtype)
        if self.found.size >= _FILL_FROM:
            table.fill_all()

    def errors(self, rows: int) -> np.ndarray:
        """Room for the errors of the last eight steps in a band of rows and two rows above it."""
        return np.zeros((8, 3, 2 + rows), np.int32)

    def part(
        self,
        rows: slice,
        errors: tuple[np.ndarray, np.ndarray, np.ndarray],
        filled: np.ndarray,
        columns: tuple[int, int],
        moves: tuple[int, bool] = (1, False),
    ) -> None:
        """Give entries to a part of some rows; see `loops.diffuse_part`."""
        alpha = self.alpha and self.alpha._replace(values=self.alpha.values[rows])
        column = columns[0]
        while column >= _FIRST:
            column, *color = loops.diffuse_part(
                self.pixels[rows],
                SPREAD,
                self.table.entries,
                filled,
                *self.plan,
                alpha,
                errors,
                self.found[rows],
                (column, columns[1]),
                moves,
            )
            if column >= _FIRST:
                self.table.fill(np.array([color], np.uint8), filled)

    def back_and_forth(self) -> None:
        """Rows one after the other, every other one from right to left."""
        height, width = self.found.shape
        above, below = np.zeros((2, 2, width, 3), np.int16)
        filled = self.table.filled()
        for y in range(height):
            move = 1 if y % 2 == 0 else -1
            errors = self.errors(1), above, below
            self.part(slice(y, y + 1), errors, filled, (_FIRST, width), (move, True))
            above[0], above[1] = above[1], below[1]


class _Bands:
    """Bands of rows, each a task of a thread, and how far each of them is."""

    def __init__(self, call: _Call):
        self.call = call
        height, self.width = call.found.shape
        self.n = -(-height // _BAND)
        last = self.width + 2 * _BAND
        self.ends = [*range(_PART, last, _PART), last]
        self.done = [0] * self.n  # finished parts of each band; all if it failed
        #: errors of the last two rows of each band
        self.edges: list[Any] = [None] * self.n
        self.moved = threading.Condition()

    def work(self, band: int) -> None:
        """Give entries to the pixels of a band, behind the band above it."""
        try:
            self._work(band)
        finally:
            self._tell(band, len(self.ends) + 1)

    def _work(self, band: int) -> None:
        rows = slice(band * _BAND, min((band + 1) * _BAND, len(self.call.found)))
        self.edges[band] = below = np.zeros((2, self.width, 3), np.int16)
        if band:
            self._wait(band - 1, 1)
        above = self.edges[band - 1] if band else np.zeros_like(below)
        errors = self.call.errors(rows.stop - rows.start), above, below
        filled = self.call.table.filled()
        start = _FIRST
        for part, end in enumerate(self.ends):
            if band:
                # the last row of the band above is 2 * _BAND columns behind its first row
                self._wait(band - 1, part + 2)
            self.call.part(rows, errors, filled, (start, end))
            self._tell(band, part + 1)
            start = end
        if band:
            self.edges[band - 1] = None

    def _wait(self, band: int, parts: int) -> None:
        with self.moved:
            self.moved.wait_for(lambda: self.done[band] >= min(parts, len(self.ends)))

    def _tell(self, band: int, parts: int) -> None:
        with self.moved:
            self.done[band] = parts
            self.moved.notify_all()


def riemersma(
    pixels: np.ndarray, lattice: Lattice, diffusion: Diffusion, alpha: Alpha | None = None
) -> np.ndarray:
    """The palette entry of each pixel, along a Hilbert curve; see `generic.riemersma`."""
    call = _Call(_locked(pixels), _Table(lattice), diffusion, alpha)
    filled, weights = call.table.filled(), np.array(generic.WEIGHTS, np.int64)
    recent = np.zeros((len(weights), 3), np.int64)
    at = np.array([side_of_square(*pixels.shape[:2]), 0, 0], np.int64)
    missing = True
    while missing:
        missing, *color = loops.diffuse_along_curve(
            call.pixels, SPREAD, call.table.entries, filled, *call.plan, alpha, weights, recent, at,
            call.found,
        )  # fmt: skip
        if missing:
            call.table.fill(np.array([color], np.uint8), filled)
    return call.found


def tally_in_numpy(pixels: np.ndarray, palette: np.ndarray, indices: np.ndarray) -> Any:
    few = len(pixels) <= _STAND_IN_PIXELS
    return generic.tally(pixels, palette, indices) if few else NotImplemented


@deferred(tally_in_numpy, seconds=0.5, kernels=(tables.tally,))
def tally(pixels: np.ndarray, palette: np.ndarray, indices: np.ndarray) -> Any:
    """Pixels of each entry, and squared differences to the entries; see `generic.tally`."""
    n_blocks = -(-len(pixels) // (4 * _BLOCK))
    rows = _locked(pixels)
    counts = np.zeros((n_blocks, len(palette)), np.int64)
    errors = np.zeros(n_blocks, np.int64)

    def task(block: int) -> None:
        mine = slice(4 * block * _BLOCK, 4 * (block + 1) * _BLOCK)
        errors[block] = tables.tally(rows[mine], palette, indices[mine], counts[block])

    run_blocks(task, n_blocks)
    return counts.sum(axis=0), np.float64(errors.sum())
