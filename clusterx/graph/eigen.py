"""Leading eigenvectors of a symmetric operator, by products with blocks of vectors alone."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..arrays import Array, asarray, device, namespace, to_host

#: Rows up to which all eigenvectors are found from the whole matrix.
FEW = 256
#: Vectors beside those wanted: they keep the wanted ones apart from the rest of the spectrum.
BESIDE = 6
#: Most of one filter, and how much it may favour the first vector over the last.
DEGREE, FAVOUR = 120, 1e7
#: Products after which vectors are taken as they are.
PRODUCTS = 6000


class Operator(NamedTuple):
    """A symmetric n x n matrix whose largest eigenvalue is known."""

    multiply: Callable[[Array], Array]  # (n, p) -> (n, p) float64
    n: int
    lowest: float  # no eigenvalue is below
    highest: float  # the largest one
    like: Array
    order: np.ndarray | None = None  # of the rows in products, where it is another one


def leading_vectors(
    operator: Operator, known: Array, k: int, tol: float, rng: np.random.RandomState
) -> Array:
    """Eigenvectors (n, k) of the largest eigenvalues, largest first, orthogonal to known ones.

    known : (n, m) orthonormal eigenvectors, m may be 0.
    tol : length of the residuals, in units of the width of the spectrum.
    """
    if k == 0:
        return known[:, :0]
    # a draw that does not depend on which way is taken
    block = min(k + max(BESIDE, k // 2), operator.n - known.shape[1])
    start = rng.standard_normal(size=(operator.n, block))
    if operator.order is not None:
        known, start = known[operator.order, :], start[operator.order, :]
    vectors = _vectors(operator, known, start, k, tol)
    return vectors if operator.order is None else vectors[np.argsort(operator.order), :]


def _vectors(operator: Operator, known: Array, start: np.ndarray, k: int, tol: float) -> Array:
    if operator.n <= max(FEW, 4 * start.shape[1]):
        return _of_whole_matrix(operator, known, k)
    xp = namespace(operator.like)
    V = asarray(start, like=operator.like, dtype=operator.like.dtype)
    return _filtered(operator, known, V, k, tol * (operator.highest - operator.lowest), xp)


def _of_whole_matrix(operator: Operator, known: Array, k: int) -> Array:
    like = operator.like
    xp = namespace(like)
    matrix = operator.multiply(xp.eye(operator.n, dtype=like.dtype, device=device(like)))
    beyond = 2 * (operator.highest - operator.lowest) + 1
    matrix = (matrix + matrix.T) / 2 - beyond * (known @ known.T)
    return xp.flip(xp.linalg.eigh(matrix)[1][:, operator.n - k :], axis=1)


def _filtered(operator: Operator, known: Array, V: Array, k: int, tol: float, xp) -> Array:
    """Subspace iteration with Chebyshev filters (Zhou, Saad, Tiago and Chelikowsky, 2006)."""
    spent = 0
    V = _orthonormal(V, known, xp)
    while True:
        HV = operator.multiply(V)
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
                f"{left.max():.2g}, and {tol:.2g} is wanted. Raise eigen_tol, or n_neighbors.",
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
    """A polynomial of the operator that is small between its lowest eigenvalue and the bound."""
    center, half = (bound + operator.lowest) / 2, (bound - operator.lowest) / 2
    reach = max((top - center) / half, 1.0 + 1e-15)
    degree = int(min(DEGREE, max(4.0, math.acosh(FAVOUR) / max(math.acosh(reach), 1e-9))))
    # scaled by its value at the top, so that nothing overflows
    first = 1.0 / reach
    sigma = first
    before, now = V, (HV - center * V) * (first / half)
    for _ in range(degree - 1):
        new = 1.0 / (2.0 / first - sigma)
        after = (operator.multiply(now) - center * now) * (2.0 * new / half) - (
            sigma * new
        ) * before
        before, now, sigma = now, after, new
    return now, degree - 1


def _orthonormal(V: Array, known: Array, xp) -> Array:
    for _ in range(2):  # once more, for what rounding left
        V = V - known @ (known.T @ V)
        V = xp.linalg.qr(V)[0]
    return V
