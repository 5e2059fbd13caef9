"""Affinity propagation."""

from __future__ import annotations

import numbers
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import euclidean_distances
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..arrays import Array, asarray, concat, contiguous, device, host_floats, namespace, on_host
from ..base import Clusterer
from ..kernels import kernels_for
from ..kernels.neighbors import Measure
from ..kernels.neighbors.pairwise import SparseSearch
from ..validation import check_choice, check_finite, check_number, host_rows, real_array
from .message_passing import (
    Rounds,
    all_equal,
    clusters,
    exchange,
    median,
    row_spans,
    with_noise,
)

AFFINITIES = ("euclidean", "precomputed")
#: Squared norm of the mean row, relative to the variance, up to which products lose few digits.
NEAR = 1e3


class AffinityPropagation(Clusterer):
    """Clusters around exemplars, which rows choose by passing messages (Frey and Dueck, 2007).

    A responsibility says how well another row would serve as the exemplar of a row; an availability
    says how much support that row has from the others. Both are updated in turn until the exemplars
    no longer change. The number of clusters follows from `preference`.

    Parameters
    ----------
    damping : float, default=0.5
        Weight of the old messages in the new ones, at least 0.5 and below 1. Higher values keep
        messages from oscillating.
    max_iter : int, default=200
        Maximum number of rounds of messages.
    convergence_iter : int, default=15
        Number of rounds without a change of exemplars after which the rounds end.
    copy : bool, default=True
        Whether to copy a matrix of similarities; if False, a NumPy array is overwritten.
    preference : float or array of shape (n,), default=None
        How well rows serve as their own exemplars, in units of the similarities: larger values give
        more clusters. The median similarity by default.
    affinity : {"euclidean", "precomputed"}, default="euclidean"
        ``"euclidean"``: similarities are negative squared distances. ``"precomputed"``: X contains
        the similarities.
    verbose : bool, default=False
        Whether to print the number of rounds.
    random_state : int, RandomState or None, default=None
        For the noise in the last bits of similarities, which breaks ties.

    Attributes
    ----------
    cluster_centers_indices_ : array of shape (k,)
        The rows of the exemplars by rising index, int64; empty if there are none.
    cluster_centers_ : array or CSR matrix of shape (k, d)
        A copy of the exemplars; absent if X contains similarities.
    labels_ : array of shape (n,)
        Clusters, int32; all -1 if there are no exemplars.
    affinity_matrix_ : array of shape (n, n)
        The similarities, with the preferences on the diagonal, and the noise.
    n_iter_ : int
        Rounds of messages.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of shape (n_features,)
        Names of the columns, if they are strings.

    See Also
    --------
    clusterx.plotting.AffinityDisplay : The similarities, sorted by cluster.

    Notes
    -----
    Each round reads and writes each row once, on the device of X, in O(n^2) time per round. At most
    three n x n matrices are in memory, besides the caller's matrix of similarities. Sums run in the
    order of the rows, so that results equal scikit-learn's and do not depend on threads.

    References
    ----------
    B. J. Frey, D. Dueck, "Clustering by passing messages between data points", Science 315, 2007.

    Examples
    --------
    >>> from clusterx import AffinityPropagation
    >>> X = [[1.0, 2.0], [1.0, 4.0], [1.0, 0.0], [4.0, 2.0], [4.0, 4.0], [4.0, 0.0]]
    >>> model = AffinityPropagation(random_state=5).fit(X)
    >>> model.labels_.tolist(), model.cluster_centers_.tolist()
    ([0, 0, 0, 1, 1, 1], [[1.0, 2.0], [4.0, 2.0]])
    """

    cluster_centers_indices_: Array
    cluster_centers_: Any
    labels_: Array
    affinity_matrix_: Array
    n_iter_: int

    def __init__(
        self,
        *,
        damping=0.5,
        max_iter=200,
        convergence_iter=15,
        copy=True,
        preference=None,
        affinity="euclidean",
        verbose=False,
        random_state=None,
    ):
        self.damping = damping
        self.max_iter = max_iter
        self.convergence_iter = convergence_iter
        self.copy = copy
        self.preference = preference
        self.affinity = affinity
        self.verbose = verbose
        self.random_state = random_state

    @property
    def _precomputed(self) -> bool:
        return isinstance(self.affinity, str) and self.affinity == "precomputed"

    @property
    def _takes_sparse(self) -> bool:  # type: ignore[override]
        return not self._precomputed

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._precomputed
        return tags

    def fit(self, X: Any, y: Any = None) -> AffinityPropagation:
        """Find exemplars, and the cluster of each row.

        Parameters
        ----------
        X : array or CSR matrix of shape (n, d), or array (n, n) of similarities if precomputed
        y : ignored

        Returns
        -------
        AffinityPropagation
            This model, fitted.

        Raises
        ------
        TypeError, ValueError
            A parameter or X is invalid.

        Warns
        -----
        ConvergenceWarning
            The exemplars still changed after `max_iter` rounds, or there are none.
        """
        self._check_parameters()
        if self._precomputed:
            S = self._similarities(X)
            blocks = [S[a:b, :] for a, b in row_spans(S.shape[0])]
        else:
            rows = self._rows(X, reset=True).in_memory("AffinityPropagation")
            X = rows.X if rows.sparse else contiguous(rows.values)
            blocks = _negative_squares(X)
        preference = self._preferences(blocks)
        exemplars, labels = self._passed(blocks, preference)
        like = blocks[0]
        self.cluster_centers_indices_ = asarray(exemplars.astype(np.int64), like=like)
        self.labels_ = asarray(labels.astype(np.int32), like=like)
        if not self._precomputed:
            self.cluster_centers_ = (
                X[exemplars]
                if hasattr(X, "indptr")
                else namespace(X).take(X, self.cluster_centers_indices_, axis=0)
            )
        return self

    def predict(self, X: Any) -> Array:
        """The nearest exemplar of each row.

        Parameters
        ----------
        X : array or CSR matrix of shape (m, d)

        Returns
        -------
        array of shape (m,)
            Labels, int32, on the device of X; -1, with a warning, if there are no exemplars.

        Raises
        ------
        ValueError
            The model was fitted to similarities, or X has another library or number of features
            than in `fit`.
        """
        check_is_fitted(self, "labels_")
        rows = self._rows(X, reset=False)
        if not hasattr(self, "cluster_centers_"):
            raise ValueError(
                "Predict method is not supported when affinity='precomputed': there are no rows to "
                "measure distances to. Fit features instead."
            )
        self._check_same_library(X, "predict", "labels_")
        centers = self.cluster_centers_
        if centers.shape[0] == 0:
            warnings.warn(
                "This model does not have any cluster centers because affinity propagation did not "
                "converge. Labeling every sample as '-1'.",
                ConvergenceWarning,
                stacklevel=2,
            )
            return asarray(np.full(rows.n, -1, np.int32), like=rows.like)
        centers = centers.toarray() if hasattr(centers, "toarray") else centers
        wider = rows.xp.result_type(centers.dtype, rows.dtype)
        return rows.map(rows.kernels.distances.nearest, rows.xp.asarray(centers, dtype=wider))[0]

    def _similarities(self, X: Any) -> Array:
        name = type(self).__name__
        if on_host(X):
            X = host_rows(
                f"Input X of {name}", X, partial(validate_data, self), reset=True,
                dtype=[np.float64, np.float32], order="C",
            )  # fmt: skip
            check_finite(X, estimator_name=name, input_name="X")
        else:
            X = self._device_rows(X, reset=True)
            if not host_floats(namespace(X).all(namespace(X).isfinite(X)))[0]:
                raise ValueError(f"Input X of {name} contains NaN or infinity as similarities.")
        if X.shape[0] != X.shape[1]:
            raise ValueError(
                f"The matrix of similarities must be a square array. Got {tuple(X.shape)} instead. "
                "Pass the similarities between all rows."
            )
        return X

    def _preferences(self, blocks: list[Array]) -> Array:
        """One preference per row, in the dtype of the similarities."""
        like, n = blocks[0], blocks[0].shape[1]
        xp = namespace(like)
        if self.preference is None:
            return xp.zeros(n, dtype=like.dtype, device=device(like)) + median(blocks)
        given = asarray(real_array("The 'preference' parameter", self.preference), like=like)
        given = xp.astype(given, like.dtype)
        if tuple(given.shape) not in ((), (1,), (n,)):
            raise ValueError(
                f"The 'preference' parameter of AffinityPropagation must be a number or have shape "
                f"({n},), one per row of X; got shape {tuple(given.shape)}."
            )
        if not host_floats(xp.all(xp.isfinite(given)))[0]:
            raise ValueError(
                "The 'preference' parameter of AffinityPropagation contains NaN or infinity."
            )
        return xp.zeros(n, dtype=like.dtype, device=device(like)) + given

    def _passed(self, blocks: list[Array], preference: Array) -> tuple[np.ndarray, np.ndarray]:
        """Exemplars and labels. `blocks` are replaced by those of `affinity_matrix_`."""
        n, xp = blocks[0].shape[1], namespace(blocks[0])
        least, largest = host_floats(xp.min(preference), xp.max(preference))
        if n == 1 or (least == largest and all_equal(blocks)):
            warnings.warn(
                "All samples have mutually equal similarities. Returning arbitrary cluster "
                "center(s).",
                UserWarning,
                stacklevel=3,
            )
            self.affinity_matrix_, self.n_iter_ = concat(blocks), 0
            if largest > host_floats(blocks[0][0, n - 1])[0]:
                return np.arange(n), np.arange(n)
            return np.zeros(1, np.int64), np.zeros(n, np.int64)
        self._add_noise(blocks, preference)
        found = exchange(
            blocks, Rounds(self.damping, int(self.convergence_iter), int(self.max_iter))
        )
        self.affinity_matrix_, self.n_iter_ = concat(blocks), found.n_iter
        if self.verbose:
            print(
                f"Converged after {found.n_iter - 1} iterations."
                if found.converged
                else "Did not converge"
            )
        if not len(found.exemplars):
            self._warn(" and this model will not have any cluster centers.")
            return found.exemplars, np.full(n, -1)
        if not found.converged:
            self._warn(", this model may return degenerate cluster centers and labels.")
        return clusters(self.affinity_matrix_, found.exemplars)

    def _warn(self, what: str) -> None:
        text = f"Affinity propagation did not converge{what} Raise max_iter or damping."
        warnings.warn(text, ConvergenceWarning, stacklevel=4)

    def _add_noise(self, blocks: list[Array], preference: Array) -> None:
        rng = check_random_state(self.random_state)
        in_place = not self.copy and self._precomputed and on_host(blocks[0])
        a = 0
        for i, block in enumerate(blocks):
            noisy = with_noise(block, a, preference, rng)
            if in_place and block.flags.writeable:
                block[...] = noisy
            else:
                blocks[i] = noisy
            a += block.shape[0]

    def _check_parameters(self) -> None:
        check_number(self, "damping", self.damping, numbers.Real, least=0.5)
        if self.damping >= 1:
            raise ValueError(
                f"The 'damping' parameter of AffinityPropagation must be below 1; got "
                f"{self.damping!r}: messages would never change."
            )
        check_number(self, "max_iter", self.max_iter, numbers.Integral, least=1)
        check_number(self, "convergence_iter", self.convergence_iter, numbers.Integral, least=1)
        check_choice(self, "affinity", self.affinity, AFFINITIES)


