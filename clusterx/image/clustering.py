"""A palette for weighted colours: k-means, rounding, and who is nearest to what."""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np

from ..arrays import (
    Array,
    asarray,
    device,
    dtype_name,
    float_dtype,
    host_floats,
    is_array,
    namespace,
    to_host,
)
from ..centroid.inertia import inertia
from ..centroid.kmeans import KMeans
from ..centroid.steps import lloyd_step
from ..kernels import kernels_for
from ..rows import InMemory
from .pixels import coordinates, stored


class Settings(NamedTuple):
    """Parameters of the clustering; see `quantize`."""

    n_colors: int = 16
    init: Any = "k-means++"
    n_init: int = 1
    max_iter: int = 100
    tol: float = 1e-4
    random_state: Any = None

    def check(self, channels: int) -> None:
        k = self.n_colors
        if not isinstance(k, numbers.Integral) or isinstance(k, bool):
            raise TypeError(
                f"n_colors must be a whole number, got {k!r} ({type(k).__name__}). Pass an int."
            )
        if k < 1:
            raise ValueError(f"n_colors must be at least 1, got {k}.")
        if isinstance(self.init, str) or callable(self.init):
            return
        shape = tuple(self.init.shape if is_array(self.init) else np.shape(self.init))
        if shape != (k, channels):
            raise ValueError(
                f"init has shape {shape}; wanted is {(k, channels)}: n_colors={k} colours of "
                f"{channels} channel(s), like the image. Pass as many, or set n_colors."
            )


class Clustering(NamedTuple):
    """A palette and what belongs to its colours."""

    palette: Array  # (k, c), of the image's dtype
    labels: Array  # (u,) int32, of the unique colours
    counts: Array  # (k,) int64, pixels
    error: float  # squared distances of the pixels to the palette as stored, summed
    inertia: float  # the same to the centres before they were rounded
    n_iter: int
    n_unique: int


class _Centres(NamedTuple):
    palette: Array
    inertia: float
    n_iter: int


def cluster_colors(colors: Array, counts: Array, settings: Settings) -> Clustering:
    """A palette of at most n_colors for colours that occur `counts` times.

    Parameters
    ----------
    colors : array of shape (u, c)
        Unique, uint8 or uint16.
    counts : array of shape (u,), int64
    settings : Settings
    """
    settings.check(colors.shape[1])
    xp = namespace(colors)
    shown = _shown(colors)
    n_shown = colors.shape[0]
    if shown is not None:
        n_shown = int(host_floats(xp.sum(xp.astype(shown, xp.int64)))[0])
    hidden = n_shown < colors.shape[0]
    n_unique = n_shown + hidden
    if n_unique <= settings.n_colors:
        palette = colors[shown] if hidden else colors
        found = _Centres(_with_hidden(palette, hidden), 0.0, 0)
        weights = xp.astype(counts, float_dtype(xp, colors))
        return _settle(_rows(colors), weights, found, n_unique)
    reserved = hidden and settings.n_colors > 1
    rows, weights = _rows(colors), xp.astype(counts, float_dtype(xp, colors))
    if reserved:
        found = _k_means(InMemory(rows.X[shown]), weights[shown], settings, colors.dtype, True)
    else:
        found = _k_means(rows, weights, settings, colors.dtype, False)
    found = found._replace(palette=_with_hidden(found.palette, reserved))
    return _settle(rows, weights, found, n_unique)


def nearest_colors(colors: Array, palette: Array) -> Array:
    """Place in the palette of the nearest to each colour; ties go to the lowest."""
    kernels = kernels_for(namespace(colors))
    return kernels.distances.nearest(_rows(colors).X, coordinates(palette))[0]


def _rows(colors: Array) -> InMemory:
    """Where the colours lie, as stored if the kernels take them like that."""
    xp = namespace(colors)
    kept = colors.shape[1] < 4 and dtype_name(colors.dtype) in kernels_for(xp).runtime.dtypes
    return InMemory(colors if kept else coordinates(colors), xp.float32)


def _shown(colors: Array) -> Array | None:
    return colors[:, 3] > 0 if colors.shape[1] == 4 else None


def _with_hidden(palette: Array, hidden: bool) -> Array:
    """The palette behind an entry for invisible pixels."""
    if not hidden:
        return palette
    xp = namespace(palette)
    entry = xp.zeros((1, palette.shape[1]), dtype=palette.dtype, device=device(palette))
    return xp.concat([entry, palette], axis=0)


def _k_means(
    rows: InMemory, weights: Array, settings: Settings, dtype: Any, reserved: bool
) -> _Centres:
    model = KMeans(
        settings.n_colors - reserved,
        init=_starts(rows.X, settings, dtype, reserved),
        n_init=settings.n_init,
        max_iter=settings.max_iter,
        tol=settings.tol,
        random_state=settings.random_state,
    )
    model._fit_centers(rows, weights)  # the labels of the palette as stored are found later
    return _Centres(stored(model.cluster_centers_, dtype), model.inertia_, int(model.n_iter_))


def _starts(points: Array, settings: Settings, dtype: Any, reserved: bool) -> Any:
    """The init parameter of k-means."""
    init = settings.init
    if isinstance(init, str) or callable(init):
        return init
    starts = to_host(init).astype(np.float64) if is_array(init) else np.array(init, np.float64)
    if reserved:
        starts = np.delete(starts, np.argmin(starts[:, 3]), axis=0)
    xp = namespace(points)
    return coordinates(asarray(starts, like=points, dtype=xp.float32), dtype)


def _settle(rows: InMemory, weights: Array, found: _Centres, n_unique: int) -> Clustering:
    """Give every colour to the nearest of the palette, and drop what has none."""
    palette = _dark_to_light(found.palette)
    xp = rows.xp
    (total,) = host_floats(xp.sum(weights))
    step = lloyd_step(rows, weights, total)
    centers = coordinates(palette)
    stats = step(centers)
    labels = step.labels
    error = inertia(rows, step, stats, centers, weights)
    population = np.round(to_host(stats.counts)).astype(np.int64)
    used = population > 0
    if not used.all():
        kept = asarray(np.flatnonzero(used), like=rows.X)
        palette = xp.take(palette, kept, axis=0)
        places = asarray((np.cumsum(used) - 1).astype(np.int32), like=rows.X)
        labels = xp.take(places, labels, axis=0)
    population = asarray(population[used], like=rows.X)
    return Clustering(palette, labels, population, error, found.inertia, found.n_iter, n_unique)


def _dark_to_light(palette: Array) -> Array:
    """The palette in the order of its luma (Rec. 601), as it shows on black."""
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
