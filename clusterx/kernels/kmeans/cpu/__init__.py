"""Steps of k-means for NumPy arrays and CSR matrices: which of them suits the rows."""

from __future__ import annotations

import numpy as np

from ...cpu.boxes.candidates import TREE_DIMENSIONS
from ...cpu.fixed_point import Grid
from ...distances.cpu.sparse import distances_to
from . import centers, seeds, sparse
from .batches import minibatch
from .centers import update
from .plain import PlainStep, few, stands_in
from .screened import ScreenedStep
from .seeds import draw
from .tree import TreeStep

__all__ = ["draw", "grid", "lloyd_stats", "minibatch", "scatter", "seeding", "update"]

grid = Grid.of


def lloyd_stats(X, w, grid, once=False, k=None):
    """The step that suits the shape of X."""
    if not isinstance(X, np.ndarray):
        return sparse.SparseStep(X, w, grid)
    n, d = X.shape
    if d > TREE_DIMENSIONS:
        return ScreenedStep(X, w, grid, once)
    if once or few(n, k):
        return PlainStep(X, w, grid)
    if stands_in(X, w, k):
        return PlainStep(X, w, grid, stands_in=True)
    return TreeStep(X, w, grid)


def seeding(X, w, step=None):
    if isinstance(X, np.ndarray):
        return seeds.seeding(X, w, step)
    return sparse.seeding(X, w, step)


def scatter(X, w, c):
    return centers.scatter(X, w, c) if isinstance(X, np.ndarray) else w * distances_to(X, c)
