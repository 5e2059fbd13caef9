"""Colours for palettes that have fewer than were asked for."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, to_host

#: colours whose distances are found at once
_BLOCK = 1 << 18


def worst_served(
    colors: Array, points: Array, weights: Array, centers: Array, labels: Array, count: int
) -> np.ndarray:
    """At most `count` colours (m, c) that differ from their centres, of different clusters.

    In each cluster of several colours it is the one of largest weight times squared distance, and
    the clusters where this is largest come first.

    Parameters
    ----------
    colors, points, weights
        Unique colours as stored, where they are compared, and in the objective.
    centers, labels
        Where the palette's entries are compared, and each colour's entry.
    """
    own, entries = to_host(labels), to_host(centers).astype(np.float64)
    losses = to_host(weights).astype(np.float64)
    several = np.bincount(own[losses > 0], minlength=len(entries)) > 1
    for a in range(0, len(own), _BLOCK):
        part = slice(a, min(len(own), a + _BLOCK))
        apart = to_host(points[part, :]) - entries[own[part]]
        losses[part] *= np.einsum("ij,ij->i", apart, apart)
    allowed = np.flatnonzero((losses > 0) & several[own])
    order = allowed[np.argsort(-losses[allowed], kind="stable")]
    firsts = np.sort(np.unique(own[order], return_index=True)[1])[:count]
    chosen = to_host(colors)[order[firsts]]
    if chosen.shape[1] == 4:
        chosen[chosen[:, 3] == 0] = 0  # invisible colours are one
    return chosen
