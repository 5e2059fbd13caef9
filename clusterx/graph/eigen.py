"""Leading eigenvectors of a symmetric operator, from products with blocks of vectors alone."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..arrays import Array, asarray, device, namespace, to_host
from .affinities import Products

#: Up to this many rows, all eigenvectors are computed from the whole matrix.
FEW = 256
#: Extra vectors, which separate the wanted ones from the rest of the spectrum. With 12, and filters
#: of degree 60, spectral-50000 takes 0.8 of the time that it takes with 6 and 120.
BESIDE = 12
#: The number of vectors is a multiple of this: a sparse product with 13 takes 2.5 times as long as
#: one with 16, because compiled loops work on several columns at once.
LANES = 4
#: Maximum degree of a filter, and maximum ratio of its gains for the first and the last vector.
DEGREE, FAVOUR = 60, 1e7
#: Vectors are made orthonormal by their Gram matrix if its least eigenvalue exceeds this share of
#: the largest.
WELL_CONDITIONED = 1e-10
#: Maximum number of products; then a warning says that vectors did not converge.
PRODUCTS = 6000
#: The last filter aims at residuals of this share of the tolerance.
SURE = 0.25


class Operator(NamedTuple):
    """A symmetric n x n matrix whose largest eigenvalue is known."""

    products: Products
    n: int
    lowest: float  # lower bound of the eigenvalues
    highest: float  # the largest one
    like: Array


#: (block, rng) -> (n, block) vectors near the leading ones, or None
Start = Callable[[int, np.random.RandomState], "Array | None"]


def leading_vectors(
    operator: Operator,
    known: Array,
    k: int,
    tol: float,
    rng: np.random.RandomState,
    start: Start = lambda block, rng: None,
) -> Array:
    """Eigenvectors (n, k) of the k largest eigenvalues, in descending order, orthogonal to known
    ones.

    known : (n, m) orthonormal eigenvectors, m may be 0.
    tol : norm of the residuals, relative to the width of the spectrum.
    """
    if k == 0:
        return known[:, :0]
    block = min(k + max(BESIDE, k // 2), operator.n - known.shape[1])
    if operator.n <= max(FEW, 4 * block):
        rng.standard_normal(size=(operator.n, block))  # drawn by both methods
        return _of_whole_matrix(operator, known, k)
    block = -(-block // LANES) * LANES
    V = start(block, rng)
    V = rng.standard_normal(size=(operator.n, block)) if V is None else V
    tol = tol * (operator.highest - operator.lowest)
    return _reordered(operator, known, V, lambda V, known: _converged(operator, known, V, k, tol))


def filtered(operator: Operator, known: Array, start: Array, times: int) -> Array:
    """Orthonormal vectors (n, p): those of the start, turned to the leading ones by filters."""

    def turned(V: Array, known: Array) -> Array:
        xp = namespace(V)
        V = _orthonormal(V, known, xp)
        for _ in range(times):
            V, HV, values = _aligned(operator, V)
            V = _orthonormal(_filter(operator, V, HV, values)[0], known, xp)
        return V

    return _reordered(operator, known, start, turned)


def _reordered(
    operator: Operator, known: Array, start: Array, method: Callable[[Array, Array], Array]
) -> Array:
    """What the method makes of the start in the order of products, in the order of rows."""
    order = operator.products.order
    if order is not None:
        known, start = known[order, :], start[order, :]
    V = method(asarray(start, like=operator.like, dtype=operator.like.dtype), known)
    return V if order is None else V[np.argsort(order), :]


def _of_whole_matrix(operator: Operator, known: Array, k: int) -> Array:
    like = operator.like
    xp = namespace(like)
    matrix = operator.products.multiply(xp.eye(operator.n, dtype=like.dtype, device=device(like)))
    beyond = 2 * (operator.highest - operator.lowest) + 1
    matrix = (matrix + matrix.T) / 2 - beyond * (known @ known.T)
    return xp.flip(xp.linalg.eigh(matrix)[1][:, operator.n - k :], axis=1)


def _aligned(operator: Operator, V: Array) -> tuple[Array, Array, np.ndarray]:
    """Ritz vectors of the subspace, their products, and their values in descending order."""
    HV = operator.products.multiply(V)
    values, Q = np.linalg.eigh(to_host(V.T @ HV))
    turn = asarray(np.ascontiguousarray(Q[:, ::-1]), like=V, dtype=V.dtype)
    return V @ turn, HV @ turn, np.ascontiguousarray(values[::-1])


def _converged(operator: Operator, known: Array, V: Array, k: int, tol: float) -> Array:
    """Subspace iteration with Chebyshev filters (Zhou, Saad, Tiago and Chelikowsky, 2006)."""
    xp = namespace(V)
    spent = 0
    V = _orthonormal(V, known, xp)
    while True:
        V, HV, values = _aligned(operator, V)
        spent += 1
        theta = asarray(values, like=V, dtype=V.dtype)
        residuals = to_host(xp.sqrt(xp.sum((HV - V * theta[None, :]) ** 2, axis=0)))[:k]
        left = float(residuals.max())
        if left <= tol:
            return V[:, :k]
        if spent >= PRODUCTS:
            warnings.warn(
                f"Eigenvectors did not converge in {spent} products: residuals are up to "
                f"{left:.2g}, above the tolerance of {tol:.2g}. Raise eigen_tol, or n_neighbors.",
                ConvergenceWarning,
                stacklevel=2,
            )
            return V[:, :k]
        V, used = _filter(operator, V, HV, values, last=float(values[k - 1]), gain=left / tol)
        spent += used
        V = _orthonormal(V, known, xp)


def _filter(
    operator: Operator,
    V: Array,
    HV: Array,
    values: np.ndarray,
    *,
    last: float = math.inf,
    gain: float = FAVOUR,
) -> tuple[Array, int]:
    """Apply a polynomial that is small between the lowest eigenvalue and the least of the values.

    last, gain : the least wanted value, and by how much its residual is to fall.
    """
    width = operator.highest - operator.lowest
    bound = max(float(values[-1]), operator.lowest + 1e-3 * width)
    bound = min(bound, operator.highest - 1e-12 * width)
    center, half = (bound + operator.lowest) / 2, (bound - operator.lowest) / 2

    def reach(value: float) -> float:
        return max((value - center) / half, 1.0 + 1e-15)

    def degree_for(gain: float, value: float) -> float:
        return math.acosh(max(gain, 1.0)) / max(math.acosh(reach(value)), 1e-9)

    top = max(float(values[0]), bound)
    degree = min(DEGREE, max(4.0, degree_for(FAVOUR, top)))
    if last < math.inf:
        degree = min(degree, max(4.0, degree_for(gain / SURE, last) + 1))
    # scaled by its value at the top, so that nothing overflows
    first = 1.0 / reach(top)
    sigma = first
    before, now = V, (HV - center * V) * (first / half)
    for _ in range(int(degree) - 1):
        new = 1.0 / (2.0 / first - sigma)
        scale = 2.0 * new / half
        after = operator.products.sums(now, before, scale, -scale * center, -sigma * new)
        before, now, sigma = now, after, new
    return now, int(degree) - 1


def _orthonormal(V: Array, known: Array, xp) -> Array:
    for _ in range(2):  # twice, because rounding leaves a remainder
        V = V - known @ (known.T @ V)
        V = V / xp.sqrt(xp.sum(V * V, axis=0))[None, :]
        # a tenth of the time of QR, where it is accurate
        values, Q = np.linalg.eigh(to_host(V.T @ V))
        if values[0] > WELL_CONDITIONED * values[-1]:
            V = V @ asarray(Q / np.sqrt(values), like=V, dtype=V.dtype)
        else:
            V = xp.linalg.qr(V)[0]
    return V
