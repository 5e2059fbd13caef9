"""Labels of whole clusters from labels of a few rows."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.utils import column_or_1d

from ..arrays import Array, asarray, is_array, namespace, on_host, to_host
from ..rows import InMemory, Rows


def representatives(model: Any, X: Any) -> Array:
    """The row of each cluster that is nearest to its centre: the rows to label by hand.

    Parameters
    ----------
    model : estimator
        Fitted, with `cluster_centers_` or `means_`; or with `labels_` of X, whose means are taken.
    X : array or CSR matrix of shape (n, d)

    Returns
    -------
    array of shape (k,)
        Indices of rows of X, int64, on the device of X; the lowest of equally near ones. A cluster
        without rows in X gets the nearest of all rows. With `labels_` alone, in the order of the
        labels, without noise.

    Raises
    ------
    ValueError
        The model has no clusters, or X and its centres differ in their number of columns.

    Examples
    --------
    >>> from clusterx import KMeans, representatives
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]
    >>> model = KMeans(2, random_state=0).fit(X)
    >>> sorted(representatives(model, X).tolist())
    [1, 4]
    """
    rows = _rows_of(X)
    centers, labels = _clusters(model, X, rows)
    xp = rows.xp
    names = np.arange(centers.shape[0])
    empty = asarray(~np.isin(names, labels), like=rows.like)
    clusters, labels = (asarray(a.astype(np.int64), like=rows.like) for a in (names, labels))
    best: Any = None
    for first, block in _numbered(rows):
        squares = rows.kernels.distances.squared_distances(block, centers)
        # a row nearest to a centre may belong to another one, which is nearer still
        own = labels[first : first + block.shape[0]][:, None] == clusters[None, :]
        squares = xp.where(own | empty[None, :], squares, xp.full_like(squares, xp.inf))
        at = xp.argmin(squares, axis=0)
        least = xp.take_along_axis(squares, at[None, :], axis=0)[0, :]
        at = xp.astype(at, xp.int64) + first
        if best is not None:
            at = xp.where(least < best[0], at, best[1])
            least = xp.minimum(least, best[0])
        best = least, at
    return best[1]


def propagate_labels(clusterer: Any, X: Any, y_partial: Any, *, percentile: float = 100.0) -> Any:
    """Give all rows of a cluster the label of its labelled rows.

    Parameters
    ----------
    clusterer : estimator
        Fitted, with `cluster_centers_` or `means_`; or with `labels_` of X, whose means are taken.
    X : array or CSR matrix of shape (n, d)
    y_partial : array of shape (n,)
        Labels, for instance of the rows from `representatives`; -1 for rows without a label.
    percentile : float, default=100.0
        Only rows up to this percentile of the distances to the centre of their cluster get its
        label; rows farther out stay at -1. Given labels never change.

    Returns
    -------
    array of shape (n,)
        Labels in the dtype of `y_partial`, on the device of X; -1 for rows that are left out, and
        for clusters without a label. If the labels in a cluster differ, the most frequent one is
        used; ties go to the label of the row nearest to the centre.

    Raises
    ------
    ValueError
        `y_partial` does not have an entry per row, or `percentile` is not between 0 and 100.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import KMeans, propagate_labels, representatives
    >>> X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    >>> model = KMeans(2, random_state=0).fit(X)
    >>> y = np.full(6, -1)
    >>> y[representatives(model, X)] = [3, 7]
    >>> len(set(propagate_labels(model, X, y).tolist()))
    2
    """
    real = isinstance(percentile, numbers.Real) and not isinstance(percentile, bool)
    if not real or not 0 <= percentile <= 100:
        raise ValueError(f"percentile must be a number between 0 and 100; got {percentile!r}.")
    rows = _rows_of(X)
    centers, labels = _clusters(clusterer, X, rows)
    y = column_or_1d(to_host(y_partial) if is_array(y_partial) else np.asarray(y_partial))
    if len(y) != rows.n:
        raise ValueError(
            f"y_partial has {len(y)} entries, but X has {rows.n} rows. Pass one label per row, -1 "
            "for none."
        )
    inside = np.flatnonzero(labels >= 0)
    squares = np.full(rows.n, np.inf)
    own = asarray(np.maximum(labels, 0).astype(np.int32), like=rows.like)
    squares[inside] = to_host(
        rows.kernels.distances.assigned_squared_distances(rows.stored, centers, own)
    )[inside]
    found = y.copy()
    for c in np.unique(labels[inside]):
        members = np.flatnonzero(labels == c)
        marked = members[y[members] != -1]
        if not len(marked):
            continue
        away = np.sqrt(squares[members])
        near = members[away <= np.percentile(away, float(percentile))]
        found[near[y[near] == -1]] = _most_frequent(y[marked], squares[marked])
    numeric = found.dtype.kind in "biuf"
    return found if on_host(rows.like) or not numeric else asarray(found, like=rows.like)


def _most_frequent(labels: np.ndarray, squares: np.ndarray) -> Any:
    found, place = np.unique(labels, return_inverse=True)
    counts = np.bincount(place)
    nearest = np.full(len(found), np.inf)
    np.minimum.at(nearest, place, squares)
    return found[np.lexsort((nearest, -counts))[0]]


def _rows_of(X: Any) -> Rows:
    if hasattr(X, "tocsr"):
        return InMemory(X.tocsr().astype(np.float64))
    X = np.asarray(X) if on_host(X) else X
    xp = namespace(X)
    if not xp.isdtype(X.dtype, "real floating"):
        X = xp.astype(X, xp.float64)
    return InMemory(np.ascontiguousarray(X) if on_host(X) else X)


def _numbered(rows: Rows):
    first = 0
    for (block,) in rows.dense_pieces():
        yield first, block
        first += block.shape[0]


def _clusters(model: Any, X: Any, rows: Rows) -> tuple[Array, np.ndarray]:
    """Centres (k, d) on the device of the rows, and labels on the host; -1 for none."""
    centers = getattr(model, "cluster_centers_", getattr(model, "means_", None))
    if centers is not None:
        labels = to_host(model.predict(X))
        centers = centers.toarray() if hasattr(centers, "toarray") else centers
        return rows.xp.asarray(asarray(centers, like=rows.like), dtype=rows.dtype), labels
    labels = to_host(model.labels_).astype(np.int64)
    names = np.unique(labels[labels >= 0])
    if not len(names) or len(labels) != rows.n:
        raise ValueError(
            f"{type(model).__name__} has no clusters, or labels_ of {len(labels)} other rows than "
            f"the {rows.n} of X. Fit it to X."
        )
    code = np.where(labels >= 0, np.searchsorted(names, labels), len(names))
    on_device = asarray(code.astype(np.int32), like=rows.like)
    k = len(names) + 1  # the last one is noise
    sums = rows.kernels.reductions.sum_rows_by_label(rows.stored, on_device, k)[: k - 1, :]
    counts = asarray(np.bincount(code, minlength=k)[: k - 1].astype(np.float64), like=rows.like)
    means = sums / rows.xp.astype(counts, sums.dtype)[:, None]
    return rows.xp.astype(means, rows.dtype), np.where(labels >= 0, code, -1)
