"""Users get clusterx, scikit-learn gets its own, and everything can be undone."""

import importlib
import subprocess
import sys
import types
from unittest import mock

import sklearn.cluster
import sklearn.metrics
import sklearn.metrics.cluster
import sklearn.mixture

from clusterx import accel

OWN = sklearn.cluster.KMeans


def seen_from(name, expression="sklearn.cluster.KMeans"):
    """What code in a module of that name sees."""
    space = {"__name__": name}
    exec(f"import sklearn.cluster, sklearn.metrics; found = {expression}", space)
    return space["found"]


def test_users_see_a_subclass_and_scikit_learn_its_own(installed):
    assert seen_from("script") is not OWN
    assert issubclass(seen_from("script"), OWN)
    for inside in ("sklearn.mixture._base", "sklearn", "clusterx.metrics"):
        assert seen_from(inside) is OWN
    assert seen_from("sklearn.cluster.tests.test_k_means") is seen_from("script")
    assert seen_from("sklearnex") is seen_from("script")  # another package


def test_all_ways_of_importing_see_the_same(installed):
    space = {"__name__": "script"}
    exec("from sklearn.cluster import *", space)
    exec("from sklearn.cluster import KMeans as other", space)
    assert space["KMeans"] is space["other"] is sklearn.cluster.KMeans
    assert importlib.import_module("sklearn.cluster").KMeans is space["KMeans"]
    assert sklearn.metrics.rand_score is sklearn.metrics.cluster.rand_score


def test_what_clusterx_lacks_is_left_alone(installed):
    assert sklearn.cluster.SpectralCoclustering.__module__ == "sklearn.cluster._bicluster"
    assert sklearn.metrics.accuracy_score.__module__ == "sklearn.metrics._classification"


def test_uninstalling_undoes_it():
    modules = (sklearn.cluster, sklearn.mixture, sklearn.metrics, sklearn.metrics.cluster)
    before = [dict(vars(module)) for module in modules]
    finders = list(sys.meta_path)
    accel.install()
    accel.install()
    assert accel.is_installed()
    accel.uninstall()
    accel.uninstall()
    assert not accel.is_installed()
    assert [dict(vars(module)) for module in modules] == before
    assert all(type(module) is types.ModuleType for module in modules)
    assert sys.meta_path == finders
    assert sklearn.cluster.KMeans is OWN


def test_the_class_is_the_same_after_another_installation():
    accel.install()
    first = sklearn.cluster.KMeans
    accel.uninstall()
    accel.install()
    assert sklearn.cluster.KMeans is first
    accel.uninstall()


def test_a_patched_name_is_seen_by_all(installed):
    accelerated = sklearn.cluster.KMeans
    with mock.patch("sklearn.cluster.KMeans", "patched"):
        assert seen_from("script") == seen_from("sklearn.mixture._base") == "patched"
    assert sklearn.cluster.KMeans is accelerated
    assert seen_from("sklearn.mixture._base") is OWN


def test_modules_imported_later_are_substituted():
    code = (
        "import sys, clusterx.accel as a; a.install(); assert 'sklearn' not in sys.modules;"
        "from sklearn.mixture import GaussianMixture as G; import sklearn.mixture._base as b;"
        "own = vars(b.cluster)['KMeans']; print(G.__mro__[1].__module__);"
        "print(own is b.cluster.KMeans.__mro__[1])"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.split() == ["sklearn.mixture._gaussian_mixture", "True"]
