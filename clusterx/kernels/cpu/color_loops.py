"""The compiled loops of `color`.

`rows` are the bytes of pixels, `spread` and `shifts` say how they interleave.
"""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def constant(values):
    for i in range(len(values)):
        if values[i] != values[0]:
            return False
    return True


@njit(nogil=True, cache=True)
def code_of(rows, i, spread, shifts):
    code = spread[rows[i, 0]] << shifts[0]
    for byte in range(1, len(shifts)):
        code |= spread[rows[i, byte]] << shifts[byte]
    return code


@njit(nogil=True, cache=True)
def encode(rows, spread, shifts, codes):
    for i in range(len(rows)):
        codes[i] = code_of(rows, i, spread, shifts)


@njit(nogil=True, cache=True)
def count_pixels(rows, spread, shifts, table):
    for i in range(len(rows)):
        table[code_of(rows, i, spread, shifts)] += 1


# Neighbours in a picture fall into one bucket, and each would wait for the count that the last one
# stored: so four quarters of a block, with counts of their own, take turns.


@njit(nogil=True, cache=True)
def measure(rows, spread, shifts, shift, sizes):
    """Count the rows of each quarter by bucket: sizes (4, buckets)."""
    quarter = len(rows) // 4
    for i in range(quarter):
        for q in range(4):
            sizes[q, code_of(rows, q * quarter + i, spread, shifts) >> shift] += 1
    for i in range(4 * quarter, len(rows)):
        sizes[3, code_of(rows, i, spread, shifts) >> shift] += 1


@njit(nogil=True, cache=True)
def scatter(rows, spread, shifts, shift, mask, places, low):
    """Write the codes' low bits where their quarter and bucket begin: places (4, buckets)."""
    quarter = len(rows) // 4
    for i in range(quarter):
        for q in range(4):
            code = code_of(rows, q * quarter + i, spread, shifts)
            bucket = code >> shift
            low[places[q, bucket]] = code & mask
            places[q, bucket] += 1
    for i in range(4 * quarter, len(rows)):
        code = code_of(rows, i, spread, shifts)
        bucket = code >> shift
        low[places[3, bucket]] = code & mask
        places[3, bucket] += 1


@njit(nogil=True, cache=True)
def count_table(low, table, codes, counts):
    """Sorted unique values and their counts, by a table of zeros, which is left so.

    codes, counts : room for one entry more than the table has
    """
    for value in low:
        table[value] += 1
    # most slots are empty: eight at a time are passed over, and no branch asks for a single one
    place = 0
    for start in range(0, len(table), 8):
        some = table[start]
        for value in range(start + 1, start + 8):
            some |= table[value]
        if some:
            for value in range(start, start + 8):
                codes[place] = value
                counts[place] = table[value]
                place += table[value] > 0
                table[value] = 0
    return codes[:place].copy(), counts[:place].copy()


@njit(nogil=True, cache=True)
def count_runs(ordered):
    """Unique values of an ordered array and their counts."""
    n = 0
    for i in range(len(ordered)):
        n += i == 0 or ordered[i] != ordered[i - 1]
    codes = np.empty(n, dtype=ordered.dtype)
    counts = np.zeros(n, dtype=np.int64)
    place = -1
    for i in range(len(ordered)):
        if i == 0 or ordered[i] != ordered[i - 1]:
            place += 1
            codes[place] = ordered[i]
        counts[place] += 1
    return codes, counts


@njit(nogil=True, cache=True)
def merge(codes_a, counts_a, codes_b, counts_b):
    """The union of two sorted pieces, with counts added."""
    codes = np.empty(len(codes_a) + len(codes_b), dtype=codes_a.dtype)
    counts = np.empty(len(codes), dtype=np.int64)
    a = b = n = 0
    while a < len(codes_a) or b < len(codes_b):
        take_a = a < len(codes_a) and (b == len(codes_b) or codes_a[a] <= codes_b[b])
        take_b = b < len(codes_b) and (a == len(codes_a) or codes_b[b] <= codes_a[a])
        counts[n] = 0
        if take_a:
            codes[n] = codes_a[a]
            counts[n] += counts_a[a]
            a += 1
        if take_b:
            codes[n] = codes_b[b]
            counts[n] += counts_b[b]
            b += 1
        n += 1
    return codes[:n].copy(), counts[:n].copy()


@njit(nogil=True, cache=True)
def decode(codes, gather, pieces, colors):
    """The colours of codes; `pieces` (shift in the code, level of the channels) say what `gather`
    takes at once.
    """
    mask = np.uint64(len(gather) - 1)
    for i in range(len(codes)):
        code = np.uint64(codes[i])
        channels = np.uint64(0)
        for piece in range(len(pieces)):
            shift, level = pieces[piece]
            channels |= gather[code >> shift & mask] << level
        for channel in range(colors.shape[1]):
            colors[i, channel] = channels >> np.uint64(16 * channel) & np.uint64(0xFFFF)


@njit(nogil=True, cache=True)
def fill(rows, spread, shifts, labels, table):
    for i in range(len(rows)):
        table[code_of(rows, i, spread, shifts)] = labels[i]


@njit(nogil=True, cache=True)
def look_up(rows, spread, shifts, table, indices):
    for i in range(len(rows)):
        indices[i] = table[code_of(rows, i, spread, shifts)]


@njit(nogil=True, cache=True)
def find(keys, code, shift):
    """The slot that holds the code, or the free one where it would go (linear probing)."""
    last = np.uint64(len(keys) - 1)
    slot = np.uint64(code) * np.uint64(0x9E3779B97F4A7C15) >> shift  # Fibonacci hashing
    while keys[slot] and keys[slot] != code:
        slot = slot + np.uint64(1) & last
    return slot


@njit(nogil=True, cache=True)
def hash_shift(size):
    shift = 64
    while size > 1:
        size >>= 1
        shift -= 1
    return np.uint64(shift)


@njit(nogil=True, cache=True)
def fill_hash(rows, spread, shifts, labels, keys, values):
    """Enter every colour; returns the label of code 0."""
    shift = hash_shift(len(keys))
    zero = 0
    for i in range(len(rows)):
        code = code_of(rows, i, spread, shifts)
        if code:
            slot = find(keys, code, shift)
            keys[slot] = code
            values[slot] = labels[i]
        else:
            zero = labels[i]
    return zero


@njit(nogil=True, cache=True)
def look_up_hash(rows, spread, shifts, keys, values, zero, indices):
    shift = hash_shift(len(keys))
    for i in range(len(rows)):
        code = code_of(rows, i, spread, shifts)
        indices[i] = values[find(keys, code, shift)] if code else zero
