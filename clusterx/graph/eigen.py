"""Leading eigenvectors of a symmetric operator, from products with blocks of vectors alone."""

from __future__ import annotations

import math
import warnings
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
#: Maximum degree of a filter, and maximum ratio of its gains for the first and the last vector.
DEGREE, FAVOUR = 60, 1e7
#: Vectors are made orthonormal by their Gram matrix if its least eigenvalue exceeds this share of
#: the largest.
WELL_CONDITIONED = 1e-10
#: Maximum number of products; then a warning says that vectors did not converge.
PRODUCTS = 6000


class Operator(NamedTuple):
    """A symmetric n x n matrix whose largest eigenvalue is known."""

    products: Products
    n: int
    lowest: float  # lower bound of the eigenvalues
    highest: float  # the largest one
    like: Array


def leading_vectors(
    operator: Operator, known: Array, k: int, tol: float, rng: np.random.RandomState
) -> Array:
    """Eigenvectors (n, k) of the k largest eigenvalues, in descending order, orthogonal to known
    ones.

    known : (n, m) orthonormal eigenvectors, m may be 0.
    tol : norm of the residuals, relative to the width of the spectrum.
    """
    if k == 0:
        return known[:, :0]
    # the same draws for both methods
    block = min(k + max(BESIDE, k // 2), operator.n - known.shape[1])
    start = rng.standard_normal(size=(operator.n, block))
    order = operator.products.order
    if order is None:
        return _vectors(operator, known, start, k, tol)
    vectors = _vectors(operator, known[order, :], start[order, :], k, tol)
    return vectors[np.argsort(order), :]


def _vectors(operator: Operator, known: Array, start: np.ndarray, k: int, tol: float) -> Array:
    if operator.n <= max(FEW, 4 * start.shape[1]):
        return _of_whole_matrix(operator, known, k)
    xp = namespace(operator.like)
    V = asarray(start, like=operator.like, dtype=operator.like.dtype)
    return _filtered(operator, known, V, k, tol * (operator.highest - operator.lowest), xp)


def _of_whole_matrix(operator: Operator, known: Array, k: int) -> Array:
    like = operator.like
    xp = namespace(like)
    matrix = operator.products.multiply(xp.eye(operator.n, dtype=like.dtype, device=device(like)))
    beyond = 2 * (operator.highest - operator.lowest) + 1
    matrix = (matrix + matrix.T) / 2 - beyond * (known @ known.T)
    return xp.flip(xp.linalg.eigh(matrix)[1][:, operator.n - k :], axis=1)


def _filtered(operator: Operator, known: Array, V: Array, k: int, tol: float, xp) -> Array:
    """Subspace iteration with Chebyshev filters (Zhou, Saad, Tiago and Chelikowsky, 2006)."""
    spent = 0
    V = _orthonormal(V, known, xp)
    while True:
        HV = operator.products.multiply(V)
        spent += 1
        values, Q = np.linalg.eigh(to_host(V.T @ HV))
        values, Q = values[::-1], asarray(np.ascontiguousarray(Q[:, ::-1]), like=V, dtype=V.dtype)
        V, HV = V @ Q, HV @ Q
        theta = asarray(np.ascontiguousarray(values), like=V, dtype=V.dtype)
        left = to_host(xp.sqrt(xp.sum((HV - V * theta[None, :]) ** 2, axis=0)))[:k]
        if left.max() <= tol:
            return V[:, :k]
        if spent >= PRODUCTS:
            warnings.warn(
                f"Eigenvectors did not converge in {spent} products: residuals are up to "
                f"{left.max():.2g}, above the tolerance of {tol:.2g}. Raise eigen_tol, or "
                "n_neighbors.",
                ConvergenceWarning,
                stacklevel=2,
            )
            return V[:, :k]
        bound = max(
            float(values[-1]), operator.lowest + 1e-3 * (operator.highest - operator.lowest)
        )
        bound = min(bound, operator.highest - 1e-12 * (operator.highest - operator.lowest))
        V, used = _filter(operator, V, HV, bound, max(float(values[0]), bound))
        spent += used
        V = _orthonormal(V, known, xp)


def _filter(operator: Operator, V: Array, HV: Array, bound: float, top: float) -> tuple[Array, int]:
    """Apply a polynomial that is small between the lowest eigenvalue and the bound."""
    center, half = (bound + operator.lowest) / 2, (bound - operator.lowest) / 2
    reach = max((top - center) / half, 1.0 + 1e-15)
    degree = int(min(DEGREE, max(4.0, math.acosh(FAVOUR) / max(math.acosh(reach), 1e-9))))
    # scaled by its value at the top, so that nothing overflows
    first = 1.0 / reach
    sigma = first
    before, now = V, (HV - center * V) * (first / half)
    for _ in range(degree - 1):
        new = 1.0 / (2.0 / first - sigma)
        scale = 2.0 * new / half
        after = operator.products.sums(now, before, scale, -scale * center, -sigma * new)
        before, now, sigma = now, after, new
    return now, degree - 1


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
