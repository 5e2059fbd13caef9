"""First moments of components, from which the iterations start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array, asarray, float_dtype, to_host
from ..blocks import one_hot
from ..centroid import KMeans, seeding
from ..kernels.mixture import Density
from ..rows.base import cut
from .covariance import Moments, Reference
from .em import Problem, beside, on_host

INITS = ("kmeans", "k-means++", "random", "random_from_data")
#: Rows whose responsibilities are held at a time.
HEIGHT = 16384


def first_moments(problem: Problem, name: str, k: int, rng: np.random.RandomState) -> Moments:
    """Moments of components as the named start has them."""
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
    wide = float_dtype(rows.xp, rows.like)
    return _given(problem, means, lambda n, labels: one_hot(labels, k, wide), model.labels_)


def _random(problem: Problem, k: int, rng: np.random.RandomState) -> Moments:
    like = problem.rows.like
    wide = float_dtype(problem.rows.xp, like)

    def weigh(n: int) -> Array:
        drawn = rng.uniform(size=(n, k))
        return asarray(drawn / drawn.sum(axis=1)[:, None], like=like, dtype=wide)

    return _given(problem, np.zeros((k, problem.rows.d)), weigh)


def overall_moments(problem: Problem) -> Moments:
    """Moments of all rows, as those of one component."""
    rows = problem.rows
    wide = float_dtype(rows.xp, rows.like)

    def weigh(n: int) -> Array:
        return rows.xp.ones((n, 1), dtype=wide, device=rows.device)

    return _given(problem, np.zeros((1, rows.d)), weigh)


def _given(problem: Problem, means: np.ndarray, weigh: Callable, *along: Array) -> Moments:
    """Moments under given responsibilities, near the means that they will have.

    weigh : callable
        weigh(n, *along) gives the responsibilities (n, k) of the next n rows.
    """
    rows, frame = problem.rows, problem.frame
    density = Density(problem.covariance.form, frame.center, frame.scale, means=means)
    density = beside(rows.like, density)
    total: Any = None
    for piece, *beside_piece in rows.pieces(HEIGHT, along=(problem.w, *along)):
        for a in range(0, piece.shape[0], HEIGHT):
            b = min(a + HEIGHT, piece.shape[0])
            w, *own = cut(beside_piece, a, b)
            R = weigh(b - a, *own)
            R = R if w is None else R * rows.xp.astype(w, R.dtype)[:, None]
            part = rows.kernels.mixture.moments(piece[a:b, ...], R, density)
            total = part if total is None else total + part
    return problem.covariance.moments(on_host(total).moments, Reference(means), None)
