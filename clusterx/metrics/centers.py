"""Scores of a clustering from its centres, in two passes over rows in or out of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array, asarray, concat, device, host_floats, namespace, to_host
from ..blocks import TILE, one_hot, row_blocks
from ..kernels.statistics import SUMMARY_VALUES
from ..validation import real_array
from .distance_sums import off_means, spans
from .labelled import Labelled, checked_rows

#: Distances of at most this many units in the last place of the coordinates count as rounding.
ROUNDING = 512


def calinski_harabasz_score(X: Any, labels: Any) -> float:
    """Variance between clusters divided by variance within them, each per degree of freedom.

    Parameters
    ----------
    X : array, CSR matrix or Blocks of shape (n, d)
    labels : array-like of shape (n,)
        Clusters: numbers or strings, on any device.

    Returns
    -------
    float
        At least 0, larger for clusters that are small and far apart; 1 if all rows of each cluster
        coincide, as in scikit-learn.

    Raises
    ------
    ValueError
        Fewer than 2 labels or as many as rows; NaN or infinity in X.

    Notes
    -----
    Sums are float64, over fixed blocks of rows, so that threads and the blocks of `Blocks` do not
    change the result.

    References
    ----------
    Caliński and Harabasz, "A dendrite method for cluster analysis", Communications in Statistics
    3, 1974.

    Examples
    --------
    >>> from clusterx.metrics import calinski_harabasz_score
    >>> calinski_harabasz_score([[0.0], [1.0], [5.0], [7.0]], [0, 0, 1, 1])
    24.2
    """
    points = _labelled("calinski_harabasz_score", X, labels)
    xp, counts = points.xp, points.counts
    with np.errstate(invalid="ignore", over="ignore"):
        means, own = _means(points)
        apart = (means - xp.sum(counts[:, None] * means, axis=0) / points.n) ** 2
        between = xp.sum(counts * xp.sum(apart, axis=1))
        within = namespace(own).sum(own)
    between, within = points.check_sums(between, within)
    if within == 0:
        return 1.0
    return between * (points.n - points.k) / (within * (points.k - 1))


def davies_bouldin_score(X: Any, labels: Any) -> float:
    """Mean over clusters of the worst ratio of two extents to the distance between the centres.

    The extent of a cluster is the mean distance of its rows to its centre. The ratio of
    two clusters is the sum of their extents over the distance between their centres.

    Parameters
    ----------
    X : array, CSR matrix or Blocks of shape (n, d)
    labels : array-like of shape (n,)
        Clusters: numbers or strings, on any device.

    Returns
    -------
    float
        At least 0, smaller for clusters that are small and far apart. Pairs of clusters whose
        centres coincide are left out; 0 if all extents, or all distances between centres, are
        within rounding.

    Raises
    ------
    ValueError
        Fewer than 2 labels or as many as rows; NaN or infinity in X.

    Notes
    -----
    Rounding means up to 512 units in the last place of the largest norm of a centre. scikit-learn
    treats values up to 1e-8 as zero, whatever the scale of X.

    References
    ----------
    Davies and Bouldin, "A cluster separation measure", IEEE Trans. PAMI 1(2), 1979.

    Examples
    --------
    >>> from clusterx.metrics import davies_bouldin_score
    >>> davies_bouldin_score([[0.0], [1.0], [5.0], [7.0]], [0, 0, 1, 1])
    0.2727272727272727
    """
    points = _labelled("davies_bouldin_score", X, labels)
    xp, counts = points.xp, points.counts
    with np.errstate(invalid="ignore", over="ignore"):
        means = sums_by_label(points) / counts[:, None]
        own = assigned_squared_distances(points, means, points.codes)
        add_up = points.kernels.reductions.sum_rows_by_label
        sums = points.rows.reduce_along(_lengths, add_up, points.k, along=(own, points.codes))
        extents = sums[:, 0] / counts
        rounding = ROUNDING * float(xp.finfo(points.wide).eps)
        least = rounding * xp.sqrt(xp.max(xp.sum(means * means, axis=1)))
        worst = concat(
            _worst_ratios(points, means, extents, least, a, b)
            for a, b in spans(points.k, points.k, TILE)
        )
        score = xp.where(xp.max(extents) > least, xp.mean(worst), xp.zeros_like(least))
    # comparisons with NaN are false, so check the sum
    score, _ = points.check_sums(score, xp.sum(extents))
    return score


def _worst_ratios(
    points: Labelled, means: Array, extents: Array, least: Array, a: int, b: int
) -> Array:
    """For clusters a..b, the largest sum of two extents over the distance between the centres."""
    xp = points.xp
    apart = xp.sqrt(points.kernels.distances.squared_distances(means[a:b, :], means))
    some = apart > least
    both = extents[a:b, None] + extents[None, :]
    ratios = both / xp.where(some, apart, xp.ones_like(apart))
    return xp.max(xp.where(some, ratios, xp.zeros_like(ratios)), axis=1)


def simplified_silhouette_samples(X: Any, labels: Any, *, centers: Any = None) -> Array:
    """Silhouettes from distances to centres: how much nearer a row is to its own than to the next.

    The value is (b - a) / max(a, b), where a is the distance of a row to the centre of its cluster
    and b the least distance to another centre. Time grows with rows times clusters, whereas that of
    `silhouette_samples` grows with pairs of rows.

    Parameters
    ----------
    X : array, CSR matrix or Blocks of shape (n, d)
    labels : array-like of shape (n,)
        Clusters: numbers or strings, on any device. With `centers`, the row number of each
        cluster's centre.
    centers : array of shape (k, d), optional
        Centres of the clusters; their means by default.

    Returns
    -------
    array of shape (n,)
        On the device of X, float64 if it has that. In [-1, 1], and at least 0 if all rows have the
        label of their nearest centre. The only row of a cluster scores 0, as in
        `silhouette_samples`.

    Raises
    ------
    ValueError
        Fewer than 2 labels or as many as rows; NaN or infinity in X; centres with another number of
        columns, or labels that are not row numbers of `centers`.

    References
    ----------
    Hruschka, de Castro and Campello, "Evolutionary algorithms for clustering gene-expression
    data", ICDM 2004. Vendramin, Campello and Hruschka, "Relative clustering validity criteria: a
    comparative overview", Statistical Analysis and Data Mining 3(4), 2010.

    Examples
    --------
    >>> from clusterx.metrics import simplified_silhouette_samples
    >>> simplified_silhouette_samples([[0.0], [1.0], [5.0], [7.0]], [0, 0, 1, 1])
    array([0.91666667, 0.9       , 0.77777778, 0.84615385])
    """
    return _simplified("simplified_silhouette_samples", X, labels, centers)


def simplified_silhouette_score(X: Any, labels: Any, *, centers: Any = None) -> float:
    """Mean of the simplified silhouettes of all rows.

    Parameters
    ----------
    X, labels, centers
        As in `simplified_silhouette_samples`.

    Returns
    -------
    float
        In [-1, 1]; 1 for clusters that are small and far apart.

    Raises
    ------
    ValueError
        As in `simplified_silhouette_samples`.

    References
    ----------
    Vendramin, Campello and Hruschka, "Relative clustering validity criteria: a comparative
    overview", Statistical Analysis and Data Mining 3(4), 2010.

    Examples
    --------
    >>> from clusterx.metrics import simplified_silhouette_score
    >>> round(simplified_silhouette_score([[0.0], [1.0], [5.0], [7.0]], [0, 0, 1, 1]), 6)
    0.86015
    """
    found = _simplified("simplified_silhouette_score", X, labels, centers)
    return host_floats(namespace(found).mean(found))[0]


def _simplified(name: str, X: Any, labels: Any, centers: Any) -> Array:
    points = _labelled(name, X, labels)
    with np.errstate(invalid="ignore", over="ignore"):
        if centers is None:
            C, own = _means(points)
            codes, sizes = points.codes, points.counts
        else:
            C, codes, sizes = _given_centers(points, centers)
            own = assigned_squared_distances(points, C, codes)
        xp = namespace(own)
        points.check_sums(xp.sum(own))
        measure = points.kernels.distances.distances

        return points.rows.map(_margins, C, sizes, measure, along=(codes, xp.sqrt(own)))


def _margins(
    X: Array, codes: Array, own: Array, C: Array, sizes: Array, measure: Callable
) -> Array:
    """Simplified silhouettes of rows, given their distances to their own centre.

    They are computed in pieces so short that their distances to all centres fit a tile.
    """
    found, a = [], 0
    for tile in row_blocks(X, C.shape[0]):
        b = a + tile.shape[0]
        found.append(_margins_of_tile(measure(tile, C), codes[a:b], own[a:b], sizes))
        a = b
    return concat(found)


def _margins_of_tile(D: Array, codes: Array, own: Array, sizes: Array) -> Array:
    xp = namespace(D)
    far = xp.full((), xp.inf, dtype=D.dtype, device=device(D))
    next_best = xp.min(xp.where(one_hot(codes, D.shape[1], xp.bool), far, D), axis=1)
    most = xp.maximum(own, next_best)
    found = (next_best - own) / xp.where(most > 0, most, xp.ones_like(most))
    return xp.where(xp.take(sizes, codes) > 1, found, xp.zeros_like(found))


def _lengths(squared: Array, codes: Array, add_up: Callable, k: int) -> Array:
    """Sums (k, 1) of the distances of rows by their clusters."""
    return add_up(namespace(squared).sqrt(squared)[:, None], codes, k)


def _means(points: Labelled) -> tuple[Array, Array]:
    """Means of the clusters, and the squared distance of each row to its own."""
    xp = points.xp
    means = sums_by_label(points) / points.counts[:, None]
    own = assigned_squared_distances(points, means, points.codes)
    within, size = host_floats(namespace(own).sum(own), xp.max(xp.abs(means)))
    rounding = (ROUNDING + points.n) * float(xp.finfo(points.wide).eps) * size
    if not within <= points.n * rounding * rounding:
        return means, own
    # rows coincide, or nearly so: the remaining distances may be rounding
    means = means + off_means(points, _summed_pieces(points), means)
    return means, assigned_squared_distances(points, means, points.codes)


def _given_centers(points: Labelled, centers: Any) -> tuple[Array, Array, Array]:
    """The centres, the index of each row's centre, and the number of rows per centre."""
    xp = points.xp
    C = real_array("centers", centers)
    C = xp.astype(asarray(C, like=points.like), points.wide, copy=False)
    k = C.shape[0]
    if C.ndim != 2 or C.shape[1] != points.X.shape[1] or k < 2:
        raise ValueError(
            f"centers must have shape (k, {points.X.shape[1]}), one row per cluster, at least two; "
            f"got {tuple(C.shape)}."
        )
    largest = host_floats(xp.max(xp.abs(C)))[0]
    if not largest < float(xp.finfo(points.wide).max) ** 0.5 / (4 * points.n):
        raise ValueError(f"centers contains NaN, infinity or too large values: {largest:.3g}.")
    places = to_host(points.classes)
    if places.dtype.kind not in "biu" or places.min() < 0 or places.max() >= k:
        raise ValueError(
            f"With centers, labels must be whole numbers from 0 to {k - 1}, the rows of centers; "
            f"got {places[0]!r} to {places[-1]!r}. Drop noise (-1) first, or leave centers out."
        )
    places = places.astype(np.int32)
    sizes = np.zeros(k)
    sizes[places] = points.sizes
    codes = xp.take(asarray(places, like=points.like, dtype=xp.int32), points.codes)
    return C, codes, points.beside(sizes)


