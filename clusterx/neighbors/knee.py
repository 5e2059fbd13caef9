"""Where a rising curve bends most."""

from __future__ import annotations

import numpy as np


def knee_of(rising: np.ndarray) -> int:
    """The place of a rising curve that lies farthest below the line between its ends.

    The method is that of Satopää, Albrecht, Irwin and Raghavan, "Finding a 'kneedle' in a
    haystack", ICDCSW 2011, without smoothing. Ties go to the last place, so a straight line gives
    its end.
    """
    values = np.asarray(rising, np.float64)
    n = values.shape[0]
    rise = values[-1] - values[0]
    if n < 3 or not rise > 0:
        return n - 1
    below = np.linspace(0.0, 1.0, n) - (values - values[0]) / rise
    return n - 1 - int(np.argmax(below[::-1]))
