"""Nearest neighbours, as an estimator."""

from __future__ import annotations

import copy
import numbers
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, device, namespace, on_host, to_host
from ..kernels.neighbors import Search
from ..validation import check_choice, check_number
from .searching import Searching

MODES = ("connectivity", "distance")


class NearestNeighbors(Searching):
    """Exact nearest neighbours, and neighbours within a radius, on the device of the data.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours that `kneighbors` returns.
    radius : float, default=1.0
        Radius of `radius_neighbors`; a distance equal to it counts.
    algorithm : {"auto", "ball_tree", "kd_tree", "brute"}, default="auto"
        Accepted for compatibility with scikit-learn: the fastest method always runs, and all of
        them are exact.
    leaf_size : int, default=30
        Accepted for compatibility.
    metric : str or callable, default="minkowski"
        ``"euclidean"``, ``"sqeuclidean"``, ``"manhattan"``, ``"chebyshev"``, ``"minkowski"``,
        ``"cosine"`` and ``"precomputed"`` on every backend. On the host, any other metric of
        scikit-learn, such as ``"haversine"``, and a function of two rows.
    p : float, default=2
        Exponent of ``"minkowski"``.
    metric_params : dict, default=None
        More arguments of the metric.
    n_jobs : int, default=None
        Accepted for compatibility: all cores that the process may use are used; the environment
        variable ``CLUSTERX_NUM_THREADS`` lowers their number.

    Attributes
    ----------
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of shape (n_features,)
        Names of the columns, if they are strings.
    n_samples_fit_ : int
        Rows of X.

    Notes
    -----
    Neighbours at equal distances are ordered by index. Distances are computed coordinate by
    coordinate in float64, so that no digits are lost to cancellation. With few columns a k-d tree
    is searched, in O(log n) per query; otherwise each query is compared with all rows, a tile at a
    time.

    References
    ----------
    J. H. Friedman, J. L. Bentley, R. A. Finkel, "An algorithm for finding best matches in
    logarithmic expected time", ACM Transactions on Mathematical Software 3(3), 1977.

    Examples
    --------
    >>> from clusterx import NearestNeighbors
    >>> model = NearestNeighbors(n_neighbors=2).fit([[0.0], [1.0], [5.0]])
    >>> model.kneighbors([[0.9]])[1].tolist()
    [[1, 0]]
    """

    def __init__(
        self,
        *,
        n_neighbors=5,
        radius=1.0,
        algorithm="auto",
        leaf_size=30,
        metric="minkowski",
        p=2,
        metric_params=None,
        n_jobs=None,
    ):
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> NearestNeighbors:
        """Prepare the rows of X.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, d), or (n, n) of distances if precomputed
            In a CSR matrix of distances, a distance that is not stored is infinite, and a stored
            zero is a distance of zero.
        y : ignored

        Returns
        -------
        NearestNeighbors
            This model.

        Raises
        ------
        TypeError, ValueError
            A parameter or X is invalid, or X is on a device and the metric is available only on the
            host.
        """
        self._check_search_parameters()
        check_number(self, "n_neighbors", self.n_neighbors, numbers.Integral, least=1)
        check_number(self, "radius", self.radius, numbers.Real, least=0)
        X = self._points(X, reset=True)
        self._prepared = self._searched(X)
        self._fit_X = X
        self.n_samples_fit_ = X.shape[0]
        return self

    def kneighbors(self, X: Any = None, n_neighbors: int | None = None, return_distance=True):
        """The nearest rows of each row, the nearest first.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d), or (m, n) of distances, default=None
            By default the rows of `fit`, each without itself.
        n_neighbors : int, default=None
            By default the model's.
        return_distance : bool, default=True

        Returns
        -------
        distances : array of shape (m, n_neighbors)
            Only with `return_distance`. float64.
        indices : array of shape (m, n_neighbors)
            Of the rows of `fit`, int64. Both are on the device of X.

        Raises
        ------
        ValueError
            There are fewer rows than neighbours.
        """
        search = self._fitted_search()
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        check_number(self, "n_neighbors", k, numbers.Integral, least=1)
        Y = None if X is None else self._queries(X)
        if k + (X is None) > self.n_samples_fit_:
            raise ValueError(
                f"Expected n_neighbors {'<' if X is None else '<='} n_samples_fit, but "
                f"n_neighbors = {k}, n_samples_fit = {self.n_samples_fit_}, n_samples = "
                f"{self.n_samples_fit_ if Y is None else Y.shape[0]}. Ask for fewer."
            )
        found = search.knn(Y, int(k) + (X is None))
        distances, indices = _without_itself(*found) if X is None else found
        return (distances, indices) if return_distance else indices

    def radius_neighbors(
        self, X: Any = None, radius: float | None = None, return_distance=True, sort_results=False
    ):
        """The rows within a radius of each row.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d), or (m, n) of distances, default=None
            By default the rows of `fit`, each without itself.
        radius : float, default=None
            By default the model's.
        return_distance : bool, default=True
        sort_results : bool, default=False
            Whether to sort neighbours by distance instead of by index.

        Returns
        -------
        distances : array of shape (m,) of arrays
            Only with `return_distance`. A list of arrays if X is on a device.
        indices : array of shape (m,) of arrays
            Of the rows of `fit`.

        Raises
        ------
        ValueError
            `sort_results` is set without `return_distance`.
        """
        if sort_results and not return_distance:
            raise ValueError(
                "return_distance must be True if sort_results is True: results are sorted by "
                "distance."
            )
        starts, indices, distances = self._within(X, radius, sort_results)
        stops = to_host(starts).tolist()
        spans = [slice(a, b) for a, b in pairwise(stops)]
        wanted = (distances, indices) if return_distance else (indices,)
        parts = tuple(_parts(values, spans) for values in wanted)
        return parts if return_distance else parts[0]

    def kth_distances(self, n_neighbors: int | None = None) -> Array:
        """The distance of each fitted row to its k-th nearest row, itself being the first.

        HDBSCAN and OPTICS call it the core distance; a sorted plot of it suggests a radius for
        DBSCAN. Memory is one number per row.

        Parameters
        ----------
        n_neighbors : int, default=None
            By default the model's.

        Returns
        -------
        array of shape (n,)
            float64, on the device of X.
        """
        search = self._fitted_search()
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        check_number(self, "n_neighbors", k, numbers.Integral, least=1)
        if k > self.n_samples_fit_:
            raise ValueError(
                f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {k}, n_samples_fit = "
                f"{self.n_samples_fit_}. Ask for fewer."
            )
        return search.kth_distances(int(k))

    def kneighbors_graph(self, X: Any = None, n_neighbors: int | None = None, mode="connectivity"):
        """The graph of nearest neighbours.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d), default=None
            By default the rows of `fit`, each without itself.
        n_neighbors : int, default=None
            By default the model's.
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether edges are ones or distances.

        Returns
        -------
        scipy.sparse.csr_matrix of shape (m, n)
            On the host, whatever the device of X: libraries have no common sparse array.
        """
        check_choice(self, "mode", mode, MODES)
        distances, indices = (to_host(a) for a in self.kneighbors(X, n_neighbors))
        m, k = indices.shape
        values = distances.ravel() if mode == "distance" else np.ones(m * k)
        return self._graph(values, indices.ravel(), np.arange(0, m * k + 1, k))

    def radius_neighbors_graph(
        self, X: Any = None, radius: float | None = None, mode="connectivity", sort_results=False
    ):
        """The graph of neighbours within a radius.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d), default=None
            By default the rows of `fit`, each without itself.
        radius : float, default=None
            By default the model's.
        mode : {"connectivity", "distance"}, default="connectivity"
            Whether edges are ones or distances.
        sort_results : bool, default=False
            Whether edges of a row are sorted by distance, in ``"distance"`` mode.

        Returns
        -------
        scipy.sparse.csr_matrix of shape (m, n)
            On the host, whatever the device of X.
        """
        check_choice(self, "mode", mode, MODES)
        by_distance = sort_results and mode == "distance"
        starts, indices, distances = map(to_host, self._within(X, radius, by_distance))
        values = distances if mode == "distance" else np.ones(indices.shape[0])
        return self._graph(values, indices, starts)

    def _graph(self, values, indices, starts):
        from scipy.sparse import csr_matrix

        shape = starts.shape[0] - 1, self.n_samples_fit_
        return csr_matrix((values, indices, starts), shape=shape)

    def _within(self, X, radius, by_distance):
        """(starts, indices, distances) of the neighbours of all rows."""
        search = self._fitted_search()
        radius = self.radius if radius is None else radius
        check_number(self, "radius", radius, numbers.Real, least=0)
        found = search.radius_neighbors(None if X is None else self._queries(X), float(radius))
        xp = namespace(found[2])
        if X is None:
            found = _others(*found)
        if by_distance:
            starts, indices, distances = found
            order = xp.argsort(distances, stable=True)
            owners = xp.take(_owners(starts, indices), order)
            order = xp.take(order, xp.argsort(owners, stable=True))
            found = starts, xp.take(indices, order), xp.take(distances, order)
        return found

    def _fitted_search(self) -> Search:
        check_is_fitted(self, "n_samples_fit_")
        if getattr(self, "_prepared", None) is None:  # after loading or moving the model
            self._prepared = self._searched(self._fit_X)
        return self._prepared

    def _queries(self, X: Any) -> Any:
        Y = self._points(X, reset=False)
        if not hasattr(self._fit_X, "indptr") and not hasattr(Y, "indptr"):
            self._check_same_library(Y, "kneighbors", "_fit_X")
        elif hasattr(self._fit_X, "indptr") != hasattr(Y, "indptr"):
            return self._alike(Y)
        return Y

    def _alike(self, Y: Any) -> Any:
        """Convert queries to the format of the fitted rows, dense or CSR."""
        if hasattr(Y, "indptr"):
            return Y.toarray()
        return type(self._fit_X)(to_host(Y))

    def to_device(self, like: Any) -> NearestNeighbors:
        return super(NearestNeighbors, copy.copy(self)).to_device(like)  # prepared again there

    def __getstate__(self):
        return {**super().__getstate__(), "_prepared": None}

    def __copy__(self):
        made = super().__copy__()
        made._prepared = None
        return made


