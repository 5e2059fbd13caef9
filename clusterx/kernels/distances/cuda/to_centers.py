"""Distances of all rows to some centres: the n x k matrix that a user asks for."""

from __future__ import annotations

from typing import Any

from ....arrays import Array, dtype_name
from .screening import BLOCK, LOW

#: Up to so many centres rows are read for a few at a time; tiles are as wide as SIDE of them.
FEW, CENTERS = 16, 8
SIDE, DEPTH = 64, 16


def distances(gpu: Any, X: Array, C: Array) -> Array:
    """Euclidean distances (n, k), of no other temporary than the centres.

    float32 if rows and centres are, each off by at most (21 + d / 16) 2^-25 of itself; else
    float64.
    """
    both = dtype_name(X.dtype) == dtype_name(C.dtype) == "float32"
    return _measured(gpu, X, C, gpu.xp.float32 if both else gpu.xp.float64, root=1)


def squared_distances(gpu: Any, X: Array, C: Array) -> Array:
    """Squared distances (n, k), float64."""
    return _measured(gpu, X, C, gpu.xp.float64, root=0)


def distances_to(gpu: Any, X: Array, c: Array) -> Array:
    """Squared distances (n,) to one point, float64."""
    xp = gpu.xp
    found = squared_distances(gpu, X, xp.reshape(c, (1, c.shape[0])))
    return xp.reshape(found, (X.shape[0],))


def _measured(gpu: Any, X: Array, C: Array, dtype: Any, root: int) -> Array:
    (n, d), k = X.shape, C.shape[0]
    X, C = gpu.contiguous(X), gpu.contiguous(gpu.xp.astype(C, dtype, copy=False))
    found = gpu.empty((n, k), dtype, like=X)
    lanes = 1 if d <= LOW else 32
    module = gpu.loader.module(
        "distances", T=gpu.c_type(X.dtype), REAL=gpu.c_type(dtype), DEPTH=min(d, DEPTH), LANES=lanes
    )
    if k <= FEW:
        grid: Any = (-(-n * lanes // BLOCK), -(-k // CENTERS))
        module.launch("to_few", grid, BLOCK, X, n, d, C, k, root, found)
    else:
        grid = -(-n // SIDE) * -(-k // SIDE)
        module.launch("to_many", grid, BLOCK, X, n, d, C, k, root, found)
    return found
