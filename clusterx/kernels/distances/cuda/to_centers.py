"""Distances of all rows to some centres: the n x k matrix that a user asks for."""

from __future__ import annotations

from typing import Any

from ....arrays import Array, dtype_name
from .screening import BLOCK, LOW

#: Up to FEW centres, each read of a row serves CENTERS of them; more centres take tiles of SIDE.
FEW, CENTERS = 16, 8
SIDE, DEPTH = 64, 16


def distances(gpu: Any, X: Array, C: Array) -> Array:
    """Euclidean distances (n, k); the only temporary is a copy of the centres.

    float32 if rows and centres are, with a relative error of at most (21 + d / 16) 2^-25; else
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
    squares = squared_distances(gpu, X, xp.reshape(c, (1, c.shape[0])))
    return xp.reshape(squares, (X.shape[0],))


def _measured(gpu: Any, X: Array, C: Array, dtype: Any, root: int) -> Array:
    (n, d), k = X.shape, C.shape[0]
    X, C = gpu.contiguous(X), gpu.contiguous(gpu.xp.astype(C, dtype, copy=False))
    out = gpu.empty((n, k), dtype, like=X)
    lanes = 1 if d <= LOW else 32
    module = gpu.loader.module(
        "distances", T=gpu.c_type(X.dtype), REAL=gpu.c_type(dtype), DEPTH=min(d, DEPTH), LANES=lanes
    )
    if k <= FEW:
        grid: Any = (-(-n * lanes // BLOCK), -(-k // CENTERS))
        module.launch("to_few", grid, BLOCK, X, n, d, C, k, root, out)
    else:
        grid = -(-n // SIDE) * -(-k // SIDE)
        module.launch("to_many", grid, BLOCK, X, n, d, C, k, root, out)
    return out
