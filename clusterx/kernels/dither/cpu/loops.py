"""The compiled loops that pass error on.

They return when they meet a cell of the table that is not filled. They would be several times
slower if they called the function that fills it, because numba counts references to the arrays
around calls.
"""

from __future__ import annotations

import numpy as np

from ...cpu.jit import INNER, jit
from .table import CELL_BITS, SUBSTITUTED


@jit(**SUBSTITUTED)
def summed(levels, bounds, value, c, got):
    return min(max(levels[value, c] + got, bounds[value, c, 0]), bounds[value, c, 1])


@jit(**INNER)
def nearest_with_alpha(r, g, b, value, lattice, alpha):
    """Entry nearest to a colour with the given alpha."""
    if value == 0:
        return alpha.hidden
    axis, entries = lattice.axis, lattice.entries
    best, least = 0, np.int64(np.iinfo(np.int64).max)
    for entry in range(len(entries)):
        squared = np.int64(alpha.axis[value] - alpha.entries[entry]) ** 2
        squared += np.int64(axis[r] - entries[entry, 0]) ** 2
        squared += np.int64(axis[g] - entries[entry, 1]) ** 2
        squared += np.int64(axis[b] - entries[entry, 2]) ** 2
        if squared < least:
            best, least = entry, squared
    return best


# Indices are unsigned, because a signed index is compared with zero each time. The loops over all
# rows of a step become vector instructions; numba widens their numbers to 64 bits unless results
# are stored in 32 before they are shifted.


@jit(**SUBSTITUTED)
def copy_above(above, ring, column, first, move, width):
    """Copy the errors of the two rows above a band that its rows may need from this step on."""
    now = np.uint64(column & 7)
    for i in range(2):
        x = column + 4 - 2 * i
        for c in range(3):
            inside = x >= 0 and x < width
            ring[now, c, i] = above[i, np.uint64(first + move * x), c] if inside else 0


@jit(**SUBSTITUTED)
def receive(ring, column, atkinson, swapped, got):
    """Sums of the errors that the pixels of a step get, in 8ths (Atkinson) or 16ths."""
    before, before2 = np.uint64(column - 1 & 7), np.uint64(column - 2 & 7)
    before3, before4 = np.uint64(column - 3 & 7), np.uint64(column - 4 & 7)
    one, two = np.uint64(1), np.uint64(2)
    ahead, behind = (np.int32(1), np.int32(3)) if swapped else (np.int32(3), np.int32(1))
    for c in range(3):
        if atkinson:
            for row in range(got.shape[1]):
                y = np.uint64(row)
                total = ring[before, c, y + two] + ring[before2, c, y + two] + 4
                total += ring[before, c, y + one] + ring[before2, c, y + one]
                got[c, y] = total + ring[before3, c, y + one] + ring[before4, c, y]
        else:
            for row in range(got.shape[1]):
                y = np.uint64(row)
                total = 7 * ring[before, c, y + two] + 5 * ring[before2, c, y + one] + 8
                total += ahead * ring[before, c, y + one] + behind * ring[before3, c, y + one]
                got[c, y] = total


@jit(**SUBSTITUTED)
def pass_on(sums, given, strength, ring, column):
    """Note the errors of the pixels of a step."""
    now = np.uint64(column & 7)
    for c in range(3):
        for row in range(sums.shape[1]):
            sums[c, row] = (sums[c, row] - given[c, row]) * strength
        for row in range(sums.shape[1]):
            ring[now, c, np.uint64(row) + np.uint64(2)] = sums[c, row] >> 8


@jit(**SUBSTITUTED)
def copy_below(ring, below, column, first, move, width):
    """Copy the errors of the band's last two rows."""
    now, rows = np.uint64(column & 7), ring.shape[2] - 2
    for i in range(max(0, 2 - rows), 2):
        x = column - 2 * (rows - 2 + i)
        if x >= 0 and x < width:
            for c in range(3):
                below[i, np.uint64(first + move * x), c] = ring[now, c, np.uint64(rows + i)]


@jit(**SUBSTITUTED)
def add_error(pixels, diffusion, y, x, got, shift, sums, near):
    """The sum of a pixel in each channel, and the colour whose nearest entry it is given."""
    top = np.int64(len(diffusion.encoding) - 1)
    for c in range(3):
        total = summed(diffusion.levels, diffusion.bounds, pixels[y, x, c], c, got[c, y] >> shift)
        sums[c, y] = total
        near[c, y] = diffusion.encoding[np.uint64(min(max(total, 0), top))]


