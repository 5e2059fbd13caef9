"""Spectral embeddings: the leading eigenvectors of a normalised affinity."""

from __future__ import annotations

import numbers
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..arrays import Array, asarray, device, host_floats, namespace, on_host
from ..blocks import TILE
from ..kernels import kernels_for
from ..validation import check_finite, device_rows, host_rows
from .affinities import DenseAffinity, SparseAffinity, dense_products
from .coarse import coarse_start
from .eigen import Operator, leading_vectors

SOLVERS = (None, "arpack", "lobpcg", "amg")
#: Residuals of eigenvectors, for a spectrum of width two.
TOLERANCE = 1e-6


def embed(
    graph: Any,
    k: int,
    rng: np.random.RandomState,
    *,
    tol: float = TOLERANCE,
    normed: bool = True,
    warn: bool = True,
) -> Array:
    """The k smoothest vectors (n, k) on a graph, float64.

    The first vectors are those of the connected components, the largest component first: they are
    exact and need no random start. The other vectors are orthogonal to them.
    """
    xp, like = namespace(graph.like), graph.like
    least, largest = host_floats(xp.min(graph.degrees), xp.max(graph.degrees))
    if not np.isfinite(largest) or least < 0:
        raise ValueError(
            f"The sums of the affinities of some rows are negative or infinite (least {least:.3g}, "
            f"largest {largest:.3g}), so they have no root. Use affinities of at least 0."
        )
    component = graph.components()
    sizes = np.bincount(component)
    if warn and len(sizes) > 1:
        warnings.warn(
            f"Graph is not fully connected, spectral embedding may not work as expected: it has "
            f"{len(sizes)} components.",
            UserWarning,
            stacklevel=3,
        )
    ones = xp.ones_like(graph.degrees)
    root = xp.where(graph.degrees > 0, xp.sqrt(graph.degrees), ones) if normed else ones
    by_size = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(sizes), np.int64)
    rank[by_size] = np.arange(len(sizes))
    m = min(k, len(sizes))
    belongs = asarray(rank[component], like=like)[:, None] == xp.arange(m, device=device(like))
    known = xp.astype(belongs, like.dtype) * root[:, None]
    known = known / xp.sqrt(xp.sum(known * known, axis=0))[None, :]
    vectors = [known]
    if m < k:
        operator = _operator(graph, root, normed, largest)

        def start(block: int, rng: np.random.RandomState) -> Array | None:
            sparse = normed and isinstance(graph, SparseAffinity)
            return coarse_start(graph.W, root, known, block, rng) if sparse else None

        with kernels_for(xp).runtime.limited_blas():
            vectors.append(leading_vectors(operator, known, k - m, tol, rng, start))
    return _flipped(xp.concat(vectors, axis=1) / root[:, None])


def _operator(graph: Any, root: Array, normed: bool, largest: float) -> Operator:
    if normed:
        return Operator(graph.normalized(root), graph.n, -1.0, 1.0, graph.like)

    def rise(V):
        return graph.multiply(V) - graph.degrees[:, None] * V

    return Operator(dense_products(rise), graph.n, -2.0 * largest, 0.0, graph.like)


def _flipped(vectors: Array) -> Array:
    """The columns with signs such that their largest entries are positive."""
    xp = namespace(vectors)
    at = xp.argmax(xp.abs(vectors), axis=0)[None, :]
    largest = xp.take_along_axis(vectors, at, axis=0)
    return vectors * xp.where(largest < 0, -xp.ones_like(largest), xp.ones_like(largest))


def given_affinity(W: Any, name: str) -> Any:
    """A checked matrix of affinities: square, finite, symmetric."""
    if isinstance(W, np.matrix):
        raise TypeError(
            "np.matrix is not supported. Please convert to a numpy array with np.asarray."
        )
    if on_host(W):
        W = host_rows(
            f"The affinity of {name}", W, accept_sparse="csr", dtype=[np.float64, np.float32],
            order="C",
        )  # fmt: skip
        check_finite(W, estimator_name=name, input_name="affinity")
    else:
        W = device_rows(name, W)
        if not host_floats(namespace(W).all(namespace(W).isfinite(W)))[0]:
            raise ValueError(f"The affinity of {name} contains NaN or infinity.")
    return symmetric(W)


