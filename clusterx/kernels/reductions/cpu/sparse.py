"""The summary of a CSR matrix."""

from __future__ import annotations

import numpy as np

from ...statistics import Summary


def summary(X) -> Summary:
    from sklearn.utils.sparsefuncs import mean_variance_axis

    mean, variance = mean_variance_axis(X.astype(np.float64, copy=False), axis=0)
    largest = np.abs(X).max(axis=0).toarray().ravel().astype(np.float64)
    return Summary(np.isfinite(X.data).all(), mean, variance, largest)
