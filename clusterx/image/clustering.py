"""A palette for weighted colours, rounded, and the nearest palette colour of each."""

from __future__ import annotations

from typing import Any, NamedTuple

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
from .completing import worst_served
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
    """A palette of n_colors, or of all colours if there are fewer, that occur `counts` times.

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
    return _settle(colors, rows, counts, found, keep, settings, n_unique, own)


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
    objective: Array | None = None,
) -> Clustering:
    """Label each colour with its nearest entry; drop unused entries that need not be kept.

    If this leaves fewer entries than were asked for, the worst served colours become entries.

    objective : weights of the colours in the objective; None if no entry is to be added
    """
    xp = namespace(colors)
    weights = xp.astype(counts, float_dtype(xp, colors))
    fitted = _Fitted(rows, weights, host_floats(xp.sum(weights))[0], keep, settings.space)
    full = fitted.entries(found.palette)
    # an entry that is one of the colours stays in use, so these rounds suffice
    for _ in range(settings.n_colors if objective is not None else 0):
        missing = settings.n_colors - int(full.used.sum())
        if missing == 0:
            break
        more = worst_served(colors, rows.X, objective, full.centers, full.step.labels, missing)
        if not len(more):
            break
        full = fitted.entries(np.concatenate([full.kept(), more]))
    labels = full.step.labels
    if settings.space == SRGB:
        error = inertia(rows, full.step, full.stats, full.centers, weights)
    else:
        error = squared_error(colors, counts, full.palette, labels)
    order = np.flatnonzero(full.used)
    population = full.population
    order = order[reordered(to_host(full.palette)[order], population[order], settings.order)]
    palette = full.palette
    if len(order) < len(full.used) or (np.diff(order) < 0).any():
        palette = xp.take(palette, asarray(order, like=palette), axis=0)
        places = np.zeros(len(full.used), np.int32)
        places[order] = np.arange(len(order))
        labels = xp.take(asarray(places, like=palette), labels, axis=0)
    population = asarray(population[order], like=palette)
    return Clustering(palette, labels, population, error, found.inertia, found.n_iter, n_unique)


class _Entries(NamedTuple):
    """A palette from dark to light, to which the colours are assigned."""

    palette: Array
    centers: Array  # its coordinates
    step: Any  # holds the labels
    stats: Any
    population: np.ndarray  # pixels of each entry
    used: np.ndarray  # entries that have pixels or are to be kept

    def kept(self) -> np.ndarray:
        return to_host(self.palette)[self.used]


class _Fitted(NamedTuple):
    """Colours for which palettes are tried."""

    rows: InMemory
    weights: Array
    total: float
    keep: Array
    space: Space

    def entries(self, palette: Array | np.ndarray) -> _Entries:
        palette = dark_to_light(asarray(palette, like=self.keep))
        centers = coordinates(palette, space=self.space)
        step = lloyd_step(self.rows, self.weights, self.total, centers.shape[0])
        stats = step(centers)
        population = np.round(to_host(stats.counts)).astype(np.int64)
        used = (population > 0) | _among(to_host(palette), to_host(self.keep))
        return _Entries(palette, centers, step, stats, population, used)


def _among(palette: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Whether each entry is the first that equals one of the colours to keep."""
    found = np.zeros(len(palette), bool)
    for color in keep:
        found[np.flatnonzero((palette == color).all(axis=1))[:1]] = True
    return found


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