def symmetric(W: Any) -> Any:
    """W, or with a warning the mean of W and its transpose if they differ."""
    if W.shape[0] != W.shape[1]:
        raise ValueError(
            f"The affinities between all rows must be a square matrix; got shape {tuple(W.shape)}. "
            "For features, choose another affinity than 'precomputed'."
        )
    if hasattr(W, "indptr"):
        gap = abs(W - W.T)
        alike = not gap.nnz or gap.max() < 1e-10
    else:
        xp, n = namespace(W), W.shape[0]
        step = max(1, TILE // n)
        gaps = [
            xp.max(xp.abs(W[a : min(n, a + step), :] - W[:, a : min(n, a + step)].T))
            for a in range(0, n, step)
        ]
        alike = host_floats(xp.max(xp.stack(gaps)))[0] < 1e-10
    if alike:
        return W
    warnings.warn(
        "Array is not symmetric, and will be converted to symmetric by average with its transpose.",
        UserWarning,
        stacklevel=4,
    )
    return 0.5 * (W + W.T)


def check_solver(name: str, solver: Any, tol: Any) -> float:
    """The tolerance; raise if it is invalid or the solver is not one of scikit-learn's."""
    if solver not in SOLVERS:
        raise ValueError(
            f"The 'eigen_solver' parameter of {name} must be one of "
            f"{', '.join(map(repr, SOLVERS))}; got {solver!r}."
        )
    if solver == "amg" and find_spec("pyamg") is None:
        raise ValueError(
            "The eigen_solver was set to 'amg', but pyamg is not available. Use None: the same "
            "block method runs for all solvers."
        )
    if isinstance(tol, str) and tol == "auto":
        return TOLERANCE
    real = isinstance(tol, numbers.Real) and not isinstance(tol, bool)
    if not real or not tol >= 0:
        raise ValueError(
            f"The 'eigen_tol' parameter of {name} must be 'auto' or a number of at least 0; got "
            f"{tol!r}."
        )
    return max(float(tol), 1e-12)


def spectral_embedding(
    adjacency: Any,
    *,
    n_components: int = 8,
    eigen_solver: str | None = None,
    random_state: Any = None,
    eigen_tol: Any = "auto",
    norm_laplacian: bool = True,
    drop_first: bool = True,
) -> Array:
    """Coordinates of the rows of a graph in which linked rows are near each other.

    They are the eigenvectors of the graph Laplacian with the smallest eigenvalues (Belkin and
    Niyogi, 2003).

    Parameters
    ----------
    adjacency : array or sparse matrix of shape (n, n)
        Symmetric weights of links, 0 or more. The diagonal is ignored.
    n_components : int, default=8
        Columns.
    eigen_solver : {"arpack", "lobpcg", "amg"}, default=None
        Accepted for compatibility: the method always uses products with blocks of vectors, without
        a factorisation. ``"amg"`` raises an error without pyamg, as in scikit-learn.
    random_state : int, RandomState or None, default=None
        For the initial block of vectors.
    eigen_tol : float or "auto", default="auto"
        Norm of the residuals of eigenvectors; 1e-6 by default.
    norm_laplacian : bool, default=True
        Whether to normalise links by the roots of both degrees.
    drop_first : bool, default=True
        Whether to leave out the first vector, which is constant on a connected graph.

    Returns
    -------
    array of shape (n, n_components)
        float64, on the device of a dense `adjacency`. The largest entry of a column is positive.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid.

    Notes
    -----
    A graph with several components has a vector for each, the largest component first. The other
    vectors come from subspace iteration with Chebyshev filters, in O(p l) time per product for l
    links and p vectors, and O(p n) memory. On large sparse graphs it starts from the vectors of
    coarser graphs, whose nodes are groups of linked rows.

    References
    ----------
    M. Belkin, P. Niyogi, "Laplacian eigenmaps for dimensionality reduction and data
    representation", Neural Computation 15(6), 2003. Y. Zhou, Y. Saad, M. L. Tiago, J. R.
    Chelikowsky, "Self-consistent-field calculations using Chebyshev-filtered subspace iteration",
    Journal of Computational Physics 219, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import spectral_embedding
    >>> ring = np.roll(np.eye(8), 1, axis=0) + np.roll(np.eye(8), -1, axis=0)
    >>> spectral_embedding(ring, n_components=2, random_state=0).shape
    (8, 2)
    """
    tol = check_solver("spectral_embedding", eigen_solver, eigen_tol)
    W = given_affinity(adjacency, "spectral_embedding")
    k = int(n_components) + bool(drop_first)
    if k < 1 + bool(drop_first) or k > W.shape[0]:
        raise ValueError(
            f"n_components must be between 1 and the number of rows ({W.shape[0]}), including the "
            f"first vector; got {n_components!r}."
        )
    vectors = embed(
        graph_of(W), k, check_random_state(random_state), tol=tol, normed=bool(norm_laplacian)
    )
    return vectors[:, 1:] if drop_first else vectors


def graph_of(W: Any) -> Any:
    return SparseAffinity(W) if hasattr(W, "indptr") else DenseAffinity(W)