def _without_itself(distances: Array, indices: Array) -> tuple[Array, Array]:
    """k of k + 1 neighbours: drop the row itself, or the last one if equal rows displaced it."""
    xp = namespace(indices)
    n, k = indices.shape
    own = indices == _range(xp, n, indices)[:, None]
    first = xp.argmax(xp.astype(own, xp.int8), axis=1)
    out = xp.where(xp.any(own, axis=1), first, k - 1)
    at = xp.broadcast_to(_range(xp, k - 1, indices)[None, :], (n, k - 1))
    at = at + xp.astype(at >= out[:, None], at.dtype)
    return xp.take_along_axis(distances, at, axis=1), xp.take_along_axis(indices, at, axis=1)


def _others(starts: Array, indices: Array, distances: Array) -> tuple[Array, Array, Array]:
    """The neighbours without the rows themselves."""
    xp = namespace(indices)
    apart = indices != _owners(starts, indices)
    # array-api-strict 2.5 puts the zero of `include_initial` on another device
    none = xp.zeros((1,), dtype=xp.int64, device=device(apart))
    gone = xp.concat([none, xp.cumulative_sum(xp.astype(~apart, xp.int64))])
    return starts - xp.take(gone, starts), indices[apart], distances[apart]


def _owners(starts: Array, indices: Array) -> Array:
    """The row whose neighbour each entry is."""
    xp = namespace(starts)
    # CuPy's repeat does not accept counts on the device
    return xp.searchsorted(starts[1:], _range(xp, indices.shape[0], starts), side="right")


def _range(xp: Any, n: int, like: Array) -> Array:
    return xp.arange(n, dtype=xp.int64, device=device(like))


def _parts(values: Array, spans: list[slice]) -> Any:
    if not on_host(values):
        return [values[span] for span in spans]
    parts = np.empty(len(spans), dtype=object)
    for i, span in enumerate(spans):
        parts[i] = values[span]
    return parts
