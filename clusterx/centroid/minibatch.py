"""Mini-batch k-means: the cost of a step does not depend on the number of rows."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..arrays import Array, asarray, host_floats, to_host
from ..checkpoints import Checkpoint
from ..fitted import fitted_matrix
from ..kernels.kmeans import with_inertia
from ..rows import without_labels
from ..rows.progress import notify
from ..validation import check_number
from . import seeding
from .base import CentroidClusterer
from .batches import Draws, EarlyStopping, State, drawing_from, size_of_init, weights_of
from .inertia import mean_variance, weighted_sum
from .resuming import SavedSteps, restored_centers
from .steps import batch_step, lloyd_step

#: From this many clusters on, preparing the sample for the choice of initial centres pays.
MANY = 32
#: Consecutive steps without a reassignment after which many steps run per call.
CALM = 8


class MiniBatchKMeans(CentroidClusterer):
    """k-means that learns from small random batches.

    Rows are drawn in proportion to their weights, and drawing costs O(batch_size). Each centre is
    the mean of all rows assigned to it so far (Sculley, "Web-scale k-means clustering", WWW 2010).

    Parameters
    ----------
    n_clusters : int, default=8
    init : {'k-means++', 'random', 'k-means||', 'maximin'}, array or callable
    max_iter : int, default=100
        Maximum number of passes over the data, counted in rows drawn.
    batch_size : int, default=1024
    verbose : int, default=0
    compute_labels : bool, default=True
        Whether `fit` ends with the labels and inertia of all rows.
    random_state : int, RandomState or None
    tol : float, default=0.0
        Stop when the squared movement of the centres in a step is at most `tol` times the mean
        variance of the columns; 0 turns this off.
    max_no_improvement : int or None, default=10
        Stop after this many steps in which the smoothed inertia did not fall.
    init_size : int, optional
        Rows drawn to find the initial centres; three batches by default.
    n_init : 'auto' or int, default='auto'
        Number of starts, of which the best on a random sample is kept. ``'auto'`` is 3 for
        ``'random'`` and callables and 1 otherwise.
    reassignment_ratio : float, default=0.01
        Centres to which fewer rows were assigned than this fraction of the most for any centre are
        moved to random rows of the batch from time to time.

    Attributes
    ----------
    cluster_centers_ : array of shape (n_clusters, n_features)
    labels_ : array of shape (n_samples,), int32
    inertia_ : float
    n_iter_ : int
        Number of passes over the data, rounded up.
    n_steps_ : int
        Batches.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features,), if X has string column names
    """

    _whole_columns = 8

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: Any = "auto",
        reassignment_ratio: float = 0.01,
    ):
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio

    def _check_parameters(self) -> None:
        self._check_shared_parameters()
        whole, real = numbers.Integral, numbers.Real
        check_number(self, "batch_size", self.batch_size, whole, least=1)
        check_number(self, "init_size", self.init_size, whole, least=1, or_none=True)
        check_number(
            self, "max_no_improvement", self.max_no_improvement, whole, least=0, or_none=True
        )
        check_number(self, "reassignment_ratio", self.reassignment_ratio, real, least=0)

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        labels_out: Any = None,
        checkpoint: Any = None,
        checkpoint_every: int = 100,
    ) -> MiniBatchKMeans:
        """Find the centres from random batches of X.

        Parameters
        ----------
        X : array, CSR matrix, Blocks or anything Blocks takes, of shape (n_samples, n_features)
            float32 and float64 are kept; small integers become float32, others float64. uint8 rows
            of at most 8 columns on the host, such as pixels, are read without conversion; centres
            are float32.
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            Rows are drawn in proportion to it.
        labels_out : path or array of shape (n_samples,), int32, optional
            Where to write the labels: the path of an NPY file, which is written block by block, or
            an array such as a memmap. If X is read in blocks, memory then does not grow with the
            number of rows.
        checkpoint : path, optional
            As in `KMeans.fit`: a fit that ended early goes on from there, to the same result.
        checkpoint_every : int, default=100
            Batches between two states that are written, at least.

        Returns
        -------
        MiniBatchKMeans
            This estimator.
        """
        self._check_parameters()
        X = without_labels(labels_out, X)
        rows = self._rows(X, reset=True)
        w, _ = self._weights(sample_weight, rows)
        starts = self._starts(rows, w, default=3)
        rng = check_random_state(self.random_state)
        saved = None
        if checkpoint is not None:
            saved = Checkpoint(checkpoint, checkpoint_every, self, rows, w)
        with rows.kernels.runtime.limited_blas():
            step = self._fit(rows, w, rng, starts, saved)
            if labels_out is None:
                self._label(step, w)
            else:
                self.labels_ = self._predict_into(labels_out, X)
                nearest = rows.kernels.distances.nearest
                inertia = rows.reduce(_inertia, nearest, self.cluster_centers_, along=(w,))
                (self.inertia_,) = host_floats(inertia)
        if saved is not None:
            saved.done()
        return self

    def _fit(self, rows, w, rng, starts, saved):
        batch_size = min(self.batch_size, rows.n)
        size = size_of_init(self, rows.n, batch_size)
        if saved is None or saved.found is None:
            centers = self._best_start(rows, w, rng, starts, size)
        else:
            centers = restored_centers(saved, rng, rows)
        self._state = State(rows, centers)
        keeps = None if saved is None else SavedSteps(saved, rng)
        n_steps = (self.max_iter * rows.n) // batch_size
        step = batch_step(rows, self.n_clusters, batch_size)
        # draws may be undone, so nothing else may draw from this generator
        own = check_random_state(rng.randint(2**31))
        self._run(step, rows, w, own, batch_size, n_steps, keeps)
        self.cluster_centers_ = self._state.rounded(rows)
        self.n_iter_ = math.ceil(self.n_steps_ * batch_size / rows.n)
        return step

    def _run(self, step, rows, w, rng, batch_size, n_steps, keeps):
        state = self._state
        tol = self.tol
        if tol > 0:
            one = None if w is None else lloyd_step(rows, w, seeding.total_weight(w, rows), 1)
            tol *= mean_variance(rows, w, one)
        stopping = EarlyStopping(
            self.verbose, self.max_no_improvement, tol, rows.n, batch_size, n_steps
        )
        draws = Draws(rng, rows.n, batch_size, w, n_steps)
        self.n_steps_, calm, stopped = 0, 0, False
        if keeps is not None:
            self.n_steps_ = keeps.begin(state, draws, stopping)
        while self.n_steps_ < n_steps and not stopped:
            if calm == CALM:
                stopped = self._run_steps(
                    step.run_steps(draws.ahead), rows, draws, rng, state, stopping, keeps
                )
                calm = 0
                continue
            # drawing has taken the weights into account
            inertia, shift, reassigned = self._step(
                step, rows, draws.next(), None, rng, state, tol > 0
            )
            self.n_steps_ += 1
            notify(self.n_steps_ * batch_size, rows.n)
            stopped = stopping(self.n_steps_, inertia, shift)
            if keeps is not None:
                keeps(self.n_steps_)
            calm = 0 if reassigned or not step.runs_steps else calm + 1

    def _run_steps(self, run_steps, rows, draws, rng, state, stopping, keeps):
        """Run many steps per call, then apply the stopping and reassignment rules.

        The steps after the one at which a rule fired are undone. True if the fit is over."""
        xp = rows.xp
        while self.n_steps_ < draws.max_steps:
            trace = run_steps(state.centers, state.counts)
            extremes = xp.min(trace.counts, axis=1), xp.max(trace.counts, axis=1)
            read = (to_host(a).tolist() for a in (trace.inertia, *extremes))
            for i, (inertia, least, most) in enumerate(zip(*read, strict=True)):
                due = state.due(draws.size)
                state.some_empty = least == 0
                self.n_steps_ += 1
                shift = 0.0
                if stopping.tol > 0:
                    old = trace.centers[i - 1, ...] if i else state.centers
                    (shift,) = host_floats(xp.sum((trace.centers[i, ...] - old) ** 2))
                poor = due and least < self.reassignment_ratio * most
                if poor:
                    state.centers, state.counts = trace.centers[i, ...], trace.counts[i, ...]
                    self._reassign(rows, draws.back(self.n_steps_), rng, state)
                stopped = stopping(self.n_steps_, inertia, shift)
                if stopped and not poor:
                    state.centers, state.counts = trace.centers[i, ...], trace.counts[i, ...]
                    draws.back(self.n_steps_)
                if stopped or poor:
                    return stopped
            state.centers, state.counts = trace.centers[-1, ...], trace.counts[-1, ...]
            notify(self.n_steps_ * draws.size, rows.n)
            if keeps is not None:
                keeps(self.n_steps_)
        return True

    def _best_start(self, rows, w, rng, starts, size):
        draw = drawing_from(rng, rows.n, w)
        drawn = draw(size)
        compared = starts > 1 or self.verbose
        valid: Any = rows.subset(drawn) if compared else None
        valid_w = weights_of(rows, w, drawn) if compared else None
        best, least = None, math.inf
        for start in range(starts):
            if self.verbose:
                print(f"Init {start + 1}/{starts} with method {self.init}")
            if isinstance(self.init, str) and size < rows.n:
                drawn = draw(size)
                few, few_w = rows.subset(drawn), weights_of(rows, w, drawn)
            else:
                few, few_w = rows, w
            many = isinstance(self.init, str) and self.n_clusters >= MANY
            total = seeding.total_weight(few_w, few) if many else 0.0
            step = lloyd_step(few, few_w, total, self.n_clusters) if many else None
            centers = self._init_centers(few, few_w, rng, step)
            if not compared:
                return centers
            _, squared = valid.map(valid.kernels.distances.nearest, centers)
            inertia = weighted_sum(squared, valid_w)
            if self.verbose:
                print(f"Inertia for init {start + 1}/{starts}: {inertia}")
            if inertia < least or best is None:
                best, least = centers, inertia
        return best

    def _step(self, step, rows, drawn, w, rng, state, want_shift):
        """One batch: its inertia, squared movement if wanted, whether centres were reassigned."""
        xp = rows.xp
        old = state.centers
        due = state.due(len(drawn))
        state.centers, state.counts, inertia = step(drawn, w, old, state.counts)
        shift = xp.sum((state.centers - old) ** 2) if want_shift else 0.0
        inertia, shift, least, most = host_floats(
            inertia, shift, xp.min(state.counts), xp.max(state.counts)
        )
        state.some_empty = least == 0
        poor = due and least < self.reassignment_ratio * most
        if poor:
            counted = slice(None) if w is None else np.flatnonzero(to_host(w))
            self._reassign(rows, drawn[counted], rng, state)
        return inertia, shift, poor

    def _reassign(self, rows, drawn, rng, state):
        """Move the centres that have seen too little to random rows of the batch."""
        counts = np.array(to_host(state.counts), np.float64)
        poor = counts < self.reassignment_ratio * counts.max()
        most = len(drawn) // 2
        if poor.sum() > 0.5 * len(drawn):
            poor[np.argsort(counts, kind="stable")[most:]] = False
        n = int(poor.sum())
        if n == 0:
            return
        chosen = rng.choice(len(drawn), replace=False, size=n)
        if self.verbose:
            print(f"[MiniBatchKMeans] Reassigning {n} cluster centers.")
        counts[poor] = counts[~poor].min()
        state.some_empty = bool((counts == 0).any())
        xp = rows.xp
        values = xp.astype(rows.take(drawn[chosen]), state.centers.dtype)
        places = asarray(np.clip(np.cumsum(poor) - 1, 0, n - 1), like=rows.like)
        flags = asarray(poor, like=rows.like)[:, None]
        state.centers = xp.where(flags, xp.take(values, places, axis=0), state.centers)
        state.counts = asarray(counts, like=rows.like, dtype=state.counts.dtype)

    def _label(self, step, w):
        if not self.compute_labels:  # those of an earlier fit belong to other rows
            for name in ("labels_", "inertia_"):
                self.__dict__.pop(name, None)
            return
        self.labels_, inertia = step.label(self.cluster_centers_, w)
        (self.inertia_,) = host_floats(inertia)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Learn from one batch: all of X.

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional

        Returns
        -------
        MiniBatchKMeans
            This estimator.

        Raises
        ------
        ValueError
            `n_clusters` is not the number of centres that earlier batches were learned with; or
            the first batch has fewer rows of positive weight than clusters.

        Notes
        -----
        `cluster_centers_` may be set between batches. Centres set in a model that has learned
        nothing yet count as having seen no row.
        """
        self._check_parameters()
        fresh = not hasattr(self, "cluster_centers_")
        rows = self._rows(X, reset=fresh, beside=None if fresh else "cluster_centers_")
        w, _ = self._weights(sample_weight, rows)
        if fresh or not hasattr(self, "_rng"):
            self._rng = check_random_state(self.random_state)
        if fresh:
            starts = self._starts(rows, w, default=3)
            size = size_of_init(self, rows.n, min(self.batch_size, rows.n))
            self._state, self.n_steps_ = State(rows, self._one_start(rows, w, starts, size)), 0
        else:
            self._resume(rows)
        step = batch_step(rows, self.n_clusters, rows.n)
        self._step(step, rows, np.arange(rows.n), w, self._rng, self._state, False)
        self.n_steps_ = getattr(self, "n_steps_", 0) + 1
        self.cluster_centers_ = self._state.rounded(rows)
        self._label(step, w)
        return self

    def _resume(self, rows):
        """Continue from `cluster_centers_`, which may have been set since, and their counts."""
        centers = asarray(fitted_matrix(self, "cluster_centers_"), like=rows.like)
        k = centers.shape[0]
        if k != self.n_clusters:
            raise ValueError(
                f"partial_fit goes on from the {k} rows of cluster_centers_, but n_clusters is "
                f"{self.n_clusters}. Use set_params(n_clusters={k}) to go on. To start again with "
                "another number, use fit, or partial_fit of sklearn.base.clone(model)."
            )
        if not hasattr(self, "_state"):
            self._state = State(rows, centers)
        self._state.follow(rows, centers)

    def _one_start(self, rows, w, starts, size):
        if isinstance(self.init, str) and size < rows.n:
            drawn = drawing_from(self._rng, rows.n, w)(size)
            rows, w = rows.subset(drawn), weights_of(rows, w, drawn)
        return self._init_centers(rows, w, self._rng)


def _inertia(X: Any, w: Array | None, nearest: Callable, centers: Array) -> Array:
    """The weighted sum of squared distances of a piece of the rows."""
    return with_inertia(nearest(X, centers), w)[1]
