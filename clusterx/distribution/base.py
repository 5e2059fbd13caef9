"""Base of the mixtures of Gaussians: fitting, prediction, scores and samples."""

from __future__ import annotations

import numbers
import warnings
from typing import Any

import numpy as np
from sklearn.base import DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, asarray, float_dtype, host_floats, is_array, namespace, to_host
from ..base import Estimator
from ..checkpoints import Checkpoint
from ..kernels.mixture import Density
from ..rows import Rows
from ..validation import check_choice, check_number
from .covariance import TYPES, Moments, SingularError
from .em import (
    Expected,
    Frame,
    Parameters,
    Problem,
    Run,
    density,
    em,
    find_frame,
    powers_of_two,
    with_scatter,
)
from .report import Collapsed, Report
from .resuming import restored, saving
from .starts import INITS, first_moments


class Mixture(DensityMixin, Estimator):
    """Base of the mixtures, which define `_first`, `_maximise` and `_bound` themselves."""

    weights_: Array
    means_: Array
    covariances_: Array
    precisions_cholesky_: Array
    lower_bound_: float

    # -- fitting -------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        checkpoint: Any = None,
        checkpoint_every: int = 10,
    ) -> Any:
        """Estimate the parameters by expectation and maximisation.

        Parameters
        ----------
        X : array, Blocks or anything Blocks takes, of shape (n_samples, n_features)
            float32 and float64 are kept; small integers become float32, others float64.
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            A weight of two counts as a row repeated, one of zero as a row left out.
        checkpoint : path, optional
            A file that keeps the state of the fit. If there is one, of a fit with the same data,
            weights and parameters that ended early, the fit goes on from there and has the same
            result. The file is deleted when the fit has ended.
        checkpoint_every : int, default=10
            Iterations between two states that are written.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Wrong parameters, fewer rows of positive weight than components, NaN or infinities in X;
            or a component has collapsed onto so few rows that its covariance is singular; or the
            checkpoint is of another fit.
        """
        self._fit(X, sample_weight, None if checkpoint is None else (checkpoint, checkpoint_every))
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and return the most probable component of each row, (n_samples,) int32."""
        return self._assigned(self._fit(X, sample_weight))[1]

    def _fit(self, X: Any, sample_weight: Any, checkpoint: tuple[Any, int] | None = None) -> Rows:
        self._check_mixture_parameters()
        rows = self._rows(X, reset=True)
        w, total = self._weights(sample_weight, rows)
        self._check_enough_rows(rows, w)
        covariance = TYPES[self.covariance_type]
        saved = None if checkpoint is None else Checkpoint(*checkpoint, self, rows, w)
        with rows.kernels.runtime.limited_blas():
            frame = find_frame(rows, w, self.covariance_type == "spherical")
            problem = self._with_priors(Problem(rows, w, total, frame, covariance))
            problem = with_scatter(problem)
            best = self._best_run(problem, saved)
        if saved is not None:
            saved.done()
        self.converged_ = best.converged
        self._keep(best.parameters, problem)
        self.n_iter_ = len(best.lower_bounds)
        self.lower_bounds_ = best.lower_bounds
        self.lower_bound_ = best.lower_bounds[-1] if best.lower_bounds else -np.inf
        if not self.converged_ and self.max_iter > 0:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, "
                "or increase max_iter, tol, or check for degenerate data.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return rows

    def _best_run(self, problem: Problem, saved: Checkpoint | None) -> Run:
        rng = check_random_state(self.random_state)
        warm = self.warm_start and hasattr(self, "converged_")
        best: Run | None = None
        going = None if saved is None or saved.found is None else restored(saved.found, rng)
        if going is not None:
            best = going.best
        for start in range(0 if going is None else going.start, 1 if warm else self.n_init):
            report = Report(self, start)
            try:
                if going is not None:
                    first = going.parameters
                else:
                    first = self._restored(problem) if warm else self._first(problem, rng)
                run = em(
                    problem,
                    first,
                    lambda moments: self._maximise(moments, problem),
                    lambda expected, found: self._bound(expected, found, problem),
                    max_iter=self.max_iter,
                    tol=self.tol,
                    before=self.lower_bound_ if warm else -np.inf,
                    report=report,
                    bounds=None if going is None else going.bounds,
                    after=None if saved is None else saving(saved, rng, start, best),
                )
            except Collapsed as error:
                raise ValueError(error.message(self)) from error.__cause__
            report.end(run)
            going = None
            if best is None or (
                run.lower_bounds and not run.lower_bounds[-1] <= best.lower_bounds[-1]
            ):
                best = run
        assert best is not None
        return best

    def _start_moments(self, problem: Problem, rng: np.random.RandomState) -> Moments:
        found = first_moments(problem, self.init_params, self.n_components, rng)
        return self._regularised(found, problem)

    def _regularised(self, moments: Moments, problem: Problem) -> Moments:
        """The moments with `reg_covar`, which is in squared units of X, added to the variances."""
        reg = self.reg_covar / problem.frame.scale**2
        covariances = problem.covariance.regularised(moments.covariances, reg)
        return moments._replace(covariances=covariances)

    def _factors(self, covariances: np.ndarray, sizes: np.ndarray, problem: Problem) -> Any:
        try:
            return problem.covariance.factors(covariances)
        except SingularError as error:
            share = None if error.component < 0 else sizes[error.component] / sizes.sum()
            raise Collapsed(error.component, share) from error

    def _first(self, problem: Problem, rng: np.random.RandomState) -> Parameters:
        """The parameters that the iterations start from."""
        raise NotImplementedError

    def _restored(self, problem: Problem) -> Parameters:
        """The parameters of the fitted model, in the frame of the problem."""
        return self._parameters(problem.frame)

    def _maximise(self, moments: Moments, problem: Problem) -> Parameters:
        """The M step."""
        raise NotImplementedError

    def _bound(self, expected: Expected, found: Parameters, problem: Problem) -> float:
        """Lower bound of the likelihood."""
        raise NotImplementedError

    def _with_priors(self, problem: Problem) -> Problem:
        """The problem with checked priors or initial parameters."""
        return problem

    def _log_weights(self) -> np.ndarray:
        """Log-weights of the fitted model, plus the constant terms of the log-densities."""
        raise NotImplementedError

    def _keep(self, found: Parameters, problem: Problem) -> None:
        """Set the fitted attributes."""
        rows, frame, covariance = problem.rows, problem.frame, problem.covariance

        def kept(values: np.ndarray) -> Array:
            return asarray(np.ascontiguousarray(values), like=rows.like, dtype=rows.dtype)

        factors = covariance.factors_scaled(found.factors, frame.scale)
        self.weights_ = kept(found.weights)
        self.means_ = kept(found.means * frame.scale + frame.center)
        self.covariances_ = kept(covariance.scaled(found.covariances, frame.scale))
        self.precisions_cholesky_ = kept(factors)
        self.precisions_ = kept(covariance.precisions(factors))

    # -- checks --------------------------------------------------------------------------------

    def _check_mixture_parameters(self) -> None:
        check_number(self, "n_components", self.n_components, numbers.Integral, least=1)
        check_choice(self, "covariance_type", self.covariance_type, tuple(TYPES))
        check_number(self, "tol", self.tol, numbers.Real, least=0)
        check_number(self, "reg_covar", self.reg_covar, numbers.Real, least=0)
        check_number(self, "max_iter", self.max_iter, numbers.Integral, least=0)
        check_number(self, "n_init", self.n_init, numbers.Integral, least=1)
        check_choice(self, "init_params", self.init_params, INITS)
        check_number(self, "verbose_interval", self.verbose_interval, numbers.Integral, least=1)

    def _check_enough_rows(self, rows: Rows, w: Array | None) -> None:
        if rows.n < 2:
            raise ValueError(
                f"Found array with {rows.n} sample(s) (shape={rows.shape}) while a minimum of 2 is "
                f"required by {type(self).__name__}."
            )
        used = rows.n
        if w is not None:
            xp = namespace(w)
            used = int(host_floats(xp.sum(xp.astype(w > 0, float_dtype(xp, w))))[0])
        if used < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {used}{'' if w is None else ' of positive weight'}. Ask for fewer "
                "components or give more rows."
            )

    # -- the fitted model ----------------------------------------------------------------------

    def predict(self, X: Any, *, labels_out: Any = None) -> Array:
        """The most probable component of each row.

        Parameters
        ----------
        X : array, Blocks or anything Blocks takes, of shape (n_samples, n_features)
        labels_out : path or array of shape (n_samples,), int32, optional
            Where to write the labels: the path of an NPY file, which is written block by block, or
            an array such as a memmap. If X is read in blocks, memory then does not grow with the
            number of rows.

        Returns
        -------
        labels : array of shape (n_samples,), int32
            On the device of X; the lowest index among equally probable components.
        """
        if labels_out is not None:
            return self._predict_into(labels_out, X)
        return self._assigned(self._given_rows(X, "predict"))[1]

    def score_samples(self, X: Any) -> Array:
        """Log-likelihood (n_samples,) of each row under the mixture."""
        rows = self._given_rows(X, "score_samples")
        found = self._assigned(rows)[0]
        return namespace(found).astype(found, rows.dtype, copy=False)

    def predict_proba(self, X: Any) -> Array:
        """Probability (n_samples, n_components) of each component for each row."""
        rows = self._given_rows(X, "predict_proba")
        found = rows.map(rows.kernels.mixture.responsibilities, self._density(rows.like))
        return namespace(found).astype(found, rows.dtype, copy=False)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The (weighted) mean log-likelihood of the rows.

        Parameters
        ----------
        X : array or Blocks of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional
        """
        likelihood, total = self._likelihood(X, "score", sample_weight)
        return likelihood / total

    def _likelihood(self, X: Any, method: str, sample_weight: Any) -> tuple[float, float]:
        """The weighted log-likelihood of all rows, and the sum of their weights."""
        rows = self._given_rows(X, method)
        w, total = self._weights(sample_weight, rows)
        found = self._assigned(rows)[0]
        xp = namespace(found)
        if w is not None:
            w = xp.astype(w, found.dtype)
            found = xp.where(w > 0, found * w, xp.zeros_like(found))
        return host_floats(xp.sum(found))[0], total

    def sample(self, n_samples: int = 1) -> tuple[Array, Array]:
        """Draw rows from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : array of shape (n_samples, n_features), float64
            The rows of the first component come first. With equal seeds, covariances and means,
            scikit-learn's mixture draws the same rows.
        y : array of shape (n_samples,), int32
            Their components.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, numbers.Integral) or n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples!r}. It must be a whole number of at "
                "least 1."
            )
        rng = np.random.RandomState() if self.random_state is None else self.random_state
        rng = check_random_state(rng)
        shares = to_host(self.weights_).astype(np.float64)
        sizes = rng.multinomial(n_samples, shares / shares.sum())
        means, covariances = to_host(self.means_), to_host(self.covariances_)
        d = means.shape[1]
        drawn = []
        for j, (mean, size) in enumerate(zip(means, sizes, strict=True)):
            own = covariances if self.covariance_type == "tied" else covariances[j]
            if own.ndim == 2:
                drawn.append(rng.multivariate_normal(mean, own, int(size)))
            else:
                drawn.append(mean + rng.standard_normal(size=(size, d)) * np.sqrt(own))
        labels = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        like = self.means_
        wide = float_dtype(namespace(like), like)
        X = asarray(np.vstack(drawn), like=like, dtype=wide)
        return X, asarray(labels, like=like)

    def _given_rows(self, X: Any, method: str) -> Rows:
        check_is_fitted(self)
        self._check_same_library(X, method, "means_")
        return self._rows(X, reset=False)

    def _assigned(self, rows: Rows) -> tuple[Array, Array]:
        """Log-likelihood and component of each row."""
        return rows.map(rows.kernels.mixture.assign, self._density(rows.like))

    def _density(self, like: Array) -> Density:
        frame = self._frame()
        return density(TYPES[self.covariance_type], frame, self._parameters(frame), like)

    def _frame(self) -> Frame:
        """A frame around the fitted components, which are near the rows of `fit`."""
        weights = host_attribute(self, "weights_")
        means, factors = (host_attribute(self, n) for n in ("means_", "precisions_cholesky_"))
        d = means.shape[1]
        covariance = TYPES[self.covariance_type]
        each = covariance.each(factors, *means.shape)
        center = weights @ means / weights.sum()
        thinnest = np.abs(np.diagonal(each, axis1=1, axis2=2) if each.ndim == 3 else each)
        scale = 1.0 / thinnest.max(axis=0)
        if self.covariance_type == "spherical":
            scale = np.full(d, scale.min())
        return Frame(center, powers_of_two(scale), np.full(d, np.inf))

    def _parameters(self, frame: Frame) -> Parameters:
        names = "weights_", "means_", "covariances_", "precisions_cholesky_"
        weights, means, covariances, factors = (host_attribute(self, n) for n in names)
        covariance = TYPES[self.covariance_type]
        return Parameters(
            weights,
            (means - frame.center) / frame.scale,
            covariance.scaled(covariances, 1.0 / frame.scale),
            covariance.factors_scaled(factors, 1.0 / frame.scale),
            self._log_weights(),
        )


def host_attribute(model: Any, name: str) -> np.ndarray:
    """A fitted attribute in float64 on the host."""
    values = getattr(model, name)
    if not is_array(values):
        values = np.asarray(values)
    return to_host(values).astype(np.float64)
