"""Mixtures of Gaussians: log-likelihood and moments of rows under all components at once.

Rows are standardised first: z = (x - center) / scale, where the scales are powers of two, so that
dividing is exact. Log-densities and moments are then products with u = [1, z]:

* `products`: the distinct entries of u u^T are the features of a row. A product of the features
  with `theta` gives the log-densities of all components; a product of the responsibilities with
  the features gives the moments. The terms cancel where a component is thin compared with its
  distance from the centre; `distribution.em` bounds the error, and uses this form only if the
  bound is below a tolerance.
* `whitened`: y = (z - mean) factor for each component. The log-density is that of a standard
  Gaussian, and the moments are those of [1, y]. Nothing cancels, at up to four times the work.

A row that no component reaches (all its log-densities are -inf) belongs to all of them equally.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...arrays import Array, namespace


class Density(NamedTuple):
    """Parameters of the weighted log-densities of k components; arrays of the widest float.

    Where `theta` is None, rows are whitened by `means` and `factors`. Of the form 'full', these are
    also given beside `theta`, for kernels that can tell from them which components are far away.
    """

    form: str  # 'full', 'diag' or 'linear': the form of the moments and of the factors
    center: Array  # (d,)
    scale: Array  # (d,)
    theta: Any = None  # (k, number of features)
    constants: Any = None  # (k,), log-density at the mean
    means: Any = None  # (k, d)
    factors: Any = None  # (k, d, d), or (k, d) for 'diag'; None for unit matrices


class Spread(NamedTuple):
    """Sums and extremes of rows about a centre; those of blocks are added by +."""

    weight: Any  # 0-d
    sums: Array  # (d,) weighted sums of x - center
    squares: Array  # (d,) of their squares
    largest: Array  # (d,) largest |x - center| of rows whose weight is above zero

    def __add__(self, other: Any) -> Spread:
        largest = namespace(self.largest).maximum(self.largest, other.largest)
        return Spread(
            self.weight + other.weight,
            self.sums + other.sums,
            self.squares + other.squares,
            largest,
        )


class Statistics(NamedTuple):
    """Sums over rows that an M step needs; those of blocks add up."""

    moments: Array  # (k, number of features): weighted sums of features, u = [1, z] or [1, y]
    log_likelihood: Any  # 0-d, weighted sum over rows
    entropy: Any  # 0-d, weighted sum of r log(r) over rows and components

    def __add__(self, other: Any) -> Statistics:
        return Statistics(*(a + b for a, b in zip(self, other, strict=True)))


@cache
def features(form: str, d: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of indices in u = [1, z] whose products are the features of a row."""
    if form == "full":
        first, second = np.triu_indices(d + 1)
        return first, second
    axes = np.arange(1, d + 1)
    ones = np.zeros(d + 1, dtype=axes.dtype)
    if form == "diag":
        return np.concatenate((ones, axes)), np.concatenate((ones[:1], axes, axes))
    return ones, np.concatenate((ones[:1], axes))


class MixtureKernels(Protocol):
    def spread(self, X: Array, w: Array | None, center: Array) -> Spread:
        """Sums, squares and extremes of the columns about a centre (d,)."""

    def piece_rows(self, density: Density) -> int:
        """Rows per piece; statistics of pieces are added up one after another."""

    def statistics(self, X: Array, w: Array | None, density: Density) -> Statistics:
        """Log-likelihood and moments of the rows under their own responsibilities.

        Rows of weight zero are ignored, whatever their values.
        """

    def moments(self, X: Array, R: Array, density: Density) -> Statistics:
        """Moments about `density.means` under given responsibilities R (n, k).

        `factors` and `constants` are not read.
        """

    def assign(self, X: Array, density: Density) -> tuple[Array, Array]:
        """Log-likelihood (n,) and component (n,) int32 of each row; `theta` is not read."""

    def responsibilities(self, X: Array, density: Density) -> Array:
        """Responsibilities (n, k) of the components for each row; `theta` is not read."""
