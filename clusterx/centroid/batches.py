"""State of mini-batch k-means between its steps: centres, draws, and the stopping rule."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array, asarray, float_dtype, to_host
from ..rows import Rows
from .seeding import cumulated_shares, draw_rows

#: Groups of draws that can still be undone: one being stepped through, one being gathered, one just
#: drawn.
AHEAD = 3
FIRST_AHEAD = 8


class State:
    """Centres and the weight that each has seen, in float64 between steps."""

    def __init__(self, rows: Rows, centers: Array):
        wide = float_dtype(rows.xp, rows.like)
        self.centers = rows.xp.astype(centers, wide)
        self.counts = rows.zeros((centers.shape[0],), wide)
        self.since_reassignment = 0
        self.some_empty = True

    def rounded(self, rows: Rows) -> Array:
        return rows.xp.astype(self.centers, rows.dtype)

    def follow(self, rows: Rows, centers: Array) -> None:
        """Move to the device of the rows, and adopt centres that were changed from outside.

        The model may have been loaded or moved, or its centres set by hand.
        """
        xp = rows.xp
        own, counts = (asarray(a, like=rows.like) for a in (self.centers, self.counts))
        if own.shape != centers.shape or counts.shape != centers.shape[:1]:
            self.__init__(rows, centers)  # type: ignore[misc]
            return
        same = xp.astype(own, centers.dtype) == centers
        self.centers = xp.where(same, own, xp.astype(centers, own.dtype))
        self.counts = counts

    def due(self, batch_size: int) -> bool:
        """Whether to look for centres that have seen too little after the next step."""
        self.since_reassignment += batch_size
        due = self.some_empty or self.since_reassignment >= 10 * self.centers.shape[0]
        if due:
            self.since_reassignment = 0
        return due

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state["centers"], state["counts"] = to_host(self.centers), to_host(self.counts)
        return state


class Draws:
    """Batches of rows drawn with replacement, one by one or several batches ahead.

    Parameters
    ----------
    rng : RandomState
        Nothing else may draw from it in the meantime.
    n, size : int
        Number of rows, and rows per batch.
    w : array of shape (n,) or None
        Rows are drawn in proportion to it.
    max_steps : int
        Total number of batches.
    """

    def __init__(
        self, rng: np.random.RandomState, n: int, size: int, w: Array | None, max_steps: int
    ):
        self.rng, self.n, self.size, self.max_steps = rng, n, size, max_steps
        self.shares = cumulated_shares(w)
        self.count = 0
        self.marks: deque[tuple[int, Any]] = deque(maxlen=AHEAD)

    def _draw(self, m: int) -> np.ndarray:
        self.count += m
        return draw_rows(self.rng, self.n, m * self.size, self.shares).reshape(m, self.size)

    def next(self) -> np.ndarray:
        """Draw one batch, and start a new series of draws ahead."""
        self.marks.clear()
        self.grown = FIRST_AHEAD
        return self._draw(1)[0]

    def ahead(self, m: int) -> np.ndarray:
        """Draw at most m more batches: few at first, because they may be undone."""
        m = min(m, self.grown, self.max_steps - self.count)
        self.grown *= 2
        self.marks.append((self.count, self.rng.get_state(legacy=False)))
        return self._draw(m)

    def state_at(self, count: int) -> Any:
        """The generator's state after the first `count` batches, where those end what was drawn or
        a series of draws ahead begins."""
        ahead = dict(self.marks)
        return ahead[count] if count in ahead else self.rng.get_state(legacy=False)

    def back(self, count: int) -> np.ndarray:
        """Undo all draws after the first `count` batches, and return the last of these."""
        self.count, state = next(mark for mark in reversed(self.marks) if mark[0] < count)
        self.rng.set_state(state)
        return self._draw(count - self.count)[-1]


class EarlyStopping:
    """The stopping rule: the smoothed inertia no longer improves, or the centres hardly move."""

    def __init__(self, verbose, patience, tol, n, batch_size, n_steps):
        self.verbose, self.patience, self.tol = verbose, patience, tol
        self.batch_size, self.n_steps = batch_size, n_steps
        self.share = min(1.0, batch_size * 2.0 / (n + 1))
        self.smooth: float | None = None
        self.lowest = math.inf
        self.stale = 0

    def __call__(self, step: int, inertia: float, shift: float) -> bool:
        inertia /= self.batch_size
        if step > 1:  # the inertia of step 1 is that of the initial centres
            smooth = self.smooth
            self.smooth = inertia if smooth is None else smooth + self.share * (inertia - smooth)
        if self.verbose:
            ewa = f", ewa inertia: {self.smooth}" if step > 1 else ""
            print(f"Minibatch step {step}/{self.n_steps}: mean batch inertia: {inertia}{ewa}")
        if self.smooth is None:
            return False
        if self.tol > 0.0 and shift <= self.tol:
            self._say_converged("small centers change", step)
            return True
        if self.smooth < self.lowest:
            self.lowest, self.stale = self.smooth, 0
        else:
            self.stale += 1
        if self.patience is not None and self.stale >= self.patience:
            self._say_converged("lack of improvement in inertia", step)
            return True
        return False

    def _say_converged(self, why: str, step: int) -> None:
        if self.verbose:
            print(f"Converged ({why}) at step {step}/{self.n_steps}")


def drawing_from(rng: np.random.RandomState, n: int, w: Array | None) -> Callable:
    """A function that draws rows with replacement, uniformly among those of positive weight."""
    counted = None if w is None else np.flatnonzero(to_host(w))
    if counted is None or len(counted) == n:
        return lambda size: rng.randint(0, n, size)
    return lambda size: counted[rng.randint(0, len(counted), size)]


def weights_of(rows: Rows, w: Array | None, drawn: np.ndarray) -> Array | None:
    return None if w is None else rows.take_along(w, drawn)


def size_of_init(model: Any, n: int, batch_size: int) -> int:
    """Rows drawn to find the initial centres."""
    size = model.init_size
    if size is None:
        size = 3 * batch_size
        if size < model.n_clusters:
            size = 3 * model.n_clusters
    elif size < model.n_clusters:
        warnings.warn(
            f"init_size={size} should be larger than n_clusters={model.n_clusters}. Setting it "
            "to min(3*n_clusters, n_samples)",
            RuntimeWarning,
            stacklevel=4,
        )
        size = 3 * model.n_clusters
    return min(size, n)
