"""Palettes for weighted colours, by k-means or by cutting colour space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from ..arrays import Array, asarray, device, dtype_name, host_floats, is_array, namespace, to_host
from ..centroid.inertia import mean_variance
from ..centroid.kmeans import KMeans
from ..centroid.lloyd import LloydResult, lloyd
from ..centroid.minibatch import MiniBatchKMeans
from ..centroid.steps import lloyd_step
from ..kernels import kernels_for
from ..rows import InMemory
from . import boxes
from .cells import CELLS, FEW_CELLS, Cells, cells_of
from .pixels import Space, coordinates, stored
from .search import FEW_COLORS, MOST_COLORS, beside_fixed, search
from .settings import CELL_STARTS, Settings

CUTS: dict[str, Callable[[Cells, int], np.ndarray]] = {
    "wu": boxes.wu,
    "median-cut": boxes.median_cut,
    "octree": boxes.octree,
}
#: cells per palette colour, for palettes that are made by cuts alone
_CELLS_PER_COLOR = 16
#: weight, in pixels, of the rows that keep fixed clusters from being empty
_NEGLIGIBLE = 1e-6


class Palette(NamedTuple):
    """Colours that were found."""

    palette: Array  # (k, c), of the image's dtype
    inertia: float  # weighted squared distances to the centres before they were rounded
    n_iter: int


class _Problem(NamedTuple):
    """Weighted colours, of which k are wanted."""

    colors: Array
    rows: InMemory
    weights: Array
    k: int
    fixed: Array  # (m, c), colours among the k
    settings: Settings


def find_palette(
    colors: Array, rows: InMemory, weights: Array, settings: Settings, keep: Array, k: int
) -> Palette:
    """A palette of k colours for more than k colours, none of weight 0; `keep` comes first.

    rows : the colours in the space of the settings (`rows_of`)
    """
    problem = _Problem(colors, rows, weights, k, keep, settings)
    if settings.method in CUTS:
        centers, loss, n_iter = _by_cuts(problem, CUTS[settings.method])
    elif keep.shape[0]:
        centers, loss, n_iter = _around_fixed(problem)
    else:
        centers, loss, n_iter = _by_model(problem)
    palette = stored(centers, colors.dtype, settings.space)
    if keep.shape[0]:  # exactly as given: conversion there and back may change them
        palette = namespace(palette).concat([keep, palette[keep.shape[0] :, :]], axis=0)
    return Palette(palette, loss, n_iter)


def rows_of(colors: Array, space: Space) -> InMemory:
    """The points where the colours lie; the colours as stored, if the kernels take those."""
    xp = namespace(colors)
    taken = dtype_name(colors.dtype) in kernels_for(xp).runtime.dtypes
    kept = taken and colors.shape[1] < 4 and space.name == "srgb"
    return InMemory(colors if kept else coordinates(colors, space=space), xp.float32)


def _by_cuts(problem: _Problem, cut: Callable) -> tuple[Array, float, int]:
    k = problem.k
    cells = _cells(problem, max(CELLS, _CELLS_PER_COLOR * k))
    rows, weights = problem.rows, problem.weights
    centers = _on_device(problem, beside_fixed(cells, cut(cells, k), k, _fixed_points(problem)))
    squared = rows.kernels.distances.nearest(rows.X, centers)[1]
    (loss,) = host_floats(rows.xp.sum(rows.xp.astype(squared, weights.dtype) * weights))
    return centers, loss, 0


def _by_model(problem: _Problem) -> tuple[Array, float, int]:
    settings = problem.settings
    parameters = {
        "init": _init(problem),
        "n_init": settings.n_init,
        "max_iter": settings.max_iter,
        "tol": settings.tol,
        "random_state": settings.random_state,
    }
    if settings.method == "minibatch":
        batches = MiniBatchKMeans(problem.k, **parameters)
        batches.fit(problem.rows.X, sample_weight=problem.weights)
        return batches.cluster_centers_, batches.inertia_, int(batches.n_iter_)
    model = KMeans(problem.k, **parameters)
    # without labels: those of the rounded palette are found later
    model._fit_centers(problem.rows, problem.weights)
    return model.cluster_centers_, model.inertia_, int(model.n_iter_)


def _init(problem: _Problem) -> Any:
    """The init parameter of a model."""
    init, k = problem.settings.init, problem.k
    if not isinstance(init, str):
        return init if callable(init) else _given(problem)
    if init not in CELL_STARTS:
        return init
    cells = _cells(problem)
    if k > MOST_COLORS or len(cells.weights) < k:
        return "k-means++"

    def start(X: Any, n_clusters: int, random_state: Any) -> Array:
        return _on_device(problem, _start(cells, init, k, random_state))

    return start


def _start(
    cells: Cells, init: str, k: int, rng: np.random.RandomState, fixed: np.ndarray | None = None
) -> np.ndarray:
    if init == "auto":
        return search(cells, k, rng, fixed)
    return beside_fixed(cells, CUTS[init](cells, k), k, fixed)


def _around_fixed(problem: _Problem) -> tuple[Array, float, int]:
    """k-means in which some centres stay where they are.

    A row of negligible weight lies on each of these, so that their clusters are never empty.
    """
    settings, xp, fixed = problem.settings, problem.rows.xp, problem.fixed
    m, cells, rng = (
        fixed.shape[0],
        _cells(problem, CELLS),
        check_random_state(settings.random_state),
    )
    rows = rows_of(xp.concat([fixed, problem.colors], axis=0), settings.space)
    light = xp.full(m, _NEGLIGIBLE, dtype=problem.weights.dtype, device=device(fixed))
    weights = xp.concat([light, problem.weights])
    (total,) = host_floats(xp.sum(weights))
    step = lloyd_step(rows, weights, total, problem.k)
    own = coordinates(fixed, space=settings.space)
    tol = settings.tol * mean_variance(rows, weights, step)

    def held(centers: Array, rows: InMemory) -> Array:
        return xp.concat([xp.astype(own, centers.dtype), centers[m:, :]], axis=0)

    best: LloydResult | None = None
    for _ in range(settings.n_init):
        start = _start(cells, settings.init, problem.k, rng, _fixed_points(problem))
        centers = held(_on_device(problem, start), rows)
        fit = lloyd(rows, step, centers, weights, max_iter=settings.max_iter, tol=tol, project=held)
        if best is None or fit.inertia < best.inertia:
            best = fit
    assert best is not None
    return best.centers, best.inertia, best.n_iter


def _cells(problem: _Problem, most: int | None = None) -> Cells:
    many = problem.colors.shape[0] > CELLS  # else each colour is a cell
    most = most or (FEW_CELLS if problem.k <= FEW_COLORS and many else CELLS)
    return cells_of(problem.colors, problem.rows.X, problem.weights, most)


def _fixed_points(problem: _Problem) -> np.ndarray:
    points = coordinates(problem.fixed, space=problem.settings.space)
    return to_host(points).astype(np.float64)


def _on_device(problem: _Problem, centers: np.ndarray) -> Array:
    xp = problem.rows.xp
    return asarray(centers.astype(np.float32), like=problem.colors, dtype=xp.float32)


def _given(problem: _Problem) -> Array:
    """The starting colours that the caller gave."""
    init, colors = problem.settings.init, problem.colors
    starts = to_host(init).astype(np.float64) if is_array(init) else np.array(init, np.float64)
    if len(starts) > problem.k:  # one entry is for invisible pixels
        starts = np.delete(starts, np.argmin(starts[:, 3]), axis=0)
    return coordinates(_on_device(problem, starts), colors.dtype, problem.settings.space)
