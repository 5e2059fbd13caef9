"""How far colours are apart: the gaps in a palette, and the extent of sRGB in a space."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, asarray, namespace
from .pixels import WHITES, Space, coordinates


def widest_gap(points: np.ndarray) -> float:
    """Longest edge of the minimum spanning tree: the widest gap between groups of the points."""
    points = points.astype(np.float64)
    away = np.full(len(points), np.inf)
    last, widest = 0, 0.0
    away[0] = -np.inf
    for _ in range(len(points) - 1):
        away = np.minimum(away, np.square(points - points[last]).sum(axis=1))
        last = int(np.argmin(np.where(away == -np.inf, np.inf, away)))
        widest, away[last] = max(widest, away[last]), -np.inf
    return math.sqrt(widest)


class Frame:
    """A cube of a space that holds all colours of sRGB, with coordinates from 0 to 1.

    Alpha goes from 0 to `white`, in the same unit.
    """

    def __init__(self, space: Space):
        self.space = space
        sides = np.array([0, 64, 128, 192, 255], np.uint8)
        grid = np.stack(np.meshgrid(sides, sides, sides), axis=-1).reshape(-1, 3)
        points = coordinates(grid, space=space).astype(np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        self._side = float((high - low).max())
        # premultiplied colours lie between these and black, which is 0
        self._origin = np.minimum(0.5 * (low + high) - 0.5 * self._side, 0.0)
        self.white = WHITES[space.name] / self._side

    def shares(self, colors: Array) -> Array:
        """Colours (n, c) in the cube: (n, 3), or (n, 4) with alpha."""
        xp, c = namespace(colors), colors.shape[1]
        rgb = colors if c > 1 else xp.concat([colors, colors, colors], axis=1)
        points = coordinates(rgb, space=self.space)
        origin = asarray(self._origin.astype(np.float32), like=colors, dtype=xp.float32)
        shares = (points[:, :3] - origin[None, :]) / self._side
        return shares if c < 4 else xp.concat([shares, points[:, 3:] / self._side], axis=1)
