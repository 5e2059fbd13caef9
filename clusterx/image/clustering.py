"""A palette for weighted colours, rounded, and the nearest palette colour of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..arrays import (
    Array,
    asarray,
    device,
    dtype_name,
    float_dtype,
    host_floats,
    namespace,
    to_host,
)
from ..centroid.inertia import inertia
from ..centroid.steps import lloyd_step
from ..kernels import kernels_for
from ..rows import InMemory
from .finding import Palette, find_palette, rows_of
from .ordering import dark_to_light, reordered
from .pixels import SRGB, Space, coordinates
from .settings import Settings
from .weighting import protected


class Clustering(NamedTuple):
    """A palette and what belongs to its colours."""

    palette: Array  # (k, c), of the image's dtype
    labels: Array  # (u,) int32, of the unique colours
    counts: Array  # (k,) int64, pixels
    error: float  # squared distances of the pixels to the palette as stored, in sRGB, summed
    inertia: float  # weighted squared distances to the centres before they were rounded, summed
    n_iter: int
    n_unique: int


def cluster_colors(
    colors: Array, counts: Array, settings: Settings, weights: Array | None = None
) -> Clustering:
    """A palette of at most n_colors for colours that occur `counts` times.

    Parameters
    ----------
    colors : array of shape (u, c)
        Unique, uint8 or uint16.
    counts : array of shape (u,), int64
    settings : Settings
    weights : array of shape (u,), optional
        Weights of the colours in the objective; `counts` by default.
    """
    xp = namespace(colors)
    channels, kind = colors.shape[1], dtype_name(colors.dtype)
    settings.check(channels, kind)
    own = xp.astype(counts if weights is None else weights, float_dtype(xp, colors))
    if settings.min_share > 0:
        own = protected(colors, own, settings.min_share)
    keep = asarray(settings.kept(channels, kind), like=colors, dtype=colors.dtype)
    n_visible = n_used = n_shown = colors.shape[0]
    if channels == 4 or weights is not None:
        visible = colors[:, 3] > 0 if channels == 4 else xp.ones_like(own, dtype=xp.bool)
        used = own > 0
        shown = xp.logical_and(used, visible)
        n_visible, n_used, n_shown = _numbers(visible, used, shown)
    hidden = n_shown < n_used
    n_unique = n_visible + (n_visible < colors.shape[0])
    rows = rows_of(colors, settings.space)  # one for all: they keep what iterations prepare
    if n_shown + hidden <= settings.n_colors:
        all_shown = n_shown == colors.shape[0]
        palette = _union(keep, _with_hidden(colors if all_shown else colors[shown], hidden))
        if palette.shape[0] <= settings.n_colors:
            found = Palette(palette, 0.0, 0)
            return _settle(colors, rows, counts, found, keep, settings, n_unique)
    reserved = hidden and settings.n_colors > 1 + keep.shape[0] and not _hides(keep)
    if (n_shown if reserved else n_used) == colors.shape[0]:
        fitted = colors, rows, own
    else:
        chosen = shown if reserved else used
        fitted = colors[chosen], rows_of(colors[chosen], settings.space), own[chosen]
    found = find_palette(*fitted, settings, keep, settings.n_colors - reserved)
    if reserved:
        found = found._replace(palette=_with_hidden(found.palette, True))
    return _settle(colors, rows, counts, found, keep, settings, n_unique)


def nearest_colors(colors: Array, palette: Array, space: Space = SRGB) -> Array:
    """Place in the palette of the entry nearest to each colour; ties go to the lowest place."""
    kernels = kernels_for(namespace(colors))
    points = rows_of(colors, space).X
    return kernels.distances.nearest(points, coordinates(palette, space=space))[0]


def _numbers(*masks: Array) -> list[int]:
    """Number of true values in each mask, in one read of the device."""
    xp = namespace(masks[0])
    counts = [xp.sum(xp.astype(mask, xp.int64)) for mask in masks]
    return [int(count) for count in host_floats(*counts)]


def _with_hidden(palette: Array, hidden: bool) -> Array:
    """The palette, with an entry for invisible pixels before it if `hidden`."""
    if not hidden:
        return palette
    xp = namespace(palette)
    entry = xp.zeros((1, palette.shape[1]), dtype=palette.dtype, device=device(palette))
    return xp.concat([entry, palette], axis=0)


def _hides(palette: Array) -> bool:
    """Whether it has an entry for invisible pixels."""
    return palette.shape[1] == 4 and bool((to_host(palette)[:, 3] == 0).any())


def _union(keep: Array, palette: Array) -> Array:
    """The colours to keep, then those of the palette that are not among them."""
    if keep.shape[0] == 0:
        return palette
    kept, others = to_host(keep), to_host(palette)
    new = (others[:, None] != kept[None]).any(axis=2).all(axis=1)
    return asarray(np.concatenate([kept, others[new]]), like=palette)


def _settle(
    colors: Array,
    rows: InMemory,
    counts: Array,
    found: Palette,
    keep: Array,
    settings: Settings,
    n_unique: int,
) -> Clustering:
    """Label each colour with its nearest entry; drop unused entries that need not be kept."""
    palette = dark_to_light(found.palette)
    xp = rows.xp
    weights = xp.astype(counts, float_dtype(xp, colors))
    (total,) = host_floats(xp.sum(weights))
    centers = coordinates(palette, space=settings.space)
    step = lloyd_step(rows, weights, total, centers.shape[0])
    stats = step(centers)
    labels = step.labels
    if settings.space == SRGB:
        error = inertia(rows, step, stats, centers, weights)
    else:
        error = squared_error(colors, counts, palette, labels)
    population = np.round(to_host(stats.counts)).astype(np.int64)
    used = (population > 0) | _among(to_host(palette), to_host(keep))
    order = np.flatnonzero(used)
    order = order[reordered(to_host(palette)[order], population[order], settings.order)]
    if len(order) < len(used) or (np.diff(order) < 0).any():
        palette = xp.take(palette, asarray(order, like=palette), axis=0)
        places = np.zeros(len(used), np.int32)
        places[order] = np.arange(len(order))
        labels = xp.take(asarray(places, like=palette), labels, axis=0)
    population = asarray(population[order], like=palette)
    return Clustering(palette, labels, population, error, found.inertia, found.n_iter, n_unique)


def _among(palette: np.ndarray, keep: np.ndarray) -> np.ndarray:
    return (palette[:, None] == keep[None]).all(axis=2).any(axis=1)


def squared_error(colors: Array, counts: Array, palette: Array, labels: Array) -> float:
    """Sum of the squared differences in sRGB, alpha premultiplied, times the counts."""
    xp, wide, total = namespace(colors), float_dtype(namespace(colors), colors), 0.0
    own, block = xp.astype(coordinates(palette), wide), 1 << 18
    for a in range(0, colors.shape[0], block):
        part = slice(a, min(colors.shape[0], a + block))
        apart = xp.astype(coordinates(colors[part, :]), wide)
        apart = apart - xp.take(own, labels[part], axis=0)
        sums = xp.sum(apart * apart, axis=1) * xp.astype(counts[part], wide)
        total += host_floats(xp.sum(sums))[0]
    return total
