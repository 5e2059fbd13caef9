"""Sparse rows: what dense rows give, in any of SciPy's formats."""

from operator import methodcaller

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix

from clusterx import KMeans, MiniBatchKMeans, kmeans_plusplus, metrics, sweep

FORMATS = ("csc", "coo", "bsr", "dia", "lil", "dok")


@pytest.mark.parametrize("d", [4, 40])
def test_sparse_with_unix_seconds_beside_categories(d):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    X = np.c_[1.7e9 + 30 * y + rng.uniform(0, 15, 600), np.eye(d)[rng.integers(0, d, 600)]]
    for options in ({}, dict(init="random", n_init=4), dict(init="maximin")):
        dense = KMeans(3, random_state=0, **options).fit(X)
        found = KMeans(3, random_state=0, **options).fit(csr_matrix(X))
        assert_array_equal(found.labels_, dense.labels_)
        assert_array_equal(found.cluster_centers_, dense.cluster_centers_)
        assert found.n_iter_ == dense.n_iter_
        assert_allclose(found.inertia_, dense.inertia_, rtol=1e-10)
        assert_array_equal(found.predict(csr_matrix(X)), dense.labels_)
        expected = np.linalg.norm(X[:, None] - found.cluster_centers_, axis=2)
        assert_allclose(found.transform(csr_matrix(X)), expected, rtol=1e-10)
    for labels in (dense.labels_, y):
        ours = metrics.davies_bouldin_score(csr_matrix(X), labels)
        assert_allclose(ours, metrics.davies_bouldin_score(X, labels), rtol=1e-10)


def wide_indices(S):
    """With the indices that SciPy keeps where an array was made of NumPy's own integers."""
    S = csr_array(S)
    S.indices, S.indptr = S.indices.astype(np.int64), S.indptr.astype(np.int64)
    return S


def shuffled(S):
    """The stored values of each row in falling order of their columns."""
    ends = [S.indptr[i : i + 2] for i in range(S.shape[0])]
    order = np.concatenate([np.arange(b - 1, a - 1, -1) for a, b in ends]).astype(int)
    return csr_matrix((S.data[order], S.indices[order], S.indptr), shape=S.shape)


@pytest.mark.parametrize(
    "matrix",
    [
        wide_indices,
        lambda S: wide_indices(S).tocoo(),
        shuffled,
        *(methodcaller(f"to{name}") for name in FORMATS),
        *(methodcaller("astype", dtype) for dtype in ("bool", "float32")),
    ],
    ids=["int64", "int64 coo", "unsorted", *FORMATS, "bool", "float32"],
)
def test_sparse_formats(matrix):
    for d in (5, 20):
        rng = np.random.default_rng(0)
        X = np.where(rng.random((60, d)) < 0.3, rng.integers(1, 9, (60, d)), 0)
        X[7] = 0
        S, labels = matrix(csr_matrix(X)), np.arange(60) % 3
        X = S.toarray()
        before = S.copy()
        for kind in (KMeans, MiniBatchKMeans):
            expected = kind(3, random_state=0).fit(X).cluster_centers_
            assert_array_equal(kind(3, random_state=0).fit(S).cluster_centers_, expected)
        assert_array_equal(
            kmeans_plusplus(S, 3, random_state=0)[1], kmeans_plusplus(X, 3, random_state=0)[1]
        )
        found = sweep(KMeans(random_state=0), S, [2, 3], metrics="silhouette").scores["silhouette"]
        expected = sweep(KMeans(random_state=0), X, [2, 3], metrics="silhouette").scores[
            "silhouette"
        ]
        assert_allclose(found, expected, rtol=1e-6)
        for score in (
            metrics.silhouette_score,
            metrics.dunn_index,
            metrics.calinski_harabasz_score,
        ):
            assert_allclose(score(S, labels), score(X, labels), rtol=1e-6)
        assert (before != S).nnz == 0
