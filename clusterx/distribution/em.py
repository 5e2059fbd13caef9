"""Expectation-maximisation, written once for all kinds of rows and both kinds of mixtures.

The E step is a pass over the rows: kernels return the moments of the components. The M step turns
these into parameters on the host. The host reads the device once in each iteration.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray, float_dtype, namespace, to_host
from ..blocks import TILE
from ..kernels.mixture import Density, Statistics
from ..rows import Rows
from .covariance import Covariance, Moments, Reference

#: Log-densities are computed as matrix products of expanded features if the rounding error is at
#: most this, and otherwise from whitened rows. The bound on the error is the unit roundoff of
#: float64 times the sum of the magnitudes of the terms, |u|^T |M| |u|, for the row farthest from
#: the centre; observed errors are 100 times smaller. It also bounds the relative error of the
#: covariances.
TOLERANCE = 1e-9
#: Rows with more columns are whitened. Computing the d^2 / 2 features takes as long as using them
#: for two or three components, so for fewer than four the limit is lower: by products, k = 2 takes
#: 1.3 times as long as by whitening at 64 columns and 0.8 at 24; k = 8 takes 0.74 and 0.65.
PRODUCT_COLUMNS, OF_FEW_COMPONENTS, FEW_COMPONENTS = 64, 24, 4
LOG_2PI = math.log(2 * math.pi)


class Frame(NamedTuple):
    """Parameters are those of z = (x - center) / scale; in float64 on the host."""

    center: np.ndarray  # (d,)
    scale: np.ndarray  # (d,) powers of two, so that scaling is exact
    reach: np.ndarray  # (d,) largest |z|


class Parameters(NamedTuple):
    """The parameters of the components, in a frame."""

    weights: np.ndarray  # (k,)
    means: np.ndarray  # (k, d)
    covariances: np.ndarray  # in the shape of their type
    factors: np.ndarray  # Cholesky factors of the precisions
    log_weights: np.ndarray  # (k,), plus constant terms of the log-densities
    beliefs: Any = None  # posterior of a Bayesian mixture


class Problem(NamedTuple):
    """What stays the same in all iterations."""

    rows: Rows
    w: Array | None
    total: float  # sum of the weights
    frame: Frame
    covariance: Covariance
    #: for a tied covariance: the sum of w z z^T about the centre, the same in all iterations
    scatter: np.ndarray | None = None
    priors: Any = None  # of a Bayesian mixture


class Expected(NamedTuple):
    """The results of an E step."""

    moments: Moments
    log_likelihood: float  # weighted sum
    entropy: float


class Run(NamedTuple):
    """The results of all iterations."""

    parameters: Parameters
    lower_bounds: list[float]
    converged: bool


def find_frame(rows: Rows, w: Array | None, isotropic: bool) -> Frame:
    """Centre and scales of the rows, in one pass, or in two for weighted rows.

    The frame must ignore rows of weight zero, because a frame far from the other rows loses digits.
    """
    xp = rows.xp
    wide = float_dtype(xp, rows.like)
    spread = rows.kernels.mixture.spread
    height = max(1, TILE // rows.d)

    def about(center: Array) -> list[np.ndarray]:
        found = rows.reduce(spread, center, along=(w,), height=height)
        flat = (xp.reshape(a, (-1,)) for a in found)
        parts = np.split(to_host(xp.concat(tuple(flat))).astype(np.float64), [1, 1 + rows.d])
        return [*parts[:2], *np.split(parts[2], 2)]

    if w is None:
        center = to_host(rows.summary.mean).astype(np.float64)
    else:
        weight, sums, _, _ = about(rows.zeros((rows.d,)))
        center = sums / weight
    weight, _, squares, largest = about(asarray(center, like=rows.like, dtype=wide))
    variance = squares / weight
    if isotropic:
        variance = np.full(rows.d, variance.mean())
    scale = powers_of_two(np.sqrt(variance))
    return Frame(center, scale, largest / scale)


def powers_of_two(deviations: np.ndarray) -> np.ndarray:
    known = (deviations > 0) & np.isfinite(deviations)
    return np.exp2(np.round(np.log2(np.where(known, deviations, 1.0))))


def density(
    covariance: Covariance,
    frame: Frame,
    parameters: Parameters,
    like: Array,
    products: bool = False,
) -> Density:
    """The components as kernels read them, on the device of `like`."""
    k, d = parameters.means.shape
    determinants = covariance.log_determinants(parameters.factors, d) - np.log(frame.scale).sum()
    constants = parameters.log_weights + determinants - d / 2 * LOG_2PI
    theta = means = factors = None
    form = covariance.form
    if products:
        form = covariance.product_form
        theta = covariance.theta(parameters.means, parameters.factors, constants)
    if form == covariance.form:  # rather than a part that ignores what components share
        means, factors = parameters.means, covariance.each(parameters.factors, k, d)
    return beside(like, Density(form, frame.center, frame.scale, theta, constants, means, factors))


def beside(like: Array, found: Density) -> Density:
    """The density with its arrays on the device of `like`."""
    wide = float_dtype(namespace(like), like)

    def move(a: Any) -> Any:
        return a if a is None else asarray(np.ascontiguousarray(a), like=like, dtype=wide)

    return Density(found.form, *map(move, found[1:]))


def _reduced(problem: Problem, shown: Density) -> Statistics:
    """Statistics of the rows, in one read of the device."""
    rows, kernels = problem.rows, problem.rows.kernels.mixture
    found = rows.reduce(
        kernels.statistics, shown, along=(problem.w,), height=kernels.piece_rows(shown)
    )
    return on_host(found)


def on_host(found: Statistics) -> Statistics:
    xp = namespace(found.moments)
    flat = [xp.reshape(xp.asarray(a), (-1,)) for a in found]
    values = to_host(xp.concat(flat)).astype(np.float64)
    return Statistics(values[:-2].reshape(found.moments.shape), *values[-2:].tolist())


def with_scatter(problem: Problem) -> Problem:
    """The problem with the sum of w z z^T, if the covariance is tied."""
    covariance, d = problem.covariance, problem.rows.d
    if covariance.product_form != "linear" or d > PRODUCT_COLUMNS:
        return problem
    first = np.zeros((1, (d + 1) * (d + 2) // 2))
    shown = Density("full", problem.frame.center, problem.frame.scale, theta=first)
    sums = _reduced(problem, beside(problem.rows.like, shown)).moments[0, d + 1 :]
    scatter = np.empty((d, d))
    i, j = np.triu_indices(d)
    scatter[i, j] = scatter[j, i] = sums
    return problem._replace(scatter=scatter)


def _product_columns(covariance: Covariance, k: int) -> float:
    """The most columns whose log-densities are computed by products."""
    if covariance.product_form == "diag":
        return math.inf
    few = covariance.product_form == "full" and k < FEW_COMPONENTS
    return OF_FEW_COMPONENTS if few else PRODUCT_COLUMNS


def expectation(problem: Problem, parameters: Parameters) -> Expected:
    """The E step."""
    covariance, frame = problem.covariance, problem.frame
    k, d = parameters.means.shape
    terms = covariance.terms(parameters.means, parameters.factors, frame.reach)
    precise = np.finfo(float_dtype(np, None)).eps / 2 * terms <= TOLERANCE
    products = precise and d <= _product_columns(covariance, k)
    shown = density(covariance, frame, parameters, problem.rows.like, products)
    found = _reduced(problem, shown)
    likelihood, total = found.log_likelihood, None
    if not products:
        each = covariance.each(parameters.factors, k, d)
        inverse = np.linalg.inv(each) if each.ndim == 3 else 1.0 / each
        at = Reference(parameters.means, inverse, parameters.means)
    else:
        at = Reference(np.zeros((k, d)), None, parameters.means)
        total = problem.scatter
        if total is not None:  # the term that all components share
            likelihood -= float((covariance.precisions(parameters.factors) * total).sum()) / 2
    return Expected(covariance.moments(found.moments, at, total), likelihood, found.entropy)


def em(
    problem: Problem,
    parameters: Parameters,
    maximise: Callable[[Moments], Parameters],
    bound: Callable[[Expected, Parameters], float],
    *,
    max_iter: int,
    tol: float,
    before: float = -np.inf,
    report: Callable[[int, float], None],
    bounds: list[float] | None = None,
    after: Callable[[Parameters, list[float]], None] | None = None,
) -> Run:
    """Iterate from given parameters until the lower bound changes by less than `tol`.

    Parameters
    ----------
    maximise : callable
        The M step.
    bound : callable
        Computes the lower bound from an E step and the parameters of its M step.
    before : float
        Lower bound of the fit that the parameters come from.
    report : callable
        Called with the number of each iteration and the change of the lower bound.
    bounds : list of float, optional
        Lower bounds of the iterations that led to the parameters, to continue from.
    after : callable, optional
        after(parameters, bounds) is called after each iteration but the last.
    """
    bounds = list(bounds or ())
    converged, last = False, bounds[-1] if bounds else before
    while len(bounds) < max_iter and not converged:
        expected = expectation(problem, parameters)
        parameters = maximise(expected.moments)
        bounds.append(bound(expected, parameters))
        change = bounds[-1] - last
        report(len(bounds), change)
        converged = abs(change) < tol
        last = bounds[-1]
        if after is not None and not converged:
            after(parameters, bounds)
    return Run(parameters, bounds, converged)
