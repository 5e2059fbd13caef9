"""Swaps of medoids: which rows represent the others best."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from ...arrays import Array

#: A swap must lower the loss by more than this share of it: smaller changes may be rounding, and
#: swaps by rounding need never end.
LEAST = 1e-11


class Swapped(NamedTuple):
    medoids: np.ndarray  # (k,) int64, on the host
    n_iter: int  # passes over the candidates


class MedoidKernels(Protocol):
    def eager_swaps(
        self, D: Array, w: Array, medoids: np.ndarray, order: np.ndarray, max_iter: int
    ) -> Swapped:
        """Medoids after swaps that lower the loss, each made as soon as it is found (FasterPAM).

        The loss is the weighted sum of distances of the columns to their nearest medoids. A
        candidate takes the place of the medoid whose replacement lowers the loss most, the first of
        equal ones. The search ends after a whole round of candidates that lower nothing.

        Parameters
        ----------
        D : (n, m) distances of candidates (rows) to the items that they represent (columns)
        w : (m,) float64
        medoids : (k,) int64, the medoids to begin with
        order : (c,) int64, candidates in the order in which they are tried
        max_iter : most passes over `order`
        """
