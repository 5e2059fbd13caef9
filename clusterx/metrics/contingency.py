"""Classes against clusters: the table, the best matching, and the majority class per cluster."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, asarray, is_lazy, namespace, on_host, to_host
from .labels import EncodedLabels, LabelCounts, coded_pair, count, tabulate


def contingency_matrix(
    labels_true: Any,
    labels_pred: Any,
    *,
    eps: float | None = None,
    sparse: bool = False,
    dtype: Any = np.int64,
) -> Any:
    """The number of samples of each class in each cluster.

    Parameters
    ----------
    labels_true : array-like of shape (n,)
        Classes, on any device.
    labels_pred : array-like of shape (n,)
        Clusters, on any device. If only one of the two is on a device, the other is moved there.
    eps : float, optional
        Added to every count, so that logarithms stay finite.
    sparse : bool, default=False
        Return a SciPy CSR matrix on the host, for thousands of classes and clusters.
    dtype : dtype, default=int64
        NumPy dtype of the counts; float64 if `eps` is given.

    Returns
    -------
    array of shape (n_classes, n_clusters), or CSR matrix
        Rows are the distinct labels of `labels_true` in ascending order, columns those of
        `labels_pred`. It is on the device of the labels, unless it is sparse.

    Raises
    ------
    ValueError
        `eps` is given with ``sparse=True``.

    Examples
    --------
    >>> from clusterx.metrics import contingency_matrix
    >>> contingency_matrix(["a", "a", "b", "b", "c", "c"], [1, 0, 2, 1, 0, 2])
    array([[1, 1, 0],
           [0, 1, 1],
           [1, 0, 1]])
    """
    if sparse and eps is not None:
        raise ValueError(
            "Cannot set 'eps' when sparse=True: added to every cell, it would leave none empty. "
            "Leave one of them out."
        )
    true, pred = coded_pair(labels_true, labels_pred)
    table = count(true, pred)
    if sparse:
        from scipy.sparse import csr_matrix

        starts = np.searchsorted(table.rows, np.arange(table.shape[0] + 1))
        return csr_matrix((table.counts.astype(dtype), table.columns, starts), shape=table.shape)
    dense = _dense(table, dtype) if eps is None else _dense(table, np.float64) + float(eps)
    return dense if is_lazy(true.codes) else asarray(dense, like=true.codes)


def _dense(table: LabelCounts, dtype: Any) -> np.ndarray:
    dense = np.zeros(table.shape, dtype=dtype)
    dense[table.rows, table.columns] = table.counts
    return dense


def cluster_accuracy(labels_true: Any, labels_pred: Any) -> float:
    """Accuracy under the best one-to-one matching of clusters with classes.

    The Hungarian method assigns one class to each cluster and one cluster to each class, so that
    the most samples are right. If there are more clusters than classes, samples of the remaining
    clusters count as wrong. Most papers mean this by "clustering accuracy".

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Classes and clusters of the same samples, on any device.

    Returns
    -------
    float
        In (0, 1]; 1 for the same clusters, and for no samples.

    See Also
    --------
    majority_labels : Several clusters may share a class.

    Notes
    -----
    The table of all classes and clusters is built on the host, and time grows with the cube of
    their number: thousands take seconds.

    References
    ----------
    H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research Logistics
    Quarterly 2, 1955. D. F. Crouse, "On implementing 2D rectangular assignment algorithms", IEEE
    Transactions on Aerospace and Electronic Systems 52, 2016.

    Examples
    --------
    >>> from clusterx.metrics import cluster_accuracy
    >>> cluster_accuracy(["x", "x", "y", "y"], [1, 1, 0, 1])
    0.75
    """
    from scipy.optimize import linear_sum_assignment

    table = tabulate(labels_true, labels_pred)
    if table.n == 0:
        return 1.0
    dense = _dense(table, np.float64)
    return int(dense[linear_sum_assignment(dense, maximize=True)].sum()) / table.n


def majority_labels(
    labels_true: Any, labels_pred: Any, *, return_mapping: bool = False
) -> Array | tuple[Array, dict[Any, Any]]:
    """The label of each sample if every cluster gets its most common class.

    Cluster numbers are arbitrary. This function turns them into predictions of the classes, for
    example for `sklearn.metrics.accuracy_score` and `confusion_matrix`.

    Parameters
    ----------
    labels_true : array-like of shape (n,)
        Classes, on any device.
    labels_pred : array-like of shape (n,)
        Clusters. Noise (-1) is a cluster like any other.
    return_mapping : bool, default=False
        Also return the class of each cluster, to label new samples.

    Returns
    -------
    labels : array of shape (n,)
        In the dtype of `labels_true`; ties go to the lowest class. On the device of the labels if
        either is on one, except for strings, which stay on the host.
    mapping : dict
        Cluster to class, as Python values. Only with `return_mapping`.

    See Also
    --------
    cluster_accuracy : Each class gets at most one cluster.

    Examples
    --------
    >>> from clusterx.metrics import majority_labels
    >>> labels, mapping = majority_labels(
    ...     ["cat", "cat", "dog", "dog"], [7, 7, 7, 3], return_mapping=True
    ... )
    >>> labels.tolist()
    ['cat', 'cat', 'cat', 'dog']
    >>> mapping
    {3: 'dog', 7: 'cat'}
    """
    true, pred = coded_pair(labels_true, labels_pred)
    winners = _majorities(count(true, pred))
    labels = _looked_up(true, winners, pred.codes)
    if not return_mapping:
        return labels
    classes = to_host(true.classes)[winners]
    mapping = zip(to_host(pred.classes).tolist(), classes.tolist(), strict=True)
    return labels, dict(mapping)


def _majorities(table: LabelCounts) -> np.ndarray:
    """The most common row of each column, the first among equals."""
    order = np.lexsort((table.rows, -table.counts, table.columns))
    first = np.searchsorted(table.columns[order], np.arange(table.shape[1]))
    return table.rows[order[first]]


def _looked_up(true: EncodedLabels, winners: np.ndarray, codes: Array) -> Array:
    """The class of the winner of every code."""
    if is_lazy(codes):
        from ..rows.values import mapped

        best = to_host(true.classes)[winners]
        return mapped(_picked, best[:0], codes, best)
    if on_host(true.classes) and true.classes.dtype.kind not in "biuf":
        codes = to_host(codes)  # no device holds strings
    if on_host(codes):
        return true.classes[winners][codes]
    xp = namespace(codes)
    # not take(), which PyTorch lacks for unsigned integers
    best = asarray(true.classes, like=codes)[asarray(winners, like=codes)]
    return best[xp.astype(codes, xp.int64)]


def _picked(codes: Array, best: np.ndarray) -> np.ndarray:
    return best[to_host(codes)]
