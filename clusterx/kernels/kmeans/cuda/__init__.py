"""Steps of k-means for CuPy arrays."""

from ...distances.cuda.to_centers import distances_to
from .batches import Batch
from .lloyd import LloydStep, sum_scales, update_centers
from .seeds import Seeding, sample_rows

__all__ = [
    "lloyd_stats",
    "minibatch",
    "sample_rows",
    "seeding",
    "sum_scales",
    "update_centers",
    "weighted_deviations",
]


def lloyd_stats(gpu, X, w, scales, single_use=False, k=None, rests=False, within=None):
    return LloydStep(gpu, X, w, scales)


def minibatch(gpu, X, k, batch_size):
    return Batch(gpu, X)


def seeding(gpu, X, w, step=None):
    return Seeding(gpu, X, w)


def weighted_deviations(gpu, X, w, c):
    squared = distances_to(gpu, X, c)
    return squared * gpu.xp.astype(w, squared.dtype, copy=False)
