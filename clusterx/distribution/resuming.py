"""States of mixtures in a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..checkpoints import Checkpoint
from .em import Parameters, Run


class Going(NamedTuple):
    """What a fit goes on from."""

    start: int
    parameters: Parameters
    bounds: list[float]
    best: Run | None  # of the starts before


def saving(
    saved: Checkpoint, rng: np.random.RandomState, start: int, best: Run | None
) -> Callable[[Parameters, list[float]], None]:
    """What writes the state after an iteration."""
    kept = None
    if best is not None:
        kept = [list(best.parameters), best.lower_bounds, best.converged]

    def after(parameters: Parameters, bounds: list[float]) -> None:
        saved(
            len(bounds),
            lambda: {
                "start": start,
                "parameters": list(parameters),
                "bounds": bounds,
                "best": kept,
                "rng": rng.get_state(legacy=False),
            },
        )

    return after


def restored(found: dict[str, Any], rng: np.random.RandomState) -> Going:
    """What the checkpoint has, and the generator as it was."""
    rng.set_state(found["rng"])
    best = found["best"]
    if best is not None:
        best = Run(Parameters(*best[0]), *best[1:])
    return Going(found["start"], Parameters(*found["parameters"]), found["bounds"], best)
