"""The compiled loops of `dither`.

A table in Morton order holds the nearest entry of each of the 2**24 colours. It is filled on
demand, a cell of 16 x 16 x 16 colours at a time. A cell, and each eighth of it, is filled from the
few entries that can be nearest to one of its colours; see `candidates`.

Loops return when they meet a cell that is not filled. They would be several times slower if they
called the function that fills it, because numba counts references to the arrays around calls.
"""

from __future__ import annotations

import numpy as np

from ...cpu.jit import INNER, jit

#: low bits of a colour's place in the table that give its place in its cell
CELL_BITS = np.uint32(12)
_FAR = np.int32(np.iinfo(np.int32).max)
#: inlined before types are inferred, because numba counts references around calls
_SUBSTITUTED = {**INNER, "inline": "always"}


@jit(**INNER)
def candidates(axis, entries, offsets, low, width, among, n, kept):
    """Those of n entries that can be nearest to a colour of a cube, and how many they are.

    The difference of the squared distances to two entries is linear in the colour, so it is least
    in a corner of the cube. There an entry must not be farther than the entry nearest to the
    middle is.
    """
    half, last = width // 2, width - 1
    middle, least, best = (axis[low[0] + half], axis[low[1] + half], axis[low[2] + half]), _FAR, 0
    for i in range(n):
        entry = among[i]
        r, g, b = entries[0, entry], entries[1, entry], entries[2, entry]
        at_r, at_g, at_b = middle[0] - r, middle[1] - g, middle[2] - b
        distance = offsets[entry] + at_r * at_r + at_g * at_g + at_b * at_b
        if distance < least:
            least, best = distance, entry
    r0, g0, b0 = axis[low[0]], axis[low[1]], axis[low[2]]
    r1, g1, b1 = axis[low[0] + last], axis[low[1] + last], axis[low[2] + last]
    best_r, best_g, best_b = entries[0, best], entries[1, best], entries[2, best]
    m = 0
    for i in range(n):
        entry = among[i]
        r, g, b = entries[0, entry], entries[1, entry], entries[2, entry]
        more = (best_r - r) * (2 * (r1 if r > best_r else r0) - r - best_r)
        more += (best_g - g) * (2 * (g1 if g > best_g else g0) - g - best_g)
        more += (best_b - b) * (2 * (b1 if b > best_b else b0) - b - best_b)
        kept[m] = entry
        m += more + offsets[entry] - offsets[best] <= 0
    return m


@jit(**INNER)
def nearest_in_cube(axis, entries, offsets, low, among, n, plane, squared, found):
    """The nearest of n entries to each of 8 x 8 x 8 colours."""
    squared[:] = _FAR
    for i in range(n):
        entry = among[i]
        for g in range(8):
            at_g = axis[low[1] + g] - entries[1, entry]
            for b in range(8):
                at_b = axis[low[2] + b] - entries[2, entry]
                plane[8 * g + b] = offsets[entry] + at_g * at_g + at_b * at_b
        for r in range(8):
            at_r = axis[low[0] + r] - entries[0, entry]
            at_r *= at_r
            least, best = squared[64 * r : 64 * r + 64], found[64 * r : 64 * r + 64]
            for place in range(64):
                distance = at_r + plane[place]
                closer = distance < least[place]
                least[place] = distance if closer else least[place]
                best[place] = entry if closer else best[place]


@jit
def fill_cells(colors, spread, table, filled, axis, entries, offsets):
    """Fill the cells that colours are in, and note that they are; entries (3, k)."""
    k = len(offsets)
    every, near, nearer = (
        np.arange(k).astype(np.int32),
        np.empty(k, np.int32),
        np.empty(k, np.int32),
    )
    plane, squared, found = np.empty(64, np.int32), np.empty(512, np.int32), np.empty(512, np.int32)
    for i in range(len(colors)):
        r, g, b = colors[i, 0], colors[i, 1], colors[i, 2]
        if filled[(spread[0, r] | spread[1, g] | spread[2, b]) >> CELL_BITS]:
            continue
        filled[(spread[0, r] | spread[1, g] | spread[2, b]) >> CELL_BITS] = True
        low = (np.int64(r) & 240, np.int64(g) & 240, np.int64(b) & 240)
        n = candidates(axis, entries, offsets, low, 16, every, k, near)
        for part in range(8):
            own = (low[0] + 8 * (part >> 2), low[1] + 8 * (part >> 1 & 1), low[2] + 8 * (part & 1))
            m = candidates(axis, entries, offsets, own, 8, near, n, nearer)
            nearest_in_cube(axis, entries, offsets, own, nearer, m, plane, squared, found)
            for place in range(512):
                where = spread[0, own[0] + (place >> 6)] | spread[1, own[1] + (place >> 3 & 7)]
                table[where | spread[2, own[2] + (place & 7)]] = found[place]


@jit
def look_up(colors, spread, table, filled, found):
    """Entries of the colours up to the first whose cell is not filled; how many they are."""
    for i in range(len(colors)):
        place = spread[0, colors[i, 0]] | spread[1, colors[i, 1]] | spread[2, colors[i, 2]]
        if not filled[place >> CELL_BITS]:
            return i
        found[i] = table[place]
    return len(colors)


# Places of errors are unsigned, because a signed index is compared with zero each time.


