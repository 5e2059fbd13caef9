"""Accelerated functions look, answer and pickle like scikit-learn's."""

import inspect
import pickle

import numpy as np
import pytest
import sklearn.cluster
import sklearn.metrics
import sklearn.metrics.cluster
from sklearn.metrics import make_scorer

from clusterx import accel
from clusterx.accel.functions import FUNCTIONS

from .models import rows

X = rows()
LABELS = np.arange(len(X)) % 4
OTHER = (LABELS + (np.arange(len(X)) % 7 == 0)) % 5
MODULES = {
    "sklearn.cluster": sklearn.cluster,
    "sklearn.metrics": sklearn.metrics,
    "sklearn.metrics.cluster": sklearn.metrics.cluster,
}
PLACES = [(module, f) for module, functions in FUNCTIONS.items() for f in functions]


def arguments(function):
    if function.name == "k_means":
        return (X, 4), {"random_state": 0, "return_n_iter": True}
    if function.name == "dbscan":
        return (X,), {"eps": 1.5}
    return ((X, LABELS) if function.data == ("X", "labels") else (LABELS, OTHER)), {}


def types(value):
    if isinstance(value, tuple):
        return tuple(map(types, value))
    return type(value), getattr(value, "dtype", None), getattr(value, "shape", None)


@pytest.mark.parametrize(("module", "function"), PLACES, ids=lambda v: getattr(v, "name", v))
def test_results_are_those_of_scikit_learn(installed, module, function, ran):
    mine = getattr(MODULES[module], function.name)
    own = vars(MODULES[module])[function.name]
    args, kwargs = arguments(function)
    found, wanted = mine(*args, **kwargs), own(*args, **kwargs)
    assert ran() == {"clusterx": [function.name]}
    assert types(found) == types(wanted)
    for a, b in (
        zip(np.atleast_1d(*[found]), np.atleast_1d(*[wanted]), strict=True)
        if not (isinstance(found, tuple))
        else zip(found, wanted, strict=True)
    ):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert inspect.signature(mine) == inspect.signature(own)
    assert (mine.__name__, mine.__doc__) == (own.__name__, own.__doc__)


def test_functions_are_pickled_by_name(installed):
    mine = sklearn.metrics.silhouette_score
    pickled = pickle.dumps(mine)
    assert b"clusterx" not in pickled
    assert pickle.loads(pickled) is mine
    scorer = pickle.loads(pickle.dumps(make_scorer(sklearn.metrics.rand_score)))
    assert scorer._score_func is sklearn.metrics.rand_score
    accel.uninstall()
    assert pickle.loads(pickled) is sklearn.metrics.silhouette_score
    assert sklearn.metrics.silhouette_score.__module__ == "sklearn.metrics.cluster._unsupervised"


def test_errors_are_those_of_scikit_learn(installed):
    with pytest.raises(ValueError, match=r"Number of labels is 1\. Valid values are 2 to"):
        sklearn.metrics.silhouette_score(X, np.zeros(len(X)))
    with pytest.raises(TypeError, match="missing a required argument"):
        sklearn.metrics.rand_score(LABELS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        sklearn.metrics.rand_score(LABELS, LABELS[:5])


def test_functions_as_distances_go_to_scikit_learn(installed, ran):
    sklearn.metrics.silhouette_score(X[:20], LABELS[:20], metric=lambda a, b: abs(a - b).sum())
    assert ran() == {"scikit-learn": ["silhouette_score"]}
