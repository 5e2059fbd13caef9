"""Steps of k-means for CuPy arrays."""

from ...distances.cuda.to_centers import distances_to
from .batches import Batch
from .lloyd import LloydStep, grid_of, update
from .seeds import Seeding, draw

__all__ = ["draw", "grid", "lloyd_stats", "minibatch", "scatter", "seeding", "update"]


grid = grid_of


def lloyd_stats(gpu, X, w, grid, once=False, k=None):
    return LloydStep(gpu, X, w, grid)


def minibatch(gpu, X, k, batch_size):
    return Batch(gpu, X)


def seeding(gpu, X, w, step=None):
    return Seeding(gpu, X, w)


def scatter(gpu, X, w, c):
    squared = distances_to(gpu, X, c)
    return squared * gpu.xp.astype(w, squared.dtype, copy=False)
