"""Links along which labels spread: products of normalised weights with shares of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.sparse.csgraph import laplacian

from ..arrays import Array, device, float_dtype, namespace, on_host
from ..kernels import kernels_for
from ..kernels.neighbors import Measure
from ..kernels.neighbors.pairwise import SparseSearch
from ..validation import canonical_rows
from .affinities import (
    DenseAffinity,
    GaussianAffinity,
    Products,
    dense_products,
    fits_in_memory,
    gaussian_matrix,
    sparse_products,
)


def squares_between(Y: Any, X: Any) -> Array:
    """Squared distances (m, n); both dense or both CSR."""
    if hasattr(X, "indptr"):
        search = SparseSearch(X, Measure("sqeuclidean"))
        return search.tile(search.queries(Y), 0, X.shape[0])
    return kernels_for(namespace(X)).distances.squared_distances(Y, X)


def kernel_links(X: Any, gamma: float, symmetric: bool) -> Products:
    """Links of weight exp(-gamma |x - y|^2), to itself too unless they are symmetric."""
    if hasattr(X, "indptr"):
        graph: Any = DenseAffinity(np.exp(-gamma * squares_between(X, X)))
    elif fits_in_memory(X.shape[0]):
        graph = DenseAffinity(gaussian_matrix(X, gamma))
    else:
        graph = GaussianAffinity(X, gamma)
    degrees = graph.degrees[:, None]
    if not symmetric:
        return dense_products(lambda V: (graph.multiply(V) + V) / (degrees + 1.0))
    xp = namespace(degrees)
    root = xp.where(degrees > 0, xp.sqrt(degrees), xp.ones_like(degrees))
    return dense_products(lambda V: graph.multiply(V / root) / root)


def neighbor_links(near: Array, symmetric: bool) -> Products:
    """Links of weight one to the neighbours (n, k) of each row.

    Symmetric links are divided by the roots of the numbers of other rows that have each end as a
    neighbour.
    """
    xp, (n, k) = namespace(near), near.shape
    wide = float_dtype(xp, near)
    weights = xp.full((n, k), 1.0 / k, dtype=wide, device=device(near))
    if symmetric:
        rows = xp.arange(n, dtype=near.dtype, device=device(near))
        others = near != rows[:, None]
        named = xp.reshape(xp.where(others, near, near * 0 + n), (-1,))
        if on_host(near):
            count = np.bincount(named, minlength=n + 1)[:n]
        else:
            named = xp.sort(named)
            count = xp.searchsorted(named, rows, side="right") - xp.searchsorted(named, rows)
        root = xp.sqrt(xp.astype(xp.where(count > 0, count, xp.ones_like(count)), wide))
        ends = xp.reshape(xp.take(root, xp.reshape(near, (-1,))), (n, k))
        weights = xp.astype(others, wide) / (root[:, None] * ends)
    if on_host(near):
        whole = np.int32 if n * k < 2**31 else np.int64
        ends, starts = near.ravel().astype(whole), np.arange(0, n * k + 1, k, dtype=whole)
        return sparse_products(csr_array((weights.ravel(), ends, starts), shape=(n, n)))

    def arrived(V):
        total = xp.zeros_like(V)
        for j in range(k):
            total = total + weights[:, j][:, None] * xp.take(V, near[:, j], axis=0)
        return total

    return dense_products(arrived)


def given_links(W: Any, symmetric: bool) -> Products:
    """Links from a matrix of weights, dense or sparse, on the host."""
    W = csr_array(W) if issparse(W) else np.asarray(W)
    W = W.astype(np.float64)
    if symmetric:
        W = -laplacian(W, normed=True)
        if issparse(W):
            W = csr_array(W)
            W.setdiag(0.0)
        else:
            np.fill_diagonal(W, 0.0)
    else:
        total = np.asarray(W.sum(axis=1)).ravel()
        scale = 1.0 / np.where(total == 0, 1.0, total)
        W = csr_array(W.multiply(scale[:, None])) if issparse(W) else W * scale[:, None]
    return sparse_products(canonical_rows(W)) if issparse(W) else dense_products(lambda V: W @ V)
