"""Scores that count pairs of samples: in the same cluster or in two, in each labeling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array, asarray, is_lazy
from .labels import LabelCounts, coded_pair, count, tabulate

SQUARES_FIT = 2**31  # up to this many samples, a sum of squared counts fits int64


def pair_confusion_matrix(labels_true: Any, labels_pred: Any) -> Array:
    """Counts of pairs of samples by whether each labeling joins or splits them.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Two labelings of the same samples, on any device; the names of clusters do not matter.

    Returns
    -------
    C : array of shape (2, 2), int64
        ``C[i, j]`` is the number of ordered pairs of samples (each pair counts twice) that
        `labels_true` splits (i = 0) or joins (i = 1), and `labels_pred` splits (j = 0) or joins (j
        = 1). On the device of the labels.

    Raises
    ------
    OverflowError
        There are more than 3 billion samples: their pairs do not fit int64. The scores still work.

    See Also
    --------
    rand_score, adjusted_rand_score, fowlkes_mallows_score : Scores computed from it.

    References
    ----------
    L. Hubert and P. Arabie, "Comparing partitions", Journal of Classification 2, 1985.

    Examples
    --------
    >>> from clusterx.metrics import pair_confusion_matrix
    >>> pair_confusion_matrix([0, 0, 1, 2], [0, 0, 1, 1])
    array([[8, 2],
           [0, 2]])
    """
    true, pred = coded_pair(labels_true, labels_pred)
    neither, only_pred, only_true, both = pair_counts(count(true, pred))
    matrix = np.array([[neither, only_pred], [only_true, both]], dtype=np.int64)
    return matrix if is_lazy(true.codes) else asarray(matrix, like=true.codes)


def pair_counts(table: LabelCounts) -> tuple[int, int, int, int]:
    """Counts of ordered pairs joined by neither labeling, only the second, only the first, both."""
    n = int(table.n)
    joined = sum_of_squares(table.counts, n)
    in_rows, in_columns = sum_of_squares(table.row_sums, n), sum_of_squares(table.column_sums, n)
    only_true, only_pred = in_rows - joined, in_columns - joined
    return n * n - only_true - only_pred - joined, only_pred, only_true, joined - n


def sum_of_squares(counts: np.ndarray, n: int) -> int:
    """Sum of the squares of counts that sum to n, exact at any size."""
    if n < SQUARES_FIT:
        return int(np.dot(counts, counts))
    return sum(c * c for c in counts.tolist())


def rand_score(labels_true: Any, labels_pred: Any) -> float:
    """Share of the pairs of samples on which two labelings agree: the Rand index.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Two labelings of the same samples, on any device; the names of clusters do not matter.

    Returns
    -------
    float
        In [0, 1]; 1 for the same clusters. Random labelings with many clusters score high:
        `adjusted_rand_score` corrects for chance.

    References
    ----------
    W. M. Rand, "Objective criteria for the evaluation of clustering methods", JASA 66, 1971.

    Examples
    --------
    >>> from clusterx.metrics import rand_score
    >>> round(rand_score([0, 0, 1, 2], [0, 0, 1, 1]), 4)
    0.8333
    """
    neither, only_pred, only_true, both = pair_counts(tabulate(labels_true, labels_pred))
    pairs = neither + only_pred + only_true + both
    return (neither + both) / pairs if pairs else 1.0


def adjusted_rand_score(labels_true: Any, labels_pred: Any) -> float:
    """The Rand index, adjusted so that random labelings score zero on average.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Two labelings of the same samples, on any device; the names of clusters do not matter.

    Returns
    -------
    float
        In [-0.5, 1]: 1 for the same clusters, about 0 for independent labelings, below 0 for less
        agreement than by chance. It is symmetric in its arguments. Pairs are counted in exact
        integers.

    See Also
    --------
    adjusted_mutual_info_score : Also adjusted for chance; better if cluster sizes differ much.

    References
    ----------
    L. Hubert and P. Arabie, "Comparing partitions", Journal of Classification 2, 1985.

    Examples
    --------
    >>> from clusterx.metrics import adjusted_rand_score
    >>> adjusted_rand_score([0, 0, 1, 1], ["b", "b", "a", "a"])
    1.0
    >>> adjusted_rand_score([0, 0, 1, 1], [0, 1, 0, 1])
    -0.5
    """
    neither, only_pred, only_true, both = pair_counts(tabulate(labels_true, labels_pred))
    if only_pred == only_true == 0:
        return 1.0
    agreement = 2 * (both * neither - only_true * only_pred)
    in_true, in_pred = both + only_true, both + only_pred
    return agreement / (in_true * (only_true + neither) + in_pred * (only_pred + neither))


def fowlkes_mallows_score(labels_true: Any, labels_pred: Any) -> float:
    """Geometric mean of the precision and the recall of joined pairs.

    Parameters
    ----------
    labels_true, labels_pred : array-like of shape (n,)
        Two labelings of the same samples, on any device; the names of clusters do not matter.

    Returns
    -------
    float
        In [0, 1]: the share of the pairs joined by one labeling that the other joins too, averaged
        over both directions. 1 for the same clusters. 0 if no pair is joined by both, hence also,
        as in scikit-learn, if neither labeling joins any.

    References
    ----------
    E. B. Fowlkes and C. L. Mallows, "A method for comparing two hierarchical clusterings", JASA 78,
    1983.

    Examples
    --------
    >>> from clusterx.metrics import fowlkes_mallows_score
    >>> fowlkes_mallows_score([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    """
    _, only_pred, only_true, both = pair_counts(tabulate(labels_true, labels_pred))
    if both == 0:
        return 0.0
    return math.sqrt(both / (both + only_pred)) * math.sqrt(both / (both + only_true))
