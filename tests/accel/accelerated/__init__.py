"""scikit-learn's clustering as its users find it under accel, as a package.

scikit-learn's own tests can be run on it. ACCEL_ROUTE=measured leaves to scikit-learn what the
table of times says; otherwise clusterx takes every call that it can.
"""

import os
import sys

import sklearn.cluster
import sklearn.mixture

import clusterx
from clusterx import accel

accel.install(always=os.environ.get("ACCEL_ROUTE") != "measured")
__version__ = clusterx.__version__


def __getattr__(name):
    for module in (sklearn.cluster, sklearn.mixture):
        if name in module.__all__:
            return _prepared(getattr(module, name))
    raise AttributeError(name)


def _prepared(found):
    """scikit-learn's checks keep parameters and known failures by class."""
    generator = sys.modules.get("sklearn.utils._test_common.instance_generator")
    own = getattr(found, "_accelerates", None)
    if generator is not None and own is not None:
        for table in ("INIT_PARAMS", "PER_ESTIMATOR_CHECK_PARAMS", "PER_ESTIMATOR_XFAIL_CHECKS"):
            entries = getattr(generator, table)
            if own in entries:
                entries.setdefault(found, entries[own])
    return found
