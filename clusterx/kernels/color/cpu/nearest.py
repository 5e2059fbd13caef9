"""The two nearest centres, for few points and few centres."""

from __future__ import annotations

import numpy as np

from ...cpu.jit import jit
from .. import generic

#: most distances that the generic kernel takes while the loop here is not compiled: 8 ms
_STAND_IN_DISTANCES = 1 << 22


def group_sums(values, groups, n):
    """Sums of values over each of n groups."""
    return np.bincount(groups, values, minlength=n).astype(values.dtype, copy=False)


def nearest_two(points, centers):
    """Labels (n,) int32 and squared distances (n,) float32, to the nearest and to the second."""
    return nearest_two_of_few(np.ascontiguousarray(points), np.ascontiguousarray(centers))


def in_numpy(points, centers):
    if points.shape[1] * len(centers) > _STAND_IN_DISTANCES:
        return NotImplemented
    return generic.nearest_two(points, centers)


@jit(stand_in=in_numpy, seconds=1.5)
def nearest_two_of_few(points, centers):
    channels, n = points.shape
    labels = np.empty(n, np.int32)
    first, second = np.empty(n, np.float32), np.empty(n, np.float32)
    squared = np.empty(64, np.float32)
    for a in range(0, n, 64):
        # a block stays in the L1 cache, and LLVM vectorises the loops over it as selects
        m = min(64, n - a)
        label, one, two = labels[a : a + m], first[a : a + m], second[a : a + m]
        label[:] = 0
        one[:] = np.inf
        two[:] = np.inf
        for j in range(len(centers)):
            number = np.int32(j)
            squared[:] = 0
            for channel in range(channels):
                values, center = points[channel, a : a + m], centers[j, channel]
                for i in range(m):
                    apart = values[i] - center
                    squared[i] += apart * apart
            for i in range(m):
                value, old = squared[i], one[i]
                closer = value < old
                farther = old if closer else value
                two[i] = farther if farther < two[i] else two[i]
                label[i] = number if closer else label[i]
                one[i] = value if closer else old
    return labels, first, second
