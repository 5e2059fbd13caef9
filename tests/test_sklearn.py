"""scikit-learn's own estimator checks, array API ones included."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import clusterx

ESTIMATORS = [
    clusterx.KMeans(n_clusters=2, n_init=2, max_iter=5),
    clusterx.MiniBatchKMeans(n_clusters=2, n_init=2, max_iter=5, batch_size=10),
]

_DRAWS = "equal in distribution only: repeated rows, shuffled, meet other random draws"
#: estimator -> {check: why it is not met}; scikit-learn expects the same of its own
EXPECTED_FAILURES = {
    name: {
        "check_sample_weight_equivalence_on_dense_data": _DRAWS,
        "check_sample_weight_equivalence_on_sparse_data": _DRAWS,
    }
    for name in ("KMeans", "MiniBatchKMeans")
}


def expected_failures(estimator):
    return EXPECTED_FAILURES.get(type(estimator).__name__, {})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_estimator(estimator, check):
    check(estimator)
