"""The scores of clusterings, as `sklearn.metrics.cluster` under accel has them."""

import sklearn.metrics.cluster


def __getattr__(name):
    return getattr(sklearn.metrics.cluster, name)
