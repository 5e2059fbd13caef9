"""Connected regions of equal labels, and merging small ones into their neighbours."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def regions(labels: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of regions of equal labels connected by pixel sides, and the region of every pixel."""
    places = np.arange(labels.size).reshape(labels.shape)
    first, second = _borders(places)
    same = labels.ravel()[first] == labels.ravel()[second]
    first, second = first[same], second[same]
    graph = coo_array((np.ones(len(first), np.bool_), (first, second)), shape=2 * (labels.size,))
    n, found = connected_components(graph, directed=False)
    return n, found.reshape(labels.shape)


def merge_small_regions(labels: np.ndarray, means: np.ndarray, min_size: int) -> np.ndarray:
    """The labels after regions of fewer than `min_size` pixels have joined adjacent ones.

    Parameters
    ----------
    labels : ndarray of shape (height, width)
    means : ndarray of shape (k, c)
        Means of the labels. Of the adjacent regions that are larger, or as large and earlier, a
        region joins the one with the nearest mean.
    min_size : int
    """
    while True:
        n, found = regions(labels)
        sizes = np.bincount(found.ravel(), minlength=n)
        if n == 1 or sizes.min() >= min_size:
            return labels
        own = np.empty(n, labels.dtype)
        own[found.ravel()] = labels.ravel()
        first, second = _borders(found)
        pairs = np.unique(np.stack([first, second], axis=1)[first != second], axis=0)
        pairs = np.concatenate([pairs, pairs[:, ::-1]])
        mine, other = pairs.T
        # an order without ties, or regions could exchange their labels forever
        larger = (sizes[other] > sizes[mine]) | (sizes[other] == sizes[mine]) & (other < mine)
        mine, other = (side[larger & (sizes[mine] < min_size)] for side in (mine, other))
        apart = np.square(means[own[mine]] - means[own[other]]).sum(axis=1)
        order = np.lexsort((other, apart, mine))
        nearest = order[np.unique(mine[order], return_index=True)[1]]
        joined = own.copy()
        joined[mine[nearest]] = own[other[nearest]]
        labels = joined[found]


def _borders(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of all pairs of pixels that share a side."""
    first = np.concatenate([values[:, :-1].ravel(), values[:-1].ravel()])
    return first, np.concatenate([values[:, 1:].ravel(), values[1:].ravel()])