@jit
def diffuse_part(
    pixels, spread, table, filled, lattice, diffusion, alpha, errors, found, part, moves
):
    """Give entries to a slanted part of a band of rows, each row two columns behind the one above.

    The pixels of a step are then independent of each other, and so are the loads from the table.

    errors : those of the last eight steps, (8, 3, 2 + rows) int32, from two rows above the band on;
        of the two rows above it, (2, width, 3) int16; and of its last two rows, to be filled
    found : (rows, width)
    part : first and end column of the first row, counted in the row's direction; the first part
        begins at -4
    moves : direction of the row as 1 or -1, and whether the row above went the other way

    Returns the column at which a cell is not filled, and the colour; column -5 at the end.
    """
    (ring, above, below), (rows, width), (move, swapped) = errors, found.shape, moves
    first, shift = 0 if move > 0 else width - 1, 3 if diffusion.atkinson else 4
    entries, strength = diffusion.entries, diffusion.strength
    got, sums, given = np.zeros((3, 3, rows), np.int32)
    near = np.empty((3, rows), np.uint8)
    for column in range(part[0], part[1]):
        start = min(rows, max(0, (column - width) // 2 + 1))
        stop = max(start, min(rows, column // 2 + 1))
        copy_above(above, ring, column, first, move, width)
        receive(ring, column, diffusion.atkinson, swapped, got)
        for row in range(start, stop):
            y, x = np.uint64(row), np.uint64(first + move * (column - 2 * row))
            add_error(pixels, diffusion, y, x, got, shift, sums, near)
        for row in range(start, stop):
            y, x = np.uint64(row), np.uint64(first + move * (column - 2 * row))
            r, g, b = near[0, y], near[1, y], near[2, y]
            value, entry = np.uint8(255), np.int64(-1)
            if alpha is not None:
                value = alpha.values[y, x]
                if value < 255:
                    entry = np.int64(nearest_with_alpha(r, g, b, value, lattice, alpha))
            if entry < 0:
                place = spread[0, r] | spread[1, g] | spread[2, b]
                if not filled[place >> CELL_BITS]:
                    return column, r, g, b
                entry = np.int64(table[place])
            found[y, x] = entry
            for c in range(3):
                given[c, y] = entries[np.uint64(entry), c] if value > 0 else sums[c, y]
        for c in range(3):
            for row in range(start):
                given[c, row] = sums[c, row] = 0
            for row in range(stop, rows):
                given[c, row] = sums[c, row] = 0
        pass_on(sums, given, strength, ring, column)
        copy_below(ring, below, column, first, move, width)
    return -5, np.uint8(0), np.uint8(0), np.uint8(0)


@jit(**INNER)
def point_of(place, side):
    """Column and row of a place on the Hilbert curve in a square of a power of two."""
    x = y = 0
    size = 1
    while size < side:
        right = place >> 1 & 1
        down = (place ^ right) & 1
        if down == 0:
            if right:
                x, y = size - 1 - x, size - 1 - y
            x, y = y, x
        x, y = x + size * right, y + size * down
        place >>= 2
        size *= 2
    return x, y


@jit
def diffuse_along_curve(
    pixels, spread, table, filled, lattice, diffusion, alpha, weights, recent, at, found
):
    """Give entries along the Hilbert curve in a square, with weighted errors of the last pixels.

    recent : (memory, 3) int64, errors of the last pixels
    at : side of the square, place on the curve, and number of pixels done

    Returns whether it stopped at a cell that is not filled, and the colour; `at` says where to go
    on.
    """
    height, width = found.shape
    levels, encoding, entries = diffusion.levels, diffusion.encoding, diffusion.entries
    bounds, memory = diffusion.bounds, len(weights)
    top = np.int64(len(encoding) - 1)
    got = np.empty(3, np.int64)
    while at[1] < at[0] * at[0]:
        x, y = point_of(at[1], at[0])
        # the 4096 places from a multiple of 4096 on fill a square, which may lie outside
        if at[1] & 4095 == 0 and (x >> 6 << 6 >= width or y >> 6 << 6 >= height):
            at[1] += 4096
            continue
        if x >= width or y >= height:
            at[1] += 1
            continue
        got[:] = 32
        for age in range(memory):
            for c in range(3):
                got[c] += weights[age] * recent[(at[2] - 1 - age) % memory, c]
        colors = pixels[y, x]
        r = summed(levels, bounds, colors[0], 0, got[0] >> 6)
        g = summed(levels, bounds, colors[1], 1, got[1] >> 6)
        b = summed(levels, bounds, colors[2], 2, got[2] >> 6)
        near_r = encoding[min(max(r, 0), top)]
        near_g = encoding[min(max(g, 0), top)]
        near_b = encoding[min(max(b, 0), top)]
        value = np.uint8(255)
        entry = np.int64(-1)
        if alpha is not None:
            value = alpha.values[y, x]
            if value < 255:
                entry = nearest_with_alpha(near_r, near_g, near_b, value, lattice, alpha)
        if entry < 0:
            place = spread[0, near_r] | spread[1, near_g] | spread[2, near_b]
            if not filled[place >> CELL_BITS]:
                return True, near_r, near_g, near_b
            entry = np.int64(table[place])
        found[y, x] = entry
        newest = at[2] % memory
        for c in range(3):
            error = (levels[colors[c], c] - entries[entry, c]) * diffusion.strength >> 8
            recent[newest, c] = error if value > 0 else 0
        at[1] += 1
        at[2] += 1
    return False, np.uint8(0), np.uint8(0), np.uint8(0)
