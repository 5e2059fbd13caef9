"""The measures of results, the same functions for every library, where its arrays are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .places import Host, Outcome

BLOCK_VALUES = 1 << 24  # of a block of distances, in float64: 128 MiB


def nearest(xp: Any, X: Any, C: Any) -> Any:
    """Labels of the rows by their nearest centre, the distances in float64."""
    C = xp.astype(C, xp.float64)
    shift = xp.mean(C, axis=0)
    C = C - shift
    squares = xp.sum(C * C, axis=1)[None, :]
    rows = max(1, BLOCK_VALUES // max(C.shape))
    blocks = (xp.astype(X[a : a + rows, :], xp.float64) - shift for a in range(0, X.shape[0], rows))
    return xp.concat([xp.argmin(squares - 2 * (block @ C.T), axis=1) for block in blocks])


def inertia(xp: Any, X: Any, C: Any, labels: Any = None) -> float:
    """Sum of squared distances in float64; to the nearest centre where no labels are given.

    With labels, X may be a CSR matrix.
    """
    labels = nearest(xp, X, C) if labels is None else labels
    C, total = xp.astype(C, xp.float64), 0.0
    rows = max(1, BLOCK_VALUES // X.shape[1])
    for a in range(0, X.shape[0], rows):
        own = xp.take(C, xp.astype(labels[a : a + rows], xp.int64), axis=0)
        block = X[a : a + rows, :]
        block = block.toarray() if hasattr(block, "toarray") else block
        apart = xp.astype(block, xp.float64) - own
        total += float(xp.sum(apart * apart))
    return total


def image_mse(xp: Any, image: Any, palette: Any, indices: Any) -> float:
    """Mean squared error per channel of an indexed image, in integers until the division."""
    colors, total = xp.astype(palette, xp.int64), 0
    lines = max(1, BLOCK_VALUES // (3 * image.shape[1]))
    for a in range(0, image.shape[0], lines):
        part = xp.reshape(xp.astype(image[a : a + lines, ...], xp.int64), (-1, 3))
        at = xp.reshape(xp.astype(indices[a : a + lines, :], xp.int64), (-1,))
        apart = part - xp.take(colors, at, axis=0)
        total += int(xp.sum(apart * apart))
    return total / math.prod(image.shape)


def quality_of(kind: str, place: Host, X: Any, outcome: Outcome) -> float | None:
    """The one measure of a case's results; None where there is nothing to measure."""
    if kind == "score":
        return outcome.score
    if not kind or outcome.centers is None:
        return None
    if kind == "mse":
        return image_mse(place.xp, X, outcome.centers, outcome.labels)
    return inertia(place.xp, X, outcome.centers, outcome.labels)


def start_rows(X: np.ndarray, k: int, seed: int = 0) -> np.ndarray:
    """k distinct rows drawn at random: the start that every library is given."""
    rows = X.reshape(-1, X.shape[-1])
    size = min(len(rows), max(8 * k, 256))
    drawn = rows[np.random.default_rng(seed).choice(len(rows), size, replace=False)]
    first = np.sort(np.unique(drawn, axis=0, return_index=True)[1])[:k]
    if len(first) < k:
        raise ValueError(f"the data gave {len(first)} distinct rows, k={k} are needed")
    kind = np.float64 if X.dtype == np.float64 else np.float32
    return np.ascontiguousarray(drawn[first], dtype=kind)
