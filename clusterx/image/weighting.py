"""Weights of colours in the objective other than how often they occur."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, asarray, device, dtype_name, float_dtype, host_floats, namespace
from ..kernels import kernels_for
from .cells import Groups, groups_of, sums_in
from .pixels import PEAK

#: cubes along a channel; for `min_share`, the colours of a cube count together
_CUBES = 32


def check_importance(importance: Any, shape: tuple[int, ...]) -> None:
    """Raise unless there is one weight per pixel."""
    found = tuple(getattr(importance, "shape", None) or np.shape(importance))
    if found != shape[:2]:
        raise ValueError(
            f"importance has shape {found}, and the image {shape[:2]}. Pass one weight per pixel."
        )


def importance_of_colors(importance: Any, rows: Array, colors: Array) -> Array:
    """The sum of the importance of each colour's pixels, (u,)."""
    xp = namespace(rows)
    wide = float_dtype(xp, rows)
    own = asarray(importance, like=rows)
    own = xp.reshape(xp.astype(own, wide), (-1,))
    least, most, total = host_floats(xp.min(own), xp.max(own), xp.sum(own))
    if not (least >= 0 and 0 < total < np.inf):
        raise ValueError(
            f"importance must be finite, 0 or more, and not all 0; got {least} to {most}."
        )
    u = colors.shape[0]
    own_numbers = xp.arange(u, dtype=xp.int32, device=device(rows))
    places = xp.astype(kernels_for(xp).color.remap(rows, colors, own_numbers), xp.int32)
    return sums_in(Groups(places, u), own)


def protected(colors: Array, weights: Array, min_share: float) -> Array:
    """Raise weights so that no cube with colours weighs less than a share of the total.

    The sides of the cubes are 1/32 of a channel's range.
    """
    xp = namespace(colors)
    groups = groups_of(colors, -(-PEAK[dtype_name(colors.dtype)] // _CUBES))
    sums = sums_in(groups, weights)
    least = xp.sum(weights) * min_share
    ones = xp.ones_like(sums)
    factors = xp.where(sums > 0, xp.maximum(ones, least / xp.where(sums > 0, sums, ones)), ones)
    return weights * xp.take(factors, groups.places)
