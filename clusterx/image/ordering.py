"""The order of a palette's colours."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, asarray, dtype_name, namespace, to_host
from .colorspace import convert
from .pixels import PEAK

#: chroma in Oklab below which a colour counts as grey
_GREY = 0.02


def dark_to_light(palette: Array) -> Array:
    """The palette in the order of its luma (Rec. 601), as it shows on black; transparent first."""
    host = to_host(palette).astype(np.float64)
    luma = host[:, :3] @ [0.299, 0.587, 0.114] if host.shape[1] > 1 else host[:, 0]
    if host.shape[1] == 4:
        luma = luma * host[:, 3]
    # equal ones in the order of their channels, the first one first
    order = np.lexsort((*host.T[::-1], luma))
    if host.shape[1] == 4:
        order = order[np.argsort(host[order, 3] > 0, kind="stable")]
    xp = namespace(palette)
    return xp.take(palette, asarray(order, like=palette), axis=0)


def reordered(palette: np.ndarray, counts: np.ndarray, order: str) -> np.ndarray:
    """Places of the colours of a palette, which goes from dark to light, in another order.

    Parameters
    ----------
    palette : ndarray of shape (k, c)
    counts : ndarray of shape (k,)
    order : {'lightness', 'hue', 'popularity'}
        'hue': greys, then the others by their hue in Oklab, red first. A transparent colour stays
        first unless the order is by popularity.
    """
    if order == "popularity":
        return np.argsort(-counts, kind="stable")
    if order == "lightness" or palette.shape[1] == 1:
        return np.arange(len(palette))
    oklab = convert(palette[:, :3] / PEAK[dtype_name(palette.dtype)], "srgb", "oklab")
    hue = np.arctan2(oklab[:, 2], oklab[:, 1]) % (2 * np.pi)
    hue = np.where(np.hypot(oklab[:, 1], oklab[:, 2]) < _GREY, -1.0, hue)
    if palette.shape[1] == 4:
        hue = np.where(palette[:, 3] == 0, -2.0, hue)
    return np.argsort(hue, kind="stable")
