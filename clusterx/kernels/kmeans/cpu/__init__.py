"""Chooses the steps of k-means that suit the rows of a NumPy array or a CSR matrix."""

from __future__ import annotations

import numpy as np

from ...cpu.boxes.candidates import TREE_DIMENSIONS
from ...cpu.fixed_point import Scales
from ...distances.cpu.sparse import distances_to
from . import centers, seeds, sparse
from .batches import minibatch
from .bounded import BoundedStep
from .centers import update_centers
from .draws import sample_rows
from .plain import PlainStep, few, stands_in
from .screened import ScreenedStep
from .tree import TreeStep

__all__ = [
    "lloyd_stats",
    "minibatch",
    "sample_rows",
    "seeding",
    "sum_scales",
    "update_centers",
    "weighted_deviations",
]

sum_scales = Scales.of


def lloyd_stats(X, w, scales, single_use=False, k=None, rests=False, within=None):
    """The step that suits the shape of X."""
    if not isinstance(X, np.ndarray):
        return sparse.SparseStep(X, w, scales)
    n, d = X.shape
    if d > TREE_DIMENSIONS:
        return ScreenedStep(X, w, scales, single_use, k, rests, within)
    if single_use or few(n, k):
        return PlainStep(X, w, scales)
    if rests:
        return BoundedStep(X, w, scales, rests)
    if stands_in(X, w, k):
        return PlainStep(X, w, scales, stands_in=True)
    return TreeStep(X, w, scales)


def seeding(X, w, step=None):
    if isinstance(X, np.ndarray):
        return seeds.seeding(X, w, step)
    return sparse.seeding(X, w, step)


def weighted_deviations(X, w, c):
    return (
        centers.weighted_deviations(X, w, c)
        if isinstance(X, np.ndarray)
        else w * distances_to(X, c)
    )
