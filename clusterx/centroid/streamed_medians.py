"""Medians of rows that are read block by block, by counting digits of the values.

Floats have the order of their bits as whole numbers, once those of negative ones are turned. So the
first digit of a median is where the counts of all first digits pass half; then those values count
that begin with it, and so on. The result is a value of the rows, or the middle of two, exactly.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, dtype_name, to_host
from ..rows import Rows
from ..rows.source import memory_budget

#: Most bits of a digit: more of them are fewer passes, and 2 k d 2^bits counts.
_MOST_BITS = 16


class Prefixes(NamedTuple):
    """What is known of the lower and the upper medians."""

    known: np.ndarray  # (2, k, d): the digits found so far, as one whole number
    below: np.ndarray  # (2, k, d): the weight of smaller values
    shift: int  # bits that are not known yet
    bits: int  # of the next digit


class StreamedMedians:
    """The medians of the labels over rows that are no single array, a few passes per call.

    Parameters
    ----------
    rows : Rows
    """

    def __init__(self, rows: Rows, prepare: Any, along: Any):
        self.rows = rows

    def __call__(self, w: Array | None, labels: Array, C: Array) -> Array:
        k, d = C.shape
        kind = np.dtype(dtype_name(self.rows.dtype))
        width, room = 8 * kind.itemsize, memory_budget() / 4 / (16 * k * d)
        widest = int(np.clip(np.log2(max(room, 2.0)), 1, _MOST_BITS))
        shift, half = width, None
        known = np.zeros((2, k, d), np.uint64)
        below = np.zeros((2, k, d))
        while shift:
            bits = min(widest, shift)
            shift -= bits
            prefixes = Prefixes(known, below, shift, bits)
            counts = self.rows.reduce(_digit_counts, prefixes, along=(w, labels))
            cumulated = below[..., None] + np.cumsum(counts, axis=-1)
            half = cumulated[..., -1] / 2 if half is None else half
            digit = np.stack(
                [
                    (cumulated[0] >= half[0][..., None]).argmax(axis=-1),
                    (cumulated[1] > half[1][..., None]).argmax(axis=-1),
                ]
            )
            before = np.take_along_axis(cumulated, np.maximum(digit - 1, 0)[..., None], -1)[..., 0]
            below = np.where(digit > 0, before, below)
            known = (known << np.uint64(bits)) | digit.astype(np.uint64)
        assert half is not None
        low, high = (_values(found, kind).astype(np.float64) for found in known)
        found = np.where(half[0] > 0, low / 2 + high / 2, to_host(C))
        return self.rows.xp.asarray(found.astype(kind), dtype=C.dtype, device=self.rows.device)


def _digit_counts(X: Any, w: Any, labels: Any, prefixes: Prefixes) -> np.ndarray:
    """The weight (2, k, d, 2^bits) of the values that begin with what is known, by next digit."""
    X, labels = to_host(X), to_host(labels).astype(np.int64)
    weights = None if w is None else to_host(w).astype(np.float64)
    _, k, d = prefixes.known.shape
    size = 1 << prefixes.bits
    counts = np.zeros((2, k, d, size))
    mask, bits = np.uint64(size - 1), np.uint64(prefixes.bits)
    for j in range(d):
        keys = _keys(X[:, j]) >> np.uint64(prefixes.shift)
        # a shift by as many bits as there are is none that C defines
        begins = keys >> bits if prefixes.bits < 64 else np.zeros_like(keys)
        places = labels * size + (keys & mask).astype(np.int64)
        for side in range(2):
            here = begins == prefixes.known[side, labels, j]
            own = None if weights is None else weights[here]
            found = np.bincount(places[here], own, minlength=k * size)
            counts[side, :, j, :] = found.reshape(k, size)
    return counts


def _keys(values: np.ndarray) -> np.ndarray:
    """Whole numbers with the order of the floats."""
    width = 8 * values.dtype.itemsize
    bits = (values + 0.0).view(f"u{values.dtype.itemsize}").astype(np.uint64)  # -0 is 0
    sign = np.uint64(1 << (width - 1))
    every = np.uint64((1 << width) - 1)
    return np.where(bits & sign, bits ^ every, bits | sign)


def _values(keys: np.ndarray, kind: np.dtype) -> np.ndarray:
    """The floats of such numbers."""
    width = 8 * kind.itemsize
    sign, every = np.uint64(1 << (width - 1)), np.uint64((1 << width) - 1)
    bits = np.where(keys & sign, keys ^ sign, keys ^ every)
    return bits.astype(f"u{kind.itemsize}").view(kind)
