"""Affinities between rows in three forms, and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import sklearn
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee
from sklearn.metrics.pairwise import pairwise_kernels

from ..arrays import Array, concat, device, float_dtype, host_floats, namespace, to_host
from ..blocks import TILE
from ..kernels import kernels_for
from ..kernels.neighbors.components import numbered_by_first
from ..validation import canonical_rows

#: From this many rows on, reordering a sparse matrix so that linked rows are near each other pays.
MANY = 4096


class Products(NamedTuple):
    """Products of an n x n matrix W with vectors (n, p) float64."""

    multiply: Callable[[Array], Array]
    #: (V, before, scale, shift, share) -> scale W V + shift V + share before; may overwrite
    #: `before`
    sums: Callable[..., Array]
    order: np.ndarray | None = None  # order of the rows in products, if they are reordered


def sparse_products(W: csr_array, order: np.ndarray | None = None) -> Products:
    """Products with a float64 CSR matrix on the host."""
    return Products(lambda V: W @ V, partial(kernels_for(np).graphs.linked_sums, W), order)


def normalized_products(W: csr_array, root: np.ndarray) -> Products:
    """Products with a symmetric W that is divided by `root` at both ends; many rows reordered."""
    W = csr_array(W.multiply(1.0 / root[:, None]).multiply(1.0 / root[None, :]))
    order = None
    if W.shape[0] >= MANY:
        order = reverse_cuthill_mckee(W, symmetric_mode=True)
        W = W[order][:, order]
    return sparse_products(canonical_rows(W), order)


def dense_products(multiply: Callable[[Array], Array]) -> Products:
    """Products with an operator that is only known by its multiplication."""

    def sums(V: Array, before: Array, scale: float, shift: float, share: float) -> Array:
        return scale * multiply(V) + shift * V + share * before

    return Products(multiply, sums)


class SparseAffinity:
    """A symmetric CSR matrix on the host; its diagonal is left out."""

    def __init__(self, W: Any):
        W = csr_array(W, dtype=np.float64)
        W = W - csr_array((W.diagonal(), (np.arange(W.shape[0]),) * 2), shape=W.shape)
        W.eliminate_zeros()
        self.W, self.n = W, W.shape[0]
        self.like = np.empty(0)
        self.degrees = np.asarray(W.sum(axis=0)).ravel()

    def components(self) -> np.ndarray:
        return connected_components(self.W, directed=False)[1]

    def multiply(self, V: Array) -> Array:
        return self.W @ V

    def normalized(self, root: Array) -> Products:
        """Products with the weights divided by `root` at both ends."""
        return normalized_products(self.W, root)


class BlockAffinity:
    """Rows of weights, a block at a time, on any device; the diagonal is zero."""

    def __init__(self, like: Array, n: int):
        self.xp, self.n = namespace(like), n
        self.device = device(like)
        self.wide = float_dtype(self.xp, like)
        self.like = self.xp.zeros(0, dtype=self.wide, device=self.device)
        self.degrees = concat(self.xp.sum(block, axis=1) for _, block in self._blocks())

    def rows(self, a: int, b: int) -> Array:
        """(b - a, n) weights, wide."""
        raise NotImplementedError

    def _blocks(self) -> Iterator[tuple[int, Array]]:
        height = max(1, TILE // self.n)
        return ((a, self.rows(a, min(self.n, a + height))) for a in range(0, self.n, height))

    def multiply(self, V: Array) -> Array:
        return concat(block @ V for _, block in self._blocks())

    def normalized(self, root: Array) -> Products:
        def multiply(V: Array) -> Array:
            return self.multiply(V / root[:, None]) / root[:, None]

        return dense_products(multiply)

    def components(self) -> np.ndarray:
        """Each row takes the lowest label among its neighbours until none changes."""
        xp = self.xp
        label = xp.arange(self.n, dtype=xp.int64, device=self.device)
        none = xp.asarray(self.n, dtype=xp.int64, device=self.device)
        while True:
            near = concat(
                xp.min(xp.where(block != 0, label[None, :], none), axis=1)
                for _, block in self._blocks()
            )
            new = xp.minimum(label, near)
            new = xp.take(new, new)
            if not host_floats(xp.any(new != label))[0]:
                return numbered_by_first(to_host(label), np.ones(self.n, bool))
            label = new


class DenseAffinity(BlockAffinity):
    """A symmetric matrix in memory; it is copied."""

    def __init__(self, W: Array):
        xp, where = namespace(W), device(W)
        places = xp.arange(W.shape[0], device=where)
        W = xp.astype(W, float_dtype(xp, W))
        self.W = xp.where(places[None, :] == places[:, None], xp.zeros_like(W), W)
        super().__init__(W, W.shape[0])

    def rows(self, a, b):
        return self.W[a:b, :]

    def multiply(self, V):
        return self.W @ V


class GaussianAffinity(BlockAffinity):
    """exp(-gamma |x - y|^2), recomputed for each product."""

    def __init__(self, X: Array, gamma: float):
        self.X, self.gamma = X, gamma
        super().__init__(X, X.shape[0])

    def rows(self, a, b):
        block = gaussian_rows(self.X, a, b, self.gamma)
        xp = self.xp
        columns = xp.arange(self.n, device=self.device)[None, :]
        own = columns == xp.arange(a, b, device=self.device)[:, None]
        return xp.where(own, xp.zeros_like(block), block)


def gaussian_rows(X: Array, a: int, b: int, gamma: float) -> Array:
    xp = namespace(X)
    return xp.exp(-gamma * kernels_for(xp).distances.squared_distances(X[a:b, :], X))


def gaussian_matrix(X: Array, gamma: float) -> Array:
    """The whole matrix exp(-gamma |x - y|^2), float64."""
    n = X.shape[0]
    height = max(1, TILE // n)
    return concat(gaussian_rows(X, a, min(n, a + height), gamma) for a in range(0, n, height))


def kernel_matrix(X: Any, kernel: Any, options: dict[str, Any]) -> np.ndarray:
    """The matrix of a scikit-learn kernel, or of a callable, on the host."""
    return pairwise_kernels(X, metric=kernel, filter_params=True, **options)


def fits_in_memory(n: int) -> bool:
    """Whether an n x n matrix of float64 is within scikit-learn's `working_memory`."""
    return 8.0 * n * n <= float(sklearn.get_config()["working_memory"]) * 2**20


def neighbor_graph(indices: Array, n: int) -> csr_array:
    """The mean of the graph of neighbours (n, k) and its transpose, on the host."""
    indices = to_host(indices)
    m, k = indices.shape
    links = csr_array((np.ones(m * k), indices.ravel(), np.arange(0, m * k + 1, k)), shape=(m, n))
    links = canonical_rows(links)
    return ((links + links.T) * 0.5).tocsr()
