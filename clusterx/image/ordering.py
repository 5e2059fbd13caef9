"""The order of a palette's colours."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, asarray, dtype_name, namespace, to_host
from .colorspace import convert
from .pixels import PEAK

#: chroma in Oklab below which a colour counts as grey
_GREY = 0.02


def luma(colors: np.ndarray) -> np.ndarray:
    """Luma (Rec. 601) of colours (k, c), as they show on black."""
    values = colors.astype(np.float64)
    found = values[:, :3] @ [0.299, 0.587, 0.114] if values.shape[1] > 1 else values[:, 0]
    return found * values[:, 3] if values.shape[1] == 4 else found


def dark_to_light(palette: Array) -> Array:
    """The palette in the order of its luma; invisible colours first."""
    host = to_host(palette)
    # ties are broken by the first channel, then by the next
    order = np.lexsort((*host.T[::-1], luma(host)))
    if host.shape[1] == 4:
        order = order[np.argsort(host[order, 3] > 0, kind="stable")]
    xp = namespace(palette)
    return xp.take(palette, asarray(order, like=palette), axis=0)


def by_hue(colors: np.ndarray) -> np.ndarray:
    """Indices that sort colours (k, 3 or 4) in 0..1: invisible, greys, then by hue in Oklab."""
    oklab = convert(colors[:, :3], "srgb", "oklab")
    hue = np.arctan2(oklab[:, 2], oklab[:, 1]) % (2 * np.pi)
    hue = np.where(np.hypot(oklab[:, 1], oklab[:, 2]) < _GREY, -1.0, hue)
    if colors.shape[1] == 4:
        hue = np.where(colors[:, 3] == 0, -2.0, hue)
    return np.argsort(hue, kind="stable")


def reordered(palette: np.ndarray, counts: np.ndarray, order: str) -> np.ndarray:
    """Indices that bring a palette, which is sorted from dark to light, into another order.

    Parameters
    ----------
    palette : ndarray of shape (k, c)
    counts : ndarray of shape (k,)
    order : {'lightness', 'hue', 'popularity'}
        'hue': greys, then the others by their hue in Oklab, red first. An invisible colour stays
        first unless the order is by popularity.
    """
    if order == "popularity":
        return np.argsort(-counts, kind="stable")
    if order == "lightness" or palette.shape[1] == 1:
        return np.arange(len(palette))
    return by_hue(palette / PEAK[dtype_name(palette.dtype)])
