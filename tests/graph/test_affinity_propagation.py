"""Affinity propagation against scikit-learn's."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn import cluster
from sklearn.datasets import make_blobs, make_moons
from sklearn.exceptions import ConvergenceWarning

from clusterx import AffinityPropagation, affinity_propagation

RNG = np.random.RandomState(0)
#: name: rows, parameters
DATA = {
    "blobs": (make_blobs(90, cluster_std=0.7, random_state=2)[0], {}),
    "moons": (make_moons(80, noise=0.05, random_state=0)[0], {"damping": 0.8}),
    "five columns": (make_blobs(70, 5, random_state=1)[0], {"preference": -60.0}),
    "a few clusters": (make_blobs(60, random_state=5)[0], {"preference": np.full(60, -200.0)}),
    "whole numbers": (RNG.randint(0, 6, (60, 2)), {"damping": 0.9}),
    "float32": (make_blobs(60, random_state=3)[0].astype("float32"), {}),
    "compiled": (make_blobs(330, centers=5, random_state=0)[0], {"damping": 0.7}),
}


def similarities(X):
    return -((X[:, None].astype(float) - X) ** 2).sum(axis=2)


@pytest.mark.smoke
@pytest.mark.parametrize("name", DATA)
def test_results_are_those_of_scikit_learn(xp, name):
    X, how = DATA[name]
    if name == "compiled" and xp.name != "numpy":
        pytest.skip("only NumPy has compiled messages")
    reference = cluster.AffinityPropagation(random_state=3, **how).fit(X)
    model = AffinityPropagation(random_state=3, **how).fit(xp.asarray(X))
    for attribute in ("cluster_centers_indices_", "labels_", "cluster_centers_"):
        found = getattr(model, attribute)
        assert xp.owns(found)
        np.testing.assert_array_equal(xp.to_host(found), getattr(reference, attribute))
    assert model.n_iter_ == reference.n_iter_ < 200
    assert xp.to_host(model.labels_).dtype == np.int32
    size = 1e-4 if X.dtype == "float32" else 1e-10
    S = xp.to_host(model.affinity_matrix_)
    np.testing.assert_allclose(S, reference.affinity_matrix_, rtol=size, atol=size)
    np.testing.assert_array_equal(xp.to_host(model.predict(xp.asarray(X))), reference.predict(X))


def test_given_similarities_lead_to_the_bits_of_scikit_learn(xp):
    X = make_blobs(80, random_state=4)[0]
    S = similarities(X)
    kept = S.copy()
    how = {"preference": np.linspace(-80, -20, 80), "random_state": 0}
    reference = cluster.AffinityPropagation(affinity="precomputed", **how).fit(S)
    model = AffinityPropagation(affinity="precomputed", **how).fit(xp.asarray(S))
    np.testing.assert_array_equal(xp.to_host(model.affinity_matrix_), reference.affinity_matrix_)
    np.testing.assert_array_equal(xp.to_host(model.labels_), reference.labels_)
    centers, labels, n_iter = affinity_propagation(xp.asarray(S), return_n_iter=True, **how)
    np.testing.assert_array_equal(xp.to_host(centers), reference.cluster_centers_indices_)
    np.testing.assert_array_equal(xp.to_host(labels), reference.labels_)
    assert n_iter == reference.n_iter_
    np.testing.assert_array_equal(S, kept)


def test_messages_that_do_not_converge_are_those_of_scikit_learn():
    X = make_blobs(120, centers=4, random_state=1)[0]
    for rounds in (1, 5, 14):
        how = {"max_iter": rounds, "random_state": 1}
        with pytest.warns(ConvergenceWarning):
            reference = cluster.AffinityPropagation(**how).fit(X)
        with pytest.warns(ConvergenceWarning, match="did not converge"):
            model = AffinityPropagation(**how).fit(X)
        np.testing.assert_array_equal(model.labels_, reference.labels_)
        if not len(model.cluster_centers_):
            with pytest.warns(ConvergenceWarning, match="Labeling every sample as '-1'"):
                assert (model.predict(X) == -1).all()


def test_sparse_rows_are_clustered_as_dense_ones():
    X = sparse.random(60, 30, density=0.2, random_state=0, format="csr")
    model = AffinityPropagation(random_state=0, damping=0.7).fit(X)
    dense = AffinityPropagation(random_state=0, damping=0.7).fit(X.toarray())
    np.testing.assert_array_equal(model.labels_, dense.labels_)
    assert sparse.issparse(model.cluster_centers_)
    np.testing.assert_array_equal(model.predict(X.toarray()), dense.predict(X.toarray()))


def test_rows_far_from_the_origin_are_clustered_as_near_it():
    X = np.random.RandomState(0).randint(0, 1 << 20, (50, 2)) / (1 << 20)
    near = AffinityPropagation(random_state=0).fit(X)
    far = AffinityPropagation(random_state=0).fit(X + 2.0**20)
    np.testing.assert_array_equal(far.labels_, near.labels_)


def test_equal_similarities_are_told(xp):
    X = xp.asarray(np.array([[-1.0, 1.0], [1.0, -1.0]]))
    for preference, expected in ((1.0, [0, 1]), (-20.0, [0, 0])):
        with pytest.warns(UserWarning, match="mutually equal"):
            model = AffinityPropagation(preference=preference).fit(X)
        assert xp.to_host(model.labels_).tolist() == expected
    with pytest.warns(UserWarning, match="mutually equal"):
        assert AffinityPropagation().fit(X[:1, :]).n_iter_ == 0
    model = AffinityPropagation(preference=[-20, -10], random_state=37).fit(X)
    assert xp.to_host(model.cluster_centers_indices_).tolist() == [1]


def test_similarities_may_be_overwritten_on_request(capsys):
    S = similarities(make_blobs(50, random_state=0)[0])
    kept = S.copy()
    how = {"affinity": "precomputed", "preference": -30.0, "random_state": 0, "verbose": True}
    model = AffinityPropagation(**how).fit(S)
    np.testing.assert_array_equal(S, kept)
    assert f"Converged after {model.n_iter_ - 1} iterations." in capsys.readouterr().out
    again = AffinityPropagation(copy=False, **how).fit(S)
    np.testing.assert_allclose(S.diagonal(), -30.0)
    np.testing.assert_array_equal(model.labels_, again.labels_)
    kept.flags.writeable = False
    AffinityPropagation(copy=False, **how).fit(kept)
    with pytest.raises(ValueError, match="not supported when affinity='precomputed'"):
        model.predict(S)
    assert pickle.loads(pickle.dumps(model)).n_iter_ == model.n_iter_


@pytest.mark.parametrize(
    ("how", "words"),
    [({"damping": 1.0}, "below 1"), ({"damping": 0.3}, "at least 0.5"),
     ({"max_iter": 0}, "max_iter"), ({"convergence_iter": 0}, "convergence_iter"),
     ({"affinity": "rbf"}, "must be one of"), ({"preference": [1.0, 2.0]}, r"have shape \(20,\)"),
     ({"preference": np.nan}, "NaN or infinity"),
     ({"affinity": "precomputed"}, "must be a square array")],
)  # fmt: skip
def test_errors_name_what_is_wrong(how, words):
    with pytest.raises(ValueError, match=words):
        AffinityPropagation(**how).fit(np.random.RandomState(0).rand(20, 2))
