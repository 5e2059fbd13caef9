"""States of k-means in a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, asarray
from ..checkpoints import Checkpoint
from ..rows import Rows
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
