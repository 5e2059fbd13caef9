"""Mini-batch k-means: the cost of a step does not depend on the number of rows."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..arrays import Array, asarray, float_dtype, host_floats, to_host
from ..base import Rows, check_number
from ..rows import InMemory
from . import seeding
from .base import CentroidClusterer
from .lloyd import weighted_sum


class MiniBatchKMeans(CentroidClusterer):
    """k-means that learns from small random batches.

    Rows are drawn in proportion to their weights, and drawing costs O(batch_size). Centres move to
    the mean of all rows they were given (Sculley, "Web-scale k-means clustering", WWW 2010).

    Parameters
    ----------
    n_clusters : int, default=8
    init : {'k-means++', 'random', 'k-means||', 'maximin'}, array or callable
    max_iter : int, default=100
        Passes over the data at most, counted in rows drawn.
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
        Rows drawn to find the first centres; three batches by default.
    n_init : 'auto' or int, default='auto'
        Starts tried, of which the best on a drawn sample is taken. ``'auto'`` is 3 for
        ``'random'`` and callables and 1 otherwise.
    reassignment_ratio : float, default=0.01
        Centres that have seen less than this share of what the fullest one has seen are moved to
        random rows of the batch from time to time.

    Attributes
    ----------
    cluster_centers_ : array of shape (n_clusters, n_features)
    labels_ : array of shape (n_samples,), int32
    inertia_ : float
    n_iter_ : int
        Passes begun.
    n_steps_ : int
        Batches.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features_in_,), if X has string column names
    """

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

    def _size_of_init(self, n: int, batch_size: int) -> int:
        size = self.init_size
        if size is None:
            size = 3 * batch_size
            if size < self.n_clusters:
                size = 3 * self.n_clusters
        elif size < self.n_clusters:
            warnings.warn(
                f"init_size={size} should be larger than n_clusters={self.n_clusters}. Setting it "
                "to min(3*n_clusters, n_samples)",
                RuntimeWarning,
                stacklevel=4,
            )
            size = 3 * self.n_clusters
        return min(size, n)

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> MiniBatchKMeans:
        """Find the centres from random batches of X.

        Parameters
        ----------
        X : array, CSR matrix or Blocks of shape (n_samples, n_features)
        y : ignored
        sample_weight : array of shape (n_samples,), optional
            Rows are drawn in proportion to it.

        Returns
        -------
        MiniBatchKMeans
            This estimator.
        """
        self._check_parameters()
        rows = self._rows(X, reset=True)
        starts = self._starts(rows, default=3)
        w, _ = self._weights(sample_weight, rows)
        rng = seeding.generator(self.random_state)
        with rows.kernels.session():
            self._fit(rows, w, rng, starts)
        return self

    def _fit(self, rows, w, rng, starts):
        batch_size = min(self.batch_size, rows.n)
        centers = self._best_start(rows, w, rng, starts, self._size_of_init(rows.n, batch_size))
        self._state = _State(rows, centers)
        n_steps = (self.max_iter * rows.n) // batch_size
        step = rows.minibatch(self.n_clusters, batch_size)
        self._run(step, rows, w, rng, batch_size, n_steps)
        self.cluster_centers_ = self._state.rounded(rows)
        self.n_iter_ = math.ceil(self.n_steps_ * batch_size / rows.n)
        self._label(step, w)

    def _run(self, step, rows, w, rng, batch_size, n_steps):
        state = self._state
        shares = seeding.cumulated_shares(w)
        tol = self.tol
        if tol > 0:
            tol *= host_floats(rows.xp.mean(asarray(rows.summary.variance, like=rows.like)))[0]
        stopping = _EarlyStopping(self, tol, rows.n, batch_size, n_steps)
        self.n_steps_ = 0
        for i in range(n_steps):
            drawn = seeding.draw_rows(rng, rows.n, batch_size, shares)
            # drawing has taken the weights into account
            inertia, shift = self._step(step, rows, drawn, None, rng, state, tol > 0)
            self.n_steps_ = i + 1
            if stopping(i + 1, inertia, shift):
                break

    def _best_start(self, rows, w, rng, starts, size):
        drawn = rng.randint(0, rows.n, size)
        valid = rows.subset(drawn)
        valid_w = _weights_of(w, drawn)
        best, least = None, math.inf
        for start in range(starts):
            if self.verbose:
                print(f"Init {start + 1}/{starts} with method {self.init}")
            if isinstance(self.init, str) and size < rows.n:
                drawn = rng.randint(0, rows.n, size)
                few, few_w = rows.subset(drawn), _weights_of(w, drawn)
            else:
                few, few_w = rows, w
            step = few.lloyd(few_w, float(size)) if isinstance(self.init, str) else None
            centers = self._init_centers(few, few_w, rng, step)
            _, squared = valid.map(valid.kernels.nearest, centers)
            inertia = weighted_sum(squared, valid_w)
            if self.verbose:
                print(f"Inertia for init {start + 1}/{starts}: {inertia}")
            if inertia < least or best is None:
                best, least = centers, inertia
        return best

    def _step(self, step, rows, drawn, w, rng, state, want_shift):
        """One batch; its inertia and, if wanted, the squared movement of the centres."""
        xp = rows.xp
        old = state.centers
        state.since_reassignment += len(drawn)
        due = state.some_empty or state.since_reassignment >= 10 * self.n_clusters
        if due:
            state.since_reassignment = 0
        state.centers, state.counts, inertia = step(drawn, w, old, state.counts)
        shift = xp.sum((state.centers - old) ** 2) if want_shift else 0.0
        inertia, shift, least, most = host_floats(
            inertia, shift, xp.min(state.counts), xp.max(state.counts)
        )
        state.some_empty = least == 0
        if due and least < self.reassignment_ratio * most:
            self._reassign(rows, drawn, rng, state)
        return inertia, shift

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
        if not self.compute_labels:  # those of an earlier fit are of other rows
            for name in ("labels_", "inertia_"):
                self.__dict__.pop(name, None)
            return
        self.labels_, squared = step.nearest(self.cluster_centers_)
        self.inertia_ = weighted_sum(squared, w)

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
        """
        self._check_parameters()
        fresh = not hasattr(self, "_state")
        rows = self._rows(X, reset=fresh)
        w, _ = self._weights(sample_weight, rows)
        if fresh:
            self._rng = check_random_state(self.random_state)
            starts = self._starts(rows, default=3)
            size = self._size_of_init(rows.n, min(self.batch_size, rows.n))
            centers = self._one_start(rows, w, starts, size)
            self._state = _State(rows, centers)
            self.n_steps_ = 0
        elif not hasattr(self, "_rng"):
            self._rng = check_random_state(self.random_state)
        self._state.follow(rows)
        step = rows.minibatch(self.n_clusters, rows.n)
        self._step(step, rows, np.arange(rows.n), w, self._rng, self._state, False)
        self.n_steps_ += 1
        self.cluster_centers_ = self._state.rounded(rows)
        self._label(step, w)
        return self

    def _one_start(self, rows, w, starts, size):
        if isinstance(self.init, str) and size < rows.n:
            drawn = self._rng.randint(0, rows.n, size)
            rows, w = rows.subset(drawn), _weights_of(w, drawn)
        return self._init_centers(rows, w, self._rng)


