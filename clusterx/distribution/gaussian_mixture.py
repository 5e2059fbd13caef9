"""Mixtures of Gaussians by maximum likelihood."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import to_host
from ..validation import real_array
from .base import Mixture
from .covariance import TYPES, Moments
from .em import Expected, Parameters, Problem


class GaussianMixture(Mixture):
    """Mixture of Gaussians, fitted by expectation-maximisation on the device of the data.

    NumPy arrays run on tuned CPU kernels, arrays of other libraries on their own device, `Blocks`
    out of core. Results have the same bits for any number of threads. An iteration costs O(n k d^2)
    for full covariances and O(n k d) for the other types. Memory beyond X is that of a few blocks
    of rows; responsibilities of all rows are never stored.

    Parameters
    ----------
    n_components : int, default=1
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
        One matrix per component, one matrix for all, variances per component, or a single variance
        per component.
    tol : float, default=1e-3
        The iterations end when the mean log-likelihood per row changes by less.
    reg_covar : float, default=1e-6
        Added to the variances, in squared units of X.
    max_iter : int, default=100
    n_init : int, default=1
        Number of starts, of which the one with the highest likelihood is kept.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default='kmeans'
        The source of the initial responsibilities: clusters of `KMeans`, rows chosen by k-means++,
        random numbers, or random rows. The `_init` parameters replace the resulting weights, means
        and precisions.
    weights_init : array of shape (n_components,), optional
    means_init : array of shape (n_components, n_features), optional
    precisions_init : array, optional
        Inverses of the covariances, of the shape of `covariances_`.
    random_state : int, RandomState or None
        Every backend sees the same draws.
    warm_start : bool, default=False
        Whether to start from the parameters of the last fit.
    verbose : int, default=0
    verbose_interval : int, default=10

    Attributes
    ----------
    weights_ : array of shape (n_components,)
        Sum to one. All arrays are in the library, on the device and in the dtype of X.
    means_ : array of shape (n_components, n_features)
    covariances_ : array
        (n_components, n_features, n_features) for 'full', (n_features, n_features) for 'tied',
        (n_components, n_features) for 'diag', (n_components,) for 'spherical'.
    precisions_, precisions_cholesky_ : array
        Inverses of the covariances, and their upper triangular Cholesky factors.
    converged_ : bool
    n_iter_ : int
        Iterations of the start that was kept; the lower bounds are of that start too.
    lower_bound_ : float
        Mean log-likelihood per row in the last E step.
    lower_bounds_ : list of float
        The lower bound after each iteration.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features,), if X has string column names

    Notes
    -----
    `reg_covar` keeps components that collapse onto few rows from becoming singular. If it does not
    suffice, an error names the component. The start of 'k-means++' and 'random_from_data' has
    variances of `reg_covar` for all types.

    References
    ----------
    Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
    J. Royal Statistical Society B 39(1), 1977.

    Examples
    --------
    Clusters of different spread and orientation:

    >>> import numpy as np
    >>> from clusterx import GaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> wide, thin = rng.normal(size=(300, 2)) * 3, rng.normal(size=(200, 2)) * [3, 0.3] + [0, 8]
    >>> X = np.vstack((wide, thin))
    >>> model = GaussianMixture(2, random_state=0).fit(X)
    >>> model.weights_.round(2)
    array([0.6, 0.4])

    Rows that are unlikely under the mixture are anomalies; here, the 2 % least likely:

    >>> densities = model.score_samples(X)
    >>> anomalies = X[densities < np.quantile(densities, 0.02)]
    >>> len(anomalies)
    10
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Bayesian information criterion on X: lower is better.

        -2 log-likelihood + log(n) times the number of free parameters, where n is the number of
        rows, or the sum of their weights.
        """
        likelihood, total = self._likelihood(X, "bic", sample_weight)
        return -2 * likelihood + self._n_parameters() * math.log(total)

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Akaike information criterion on X: lower is better.

        -2 log-likelihood + 2 times the number of free parameters.
        """
        likelihood, _ = self._likelihood(X, "aic", sample_weight)
        return -2 * likelihood + 2 * self._n_parameters()

    def _n_parameters(self) -> int:
        k, d = self.means_.shape
        return int(TYPES[self.covariance_type].free(k, d) + k * d + k - 1)

    # -- steps ---------------------------------------------------------------------------------

    def _with_priors(self, problem: Problem) -> Problem:
        k, d = self.n_components, problem.rows.d
        covariance = problem.covariance
        weights = self._start("weights", (k,))
        if weights is not None:
            if not ((weights >= 0) & (weights <= 1)).all():
                raise ValueError(
                    "The parameter 'weights' should be in the range [0, 1], but got max value "
                    f"{weights.max():.5f}, min value {weights.min():.5f}."
                )
            if abs(weights.sum() - 1) > 1e-6:
                raise ValueError(
                    "The parameter 'weights' should be normalized, but got sum(weights) = "
                    f"{weights.sum():.5f}."
                )
        self._start("means", (k, d))
        precisions = self._start("precisions", covariance.shape(k, d))
        if precisions is not None:
            covariance.check(f"{self.covariance_type} precision", precisions)
        return problem

    def _start(self, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
        """The `_init` parameter of this name, on the host."""
        values = getattr(self, f"{name}_init")
        if values is None:
            return None
        values = to_host(real_array(f"{name}_init", values)).astype(np.float64)
        if values.shape != shape:
            of = f"{self.covariance_type} precision" if name == "precisions" else name
            raise ValueError(
                f"The parameter '{of}' should have the shape of {shape}, but got {values.shape}."
            )
        if not np.isfinite(values).all():
            raise ValueError(f"The parameter '{name}_init' contains NaN or infinity.")
        return values

    def _first(self, problem, rng):
        k, d = self.n_components, problem.rows.d
        frame, covariance = problem.frame, problem.covariance
        weights, means = self._start("weights", (k,)), self._start("means", (k, d))
        precisions = self._start("precisions", covariance.shape(k, d))
        if means is not None:
            means = (means - frame.center) / frame.scale
        if weights is None or means is None or precisions is None:
            moments = self._start_moments(problem, rng)
            weights = moments.sizes / moments.sizes.sum() if weights is None else weights
            means = moments.means if means is None else means
        if precisions is None:
            covariances = moments.covariances
            factors = self._factors(covariances, moments.sizes, problem)
        else:
            covariances, factors = covariance.from_precisions(precisions)
            covariances = covariance.scaled(covariances, 1.0 / frame.scale)
            factors = covariance.factors_scaled(factors, 1.0 / frame.scale)
        return Parameters(weights, means, covariances, factors, _logs(weights))

    def _maximise(self, moments: Moments, problem: Problem) -> Parameters:
        sizes, means, covariances = self._regularised(moments, problem)
        weights = sizes / sizes.sum()
        factors = self._factors(covariances, sizes, problem)
        return Parameters(weights, means, covariances, factors, _logs(weights))

    def _bound(self, expected: Expected, found: Parameters, problem: Problem) -> float:
        return expected.log_likelihood / problem.total

    def _log_weights(self) -> np.ndarray:
        return _logs(to_host(self.weights_).astype(np.float64))


def _logs(weights: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(weights)
