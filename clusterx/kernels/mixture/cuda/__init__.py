"""Mixtures on NVIDIA GPUs: products of blocks by cuBLAS, with a kernel before and one after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ....arrays import Array, asarray, concat
from .. import Density, Statistics, features
from ..generic import log_densities, weighted_moments, whitened, width

BLOCK = 256
#: Most blocks of a launch; with more entries, each thread takes several.
MOST_BLOCKS = 1 << 16


def piece_rows(gpu: Any, density: Density) -> int:
    return max(1, gpu.tile // width(density))


def statistics(gpu: Any, X: Array, w: Array | None, density: Density) -> Statistics:
    total = None
    for a, b in _blocks(gpu, X, density):
        rows = gpu.contiguous(X[a:b, :])
        own = None if w is None else gpu.xp.astype(w[a:b], gpu.xp.float64)
        part = _statistics(gpu, rows, own, density)
        total = part if total is None else total + part
    assert total is not None
    return total


def _statistics(gpu: Any, X: Array, w: Array | None, density: Density) -> Statistics:
    if density.theta is None:
        Y = whitened(_standardised(gpu, X, w, density), density)
        R, likelihood, entropy = _softened(gpu, log_densities(Y, density), w)
        moments = weighted_moments(Y, R, density.form)
    else:
        seen = _expanded(gpu, X, w, density, *features(density.form, X.shape[1]))
        R, likelihood, entropy = _softened(gpu, seen @ density.theta.T, w)
        moments = R.T @ seen
    return Statistics(moments, gpu.xp.sum(likelihood), gpu.xp.sum(entropy))


def assign(gpu: Any, X: Array, density: Density) -> tuple[Array, Array]:
    xp = gpu.xp

    def assigned(logs: Array) -> tuple[Array, Array]:
        labels = xp.astype(xp.argmax(logs, axis=1), xp.int32)
        return _softened(gpu, logs, None)[1], labels

    likelihoods, labels = zip(*_each(gpu, X, density, assigned), strict=True)
    return concat(likelihoods), concat(labels)


def responsibilities(gpu: Any, X: Array, density: Density) -> Array:
    return concat(_each(gpu, X, density, lambda logs: _softened(gpu, logs, None)[0]))


def _each(gpu: Any, X: Array, density: Density, use: Callable) -> Iterator:
    """The results of `use(log_densities)` for each block of rows."""
    for a, b in _blocks(gpu, X, density):
        z = _standardised(gpu, gpu.contiguous(X[a:b, :]), None, density)
        yield use(log_densities(whitened(z, density), density._replace(theta=None)))


def _blocks(gpu: Any, X: Array, density: Density) -> list[tuple[int, int]]:
    n, size = X.shape[0], piece_rows(gpu, density)
    return [(a, min(n, a + size)) for a in range(0, n, size)]


def _standardised(gpu: Any, X: Array, w: Array | None, density: Density) -> Array:
    axes = np.arange(1, X.shape[1] + 1)
    return _expanded(gpu, X, w, density, np.zeros_like(axes), axes)


def _expanded(
    gpu: Any, X: Array, w: Array | None, density: Density, first: np.ndarray, second: np.ndarray
) -> Array:
    """Products (n, q) of pairs of entries of [1, z]."""
    (n, d), q = X.shape, len(first)
    out = gpu.empty((n, q), gpu.xp.float64, like=X)
    pairs = (asarray(part.astype(np.int64), like=X) for part in (first, second))
    _module(gpu, X.dtype, 1).launch(
        "expand", min(MOST_BLOCKS, -(-n * q // BLOCK)), BLOCK, X, n, d, w, density.center,
        density.scale, *pairs, q, out,
    )  # fmt: skip
    return out


def _softened(gpu: Any, logs: Array, w: Array | None) -> tuple[Array, Array, Array]:
    """Responsibilities times weights, weighted log-likelihoods and entropies of the rows."""
    logs = gpu.contiguous(logs)
    n, k = logs.shape
    likelihood, entropy = (gpu.empty((n,), gpu.xp.float64, like=logs) for _ in range(2))
    lanes = min(32, 1 << max(0, k - 1).bit_length())
    _module(gpu, logs.dtype, lanes).launch(
        "soften", -(-n * lanes // BLOCK), BLOCK, logs, n, k, w, likelihood, entropy
    )  # fmt: skip
    return logs, likelihood, entropy


def _module(gpu: Any, dtype: Any, lanes: int) -> Any:
    return gpu.loader.module("mixture", T=gpu.c_type(dtype), LANES=lanes)
