"""Accelerated models are scikit-learn's, in everything that users do with them."""

import copy
import inspect
import logging
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clusterx import accel

from .models import FREE, PARAMETERS, own_class, rows, user_class

X = rows()


def public(model):
    return {name: value for name, value in vars(model).items() if name.endswith("_")}


def described(value):
    return type(value), getattr(value, "dtype", None), getattr(value, "shape", None)


@pytest.mark.parametrize("name", PARAMETERS)
def test_attributes_are_those_of_scikit_learn(installed, name, ran):
    mine = user_class(name)(**PARAMETERS[name]).fit(X)
    theirs = own_class(name)(**PARAMETERS[name]).fit(X)
    assert "scikit-learn" not in ran()
    assert repr(mine) == repr(theirs)
    found, wanted = public(mine), public(theirs)
    late = {"root_", "dummy_leaf_", "_single_linkage_tree_"}
    assert set(found) | late == set(wanted) | late
    for attribute in set(wanted) - late:
        assert described(found[attribute]) == described(wanted[attribute]), attribute
        if name not in FREE and isinstance(wanted[attribute], np.ndarray):
            np.testing.assert_allclose(found[attribute], wanted[attribute], atol=1e-6)


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("method", ["predict", "fit_predict", "transform", "score_samples"])
def test_results_of_methods_have_the_types_of_scikit_learn(installed, name, method):
    mine, theirs = user_class(name)(**PARAMETERS[name]), own_class(name)(**PARAMETERS[name])
    if not callable(getattr(theirs, method, None)):
        return
    if method != "fit_predict":
        mine.fit(X), theirs.fit(X)
    found, wanted = getattr(mine, method)(X), getattr(theirs, method)(X)
    assert described(found) == described(wanted)


@pytest.mark.parametrize("name", PARAMETERS)
def test_they_are_instances_of_both_classes(installed, name):
    mine, own = user_class(name), own_class(name)
    assert isinstance(mine(), own)
    assert isinstance(own(), mine)  # a model that scikit-learn made
    assert issubclass(own, mine)
    assert not isinstance(own_class("DBSCAN")(), user_class("KMeans"))
    assert type(clone(mine(**PARAMETERS[name]))) is mine
    assert mine(**PARAMETERS[name]).get_params() == own(**PARAMETERS[name]).get_params()


def test_a_subclass_of_the_users_is_no_other_class(installed):
    KMeans = user_class("KMeans")

    class Mine(KMeans):
        pass

    assert isinstance(Mine(), KMeans)
    assert not isinstance(KMeans(), Mine)
    assert not isinstance(own_class("KMeans")(), Mine)


def test_a_subclass_keeps_what_it_overrides(installed, ran, caplog):
    class Noted(user_class("KMeans")):
        def fit(self, X, y=None, sample_weight=None):
            self.noted_ = len(X)
            return super().fit(X, y, sample_weight)

    class Private(user_class("KMeans")):
        def _check_params_vs_input(self, X):
            self.seen_ = True
            super()._check_params_vs_input(X)

    caplog.set_level(logging.INFO, "clusterx.accel")
    assert Noted(3, random_state=0).fit(X).noted_ == len(X)
    assert ran() == {"clusterx": ["KMeans.fit"]}
    assert Private(3, random_state=0).fit(X).seen_
    assert "overrides _check_params_vs_input" in caplog.text


def test_pipelines_and_searches_run_on_clusterx(installed, ran):
    pipe = make_pipeline(StandardScaler(), user_class("KMeans")(random_state=0))
    search = GridSearchCV(pipe, {"kmeans__n_clusters": [2, 4]}, cv=2).fit(X)
    assert search.best_params_ == {"kmeans__n_clusters": 4}
    assert set(ran()["clusterx"]) == {"KMeans.fit", "KMeans.score"}
    assert "scikit-learn" not in ran()


def test_frames_in_and_out(installed):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(len(X)) + 5)
    model = user_class("KMeans")(2, random_state=0).set_output(transform="pandas")
    out = model.fit_transform(frame)
    assert list(out.columns) == ["kmeans0", "kmeans1"]
    assert out.index.equals(frame.index)
    assert list(model.feature_names_in_) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"a": "z"}))
    assert not hasattr(model.fit(X), "feature_names_in_")
    pooled = user_class("FeatureAgglomeration")(2).set_output(transform="pandas")
    assert list(pooled.fit_transform(frame).columns) == [
        "featureagglomeration0", "featureagglomeration1",
    ]  # fmt: skip


def test_weights_are_routed(installed):
    weight = np.ones(len(X))
    weight[::4] = 0
    with sklearn.config_context(enable_metadata_routing=True):
        model = user_class("KMeans")(3, random_state=0).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, model).fit(X, sample_weight=weight)
    scaled = StandardScaler().fit_transform(X)
    own = own_class("KMeans")(3, random_state=0).fit(scaled, sample_weight=weight)
    np.testing.assert_allclose(pipe[-1].cluster_centers_, own.cluster_centers_)


