"""The Hilbert curve over the pixels of an image."""

from __future__ import annotations

import numpy as np


def hilbert(height: int, width: int) -> np.ndarray:
    """Rows and columns of the pixels along the curve: (height * width, 2) int64.

    The curve fills the smallest square that holds the image and whose side is a power of two;
    places outside the image are skipped.
    """
    side = side_of_square(height, width)
    place = np.arange(side * side, dtype=np.int64)
    x, y = np.zeros_like(place), np.zeros_like(place)
    size = 1
    while size < side:
        right = place >> 1 & 1
        down = (place ^ right) & 1
        flipped = (down == 0) & (right == 1)
        x, y = np.where(flipped, size - 1 - x, x), np.where(flipped, size - 1 - y, y)
        x, y = np.where(down == 0, y, x), np.where(down == 0, x, y)
        x, y = x + size * right, y + size * down
        place >>= 2
        size *= 2
    inside = (x < width) & (y < height)
    return np.stack([y[inside], x[inside]], axis=1)


def side_of_square(height: int, width: int) -> int:
    """The least power of two that is not less than either."""
    return 1 << (max(height, width) - 1).bit_length()
