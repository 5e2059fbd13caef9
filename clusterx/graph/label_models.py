"""Labels that spread along the links of a graph."""

from __future__ import annotations

import numbers
import warnings
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ..arrays import (
    Array,
    asarray,
    concat,
    contiguous,
    device,
    float_dtype,
    host_floats,
    namespace,
    on_host,
    to_host,
)
from ..base import Estimator
from ..blocks import TILE
from ..neighbors.search import search_of
from ..validation import check_choice, check_number
from .affinities import Products
from .transitions import given_links, kernel_links, neighbor_links, squares_between

KERNELS = ("knn", "rbf")


class LabelClassifier(ClassifierMixin, Estimator):
    """Base of both models: graphs, rounds, and probabilities of new rows."""

    _takes_sparse = True
    _symmetric = False  # whether links are normalised by the degrees of both ends
    X_: Any
    classes_: np.ndarray
    label_distributions_: Array
    transduction_: Any
    n_iter_: int

    def fit(self, X: Any, y: Any) -> LabelClassifier:
        """Spread the labels of some rows to all rows.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, d)
        y : array of shape (n,)
            Classes; -1 for rows without a label.

        Returns
        -------
        LabelClassifier
            This model, fitted.

        Raises
        ------
        TypeError, ValueError
            A parameter, X or y is invalid.

        Warns
        -----
        ConvergenceWarning
            Labels still changed by more than `tol` after `max_iter` rounds.
        """
        self._check_parameters()
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        X = self._points(X, reset=True)
        like = X.data if hasattr(X, "indptr") else X
        y = _classes_of(y, X.shape[0])
        self.X_ = X
        self.classes_ = np.unique(y[y != -1])
        if not len(self.classes_):
            raise ValueError(
                f"{type(self).__name__} needs labelled rows: all of y is -1. Label at least one "
                "row per class."
            )
        code = np.searchsorted(self.classes_, y)
        code[y == -1] = -1
        known = asarray(code.astype(np.int64), like=like)
        found, self.n_iter_ = self._spread(self._links(X), known)
        if self.n_iter_ > self.max_iter - 1 and not self._converged:
            warnings.warn(
                f"max_iter={self.max_iter} was reached without convergence. Raise it, or tol.",
                ConvergenceWarning,
                stacklevel=2,
            )
        xp = namespace(found)
        total = xp.sum(found, axis=1, keepdims=True)
        self.label_distributions_ = found / xp.where(total == 0, xp.ones_like(total), total)
        self.transduction_ = self._named(xp.argmax(self.label_distributions_, axis=1))
        return self

    def predict(self, X: Any) -> Any:
        """The most probable class of each row.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d)

        Returns
        -------
        array of shape (m,)
            Classes, on the device of X if they are numbers.
        """
        shares = self._probabilities(X, "predict")
        return self._named(namespace(shares).argmax(shares, axis=1))

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, from the labels of the fitted rows near each row.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d)

        Returns
        -------
        array of shape (m, n_classes)
            float64, rows sum to one. A row far from all fitted rows gets the labels of the nearest
            ones. A row whose neighbours have no labels gets equal probabilities.
        """
        return self._probabilities(X, "predict_proba")

    def _probabilities(self, X: Any, method: str) -> Array:
        check_is_fitted(self, "label_distributions_")
        Y = self._points(X, reset=False)
        self._check_same_library(
            Y.data if hasattr(Y, "indptr") else Y, method, "label_distributions_"
        )
        if hasattr(Y, "indptr") != hasattr(self.X_, "indptr"):
            Y = Y.toarray() if hasattr(Y, "indptr") else type(self.X_)(Y)
        shares, m = self.label_distributions_, Y.shape[0]
        if callable(self.kernel):
            found = asarray(np.asarray(self.kernel(self.X_, Y).T @ shares), like=shares)
        elif self.kernel == "knn":
            near = search_of(self.X_, "euclidean", None, None).knn(Y, int(self.n_neighbors))[1]
            take = namespace(shares).take
            found = sum(take(shares, near[:, j], axis=0) for j in range(near.shape[1]))
        else:
            height = max(1, TILE // self.X_.shape[0])
            found = concat(
                self._weights_to(Y[a : min(m, a + height), ...]) @ shares
                for a in range(0, m, height)
            )
        xp = namespace(found)
        total = xp.sum(found, axis=1, keepdims=True)
        even = xp.full_like(found, 1.0 / len(self.classes_))
        return xp.where(total > 0, found / xp.where(total > 0, total, xp.ones_like(total)), even)

    def _weights_to(self, Y: Any) -> Array:
        """Kernel weights, scaled per row so that the largest is one."""
        squares = squares_between(Y, self.X_)
        xp = namespace(squares)
        return xp.exp(-float(self.gamma) * (squares - xp.min(squares, axis=1, keepdims=True)))

    def _named(self, codes: Array) -> Any:
        if self.classes_.dtype.kind not in "biuf":
            return self.classes_[to_host(codes)]
        return namespace(codes).take(asarray(self.classes_, like=codes), codes)

    def _points(self, X: Any, *, reset: bool) -> Any:
        rows = self._rows(X, reset=reset).in_memory(type(self).__name__)
        return rows.X if rows.sparse else contiguous(rows.values)

    def _links(self, X: Any) -> Products:
        if callable(self.kernel):
            return given_links(self.kernel(X, X), self._symmetric)
        if self.kernel == "knn":
            n, k = X.shape[0], int(self.n_neighbors)
            if k > n:
                raise ValueError(
                    f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {k}, "
                    f"n_samples_fit = {n}, n_samples = {n}. Ask for fewer."
                )
            return neighbor_links(
                search_of(X, "euclidean", None, None).knn(None, k)[1], self._symmetric
            )
        return kernel_links(X, float(self.gamma), self._symmetric)

    def _spread(self, links: Products, known: Array) -> tuple[Array, int]:
        """Class shares (n, n_classes) after spreading, and the number of rounds."""
        xp, where = namespace(known), device(known)
        wide = float_dtype(xp, known)
        classes = xp.arange(len(self.classes_), dtype=known.dtype, device=where)
        start = xp.astype(known[:, None] == classes[None, :], wide)
        fixed = (known >= 0)[:, None]
        shares, before = xp.asarray(start, copy=True), xp.zeros_like(start)
        self._converged = True
        for round_ in range(int(self.max_iter)):
            if host_floats(xp.sum(xp.abs(shares - before)))[0] < self.tol:
                return shares, round_
            before, shares = shares, self._next(links, shares, before, start, fixed)
        self._converged = False
        return shares, int(self.max_iter)

    def _next(
        self, links: Products, shares: Array, before: Array, start: Array, fixed: Array
    ) -> Array:
        """The shares of the next round; may overwrite `before`."""
        raise NotImplementedError

    def _check_parameters(self) -> None:
        if not callable(self.kernel):
            check_choice(self, "kernel", self.kernel, KERNELS)
        check_number(self, "gamma", self.gamma, numbers.Real, least=0)
        check_number(self, "n_neighbors", self.n_neighbors, numbers.Integral, least=1)
        check_number(self, "max_iter", self.max_iter, numbers.Integral, least=1)
        check_number(self, "tol", self.tol, numbers.Real, least=0)


def _classes_of(y: Any, n: int) -> np.ndarray:
    """y on the host, checked."""
    y = column_or_1d(y if on_host(y) else to_host(y), warn=True)
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    check_consistent_length(y, range(n))
    check_classification_targets(y)
    return y


class LabelPropagation(LabelClassifier):
    """Classes that flow from labelled rows to others along links (Zhu and Ghahramani, 2002).

    In each round, a row takes the weighted mean of the labels of the rows it is linked to; labelled
    rows keep their labels.

    Parameters
    ----------
    kernel : {"rbf", "knn"} or callable, default="rbf"
        The weights of links. ``"rbf"``: ``exp(-gamma |x - y|^2)``. ``"knn"``: one for the nearest
        neighbours. A callable takes two matrices of rows and returns a matrix of weights, dense or
        sparse, on the host.
    gamma : float, default=20
        For ``"rbf"``, in inverse squared units of X.
    n_neighbors : int, default=7
        For ``"knn"``: number of neighbours, the row itself included.
    max_iter : int, default=1000
        Maximum number of rounds.
    tol : float, default=1e-3
        The rounds end when the sum of all changes in a round is below this.
    n_jobs : int, default=None
        Accepted for compatibility: all cores that the process may use are used.

    Attributes
    ----------
    X_ : array or CSR matrix of shape (n, d)
        The rows.
    classes_ : array of shape (n_classes,)
        Classes, on the host.
    label_distributions_ : array of shape (n, n_classes)
        Shares of the classes in each row, float64; zeros where no label arrives.
    transduction_ : array of shape (n,)
        The class of each row; the first one where no label arrives.
    n_iter_ : int
        Rounds.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of shape (n_features,)
        Names of the columns, if they are strings.

    See Also
    --------
    LabelSpreading : For labels that may be wrong.
    propagate_labels : Labels of clusters from those of their representatives.

    Notes
    -----
    Links to neighbours take O(n k) memory on any backend. Links of ``"rbf"`` take O(n^2) memory;
    above scikit-learn's `working_memory` they are recomputed in each round.

    References
    ----------
    X. Zhu, Z. Ghahramani, "Learning from labeled and unlabeled data with label propagation",
    Carnegie Mellon University, CMU-CALD-02-107, 2002.

    Examples
    --------
    >>> from clusterx import LabelPropagation
    >>> X = [[0.0], [0.2], [0.4], [3.0], [3.2]]
    >>> LabelPropagation().fit(X, [0, -1, -1, 1, -1]).transduction_.tolist()
    [0, 0, 0, 1, 1]
    """

    def __init__(
        self, kernel="rbf", *, gamma=20, n_neighbors=7, max_iter=1000, tol=1e-3, n_jobs=None
    ):
        self.kernel = kernel
        self.gamma = gamma
        self.n_neighbors = n_neighbors
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def _next(
        self, links: Products, shares: Array, before: Array, start: Array, fixed: Array
    ) -> Array:
        xp, arrived = namespace(shares), links.sums(shares, before, 1.0, 0.0, 0.0)
        total = xp.sum(arrived, axis=1, keepdims=True)
        return xp.where(fixed, start, arrived / xp.where(total == 0, xp.ones_like(total), total))


class LabelSpreading(LabelClassifier):
    """Classes that spread along normalised links, from labels that may be wrong.

    In each round, the label of a row becomes `alpha` times the labels that arrive along its links
    plus ``1 - alpha`` times its initial label.

    Parameters
    ----------
    kernel : {"rbf", "knn"} or callable, default="rbf"
        See `LabelPropagation`.
    gamma : float, default=20
        For ``"rbf"``, in inverse squared units of X.
    n_neighbors : int, default=7
        For ``"knn"``: number of neighbours, the row itself included.
    alpha : float, default=0.2
        Weight of the labels that arrive, between 0 and 1.
    max_iter : int, default=30
        Maximum number of rounds.
    tol : float, default=1e-3
        The rounds end when the sum of all changes in a round is below this.
    n_jobs : int, default=None
        Accepted for compatibility.

    Attributes
    ----------
    X_, classes_, label_distributions_, transduction_, n_iter_, n_features_in_, feature_names_in_
        See `LabelPropagation`.

    References
    ----------
    D. Zhou, O. Bousquet, T. N. Lal, J. Weston, B. Schölkopf, "Learning with local and global
    consistency", NIPS 2003.

    Examples
    --------
    >>> from clusterx import LabelSpreading
    >>> X = [[0.0], [0.2], [0.4], [3.0], [3.2]]
    >>> model = LabelSpreading(kernel="knn", n_neighbors=2).fit(X, [0, -1, -1, 1, -1])
    >>> model.predict([[0.1], [9.0]]).tolist()
    [0, 1]
    """

    _symmetric = True

    def __init__(
        self,
        kernel="rbf",
        *,
        gamma=20,
        n_neighbors=7,
        alpha=0.2,
        max_iter=30,
        tol=1e-3,
        n_jobs=None,
    ):
        self.kernel = kernel
        self.gamma = gamma
        self.n_neighbors = n_neighbors
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.n_jobs = n_jobs

    def _next(
        self, links: Products, shares: Array, before: Array, start: Array, fixed: Array
    ) -> Array:
        alpha, own = float(self.alpha), namespace(start).asarray(start, copy=True)
        return links.sums(shares, own, alpha, 0.0, 1 - alpha)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_number(self, "alpha", self.alpha, numbers.Real, least=0)
        if not 0 < self.alpha < 1:
            raise ValueError(
                f"The 'alpha' parameter of LabelSpreading must be between 0 and 1, both excluded; "
                f"got {self.alpha!r}."
            )