@jit(**_SUBSTITUTED)
def received(errors, around, c, atkinson):
    """Error that a pixel gets in a channel from those around it; see `places_around`."""
    before, before2, above, ahead, behind, above2 = around
    if atkinson:
        got = errors[before + c] + errors[before2 + c] + errors[above2 + c]
        return (got + errors[above + c] + errors[ahead + c] + errors[behind + c] + 4) >> 3
    got = 7 * errors[before + c] + 5 * errors[above + c]
    return (got + 3 * errors[ahead + c] + errors[behind + c] + 8) >> 4


@jit(**_SUBSTITUTED)
def summed(levels, bounds, value, c, got):
    return min(max(levels[value, c] + got, bounds[value, c, 0]), bounds[value, c, 1])


@jit(**_SUBSTITUTED)
def places_around(own, stride, step, side):
    """Places of the errors of the pixels before one in its row and above it.

    stride : places from one row to the next
    step : 3 or -3, from a pixel to the next one in its row
    side : 3 or -3, from the pixel above to the neighbour that passes on more of its error
    """
    above = own - stride
    return own - step, own - step - step, above, above + side, above - side, above - stride


@jit(**INNER)
def nearest_with_alpha(r, g, b, value, lattice, alpha):
    """Entry nearest to a colour with the given alpha."""
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


@jit
def diffuse_part(
    pixels, spread, table, filled, lattice, diffusion, alpha, errors, found, part, moves
):
    """Give entries to a slanted part of a band of rows, each row two columns behind the one above.

    The pixels of a step are then independent of each other, and so are the loads from the table.

    errors : int16, errors that the pixels pass on: (2 + rows, width + 4, 3), flattened; it begins
        two rows above and two columns left of the first pixel
    found : (rows, width)
    part : first and end column of the first row, counted in the row's direction
    moves : direction of the row, and the `side` of `places_around`, as 1 or -1

    Returns the column at which a cell is not filled, and the colour; column -1 at the end.
    """
    rows, width = found.shape
    levels, encoding, entries = diffusion.levels, diffusion.encoding, diffusion.entries
    bounds, strength, atkinson = diffusion.bounds, diffusion.strength, diffusion.atkinson
    top = np.int64(len(encoding) - 1)
    first = 0 if moves[0] > 0 else width - 1
    stride, step, side = (
        np.uint64(3 * (width + 4)),
        np.uint64(3 * moves[0]),
        np.uint64(3 * moves[1]),
    )
    zero, one, two = np.uint64(0), np.uint64(1), np.uint64(2)
    sums, near = np.empty((rows, 3), np.int32), np.empty((rows, 3), np.uint8)
    places, chosen = np.empty(rows, np.uint32), np.empty(rows, np.int64)
    for column in range(part[0], part[1]):
        start, stop = max(0, (column - width) // 2 + 1), min(rows, column // 2 + 1)
        for row in range(start, stop):
            y, x = np.uint64(row), np.uint64(first + moves[0] * (column - 2 * row))
            own = (y + two) * stride + np.uint64(3) * (x + two)
            around = places_around(own, stride, step, side)
            got = received(errors, around, zero, atkinson)
            r = summed(levels, bounds, pixels[y, x, 0], 0, got)
            got = received(errors, around, one, atkinson)
            g = summed(levels, bounds, pixels[y, x, 1], 1, got)
            got = received(errors, around, two, atkinson)
            b = summed(levels, bounds, pixels[y, x, 2], 2, got)
            sums[y, 0], sums[y, 1], sums[y, 2] = r, g, b
            near[y, 0] = encoding[np.uint32(min(max(r, 0), top))]
            near[y, 1] = encoding[np.uint32(min(max(g, 0), top))]
            near[y, 2] = encoding[np.uint32(min(max(b, 0), top))]
            places[y] = spread[0, near[y, 0]] | spread[1, near[y, 1]] | spread[2, near[y, 2]]
        for row in range(start, stop):
            if alpha is not None:
                value = alpha.values[row, first + moves[0] * (column - 2 * row)]
                if value < 255:
                    r, g, b = near[row, 0], near[row, 1], near[row, 2]
                    chosen[row] = nearest_with_alpha(r, g, b, value, lattice, alpha)
                    continue
            if not filled[places[row] >> CELL_BITS]:
                return column, near[row, 0], near[row, 1], near[row, 2]
            chosen[row] = table[places[row]]
        for row in range(start, stop):
            y, x = np.uint64(row), np.uint64(first + moves[0] * (column - 2 * row))
            if alpha is not None:
                if alpha.values[y, x] == 0:
                    found[y, x] = alpha.hidden
                    continue
            own, entry = (y + two) * stride + np.uint64(3) * (x + two), np.uint64(chosen[row])
            found[y, x] = entry
            errors[own] = (sums[y, 0] - entries[entry, 0]) * strength >> 8
            errors[own + one] = (sums[y, 1] - entries[entry, 1]) * strength >> 8
            errors[own + two] = (sums[y, 2] - entries[entry, 2]) * strength >> 8
    return -1, np.uint8(0), np.uint8(0), np.uint8(0)


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
            if value == 0:
                entry = np.int64(alpha.hidden)
            elif value < 255:
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


@jit
def tally(pixels, palette, indices, counts):
    """Count the pixels of each entry; returns the sum of squared differences."""
    error = np.int64(0)
    for i in range(len(indices)):
        entry = indices[i]
        counts[entry] += 1
        for c in range(palette.shape[1]):
            apart = np.int64(pixels[i, c]) - np.int64(palette[entry, c])
            error += apart * apart
    return error
