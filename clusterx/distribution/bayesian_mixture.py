"""Mixtures of Gaussians by variational inference."""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaln, digamma, gammaln

from ..arrays import Array, asarray, to_host
from ..validation import check_choice, real_array
from .base import Mixture, host_attribute
from .covariance import Moments
from .em import Expected, Frame, Parameters, Problem
from .starts import overall_moments

PRIOR_TYPES = ("dirichlet_process", "dirichlet_distribution")


class Beliefs(NamedTuple):
    """The posterior of weights, means and precisions; covariances are in `Parameters`."""

    #: Dirichlet counts (k,), or parameters (2, k) of the stick-breaking beta distributions
    concentration: np.ndarray
    mean_precision: np.ndarray  # (k,)
    degrees_of_freedom: np.ndarray  # (k,), or 0-d for a tied covariance


class Priors(NamedTuple):
    """The priors, in the frame of a problem."""

    concentration: float
    mean_precision: float
    mean: np.ndarray  # (d,)
    degrees_of_freedom: float
    covariance: np.ndarray  # of one component


class BayesianGaussianMixture(Mixture):
    """Mixture of Gaussians whose parameters have priors, fitted by variational inference.

    Components that the rows do not need get weights near zero, so that `n_components` is only an
    upper bound. It uses the same kernels as `GaussianMixture`, at the same cost, on the device of
    X.

    Parameters
    ----------
    n_components : int, default=1
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
    tol : float, default=1e-3
        The iterations end when the lower bound changes by less.
    reg_covar : float, default=1e-6
        Added to the variances, in squared units of X.
    max_iter : int, default=100
    n_init : int, default=1
        Number of starts, of which the one with the highest lower bound is kept.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'}, default='kmeans'
        The source of the initial responsibilities; see `GaussianMixture`.
    weight_concentration_prior_type : {'dirichlet_process', 'dirichlet_distribution'}, \
default='dirichlet_process'
        The prior of the weights: a Dirichlet process, in its stick-breaking representation
        truncated at `n_components`, or a Dirichlet distribution.
    weight_concentration_prior : float, optional
        Lower values leave more components empty. 1 / n_components by default.
    mean_precision_prior : float, optional
        The weight of the prior of the means, as a number of rows. 1 by default.
    mean_prior : array of shape (n_features,), optional
        The mean of X by default.
    degrees_of_freedom_prior : float, optional
        Degrees of freedom of the Wishart prior, above n_features - 1. n_features by default.
    covariance_prior : float or array, optional
        The covariance of X by default: a matrix for 'full' and 'tied', variances for 'diag', and
        their mean for 'spherical'.
    random_state : int, RandomState or None
    warm_start : bool, default=False
        Whether to start from the parameters of the last fit.
    verbose : int, default=0
    verbose_interval : int, default=10

    Attributes
    ----------
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : array
        Expected values, of the same shapes as in `GaussianMixture`.
    converged_ : bool
    n_iter_ : int
    lower_bound_ : float
        Lower bound on the model evidence, without constant terms.
    lower_bounds_ : list of float
        The lower bound after each iteration.
    weight_concentration_ : tuple of two arrays, or array, of shape (n_components,)
        Parameters of the beta distributions of a Dirichlet process, or those of a Dirichlet
        distribution.
    mean_precision_ : array of shape (n_components,)
    degrees_of_freedom_ : array of shape (n_components,), or float if the covariance is tied
    weight_concentration_prior_, mean_precision_prior_, degrees_of_freedom_prior_ : float
    mean_prior_ : array of shape (n_features,)
    covariance_prior_ : float or array
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features,), if X has string column names

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, chapter 10.2.
    Blei and Jordan, "Variational inference for Dirichlet process mixtures", Bayesian Analysis 1(1),
    2006.

    Examples
    --------
    >>> import numpy as np
    >>> from clusterx import BayesianGaussianMixture
    >>> rng = np.random.default_rng(0)
    >>> X = np.vstack((rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) + 8))
    >>> model = BayesianGaussianMixture(n_components=5, random_state=0, max_iter=500).fit(X)
    >>> int((model.weights_ > 0.01).sum())
    2
    """

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weight_concentration_prior_type: str = "dirichlet_process",
        weight_concentration_prior: Any = None,
        mean_precision_prior: Any = None,
        mean_prior: Any = None,
        degrees_of_freedom_prior: Any = None,
        covariance_prior: Any = None,
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
        self.weight_concentration_prior_type = weight_concentration_prior_type
        self.weight_concentration_prior = weight_concentration_prior
        self.mean_precision_prior = mean_precision_prior
        self.mean_prior = mean_prior
        self.degrees_of_freedom_prior = degrees_of_freedom_prior
        self.covariance_prior = covariance_prior
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    # -- priors --------------------------------------------------------------------------------

    def _check_mixture_parameters(self) -> None:
        super()._check_mixture_parameters()
        name = "weight_concentration_prior_type"
        check_choice(self, name, self.weight_concentration_prior_type, PRIOR_TYPES)
        for name in (
            "weight_concentration_prior",
            "mean_precision_prior",
            "degrees_of_freedom_prior",
        ):
            self._check_positive(name, getattr(self, name))
        if isinstance(self.covariance_prior, numbers.Real):
            self._check_positive("covariance_prior", self.covariance_prior)

    def _check_positive(self, name: str, value: Any) -> None:
        if value is not None and not (
            isinstance(value, numbers.Real) and 0 < float(value) < np.inf
        ):
            raise ValueError(
                f"The {name!r} parameter of {type(self).__name__} must be a positive number or "
                f"None; got {value!r}."
            )

    def _with_priors(self, problem: Problem) -> Problem:
        """The problem with its priors; sets the prior attributes in units of X."""
        rows, frame = problem.rows, problem.frame
        self._set_scalar_priors(rows.d)
        mean, covariance = self._mean_and_covariance(problem)
        self.mean_prior_ = asarray(mean, like=rows.like, dtype=rows.dtype)
        self.covariance_prior_ = (
            float(covariance)
            if covariance.ndim == 0
            else asarray(covariance, like=rows.like, dtype=rows.dtype)
        )
        priors = Priors(
            self.weight_concentration_prior_,
            self.mean_precision_prior_,
            (mean - frame.center) / frame.scale,
            self.degrees_of_freedom_prior_,
            problem.covariance.scaled(covariance[None], 1 / frame.scale)[0],
        )
        return problem._replace(priors=priors)

    def _set_scalar_priors(self, d: int) -> None:
        self.weight_concentration_prior_ = (
            1.0 / self.n_components
            if self.weight_concentration_prior is None
            else self.weight_concentration_prior
        )
        self.mean_precision_prior_ = (
            1.0 if self.mean_precision_prior is None else self.mean_precision_prior
        )
        degrees = self.degrees_of_freedom_prior
        if degrees is not None and not degrees > d - 1:
            raise ValueError(
                "The parameter 'degrees_of_freedom_prior' should be greater than "
                f"{d - 1}, but got {degrees:.3f}."
            )
        self.degrees_of_freedom_prior_ = d if degrees is None else degrees

    def _mean_and_covariance(self, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
        """The given prior mean and covariance, or those of the rows."""
        frame, total = problem.frame, problem.total
        mean = self._given_prior("mean_prior", (problem.rows.d,))
        covariance = self._covariance_prior(problem)
        if mean is None or covariance is None:
            own = overall_moments(problem)
            if mean is None:
                mean = own.means[0] * frame.scale + frame.center
            if covariance is None:
                unbiased = own.covariances * (total / (total - 1) if total > 1 else 1.0)
                covariance = problem.covariance.scaled(unbiased, frame.scale)
                covariance = covariance if self.covariance_type == "tied" else covariance[0]
        return np.asarray(mean), np.asarray(covariance)

    def _given_prior(self, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
        values = getattr(self, name)
        if values is None:
            return None
        values = to_host(real_array(name, values)).astype(np.float64)
        if values.shape != shape:
            what = "means" if name == "mean_prior" else f"{self.covariance_type} {name}"
            raise ValueError(
                f"The parameter '{what}' should have the shape of {shape}, but got {values.shape}."
            )
        if not np.isfinite(values).all():
            raise ValueError(f"The parameter '{name}' contains NaN or infinity.")
        return values

    def _covariance_prior(self, problem: Problem) -> np.ndarray | None:
        shape = problem.covariance.shape(1, problem.rows.d)
        shape = shape if self.covariance_type == "tied" else shape[1:]
        found = self._given_prior("covariance_prior", shape)
        if found is not None and self.covariance_type != "spherical":
            problem.covariance.check(f"{self.covariance_type} covariance_prior", found)
        return found

    # -- steps ---------------------------------------------------------------------------------

    def _first(self, problem, rng):
        return self._maximised(self._start_moments(problem, rng), problem)

    def _maximise(self, moments, problem):
        return self._maximised(self._regularised(moments, problem), problem)

    def _maximised(self, moments: Moments, problem: Problem) -> Parameters:
        prior, (sizes, means, _) = problem.priors, moments
        precision = prior.mean_precision + sizes
        shifts = means - prior.mean
        new_means = (prior.mean_precision * prior.mean + sizes[:, None] * means) / precision[
            :, None
        ]
        degrees = prior.degrees_of_freedom + (
            sizes if self.covariance_type != "tied" else sizes.sum() / len(sizes)
        )
        drawn = sizes * prior.mean_precision / precision
        posterior = problem.covariance.posterior(moments, prior.covariance, shifts, drawn, degrees)
        factors = self._factors(posterior, sizes, problem)
        beliefs = Beliefs(self._concentration(sizes), precision, np.asarray(degrees))
        constants = self._constants(beliefs, means.shape[1])
        weights = self._expected_weights(beliefs.concentration)
        return Parameters(weights, new_means, posterior, factors, constants, beliefs)

    def _concentration(self, sizes: np.ndarray) -> np.ndarray:
        prior = self.weight_concentration_prior_
        if self.weight_concentration_prior_type == "dirichlet_distribution":
            return prior + sizes
        later = np.append(np.cumsum(sizes[::-1])[-2::-1], 0.0)
        return np.stack((1.0 + sizes, prior + later))

    def _expected_weights(self, concentration: np.ndarray) -> np.ndarray:
        if concentration.ndim == 1:
            return concentration / concentration.sum()
        total = concentration.sum(axis=0)
        left = np.append(1.0, np.cumprod(concentration[1] / total)[:-1])
        weights = concentration[0] / total * left
        return weights / weights.sum()

    def _constants(self, beliefs: Beliefs, d: int) -> np.ndarray:
        """Constant terms of the log-densities: expected log-weights and log-determinants."""
        concentration, precision, degrees = beliefs
        if concentration.ndim == 1:
            log_weights = digamma(concentration) - digamma(concentration.sum())
        else:
            total = digamma(concentration.sum(axis=0))
            left = np.cumsum(digamma(concentration[1]) - total)[:-1]
            log_weights = digamma(concentration[0]) - total + np.append(0.0, left)
        spread = digamma((degrees - np.arange(d)[:, None]) / 2).sum(axis=0)
        return log_weights + (d * np.log(2.0) + spread - d * np.log(degrees) - d / precision) / 2

    def _bound(self, expected: Expected, found: Parameters, problem: Problem) -> float:
        concentration, precision, degrees = found.beliefs
        k, d = found.means.shape
        determinants = problem.covariance.log_determinants(found.factors, d)
        determinants = determinants - np.log(problem.frame.scale).sum() - d / 2 * np.log(degrees)
        gammas = gammaln((degrees - np.arange(d)[:, None]) / 2).sum(axis=0)
        wishart = -(degrees * determinants + degrees * d / 2 * np.log(2.0) + gammas)
        wishart = np.broadcast_to(wishart, (k,)).sum()
        if concentration.ndim == 1:
            weights = gammaln(concentration.sum()) - gammaln(concentration).sum()
        else:
            weights = -betaln(concentration[0], concentration[1]).sum()
        return float(-expected.entropy - wishart - weights - d / 2 * np.log(precision).sum())

    # -- the fitted model ----------------------------------------------------------------------

    def _keep(self, found: Parameters, problem: Problem) -> None:
        super()._keep(found, problem)
        like, dtype = problem.rows.like, problem.rows.dtype

        def kept(values: np.ndarray) -> Array:
            return asarray(np.ascontiguousarray(values), like=like, dtype=dtype)

        concentration, precision, degrees = found.beliefs
        self.weight_concentration_ = (
            kept(concentration) if concentration.ndim == 1 else tuple(map(kept, concentration))
        )
        self.mean_precision_ = kept(precision)
        self.degrees_of_freedom_ = float(degrees) if degrees.ndim == 0 else kept(degrees)

    def _beliefs(self) -> Beliefs:
        concentration = self.weight_concentration_
        if isinstance(concentration, tuple):
            concentration = np.stack([to_host(c) for c in concentration])
        concentration = to_host(concentration).astype(np.float64)
        degrees = np.asarray(to_host(self.degrees_of_freedom_), dtype=np.float64)
        return Beliefs(concentration, host_attribute(self, "mean_precision_"), degrees)

    def _log_weights(self) -> np.ndarray:
        return self._constants(self._beliefs(), host_attribute(self, "means_").shape[1])

    def _parameters(self, frame: Frame) -> Parameters:
        return super()._parameters(frame)._replace(beliefs=self._beliefs())