class _State:
    """Centres and what they have seen, in float64 between steps."""

    def __init__(self, rows: Rows, centers: Array):
        wide = float_dtype(rows.xp, rows.like)
        self.centers = rows.xp.astype(centers, wide)
        self.counts = rows.zeros((centers.shape[0],), wide)
        self.since_reassignment = 0
        self.some_empty = True

    def rounded(self, rows: Rows) -> Array:
        return rows.xp.astype(self.centers, rows.dtype)

    def follow(self, rows: Rows) -> None:
        """Live where the rows do: a model may have been loaded or moved."""
        self.centers = asarray(self.centers, like=rows.like)
        self.counts = asarray(self.counts, like=rows.like)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state["centers"], state["counts"] = to_host(self.centers), to_host(self.counts)
        return state


class _EarlyStopping:
    """Whether the batches have stopped to improve: smoothed inertia and movement."""

    def __init__(self, model: MiniBatchKMeans, tol, n, batch_size, n_steps):
        self.model, self.tol, self.batch_size, self.n_steps = model, tol, batch_size, n_steps
        self.share = min(1.0, batch_size * 2.0 / (n + 1))
        self.smooth: float | None = None
        self.least = math.inf
        self.stale = 0

    def __call__(self, step: int, inertia: float, shift: float) -> bool:
        inertia /= self.batch_size
        head = f"Minibatch step {step}/{self.n_steps}: mean batch inertia: {inertia}"
        if step == 1:  # that inertia is the first centres'
            self._say(head)
            return False
        if self.smooth is None:
            self.smooth = inertia
        else:
            self.smooth += self.share * (inertia - self.smooth)
        self._say(f"{head}, ewa inertia: {self.smooth}")
        if self.tol > 0.0 and shift <= self.tol:
            self._say(f"Converged (small centers change) at step {step}/{self.n_steps}")
            return True
        if self.smooth < self.least:
            self.least, self.stale = self.smooth, 0
        else:
            self.stale += 1
        patience = self.model.max_no_improvement
        if patience is not None and self.stale >= patience:
            self._say(f"Converged (lack of improvement in inertia) at step {step}/{self.n_steps}")
            return True
        return False

    def _say(self, text: str) -> None:
        if self.model.verbose:
            print(text)


def _weights_of(w: Array | None, drawn: np.ndarray) -> Array | None:
    if w is None:
        return None
    return InMemory(w[:, None]).take(drawn)[:, 0]
