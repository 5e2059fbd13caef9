"""Scores from information theory: how much one labeling tells about the other."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from ..arrays import namespace
from ..kernels import kernels_for
from .labels import LabelCounts, check_labels, coded, sizes, table_of, tabulate

#: averages of the two entropies, by name
_AVERAGES = {
    "min": min,
    "geometric": lambda a, b: math.sqrt(a * b),
    "arithmetic": lambda a, b: (a + b) / 2,
    "max": max,
}
#: Differences up to this share of the larger entropy count as rounding.
ROUNDING = 1e-14


def entropy(labels: Any) -> float:
    """Entropy of a labeling.

    Parameters
    ----------
    labels : array-like of shape (n,)
        Labels on any device.

    Returns
    -------
    float
        In nats: 0 for one cluster, ``log(k)`` for k equal ones; 1 for no labels, as in
        scikit-learn.

    Examples
    --------
    >>> from clusterx.metrics import entropy
    >>> round(entropy([0, 0, 42]), 6)
    0.636514
    """
    found = coded("labels", check_labels("labels", labels))
    if found.codes.shape[0] == 0:
        return 1.0
    return _entropy(sizes(found))


def _entropy(sizes: np.ndarray) -> float:
    if len(sizes) < 2:
        return 0.0
    shares = sizes / sizes.sum()
    return -float(np.sum(shares * np.log(shares)))


def mutual_info_score(labels_true: Any, labels_pred: Any, *, contingency: Any = None) -> float:
    """Mutual information of two labelings.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Two labelings of the same samples, on any device; the names of clusters do not matter.
    contingency : array or sparse matrix of shape (n_classes, n_clusters), optional
        The result of `contingency_matrix`. If given, the labels are ignored.

    Returns
    -------
    float
        In nats, from 0 for independent labelings to the smaller of both entropies. It grows with
        the number of clusters: see `adjusted_mutual_info_score`.

    Raises
    ------
    ValueError
        The contingency matrix is not two-dimensional, or holds no counts.

    Examples
    --------
    >>> from clusterx.metrics import mutual_info_score
    >>> round(mutual_info_score([0, 1, 1, 0, 1, 0], [0, 1, 0, 0, 1, 1]), 4)
    0.0566
    """
    given = contingency is not None
    return _information(table_of(contingency) if given else tabulate(labels_true, labels_pred))


# If one labeling refines the other, the scores below are exact, without rounding.


def _is_pure(table: LabelCounts) -> bool:
    """Whether each cluster holds one class only."""
    return len(table.counts) == len(table.column_sums)


def _is_whole(table: LabelCounts) -> bool:
    """Whether each class is in one cluster only."""
    return len(table.counts) == len(table.row_sums)


def _information(table: LabelCounts) -> float:
    if _is_pure(table):
        return _entropy(table.row_sums)
    if _is_whole(table):
        return _entropy(table.column_sums)
    counts, n = table.counts.astype(np.float64), float(table.n)
    expected = table.row_sums.astype(np.float64)[table.rows] * table.column_sums[table.columns]
    return max(0.0, float(np.sum(counts * np.log(counts * n / expected))) / n)


def homogeneity_completeness_v_measure(
    labels_true: Any, labels_pred: Any, *, beta: float = 1.0
) -> tuple[float, float, float]:
    """Homogeneity and completeness of clusters, and their harmonic mean.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Classes and clusters of the same samples, on any device; names do not matter.
    beta : float, default=1.0
        Weight of completeness relative to homogeneity in the mean, 0 or more.

    Returns
    -------
    homogeneity : float
        Share of the classes' entropy that the clusters explain: 1 if each cluster contains only one
        class.
    completeness : float
        Share of the clusters' entropy that the classes explain: 1 if each class lies in only one
        cluster.
    v_measure : float
        ``(1 + beta) * homogeneity * completeness / (beta * homogeneity + completeness)``.

    References
    ----------
    A. Rosenberg and J. Hirschberg, "V-Measure: a conditional entropy-based external cluster
    evaluation measure", EMNLP-CoNLL 2007.

    Examples
    --------
    >>> from clusterx.metrics import homogeneity_completeness_v_measure
    >>> scores = homogeneity_completeness_v_measure([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 2, 2])
    >>> [round(score, 3) for score in scores]
    [1.0, 0.685, 0.813]
    """
    if not (isinstance(beta, numbers.Real) and 0 <= beta < math.inf):
        raise ValueError(f"beta must be a finite number, 0 or more; got {beta!r}.")
    table = tabulate(labels_true, labels_pred)
    information = _information(table)
    is_pure, is_whole = _is_pure(table), _is_whole(table)
    homogeneity = 1.0 if is_pure else information / _entropy(table.row_sums)
    completeness = 1.0 if is_whole else information / _entropy(table.column_sums)
    weight = beta * homogeneity + completeness
    mean = (1 + beta) * homogeneity * completeness / weight if weight else 0.0
    return homogeneity, completeness, float(mean)


def homogeneity_score(labels_true: Any, labels_pred: Any) -> float:
    """How pure the clusters are: 1 if each contains samples of only one class.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Classes and clusters of the same samples, on any device; names do not matter.

    Returns
    -------
    float
        In [0, 1]. Swapping the arguments gives `completeness_score`.

    See Also
    --------
    homogeneity_completeness_v_measure : all three scores, counted once.

    Examples
    --------
    >>> from clusterx.metrics import homogeneity_score
    >>> homogeneity_score([0, 0, 1, 1], [0, 1, 2, 3])
    1.0
    """
    return homogeneity_completeness_v_measure(labels_true, labels_pred)[0]


def completeness_score(labels_true: Any, labels_pred: Any) -> float:
    """How complete the classes are: 1 if each lies in only one cluster.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Classes and clusters of the same samples, on any device; names do not matter.

    Returns
    -------
    float
        In [0, 1]. Swapping the arguments gives `homogeneity_score`.

    See Also
    --------
    homogeneity_completeness_v_measure : all three scores, counted once.

    Examples
    --------
    >>> from clusterx.metrics import completeness_score
    >>> completeness_score([0, 1, 2, 3], [0, 0, 1, 1])
    1.0
    """
    return homogeneity_completeness_v_measure(labels_true, labels_pred)[1]


def v_measure_score(labels_true: Any, labels_pred: Any, *, beta: float = 1.0) -> float:
    """Harmonic mean of homogeneity and completeness.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Classes and clusters of the same samples, on any device; names do not matter.
    beta : float, default=1.0
        Weight of completeness relative to homogeneity, 0 or more.

    Returns
    -------
    float
        In [0, 1]. With ``beta=1`` it is symmetric and equals `normalized_mutual_info_score`.

    See Also
    --------
    homogeneity_completeness_v_measure : all three scores, counted once.

    Examples
    --------
    >>> from clusterx.metrics import v_measure_score
    >>> round(v_measure_score([2, 2, 3, 6, 1, 1], [1, 1, 2, 3, 2, 1]), 4)
    0.6667
    """
    return homogeneity_completeness_v_measure(labels_true, labels_pred, beta=beta)[2]


def normalized_mutual_info_score(
    labels_true: Any, labels_pred: Any, *, average_method: str = "arithmetic"
) -> float:
    """Mutual information divided by an average of the two entropies.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Two labelings of the same samples, on any device; the names of clusters do not matter.
    average_method : {"arithmetic", "geometric", "min", "max"}, default="arithmetic"
        The average.

    Returns
    -------
    float
        In [0, 1]; 1 for the same clusters. It is not adjusted for chance.

    Raises
    ------
    ValueError
        `average_method` is none of those.

    References
    ----------
    N. X. Vinh, J. Epps and J. Bailey, "Information theoretic measures for clusterings comparison",
    JMLR 11, 2010.

    Examples
    --------
    >>> from clusterx.metrics import normalized_mutual_info_score
    >>> normalized_mutual_info_score([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    """
    average = _average("normalized_mutual_info_score", average_method)
    table = tabulate(labels_true, labels_pred)
    if table.is_match:
        return 1.0
    information = _information(table)
    if information == 0.0:
        return 0.0
    return information / average(_entropy(table.row_sums), _entropy(table.column_sums))


def adjusted_mutual_info_score(
    labels_true: Any, labels_pred: Any, *, average_method: str = "arithmetic"
) -> float:
    """Mutual information, adjusted so that random labelings score zero on average.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Two labelings of the same samples, on any device; the names of clusters do not matter.
    average_method : {"arithmetic", "geometric", "min", "max"}, default="arithmetic"
        The average of the two entropies that counts as a perfect match.

    Returns
    -------
    float
        ``(MI - E[MI]) / (average - E[MI])``: 1 for the same clusters, about 0 for independent
        labelings, below 0 for less than chance. Also 1 if the average equals E[MI], because then no
        labeling with clusters of these sizes can differ.

    Raises
    ------
    ValueError
        `average_method` is none of those.

    See Also
    --------
    expected_mutual_information : The term E[MI].

    References
    ----------
    N. X. Vinh, J. Epps and J. Bailey, "Information theoretic measures for clusterings comparison",
    JMLR 11, 2010.

    Examples
    --------
    >>> from clusterx.metrics import adjusted_mutual_info_score
    >>> adjusted_mutual_info_score([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    >>> adjusted_mutual_info_score([0, 0, 0, 0], [0, 1, 2, 3])
    0.0
    """
    average = _average("adjusted_mutual_info_score", average_method)
    table = tabulate(labels_true, labels_pred)
    if table.is_match:
        return 1.0
    if 1 in table.shape:
        return 0.0
    in_true, in_pred = _entropy(table.row_sums), _entropy(table.column_sums)
    expected = _expected(table)
    room = average(in_true, in_pred) - expected
    if room <= ROUNDING * max(in_true, in_pred):
        return 1.0
    return (_information(table) - expected) / room


def expected_mutual_information(contingency: Any, n_samples: int) -> float:
    """The mean mutual information of two labelings over all permutations of the samples.

    Parameters
    ----------
    contingency : array or sparse matrix of shape (n_classes, n_clusters)
        Counts, as from `contingency_matrix`; only the sums of its rows and columns matter.
    n_samples : int
        Their sum.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        The counts are not whole numbers, or `n_samples` is not their sum.

    Notes
    -----
    Pairs of clusters with equal sizes are computed once. Each sum runs only over the possible
    numbers of common members, and gets each probability from the previous one by their ratio. So it
    needs no factorials, whose logarithms lose digits as n grows.

    References
    ----------
    N. X. Vinh, J. Epps and J. Bailey, "Information theoretic measures for clusterings comparison",
    JMLR 11, 2010.

    Examples
    --------
    >>> from clusterx.metrics import contingency_matrix, expected_mutual_information
    >>> round(expected_mutual_information(contingency_matrix([0, 0, 1, 1], [0, 1, 1, 1]), 4), 6)
    0.215762
    """
    table = table_of(contingency)
    if (table.counts != np.floor(table.counts)).any():
        raise ValueError("contingency must hold whole numbers: compute it without eps.")
    if n_samples != table.n:
        raise ValueError(
            f"n_samples must be the sum of contingency, which is {table.n}; got {n_samples!r}."
        )
    return _expected(table)


def _expected(table: LabelCounts) -> float:
    if 1 in table.shape or table.n == 0:
        return 0.0
    sizes = table.row_sums.astype(np.int64), table.column_sums.astype(np.int64)
    return float(kernels_for(namespace(*sizes)).labels.expected_information(*sizes, int(table.n)))


def _average(function: str, method: str) -> Any:
    if not (isinstance(method, str) and method in _AVERAGES):
        raise ValueError(
            f"The 'average_method' parameter of {function} must be one of "
            f"{', '.join(map(repr, _AVERAGES))}; got {method!r}."
        )
    return _AVERAGES[method]
