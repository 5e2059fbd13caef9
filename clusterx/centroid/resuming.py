"""States of k-means in a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray
from ..checkpoints import Checkpoint
from ..rows import Rows
from . import batches
from .lloyd import LloydResult, State


class Going(NamedTuple):
    """What a fit goes on from."""

    start: int
    first: Array  # centres of this start
    state: State
    best: LloydResult | None  # of the starts before


class Labelling:
    """Labels of the rows for centres that were found before; another pass if they are asked for."""

    def __init__(self, step: Any, centers: Array):
        self.step, self.centers = step, centers

    @property
    def labels(self) -> Array:
        self.step(self.centers)
        return self.step.labels


def saving(
    saved: Checkpoint,
    rng: np.random.RandomState,
    start: int,
    first: Array,
    best: LloydResult | None,
) -> Callable[[State], None]:
    """What writes the state after an iteration."""
    kept = None
    if best is not None:
        kept = [best.centers, best.inertia, best.n_iter, best.distinct]

    def after(state: State) -> None:
        saved(
            state.done,
            lambda: {
                "start": start,
                "first": first,
                "state": list(state),
                "best": kept,
                "rng": rng.get_state(legacy=False),
            },
        )

    return after


def restored(saved: Checkpoint, rng: np.random.RandomState, rows: Rows, step: Any) -> Going | None:
    """What the checkpoint has, and the generator as it was; None if there is none."""
    found = saved.found
    if found is None:
        return None
    rng.set_state(found["rng"])
    centers, old, done = found["state"]
    state = State(asarray(centers, like=rows.like), asarray(old, like=rows.like), done)
    best = found["best"]
    if best is not None:
        centers = asarray(best[0], like=rows.like)
        best = LloydResult(centers, Labelling(step, centers), *best[1:])
    return Going(found["start"], asarray(found["first"], like=rows.like), state, best)


def restored_centers(saved: Checkpoint, rng: np.random.RandomState, rows: Rows) -> Array:
    """The centres of mini-batches in the checkpoint, and the generator as it was before them."""
    found = saved.found
    assert found is not None
    rng.set_state(found["rng"])
    return asarray(found["centers"], like=rows.like)


class SavedSteps:
    """Writes states between mini-batches, or goes on from one.

    rng : the generator, before any batch was drawn
    """

    def __init__(self, saved: Checkpoint, rng: np.random.RandomState):
        self.saved, self.rng, self.last = saved, rng.get_state(legacy=False), 0

    def begin(self, state: batches.State, draws: batches.Draws, stopping: Any) -> int:
        """Take what will be written; returns the number of batches so far."""
        self.state, self.draws, self.stopping = state, draws, stopping
        found = self.saved.found
        if found is None:
            return 0
        state.counts = asarray(found["counts"], like=state.counts)
        state.since_reassignment, state.some_empty = found["reassignment"]
        stopping.smooth, stopping.lowest, stopping.stale = found["stopping"]
        draws.rng.set_state(found["draws"])
        draws.count = self.last = found["steps"]
        return self.last

    def __call__(self, steps: int) -> None:
        """Write the state after so many batches, if it is time to."""
        if steps - self.last < self.saved.every:
            return
        self.last, state, stopping = steps, self.state, self.stopping
        self.saved.write(
            {
                "steps": steps,
                "centers": state.centers,
                "counts": state.counts,
                "reassignment": [state.since_reassignment, state.some_empty],
                "stopping": [stopping.smooth, stopping.lowest, stopping.stale],
                "draws": self.draws.state_at(steps),
                "rng": self.rng,
            }
        )
