"""Swaps of medoids: which rows represent the others best."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from ...arrays import Array

#: A swap has to lower the loss by this share of it: less is rounding, of which there is no end.
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
        candidate takes the place of the medoid whose loss it lowers most, the first of equal ones.
        It ends when all candidates in a row lower nothing.

        Parameters
        ----------
        D : (n, m) distances of candidates, which are rows, to what they represent
        w : (m,) float64
        medoids : (k,) int64, candidates to begin with
        order : (c,) int64, in which candidates are looked at
        max_iter : most passes over `order`
        """