def test_signatures_and_docstrings_stay(installed):
    mine, own = user_class("KMeans"), own_class("KMeans")
    assert inspect.signature(mine) == inspect.signature(own)
    assert inspect.signature(mine.fit) == inspect.signature(own.fit)
    assert mine.__doc__ == own.__doc__
    assert mine.fit.__doc__ == own.fit.__doc__


# -- pickles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARAMETERS)
def test_pickles_are_accelerated_while_accel_is_and_plain_later(installed, name):
    mine = user_class(name)(**PARAMETERS[name]).fit(X)
    pickled = pickle.dumps(mine)
    assert b"clusterx" not in pickled
    assert type(pickle.loads(pickled)) is user_class(name)
    assert type(copy.deepcopy(mine)) is user_class(name)
    accel.uninstall()
    plain = pickle.loads(pickled)
    assert type(plain) is own_class(name)
    if hasattr(plain, "predict"):
        np.testing.assert_array_equal(plain.predict(X), mine.predict(X))


def test_models_of_the_users_classes_are_pickled_by_name(installed):
    model = pickle.loads(pickle.dumps(Named(2, random_state=0).fit(X)))
    assert type(model) is Named


class Named(own_class("KMeans")):
    """A class of the user's, defined before accel was installed."""


def test_a_plain_model_goes_on_where_clusterx_stopped(installed):
    for name in ("Birch", "MiniBatchKMeans"):
        mine = user_class(name)(**PARAMETERS[name]).fit(X[:120])
        accel.uninstall()
        plain = pickle.loads(pickle.dumps(mine))
        plain.partial_fit(X[120:])
        assert len(set(plain.predict(X))) == 4
        accel.install(always=True)


def test_trees_are_those_of_scikit_learn(installed):
    mine = user_class("Birch")(**PARAMETERS["Birch"]).fit(X)
    theirs = own_class("Birch")(**PARAMETERS["Birch"]).fit(X)

    def sizes(model):
        leaves, leaf = [], model.dummy_leaf_.next_leaf_
        while leaf is not None:
            leaves.append([(s.n_samples_, round(s.sq_norm_, 6)) for s in leaf.subclusters_])
            leaf = leaf.next_leaf_
        return leaves

    assert sizes(mine) == sizes(theirs)
    assert len(mine.root_.subclusters_) == len(theirs.root_.subclusters_)
    mine, theirs = (
        c(**PARAMETERS["HDBSCAN"]).fit(X) for c in (user_class("HDBSCAN"), own_class("HDBSCAN"))
    )
    found, wanted = mine.dbscan_clustering(1.5), theirs.dbscan_clustering(1.5)
    assert len(set(wanted)) == len(set(zip(found, wanted, strict=True))) > 3


# -- what goes to scikit-learn -------------------------------------------------------------------


def test_what_clusterx_does_not_take_goes_to_scikit_learn_with_a_reason(installed, ran, caplog):
    caplog.set_level(logging.INFO, "clusterx.accel")
    user_class("DBSCAN")(eps=1.5, metric=lambda a, b: abs(a - b).sum()).fit(X[:30])
    assert ran() == {"scikit-learn": ["DBSCAN.fit"]}
    assert "DBSCAN.fit goes to scikit-learn: metric is a function" in caplog.text


def test_errors_are_those_of_scikit_learn(installed):
    KMeans = user_class("KMeans")
    with pytest.raises(ValueError, match=r"n_samples=2 should be >= n_clusters=8"):
        KMeans().fit(X[:2])
    with pytest.raises(ValueError, match="The 'init' parameter of KMeans must be"):
        KMeans(init="maximin").fit(X)  # clusterx's own
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'X'"):
        KMeans().fit()
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        KMeans().fit(X[:, 0])
    with pytest.raises(sklearn.exceptions.NotFittedError):
        KMeans().predict(X)


def test_a_failed_attempt_draws_no_random_numbers(installed, monkeypatch):
    import clusterx

    def broken(self, X, y=None, sample_weight=None):
        self.random_state.uniform(size=3)
        raise NotImplementedError("not here")

    monkeypatch.setattr(clusterx.KMeans, "fit", broken)
    own = own_class("KMeans")(3, random_state=np.random.RandomState(5)).fit(X)
    mine = user_class("KMeans")(3, random_state=np.random.RandomState(5)).fit(X)
    np.testing.assert_array_equal(mine.labels_, own.labels_)


def test_models_fitted_by_scikit_learn_predict(installed, ran):
    for name in ("BisectingKMeans", "KMeans"):
        own = own_class(name)(**PARAMETERS[name]).fit(X)
        mine = user_class(name)(**PARAMETERS[name])
        mine.__setstate__(own.__getstate__())
        np.testing.assert_array_equal(mine.predict(X), own.labels_)
    assert ran() == {"scikit-learn": ["BisectingKMeans.predict"], "clusterx": ["KMeans.predict"]}


def test_changed_attributes_count(installed):
    model = user_class("KMeans")(4, random_state=0).fit(X)
    model.cluster_centers_ = model.cluster_centers_[::-1].copy()
    np.testing.assert_array_equal(model.predict(X), 3 - model.labels_)
