"""The compiled loops of the table of nearest entries.

The table holds the nearest entry of each of the 2**24 colours: cubes of 8 x 8 x 8 colours in Morton
order, each row after row. It is filled on demand, a cell of 16 x 16 x 16 colours at a time. A cell,
and each cube in it, is filled from the few entries that can be nearest to one of its colours; see
`candidates`.
"""

from __future__ import annotations

import numpy as np

from ...cpu.jit import INNER, jit

#: low bits of a colour's place in the table that give its place in its cell
CELL_BITS = np.uint32(12)
#: pixels that are looked up before they are tallied, while they are in the nearest cache
_TILE = 1024
_FAR = np.int32(np.iinfo(np.int32).max)
#: inlined before types are inferred, because numba counts references around calls
SUBSTITUTED = {**INNER, "inline": "always"}


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
            at = spread[0, own[0]] | spread[1, own[1]] | spread[2, own[2]]
            cube = table[at : at + 512]
            if m == 1:
                cube[:] = nearer[0]
                continue
            nearest_in_cube(axis, entries, offsets, own, nearer, m, plane, squared, found)
            for place in range(512):
                cube[place] = found[place]


@jit(**SUBSTITUTED)
def squared_errors(values, start, shown, n):
    """The squared differences of n pixels to the colours that they are shown in, summed."""
    error, three, byte = np.int64(0), np.uint64(3), np.uint32(255)
    for i in range(n):
        at, color = three * np.uint64(start + i), shown[np.uint64(i)]
        r = np.int32(values[at]) - np.int32(color & byte)
        g = np.int32(values[at + np.uint64(1)]) - np.int32(color >> np.uint32(8) & byte)
        b = np.int32(values[at + np.uint64(2)]) - np.int32(color >> np.uint32(16))
        error += np.int32(r * r + g * g + b * b)
    return error


@jit(**INNER)
def look_up_filled(values, spread, table, filled, packed, found, counts):
    """`look_up` to the first pixel whose cell is not filled; how many pixels, and their error.

    values : (3 n,), channels of the pixels; constant steps of 3 become vector instructions
    """
    reds, greens, blues = spread[0], spread[1], spread[2]
    shown, error = np.empty(_TILE, np.uint32), np.int64(0)
    for start in range(0, len(found), _TILE):
        n = min(_TILE, len(found) - start)
        done = n
        for i in range(n):
            pixel = np.uint64(start + i)
            at = np.uint64(3) * pixel
            place = reds[values[at]] | greens[values[at + np.uint64(1)]]
            place |= blues[values[at + np.uint64(2)]]
            if not filled[place >> CELL_BITS]:
                done = i
                break
            entry = table[place]
            found[pixel] = entry
            shown[np.uint64(i)] = packed[entry]
        error += squared_errors(values, start, shown, done)
        for i in range(done):
            counts[i & 3, found[np.uint64(start + i)]] += np.uint32(1)
        if done < n:
            return start + done, error
    return len(found), error


@jit
def look_up(colors, spread, table, filled, axis, entries, offsets, packed, found, counts):
    """The nearest entry of each pixel, and their tally; cells that are missing are filled.

    filled : the thread's own notes: another may fill the same cells meanwhile, with the same values
    packed : colour of each entry, a byte per channel
    counts : (4, k) uint32, to which the pixels of each entry are added in turn, because adding
        twice in a row to one number takes longer

    Returns the sum of the squared differences.
    """
    values = colors.reshape(-1)
    done, error = look_up_filled(values, spread, table, filled, packed, found, counts)
    while done < len(found):
        fill_cells(colors[done : done + 1], spread, table, filled, axis, entries, offsets)
        rest = values[3 * done :]
        n, more = look_up_filled(rest, spread, table, filled, packed, found[done:], counts)
        done, error = done + n, error + more
    return error


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
