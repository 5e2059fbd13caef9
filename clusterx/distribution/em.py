"""Expectation and maximisation, written once for rows anywhere and for both kinds of mixtures.

The E step is a pass over the rows, whose kernels return the moments of the components; the M step
turns these into parameters, on the host. The host reads the device once in each iteration.
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

#: Log-densities are sums of products of what rows have been expanded to, where the rounding of such
#: a sum is at most this. The bound is the unit roundoff of float64 times the sum of magnitudes of
#: the terms, |u|^T |M| |u|, for the row farthest from the centre; rounding seen is 100 times less.
#: The covariances' relative error has the same bound. Beyond it rows are whitened.
TOLERANCE = 1e-9
#: Rows of more columns are whitened. Making d^2 / 2 features takes as long as 16 components do with
#: them, so that few components are whitened earlier.
PRODUCT_COLUMNS, OF_FEW_COMPONENTS, FEW_COMPONENTS = 64, 24, 16
LOG_2PI = math.log(2 * math.pi)


class Frame(NamedTuple):
    """Parameters are those of z = (x - center) / scale; in float64 on the host."""

    center: np.ndarray  # (d,)
    scale: np.ndarray  # (d,) powers of two, which leave all digits as they are
    reach: np.ndarray  # (d,) largest |z|


class Parameters(NamedTuple):
    """Of components, in a frame."""

    weights: np.ndarray  # (k,)
    means: np.ndarray  # (k, d)
    covariances: np.ndarray  # of the shape that their type has
    factors: np.ndarray  # Cholesky factors of the precisions
    log_weights: np.ndarray  # (k,), with whatever else the log-densities have of constants
    beliefs: Any = None  # what a Bayesian mixture knows of weights, means and precisions


class Problem(NamedTuple):
    """What stays the same in all iterations."""

    rows: Rows
    w: Array | None
    total: float  # sum of the weights
    frame: Frame
    covariance: Covariance
    #: of a tied covariance, about the centre: the sum of w z z^T, which no iteration changes
    scatter: np.ndarray | None = None
    priors: Any = None  # of a Bayesian mixture


class Expected(NamedTuple):
    """What an E step finds."""

    moments: Moments
    log_likelihood: float  # weighted sum
    entropy: float


class Run(NamedTuple):
    """What iterations came to."""

    parameters: Parameters
    lower_bounds: list[float]
    converged: bool


def find_frame(rows: Rows, w: Array | None, isotropic: bool) -> Frame:
    """Centre and scales of the rows, in one pass; in two of rows with weights.

    Weights of zero leave rows out: the frame must not go by them, as digits are lost far away.
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
    """The components as kernels read them, beside `like`."""
    k, d = parameters.means.shape
    determinants = covariance.log_determinants(parameters.factors, d) - np.log(frame.scale).sum()
    constants = parameters.log_weights + determinants - d / 2 * LOG_2PI
    theta = means = factors = None
    form = covariance.form
    if products:
        form = covariance.product_form
        theta = covariance.theta(parameters.means, parameters.factors, constants)
        constants = None
    else:
        means, factors = parameters.means, covariance.each(parameters.factors, k, d)
    return beside(like, Density(form, frame.center, frame.scale, theta, constants, means, factors))


def beside(like: Array, found: Density) -> Density:
    """The density with its arrays beside `like`."""
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
    """With the sum of w z z^T, where the covariance is tied: that of a single component."""
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
        if total is not None:  # what all components have in common
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
) -> Run:
    """Iterations from given parameters, until the lower bound changes by less than `tol`.

    Parameters
    ----------
    maximise : callable
        The M step.
    bound : callable
        The lower bound, from an E step and the parameters that its M step gave.
    before : float
        Lower bound of what the parameters come from.
    report : callable
        Is told of each iteration, and of the change of the lower bound in it.
    """
    bounds: list[float] = []
    converged, last = False, before
    while len(bounds) < max_iter and not converged:
        expected = expectation(problem, parameters)
        parameters = maximise(expected.moments)
        bounds.append(bound(expected, parameters))
        change = bounds[-1] - last
        report(len(bounds), change)
        converged = abs(change) < tol
        last = bounds[-1]
    return Run(parameters, bounds, converged)