def _labelled(name: str, X: Any, labels: Any) -> Labelled:
    # NaN and infinity are detected in the sums
    points = Labelled(name, checked_rows(name, X, blocks=True, finite=False), labels)
    points.check_number_of_labels()
    return points


def sums_by_label(points: Labelled) -> Array:
    """Sums (k, d) of the rows of each cluster; the blocks of Blocks do not change their bits."""
    rows = points.rows
    add_up = points.kernels.reductions.sum_rows_by_label
    return rows.reduce(add_up, points.k, along=(points.codes,), height=_height(rows.d))


def _height(d: int) -> int:
    """Number of rows of the pieces in which kernels sum an array of d columns."""
    return max(1, SUMMARY_VALUES // d)


def _summed_pieces(points: Labelled) -> Iterator[tuple[Array, Array]]:
    """Pieces of rows, as kernels cut an array to sum them, and their clusters."""
    height = _height(points.rows.d)
    for piece, codes in points.rows.pieces(height, (points.codes,)):
        for a in range(0, piece.shape[0], height):
            b = min(a + height, piece.shape[0])
            yield piece[a:b, :], codes[a:b]


def assigned_squared_distances(points: Labelled, C: Array, codes: Array) -> Array:
    """Squared distance (n,) of every row to the centre that its code names."""
    measure = points.kernels.distances.assigned_squared_distances
    return points.rows.map(_assigned, C, measure, along=(codes,))


def _assigned(X: Array, codes: Array, C: Array, measure: Callable) -> Array:
    return measure(X, C, codes)
