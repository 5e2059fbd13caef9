"""Initial moments of components, from which the iterations start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array, asarray, device, float_dtype, namespace, to_host
from ..blocks import one_hot
from ..centroid import KMeans, seeding
from ..kernels.mixture import Density
from .covariance import Moments, Reference
from .em import Problem, beside, on_host

INITS = ("kmeans", "k-means++", "random", "random_from_data")
#: Rows per block of responsibilities held in memory.
HEIGHT = 16384


def first_moments(problem: Problem, name: str, k: int, rng: np.random.RandomState) -> Moments:
    """Moments of components from the named start."""
    if name == "kmeans":
        return _clusters(problem, k, rng)
    if name == "random":
        return _random(problem, k, rng)
    rows, w = problem.rows, problem.w
    if name == "k-means++":
        chosen = seeding.plus_plus(rows, k, w, rng)
    else:
        shares = None if w is None else to_host(w).astype(np.float64)
        p = None if shares is None else shares / shares.sum()
        chosen = rng.choice(rows.n, size=k, replace=False, p=p)
    frame = problem.frame
    means = (to_host(rows.take(chosen)).astype(np.float64) - frame.center) / frame.scale
    return Moments(np.ones(k), means, problem.covariance.isotropic(k, rows.d))


def _clusters(problem: Problem, k: int, rng: np.random.RandomState) -> Moments:
    rows, frame = problem.rows, problem.frame
    model = KMeans(k, n_init=1, random_state=rng).fit(rows, sample_weight=problem.w)
    means = (to_host(model.cluster_centers_).astype(np.float64) - frame.center) / frame.scale
    return _given(problem, means, k, model.labels_)


def _random(problem: Problem, k: int, rng: np.random.RandomState) -> Moments:
    like = problem.rows.like
    wide = float_dtype(problem.rows.xp, like)

    def draw(n: int) -> Array:
        drawn = rng.uniform(size=(n, k))
        return asarray(drawn / drawn.sum(axis=1)[:, None], like=like, dtype=wide)

    return _given(problem, np.zeros((k, problem.rows.d)), k, draw=draw)


def overall_moments(problem: Problem) -> Moments:
    """Moments of all rows, as of one component."""
    return _given(problem, np.zeros((1, problem.rows.d)), 1)


def _given(
    problem: Problem, means: np.ndarray, k: int, labels: Array | None = None, draw: Any = None
) -> Moments:
    """Moments from given responsibilities, taken relative to `means` near the result.

    Responsibilities come from the labels; else from draw(n) for the next n rows; else all are one.
    """
    rows, frame = problem.rows, problem.frame
    density = Density(problem.covariance.form, frame.center, frame.scale, means=means)
    how = beside(rows.like, density), rows.kernels.mixture.moments, k
    along = problem.w, labels
    total: Any = None
    if draw is None:
        total = rows.reduce(_moments, *how, along=along, height=HEIGHT)
    else:  # in the order of the rows
        for X, w, own in rows.pieces(HEIGHT, along):
            part = _moments(X, w, own, *how, draw)
            total = part if total is None else total + part
    return problem.covariance.moments(on_host(total).moments, Reference(means), None)


def _moments(
    X: Array,
    w: Array | None,
    labels: Array | None,
    density: Density,
    moments: Callable,
    k: int,
    draw: Callable | None = None,
) -> Any:
    xp, wide, total = namespace(X), float_dtype(namespace(X), X), None
    for a in range(0, X.shape[0], HEIGHT):
        b = min(a + HEIGHT, X.shape[0])
        if draw is not None:
            R = draw(b - a)
        elif labels is not None:
            R = one_hot(labels[a:b], k, wide)
        else:
            R = xp.ones((b - a, k), dtype=wide, device=device(X))
        R = R if w is None else R * xp.astype(w[a:b], R.dtype)[:, None]
        part = moments(X[a:b, ...], R, density)
        total = part if total is None else total + part
    return total
