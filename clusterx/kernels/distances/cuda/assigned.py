"""Distances of rows to the centres of their labels."""

from __future__ import annotations

from ....arrays import Array
from ...reductions.cuda.segments import BLOCK, segment_module, width_of


def assigned_squared_distances(
    gpu, X: Array, C: Array, labels: Array, squares: Array | None = None
) -> Array:
    """Squared distances (n,) to the centre of each row's label, in `squares` if it is given."""
    xp, (n, d) = gpu.xp, X.shape
    if squares is None:
        squares = gpu.empty((n,), xp.float64, like=X)
    if n:
        X, C = gpu.contiguous(X), gpu.contiguous(xp.astype(C, xp.float64, copy=False))
        width = width_of(d)
        module = segment_module(gpu, gpu.c_type(X.dtype), width)
        module.launch(
            "assigned_squared_distances", -(-n * width // BLOCK), BLOCK, X, C, labels, n, d, squares
        )  # fmt: skip
    return squares