def _negative_squares(X: Any) -> list[Array]:
    """Negative squared distances between all rows, block by block, in the dtype of X."""
    n = X.shape[0]
    if hasattr(X, "indptr"):
        search = SparseSearch(X, Measure("sqeuclidean"))
        return [
            -search.tile(search.X[a:b], 0, n).astype(X.dtype, copy=False) for a, b in row_spans(n)
        ]
    xp = namespace(X)
    if on_host(X) and _near_origin(X):
        S = euclidean_distances(X, squared=True)
        np.negative(S, out=S)
        return [S[a:b] for a, b in row_spans(n)]
    squares = kernels_for(xp).distances.squared_distances
    return [-xp.astype(squares(X[a:b, :], X), X.dtype) for a, b in row_spans(n)]


def _near_origin(X: np.ndarray) -> bool:
    """Whether squared distances from products are accurate.

    If so, they are computed as in scikit-learn, to the last bit, because messages that do not
    converge depend on the last bit.
    """
    wide = X.astype(np.float64, copy=False)
    spread = float(wide.var(axis=0).sum())
    return float((wide.mean(axis=0) ** 2).sum()) <= NEAR * spread


def affinity_propagation(
    S: Any,
    *,
    preference: Any = None,
    convergence_iter: int = 15,
    max_iter: int = 200,
    damping: float = 0.5,
    copy: bool = True,
    verbose: bool = False,
    return_n_iter: bool = False,
    random_state: Any = None,
) -> tuple[Any, ...]:
    """Exemplars and labels from given similarities: the function form of `AffinityPropagation`.

    Parameters
    ----------
    S : array of shape (n, n)
        Similarities.
    preference, convergence_iter, max_iter, damping, copy, verbose, random_state
        See `AffinityPropagation`.
    return_n_iter : bool, default=False

    Returns
    -------
    cluster_centers_indices : array of shape (k,)
    labels : array of shape (n,)
        int32.
    n_iter : int
        Only with `return_n_iter`.
    """
    model = AffinityPropagation(
        damping=damping,
        max_iter=max_iter,
        convergence_iter=convergence_iter,
        copy=copy,
        preference=preference,
        affinity="precomputed",
        verbose=verbose,
        random_state=random_state,
    ).fit(S)
    found = model.cluster_centers_indices_, model.labels_
    return (*found, model.n_iter_) if return_n_iter else found
