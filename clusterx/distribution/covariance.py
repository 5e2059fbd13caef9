"""The four types of covariance: their parameters, on the host in float64.

The number of parameters does not grow with the rows, so the M step always runs on the host: LAPACK
reports singular matrices, and all backends take the same step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import lapack

from ..kernels.mixture import features


class Moments(NamedTuple):
    """Sizes, means and covariances (of the type's shape) of components."""

    sizes: np.ndarray  # (k,)
    means: np.ndarray  # (k, d)
    covariances: np.ndarray


class SingularError(ValueError):
    """A covariance that has no Cholesky factor."""

    def __init__(self, component: int):
        super().__init__(component)
        self.component = component


#: Added to the sizes of components, as in scikit-learn, to avoid division by zero.
SMALLEST = 10 * np.finfo(np.float64).eps


class Full:
    """A covariance matrix (d, d) for each component."""

    form = "full"  # of features and factors; see `kernels.mixture`
    product_form = "full"  # of the features of an E step by products

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return k, d, d

    def regularised(self, covariances: np.ndarray, reg: np.ndarray) -> np.ndarray:
        """The covariances with reg (d,) added to the variances."""
        return covariances + np.diag(reg)

    def isotropic(self, k: int, d: int) -> np.ndarray:
        """Covariances of zero."""
        return np.zeros(self.shape(k, d))

    def scaled(self, covariances: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Covariances after multiplying the columns by `scale` (d,)."""
        return covariances * np.outer(scale, scale)

    def factors_scaled(self, factors: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return factors / scale[:, None]

    def factors(self, covariances: np.ndarray) -> np.ndarray:
        """Upper triangular Cholesky factors of the precisions.

        Raises
        ------
        SingularError
            A covariance is not positive definite.
        """
        return np.stack([_factor(c, j) for j, c in enumerate(covariances)])

    def from_precisions(self, precisions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Covariances and factors."""
        # reversing rows and columns makes the factor upper triangular
        factors = np.stack([np.linalg.cholesky(p[::-1, ::-1])[::-1, ::-1] for p in precisions])
        inverse = np.linalg.inv(factors)
        return inverse.transpose(0, 2, 1) @ inverse, factors

    def precisions(self, factors: np.ndarray) -> np.ndarray:
        return factors @ np.swapaxes(factors, -1, -2)

    def each(self, factors: np.ndarray, k: int, d: int) -> np.ndarray:
        """A factor for each component: (k, d, d), or (k, d) for diagonals."""
        return factors

    def log_determinants(self, factors: np.ndarray, d: int) -> np.ndarray:
        """Log-determinants of the factors, (k,) or 0-d."""
        return np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)

    def check(self, name: str, values: np.ndarray) -> None:
        for matrix in values.reshape(-1, *values.shape[-2:]):
            symmetric = np.allclose(matrix, matrix.T)
            if not symmetric or not (np.linalg.eigvalsh(matrix) > 0).all():
                raise ValueError(f"'{name}' should be symmetric, positive-definite.")

    def free(self, k: int, d: int) -> float:
        """Number of free parameters."""
        return k * d * (d + 1) / 2

    def moments(self, sums: np.ndarray, at: Reference, total: Any) -> Moments:
        """Moments from weighted sums of features (k, q), relative to a reference."""
        first = _first_moments(sums, at)
        means, shifts = first.means, first.covariances
        d = means.shape[1]
        i, j = np.triu_indices(d)
        S = np.empty((len(sums), d, d))
        S[:, i, j] = S[:, j, i] = sums[:, d + 1 :] / first.sizes[:, None]
        S -= shifts[:, :, None] * shifts[:, None, :]
        if at.inverse is not None:
            S = np.swapaxes(at.inverse, -1, -2) @ S @ at.inverse
            S = (S + np.swapaxes(S, -1, -2)) / 2
        return Moments(first.sizes, means, S)

    def posterior(
        self,
        moments: Moments,
        prior: np.ndarray,
        shifts: np.ndarray,
        drawn: np.ndarray,
        degrees: np.ndarray,
    ) -> np.ndarray:
        """Expected covariances, given a prior of one component.

        Parameters
        ----------
        shifts : array (k, d)
            Differences of the means from their prior.
        drawn : array (k,)
            Weights of the squared shifts, as numbers of rows.
        degrees : array (k,), or 0-d for a tied covariance
            Degrees of freedom.
        """
        sizes, _, own = moments
        S = prior + sizes[:, None, None] * own
        S += drawn[:, None, None] * shifts[:, :, None] * shifts[:, None, :]
        return S / degrees[:, None, None]

    def theta(self, means: np.ndarray, factors: np.ndarray, constants: np.ndarray) -> np.ndarray:
        """Coefficients of features; `constants` are log-densities at the means."""
        k, d = means.shape
        P = self.precisions(factors)
        linear = np.einsum("kab,kb->ka", P, means)
        M = np.empty((k, d + 1, d + 1))
        M[:, 0, 0] = constants - np.einsum("ka,ka->k", linear, means) / 2
        M[:, 0, 1:], M[:, 1:, 1:] = linear, -P
        M[:, np.arange(1, d + 1), np.arange(1, d + 1)] /= 2
        first, second = features("full", d)
        return M[:, first, second]

    def terms(self, means: np.ndarray, factors: np.ndarray, reach: np.ndarray) -> float:
        """The largest sum of magnitudes of the terms of a log-density, for |z| <= reach."""
        P = np.abs(self.precisions(factors))
        far = reach + np.abs(means)
        return float(np.einsum("ka,kab,kb->k", far, P, far).max() / 2)


class Tied(Full):
    """One covariance matrix (d, d) of all components."""

    product_form = "linear"

    def shape(self, k, d):
        return d, d

    def factors(self, covariances):
        return _factor(covariances, -1)

    def from_precisions(self, precisions):
        covariances, factors = super().from_precisions(precisions[None])
        return covariances[0], factors[0]

    def each(self, factors, k, d):
        return np.broadcast_to(factors, (k, d, d))

    def free(self, k, d):
        return d * (d + 1) / 2

    def moments(self, sums, at, total):
        if total is None:
            sizes, means, each = super().moments(sums, at, None)
            return Moments(sizes, means, np.einsum("k,kab->ab", sizes, each) / sizes.sum())
        sizes, means, _ = _first_moments(sums, at)
        within = total - (sizes * means.T) @ means
        return Moments(sizes, means, within / sizes.sum())

    def posterior(self, moments, prior, shifts, drawn, degrees):
        sizes, _, own = moments
        between = (drawn * shifts.T) @ shifts
        return (prior + (sizes.sum() * own + between) / len(sizes)) / degrees

    def theta(self, means, factors, constants):
        linear = means @ self.precisions(factors)
        first = constants - np.einsum("ka,ka->k", linear, means) / 2
        return np.concatenate((first[:, None], linear), axis=1)

    def terms(self, means, factors, reach):
        return super().terms(means, factors[None], reach)


class Diagonal:
    """Variances (k, d)."""

    form = product_form = "diag"

    def shape(self, k: int, d: int) -> tuple[int, ...]:
        return k, d

    def regularised(self, covariances: np.ndarray, reg: np.ndarray) -> np.ndarray:
        return covariances + reg

    def isotropic(self, k: int, d: int) -> np.ndarray:
        return np.zeros(self.shape(k, d))

    def scaled(self, covariances: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return covariances * scale**2

    def factors_scaled(self, factors: np.ndarray, scale: np.ndarray) -> np.ndarray:
        return factors / scale

    def factors(self, covariances: np.ndarray) -> np.ndarray:
        wrong = ~(covariances > 0)
        if wrong.any():
            raise SingularError(int(np.argwhere(wrong)[0, 0]))
        return 1.0 / np.sqrt(covariances)

    def from_precisions(self, precisions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 1.0 / precisions, np.sqrt(precisions)

    def precisions(self, factors: np.ndarray) -> np.ndarray:
        return factors**2

    def each(self, factors: np.ndarray, k: int, d: int) -> np.ndarray:
        return factors

    def log_determinants(self, factors: np.ndarray, d: int) -> np.ndarray:
        return np.log(factors).sum(axis=1)

    def check(self, name: str, values: np.ndarray) -> None:
        if not (values > 0).all():
            raise ValueError(f"'{name}' should be positive.")

    def free(self, k: int, d: int) -> float:
        return k * d

    def moments(self, sums: np.ndarray, at: Reference, total: Any) -> Moments:
        first = _first_moments(sums, at)
        d = first.means.shape[1]
        S = sums[:, d + 1 :] / first.sizes[:, None] - first.covariances**2
        S = np.maximum(S, 0.0)
        return Moments(first.sizes, first.means, S if at.inverse is None else S * at.inverse**2)

    def posterior(
        self,
        moments: Moments,
        prior: np.ndarray,
        shifts: np.ndarray,
        drawn: np.ndarray,
        degrees: np.ndarray,
    ) -> np.ndarray:
        sizes, _, own = moments
        S = prior + sizes[:, None] * own + drawn[:, None] * shifts**2
        return S / degrees[:, None]

    def theta(self, means: np.ndarray, factors: np.ndarray, constants: np.ndarray) -> np.ndarray:
        k, d = means.shape
        P = self.each(factors, k, d) ** 2
        linear = P * means
        first = constants - np.einsum("ka,ka->k", linear, means) / 2
        return np.concatenate((first[:, None], linear, -P / 2), axis=1)

    def terms(self, means: np.ndarray, factors: np.ndarray, reach: np.ndarray) -> float:
        far = reach + np.abs(means)
        return float((far * self.each(factors, *means.shape)).__pow__(2).sum(axis=1).max() / 2)


class Spherical(Diagonal):
    """One variance for each component, (k,). All columns have one scale."""

    def shape(self, k, d):
        return (k,)

    def regularised(self, covariances, reg):
        return covariances + reg[0]

    def scaled(self, covariances, scale):
        return covariances * scale[0] ** 2

    def factors_scaled(self, factors, scale):
        return factors / scale[0]

    def each(self, factors, k, d):
        return np.broadcast_to(factors[:, None], (k, d))

    def log_determinants(self, factors, d):
        return d * np.log(factors)

    def free(self, k, d):
        return k

    def moments(self, sums, at, total):
        found = super().moments(sums, at, total)
        return found._replace(covariances=found.covariances.mean(axis=1))

    def posterior(self, moments, prior, shifts, drawn, degrees):
        return (prior + moments.sizes * moments.covariances + drawn * (shifts**2).mean(axis=1)) / (
            degrees
        )


class Reference(NamedTuple):
    """The reference of moments: features are those of y = (z - means) factors."""

    means: np.ndarray  # (k, d)
    inverse: np.ndarray | None = None  # of the factors, (k, d, d) or (k, d); None for unit matrices
    old: np.ndarray | None = None  # means that components without rows keep


Covariance = Full | Diagonal
TYPES: dict[str, Covariance] = {
    "full": Full(),
    "tied": Tied(),
    "diag": Diagonal(),
    "spherical": Spherical(),
}


def _first_moments(sums: np.ndarray, at: Reference) -> Moments:
    """Sizes and means, and in place of covariances the shifts of the means, in y."""
    d = at.means.shape[1]
    sizes = sums[:, 0] + SMALLEST
    shifts = moved = sums[:, 1 : d + 1] / sizes[:, None]
    if at.inverse is not None:
        if at.inverse.ndim == 3:
            moved = np.einsum("ka,kab->kb", shifts, at.inverse)
        else:
            moved = shifts * at.inverse
    means = at.means + moved
    if at.old is not None:
        means = np.where((sums[:, 0] > SMALLEST)[:, None], means, at.old)
    return Moments(sizes, means, shifts)


def _factor(covariance: np.ndarray, component: int) -> np.ndarray:
    """The factor U of the inverse, U U^T, from L of the matrix, L L^T: U = L^-T."""
    lower, failed = lapack.dpotrf(covariance, lower=True, clean=True)
    # by rounding, a singular matrix may have a factor, whose inverse overflows
    inverse, singular = (lower, 1) if failed else lapack.dtrtri(lower, lower=True)
    if failed or singular or not np.isfinite(inverse).all():
        raise SingularError(component)
    return inverse.T
