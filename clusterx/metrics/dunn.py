"""Dunn's index, from the least and largest distances between rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

from ..arrays import Array, host_floats
from ..blocks import TILE
from .distance_sums import (
    KERNEL_METRICS,
    check_entries,
    check_precomputed,
    is_tuned,
    labelled_rows,
    spans,
)
from .labelled import Labelled


def dunn_index(X: Any, labels: Any, *, metric: Any = "euclidean", **kwds: Any) -> float:
    """Dunn's index: the least distance between clusters over the largest within a cluster.

    The distance between two clusters is that of their nearest rows, and the extent of a cluster is
    the distance of its farthest rows. All pairs of rows are measured exactly, in tiles, without a
    matrix of all distances.

    Parameters
    ----------
    X : array, CSR matrix of shape (n, d), or of shape (n, n) if precomputed
        Rows, or their distances with zeros on the diagonal (dense).
    labels : array-like of shape (n,)
        Clusters: numbers or strings, on any device.
    metric : str or callable, default='euclidean'
        Any metric of `sklearn.metrics.pairwise_distances`, or ``'precomputed'``. On a device:
        euclidean, manhattan, chebyshev and precomputed.
    **kwds
        Passed to the distance function.

    Returns
    -------
    float
        At least 0, larger for clusters that are small and far apart. 0 if rows of two clusters
        coincide, infinity if only those of one cluster do.

    Raises
    ------
    ValueError, TypeError
        As in `silhouette_samples`.

    Notes
    -----
    A single outlier can determine it, because it consists of extremes.

    References
    ----------
    Dunn, "Well-separated clusters and optimal fuzzy partitions", J. Cybernetics 4, 1974.

    Examples
    --------
    >>> from clusterx.metrics import dunn_index
    >>> dunn_index([[0.0], [1.0], [5.0], [7.0]], [0, 0, 1, 1])
    2.0
    """
    offered = (*KERNEL_METRICS, "precomputed")
    points = labelled_rows("dunn_index", X, labels, metric, kwds, offered)
    if is_tuned(points, metric, kwds):
        found = points.kernels.distances.min_between_max_within(
            points.X, points.codes, points.k, KERNEL_METRICS[metric]
        )
    else:
        found = _extremes(points, metric, kwds)
    least, most = host_floats(*found)
    if not np.isfinite([least, most]).all():
        raise ValueError(
            "The distances between rows of X are not finite: dunn_index can't compare them. Scale "
            "X if its values are very large, and check that the metric is defined for all rows."
        )
    if least == 0:
        return 0.0
    return least / most if most > 0 else float("inf")


def _extremes(points: Labelled, metric: Any, kwds: dict[str, Any]) -> tuple[Any, Any]:
    """The extremes of distances that kernels do not compute."""
    codes, xp = points.codes, points.xp
    extremes: list[tuple[Any, Any]] = []

    def look(D: Array, start: int) -> np.ndarray:
        for a, b in spans(D.shape[0], points.n, TILE):
            block = D[a:b, :]
            if checked:
                check_entries(points, block)
            same = codes[start + a : start + b, None] == codes[None, :]
            nothing = xp.zeros_like(block)
            least = xp.min(xp.where(same, nothing + xp.inf, block))
            extremes.append((least, xp.max(xp.where(same, block, nothing))))
        return np.zeros(D.shape[0])

    checked = isinstance(metric, str) and metric == "precomputed"
    if checked:
        if points.sparse:
            raise TypeError(
                "dunn_index takes precomputed distances as a dense array: call toarray()."
            )
        check_precomputed(points)
        look(points.X, 0)
    else:
        for _ in pairwise_distances_chunked(points.X, reduce_func=look, metric=metric, **kwds):
            pass
    least, most = zip(*extremes, strict=True)
    return xp.min(xp.stack(least)), xp.max(xp.stack(most))
