"""The compiled loops of `color`.

`rows` holds the bytes of pixels; `spread` says which bits of a code each byte at `places` sets.
"""

from __future__ import annotations

import numpy as np

from ...cpu.jit import INNER, jit


@jit
def constant(values):
    for i in range(len(values)):
        if values[i] != values[0]:
            return False
    return True


@jit(**INNER)
def code_of(rows, i, spread, places):
    code = spread[0, rows[i, 0]]
    for byte in range(1, len(places)):
        code |= spread[byte, rows[i, byte]]
    return code


@jit
def encode(rows, spread, places, codes):
    for i in range(len(rows)):
        codes[i] = code_of(rows, i, spread, places)


@jit
def count_pixels(rows, spread, places, table):
    for i in range(len(rows)):
        table[code_of(rows, i, spread, places)] += 1


# Neighbouring pixels hit the same bucket, so one counter would stall on store forwarding. Four
# quarters of a block, each with its own counters, are interleaved.


@jit
def measure(rows, spread, places, shift, sizes):
    """Count the rows of each quarter by bucket: sizes (4, buckets)."""
    quarter = len(rows) // 4
    for i in range(quarter):
        for q in range(4):
            sizes[q, code_of(rows, q * quarter + i, spread, places) >> shift] += 1
    for i in range(4 * quarter, len(rows)):
        sizes[3, code_of(rows, i, spread, places) >> shift] += 1


@jit
def scatter(rows, spread, places, shift, mask, ends, low):
    """Write the codes' low bits, bucket by bucket; ends (4, buckets): the next free places."""
    quarter = len(rows) // 4
    for i in range(quarter):
        for q in range(4):
            code = code_of(rows, q * quarter + i, spread, places)
            bucket = code >> shift
            low[ends[q, bucket]] = code & mask
            ends[q, bucket] += 1
    for i in range(4 * quarter, len(rows)):
        code = code_of(rows, i, spread, places)
        bucket = code >> shift
        low[ends[3, bucket]] = code & mask
        ends[3, bucket] += 1


@jit
def count_buckets(low, bounds, first, last):
    """Sorted codes of the buckets first..last, whose sixteen low bits are given, and their counts.

    bounds : of all buckets in `low`
    """
    codes = np.empty(bounds[last] - bounds[first] + 1, np.uint32)
    counts = np.empty(len(codes), np.uint32)
    words = np.zeros(8192, np.uint64)
    full = np.empty(len(low) // 254 + 1, np.uint16)
    place = 0
    for bucket in range(first, last):
        start, stop = bounds[bucket], bounds[bucket + 1]
        if stop > start:
            n_full = count_bytes(low, start, stop, words.view(np.uint8), full)
            end = take_counts(words, np.uint32(bucket) << np.uint32(16), codes, counts, place)
            add_full(codes, counts, place, end, full, n_full)
            place = end
    return codes[:place], counts[:place]


# One-byte counters stay in the L1 cache, and eight of them are read as one word. A full counter is
# lowered by 254, so that it does not become zero, and its value is noted.


@jit(**INNER)
def count_bytes(low, start, stop, table, full):
    n_full = 0
    for i in range(start, stop):
        value = low[i]
        count = table[value]
        if count == 255:
            full[n_full] = value
            n_full += 1
            count = np.uint8(1)
        table[value] = count + np.uint8(1)
    return n_full


@jit(**INNER)
def take_counts(words, top, codes, counts, place):
    """Write a table's codes and counts from `place` on and clear it; returns where they end."""
    for i in range(len(words)):
        word = words[i]
        if word:  # most are empty
            words[i] = np.uint64(0)
            code = top + np.uint32(8 * i)
            for half in range(2):
                four = np.uint32(word >> np.uint64(32 * half))
                if four:
                    for b in range(4):  # without a branch per counter
                        count = four >> np.uint32(8 * b) & np.uint32(255)
                        codes[place] = code + np.uint32(4 * half + b)
                        counts[place] = count
                        place += count > 0
    return place


@jit(**INNER)
def add_full(codes, counts, first, last, full, n_full):
    """Add 254 to the counts of the noted values, among the codes first..last."""
    for i in range(n_full):
        low, high = first, last
        while high - low > 1:
            middle = (low + high) // 2
            if codes[middle] & np.uint32(0xFFFF) <= full[i]:
                low = middle
            else:
                high = middle
        counts[low] += np.uint32(254)


@jit
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


@jit
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


@jit
def decode(codes, counts, gather, pieces, colors, all_counts):
    """The colours of codes, and their counts; `pieces` (shift in the code, level of the channels)
    say what `gather` takes at once.
    """
    mask = np.uint64(len(gather) - 1)
    for i in range(len(codes)):
        code = np.uint64(codes[i])
        channels = np.uint64(0)
        for piece in range(len(pieces)):
            shift, level = pieces[piece]
            channels |= gather[code >> shift & mask] << level
        all_counts[i] = counts[i]
        if colors.shape[1] == 3:  # faster than a loop
            colors[i, 0] = channels & np.uint64(0xFFFF)
            colors[i, 1] = channels >> np.uint64(16) & np.uint64(0xFFFF)
            colors[i, 2] = channels >> np.uint64(32) & np.uint64(0xFFFF)
        else:
            for channel in range(colors.shape[1]):
                colors[i, channel] = channels >> np.uint64(16 * channel) & np.uint64(0xFFFF)


@jit
def mark(rows, spread, places, block_bits, used):
    """Note which blocks of codes contain colours."""
    for i in range(len(rows)):
        used[code_of(rows, i, spread, places) >> block_bits] = True


@jit
def fill(rows, spread, places, block_bits, mask, starts, labels, table):
    """Enter the labels of colours in a table of blocks of codes, which begin at `starts`."""
    for i in range(len(rows)):
        code = code_of(rows, i, spread, places)
        table[starts[code >> block_bits] | np.uint32(code & mask)] = labels[i]


@jit
def look_up(rows, spread, places, block_bits, mask, starts, table, indices):
    for i in range(len(rows)):
        code = code_of(rows, i, spread, places)
        indices[i] = table[starts[code >> block_bits] | np.uint32(code & mask)]


@jit
def find(keys, code, shift):
    """The slot that holds the code, or the free one where it would go (linear probing)."""
    last = np.uint64(len(keys) - 1)
    slot = np.uint64(code) * np.uint64(0x9E3779B97F4A7C15) >> shift  # Fibonacci hashing
    while keys[slot] and keys[slot] != code:
        slot = slot + np.uint64(1) & last
    return slot


@jit(**INNER)
def hash_shift(size):
    shift = 64
    while size > 1:
        size >>= 1
        shift -= 1
    return np.uint64(shift)


@jit
def fill_hash(rows, spread, places, labels, keys, values):
    """Enter every colour; returns the label of code 0."""
    shift = hash_shift(len(keys))
    zero = 0
    for i in range(len(rows)):
        code = code_of(rows, i, spread, places)
        if code:
            slot = find(keys, code, shift)
            keys[slot] = code
            values[slot] = labels[i]
        else:
            zero = labels[i]
    return zero


@jit
def look_up_hash(rows, spread, places, keys, values, zero, indices):
    shift = hash_shift(len(keys))
    for i in range(len(rows)):
        code = code_of(rows, i, spread, places)
        indices[i] = values[find(keys, code, shift)] if code else zero
