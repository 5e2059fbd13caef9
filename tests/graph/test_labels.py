"""Label propagation and spreading against scikit-learn's; labels of clusters."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn import semi_supervised
from sklearn.datasets import load_digits, make_blobs, make_classification, make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from clusterx import (
    DBSCAN,
    KMeans,
    LabelPropagation,
    LabelSpreading,
    propagate_labels,
    representatives,
)

PAIRS = [
    (LabelPropagation, semi_supervised.LabelPropagation),
    (LabelSpreading, semi_supervised.LabelSpreading),
]
RNG = np.random.RandomState(0)
DATA = {
    "moons": make_moons(90, noise=0.1, random_state=0),
    "three classes": make_classification(
        120, n_features=5, n_informative=4, n_redundant=0, n_classes=3, random_state=1
    ),
}


def partly(y, share=0.8):
    y = np.array(y)
    y[np.random.RandomState(1).rand(len(y)) < share] = -1
    return y


@pytest.mark.smoke
@pytest.mark.parametrize(("model", "peer"), PAIRS)
@pytest.mark.parametrize("how", [{"gamma": 1.0}, {"kernel": "knn", "n_neighbors": 5}], ids=str)
@pytest.mark.parametrize("name", DATA)
def test_labels_are_those_of_scikit_learn(xp, model, peer, how, name):
    X, y = DATA[name]
    y = partly(y)
    reference = peer(**how).fit(X, y)
    found = model(**how).fit(xp.asarray(X), xp.asarray(y))
    assert xp.owns(found.transduction_)
    assert xp.owns(found.label_distributions_)
    size = 1e-9
    np.testing.assert_allclose(
        xp.to_host(found.label_distributions_), reference.label_distributions_, atol=size
    )
    np.testing.assert_array_equal(xp.to_host(found.transduction_), reference.transduction_)
    np.testing.assert_array_equal(found.classes_, reference.classes_)
    assert found.n_iter_ == reference.n_iter_
    Q = X[:20] + 0.01
    np.testing.assert_allclose(
        xp.to_host(found.predict_proba(xp.asarray(Q))), reference.predict_proba(Q), atol=size
    )
    np.testing.assert_array_equal(xp.to_host(found.predict(xp.asarray(Q))), reference.predict(Q))


@pytest.mark.parametrize(("model", "peer"), PAIRS)
def test_kernels_that_are_functions_and_sparse_rows(model, peer):
    X, y = make_moons(60, noise=0.1, random_state=0)
    y = partly(y)

    def dense(A, B):
        return rbf_kernel(A, B, gamma=3.0)

    def few(A, B):
        return sparse.csr_matrix(np.where(dense(A, B) > 0.1, dense(A, B), 0))

    for kernel in (dense, few):
        reference, found = peer(kernel).fit(X, y), model(kernel).fit(X, y)
        np.testing.assert_allclose(found.label_distributions_, reference.label_distributions_)
        np.testing.assert_allclose(found.predict_proba(X), reference.predict_proba(X))
    wide = sparse.csr_matrix(np.pad(X, ((0, 0), (0, 9))))
    for how in ({"gamma": 3.0}, {"kernel": "knn"}):
        one, other = model(**how).fit(wide, y), model(**how).fit(X, y)
        np.testing.assert_allclose(one.label_distributions_, other.label_distributions_, atol=1e-9)
        np.testing.assert_allclose(one.predict_proba(wide.toarray()), other.predict_proba(X))


def test_probabilities_far_from_all_rows_are_those_of_the_nearest(xp):
    X = xp.asarray(np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 9.0]]))
    model = LabelPropagation().fit(X, [0, 1, -1])
    far = xp.asarray(np.array([[1e4, 0.0], [-1e4, 0.0]]))
    np.testing.assert_allclose(xp.to_host(model.predict_proba(far)), [[0, 1], [1, 0]])
    lonely = LabelSpreading(kernel="knn", n_neighbors=1).fit(X, [0, 1, -1])
    found = xp.to_host(lonely.predict_proba(X))
    np.testing.assert_allclose(found, [[1, 0], [0, 1], [0.5, 0.5]])


def test_links_beyond_working_memory_are_measured_in_each_round():
    X, y = make_moons(400, noise=0.05, random_state=0)
    y = partly(y)
    for model in (LabelPropagation, LabelSpreading):
        kept = model(gamma=30.0).fit(X, y)
        with sklearn.config_context(working_memory=1):
            streamed = model(gamma=30.0).fit(X, y)
        np.testing.assert_allclose(streamed.label_distributions_, kept.label_distributions_)


def test_rounds_may_run_out_and_models_are_saved():
    X, y = make_blobs(40, centers=2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 was reached"):
        model = LabelPropagation(max_iter=1).fit(X, partly(y, 0.5))
    assert model.n_iter_ == 1
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("how", [{}, {"kernel": "knn"}], ids=str)
def test_rows_far_from_the_origin_are_labelled_as_near_it(how):
    X = np.random.RandomState(0).randint(0, 1 << 20, (80, 2)) / (1 << 20)
    y = partly(X[:, 0] > 0.5)
    near, far = LabelSpreading(**how).fit(X, y), LabelSpreading(**how).fit(X + 2.0**30, y)
    np.testing.assert_allclose(far.label_distributions_, near.label_distributions_)


@pytest.mark.parametrize(
    ("model", "words"),
    [(LabelSpreading(alpha=1.0), "between 0 and 1"), (LabelPropagation("linear"), "one of"),
     (LabelPropagation(gamma=-1), "gamma"), (LabelPropagation(max_iter=0), "max_iter"),
     (LabelPropagation(kernel="knn", n_neighbors=11), "Ask for fewer")],
)  # fmt: skip
def test_errors_name_what_is_wrong(model, words):
    X = np.random.RandomState(0).rand(10, 2)
    with pytest.raises(ValueError, match=words):
        model.fit(X, np.arange(10) % 2)
    with pytest.raises(ValueError, match="all of y is -1"):
        LabelPropagation().fit(X, np.full(10, -1))


def test_fifty_labelled_digits_classify_the_others():
    """What a book's chapter on clustering does by hand: fifty at random give 0.83 there, those of
    k-means 0.93, their clusters 0.94, for one seed.
    """
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=42)
    found = []
    for seed in (1, 2, 3):
        model = KMeans(50, random_state=seed).fit(X)
        partial = np.full(len(y), -1)
        chosen = representatives(model, X)
        partial[chosen] = y[chosen]
        near = propagate_labels(model, X, partial, percentile=25)
        assert (near[near != -1] == y[near != -1]).mean() > 0.98
        scores = []
        for labels in (partial, propagate_labels(model, X, partial), near):
            known = labels != -1
            with threadpool_limits(1):  # threads of small products wait for other tests
                classifier = LogisticRegression(max_iter=10_000).fit(X[known], labels[known])
            scores.append(classifier.score(X_test, y_test))
        found.append(scores)
    assert (np.mean(found, axis=0) > [0.915, 0.925, 0.93]).all()


def test_clusters_take_the_labels_of_their_rows(xp):
    X = np.array([[0.0], [1.0], [2.0], [2.9], [10.0], [11.0], [12.0], [20.0]])
    model = KMeans(3, init=[[1.0], [11.0], [20.0]], n_init=1).fit(xp.asarray(X))
    rows = representatives(model, xp.asarray(X))
    assert xp.owns(rows)
    assert xp.to_host(rows).tolist() == [1, 5, 7]

    def spread(y, **how):
        found = propagate_labels(model, xp.asarray(X), xp.asarray(np.array(y)), **how)
        assert xp.owns(found)
        return xp.to_host(found).tolist()

    none = [-1, -1, -1, -1]
    assert spread([-1, 4, -1, -1, -1, 7, -1, -1]) == [4, 4, 4, 4, 7, 7, 7, -1]
    assert spread([-1, 4, -1, 5, *none]) == [4, 4, 4, 5, *none]  # 4 is nearer to the centre
    assert spread([5, 4, 5, -1, *none]) == [5, 4, 5, 5, *none]  # 5 is more frequent
    assert spread([-1, 4, -1, 9, *none], percentile=50) == [-1, 4, 4, 9, *none]


def test_representatives_are_of_their_clusters(xp):
    X = np.array([[-3.0], [0.9], [3.0], [1.6]])
    model = KMeans(2, init=[[0.0], [1.5]], n_init=1, max_iter=1).fit(X)
    model.cluster_centers_ = xp.asarray(np.array([[0.0], [1.5], [0.8], [40.0]]))
    # 0.9 is nearest to 0 of all, and belongs to 0.8; nothing belongs to 40
    assert xp.to_host(representatives(model, xp.asarray(X))).tolist() == [0, 3, 1, 2]


def test_models_without_centers_and_mixtures_have_representatives_too():
    X, y = make_blobs(60, cluster_std=0.4, random_state=3)
    mixture = GaussianMixture(3, random_state=0).fit(X)
    density = DBSCAN(eps=0.6).fit(X)
    for model in (mixture, density):
        chosen = representatives(model, X)
        assert sorted(y[chosen]) == [0, 1, 2]
        partial = np.full(60, -1)
        partial[chosen] = y[chosen]
        found = propagate_labels(model, X, partial)
        known = found != -1
        assert known.mean() > 0.9
        np.testing.assert_array_equal(found[known], y[known])
    with pytest.raises(ValueError, match="Pass one label per row"):
        propagate_labels(mixture, X, [1, 2])
    with pytest.raises(ValueError, match="between 0 and 100"):
        propagate_labels(mixture, X, y, percentile=101)
    with pytest.raises(ValueError, match="other rows"):
        representatives(density, X[:10])
