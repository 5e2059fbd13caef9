"""Mixtures for NumPy: products of blocks that stay in the cache, on our threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...cpu.ranges import blocks
from ...cpu.threads import run_blocks, single_threaded_blas
from .. import Density, Statistics, features
from . import loops, screening

__all__ = ["assign", "moments", "piece_rows", "responsibilities", "statistics"]

#: Rows per piece, whose statistics are summed separately, and most tasks that share a piece. They
#: are fixed, so that sums have the same bits for any number of threads, and for rows in blocks.
PIECE_ROWS, TASKS = 16384, 16
#: Most bytes of the sums of tasks that wait to be added.
WAITING = 1 << 25
#: Bytes of the features of a block, or of its whitened rows: half of a core's L2 cache.
BLOCK_BYTES = 1 << 18
#: Rows of a block that is screened, few of which belong to one component.
SCREENED_ROWS = 256
NOTHING = np.empty(0)
NONE = np.empty((0, 0))
KEPT = NOTHING, np.empty(0, np.int32), NONE  # no output per row


def piece_rows(density: Density) -> int:
    return PIECE_ROWS


def statistics(X: np.ndarray, w: np.ndarray | None, density: Density) -> Statistics:
    w = NOTHING if w is None else w
    frame = _frame(density)
    theta = NONE if density.theta is None else np.ascontiguousarray(density.theta)
    screen = None
    if density.factors is not None:
        white = _whitening(density)
        screen = screening.screen(white) if density.form == "full" else None
    if screen is None and density.theta is None:
        return _by_whitening(X, w, NONE, density)
    width = white.means.size if density.theta is None else theta.shape[1]
    size = _block_rows(width)

    def task(start, stop, sums):
        if screen is None:
            loops.by_products(X, w, frame, theta, (start, stop, size), sums)
            return
        ranges = start, stop, SCREENED_ROWS, size
        screening.by_screening(X, w, frame, white, theta, screen, ranges, sums)

    return _summed(task, len(X), len(density.means) if screen else len(theta), len(frame.first))


def moments(X: np.ndarray, R: np.ndarray, density: Density) -> Statistics:
    unit = density._replace(factors=None, constants=np.zeros(R.shape[1]))
    return _by_whitening(X, np.ascontiguousarray(R.sum(axis=1)), R, unit)


def _by_whitening(X: np.ndarray, w: np.ndarray, R: np.ndarray, density: Density) -> Statistics:
    frame, white, output = _frame(density), _whitening(density), loops.Output(*KEPT)
    size = _block_rows(white.means.size)

    def task(start, stop, sums):
        loops.by_whitening(X, w, frame, white, R, (start, stop, size), sums, output)

    return _summed(task, len(X), len(white.means), len(frame.first))


def assign(X: np.ndarray, density: Density) -> tuple[np.ndarray, np.ndarray]:
    output = loops.Output(np.empty(len(X)), np.empty(len(X), np.int32), NONE)
    _walk(X, density, output)
    return output.log_likelihood, output.labels


def responsibilities(X: np.ndarray, density: Density) -> np.ndarray:
    output = loops.Output(*KEPT[:2], np.empty((len(X), density.constants.shape[0])))
    _walk(X, density, output)
    return output.R


def _walk(X: np.ndarray, density: Density, output: loops.Output) -> None:
    frame, white = _frame(density), _whitening(density)
    size = _block_rows(white.means.size)
    parts = blocks(len(X), PIECE_ROWS // TASKS)

    def task(t):
        sums = loops.Sums(NONE, np.zeros(2))
        loops.by_whitening(X, NOTHING, frame, white, NONE, (*parts[t], size), sums, output)

    with single_threaded_blas():
        run_blocks(task, len(parts))


def _summed(task: Callable, n: int, k: int, q: int) -> Statistics:
    """Add up task(start, stop, sums) over all rows: first within pieces, then piece by piece."""
    tasks = int(np.clip(WAITING // (8 * k * q), 1, TASKS))
    parts = [blocks(stop - start, PIECE_ROWS // tasks) for start, stop in blocks(n, PIECE_ROWS)]
    together = max(1, WAITING // (8 * k * q * tasks))
    total = np.zeros((k, q))
    scalars = np.zeros(2)
    with single_threaded_blas():
        for first in range(0, len(parts), together):
            some = parts[first : first + together]
            spans = [
                (p, (first + p) * PIECE_ROWS + a, (first + p) * PIECE_ROWS + b)
                for p, own in enumerate(some)
                for a, b in own
            ]
            sums = [loops.Sums(np.zeros((k, q)), np.zeros(2)) for _ in spans]

            def run(t, spans=spans, sums=sums):
                task(*spans[t][1:], sums[t])

            run_blocks(run, len(spans))
            for p in range(len(some)):
                own = [s for s, span in zip(sums, spans, strict=True) if span[0] == p]
                total += sum(s.moments for s in own)
                scalars += sum(s.scalars for s in own)
    return Statistics(total, scalars[0], scalars[1])


def _frame(density: Density) -> loops.Frame:
    first, second = features(density.form, len(density.center))
    return loops.Frame(density.center, 1.0 / density.scale, first, second)


def _whitening(density: Density) -> loops.Whitening:
    if density.factors is None:
        factors = np.empty((0, 0, 0))
    elif density.form == "diag":
        factors = np.ascontiguousarray(density.factors[:, None, :])
    else:
        factors = np.ascontiguousarray(density.factors.transpose(0, 2, 1))
    means = np.ascontiguousarray(density.means)
    return loops.Whitening(np.ascontiguousarray(density.constants), means, factors)


def _block_rows(values: int) -> int:
    """Rows of a block with `values` floats per row; a multiple of 8, which fill vectors."""
    return int(np.clip(BLOCK_BYTES // (8 * values), 32, 256)) // 8 * 8
