"""Silhouettes: how much nearer rows are to their own cluster than to the next."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..arrays import (
    Array,
    asarray,
    concat,
    device,
    host_floats,
    is_lazy,
    namespace,
    on_host,
    to_host,
)
from ..blocks import TILE, one_hot
from ..rows import Rows
from .distance_sums import (
    DEVICE_METRICS,
    labelled_rows,
    reduce_sums,
    spans,
)
from .labelled import Labelled, check_same_length, checked_rows
from .labels import check_labels


def silhouette_samples(X: Any, labels: Any, *, metric: Any = "euclidean", **kwds: Any) -> Array:
    """Silhouette coefficient of each row: how much nearer its own cluster is than the next.

    The coefficient is (b - a) / max(a, b), where a is the mean distance of a row to the other rows
    of its cluster and b the least mean distance to the rows of another cluster. Each pair of rows
    is measured once, in tiles, so that memory grows with rows and columns, never with pairs.

    Parameters
    ----------
    X : array, CSR matrix of shape (n, d), or of shape (n, n) if precomputed
        Rows; or their distances, with zeros on the diagonal. In a sparse matrix of distances,
        entries that are not stored are zero.
    labels : array-like of shape (n,)
        Clusters: numbers or strings, on any device. Noise (-1) is a cluster like any other.
    metric : str or callable, default='euclidean'
        Any metric of `sklearn.metrics.pairwise_distances`, or ``'precomputed'``. On a device:
        euclidean, manhattan, chebyshev, sqeuclidean, cosine and precomputed. The time for
        ``'sqeuclidean'`` and ``'cosine'`` grows with rows times clusters, not with pairs.
    **kwds
        Passed to the distance function.

    Returns
    -------
    array of shape (n,)
        In [-1, 1], on the device of X, float64 if it has that. The only row of a cluster scores 0.

    Raises
    ------
    ValueError
        Fewer than 2 labels or as many as rows; NaN or infinity in X; distances that are not zero
        on the diagonal; a metric that is not available on the device of X.
    TypeError
        X is `Blocks`, but all pairs of rows are needed.

    Notes
    -----
    Sums are float64, with the same bits on any number of threads. Distances are float64 too, with
    one exception: for NumPy arrays of more than 2048 float32 rows and more than 8 columns, they
    come from float32 products of centred rows. Where that loses digits, they are recomputed in
    float64; coefficients are within about 1e-7 of float64.

    References
    ----------
    Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster
    analysis", J. Comput. Appl. Math. 20, 1987.

    Examples
    --------
    >>> from clusterx.metrics import silhouette_samples
    >>> silhouette_samples([[0.0], [1.0], [5.0], [7.0]], [0, 0, 1, 1])
    array([0.83333333, 0.8       , 0.55555556, 0.69230769])
    """
    return _silhouettes("silhouette_samples", X, labels, metric, kwds)


def silhouette_score(
    X: Any,
    labels: Any,
    *,
    metric: Any = "euclidean",
    sample_size: int | None = None,
    random_state: Any = None,
    **kwds: Any,
) -> float:
    """Mean silhouette coefficient of all rows, or of a random sample of them.

    Parameters
    ----------
    X, labels, metric, **kwds
        As in `silhouette_samples`. With `sample_size`, X may be `Blocks`.
    sample_size : int, optional
        Compare only this many rows, drawn without replacement.
    random_state : int, RandomState or None
        For the sample; the same rows are drawn as in scikit-learn.

    Returns
    -------
    float
        In [-1, 1]; 1 for clusters that are small and far apart.

    Raises
    ------
    ValueError, TypeError
        As in `silhouette_samples`; or `sample_size` is not a positive whole number.

    See Also
    --------
    silhouette_samples : the coefficient of each row.
    simplified_silhouette_score : From distances to centres, for any number of rows.

    References
    ----------
    Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster
    analysis", J. Comput. Appl. Math. 20, 1987.

    Examples
    --------
    >>> from clusterx.metrics import silhouette_score
    >>> round(silhouette_score([[0.0], [1.0], [5.0], [7.0]], [0, 0, 1, 1]), 6)
    0.720299
    """
    name = "silhouette_score"
    if sample_size is not None:
        X, labels = _sample(name, X, labels, metric, sample_size, random_state)
    found = _silhouettes(name, X, labels, metric, kwds)
    return host_floats(namespace(found).mean(found))[0]


def _sample(
    name: str, X: Any, labels: Any, metric: Any, size: Any, random_state: Any
) -> tuple[Any, Array]:
    """A sample of the rows of X and labels, drawn as in scikit-learn."""
    if not isinstance(size, numbers.Integral) or isinstance(size, bool) or size < 1:
        raise ValueError(
            f"The 'sample_size' parameter of {name} must be a whole number of at least 1 or None; "
            f"got {size!r}."
        )
    precomputed = isinstance(metric, str) and metric == "precomputed"
    X = checked_rows(name, X, sparse=True, blocks=not precomputed, finite=False)
    labels = check_labels("labels", labels)
    check_same_length(X.shape[0], labels.shape[0])
    chosen = check_random_state(random_state).permutation(X.shape[0])[:size]
    labels = taken(labels, chosen)
    if isinstance(X, Rows):
        return X.take(chosen), labels
    X = X[chosen] if hasattr(X, "indptr") else taken(X, chosen)
    if precomputed:
        X = X[:, chosen] if on_host(X) else namespace(X).take(X, asarray(chosen, like=X), axis=1)
    return X, labels


def taken(values: Array, rows: np.ndarray) -> Array:
    """Rows of an array, on its device."""
    if is_lazy(values):
        return to_host(values[rows])
    if on_host(values):
        return np.asarray(values)[rows]
    return namespace(values).take(values, asarray(rows, like=values), axis=0)


def _silhouettes(name: str, X: Any, labels: Any, metric: Any, kwds: dict[str, Any]) -> Array:
    points = labelled_rows(name, X, labels, metric, kwds, DEVICE_METRICS)
    xp = points.xp

    def of_rows(a: int, b: int, sums: Array) -> tuple[Array]:
        parts = [
            _coefficients(points, points.codes[a + p : a + q], sums[p:q, :])
            for p, q in spans(b - a, points.k, TILE)
        ]
        return (concat(parts),)

    with np.errstate(invalid="ignore", over="ignore"):
        found = concat(part for (part,) in reduce_sums(points, metric, kwds, of_rows))
    if not host_floats(xp.all(xp.isfinite(found)))[0]:
        raise ValueError(
            f"The distances between rows of X are not finite: {name} can't compare them. Scale X "
            "if its values are very large, and check that the metric is defined for all rows."
        )
    return found


def _coefficients(points: Labelled, codes: Array, sums: Array) -> Array:
    """Silhouettes of rows from the sums of their distances to each cluster."""
    xp, counts = points.xp, points.counts
    size = xp.take(counts, codes)
    others = xp.where(size > 1, size - 1, xp.ones_like(size))
    own = xp.astype(codes, xp.int64)[:, None]
    within = xp.take_along_axis(sums, own, axis=1)[:, 0] / others
    far = xp.full((), xp.inf, dtype=sums.dtype, device=device(sums))
    is_own = one_hot(codes, points.k, xp.bool)
    nearest = xp.min(xp.where(is_own, far, sums / counts[None, :]), axis=1)
    most = xp.maximum(within, nearest)
    found = (nearest - within) / xp.where(most > 0, most, xp.ones_like(most))
    return xp.where((size > 1) & (most != 0), found, xp.zeros_like(found))
