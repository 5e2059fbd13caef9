"""Spectral clustering."""

from __future__ import annotations

import numbers
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics.pairwise import KERNEL_PARAMS
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from ..arrays import Array, asarray, contiguous, on_host
from ..base import Clusterer
from ..centroid import k_means
from ..neighbors.search import search_of
from ..validation import check_choice, check_finite, check_number, host_rows
from .affinities import (
    DenseAffinity,
    GaussianAffinity,
    SparseAffinity,
    fits_in_memory,
    gaussian_matrix,
    kernel_matrix,
    neighbor_graph,
)
from .assignment import cluster_qr, discretize
from .embedding import check_solver, embed, given_affinity, graph_of

ASSIGNMENTS = ("kmeans", "discretize", "cluster_qr")
GIVEN = ("precomputed", "precomputed_nearest_neighbors")
AFFINITIES = ("nearest_neighbors", *GIVEN, *sorted(KERNEL_PARAMS))


class SpectralClustering(Clusterer):
    """Clusters of a graph of similar rows, cut where links are few (Shi and Malik, 2000).

    The rows are embedded by the leading eigenvectors of the graph's normalised affinity, and the
    embedding is clustered. So clusters may have any shape that is connected by links.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, and of eigenvectors by default.
    eigen_solver : {"arpack", "lobpcg", "amg"}, default=None
        Accepted for compatibility: the method always uses products with blocks of vectors, without
        a factorisation. ``"amg"`` raises an error without pyamg, as in scikit-learn.
    n_components : int, default=None
        Number of eigenvectors; `n_clusters` by default.
    random_state : int, RandomState or None, default=None
        For the initial block of vectors and the starts of k-means.
    n_init : int, default=10
        Starts of k-means.
    gamma : float, default=1.0
        Parameter of the kernels; for ``"rbf"``, in inverse squared units of X.
    affinity : str or callable, default="rbf"
        ``"rbf"``, ``"nearest_neighbors"``, ``"precomputed"`` (affinities) and
        ``"precomputed_nearest_neighbors"`` (distances) on every backend. On the host, also the
        other kernels of scikit-learn, and a function of two rows.
    n_neighbors : int, default=10
        Number of nearest neighbours that a row is linked to, itself included.
    eigen_tol : float or "auto", default="auto"
        Norm of the residuals of eigenvectors; 1e-6 by default.
    assign_labels : {"kmeans", "discretize", "cluster_qr"}, default="kmeans"
        How the embedding is clustered.
    degree : float, default=3
        Degree of ``"polynomial"``.
    coef0 : float, default=1
        Constant term of ``"polynomial"`` and ``"sigmoid"``.
    kernel_params : dict, default=None
        More arguments of a callable kernel.
    n_jobs : int, default=None
        Accepted for compatibility: all cores that the process may use are used.
    verbose : bool, default=False
        Whether to print progress.

    Attributes
    ----------
    affinity_matrix_ : array or CSR matrix of shape (n, n)
        The affinities. A graph of neighbours is a CSR matrix on the host. If the affinities of
        ``"rbf"`` would exceed scikit-learn's `working_memory` in float64, they are recomputed for
        each product, and this attribute is absent.
    labels_ : array of shape (n,)
        Clusters, int32.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of shape (n_features,)
        Names of the columns, if they are strings.

    See Also
    --------
    spectral_embedding : The coordinates alone.
    spectral_clustering : For given affinities.

    Notes
    -----
    Connected components are found first, and each has an exact vector. The other vectors come from
    subspace iteration with Chebyshev filters, in O(p l) time per product for l links and p vectors,
    and O(n p) memory. The same seed gives the same labels, also for graphs with several components
    or without links.

    References
    ----------
    J. Shi, J. Malik, "Normalized cuts and image segmentation", IEEE Transactions on Pattern
    Analysis and Machine Intelligence 22(8), 2000. U. von Luxburg, "A tutorial on spectral
    clustering", Statistics and Computing 17(4), 2007.

    Examples
    --------
    >>> from clusterx import SpectralClustering
    >>> X = [[1.0, 1.0], [2.0, 1.0], [1.0, 0.0], [4.0, 7.0], [3.0, 5.0], [3.0, 6.0]]
    >>> labels = SpectralClustering(2, assign_labels="discretize", random_state=0).fit_predict(X)
    >>> (labels[:3] == labels[0]).all() and (labels[3:] == 1 - labels[0]).all()
    np.True_
    """

    _takes_sparse = True
    affinity_matrix_: Any
    labels_: Array

    def __init__(
        self,
        n_clusters=8,
        *,
        eigen_solver=None,
        n_components=None,
        random_state=None,
        n_init=10,
        gamma=1.0,
        affinity="rbf",
        n_neighbors=10,
        eigen_tol="auto",
        assign_labels="kmeans",
        degree=3,
        coef0=1,
        kernel_params=None,
        n_jobs=None,
        verbose=False,
    ):
        self.n_clusters = n_clusters
        self.eigen_solver = eigen_solver
        self.n_components = n_components
        self.random_state = random_state
        self.n_init = n_init
        self.gamma = gamma
        self.affinity = affinity
        self.n_neighbors = n_neighbors
        self.eigen_tol = eigen_tol
        self.assign_labels = assign_labels
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.n_jobs = n_jobs
        self.verbose = verbose

    @property
    def _given(self) -> bool:
        return isinstance(self.affinity, str) and self.affinity in GIVEN

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._given
        return tags

    def fit(self, X: Any, y: Any = None) -> SpectralClustering:
        """Link the rows, embed and cluster them.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, d)
            Or (n, n) of affinities or distances, if precomputed.
        y : ignored

        Returns
        -------
        SpectralClustering
            This model, fitted.

        Raises
        ------
        TypeError, ValueError
            A parameter or X is invalid, or X is on a device and the affinity is available only on
            the host.

        Warns
        -----
        UserWarning
            The graph is not connected, or a given matrix is not symmetric.
        """
        tol = self._check_parameters()
        X = self._points(X)
        n = X.shape[0]
        k = self.n_clusters if self.n_components is None else self.n_components
        if n < 2:
            raise ValueError(
                f"Found array with n_samples={n} while a minimum of 2 is required by "
                "SpectralClustering."
            )
        if max(k, self.n_clusters) > n:
            raise ValueError(
                f"n_samples={n} should be >= n_clusters={self.n_clusters} and n_components={k}. "
                "Ask for fewer clusters."
            )
        rng = check_random_state(self.random_state)
        vectors = embed(self._graph(X), int(k), rng, tol=tol)
        labels = self._assigned(vectors, rng)
        self.labels_ = asarray(labels, like=X.data if hasattr(X, "indptr") else X)
        return self

    def _assigned(self, vectors: Array, rng: np.random.RandomState) -> Array:
        if self.verbose:
            print(f"Computing label assignment using {self.assign_labels}")
        if self.assign_labels == "cluster_qr":
            return cluster_qr(vectors)
        if self.assign_labels == "discretize":
            return discretize(vectors, random_state=rng)
        return k_means(
            contiguous(vectors),
            int(self.n_clusters),
            random_state=rng,
            n_init=int(self.n_init),
            verbose=self.verbose,
        )[1]

    def _points(self, X: Any) -> Any:
        if self._given and on_host(X):  # keep CSR: an entry that is not stored is not a zero
            name = type(self).__name__
            X = host_rows(
                f"Input X of {name}", X, partial(validate_data, self), reset=True,
                accept_sparse="csr", dtype=[np.float64, np.float32], order="C",
            )  # fmt: skip
            check_finite(X, estimator_name=name, input_name="X")
            return X
        rows = self._rows(X, reset=True).in_memory("SpectralClustering")
        if rows.n == rows.d and not self._given:
            warnings.warn(
                "X is square, and affinities are computed from its rows. If X contains affinities, "
                "set affinity='precomputed'.",
                UserWarning,
                stacklevel=3,
            )
        return rows.X if rows.sparse else contiguous(rows.values)

    def _graph(self, X: Any) -> Any:
        """The affinities, ready for products."""
        if self.affinity == "rbf" and not hasattr(X, "indptr"):
            if not fits_in_memory(X.shape[0]):
                self.__dict__.pop("affinity_matrix_", None)
                return GaussianAffinity(X, float(self.gamma))
            self.affinity_matrix_ = gaussian_matrix(X, float(self.gamma))
            return DenseAffinity(self.affinity_matrix_)
        if self.affinity == "precomputed":
            self.affinity_matrix_ = given_affinity(X, "SpectralClustering")
            return graph_of(self.affinity_matrix_)
        if self.affinity in ("nearest_neighbors", "precomputed_nearest_neighbors"):
            self.affinity_matrix_ = self._neighbor_graph(X)
            return SparseAffinity(self.affinity_matrix_)
        if not (hasattr(X, "indptr") or on_host(X)):
            raise ValueError(
                f"affinity={self.affinity!r} is computed on the host, but X is on a device. Use "
                "'rbf' or 'nearest_neighbors', or move X to the host: it is never copied there "
                "implicitly."
            )
        options = dict(self.kernel_params or {})
        if not callable(self.affinity):
            options.update(gamma=self.gamma, degree=self.degree, coef0=self.coef0)
        self.affinity_matrix_ = kernel_matrix(X, self.affinity, options)
        return DenseAffinity(self.affinity_matrix_)

    def _neighbor_graph(self, X: Any) -> Any:
        n, k = X.shape[0], int(self.n_neighbors)
        if k > n:
            raise ValueError(
                f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {k}, n_samples_fit = "
                f"{n}, n_samples = {n}. Ask for fewer."
            )
        if self.affinity == "nearest_neighbors":
            return neighbor_graph(search_of(X, "euclidean", None, None).knn(None, k)[1], n)
        if X.shape[1] != n:
            raise ValueError(
                f"The distances between all rows must be a square matrix; got shape {X.shape}."
            )
        return neighbor_graph(search_of(X, "precomputed", None, None).knn(X, k)[1], n)

    def _check_parameters(self) -> float:
        name = type(self).__name__
        check_number(self, "n_clusters", self.n_clusters, numbers.Integral, least=1)
        check_number(
            self, "n_components", self.n_components, numbers.Integral, least=1, or_none=True
        )
        check_number(self, "n_init", self.n_init, numbers.Integral, least=1)
        check_number(self, "n_neighbors", self.n_neighbors, numbers.Integral, least=1)
        check_number(self, "gamma", self.gamma, numbers.Real, least=0)
        check_number(self, "degree", self.degree, numbers.Real, least=0)
        check_choice(self, "assign_labels", self.assign_labels, ASSIGNMENTS)
        if not callable(self.affinity):
            check_choice(self, "affinity", self.affinity, AFFINITIES)
        if self.kernel_params is not None and not isinstance(self.kernel_params, dict):
            raise TypeError(
                f"The 'kernel_params' parameter of {name} must be a dict or None; got "
                f"{self.kernel_params!r}."
            )
        return check_solver(name, self.eigen_solver, self.eigen_tol)


def spectral_clustering(
    affinity: Any,
    *,
    n_clusters: int = 8,
    n_components: int | None = None,
    eigen_solver: str | None = None,
    random_state: Any = None,
    n_init: int = 10,
    eigen_tol: Any = "auto",
    assign_labels: str = "kmeans",
    verbose: bool = False,
) -> Array:
    """Clusters of a graph: the function form of `SpectralClustering`.

    Parameters
    ----------
    affinity : array or sparse matrix of shape (n, n)
        Symmetric affinities, 0 or more.
    n_clusters, n_components, eigen_solver, random_state, n_init, eigen_tol, assign_labels, verbose
        See `SpectralClustering`.

    Returns
    -------
    array of shape (n,)
        Labels, int32.
    """
    if isinstance(affinity, np.matrix):
        raise TypeError(
            "np.matrix is not supported. Please convert to a numpy array with np.asarray."
        )
    model = SpectralClustering(
        n_clusters=n_clusters,
        n_components=n_components,
        eigen_solver=eigen_solver,
        random_state=random_state,
        n_init=n_init,
        eigen_tol=eigen_tol,
        affinity="precomputed",
        assign_labels=assign_labels,
        verbose=verbose,
    ).fit(affinity)
    return model.labels_
