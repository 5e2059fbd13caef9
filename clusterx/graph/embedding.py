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
from .eigen import Operator, leading_vectors

SOLVERS = (None, "arpack", "lobpcg", "amg")
#: Residuals of eigenvectors, where the spectrum is of width two.
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

    A vector per connected component comes first, those of the largest components: on a graph of
    several they are exact, and nothing is left to chance. The others are orthogonal to these.
    """
    xp, like = namespace(graph.like), graph.like
    least, largest = host_floats(xp.min(graph.degrees), xp.max(graph.degrees))
    if not np.isfinite(largest) or least < 0:
        raise ValueError(
            f"The sums of the affinities of some rows are negative or infinite (least {least:.3g}, "
            f"largest {largest:.3g}), and have no root. Take affinities that are not negative."
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
        with kernels_for(xp).runtime.limited_blas():
            vectors.append(leading_vectors(operator, known, k - m, tol, rng))
    return _flipped(xp.concat(vectors, axis=1) / root[:, None])


def _operator(graph: Any, root: Array, normed: bool, largest: float) -> Operator:
    if normed:
        return Operator(graph.normalized(root), graph.n, -1.0, 1.0, graph.like)

    def rise(V):
        return graph.multiply(V) - graph.degrees[:, None] * V

    return Operator(dense_products(rise), graph.n, -2.0 * largest, 0.0, graph.like)


def _flipped(vectors: Array) -> Array:
    """Columns whose largest entries are positive."""
    xp = namespace(vectors)
    at = xp.argmax(xp.abs(vectors), axis=0)[None, :]
    largest = xp.take_along_axis(vectors, at, axis=0)
    return vectors * xp.where(largest < 0, -xp.ones_like(largest), xp.ones_like(largest))


def given_affinity(W: Any, name: str) -> Any:
    """A matrix of affinities, checked: square, finite, symmetric."""
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
    """W, or the mean of it and its transpose, with a warning, if they differ."""
    if W.shape[0] != W.shape[1]:
        raise ValueError(
            f"A square matrix of affinities between all rows is wanted, got shape "
            f"{tuple(W.shape)}. For features, choose another affinity than 'precomputed'."
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
    """The tolerance; raise for what is no solver of scikit-learn's, or no tolerance."""
    if solver not in SOLVERS:
        raise ValueError(
            f"The 'eigen_solver' parameter of {name} must be one of "
            f"{', '.join(map(repr, SOLVERS))}; got {solver!r}."
        )
    if solver == "amg" and find_spec("pyamg") is None:
        raise ValueError(
            "The eigen_solver was set to 'amg', but pyamg is not available. Leave it at None: the "
            "same block method runs in any case."
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

    They are the eigenvectors of the graph's Laplacian with the least eigenvalues (Belkin and
    Niyogi, 2003).

    Parameters
    ----------
    adjacency : array or sparse matrix of shape (n, n)
        Symmetric weights of links, not negative. Those of rows to themselves do not count.
    n_components : int, default=8
        Columns.
    eigen_solver : {"arpack", "lobpcg", "amg"}, default=None
        Accepted for compatibility: products with blocks of vectors run in any case, without a
        factorisation. ``"amg"`` is refused without pyamg, as by scikit-learn.
    random_state : int, RandomState or None, default=None
        Draws the first block.
    eigen_tol : float or "auto", default="auto"
        Length of the residuals of eigenvectors; 1e-6 by default.
    norm_laplacian : bool, default=True
        Whether links are divided by the roots of both degrees.
    drop_first : bool, default=True
        Whether the first vector is left out, which is constant on a connected graph.

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
    A graph of several components has a vector for each, of the largest first. The others come from
    subspace iteration with Chebyshev filters: O(p l) time a product for l links and p vectors,
    and O(p n) memory.

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
            f"n_components must be between 1 and the number of rows ({W.shape[0]}), the first "
            f"vector counted; got {n_components!r}."
        )
    vectors = embed(
        graph_of(W), k, check_random_state(random_state), tol=tol, normed=bool(norm_laplacian)
    )
    return vectors[:, 1:] if drop_first else vectors


def graph_of(W: Any) -> Any:
    return SparseAffinity(W) if hasattr(W, "indptr") else DenseAffinity(W)
